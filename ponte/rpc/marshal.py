"""XML-RPC marshalling: calls, results and faults become XML documents, and come back.

A call is a <methodCall>: the name of a method, and parameters. What comes back is a
<methodResponse>: one value, or a fault (a code and a text).

The problem: these documents come from anybody who can reach the port, and an XML parser with its
usual settings trusts them. A document of 1 KB may define entities that expand to gigabytes, and
1 MB of gzip may inflate to 1 GB. The idea: each danger is refused before the parser follows it.

    a DOCTYPE           refused: without it there is no entity that could expand
    gzip (RFC 1952)     inflated up to the length that a message may have, and no further
    nested elements     up to MAX_DEPTH
    an integer          up to MAX_DIGITS digits
    an encoding         one of ENCODING: Python's codecs remember each name that they looked up

Wire format: the XML-RPC specification (xmlrpc.com/spec.md), as `xmlrpc.client` writes it, with
`None` as <nil/>, and the fault codes of the "specification for fault code interoperability".

Threads: the functions here keep no state, so that any number of threads may call them.

    >>> decode_call(encode_call("pay", ("ana", {"cents": 250})))
    ('pay', ('ana', {'cents': 250}))
    >>> decode_result(encode_result([1, None, "a < b"]))
    [1, None, 'a < b']
    >>> decode_result(encode_fault(Fault(7, "no such account")))
    Traceback (most recent call last):
    xmlrpc.client.Fault: <Fault 7: 'no such account'>
"""

from __future__ import annotations

import re
import xmlrpc.client
import zlib
from collections.abc import Sequence
from typing import Any
from xml.parsers import expat
from xmlrpc.client import Fault

from ponte.net.message import MAX_BODY_BYTES, ProtocolError, Request
from ponte.rpc import plain

NOT_WELL_FORMED = -32700
METHOD_NOT_FOUND = -32601
INVALID_PARAMETERS = -32602
APPLICATION_ERROR = -32500
TRANSPORT_ERROR = -32300

CONTENT_TYPE = "text/xml"
XML_TYPES = frozenset((CONTENT_TYPE, "application/xml"))
# Two names of one format (RFC 9110 section 8.4.1.3).
GZIP = frozenset(("gzip", "x-gzip"))
# For zlib this number means: with the header and the checksum of RFC 1952.
GZIP_FORMAT = 16 + zlib.MAX_WBITS
# Encodings that are read. Others are rare, and Python would remember the name of each for ever.
ENCODING = re.compile("utf-?8|utf-16|(us-)?ascii|latin-?1|iso-8859-[0-9]{1,2}"
                      "|(windows-|cp)125[0-8]", re.IGNORECASE)
INTEGER_TAGS = ("int", "i1", "i2", "i4", "i8", "biginteger")
# Digits of an integer: the limit of Python since 3.9.14. Older ones need seconds for a million.
MAX_DIGITS = 4300
# Nested elements. A list inside a list takes four, and Python's own recursion ends near 1,000.
MAX_DEPTH = 500
# Characters of a fault's text, which may quote the whole call. Without a limit, the fault could be
# longer than a message may be, and would never arrive.
MAX_FAULT_CHARS = 10_000
# Characters that XML cannot hold, escaped or not (XML 1.0 section 2.2).
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_MARKUP = re.compile(r"[<>&\s]")


# ---- the body of a request -----------------------------------------------------------------------

def xml_of(request: Request) -> bytes:
    """The XML in the body of a request, inflated where it is compressed.

    Raises ProtocolError: 415 for another type or coding, 400 for broken gzip, 413 where the
    inflated body is longer than MAX_BODY_BYTES.

    Registry and server call this. The proxy does not: it passes bodies on without reading them.
    """
    # A request without Content-Type is taken as XML.
    media_type = request.headers.get("content-type", CONTENT_TYPE)
    if media_type != CONTENT_TYPE and media_type.partition(";")[0].strip().lower() not in XML_TYPES:
        raise ProtocolError(415, f"send XML-RPC as Content-Type: {CONTENT_TYPE}")
    coding = request.headers.get("content-encoding", "identity").lower()
    if coding in GZIP:
        return _inflate(request.body)
    if coding != "identity":
        raise ProtocolError(415, f"a body in {coding[:20]!r} is not read here",
                            Accept_Encoding="gzip, identity")
    return request.body


def _inflate(packed: bytes) -> bytes:
    """The content of one gzip member, which may have MAX_BODY_BYTES."""
    inflator = zlib.decompressobj(GZIP_FORMAT)
    try:
        # One byte more than allowed is enough to see that it is too long.
        body = inflator.decompress(packed, MAX_BODY_BYTES + 1)
    except zlib.error as error:
        raise ProtocolError(400, f"broken gzip: {error}") from None
    if len(body) > MAX_BODY_BYTES:
        raise ProtocolError(413, f"a body of more than {MAX_BODY_BYTES} bytes when it is inflated")
    if not inflator.eof or inflator.unused_data:
        raise ProtocolError(400, "broken gzip: it ends too early, or something follows it")
    return body


# ---- marshalling ---------------------------------------------------------------------------------

def encode_call(method: str, params: Sequence[Any]) -> bytes:
    """A <methodCall> as bytes.

    Raises TypeError, OverflowError or ValueError for parameters that XML-RPC cannot carry, and
    ValueError for a name with markup or white space in it.
    """
    if not method or _MARKUP.search(method):
        raise ValueError(f"{method!r} is not the name of a method")
    return plain.write_call(method, params) \
        or _xml(xmlrpc.client.dumps(tuple(params), method, allow_none=True))


def decode_call(body: bytes) -> tuple[str, tuple[Any, ...]]:
    """The method name and the parameters of a <methodCall>.

    Raises Fault with the code NOT_WELL_FORMED for any other document.
    """
    found = plain.read_call(body)
    if found:
        return found
    params, method = _decode(body, "methodCall")
    if not isinstance(method, str) or not method:
        raise Fault(NOT_WELL_FORMED, "not a <methodCall>")
    return method, params


def encode_result(value: Any) -> bytes:
    """A <methodResponse> with a value, as bytes.

    Raises TypeError, OverflowError or ValueError for a value that XML-RPC cannot carry.
    """
    return plain.write_result(value) \
        or _xml(xmlrpc.client.dumps((value,), methodresponse=True, allow_none=True))


def encode_response(value: Any) -> bytes:
    """The same for a result that is sent in one message.

    Also raises ValueError where it is longer than MAX_BODY_BYTES.
    """
    encoded = encode_result(value)
    if len(encoded) > MAX_BODY_BYTES:
        raise ValueError(f"as XML it has {len(encoded)} bytes, more than the {MAX_BODY_BYTES} "
                         "that a message may have")
    return encoded


def encode_fault(fault: Fault) -> bytes:
    """A <methodResponse> with a fault, as bytes. Takes any fault: see `fields_of_fault`."""
    return _xml(xmlrpc.client.dumps(Fault(**fields_of_fault(fault)), methodresponse=True))


def fields_of_fault(fault: Fault) -> dict[str, Any]:
    """The struct that carries a fault: {"faultCode": ..., "faultString": ...}.

    The text is cut after MAX_FAULT_CHARS, and characters that XML cannot hold become "?". A code
    that is not an integer of 32 bits becomes APPLICATION_ERROR.
    """
    text = _FORBIDDEN.sub("?", str(fault.faultString)[:MAX_FAULT_CHARS])
    code = fault.faultCode
    if type(code) is not int or abs(code) >= 2 ** 31:
        code = APPLICATION_ERROR
    return {"faultCode": code, "faultString": text}


def decode_result(body: bytes) -> Any:
    """The value of a <methodResponse>.

    Raises the Fault that it holds; for any other document, a Fault with the code NOT_WELL_FORMED.
    """
    found = plain.read_result(body)
    if found:
        return found[0]
    values, _ = _decode(body, "methodResponse")
    if len(values) != 1:
        raise Fault(NOT_WELL_FORMED, "not a <methodResponse> with one value")
    return values[0]


def _xml(text: str) -> bytes:
    """`text` as a UTF-8 document. Raises ValueError for characters that XML forbids.

    `dumps` does not check them.
    """
    if _FORBIDDEN.search(text):
        raise ValueError("XML cannot hold control characters; send bytes instead of str")
    # A bare CR would arrive as LF (XML 1.0 section 2.11).
    return text.replace("\r", "&#13;").encode()


def _decode(body: bytes, root: str) -> tuple[tuple[Any, ...], str | None]:
    """The values and the method name in a document whose outermost element is <root>.

    The parser is expat, which calls the functions below for each element. The values are put
    together by the standard library's `Unmarshaller`. Every error becomes a Fault.
    """
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

    # No encoding is given: expat has decoded the text already.
    unmarshaller.xml(None, None)  # type: ignore[arg-type]
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
        # The document holds a fault: right in a <methodResponse>, if its fields have their types.
        if root == "methodResponse" and type(fault.faultCode) is int \
                and isinstance(fault.faultString, str):
            raise
        raise Fault(NOT_WELL_FORMED, f"not a <{root}>") from None
    except xmlrpc.client.ResponseError:
        raise Fault(NOT_WELL_FORMED, "not an XML-RPC message") from None
    except Exception as error:
        # Expat, the unmarshaller and `int` each raise errors of their own for bad XML.
        raise Fault(NOT_WELL_FORMED, f"not well formed: {error or type(error).__name__}") from None


def _end_integer(unmarshaller: xmlrpc.client.Unmarshaller, text: str) -> None:
    if len(text.strip()) > MAX_DIGITS:
        raise ValueError(f"an integer of more than {MAX_DIGITS} digits")
    unmarshaller.end_int(text)


# What the end of each element does: the standard library's functions, except for integers.
_ENDS = {**xmlrpc.client.Unmarshaller.dispatch, **dict.fromkeys(INTEGER_TAGS, _end_integer)}


def _check_encoding(_version: str, encoding: str | None, _standalone: int) -> None:
    """Refuses a document in an encoding that is not one of ENCODING."""
    if encoding is not None and not ENCODING.fullmatch(encoding):
        raise ValueError(f"the encoding {encoding[:20]!r} is not read here")


def _refuse_doctype(*_: object) -> None:
    raise ValueError("a DOCTYPE is not allowed")
