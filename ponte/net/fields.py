r"""Header fields: the lines "Name: value" of a head, and of the trailers behind a chunked body.

RFC 9110 section 5 and RFC 9112 section 5, read strictly: where two readers could read a line in two
ways, it is an error. So a proxy and the server behind it never disagree about a message.
"""

from __future__ import annotations

import re

from ponte.net.known_heads import Headers
from ponte.net.message import MAX_HEADERS, ProtocolError

# A name of a field: RFC 9110 section 5.6.2.
TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
# A value of a field: no control characters but the tab (RFC 9110 section 5.5).
TEXT = r"[^\x00-\x08\x0a-\x1f\x7f]*"
_FIELD = re.compile(rf"^({TOKEN}):({TEXT})\r\n", re.MULTILINE)
# Fields that a message has at most once. Others may come several times (RFC 9110 section 5.3).
_SINGLETONS = frozenset(("host", "content-length", "transfer-encoding", "idempotency-key",
                         "call-session", "call-number", "call-repeat", "call-resolve",
                         "if-match", "call-idempotent", "call-timeout-ms", "call-attempt"))


def parse_fields(text: str, start: int = 0) -> Headers:
    r"""The fields in the lines of `text` from `start` on. Raises ProtocolError for any other line.

    >>> parse_fields("Host: here\r\nX-One:  a\r\nx-one: b\r\n")
    {'host': 'here', 'x-one': 'a, b'}
    """
    # 1. Every line is a field. A bare LF, a folded line, or a space before the colon is an error
    #    (RFC 9112 sections 2.2, 5.1 and 5.2).
    fields = _FIELD.findall(text, start)
    if len(fields) != text.count("\n", start):
        raise ProtocolError(400, "malformed header line")
    if len(fields) > MAX_HEADERS:
        raise ProtocolError(431, f"more than {MAX_HEADERS} headers")
    headers = Headers()
    for field, text_of_value in fields:
        # 2. Names in lower case, values without spaces around them (RFC 9110 sections 5.1, 5.5).
        name, value = field.lower(), text_of_value.strip(" \t")
        # 3. Several fields of one name are one list (RFC 9110 section 5.3).
        if name not in headers:
            headers[name] = value
        elif name in _SINGLETONS:
            raise ProtocolError(400, f"two headers {name}")
        else:
            headers[name] += f", {value}"
    return headers
