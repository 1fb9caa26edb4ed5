"""XML-RPC marshalling: calls, results and faults become XML documents, and come back.

A call is a <methodCall>: the name of a method, and parameters. What comes back is a
<methodResponse>: one value, or a fault (a code and a text).

The problem: these documents come from anybody who can reach the port, and an XML parser with its
usual settings trusts them. A document of 1 KB may define entities that expand to gigabytes, and
1 MB of gzip may inflate to 1 GB. The idea: each danger is refused before the parser follows it.

    a DOCTYPE           refused: without it there is no entity that could expand
    gzip (RFC 1952)     inflated up to the length that a message may have, and no further
    nested elements     up to MAX_DEPTH (from_xml.py)
    an integer          up to MAX_DIGITS digits
    an encoding         one of ENCODING: Python's codecs remember each name that they looked up

Wire format: the XML-RPC specification (xmlrpc.com/spec.md), as `xmlrpc.client` writes it, with
`None` as <nil/>, and the fault codes of the "specification for fault code interoperability". Which
values are carried is told in to_xml.py, and what is read in from_xml.py.

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
import zlib
from collections.abc import Sequence
from typing import Any, Callable
from xmlrpc.client import Fault

from ponte.net.message import MAX_BODY_BYTES, ProtocolError, Request
from ponte.rpc import plain
from ponte.rpc.charset import in_utf_8
from ponte.rpc.from_xml import NotXmlRpc, Reader, Refused
from ponte.rpc.to_xml import is_refused, place_of, write_value

NOT_WELL_FORMED = -32700
NOT_XML_RPC = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMETERS = -32602
APPLICATION_ERROR = -32500
TRANSPORT_ERROR = -32300

CONTENT_TYPE = "text/xml; charset=utf-8"
XML_TYPES = frozenset(("text/xml", "application/xml"))
# Two names of one format (RFC 9110 section 8.4.1.3).
GZIP = frozenset(("gzip", "x-gzip"))
# For zlib this number means: with the header and the checksum of RFC 1952.
GZIP_FORMAT = 16 + zlib.MAX_WBITS
# Characters of a fault's text, which may quote the whole call. Without a limit, the fault could be
# longer than a message may be, and would never arrive.
MAX_FAULT_CHARS = 10_000
# A longer place in a value is not told: in a list that contains itself there is no end.
MAX_PLACE_CHARS = 300
# Characters that XML cannot hold, escaped or not (XML 1.0 section 2.2).
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_MARKUP = re.compile(r"[<>&\s]")


# ---- the body of a request -----------------------------------------------------------------------

def xml_of(request: Request) -> bytes:
    """The XML in the body of a request, inflated where it is compressed.

    Raises ProtocolError: 415 for another type or coding, 400 for broken gzip, 413 where the
    inflated body is longer than MAX_BODY_BYTES; and for a wrong charset, see charset.py.

    Registry and server call this. The proxy does not: it passes bodies on without reading them.
    """
    # A request without Content-Type is taken as XML.
    media_type = request.headers.get("content-type", CONTENT_TYPE)
    if media_type != CONTENT_TYPE and media_type.partition(";")[0].strip().lower() not in XML_TYPES:
        raise ProtocolError(415, f"send XML-RPC as Content-Type: {CONTENT_TYPE}")
    coding = request.headers.get("content-encoding", "identity").lower()
    if coding not in GZIP and coding != "identity":
        raise ProtocolError(415, f"a body in {coding[:20]!r} is not read here",
                            Accept_Encoding="gzip, identity")
    return in_utf_8(_inflate(request.body) if coding in GZIP else request.body, media_type)


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
        or _document(f"<methodCall>\n<methodName>{method}</methodName>\n<params>\n", params,
                     "</params>\n</methodCall>\n", place=lambda inside: f"params{inside}")


def decode_call(body: bytes) -> tuple[str, tuple[Any, ...]]:
    """The method name and the parameters of a <methodCall>.

    Raises Fault for any other document: NOT_XML_RPC if it is well-formed XML, NOT_WELL_FORMED if it
    is not, or if it is refused as dangerous; the text says which of both.
    """
    found = plain.read_call(body)
    if found:
        return found
    name, *params = _read(Reader("a call"), body)
    if not name:
        raise Fault(NOT_XML_RPC, "not XML-RPC: the <methodName> is empty")
    return name, tuple(params)


def encode_result(value: Any) -> bytes:
    """A <methodResponse> with a value, as bytes.

    Raises TypeError, OverflowError or ValueError for a value that XML-RPC cannot carry.
    """
    return plain.write_result(value) \
        or _document("<methodResponse>\n<params>\n", (value,), "</params>\n</methodResponse>\n")


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
    return _document("<methodResponse>\n<fault>\n", [fields_of_fault(fault)],
                     "</fault>\n</methodResponse>\n", around=("", ""))


def fields_of_fault(fault: Fault) -> dict[str, Any]:
    """The struct that carries a fault: {"faultCode": ..., "faultString": ...}.

    The text is cut after MAX_FAULT_CHARS, and characters that XML cannot hold become "?". It is
    empty where there is none, or where `str` of it fails. A code that is not an integer of 32 bits
    becomes APPLICATION_ERROR.
    """
    # A subclass may lack both, or have them computed.
    try:
        code = fault.faultCode
    except BaseException:
        code = APPLICATION_ERROR
    if type(code) is not int or abs(code) >= 2 ** 31:
        code = APPLICATION_ERROR
    try:
        text = "".join([str(fault.faultString)])
    except BaseException:
        text = ""
    return {"faultCode": code, "faultString": _FORBIDDEN.sub("?", text[:MAX_FAULT_CHARS])}


def decode_result(body: bytes, content_type: str = CONTENT_TYPE) -> Any:
    """The value of a <methodResponse>, of a reply with this Content-Type.

    Raises the Fault that it holds; for any other document, a Fault as `decode_call` does. That is
    NOT_WELL_FORMED where the charset of Content-Type is wrong, see charset.py.
    """
    # Every reply of ours has this one.
    if content_type != CONTENT_TYPE:
        try:
            body = in_utf_8(body, content_type)
        except ProtocolError as error:
            raise Fault(NOT_WELL_FORMED, f"refused: {error.reason}") from None
    found = plain.read_result(body)
    if found:
        return found[0]
    response = Reader("a response")
    values = _read(response, body)
    if response.is_fault:
        raise _fault(values[0])
    if len(values) != 1:
        raise Fault(NOT_XML_RPC, f"not XML-RPC: a <methodResponse> with {len(values)} values")
    return values[0]


def _fault(fields: Any) -> Fault:
    """The fault of a <fault>, or one that says what is wrong with it."""
    code, text = (fields.get("faultCode"), fields.get("faultString")) \
        if isinstance(fields, dict) else (None, None)
    if type(code) is int and isinstance(text, str):
        return Fault(code, text)
    return Fault(NOT_XML_RPC, "not XML-RPC: a <fault> is a struct of faultCode (int) and "
                              f"faultString (string), not {repr(fields)[:MAX_FAULT_CHARS]}")


def _document(head: str, values: Sequence[Any], foot: str,
              around: tuple[str, str] = ("<param>\n", "</param>\n"),
              place: Callable[[str], str] = lambda inside: inside.replace("[0]", "", 1)) -> bytes:
    """A document with `values` between `head` and `foot`, and two texts around each of them.

    `place` says where a value stands that is refused, as "params[0]['a']", of "[0]['a']".
    """
    parts = ["<?xml version='1.0'?>\n", head]
    try:
        for value in values:
            parts.append(around[0])
            write_value(value, parts.append)
            parts.append(around[1])
    except (TypeError, OverflowError, ValueError) as error:
        where = place(place_of(list(values), is_refused) or "")
        raise type(error)(f"{error}{_at(where)}") from None
    parts.append(foot)
    text = "".join(parts)
    if _FORBIDDEN.search(text):
        where = place(place_of(list(values), _has_forbidden) or "")
        raise ValueError("XML cannot hold control characters; send bytes instead of str"
                         f"{_at(where)}")
    return _xml(text)


def _xml(text: str) -> bytes:
    """A bare CR would arrive as LF (XML 1.0 section 2.11)."""
    return text.replace("\r", "&#13;").encode()


def _at(where: str) -> str:
    """The end of an error that tells the place; "" where there is none, or none that helps."""
    return f" (at {where})" if 0 < len(where) <= MAX_PLACE_CHARS else ""


def _has_forbidden(value: Any) -> bool:
    return type(value) is str and _FORBIDDEN.search(value) is not None


def _read(reader: Reader, body: bytes) -> list[Any]:
    """The values in `body`. Every error becomes a Fault."""
    try:
        return reader.read(body)
    except NotXmlRpc as error:
        raise Fault(NOT_XML_RPC, f"not XML-RPC: {error}") from None
    except Refused as error:
        # It may well be well formed: nobody has read it to its end.
        raise Fault(NOT_WELL_FORMED, f"refused: {error}") from None
    except Exception as error:
        # Expat and the codecs each raise errors of their own for what is not well formed.
        raise Fault(NOT_WELL_FORMED, f"not well formed: {error or type(error).__name__}") from None
