"""The target of a request, and the host that it is for: the second word of a request line.

RFC 9112 section 3.2, read strictly: programs read other targets in different ways, so a proxy must
not pass them on.
"""

from __future__ import annotations

import functools
import re

from ponte.net.message import ProtocolError

# Targets whose paths are kept. They take 2 MiB at most: message.MAX_TARGET_BYTES each, and as much
# for the path. With more targets in use than this, their paths are worked out more often.
MAX_KNOWN_TARGETS = 128
# Characters of the path of a function. More would leave too little room in a beat.
MAX_PATH = 200
# A path with the characters that RFC 3986 (section 3.3) allows, and perhaps a query.
_PATH = re.compile(rf"/[A-Za-z0-9._~!$&'()*+,;=:@%/?-]{{0,{MAX_PATH - 1}}}")
# A name or an address, and perhaps a port (RFC 3986 section 3.2.2).
HOST = re.compile(r"(?:(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+|\[[0-9A-Fa-f:.]+\])"
                  r"(?::[0-9]{1,5})?")
# An escape of a character that needs none (RFC 3986 section 2.3): letters, digits and "-._~".
_NEEDLESS = re.compile("%(?:2[DdEe]|3[0-9]|4[1-9A-Fa-f]|5[0-9AaFf]|6[1-9A-Fa-f]|7[0-9AaEe])")
# A target that names its host, too.
_ABSOLUTE = re.compile(rf"https?://({HOST.pattern})([/?].*)?", re.IGNORECASE)


def is_target(method: str, target: str) -> bool:
    """Whether a target has one of the four forms of RFC 9112 section 3.2."""
    if method == "CONNECT":
        return HOST.fullmatch(target) is not None
    return (target.startswith("/") or (method, target) == ("OPTIONS", "*")
            or _ABSOLUTE.fullmatch(target) is not None)


def is_path(text: str) -> bool:
    """Whether calls can be sent there by POST: "/RPC2", for instance.

    >>> is_path("/RPC2"), is_path("/xmlrpc.php?site=1"), is_path("RPC2"), is_path("/a b")
    (True, True, False, False)
    """
    return _PATH.fullmatch(text) is not None


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


# On the way of every call, and nearly always for one of a few targets.
@functools.lru_cache(maxsize=MAX_KNOWN_TARGETS)
def path_in(target: str) -> str:
    """The path that a target leads to: without its query, and without slashes at its end.

    Escapes of characters that need none mean those characters (RFC 3986 section 6.2.2.2). All other
    escapes stay: "%2F" is no slash. So a path is never split in another way than before.

    >>> path_in("/greeter"), path_in("/greeter/?x=1"), path_in("/%67reeter"), path_in("/a%2Fb")
    ('/greeter', '/greeter', '/greeter', '/a%2Fb')
    >>> path_in("/"), path_in("/?x=1")
    ('/', '/')
    """
    path = target.partition("?")[0]
    path = _NEEDLESS.sub(lambda escape: chr(int(escape[0][1:], 16)), path)
    return path.rstrip("/") or "/"
