"""XML-RPC: properties of ponte/rpc/ that hold for every document, good or bad.

- A decoder returns what `xmlrpc.client.loads` returns, the same values of the same types, or raises
  a Fault. Of the documents that `loads` accepts, it refuses those with a DOCTYPE, a rare encoding,
  another root, too many levels, or a call without a name, and no others.
- A dispatcher replies to everything; a reply that is a fault is short.
- Plain documents are read by a pattern. They are mutated apart from the others, because a parser
  and a pattern differ in small details.
- What is encoded is read back unchanged, by Ponte and by `loads`.
"""

from __future__ import annotations

import codecs
import datetime
import math
import re
import struct
import xmlrpc.client
from collections.abc import Sequence
from typing import Any, Callable, NamedTuple, Optional
from xml.parsers import expat
from xmlrpc.client import Fault

from ponte.net.message import MAX_BODY_BYTES
from ponte.rpc import plain
from ponte.rpc.dates import WHITE_SPACE
from ponte.rpc.dispatcher import Dispatcher
from ponte.rpc.from_xml import ENCODING, MAX_DEPTH, MAX_DIGITS
from ponte.rpc.marshal import (
    APPLICATION_ERROR,
    INVALID_PARAMETERS,
    METHOD_NOT_FOUND,
    NOT_WELL_FORMED,
    NOT_XML_RPC,
    decode_call,
    decode_result,
    encode_call,
    encode_result,
)
from tests.fuzz.mutate import Target

FAULTS = frozenset((NOT_WELL_FORMED, NOT_XML_RPC, METHOD_NOT_FOUND, INVALID_PARAMETERS,
                    APPLICATION_ERROR))
# Ponte reads these in more forms than the standard library does.
MORE_FORMS = frozenset(("dateTime.iso8601", "dateTime", "boolean"))
# Bytes of a reply that is a fault, however long the call was.
MAX_FAULT_BYTES = 100_000
# Levels and items of the values that are made here.
FINITE_DEPTH = 20
MAX_ITEMS = 4
_DECLARED = re.compile(
    rb"""((?:\xef\xbb\xbf)?<\?xml\s[^>]*?\sencoding\s*=\s*["'])([A-Za-z0-9._-]+)""")
_HEAD = b"<?xml version='1.0'?>\n"


class Shape(NamedTuple):
    """A document as expat sees it: the reasons for which Ponte may refuse a well-formed one."""

    # Without their prefixes.
    tags: frozenset[str]
    levels: int
    longest_text: int
    has_doctype: bool
    encoding: str


def for_expat(document: bytes) -> bytes:
    """The document with a declaration that expat understands as Ponte does: UTF8 is UTF-8, and a
    byte order mark of UTF-8 overrides what is declared.
    """
    declared = _DECLARED.match(document)
    if not declared or not ENCODING.fullmatch(declared[2].decode()) \
            or not (declared[1].startswith(codecs.BOM_UTF8) or declared[2].lower() == b"utf8"):
        return document
    return declared[1] + b"utf-8" + document[declared.end():]


def shape(document: bytes) -> Shape | None:
    """The shape of a document; None if it is not well formed."""
    path: list[str] = []
    levels: list[int] = []
    tags: set[str] = set()
    texts = [0]
    doctypes: list[object] = []
    encodings: list[str] = []

    def start(tag: str, _: dict[str, str]) -> None:
        tags.add(tag.rpartition(":")[2])
        path.append(tag)
        levels.append(len(path))

    parser = expat.ParserCreate()
    parser.buffer_text, parser.buffer_size = True, MAX_BODY_BYTES
    parser.StartElementHandler, parser.EndElementHandler = start, lambda _: path.pop()
    parser.CharacterDataHandler = lambda text: texts.append(len(text))
    parser.StartDoctypeDeclHandler = lambda *named: doctypes.append(named)
    parser.XmlDeclHandler = lambda _, encoding, __: encodings.append(encoding or "utf-8")
    try:
        parser.Parse(for_expat(document), True)
    except (expat.ExpatError, ValueError, LookupError):
        # The last two are raised for encodings.
        return None
    return Shape(frozenset(tags), max(levels), max(texts), bool(doctypes), *encodings or ["utf-8"])


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal and have the same types, at every level."""
    if type(one) is not type(other):
        return False
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, float):
        return struct.pack(">d", one) == struct.pack(">d", other) \
            or (math.isnan(one) and math.isnan(other))
    # A Decimal may be NaN, too, which is not equal to itself.
    return bool(one == other or str(one) == str(other) == "NaN")


Loaded = tuple[tuple[Any, ...], Optional[str]]


def loads(document: bytes) -> tuple[Loaded | None, Fault | None]:
    """What the standard library reads in a document: values and a name, or a fault, or neither."""
    try:
        return xmlrpc.client.loads(for_expat(document), use_builtin_types=True), None
    except Fault as fault:
        return None, fault
    except Exception:
        # The stock decoder raises errors of many types.
        return None, None


def check_call(document: bytes) -> str:
    """A call is read as `loads` reads it, or refused for one of the known reasons."""
    loaded, _ = loads(document)
    try:
        name, params = decode_call(document)
    except Fault as fault:
        return _why_refused(document, fault)
    if _has_more_forms(document) and not loaded:
        return "a form that loads does not read"
    assert loaded and loaded[1], f"taken: {name}{params!r:.200}, which loads refuses"
    # White space around a name does not count here.
    assert same((params, name), (loaded[0], loaded[1].strip(WHITE_SPACE))), \
        f"{name}{params!r:.200}, not {loaded!r:.200}"
    return "call"


def check_result(document: bytes) -> str:
    """A result or a fault is read as `loads` reads it, or refused for one of the known reasons."""
    loaded, loaded_fault = loads(document)
    try:
        value = decode_result(document)
    except Fault as fault:
        if loaded_fault and vars(fault) == vars(loaded_fault):
            return "fault"
        return _why_refused(document, fault)
    if _has_more_forms(document) and not loaded:
        return "a form that loads does not read"
    assert loaded, f"taken: {value!r:.200}, which loads refuses"
    assert same((value,), loaded[0]), f"{value!r:.200}, not {loaded[0]!r:.200}"
    return "result"


def _has_more_forms(document: bytes) -> bool:
    seen = shape(document)
    return bool(seen and seen.tags & MORE_FORMS)


def _why_refused(document: bytes, fault: Fault) -> str:
    """The reason for which Ponte refuses a document; fails where the fault has another code."""
    seen = shape(document)
    if fault.faultCode == NOT_XML_RPC:
        assert seen, f"not well formed, and refused with {fault}"
        return "no XML-RPC"
    assert fault.faultCode == NOT_WELL_FORMED, fault
    if not seen:
        return "not well formed"
    if not ENCODING.fullmatch(seen.encoding):
        return "an encoding"
    if seen.has_doctype:
        return "a DOCTYPE"
    if seen.levels > MAX_DEPTH:
        return "too deep"
    assert "bigdecimal" in seen.tags or seen.longest_text > MAX_DIGITS, \
        f"well formed, and refused with {fault}"
    return "too many digits"


def _echo(*values: Any) -> Any:
    return values[0] if len(values) == 1 else list(values)


def _add(one: Any, other: Any) -> Any:
    return one + other


_functions: dict[str, Callable[..., Any]] = {
    "echo": _echo, "pow": _add, "len": len, "hello": _echo}
_dispatcher = Dispatcher(_functions)


def check_dispatch(document: bytes) -> str:
    """Each document has one reply: a result, or a short fault with one of our codes."""
    reply = _dispatcher.dispatch(document)
    try:
        decode_result(reply)
    except Fault as fault:
        assert fault.faultCode in FAULTS, fault
        assert len(reply) <= MAX_FAULT_BYTES, f"a fault of {len(reply)} bytes"
        return str(fault.faultCode)
    return "result"


# ---- values out of bytes -------------------------------------------------------------------------

class _Source:
    """Choices that are made by bytes, so that a mutation of the bytes changes the value."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1] if self._at <= len(self._data) else 0

    def take(self) -> bytes:
        length = self.byte() % 24
        self._at += length
        return self._data[self._at - length:self._at]

    def text(self) -> str:
        return self.take().decode("utf-8", "surrogateescape" if self.byte() % 8 == 0 else "replace")


def value_from(source: _Source, depth: int = 0) -> Any:
    """A value of any type that XML-RPC can carry, and some that it cannot."""
    makers: Sequence[Callable[[], Any]] = (
        source.text,
        source.text,
        lambda: int.from_bytes(source.take()[:5], "big", signed=True),
        lambda: source.byte() % 2 == 0,
        lambda: struct.unpack(">d", source.take().ljust(8, b"\0")[:8])[0],
        source.take,
        lambda: None,
        lambda: datetime.datetime(1 + source.byte() * 39, 1 + source.byte() % 12,
                                  1 + source.byte() % 28, source.byte() % 24, source.byte() % 60,
                                  source.byte() % 60),
        lambda: [value_from(source, depth + 1) for _ in range(source.byte() % MAX_ITEMS)],
        lambda: {source.text(): value_from(source, depth + 1)
                 for _ in range(source.byte() % MAX_ITEMS)})
    return makers[source.byte() % (len(makers) if depth < FINITE_DEPTH else 8)]()


def check_round_trip(data: bytes) -> str:
    """What is encoded is read back unchanged, by Ponte and by the standard library."""
    source = _Source(data)
    params = tuple(value_from(source) for _ in range(1 + source.byte() % 3))
    try:
        call, result = encode_call("echo", params), encode_result(params[0])
    except (TypeError, ValueError, OverflowError) as error:
        return type(error).__name__
    loaded, _ = loads(call)
    check_plain(params, plain.write_call("echo", params),
                lambda: xmlrpc.client.dumps(params, "echo", allow_none=True))
    check_plain(params[0], plain.write_result(params[0]),
                lambda: xmlrpc.client.dumps(params[:1], methodresponse=True, allow_none=True))
    assert loaded and same(loaded, (params, "echo")), \
        f"loads gives {loaded!r:.300}, not {params!r:.300}"
    assert same(decode_call(call), ("echo", params)), \
        f"{decode_call(call)!r:.300}, not {params!r:.300}"
    assert same(decode_result(result), params[0]), \
        f"{decode_result(result)!r:.300}, not {params[0]!r:.300}"
    return "plain" if len(call) < 300 else "long"


def check_plain(value: Any, written: bytes | None, by_library: Callable[[], str]) -> None:
    """A value that is written as plain is written as the library writes it."""
    assert written is None or written == by_library().encode(), \
        f"{value!r:.300} is written as {written!r:.300}"


def check_text(data: bytes) -> str:
    """With any bytes as a plain value, or as the name of a method, the pattern and the parser read
    the same.
    """
    head = _HEAD + b"<methodCall>\n<methodName>%s</methodName>\n<params>\n"
    tail = b"</params>\n</methodCall>\n"
    param = b"<param>\n<value><%s>%s</%s></value>\n</param>\n"
    params = [param % (kind, data, kind) for kind in (b"string", b"int", b"boolean")]
    two_params = params[0] + param % (b"int", b"1", b"int")
    found = [check_call(head % b"echo" + body + tail) for body in (*params, two_params)]
    found.append(check_call(head % data + tail))
    for body in params:
        check_result(_HEAD + b"<methodResponse>\n<params>\n" + body
                     + b"</params>\n</methodResponse>\n")
    return f"{found.count('call')} of {len(found)}"


# ---- what is mutated -----------------------------------------------------------------------------

_VALUES: Sequence[Any] = (
    "Hello", "", "a < b & c", 42, -7, True, 2.5, None, b"\0\1\2",
    datetime.datetime(2024, 2, 29, 12, 30, 45), [1, ["two", []]],
    {"name": "ana", "cents": 100, "more": {"": [None]}})
_DEEP = b"<value><array><data>" * 124 + b"</data></array></value>" * 124
_PLAIN_CALLS = (
    encode_call("hello", ("Hello",)), encode_call("pow", (6, 8)),
    encode_call("system.listMethods", ()),
    encode_call("echo", (True, -1, "saudação \N{BRIDGE AT NIGHT}")))
_PLAIN_RESULTS = (encode_result("World"), encode_result(-2147483648), encode_result(False),
                  encode_result(""))
_OTHER_CALLS = (
    encode_call("echo", _VALUES),
    b"<methodCall><methodName>echo</methodName><params><param><value><array><data>"
    b"<value><dateTime.iso8601>2024-02-29T13:14:15.5+01:00</dateTime.iso8601></value>"
    b"<value><boolean>true</boolean></value><value><double> +.5e1 </double></value>"
    b"<value><ex:bigdecimal>1.10</ex:bigdecimal></value></data></array></value></param></params>"
    b"</methodCall>",
    _HEAD + b"<methodCall><methodName>echo</methodName><params><param>" + _DEEP
    + b"</param></params></methodCall>",
    b"<methodCall>\r\n<methodName>pow</methodName><params><param><value><i4>6</i4></value></param>"
    b"<param><value>8</value></param></params></methodCall>",
    '<?xml version="1.0" encoding="iso-8859-1"?><methodCall><methodName>echo</methodName>'
    "<params><param><value>é</value></param></params></methodCall>".encode("latin-1"),
    xmlrpc.client.dumps(("é",), "echo", encoding="utf-16").encode("utf-16"))
_OTHER_RESULTS = (
    encode_result(list(_VALUES)), xmlrpc.client.dumps(Fault(-32500, "ValueError: no")).encode(),
    xmlrpc.client.dumps(Fault(4, "<&>"), methodresponse=True).encode(),
    _HEAD + b"<methodResponse><params><param><value><ex:nil/></value></param></params>"
    b"</methodResponse>")

WORDS = (
    # Markup and control characters.
    b"<", b">", b"&", b"]]>", b"</", b"/>", b"\r", b"\n", b"\r\n", b"\0", b"\x0b", b"\x1f",
    b"\x7f",
    # Characters of more than one byte: some are forbidden, some look like others.
    b"\xc2\x85", b"\xe2\x80\xa8", b"\xef\xbf\xbe", b"\xef\xbf\xbf", b"\xed\xa0\x80",
    b"\xf0\x9f\xbf\xbe", b"\xf4\x90\x80\x80", b"\xef\xbb\xbf", b"\xc0\x80", b"\xc2\xa0",
    b"\xd9\xa5",
    # Entities, comments, declarations.
    b"&amp;", b"&#13;", b"&#0;", b"&x;", b"<!--x-->", b"<?x y?>", b"<![CDATA[<]]>",
    b"<!DOCTYPE a>", b'<!DOCTYPE a [<!ENTITY x "y">]>', b"<?xml version='1.0'?>",
    b"<?xml version='1.0' encoding='utf-7'?>",
    # Values, and parts of dates.
    b"Z", b"24:00", b":60", b",5", b"+01:00", b"T", b"<boolean>true</boolean>", b"<name>a</name>",
    b"<base64>QQ==</base64>",
    b"<value>", b"</value>", b"<value><int>5</int></value>", b"<int>", b"</int>", b"<i4>5</i4>",
    b"<i8>5</i8>", b"<biginteger>" + b"9" * 5000 + b"</biginteger>",
    b"<bigdecimal>1e9</bigdecimal>", b"<double>1e999</double>", b"<double>nan</double>",
    b"<double>" + b"\xc2\x85" * 2000 + b"</double>", b"<nil/>", b"<ex:nil/>",
    b"<boolean>2</boolean>", b"<boolean>true</boolean>", b"<base64>!</base64>",
    b"<base64>AAE=</base64>", b"<dateTime.iso8601>20240229T12:30:45</dateTime.iso8601>",
    b"<dateTime.iso8601>x</dateTime.iso8601>", b"<array><data>", b"</data></array>",
    b"<struct><member><name>a</name>", b"</member></struct>",
    # The frame of a document.
    b"<param>", b"</param>", b"<params>", b"</params>", b"<fault>", b"</fault>", b"<methodName>",
    b"</methodName>", b"<methodCall>", b"</methodCall>", b"<methodResponse>", b"</methodResponse>",
    # Names and numbers.
    b"_x", b"a.b", b" 5 ", b"-0", b"+5", b"--5", b"1_0", b"2147483648", b"99999999999",
    b"0000000005", b"0x5", b"<string>", b"</string>", b"<string/>", _DEEP,
)
PLAIN_WORDS = tuple(word for word in WORDS if len(word) < 60)

TARGETS = (
    Target("calls", _PLAIN_CALLS + _OTHER_CALLS, WORDS, check_call),
    Target("results", _PLAIN_RESULTS + _OTHER_RESULTS, WORDS, check_result),
    Target("plain calls", _PLAIN_CALLS, PLAIN_WORDS, check_call),
    Target("plain results", _PLAIN_RESULTS, PLAIN_WORDS, check_result),
    Target("plain text",
           (b"Hello", b"42", b"-7", b"1", b"system.x", "\u00e9\u20ac\U0001f600".encode()),
           PLAIN_WORDS, check_text),
    Target("dispatch", _PLAIN_CALLS + _OTHER_CALLS, WORDS, check_dispatch),
    Target("round trip", tuple(bytes(range(at, at + 40)) for at in range(0, 210, 7)),
           PLAIN_WORDS, check_round_trip),
)
