"""XML-RPC documents that hold plain values only, read and written without an XML parser.

An optimisation: skip this file at first. Most calls carry short texts, small integers and booleans.
One regular expression reads such a document in a tenth of the time that an XML parser takes.

For every other document or value the functions here return None. ponte/rpc/marshal.py then uses the
parser, which is the definition: where this file returns a result, the parser's would be the same.

Wire format: character by character what `xmlrpc.client.dumps` writes for strings without markup,
integers of 32 bits and booleans.

    >>> body = write_call("add", (2, 3))
    >>> read_call(body)
    ('add', (2, 3))
    >>> read_result(write_result("World"))
    ('World',)
    >>> print(write_call("add", ([1, 2],)))         # a list is not plain
    None
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Callable

# The longest plain document in bytes, and the longest plain text in characters. Beyond this length
# the parser is as fast.
MAX_PLAIN_BYTES = 1024

# Characters that need an escape, or that XML 1.0 does not allow.
_MARKED = "<>&\r\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff"
_NOT_PLAIN = re.compile(f"[{_MARKED}]")

_PARAM = (rf"<param>\n<value><(?:string>[^{_MARKED}]*</string|int>-?[0-9]{{1,10}}</int"
          r"|boolean>[01]</boolean)></value>\n</param>\n")
_CALL = re.compile(r"<\?xml version='1\.0'\?>\n<methodCall>\n"
                   r"<methodName>([A-Za-z0-9_.]+)</methodName>\n"
                   rf"<params>\n((?:{_PARAM})*)</params>\n</methodCall>\n")
_RESULT = re.compile(r"<\?xml version='1\.0'\?>\n<methodResponse>\n"
                     rf"<params>\n({_PARAM})</params>\n</methodResponse>\n")
_VALUE = re.compile("<value><(string|int|boolean)>([^<]*)")
_FROM_TEXT: dict[str, Callable[[str], Any]] = {"string": str, "int": int, "boolean": "1".__eq__}


def read_call(body: bytes) -> tuple[str, tuple[Any, ...]] | None:
    """The method name and the parameters of a plain <methodCall>; None for any other document."""
    match = _match(_CALL, body)
    return (match[1], _values(match[2])) if match else None


def read_result(body: bytes) -> tuple[Any, ...] | None:
    """A tuple with the one value of a plain <methodResponse>; None for any other document."""
    match = _match(_RESULT, body)
    return _values(match[1]) if match else None


def write_call(method: str, params: Sequence[Any]) -> bytes | None:
    """A <methodCall>; None unless the name and every parameter are plain."""
    written = [_param(value) for value in params]
    if not method.isidentifier() or None in written:
        return None
    return (f"<?xml version='1.0'?>\n<methodCall>\n<methodName>{method}</methodName>\n"
            f"<params>\n{''.join(filter(None, written))}</params>\n</methodCall>\n").encode()


def write_result(value: Any) -> bytes | None:
    """A <methodResponse>; None unless its value is plain."""
    written = _param(value)
    if written is None:
        return None
    return ("<?xml version='1.0'?>\n<methodResponse>\n"
            f"<params>\n{written}</params>\n</methodResponse>\n").encode()


def _match(pattern: re.Pattern[str], body: bytes) -> re.Match[str] | None:
    if len(body) > MAX_PLAIN_BYTES:
        return None
    try:
        return pattern.fullmatch(body.decode())
    except UnicodeDecodeError:
        return None


def _values(params: str) -> tuple[Any, ...]:
    return tuple([_FROM_TEXT[kind](text) for kind, text in _VALUE.findall(params)])


def _param(value: Any) -> str | None:
    """The <param> of a plain value.

    Only exactly these types are plain: a subclass may behave in another way.
    """
    kind = type(value)
    if kind is str and len(value) <= MAX_PLAIN_BYTES and not _NOT_PLAIN.search(value):
        return f"<param>\n<value><string>{value}</string></value>\n</param>\n"
    if kind is int and -2 ** 31 <= value < 2 ** 31:
        return f"<param>\n<value><int>{value}</int></value>\n</param>\n"
    if kind is bool:
        return f"<param>\n<value><boolean>{value:d}</boolean></value>\n</param>\n"
    return None
