// A client of @grpc/grpc-js, made from the .proto that `python3 -m interop.grpc proto` prints.
//
//     node grpc_js_client.js FILE.proto HOST:PORT

"use strict";

const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const [file, address] = process.argv.slice(2);
const types = grpc.loadPackageDefinition(loader.loadSync(file, {keepCase: true}));
const greeter = new types.ponte.greeter.Greeter(address, grpc.credentials.createInsecure());

greeter.hello({text: "Hello"}, {deadline: Date.now() + 5000}, (error, reply) => {
    console.log(error ? String(error) : reply.value);
    greeter.close();
});
