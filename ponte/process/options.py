"""Options."""

from __future__ import annotations

import argparse
import os
import socket
import sys
from collections.abc import Sequence

from ponte.net.address import Address, show
from ponte.net.tls import Tls

EXIT_USAGE = 2
DEFAULT_REGISTRIES: Sequence[Address] = (("127.0.0.1", 4100),)
KEY_FILE_VARIABLE = "PONTE_KEY_FILE"        # of the environment
GRACE_S = 10.0              # what running calls get after SIGTERM
PYTHON = "python" if sys.platform == "win32" else "python3"      # as users type it


class UsageError(Exception):
    """Something only the user can put right; its text says what is wrong and what to do, in one line."""


def options(description: str, *, port: int | None = None, beats: bool = False,
            cores: str = "one") -> argparse.ArgumentParser:
    """A parser with the options that all processes share.

    `port` is the default of --port, None for a process that does not listen; `beats`: it beats to registries; `cores`
    is the default of --cores.
    """
    parser = argparse.ArgumentParser(description=description)
    if port is not None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
        parser.add_argument("--port", type=_port, default=port,
                            help="port to listen on, 0 = any (default: %(default)s)")
        parser.add_argument("--insecure", action="store_true",
                            help="listen beyond this machine without a key: everybody there can register servers")
        parser.add_argument("--cores", choices=("one", "all"), default=cores,
                            help="one: its threads stay on one processor core, which is quicker for plain Python; "
                                 "all: wherever the system likes (default: %(default)s; only Linux lets us choose)")
        parser.add_argument("--until-eof", action="store_true", help="also stop when standard input ends")
    if beats:
        parser.add_argument("--name", help="the instance's name (default: made of service and port)")
        parser.add_argument("--advertise", type=parse_address, metavar="HOST:PORT",
                            help="the address that others shall use (default: the one listened on)")
        parser.add_argument("--grace", type=seconds, default=GRACE_S, metavar="SECONDS",
                            help="how long running calls may go on after SIGTERM (default: %(default)s)")
    parser.add_argument("--registry", type=parse_addresses, default=",".join(map(show, DEFAULT_REGISTRIES)),
                        metavar="HOST:PORT[,HOST:PORT]", help="where the registries are (default: %(default)s)")
    parser.add_argument("--key-file", metavar="FILE", default=os.environ.get(KEY_FILE_VARIABLE) or None,
                        help=f"the key that signs heartbeats, the same everywhere (default: ${KEY_FILE_VARIABLE})")
    parser.add_argument("--tls-cert", metavar="FILE", help="the certificate that this process shows: TLS on TCP ports")
    parser.add_argument("--tls-key", metavar="FILE", help="its private key (default: in the same file)")
    parser.add_argument("--tls-ca", metavar="FILE", help="who must have signed the certificates of those it talks to")
    parser.add_argument("--verbose", action="store_true", help="log every call")
    return parser


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: take a number from 0 to 65535")
    return int(text)


def seconds(text: str) -> float:
    """A positive number of seconds."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time: take a positive number of seconds")
    return value


def count(text: str) -> int:
    """A positive whole number."""
    if not text.isascii() or not text.isdigit() or not 0 < len(text) < 10 or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of things: take 1 or more")
    return int(text)


def parse_address(text: str) -> Address:
    """HOST:PORT, with an IPv6 host in brackets."""
    host, colon, port = text.strip().rpartition(":")
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not colon or not host or _port(port) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT, as in 127.0.0.1:4100")
    return host, int(port)


def parse_addresses(text: str) -> list[Address]:
    """HOST:PORT[,HOST:PORT...]."""
    addresses = [parse_address(part) for part in text.split(",")]
    for host, port in addresses:
        try:
            socket.getaddrinfo(host, port)
        except OSError:
            raise argparse.ArgumentTypeError(f"{host!r} is not the name or address of a host") from None
    return addresses


def chosen_tls(chosen: argparse.Namespace, *, listens: bool = True) -> Tls | None:
    """The certificates that the command line names; None for no TLS. Else UsageError."""
    cert, key, ca = chosen.tls_cert, chosen.tls_key, chosen.tls_ca
    if not (cert or key or ca):
        return None
    if not cert and (listens or key):
        raise UsageError("--tls-cert: name the certificate, too: who listens with TLS must show one")
    for option, path in (("--tls-cert", cert), ("--tls-key", key), ("--tls-ca", ca)):
        if path and not os.path.isfile(path):
            raise UsageError(f"{option} {path}: no such file")
    try:
        return Tls(cert, key, ca)
    except OSError as error:
        files = ", ".join(path for path in (cert, key, ca) if path)
        raise UsageError(f"--tls-cert, --tls-key, --tls-ca: {files}: {error.strerror or error}") from None


def port_error(error: OSError, host: str, port: int) -> UsageError:
    """The line for a port that cannot be listened on."""
    if isinstance(error, socket.gaierror):
        return UsageError(f"--host {host}: {error.strerror}")
    return UsageError(f"cannot listen on {show((host, port))}: {error.strerror or error} - "
                      "choose another port with --port (0 = any free one), or stop whoever has this one")


def start_command(role: str) -> str:
    """What a user types here to start a role."""
    if os.path.basename(sys.argv[0]).startswith("demo.py"):
        return f"{PYTHON} demo.py {role}"
    return f"{PYTHON} {role}.py{' services/FILE.py' if role == 'server' else ''}"
