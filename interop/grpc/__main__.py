"""python3 -m interop.grpc: Ponte's functions by gRPC.

    serve FILE                               a server of both doors: every option of server.py
    call HOST:PORT SERVICE METHOD [VALUE...] calls a server of gRPC, of whatever make
    proto FILE                               the .proto of a services file, for other clients
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any
from xmlrpc.client import Fault

from client import parse_value
from interop.grpc import server
from interop.grpc.client import GrpcClient, StatusError
from interop.grpc.contract import contract
from interop.grpc.descriptors import proto_text
from interop.grpc.protobuf import STRING, Malformed, Message
from ponte.calls.errors import NotSent, OutcomeUnknown
from ponte.process.options import (
    Parser,
    UsageError,
    chosen_tls,
    parse_address,
    program_name,
    seconds,
)
from ponte.process.running import run
from ponte.process.services import load_functions
from ponte.process.typed import here
from ponte.rpc.raised import printable

# Those of client.py.
EXIT_USAGE, EXIT_FAULT, EXIT_NOT_SENT, EXIT_UNKNOWN = 2, 3, 4, 5
CALL_TIMEOUT_S = 5.0


def serve(arguments: Sequence[str]) -> int:
    """Runs a server of both doors."""
    return server.main(arguments)


def call(arguments: Sequence[str]) -> int:
    """Makes one call; prints its value, or one line of error. Returns the exit code."""
    parser = Parser(
        prog=f"{program_name()} call", description="Calls a method of a server of gRPC. Exit codes "
        "are those of client.py: 0 a value, 3 a fault or a refusal, 4 not executed, 5 outcome "
        "unknown, 2 wrong arguments.")
    parser.add_argument("address", type=parse_address, metavar="HOST:PORT")
    parser.add_argument("service", help="such as greeter, or its full name")
    parser.add_argument("method", help="such as hello")
    parser.add_argument("values", nargs="*", metavar="VALUE",
                        help="of the fields of the request, in their order: text for a text, else "
                             "JSON; or NAME=VALUE for all")
    parser.add_argument("--timeout", type=seconds, default=CALL_TIMEOUT_S, metavar="SECONDS",
                        help="for the whole call (default: %(default)s)")
    parser.add_argument("--tls-ca", metavar="FILE", help="authorities: calls by TLS")
    parser.add_argument("--tls-cert", metavar="FILE", help="the certificate that this caller shows")
    parser.add_argument("--tls-key", metavar="FILE",
                        help="its private key (default: in the same file)")
    chosen = parser.parse_args(arguments)
    tls = chosen_tls(chosen, listens=False)
    with GrpcClient(chosen.address, tls=tls, timeout_s=chosen.timeout) as client:
        return _tell(lambda: client.call(
            chosen.service, chosen.method,
            _values(client.request_type(chosen.service, chosen.method), chosen.values)))


def _values(message: Message, words: Sequence[str]) -> list[Any] | dict[str, Any]:
    """The values of a request, from the words of a command line."""
    fields = {field.name: field for field in message.fields}
    named = [word.partition("=") for word in words]
    if words and all(equals and name in fields for name, equals, _ in named):
        return {name: _value(fields[name].kind, text) for name, _, text in named}
    kinds = [field.kind for field in message.fields]
    # What is more than there are fields belongs to the last one.
    kinds += kinds[-1:] * (len(words) - len(kinds)) or [STRING] * len(words)
    return [_value(kind, word) for kind, word in zip(kinds, words)]


def _value(kind: int, text: str) -> Any:
    return text if kind == STRING else parse_value(text)


def _tell(made: Callable[[], Any]) -> int:
    """Makes a call, and prints what came of it. Returns the exit code."""
    try:
        value = made()
    except Fault as fault:
        code, line = EXIT_FAULT, f"fault {fault.faultCode}: {fault.faultString}"
    except StatusError as error:
        code, line = EXIT_FAULT, str(error)
    except NotSent as error:
        code, line = EXIT_NOT_SENT, str(error)
    except OutcomeUnknown as error:
        code, line = EXIT_UNKNOWN, str(error)
    except Malformed as error:
        code, line = EXIT_USAGE, f"these values do not fit: {error}"
    else:
        print(value, flush=True)
        return 0
    print(printable(f"grpc: {line}"), file=sys.stderr)
    return code


def proto(arguments: Sequence[str]) -> int:
    """Prints the .proto of a services file."""
    parser = Parser(prog=f"{program_name()} proto",
                    description="Prints the .proto of a services file.")
    parser.add_argument("file", help="a file of plain functions, such as services/greeter.py")
    chosen = parser.parse_args(arguments)
    functions = load_functions(chosen.file)
    service = os.path.splitext(os.path.basename(chosen.file))[0]
    print(proto_text(server.file_of(contract(service, functions))), end="")
    return 0


VERBS = {"serve": serve, "call": call, "proto": proto}


def main(arguments: Sequence[str]) -> int:
    """Does what the first word says; returns the exit code."""
    if arguments and arguments[0] in VERBS:
        return VERBS[arguments[0]](arguments[1:])
    if arguments and arguments[0] in ("-h", "--help"):
        print(here(__doc__))
        return 0
    verbs = f"one of {', '.join(VERBS)} (--help shows them)"
    raise UsageError(f"there is no {arguments[0]!r}: take {verbs}" if arguments
                     else f"say what to do: {verbs}")


if __name__ == "__main__":
    run(main)
