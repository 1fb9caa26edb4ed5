"""A server with both doors on one port: XML-RPC, and gRPC (door.py).

    python3 -m interop.grpc serve services/greeter.py

It has every option of server.py, beats and drains as any other, and is called by the stub as any
other. `grpcurl -plaintext -d '{"text":"Hello"}' HOST:PORT ponte.greeter.Greeter/hello` calls the
same functions, with no file of types: the server tells them (reflection.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Callable

import server
from interop.grpc import health
from interop.grpc.contract import Contract, contract
from interop.grpc.descriptors import STRUCT_FILE, File, MethodType
from interop.grpc.door import GrpcDoor
from interop.grpc.exchanges import Served
from interop.grpc.protobuf import VALUE
from interop.grpc.reflection import Reflected
from server import Server


def file_of(made: Contract) -> File:
    """The file that describes the contract of a service."""
    rpcs = made.rpcs.values()
    messages = tuple(message for rpc in rpcs for message in (rpc.request, rpc.reply))
    needs_value = any(field.type_name == VALUE for message in messages for field in message.fields)
    methods = tuple(MethodType(rpc.name, rpc.request.name, rpc.reply.name) for rpc in rpcs)
    return File(f"{made.package.replace('.', '/')}.proto", made.package, messages,
                {made.service: methods}, (STRUCT_FILE,) if needs_value else ())


def open_door(opened: Server, functions: Mapping[str, Callable[..., Any]]) -> None:
    """Opens the door for gRPC of a server that is not started yet.

    Only these functions are called by it. Raises ValueError where the engine cannot serve it.
    """
    made = contract(opened.service, functions)
    reflected = Reflected((file_of(made), health.FILE))
    healths = health.Health((made.service, health.SERVICE))
    opened.open_door(GrpcDoor(opened.handle, Served(opened.service, opened.prepare_call, made,
                                                    healths, reflected)))


def main(arguments: Sequence[str]) -> int:
    """Runs a server with both doors until it is stopped; returns the exit code."""
    return server.main(arguments, open_door)
