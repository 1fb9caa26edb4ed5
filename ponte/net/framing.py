"""Framing: where a message ends, and whether another one may follow it on the connection.

If two programs on the way of a request find its end at two places, the bytes in between are read as
a request that was never checked ("request smuggling"). So each case in which that could happen is
an error here.
"""

from __future__ import annotations

import re

from ponte.net.message import ProtocolError

# In place of a length: the body comes in chunks.
CHUNKED = -1
# int() alone would take "+5" and "1_0".
_LENGTH = re.compile(r"[0-9]{1,15}")
# Headers that every hop needs: if "Connection" names one, the next hop would remove it.
_END_TO_END = frozenset(("host", "content-length"))


def body_length(headers: dict[str, str], minor: str, max_bytes: int) -> int | None:
    """The length of the body, CHUNKED, or None where no header gives it (RFC 9112 section 6.3).

    `minor` is the second digit of the HTTP version. The steps have the order of the RFC. Its steps
    for replies that never have a body, and for messages without a length, are in parser.py.

    >>> body_length({"content-length": "5"}, "1", max_bytes=1000)
    5
    >>> body_length({"content-length": "5", "transfer-encoding": "chunked"}, "1", max_bytes=1000)
    Traceback (most recent call last):
    ponte.net.message.ProtocolError: both Content-Length and Transfer-Encoding
    """
    coding, length = headers.get("transfer-encoding"), headers.get("content-length")
    if coding is not None:
        # 1. Both headers: an attempt to smuggle (section 6.3, item 3). Always refused.
        if length is not None:
            raise ProtocolError(400, "both Content-Length and Transfer-Encoding")
        # 2. Transfer-Encoding before HTTP/1.1: the framing is faulty (section 6.1).
        if minor == "0":
            raise ProtocolError(400, "Transfer-Encoding in HTTP/1.0")
        # 3. Transfer-Encoding: "chunked" is the only coding that is understood here (item 4).
        if coding.lower() != "chunked":
            raise ProtocolError(501, "Transfer-Encoding other than chunked")
        return CHUNKED
    # 4. Neither header: the caller decides (items 7 and 8).
    if length is None:
        return None
    # 5. A Content-Length that is not a number (item 5).
    if not _LENGTH.fullmatch(length):
        raise ProtocolError(400, "Content-Length is not a number")
    # 6. A valid Content-Length (item 6); a body that is too long is refused before it comes.
    if int(length) > max_bytes:
        raise ProtocolError(413, f"a body of more than {max_bytes} bytes")
    return int(length)


def keeps_alive(headers: dict[str, str], minor: str) -> bool:
    """Whether a message lets its connection stay open (RFC 9112 section 9.3).

    HTTP/1.1 closes it with "Connection: close"; HTTP/1.0 keeps it with "Connection: keep-alive".

    >>> keeps_alive({}, "1"), keeps_alive({}, "0"), keeps_alive({"connection": "Keep-Alive"}, "0")
    (True, False, True)
    """
    connection = headers.get("connection", "").lower()
    options = [option.strip(" \t") for option in connection.split(",")]
    if not _END_TO_END.isdisjoint(options):
        raise ProtocolError(400, "Connection must not name Host or Content-Length")
    if minor == "0" and "keep-alive" not in options:
        return False
    return "close" not in connection
