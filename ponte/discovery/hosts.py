"""Which text can be the host of a server: the rules for the field `host` of a beat. Pure.

Callers of the server give this text to the system. A wrong one must not get so far: the system
reads "0" and "0.0.0.0" as the caller's own machine, and raises UnicodeError for "a..b".
"""

from __future__ import annotations

import ipaddress
import re

# All machines of a network (RFC 919).
_BROADCAST = ipaddress.IPv4Address("255.255.255.255")
# Labels with dots between them (RFC 1035 section 2.3.1), or an IPv6 address.
_HOST = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_:-]{1,63}(?:\.[A-Za-z0-9_:-]{1,63})*\.?")
# A last label that is a number. A resolver takes "0" and "0x0" for 0.0.0.0.
_NUMERIC = re.compile(r"(?:^|\.)(?:0[xX][0-9A-Fa-f]*|[0-9]+)\.?$")


def is_host(host: object) -> bool:
    """Whether calls can be sent to `host`: a name, or an address of one machine.

    >>> [host for host in ("10.0.0.9", "::1", "lab-7.example", "0", "224.0.0.1") if is_host(host)]
    ['10.0.0.9', '::1', 'lab-7.example']
    """
    if not isinstance(host, str) or not _HOST.fullmatch(host):
        return False
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return not _NUMERIC.search(host)
    address = getattr(address, "ipv4_mapped", None) or address
    return not (address.is_unspecified or address.is_multicast or address == _BROADCAST)
