"""The target of a request, and the host that it is for: the second word of a request line.

RFC 9112 section 3.2, read strictly: programs read other targets in different ways, so a proxy must
not pass them on.
"""

from __future__ import annotations

import re

from ponte.net.message import ProtocolError

# A name or an address, and perhaps a port (RFC 3986 section 3.2.2).
HOST = re.compile(r"(?:(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+|\[[0-9A-Fa-f:.]+\])"
                  r"(?::[0-9]{1,5})?")
# A target that names its host, too.
_ABSOLUTE = re.compile(rf"https?://({HOST.pattern})([/?].*)?", re.IGNORECASE)


def is_target(method: str, target: str) -> bool:
    """Whether a target has one of the four forms of RFC 9112 section 3.2."""
    if method == "CONNECT":
        return HOST.fullmatch(target) is not None
    return (target.startswith("/") or (method, target) == ("OPTIONS", "*")
            or _ABSOLUTE.fullmatch(target) is not None)


def path_of(target: str, host: str | None) -> str:
    """The target without the host that it may name (RFC 9112 section 3.2.2).

    Raises ProtocolError if that host is not `host`, the one of the Host header.

    >>> path_of("http://here/greeter", "here"), path_of("/greeter", "here")
    ('/greeter', '/greeter')
    """
    absolute = _ABSOLUTE.fullmatch(target)
    if not absolute:
        return target
    named, path = absolute[1], absolute[2] or ""
    if host is not None and named.lower() != host.lower():
        raise ProtocolError(400, "a target of another host than the Host header")
    return path if path.startswith("/") else f"/{path}"
