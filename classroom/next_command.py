"""What to type in the next terminal: a command that works as it is printed.

It works in a new terminal of this machine, and on another machine of the class, if the role of this
terminal listens beyond loopback. So it says everything that the next role needs and does not have
by default: where the registries are, where to listen, the key, the certificates, the language. Also
what this terminal has from variables such as PONTE_REGISTRY, which a new terminal may lack.

The options are read by the parser of the role itself: so all ways to write them count.
"""

from __future__ import annotations

import argparse
import importlib
import os
import shutil
import socket
import ssl
import sys
from collections.abc import Sequence

from classroom.outward import (
    EVERYWHERE,
    addresses_of,
    is_on_loopback,
    outward_host,
)
from classroom.own_name import server_name
from ponte.net import windows
from ponte.net.address import Address, is_loopback, show
from ponte.process.options import DEFAULT_REGISTRIES, PYTHON
from ponte.process.typed import typed

# So many servers are started before the proxy.
CLASS_SIZE = 3
# How long a registry may take to accept a connection, in seconds.
CONNECT_S = 0.5


def read_options(role: str, arguments: Sequence[str]) -> argparse.Namespace:
    """What the command line of a role says, as its own main() will read it.

    Ends the process where the role would do so: after --help, and after a mistake.
    """
    parser: argparse.ArgumentParser = importlib.import_module(role).command_line()
    return parser.parse_args(arguments)


def next_command(role: str, arguments: Sequence[str], address: Address, program: str, *,
                 servers: int = 0, language: str = "") -> str:
    """What to type in the next terminal.

    `arguments` are those of the role in this one, and `address` is where it listens; `program`, the
    path of demo.py; `servers`, how many there were before this one; `language`, where it must be
    said. Blocks for a moment, while addresses are found out.
    """
    chosen = read_options(role, arguments)
    after = _next_role(role, chosen, servers)
    registries = _registries(role, chosen, address)
    words = [_interpreter(), program, after]
    # The next terminal may have the variable as well, where it names another registry.
    if registries != tuple(DEFAULT_REGISTRIES) or os.environ.get("PONTE_REGISTRY"):
        words += _option("--registry", ",".join(map(show, registries)))
    if after != "client":
        words += _listening(chosen, registries, address)
    words += _certificates(after, chosen)
    if language:
        words += ["--lang", language]
    return typed(words)


def _interpreter() -> str:
    """How users start Python here; our own file where the usual name leads nowhere.

    On Windows, that name often is of a program which opens the shop of apps, and the launcher `py`
    is what leads to Python.
    """
    found = shutil.which(PYTHON)
    if sys.platform == "win32":
        known = {os.path.normcase(path) for path in (sys.executable, windows.base_python())}
        if found and os.path.normcase(found) in known:
            return PYTHON
        return "py" if shutil.which("py") else sys.executable or PYTHON
    return PYTHON if found else sys.executable or PYTHON


def _next_role(role: str, chosen: argparse.Namespace, servers: int) -> str:
    """The role of the next terminal: a registry, some servers, a proxy, clients."""
    if role != "server":
        return {"registry": "server", "proxy": "client"}[role]
    numbered = [server_name(number) for number in range(1, CLASS_SIZE)]
    more = chosen.name in numbered or (chosen.name is None and servers + 1 < CLASS_SIZE)
    return "server" if more else "proxy"


# ---- where the registries are -------------------------------------------------------------------

def _registries(role: str, chosen: argparse.Namespace, address: Address) -> tuple[Address, ...]:
    """Where the next role finds the registries."""
    known = tuple(chosen.registry)
    host, port = address
    if role == "registry":
        ours = (_outward(host), port)
        # Where several registries run, each was told of all of them, perhaps by their names.
        is_among_them = any(port == registry[1] and ours[0] in addresses_of(registry)
                            for registry in known)
        return known if is_among_them else (ours,)
    if is_loopback(host):
        return known
    return tuple(_seen_from_outside(registry, _outward(host)) for registry in known)


def _outward(host: str) -> str:
    """Where others reach a process that listens on `host`."""
    if host not in EVERYWHERE:
        return host
    # What listens on :: mostly takes IPv4, too.
    families = (socket.AF_INET6, socket.AF_INET) if ":" in host else (socket.AF_INET,)
    return next(filter(None, map(outward_host, families)), EVERYWHERE[host])


def _seen_from_outside(registry: Address, own_host: str) -> Address:
    """A registry on loopback, at this machine's address for others, if it answers there too."""
    if not is_on_loopback(registry):
        return registry
    outside = (own_host, registry[1])
    try:
        socket.create_connection(outside, CONNECT_S).close()
    except OSError:
        return registry
    return outside


# ---- where to listen, and what to show ----------------------------------------------------------

def _listening(chosen: argparse.Namespace, registries: Sequence[Address],
               address: Address) -> list[str]:
    """The options of a role that listens. Beside registries of loopback, so does the role."""
    key = _option("--key-file", _text(chosen.key_file)) if chosen.key_file else []
    if not any(_is_far(registry, address) for registry in registries):
        return key
    found = addresses_of(registries[0])
    host = "::" if found and all(":" in each for each in found) else "0.0.0.0"
    # A registry that others reach either has a key, or was told to trust everybody.
    return ["--host", host, *(key or ["--insecure"])]


def _is_far(registry: Address, address: Address) -> bool:
    """Whether a process on loopback may not register there. `address`: where this role listens."""
    # A name that cannot be looked up leads as far as our own role reaches.
    found = addresses_of(registry) or [address[0]]
    return not all(map(is_loopback, found))


def _certificates(after: str, chosen: argparse.Namespace) -> list[str]:
    """The options for TLS. The files have the same names in the next terminal."""
    authority = chosen.tls_ca
    if chosen.tls_cert and not authority and after != "server" and _is_authority(chosen.tls_cert):
        # The next role reads the list of a process that nobody else vouches for.
        authority = chosen.tls_cert
    given = {"--tls-cert": chosen.tls_cert, "--tls-key": chosen.tls_key, "--tls-ca": authority}
    return [word for option, path in given.items() if path for word in _option(option, path)]


def _is_authority(path: str) -> bool:
    """Whether a file has a certificate that has signed itself."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(path)
    except OSError:
        return False
    return any(found["subject"] == found["issuer"] for found in context.get_ca_certs())


def _option(name: str, value: str) -> list[str]:
    """An option and its value, which may begin with a hyphen."""
    return [f"{name}={value}"] if value.startswith("-") else [name, value]


def _text(files: str | Sequence[str]) -> str:
    """The value of --key-file, which may name several files."""
    return files if isinstance(files, str) else ",".join(files)
