// Calls Ponte with the package xmlrpc of npm.
//
//     node client.js URL-OF-THE-GREETER URL-OF-THE-VALUES
const assert = require("assert");
const http = require("http");
const xmlrpc = require("xmlrpc");

// One connection, which is kept.
http.globalAgent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const [greeter, values] = process.argv.slice(2).map((url) =>
  xmlrpc.createClient({ url, headers: { Connection: "keep-alive" } }));

const call = (client, method, ...parameters) => new Promise((resolve, reject) =>
  client.methodCall(method, parameters,
                    (error, value) => (error ? reject(error) : resolve(value))));
const ask = (method, ...parameters) => call(values, method, ...parameters);

function check(name, found, expected) {
  try {
    assert.deepStrictEqual(found, expected);
    console.log(`ok ${name}`);
  } catch {
    console.log(`FAILED ${name}: ${JSON.stringify(found)}`);
  }
}

const faultOf = (method, ...parameters) =>
  ask(method, ...parameters).catch((error) => [error.faultCode, error.faultString]);

async function main() {
  check("hello", await call(greeter, "hello", "Hello"), "World");
  const text = "São Tomé, 日本, 🐘 <&>";
  check("text", await ask("echo", text), text);
  check("int", [await ask("kind", 2147483647), await ask("echo", -2147483648)],
        ["int 2147483647", -2147483648]);
  // It reads <i8>, as text, because a number of JavaScript has 53 bits.
  check("i8", await ask("big"), "1099511627776");
  check("double", [await ask("small"), await ask("echo", 0.1)], [1e-9, 0.1]);
  check("boolean", [await ask("kind", true), await ask("echo", false)], ["bool True", false]);
  check("nil", [await ask("nothing"), await ask("kind", null)], [null, "NoneType None"]);
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  check("base64", [await ask("all_bytes"), await ask("kind", Buffer.from([0, 255]))],
        [bytes, "bytes b'\\x00\\xff'"]);
  const leapDay = new Date(2024, 1, 29, 13, 14, 15);
  check("date read", await ask("leap_day"), leapDay);
  const short = await ask("kind", leapDay);
  // A Date is written as 20240229T13:14:15, or as here: 2024-02-29T13:14:15.000Z.
  xmlrpc.dateFormatter.setOpts(
    { colons: true, hyphens: true, local: false, ms: true, offset: true });
  const long = await ask("kind", new Date(Date.UTC(2024, 1, 29, 13, 14, 15)));
  check("date sent", [short, long],
        ["datetime 2024-02-29T13:14:15", "datetime 2024-02-29T13:14:15+00:00"]);
  const person = { name: "Ana", marks: [10, 9.5, "-"], address: { city: "Recife" } };
  check("struct", await ask("echo", person), person);
  check("fault", await faultOf("refuse", "no boat left"), [-32500, "ValueError: no boat left"]);
  check("no method", (await faultOf("invented"))[0], -32601);
  check("kept", await ask("connection"), await ask("connection"));
  check("methods", (await ask("system.listMethods")).includes("echo"), true);
  http.globalAgent.destroy();
}

main();
