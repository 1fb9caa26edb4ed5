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

import inspect
import itertools
import logging
import re
import xmlrpc.client
import zlib
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple, Union
from xml.parsers import expat
from xmlrpc.client import Fault

from transport import plain
from transport.message import MAX_BODY_BYTES, ProtocolError, Request

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
MULTICALL = "system.multicall"
ENCODING = re.compile("utf-?8|utf-16|(us-)?ascii|latin-?1|iso-8859-[0-9]{1,2}|(windows-|cp)125[0-8]", re.IGNORECASE)
INTEGER_TAGS = ("int", "i1", "i2", "i4", "i8", "biginteger")
MAX_DIGITS = 4300       # of an integer, as in Python since 3.9.14; before, `int` took seconds for a million
MAX_DEPTH = 500         # nested elements; a list in a list takes four, and Python's own recursion ends near 1,000
MAX_FAULT_CHARS = 10_000        # an error may quote all of a call; a fault longer than a reply may be would be lost
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")      # XML 1.0 section 2.2
_MARKUP = re.compile(r"[<>&\s]")

_SIGNATURE_TYPES = {str: "string", int: "int", bool: "boolean", float: "double", list: "array", dict: "struct",
                    bytes: "base64", None: "nil", type(None): "nil"}

Function = Callable[..., Any]


def idempotent(function: Function) -> Function:
    """Marks a function that may run twice without harm, so that a call whose fate is unknown may be tried again.

    The mark is the author's promise. Without it a call is never run a second time.
    """
    function.idempotent = True  # type: ignore[attr-defined]
    return function


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


def decode_call(body: bytes) -> Tuple[str, Tuple[Any, ...]]:
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


def _fields_of(fault: Fault) -> Dict[str, Any]:
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


def _decode(body: bytes, root: str) -> Tuple[Tuple[Any, ...], Optional[str]]:
    """Parameters and method name of the document whose outermost element is <root>."""
    unmarshaller = xmlrpc.client.Unmarshaller(use_builtin_types=True)
    unmarshaller.dispatch = _ENDS
    path: List[str] = []

    def start(tag: str, attributes: Dict[str, str]) -> None:
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


def _check_encoding(_version: str, encoding: Optional[str], _standalone: int) -> None:
    """Those that are not built into expat are looked up among Python's codecs, which never forget a name: few do."""
    if encoding is not None and not ENCODING.fullmatch(encoding):
        raise ValueError(f"an encoding that is not read here: {encoding[:20]!r}")


def _refuse_doctype(*_: object) -> None:
    raise ValueError("a DOCTYPE is not allowed")


# ---- dispatching ----------------------------------------------------------------------------------------

class Dispatcher:
    """Maps method names to functions. Introspection (system.listMethods and its kin) is built in.

    Register before serving; `dispatch` may then run in any number of threads. `encode` makes a <methodResponse>
    of what a function returns. `multicall`: system.multicall runs several calls in one, which then has one outcome
    for all of them: it may be unknown which have run.
    """

    def __init__(self, functions: Union[Iterable[Function], Dict[str, Function]] = (),
                 encode: Callable[[Any], bytes] = encode_response, *, multicall: bool = False) -> None:
        self._encode_result = encode
        self._methods: Dict[str, _Method] = {}
        named = functions.items() if isinstance(functions, dict) else ((f.__name__, f) for f in functions)
        for name, function in named:
            self.register(function, name)
        self.register(self._list_methods, "system.listMethods")
        self.register(self._method_help, "system.methodHelp")
        self.register(self._method_signature, "system.methodSignature")
        if multicall:
            self.register(self._multicall, MULTICALL)

    @property
    def idempotent(self) -> Tuple[str, ...]:
        """The names of the user's functions that are marked @idempotent, sorted."""
        return tuple(sorted(name for name, method in self._methods.items()
                            if getattr(method.function, "idempotent", False)))

    def register(self, function: Function, name: Optional[str] = None) -> None:
        """Serves `function` under `name` (default: its own). Raises ValueError for a private name."""
        name = name or function.__name__
        if name.startswith("_"):
            raise ValueError(f"{name}: a name that starts with _ is private and cannot be called")
        self._methods[name] = _Method.of(function)

    def dispatch(self, body: bytes) -> bytes:
        """Runs the call in `body` and returns its <methodResponse>. Never raises: what goes wrong is a fault."""
        try:
            name, params = decode_call(body)
            return self._encode(name, self._run(name, params))
        except Fault as fault:
            return encode_fault(fault)

    def _run(self, name: str, params: Tuple[Any, ...]) -> Any:
        method = self._methods.get(name)
        if method is None and name == MULTICALL:
            raise Fault(METHOD_NOT_FOUND, f"{MULTICALL} is off: one call has one outcome (server.py --allow-multicall)")
        if method is None:
            raise Fault(METHOD_NOT_FOUND, f"no method {name!r}; there are: {', '.join(self._public())}")
        if not method.takes(len(params)):
            raise Fault(INVALID_PARAMETERS, f"{name} takes {method.usage()}, not {len(params)} parameters")
        try:
            return method.function(*params)
        except Fault:
            raise
        except BaseException as error:      # also SystemExit: a function does not end the server
            log.info("%s raised %s", name, _describe(error))
            raise Fault(APPLICATION_ERROR, _describe(error)) from None

    def _encode(self, name: str, value: Any) -> bytes:
        try:
            return self._encode_result(value)
        except Exception as error:
            raise Fault(APPLICATION_ERROR, f"{name} did run, but XML-RPC cannot carry its result: "
                                           f"{_describe(error)}") from None

    def _public(self) -> List[str]:
        return sorted(name for name in self._methods if not name.startswith("system."))

    def _list_methods(self) -> List[str]:
        """The names of all methods."""
        return sorted(self._methods)

    def _method_help(self, name: str) -> str:
        """The documentation of a method; an empty string where it has none."""
        return inspect.getdoc(self._known(name).function) or ""

    def _method_signature(self, name: str) -> Union[List[List[str]], str]:
        """The types of a method's result and parameters; "undef" where its annotations do not tell."""
        return self._known(name).types() or "undef"

    def _multicall(self, calls: List[Dict[str, Any]]) -> List[Any]:
        """Runs [{"methodName": ..., "params": [...]}, ...] one after the other; each gives [result], or a fault."""
        if not isinstance(calls, list):
            raise Fault(INVALID_PARAMETERS, f"{MULTICALL} takes an array of calls")
        results, room_bytes = [], MAX_BODY_BYTES
        for number, call in enumerate(calls, 1):
            result, size_bytes = self._one_of_many(call)
            results.append(result)
            room_bytes -= size_bytes
            if room_bytes < 0:      # not only at the end: a short request could ask for more than there is memory
                raise Fault(APPLICATION_ERROR, f"{MULTICALL} did run {number} of {len(calls)} calls, the results of "
                                               f"which together are longer than a message may be")
        return results

    def _one_of_many(self, call: Any) -> Tuple[Any, int]:
        """What a call gives, and how many bytes that are as XML."""
        try:
            if not isinstance(call, dict) or set(call) != {"methodName", "params"} \
                    or not isinstance(call["methodName"], str) or not isinstance(call["params"], list):
                raise Fault(INVALID_PARAMETERS, "a call is a struct of methodName (string) and params (array)")
            if call["methodName"] == MULTICALL:
                raise Fault(INVALID_PARAMETERS, f"{MULTICALL} cannot call itself")
            result = [self._run(call["methodName"], tuple(call["params"]))]
            return result, len(self._encode(call["methodName"], result))    # or the fault of this one call
        except Fault as fault:
            return _fields_of(fault), len(encode_fault(fault))

    def _known(self, name: Any) -> _Method:
        if not isinstance(name, str):
            raise Fault(INVALID_PARAMETERS, "the name of a method is a string")
        method = self._methods.get(name)
        if method is None:
            raise Fault(METHOD_NOT_FOUND, f"no method {name!r}")
        return method


def _describe(error: BaseException) -> str:
    """Type and message of an exception, even of one that cannot tell its message."""
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:
        return type(error).__name__


class _Method(NamedTuple):
    """A function and how many positional parameters it takes."""

    function: Function
    least: int
    most: float     # infinite for *args

    @classmethod
    def of(cls, function: Function) -> _Method:
        try:
            parameters = inspect.signature(function).parameters.values()
        except ValueError:      # some built-in functions keep their signature to themselves
            return cls(function, 0, float("inf"))
        positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        if any(p.kind is p.KEYWORD_ONLY and p.default is p.empty for p in parameters):
            raise ValueError(f"{function.__name__} needs a keyword argument, which XML-RPC does not have")
        has_rest = any(p.kind is p.VAR_POSITIONAL for p in parameters)
        return cls(function, sum(p.default is p.empty for p in positional),
                   float("inf") if has_rest else len(positional))

    def takes(self, count: int) -> bool:
        return self.least <= count <= self.most

    def usage(self) -> str:
        if self.most == self.least:
            return str(self.least)
        return f"{self.least} or more" if self.most == float("inf") else f"{self.least} to {self.most}"

    def types(self) -> Optional[List[List[str]]]:
        """[[result, parameter, ...]] in XML-RPC's words, or None where an annotation is missing or foreign."""
        try:
            signature = inspect.signature(self.function)
        except ValueError:
            return None
        annotations = itertools.chain([signature.return_annotation],
                                      (p.annotation for p in signature.parameters.values()))
        by_name = {getattr(kind, "__name__", "None"): word for kind, word in _SIGNATURE_TYPES.items()}
        words = [by_name.get(a if isinstance(a, str) else getattr(a, "__name__", str(a))) for a in annotations]
        known = [word for word in words if word is not None]
        return [known] if len(known) == len(words) else None
