"""The command line: the options that all processes share, and errors that fit in one line.

A user's mistake is not a bug, so it does not end in a traceback. It is a `UsageError`: one line
that says what is wrong and what to type. ponte/process/running.py prints it and exits with code 2.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import sys
from collections.abc import Iterator, Sequence

from ponte.net.address import Address, show
from ponte.net.serving import ENGINES
from ponte.net.tls import Tls

EXIT_USAGE = 2
DEFAULT_REGISTRIES: Sequence[Address] = (("127.0.0.1", 4100),)
# The environment variable that names the key file.
KEY_FILE_VARIABLE = "PONTE_KEY_FILE"
# Seconds that running calls get to finish after SIGTERM. With more, a deployment waits longer for
# an old process; with fewer, more calls are cut off.
GRACE_S = 10.0
# The name of the interpreter, as users type it.
PYTHON = "python" if sys.platform == "win32" else "python3"


class UsageError(Exception):
    """A mistake that only the user can correct. The text says, in one line, what to do."""


def options(description: str, *, port: int | None = None, beats: bool = False,
            cores: str = "one") -> argparse.ArgumentParser:
    """A parser with the options that all processes share.

    `port` is the default of --port, None for a process that does not listen; `beats`: the process
    sends beats to registries; `cores` is the default of --cores.
    """
    parser = argparse.ArgumentParser(description=description)
    if port is not None:
        parser.add_argument("--host", default="127.0.0.1",
                            help="address to listen on (default: %(default)s)")
        parser.add_argument("--port", type=_port, default=port,
                            help="port to listen on, 0 = any (default: %(default)s)")
        parser.add_argument("--insecure", action="store_true",
                            help="listen beyond this machine without a key: "
                                 "everybody on the network can register servers")
        parser.add_argument("--cores", choices=("one", "all"), default=cores,
                            help="one: all threads stay on one processor core, which is quicker "
                                 "for plain Python; all: the system decides "
                                 "(default: %(default)s; has an effect on Linux only)")
        parser.add_argument("--until-eof", action="store_true",
                            help="also stop when standard input ends")
    if beats:
        parser.add_argument("--name",
                            help="the name of this instance (default: made of service and port)")
        parser.add_argument("--advertise", type=parse_address, metavar="HOST:PORT",
                            help="the address at which others reach this process "
                                 "(default: the one listened on)")
        parser.add_argument("--grace", type=seconds, default=GRACE_S, metavar="SECONDS",
                            help="how long running calls may go on after SIGTERM "
                                 "(default: %(default)s)")
    parser.add_argument("--registry", type=parse_addresses, metavar="HOST:PORT[,HOST:PORT]",
                        default=",".join(map(show, DEFAULT_REGISTRIES)),
                        help="where the registries are (default: %(default)s)")
    parser.add_argument("--key-file", metavar="FILE",
                        default=os.environ.get(KEY_FILE_VARIABLE) or None,
                        help="the key that signs heartbeats, the same in every process "
                             f"(default: ${KEY_FILE_VARIABLE})")
    parser.add_argument("--tls-cert", metavar="FILE",
                        help="the certificate that this process shows: TLS on TCP ports")
    parser.add_argument("--tls-key", metavar="FILE",
                        help="its private key (default: in the same file)")
    parser.add_argument("--tls-ca", metavar="FILE",
                        help="the authority that must have signed the certificates of the others")
    parser.add_argument("--verbose", action="store_true", help="log every call")
    return parser


def add_engine(parser: argparse.ArgumentParser, default: str) -> None:
    """Adds the options of a process that serves callers: --engine and --max-connections."""
    parser.add_argument("--engine", choices=sorted(ENGINES), default=default,
                        help="a thread for each connection, or one loop that serves all "
                             "(default: %(default)s)")
    limits = ", ".join(f"{engine.max_connections} with {name}" for name, engine in ENGINES.items())
    parser.add_argument("--max-connections", type=count, metavar="N",
                        help=f"more than these get a 503 (default: {limits})")


# ---- the types of options: text in, value out, or an error that argparse shows -------------------

def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: take a number from 0 to 65535")
    return int(text)


def seconds(text: str) -> float:
    """A duration in seconds, more than zero.

        >>> seconds("0.5")
        0.5
        >>> seconds("-1")
        Traceback (most recent call last):
        argparse.ArgumentTypeError: '-1' is not a time: take a positive number of seconds
    """
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a time: take a positive number of seconds")
    return value


def count(text: str) -> int:
    """A whole number, 1 or more.

        >>> count("12")
        12
        >>> count("0")
        Traceback (most recent call last):
        argparse.ArgumentTypeError: '0' is not a count: take a whole number, 1 or more
    """
    if not text.isascii() or not text.isdigit() or not 0 < len(text) < 10 or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a count: take a whole number, 1 or more")
    return int(text)


def parse_address(text: str) -> Address:
    """HOST:PORT, with an IPv6 host in brackets: what `ponte.net.address.show` writes.

    Nothing is looked up.

        >>> parse_address("127.0.0.1:4100")
        ('127.0.0.1', 4100)
        >>> parse_address("[::1]:4100")
        ('::1', 4100)
        >>> parse_address("4100")
        Traceback (most recent call last):
        argparse.ArgumentTypeError: '4100' is not HOST:PORT, as in 127.0.0.1:4100
    """
    host, colon, port = text.strip().rpartition(":")
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not colon or not host or _port(port) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT, as in 127.0.0.1:4100")
    return host, int(port)


def parse_addresses(text: str) -> list[Address]:
    """HOST:PORT[,HOST:PORT...], each with a host that can be looked up; blocks while it is.

        >>> parse_addresses("127.0.0.1:4100,127.0.0.2:4100")
        [('127.0.0.1', 4100), ('127.0.0.2', 4100)]
    """
    addresses = [parse_address(part) for part in text.split(",")]
    for host, port in addresses:
        try:
            socket.getaddrinfo(host, port)
        except (OSError, UnicodeError):
            raise argparse.ArgumentTypeError(
                f"{host!r} is not the name or address of a host") from None
    return addresses


# ---- after parsing -------------------------------------------------------------------------------

def chosen_tls(chosen: argparse.Namespace, *, listens: bool = True) -> Tls | None:
    """The certificates that the command line names; None where it names none.

    Raises UsageError where a file is missing or cannot be used. `listens`: the process has a port.
    """
    cert, key, ca = chosen.tls_cert, chosen.tls_key, chosen.tls_ca
    if not (cert or key or ca):
        return None
    if not cert and (listens or key):
        raise UsageError("--tls-cert: name the certificate, too: "
                         "a process that listens with TLS must show one")
    for option, path in (("--tls-cert", cert), ("--tls-key", key), ("--tls-ca", ca)):
        if path and not os.path.isfile(path):
            raise UsageError(f"{option} {path}: no such file")
    try:
        return Tls(cert, key, ca)
    except OSError as error:
        files = ", ".join(path for path in (cert, key, ca) if path)
        raise UsageError(f"--tls-cert, --tls-key, --tls-ca: {files}: "
                         f"{error.strerror or error}") from None


def port_error(error: OSError, host: str, port: int) -> UsageError:
    """The line for a port that the process cannot listen on."""
    if isinstance(error, socket.gaierror):
        return UsageError(f"--host {host}: {error.strerror}")
    return UsageError(f"cannot listen on {show((host, port))}: {error.strerror or error} - choose "
                      "another port with --port (0 = any free one), or stop the process that has "
                      "this one")


@contextlib.contextmanager
def mistakes_in_one_line(chosen: argparse.Namespace) -> Iterator[None]:
    """For the start of a process: what cannot be, as the user has chosen it, is a UsageError.

    An OSError means that the process cannot listen there; a ValueError has a text for the user.
    """
    try:
        yield
    except OSError as error:
        raise port_error(error, chosen.host, chosen.port) from None
    except ValueError as error:
        raise UsageError(str(error)) from None


def start_command(role: str) -> str:
    """What a user types to start a role, such as "registry": for errors that say what to do.

    In a lesson, where this program is demo.py, that is `python3 demo.py registry`.
    """
    program = os.path.basename(sys.argv[0])
    if program.startswith("demo.py"):
        return f"{PYTHON} demo.py {role}"
    file = " services/FILE.py" if role == "server" else ""
    return f"{PYTHON} {role}.py{file}"
