"""XML-RPC as values: a document is read element by element, and only as XML-RPC has them.

The parser is expat. It calls `start` and `end` for each element, and hands over the text between
them. What may stand where is the table _ORDER. Whatever else stands in a document is refused:
nothing is passed over, and nothing takes the place of something else.

Well-formed XML that is no XML-RPC raises NotXmlRpc; what is not well formed raises the error of
expat. Documents that are refused before they are read to their end, because reading on would be
dangerous, raise Refused (see marshal.py).

What other clients write is read in all its forms:

    <int> <i1> <i2> <i4> <i8> <biginteger>      digits with a sign or without one
    <double> <float>                            1.5  +1  1.  .5  1e5, also inf and nan
    <bigdecimal>                                the same; gives a Decimal
    <boolean>                                   0  1  false  true
    <dateTime.iso8601> <dateTime>               see dates.py
    <base64>                                    with any white space
    <nil/>, text without a type                 None, str

All these names may have a prefix, as in <ex:nil/>: Apache's extensions do. Its <ex:serializable>
and <ex:dom> are refused. White space around a number or a time does not count.

Threads: each document has a `Reader` of its own.

    >>> Reader("a response").read(b"<methodResponse><params><param><value><i4> +7 </i4></value>"
    ...                           b"</param></params></methodResponse>")
    [7]
"""

from __future__ import annotations

import binascii
import math
import re
from decimal import Decimal
from typing import Any, Callable, TypeVar
from xml.parsers import expat

from ponte.rpc.dates import WHITE_SPACE, read_date

# Encodings that are read. Others are rare, and Python would remember the name of each for ever.
ENCODING = re.compile("utf-?8|utf-16|(us-)?ascii|latin-?1|iso-8859-[0-9]{1,2}"
                      "|(windows-|cp)125[0-8]", re.IGNORECASE)
# What expat itself does not take for UTF-8. A byte order mark overrides a declaration (RFC 7303
# section 3). A declaration is short, so that no long text is looked through for its end.
_UTF_8 = re.compile(rb"""\xef\xbb\xbf|<\?xml\s[^>]*?\sencoding\s*=\s*["']utf8["']""", re.IGNORECASE)
MAX_DECLARATION_BYTES = 200
INTEGER_TAGS = ("int", "i1", "i2", "i4", "i8", "biginteger")
# Digits of an integer: the limit of Python since 3.9.14. Older ones need seconds for a million.
MAX_DIGITS = 4300
# Nested elements. A list inside a list takes three, and Python's own recursion ends near 1,000.
MAX_DEPTH = 500
# Characters of a document that are quoted in an error.
MAX_QUOTED = 60

_BOOLEANS = {"0": False, "1": True, "false": False, "true": True}

N = TypeVar("N", int, float, Decimal)


class NotXmlRpc(ValueError):
    """A document that is no XML-RPC; its text says what is wrong."""


class Refused(ValueError):
    """A document that would be dangerous to read; its text says why."""


# ---- values --------------------------------------------------------------------------------------

def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS and len(text.strip(WHITE_SPACE)) > MAX_DIGITS:
        raise Refused(f"an integer of more than {MAX_DIGITS} digits")
    return _number(int, text)


def _double(text: str) -> float:
    number = _number(float, text)
    # A text for infinity has letters.
    if math.isinf(number) and "n" not in text.lower():
        raise ValueError("it is too large")
    return number


def _decimal(text: str) -> Decimal:
    mantissa, _, exponent = text.lower().partition("e")
    if len(mantissa) > MAX_DIGITS or abs(_integer(exponent or "0")) > MAX_DIGITS:
        raise Refused(f"a number of more than {MAX_DIGITS} digits")
    number = _number(Decimal, text)
    if not number.is_finite():
        raise ValueError("it is not a number")
    return number


def _number(read: Callable[[str], N], text: str) -> N:
    # Python takes more than XML-RPC has: underscores, and digits of other scripts.
    if "_" not in text and text.isascii():
        try:
            return read(text)
        except (ValueError, ArithmeticError):
            pass
    raise ValueError("it is not a number")


def _boolean(text: str) -> bool:
    value = _BOOLEANS.get(text.strip(WHITE_SPACE).lower())
    if value is None:
        raise ValueError("it is not 0 or 1")
    return value


def _bytes(text: str) -> bytes:
    data = binascii.a2b_base64(text)
    # Python's decoder passes over what does not belong there, and ends at the first =.
    characters = (len(data) + 2) // 3 * 4
    # Most often the ends of lines are the only white space.
    if len(text) - text.count("\n") != characters and len("".join(text.split())) != characters:
        raise ValueError("it has more than base64 in it")
    return data


def _nil(text: str) -> None:
    if text.strip(WHITE_SPACE):
        raise ValueError("it has a text")


# What reads the text of a type.
_SCALARS: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(INTEGER_TAGS, _integer), "double": _double, "float": _double,
    "bigdecimal": _decimal, "boolean": _boolean, "string": str, "base64": _bytes,
    "dateTime.iso8601": read_date, "dateTime": read_date, "nil": _nil}
# What reads each element that holds a text. A <value> without a type is a string.
_TEXTS: dict[str, Callable[[str], Any]] = {
    **_SCALARS, "value": str, "name": str, "methodName": lambda text: text.strip(WHITE_SPACE)}


# ---- the order of elements -----------------------------------------------------------------------

# For each position the elements that may come next, and the position after each. A position is an
# open element, with the last one that stands in it where this makes a difference.
_ORDER: dict[str, dict[str, str]] = {
    "a call": {"methodCall": "a call"},
    "a response": {"methodResponse": "a response"},
    "methodCall": {"methodName": "methodCall: methodName"},
    "methodCall: methodName": {"params": "methodCall: params"},
    "methodResponse": {"params": "methodResponse: params", "fault": "methodResponse: fault"},
    "params": {"param": "params"},
    "param": {"value": "param: value"},
    "fault": {"value": "fault: value"},
    "value": dict.fromkeys([*_SCALARS, "array", "struct"], "value: a type"),
    "array": {"data": "array: data"},
    "data": {"value": "data"},
    "struct": {"member": "struct"},
    "member": {"name": "member: name"},
    "member: name": {"value": "member: value"},
}
# In all others nothing may stand.
for _row in list(_ORDER.values()):
    for _position in (*_row, *_row.values()):
        _ORDER.setdefault(_position, {})
# Where an element must not end yet.
_UNFINISHED = frozenset(("methodCall", "methodResponse", "param", "fault", "array", "member",
                         "member: name"))
# What puts the values in it together when it ends.
_MARKED = frozenset(("data", "struct"))
# The text that most often stands between two elements.
_END_OF_LINE = ["\n"]


class Reader:
    """Reads one document, which is "a call" or "a response".

    Attribute: `is_fault`, whether it holds a <fault>.
    """

    def __init__(self, what: str) -> None:
        self.is_fault = False
        # Positions, from the document to the element that is open.
        self._path = [what]
        # The text since the last beginning or end of an element.
        self._text: list[str] = []
        # The values that no list or struct has taken in yet, with the names of method and members;
        # and how many there were when each list and struct that is open began.
        self._values: list[Any] = []
        self._marks: list[int] = []

    def read(self, body: bytes) -> list[Any]:
        """The values in <params> or in <fault>, after the name of the method in a call. Call it
        once.

        Raises NotXmlRpc, Refused, and for what is not well formed an error of expat, ValueError or
        LookupError.
        """
        parser = _parser(body)
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text.append
        try:
            parser.Parse(body, True)
        except NotXmlRpc:
            # The rest of the document may not even be XML.
            _parser(body).Parse(body, True)
            raise
        return self._values

    def _start(self, tag: str, _attributes: dict[str, str]) -> None:
        path, text = self._path, self._text
        if text:
            if text != _END_OF_LINE:
                self._check_white_space()
            text.clear()
        after = _ORDER[path[-1]].get(tag)
        if after is None:
            # A name with a prefix is not in the table.
            tag = tag.rpartition(":")[2]
            after = _ORDER[path[-1]].get(tag)
            if after is None:
                raise NotXmlRpc(self._out_of_place(tag))
        path[-1] = after
        path.append(tag)
        if tag in _MARKED:
            self._marks.append(len(self._values))
        # The document is no element.
        if len(path) - 1 > MAX_DEPTH:
            raise Refused(f"more than {MAX_DEPTH} levels")

    def _end(self, _tag: str) -> None:
        position = self._path.pop()
        read = _TEXTS.get(position)
        if read:
            text = "".join(self._text)
            self._text.clear()
            try:
                self._values.append(read(text))
            except Refused:
                raise
            except ValueError as error:
                raise NotXmlRpc(f"{_quoted(text)} is no <{position}>: {error}") from None
            return
        if self._text:
            if self._text != _END_OF_LINE:
                self._check_white_space()
            self._text.clear()
        if position == "data":
            self._gather(list)
        elif position == "struct":
            self._gather(_struct)
        elif position == "methodResponse: fault":
            self.is_fault = True
        elif position in _UNFINISHED:
            raise NotXmlRpc(f"<{_element(position)}> ends without {_names(_ORDER[position])}")

    def _gather(self, build: Callable[[list[Any]], Any]) -> None:
        """Puts the values of a list or a struct, which ends, together."""
        mark = self._marks.pop()
        self._values[mark:] = [build(self._values[mark:])]

    def _check_white_space(self) -> None:
        """Between two elements there may be nothing else."""
        text = "".join(self._text)
        if text.strip(WHITE_SPACE):
            raise NotXmlRpc(f"{_quoted(text)} stands beside an element")

    def _out_of_place(self, tag: str) -> str:
        position = self._path[-1]
        expected = _ORDER[position]
        if position == "value":
            return f"<{tag[:MAX_QUOTED]}> is not one of its types"
        where = f"<{_element(position)}>" if len(self._path) > 1 else position
        return f"<{tag[:MAX_QUOTED]}> stands in {where}, where " \
               f"{_names(expected) + ' comes next' if expected else 'nothing more may stand'}"


def _struct(members: list[Any]) -> dict[str, Any]:
    """The dictionary of [name, value, name, value, ...]."""
    found = dict(zip(members[::2], members[1::2]))
    if 2 * len(found) != len(members):
        raise NotXmlRpc("a <struct> has two members of one name")
    return found


def _element(position: str) -> str:
    return position.partition(":")[0]


def _quoted(text: str) -> str:
    return repr(text if len(text) <= MAX_QUOTED else text[:MAX_QUOTED] + "...")


def _names(tags: dict[str, str]) -> str:
    return " or ".join(f"<{tag}>" for tag in tags)


# ---- the parser ----------------------------------------------------------------------------------

def _parser(body: bytes) -> expat.XMLParserType:
    """A parser for `body` that refuses what is dangerous."""
    # For ASCII it makes no difference.
    is_utf_8 = not body.isascii() and _UTF_8.match(body, 0, MAX_DECLARATION_BYTES)
    parser = expat.ParserCreate("utf-8" if is_utf_8 else None)
    parser.buffer_text = True
    parser.XmlDeclHandler = _check_encoding
    parser.StartDoctypeDeclHandler = _refuse_doctype
    return parser


def _check_encoding(_version: str, encoding: str | None, _standalone: int) -> None:
    """Refuses a document in an encoding that is not one of ENCODING."""
    if encoding is not None and not ENCODING.fullmatch(encoding):
        raise Refused(f"the encoding {encoding[:20]!r} is not read here")


def _refuse_doctype(*_: object) -> None:
    raise Refused("a DOCTYPE is not allowed")
