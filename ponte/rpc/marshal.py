"""XML-RPC on top of HTTP: calls and results as XML, and a dispatcher from method names to functions.

Wire format: the XML-RPC specification (xmlrpc.com/spec.md), marshalled by `xmlrpc.client`, with `None` as
<nil/>, and the fault codes of the "specification for fault code interoperability".

A document with a DOCTYPE is refused before anything of it is expanded: no entity, no entity bomb. A body may be
compressed with gzip (RFC 1952), and is inflated no further than a message may be long: no zip bomb.
An exception in a function becomes a fault with its type and message, never with a traceback.

Threads: `Dispatcher.dispatch` may run in any number of them; whether the functions can stand that is
their author's business.
"""

from __future__ import annotations

import logging
import re
import xmlrpc.client
import zlib
from collections.abc import Sequence
from typing import Any
from xml.parsers import expat
from xmlrpc.client import Fault

from ponte.net.message import MAX_BODY_BYTES, ProtocolError, Request
from ponte.rpc import plain

log = logging.getLogger("ponte.rpc")

NOT_WELL_FORMED = -32700
METHOD_NOT_FOUND = -32601
INVALID_PARAMETERS = -32602
APPLICATION_ERROR = -32500
TRANSPORT_ERROR = -32300

CONTENT_TYPE = "text/xml"
XML_TYPES = frozenset((CONTENT_TYPE, "application/xml"))
GZIP = frozenset(("gzip", "x-gzip"))    # RFC 9110 section 8.4.1.3: the same
GZIP_FORMAT = 16 + zlib.MAX_WBITS       # zlib's way to say: with the header and the checksum of RFC 1952
ENCODING = re.compile("utf-?8|utf-16|(us-)?ascii|latin-?1|iso-8859-[0-9]{1,2}|(windows-|cp)125[0-8]", re.IGNORECASE)
INTEGER_TAGS = ("int", "i1", "i2", "i4", "i8", "biginteger")
MAX_DIGITS = 4300       # of an integer, as in Python since 3.9.14; before, `int` took seconds for a million
MAX_DEPTH = 500         # nested elements; a list in a list takes four, and Python's own recursion ends near 1,000
MAX_FAULT_CHARS = 10_000        # an error may quote all of a call; a fault longer than a reply may be would be lost
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")      # XML 1.0 section 2.2
_MARKUP = re.compile(r"[<>&\s]")


# ---- the body of a request ------------------------------------------------------------------------------

def xml_of(request: Request) -> bytes:
    """The XML in a request, inflated if need be. Raises ProtocolError: 415, or 413 and 400 for gzip.

    The proxy passes bodies on as they are: what is in them is between its two ends.
    """
    media_type = request.headers.get("content-type", CONTENT_TYPE)      # who says nothing is believed, too
    if media_type != CONTENT_TYPE and media_type.partition(";")[0].strip().lower() not in XML_TYPES:
        raise ProtocolError(415, f"send XML-RPC as Content-Type: {CONTENT_TYPE}")
    coding = request.headers.get("content-encoding", "identity").lower()
    if coding in GZIP:
        return _inflate(request.body)
    if coding != "identity":
        raise ProtocolError(415, f"a body in {coding[:20]!r} is not read here", Accept_Encoding="gzip, identity")
    return request.body


def _inflate(packed: bytes) -> bytes:
    """What is in one gzip member, which may be as long as a message at most."""
    inflator = zlib.decompressobj(GZIP_FORMAT)
    try:
        body = inflator.decompress(packed, MAX_BODY_BYTES + 1)      # a byte too many tells enough
    except zlib.error as error:
        raise ProtocolError(400, f"broken gzip: {error}") from None
    if len(body) > MAX_BODY_BYTES:
        raise ProtocolError(413, f"a body of more than {MAX_BODY_BYTES} bytes, once inflated")
    if not inflator.eof or inflator.unused_data:
        raise ProtocolError(400, "broken gzip: it ends too early, or something follows it")
    return body


# ---- marshalling ----------------------------------------------------------------------------------------

def encode_call(method: str, params: Sequence[Any]) -> bytes:
    """A <methodCall>. Raises TypeError, OverflowError or ValueError for what XML-RPC cannot carry."""
    if not method or _MARKUP.search(method):
        raise ValueError(f"{method!r} is no method name")
    return plain.write_call(method, params) or _xml(xmlrpc.client.dumps(tuple(params), method, allow_none=True))


def decode_call(body: bytes) -> tuple[str, tuple[Any, ...]]:
    """The method name and parameters of a <methodCall>. Raises a Fault for anything else."""
    found = plain.read_call(body)
    if found:
        return found
    params, method = _decode(body, "methodCall")
    if not isinstance(method, str) or not method:
        raise Fault(NOT_WELL_FORMED, "not a <methodCall>")
    return method, params


def encode_result(value: Any) -> bytes:
    """A <methodResponse> with a value. Raises TypeError, OverflowError or ValueError for what XML-RPC cannot carry."""
    return plain.write_result(value) or _xml(xmlrpc.client.dumps((value,), methodresponse=True, allow_none=True))


def encode_response(value: Any) -> bytes:
    """The same for a reply that has to travel; also raises ValueError for one that is longer than a message may be."""
    encoded = encode_result(value)
    if len(encoded) > MAX_BODY_BYTES:
        raise ValueError(f"it has {len(encoded)} bytes as XML, and a message {MAX_BODY_BYTES} at most")
    return encoded


def encode_fault(fault: Fault) -> bytes:
    """A <methodResponse> with a fault; of its text, the first MAX_FAULT_CHARS."""
    return _xml(xmlrpc.client.dumps(Fault(**_fields_of(fault)), methodresponse=True))


def _fields_of(fault: Fault) -> dict[str, Any]:
    """What is told of a fault, in a form that can be told."""
    text = _FORBIDDEN.sub("?", str(fault.faultString)[:MAX_FAULT_CHARS])
    code = fault.faultCode if type(fault.faultCode) is int and abs(fault.faultCode) < 2 ** 31 else APPLICATION_ERROR
    return {"faultCode": code, "faultString": text}


def decode_result(body: bytes) -> Any:
    """The value of a <methodResponse>. Raises the Fault that it holds, or one with code -32700."""
    found = plain.read_result(body)
    if found:
        return found[0]
    values, _ = _decode(body, "methodResponse")
    if len(values) != 1:
        raise Fault(NOT_WELL_FORMED, "not a <methodResponse> with one value")
    return values[0]


def _xml(text: str) -> bytes:
    """`text` as a UTF-8 document; raises ValueError where `dumps` let through what XML forbids."""
    if _FORBIDDEN.search(text):
        raise ValueError("XML has no way to write control characters; send bytes instead of str")
    return text.replace("\r", "&#13;").encode()        # a bare CR would arrive as LF (XML 1.0 section 2.11)


def _decode(body: bytes, root: str) -> tuple[tuple[Any, ...], str | None]:
    """Parameters and method name of the document whose outermost element is <root>."""
    unmarshaller = xmlrpc.client.Unmarshaller(use_builtin_types=True)
    unmarshaller.dispatch = _ENDS
    path: list[str] = []

    def start(tag: str, attributes: dict[str, str]) -> None:
        if len(path) >= MAX_DEPTH or (not path and tag != root):
            raise ValueError(f"not a <{root}>" if not path else f"more than {MAX_DEPTH} levels")
        path.append(tag)
        unmarshaller.start(tag, attributes)

    def end(tag: str) -> None:
        path.pop()
        unmarshaller.end(tag)

    unmarshaller.xml(None, None)  # type: ignore[arg-type]    # no encoding: expat hands over text already
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.XmlDeclHandler = _check_encoding
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = unmarshaller.data
    try:
        parser.Parse(body, True)
        return unmarshaller.close(), unmarshaller.getmethodname()
    except Fault as fault:
        if root == "methodResponse" and type(fault.faultCode) is int and isinstance(fault.faultString, str):
            raise
        raise Fault(NOT_WELL_FORMED, f"not a <{root}>") from None
    except xmlrpc.client.ResponseError:
        raise Fault(NOT_WELL_FORMED, "not an XML-RPC message") from None
    except Exception as error:      # expat, the unmarshaller and int() all have errors of their own for bad XML
        raise Fault(NOT_WELL_FORMED, f"not well formed: {error or type(error).__name__}") from None


def _end_integer(unmarshaller: xmlrpc.client.Unmarshaller, text: str) -> None:
    if len(text.strip()) > MAX_DIGITS:
        raise ValueError(f"an integer of more than {MAX_DIGITS} digits")
    unmarshaller.end_int(text)


# What the end of each element does: as in the standard library, but for long integers.
_ENDS = {**xmlrpc.client.Unmarshaller.dispatch, **dict.fromkeys(INTEGER_TAGS, _end_integer)}


def _check_encoding(_version: str, encoding: str | None, _standalone: int) -> None:
    """Those that are not built into expat are looked up among Python's codecs, which never forget a name: few do."""
    if encoding is not None and not ENCODING.fullmatch(encoding):
        raise ValueError(f"an encoding that is not read here: {encoding[:20]!r}")


def _refuse_doctype(*_: object) -> None:
    raise ValueError("a DOCTYPE is not allowed")


