"""One caller and one server in each middleware: "Hello" goes, "World" comes back.

    python3 -m bench.peer serve xmlrpc                      prints its address; ends when its
                                                            standard input ends
    python3 -m bench.peer call xmlrpc 127.0.0.1:4242 2.0    calls for two seconds; prints JSON

bench/peers.py runs it. All callers are the same loop over a function that was bound before. Each
uses one connection that stays open, if its middleware can do that. For each middleware this is the
fastest way that its documentation shows for plain text.
"""

from __future__ import annotations

import concurrent.futures
import importlib
import json
import sys
import time
from typing import Any, Callable
from xmlrpc.client import ServerProxy
from xmlrpc.server import SimpleXMLRPCRequestHandler, SimpleXMLRPCServer

from bench.load import Sample
from bench.processes import end_with_parent
from bench.report import percentile
from client import Client
from ponte.net.address import Address, show
from ponte.process.options import parse_address

WARM_UP_CALLS = 200
Hello = Callable[[str], Any]


def hello(text: str) -> str:
    """What every server runs."""
    return "World" if text == "Hello" else f"Hello, {text}"


def _hello(*params: Any) -> str:
    """The same with the type that the standard library demands: any number of any parameters."""
    return hello(*params)


def announce(address: Address) -> None:
    print(f"listening on {show(address[:2])}", flush=True)


# ---- servers -------------------------------------------------------------------------------------

class KeepAlive(SimpleXMLRPCRequestHandler):
    protocol_version = "HTTP/1.1"


def serve_xmlrpc(handler: type[SimpleXMLRPCRequestHandler] = SimpleXMLRPCRequestHandler) -> None:
    """The server without changes: HTTP/1.0, one connection for each call."""
    server = SimpleXMLRPCServer(("127.0.0.1", 0), handler, logRequests=False)
    server.register_function(_hello, "hello")
    announce(server.socket.getsockname())
    server.serve_forever()


def serve_xmlrpc_keep_alive() -> None:
    """With one more line, connections stay open; then it serves one connection at a time."""
    serve_xmlrpc(KeepAlive)


def serve_pyro5() -> None:
    api = importlib.import_module("Pyro5.api")

    class Greeter:
        @api.expose     # type: ignore[untyped-decorator]
        def hello(self, text: str) -> str:
            return hello(text)

    daemon = api.Daemon(host="127.0.0.1")
    daemon.register(Greeter(), "greeter")
    announce(daemon.sock.getsockname())
    daemon.requestLoop()


def serve_rpyc() -> None:
    rpyc = importlib.import_module("rpyc")
    service = type("Greeter", (rpyc.Service,), {"exposed_hello": lambda self, text: hello(text)})
    server = importlib.import_module("rpyc.utils.server").ThreadedServer(
        service, hostname="127.0.0.1", port=0)
    announce((server.host, server.port))
    server.start()


def serve_grpc() -> None:
    """Plain text instead of protobuf messages, which saves gRPC one step."""
    grpc = importlib.import_module("grpc")
    method = grpc.unary_unary_rpc_method_handler(lambda text, context: hello(text), bytes.decode,
                                                 str.encode)
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(8))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("greeter",
                                                                          {"hello": method}),))
    announce(("127.0.0.1", server.add_insecure_port("127.0.0.1:0")))
    server.start()
    server.wait_for_termination()


# ---- callers -------------------------------------------------------------------------------------

def to_xmlrpc(address: Address) -> Hello:
    return ServerProxy(f"http://{show(address)}/").hello


def to_pyro5(address: Address) -> Hello:
    proxy: Any = importlib.import_module("Pyro5.api").Proxy(f"PYRO:greeter@{show(address)}")
    bound: Hello = proxy.hello
    return bound


def to_rpyc(address: Address) -> Hello:
    """The remote function is fetched before; `connection.root.hello(...)` fetches it each time."""
    bound: Hello = importlib.import_module("rpyc").connect(*address).root.hello
    return bound


def to_grpc(address: Address) -> Hello:
    channel = importlib.import_module("grpc").insecure_channel(show(address))
    bound: Hello = channel.unary_unary("/greeter/hello", request_serializer=str.encode,
                                       response_deserializer=bytes.decode)
    return bound


def to_ponte(registry: Address) -> Hello:
    """The stub. It uses a proxy if the registry knows one."""
    hello_: Hello = Client("greeter", registries=[registry]).hello
    return hello_


SERVERS: dict[str, Callable[[], None]] = {
    "xmlrpc": serve_xmlrpc, "xmlrpc_keep_alive": serve_xmlrpc_keep_alive, "pyro5": serve_pyro5,
    "rpyc": serve_rpyc,
    "grpc": serve_grpc}
CALLERS: dict[str, Callable[[Address], Hello]] = {
    "xmlrpc": to_xmlrpc, "xmlrpc_keep_alive": to_xmlrpc, "pyro5": to_pyro5, "rpyc": to_rpyc,
    "grpc": to_grpc,
    "ponte": to_ponte}


def call(function: Hello, seconds: float) -> Sample:
    """One caller, one call after the other."""
    for _ in range(WARM_UP_CALLS):
        if function("Hello") != "World":
            raise RuntimeError("the wrong answer")
    took_s = []
    began = now = time.perf_counter()
    while now < began + seconds:
        function("Hello")
        before, now = now, time.perf_counter()
        took_s.append(now - before)
    return Sample(len(took_s) / (now - began), percentile(took_s, 0.5) * 1000,
                  percentile(took_s, 0.99) * 1000)


def main() -> None:
    role, kind, *rest = sys.argv[1:]
    if role == "serve":
        end_with_parent()
        SERVERS[kind]()
    else:
        print(json.dumps(call(CALLERS[kind](parse_address(rest[0])), float(rest[1]))._asdict()),
              flush=True)


if __name__ == "__main__":
    main()
