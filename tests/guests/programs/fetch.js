// Fetches Ponte's pages with Node's own HTTP: fetch, and the module http.
//
//     node fetch.js URL-OF-THE-GREETER URL-OF-THE-VALUES
const http = require("http");

const [greeter] = process.argv.slice(2);
const base = new URL("/", greeter).href;
const call = `<methodCall><methodName>hello</methodName>
<params><param><value>Hello</value></param></params></methodCall>`;

const check = (name, found, expected) =>
  console.log(found === expected ? `ok ${name}` : `FAILED ${name}: ${found}`);

// Over one connection, which is kept: a byte too many there is an error of the next reply.
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const sockets = new Set();
const ask = (method, path) => new Promise((resolve, reject) => {
  const request = http.request(base + path, { method, agent }, (reply) => {
    let text = "";
    reply.on("data", (part) => (text += part));
    reply.on("end", () => resolve([reply.statusCode, text]));
  });
  request.on("socket", (socket) => sockets.add(socket));
  request.on("error", reject);
  request.end();
});

async function main() {
  const reply = await fetch(greeter, {
    method: "POST", headers: { "Content-Type": "text/xml" }, body: call });
  check("hello", (await reply.text()).includes("<string>World</string>"), true);
  check("pages", typeof (await (await fetch(base + "status")).json()), "object");
  const paths = ["health", "status", "metrics"];
  const heads = [];
  for (const path of paths) {
    heads.push((await ask("HEAD", path)).join(""), (await ask("GET", path))[0]);
  }
  check("head", heads.join(), "200,200,200,200,200,200");
  check("kept", sockets.size, 1);
  agent.destroy();
}

main();
