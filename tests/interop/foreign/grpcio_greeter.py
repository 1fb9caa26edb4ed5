"""The greeter as a server of grpcio, the reference for Python. Argument 1 is its port.

Its messages are bytes here, so what is measured beside ours is not slowed by protobuf.
"""

from __future__ import annotations

import importlib
import sys
from concurrent.futures import ThreadPoolExecutor

# A field of number 1, a string of 5 bytes.
WORLD = b"\n\x05World"


def main() -> None:
    grpc = importlib.import_module("grpc")
    hello = grpc.unary_unary_rpc_method_handler(lambda message, context: WORLD)
    server = grpc.server(ThreadPoolExecutor(max_workers=8))
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("ponte.greeter.Greeter", {"hello": hello}),))
    server.add_insecure_port(f"127.0.0.1:{sys.argv[1]}")
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    main()
