"""Where a process listens: a host and a port, and how users write that down.

Nothing is looked up here: whether a name exists shows when it is called.
"""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Sequence
from typing import NamedTuple, SupportsIndex, Union

Address = tuple[str, int]
# What `parse_registries` takes.
Registries = Union[str, Sequence[Address]]

# Characters of a message that show what somebody gave us. More would not fit into one line.
SHOWN_CHARACTERS = 80
# What no name and no address of a host contains. It is often a URL that was meant well.
_NOT_IN_A_HOST = re.compile(r"[\s/\\@,\[\]\x00-\x1f\x7f]")
# A last label that is a number, as in 10.0.0.300. A resolver takes "0" and "0x0" for 0.0.0.0.
_NUMERIC = re.compile(r"(?:^|\.)(?:0[xX][0-9A-Fa-f]*|[0-9]+)\.?$")

EXPECTED_REGISTRIES = ("expected HOST:PORT, several with commas, as in '127.0.0.1:4100', "
                       "or a sequence of (host, port), as in [('127.0.0.1', 4100)]")
# What stands before the address of a Consul agent that is used as a registry.
CONSUL = "consul://"
EXPECTED_ADVERTISED = ("expected HOST or HOST:PORT, as in '10.0.0.7' or '10.0.0.7:4180', "
                       "or (host, port)")


class ConsulAddress(NamedTuple):
    """Where a Consul agent listens, which is used as a registry: consul://HOST:PORT.

    >>> ConsulAddress("127.0.0.1", 8500) == ("127.0.0.1", 8500)
    False
    """

    host: str
    port: int

    # A registry at the same address is another one.
    def __eq__(self, other: object) -> bool:
        return isinstance(other, ConsulAddress) and tuple(self) == tuple(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((CONSUL, *self))


# Every attempt of a call shows its address, and there are few of them: so the results are kept.
@functools.lru_cache(maxsize=1024)
def show(address: Address) -> str:
    """HOST:PORT, with an IPv6 host in brackets.

    >>> show(("127.0.0.1", 4100)), show(("::1", 4100)), show(ConsulAddress("127.0.0.1", 8500))
    ('127.0.0.1:4100', '[::1]:4100', 'consul://127.0.0.1:8500')
    """
    host, port = address
    scheme = CONSUL if isinstance(address, ConsulAddress) else ""
    return f"{scheme}[{host}]:{port}" if ":" in host else f"{scheme}{host}:{port}"


def is_loopback(host: str) -> bool:
    """Whether a host is an address that reaches this machine alone, or a name for it.

    Nothing is looked up: the names are those of RFC 6761 section 6.3.

    >>> [host for host in ("127.0.0.2", "::1", "::ffff:127.0.0.1", "localhost", "0.0.0.0", "lo.org")
    ...  if is_loopback(host)]
    ['127.0.0.2', '::1', '::ffff:127.0.0.1', 'localhost']
    """
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host.lower().rstrip(".").split(".")[-1] == "localhost"
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def parse_address(text: str) -> Address:
    """HOST:PORT, with an IPv6 host in brackets: what `show` writes. Raises ValueError.

    >>> parse_address("127.0.0.1:4100"), parse_address("[::1]:4100")
    (('127.0.0.1', 4100), ('::1', 4100))
    >>> parse_address("4100")
    Traceback (most recent call last):
    ValueError: '4100' is not HOST:PORT, as in 127.0.0.1:4100
    """
    host, colon, port = text.strip().rpartition(":")
    if not colon or not host:
        raise ValueError(f"{quoted(text)} is not HOST:PORT, as in 127.0.0.1:4100")
    try:
        return _host_in(host), parse_port(port, lowest=1)
    except ValueError as error:
        raise ValueError(f"{quoted(text)} is not HOST:PORT, as in 127.0.0.1:4100: "
                         f"{error}") from None


def parse_registries(value: object, *, allow_none: bool = False) -> tuple[Address, ...]:
    """The addresses of registries: what --registry takes, or a sequence of (host, port).

    One that is a Consul agent becomes a ConsulAddress. With `allow_none`, the sequence may be
    empty. Raises ValueError for everything else.

    >>> parse_registries("127.0.0.1:4100,[::1]:4100")
    (('127.0.0.1', 4100), ('::1', 4100))
    >>> parse_registries("consul://127.0.0.1:8500")
    (ConsulAddress(host='127.0.0.1', port=8500),)
    >>> parse_registries([("lab-7", 4100)])
    (('lab-7', 4100),)
    """
    if isinstance(value, str):
        found = [_parse_registry(part) for part in value.split(",")]
    elif isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray, memoryview)):
        found = [_pair(each, 1, value, EXPECTED_REGISTRIES) for each in value]
    else:
        raise ValueError(f"{quoted(value)} names no registry: {EXPECTED_REGISTRIES}")
    if not found and not allow_none:
        raise ValueError(f"{quoted(value)} names no registry: {EXPECTED_REGISTRIES}")
    for host, _ in found:
        if is_wildcard(host):
            raise ValueError(f"{quoted(host)} stands for all addresses of a machine: name one at "
                             "which the registry can be reached")
    # One that is named twice is one registry.
    return tuple(dict.fromkeys(found))


def parse_advertised(value: object) -> Address | None:
    """The address that others shall call: "HOST", "HOST:PORT" or (host, port); None stays None.

    Port 0 in the result stands for the port on which the process listens. Raises ValueError.

    >>> parse_advertised("10.0.0.7"), parse_advertised("[::1]:80"), parse_advertised("::1")
    (('10.0.0.7', 0), ('::1', 80), ('::1', 0))
    """
    if value is None:
        return None
    if isinstance(value, str):
        text = value.strip()
        if _is_ipv6(text):
            return text, 0
        try:
            return parse_address(text) if ":" in text.rpartition("]")[2] else (_host_in(text), 0)
        except ValueError as error:
            raise ValueError(f"{quoted(value)} cannot be advertised: {EXPECTED_ADVERTISED}: "
                             f"{error}") from None
    return _pair(value, 0, value, EXPECTED_ADVERTISED)


def check_host(host: object) -> str:
    """`host`, if it can be the name or the address of a host. Raises ValueError if it cannot.

    >>> check_host("10.0.0.300")
    Traceback (most recent call last):
    ValueError: '10.0.0.300' is no host: expected a name, or an address in full, as in 127.0.0.1
    """
    if isinstance(host, str) and (_is_address(host) or _can_be_a_name(host)):
        return host
    raise ValueError(f"{quoted(host)} is no host: "
                     "expected a name, or an address in full, as in 127.0.0.1")


def check_port(port: object, *, lowest: int = 0) -> int:
    """`port`, if it is a whole number from `lowest` to 65535. Raises ValueError if it is not."""
    # Whatever stands for a whole number; but True is no port.
    number = int(port) if isinstance(port, SupportsIndex) and not isinstance(port, bool) else -1
    if not lowest <= number <= 65535:
        raise ValueError(f"{quoted(port)} is not a port: take a number from {lowest} to 65535")
    return number


def parse_port(text: str, *, lowest: int = 0) -> int:
    """The port that the digits of `text` are. Raises ValueError as `check_port` does."""
    # int() raises an error of its own for thousands of digits.
    is_port = text.isascii() and text.isdigit() and len(text) < 10 and int(text) <= 65535
    # A text is no port: the check says so, and shows it as it was given.
    return check_port(int(text) if is_port else text, lowest=lowest)


def is_wildcard(host: str) -> bool:
    """Whether a host stands for all addresses of a machine, as 0.0.0.0 and :: do."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host in ("", "*", "0")
    return (getattr(address, "ipv4_mapped", None) or address).is_unspecified


def quoted(value: object) -> str:
    """`value` as a message of one line shows it."""
    text = " ".join(repr(value).split())
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "..."


def _parse_registry(text: str) -> Address:
    if text.strip().lower().startswith(CONSUL):
        return ConsulAddress(*parse_address(text.strip()[len(CONSUL):].rstrip("/")))
    return parse_address(text)


def _pair(value: object, lowest_port: int, whole: object, expected: str) -> Address:
    """`value`, if it is a (host, port). The message of the ValueError shows the `whole`."""
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise ValueError(f"{quoted(whole)}: {expected}")
    try:
        pair = check_host(value[0]), check_port(value[1], lowest=lowest_port)
        return ConsulAddress(*pair) if isinstance(value, ConsulAddress) else pair
    except ValueError as error:
        raise ValueError(f"{quoted(whole)}: {error}; {expected}") from None


def _host_in(text: str) -> str:
    """The host in HOST:PORT. An IPv6 address must be in brackets, and only that may be."""
    if text.startswith("[") and text.endswith("]"):
        if _is_ipv6(text[1:-1]):
            return text[1:-1]
        raise ValueError(f"{quoted(text)} is no IPv6 address in brackets, as in [::1]")
    if ":" in text:
        raise ValueError("an IPv6 address needs brackets, as in [::1]:4100")
    return check_host(text)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_ipv6(host: str) -> bool:
    return ":" in host and _is_address(host)


def _can_be_a_name(host: str) -> bool:
    """Whether the system could look it up."""
    if not host or ":" in host or _NOT_IN_A_HOST.search(host) or _NUMERIC.search(host):
        return False
    try:
        # As the system's look-up encodes it: no empty label, and none of more than 63 characters.
        return len(host.encode("idna")) <= 253
    except UnicodeError:
        return False
