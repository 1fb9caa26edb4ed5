r"""Protocol Buffers: how the values of a message become bytes, and come back.

A message on the wire has no names and no types, only pairs of a number and some bytes. Both sides
must know the `Message`: which number is which field, and of which type. So an unknown number is
passed over, and an old program reads the message of a new one.

    {"text": "Hello"}   is   0a 05 48 65 6c 6c 6f
                             |  |  the five bytes
                             |  their length
                             field 1, of a type with a length: 1 << 3 | 2

Values are Python's: a message is a dictionary by names of fields, a repeated field a list, a map a
dictionary. A field that did not come has the zero of its type, as proto3 says; one that is
`optional` is missing from the dictionary instead. `google.protobuf.Value`, which is any JSON value,
is that value itself.

What comes may be hostile: lengths are held against what is there, numbers have ten bytes at most,
and messages nest up to MAX_DEPTH.

Source: protobuf.dev, "Encoding", and descriptor.proto for the numbers of the types. Groups, which
proto3 does not have, are refused.

    >>> hello = Message("HelloRequest", (Field("text", 1, STRING),))
    >>> encode(hello, {"text": "Hello"}, {}).hex(" ")
    '0a 05 48 65 6c 6c 6f'
    >>> decode(hello, bytes.fromhex("0a0548656c6c6f"), {})
    {'text': 'Hello'}
"""

from __future__ import annotations

import base64
import datetime
import math
import struct
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Union

# The types of fields, by their numbers in descriptor.proto.
DOUBLE, FLOAT, INT64, UINT64, INT32, FIXED64, FIXED32, BOOL, STRING = 1, 2, 3, 4, 5, 6, 7, 8, 9
MESSAGE, BYTES, UINT32, ENUM, SFIXED32, SFIXED64, SINT32, SINT64 = 11, 12, 13, 14, 15, 16, 17, 18
WORDS = {DOUBLE: "double", FLOAT: "float", INT64: "int64", UINT64: "uint64", INT32: "int32",
         FIXED64: "fixed64", FIXED32: "fixed32", BOOL: "bool", STRING: "string", BYTES: "bytes",
         UINT32: "uint32", SFIXED32: "sfixed32", SFIXED64: "sfixed64", SINT32: "sint32",
         SINT64: "sint64"}
# How the bytes of a field are found.
_VARINT, _EIGHT, _LENGTH, _FOUR = 0, 1, 2, 5
_FIXED = {DOUBLE: "<d", FIXED64: "<Q", SFIXED64: "<q", FLOAT: "<f", FIXED32: "<I", SFIXED32: "<i"}
_WIRE = {**dict.fromkeys((INT64, UINT64, INT32, BOOL, UINT32, ENUM, SINT32, SINT64), _VARINT),
         **{kind: _EIGHT if struct.calcsize(form) == 8 else _FOUR for kind, form in _FIXED.items()},
         **dict.fromkeys((STRING, BYTES, MESSAGE), _LENGTH)}
# Lowest and highest value.
_RANGES = {INT32: (-2**31, 2**31 - 1), ENUM: (-2**31, 2**31 - 1), SINT32: (-2**31, 2**31 - 1),
           UINT32: (0, 2**32 - 1), INT64: (-2**63, 2**63 - 1), SINT64: (-2**63, 2**63 - 1),
           UINT64: (0, 2**64 - 1), FIXED32: (0, 2**32 - 1), SFIXED32: (-2**31, 2**31 - 1),
           FIXED64: (0, 2**64 - 1), SFIXED64: (-2**63, 2**63 - 1)}
_ZEROS: dict[int, Any] = {STRING: "", BYTES: b"", BOOL: False, DOUBLE: 0.0, FLOAT: 0.0}

# Of a field.
MAX_NUMBER = 2**29 - 1
# Messages in messages, as the libraries of Google have it.
MAX_DEPTH = 100
# A double holds each whole number up to this one.
MAX_EXACT = 2**53
VALUE, STRUCT, LIST = "google.protobuf.Value", "google.protobuf.Struct", "google.protobuf.ListValue"


class Malformed(ValueError):
    """Bytes that are not the message that they should be, or a value that does not fit into it."""


class Field(NamedTuple):
    """A field of a message.

    `kind` is its type, by a number above; `type_name` the full name of the message or enum, where
    it is one; `is_optional`: whether one that is missing is told from one that is zero.
    """

    name: str
    number: int
    kind: int
    is_repeated: bool = False
    type_name: str = ""
    is_optional: bool = False


class Message(NamedTuple):
    """A type of messages. `is_entry`: it is the pair of key and value of a map."""

    name: str
    fields: tuple[Field, ...]
    is_entry: bool = False


class Enum(NamedTuple):
    """A type of named numbers."""

    name: str
    names: tuple[tuple[str, int], ...]


def can_be_read(field: Field) -> bool:
    """Whether there is such a type, and such a number, for a field that somebody else describes."""
    return field.kind in _WIRE and 0 < field.number <= MAX_NUMBER


# By full names.
Types = Mapping[str, Union[Message, Enum]]


# ---- the wire ------------------------------------------------------------------------------------

def varint(number: int) -> bytes:
    """A number from 0 to 2**64 - 1: seven bits a byte, the low ones first; the high bit says that
    another byte follows.

    >>> varint(150).hex()
    '9601'
    """
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """The number that begins at `at`, and where it ends. Raises Malformed."""
    number = shift = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise Malformed("it ends inside a number")
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number & 2**64 - 1, at
    raise Malformed("a number of more than ten bytes")


def pairs(data: bytes) -> Iterator[tuple[int, int, Any]]:
    """The number, the wire type and the raw value of each field: bytes, or a number for a varint.

    Raises Malformed.
    """
    at = 0
    while at < len(data):
        key, at = read_varint(data, at)
        number, wire = key >> 3, key & 7
        if not 0 < number <= MAX_NUMBER:
            raise Malformed(f"there is no field {number}")
        if wire == _VARINT:
            value, at = read_varint(data, at)
            yield number, wire, value
            continue
        if wire == _LENGTH:
            length, at = read_varint(data, at)
        elif wire in (_EIGHT, _FOUR):
            length = 8 if wire == _EIGHT else 4
        else:
            raise Malformed(f"wire type {wire} is not read here")
        if length > len(data) - at:
            raise Malformed(f"field {number} is longer than its message")
        yield number, wire, data[at:at + length]
        at += length


def pair(number: int, value: int | str | bytes) -> bytes:
    """A field with a whole number, a text or bytes, as they stand in a message."""
    if isinstance(value, int):
        return varint(number << 3 | _VARINT) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | _LENGTH) + varint(len(data)) + data


# ---- messages ------------------------------------------------------------------------------------

def encode(message: Message, values: Mapping[str, Any], types: Types, depth: int = 0) -> bytes:
    """The bytes of a message. Raises Malformed for a value that does not fit.

    Names that the message does not have are an error, too: they would be lost.
    """
    if depth > MAX_DEPTH:
        raise Malformed(f"more than {MAX_DEPTH} messages in each other")
    unknown = set(values) - {field.name for field in message.fields}
    if unknown:
        raise Malformed(f"{message.name} has no field {min(unknown)!r}; there are: "
                        + (", ".join(field.name for field in message.fields) or "none"))
    return b"".join(_encode_field(field, values[field.name], types, depth)
                    for field in message.fields if values.get(field.name) is not None
                    or (field.type_name == VALUE and field.name in values))


def _encode_field(field: Field, value: Any, types: Types, depth: int) -> bytes:
    try:
        if not field.is_repeated:
            # proto3 leaves out what is zero, where nobody could tell.
            is_left_out = not field.is_optional and field.kind != MESSAGE and _is_zero(field, value)
            raw = _raw(field, value, types, depth)
            return b"" if is_left_out else _framed(field, raw)
        if isinstance(value, Mapping):
            value = [{"key": key, "value": each} for key, each in value.items()]
        if not isinstance(value, (list, tuple)):
            raise Malformed(f"{type(value).__name__} is no list")
        raws = [_raw(field, each, types, depth) for each in value]
    except Malformed as error:
        raise Malformed(f"{field.name}: {error}") from None
    # Numbers stand together, without a key for each ("packed").
    if _WIRE[field.kind] != _LENGTH:
        return pair(field.number, b"".join(raws)) if raws else b""
    return b"".join([_framed(field, raw) for raw in raws])


def _framed(field: Field, raw: bytes) -> bytes:
    wire = _WIRE[field.kind]
    key = varint(field.number << 3 | wire)
    return key + varint(len(raw)) + raw if wire == _LENGTH else key + raw


def _is_zero(field: Field, value: Any) -> bool:
    # -0.0 is not the zero that a reader would put there.
    return not value and not (isinstance(value, float) and math.copysign(1, value) < 0)


def _raw(field: Field, value: Any, types: Types, depth: int) -> bytes:
    """One value without its key. Raises Malformed."""
    kind = field.kind
    if kind == STRING and isinstance(value, str):
        try:
            return value.encode()
        except UnicodeEncodeError:
            raise Malformed("half of a surrogate pair is no text") from None
    if kind == BYTES and isinstance(value, (bytes, bytearray)):
        return bytes(value)
    if kind == MESSAGE:
        return _encode_message(field, value, types, depth + 1)
    if kind == ENUM and isinstance(value, str):
        value = _number_of(field, value, types)
    raw = _raw_number(kind, value) if isinstance(value, (int, float)) else None
    if raw is None:
        raise Malformed(f"{type(value).__name__} is no {WORDS.get(kind, field.type_name)}")
    return raw


def _raw_number(kind: int, value: Any) -> bytes | None:
    """A number, or a truth value; None where it is not of that type. Raises Malformed."""
    if isinstance(value, bool) or kind == BOOL:
        return bytes([value]) if isinstance(value, bool) and kind == BOOL else None
    if kind in (DOUBLE, FLOAT):
        try:
            return struct.pack(_FIXED[kind], value)
        except (OverflowError, struct.error):
            raise Malformed(f"{_shown(value)} is too large for a {WORDS[kind]}") from None
    if kind not in _RANGES or not isinstance(value, int):
        return None
    low, high = _RANGES[kind]
    if not low <= value <= high:
        raise Malformed(f"{_shown(value)} is outside of {low} to {high}")
    if kind in _FIXED:
        return struct.pack(_FIXED[kind], value)
    if kind in (SINT32, SINT64):
        # 0, -1, 1, -2 ... become 0, 1, 2, 3 ...
        value = value << 1 if value >= 0 else (-value << 1) - 1
    return varint(value & 2**64 - 1)


def _shown(value: float) -> str:
    # Python refuses to write a whole number of many thousand digits.
    is_long = isinstance(value, int) and value.bit_length() > 128
    return f"a number of {int(value).bit_length()} bits" if is_long else repr(value)


def _number_of(field: Field, name: str, types: Types) -> int:
    enum = types.get(field.type_name)
    numbers = dict(enum.names) if isinstance(enum, Enum) else {}
    if name not in numbers:
        raise Malformed(f"{field.type_name} has no {name!r}; there are: {', '.join(numbers)}")
    return numbers[name]


def _encode_message(field: Field, value: Any, types: Types, depth: int) -> bytes:
    if field.type_name == VALUE:
        return encode_value(value, depth)
    if field.type_name == STRUCT and isinstance(value, Mapping):
        return _struct(value, depth)
    if field.type_name == LIST and isinstance(value, (list, tuple)):
        return _list(value, depth)
    message = types.get(field.type_name)
    if not isinstance(message, Message):
        raise Malformed(f"the type {field.type_name} is not known")
    if not isinstance(value, Mapping):
        raise Malformed(f"{type(value).__name__} is no {field.type_name}")
    if message.is_entry:
        # Key and value of a map are always there.
        return b"".join(_framed(each, _raw(each, value.get(each.name), types, depth))
                        for each in message.fields)
    return encode(message, value, types, depth)


def decode(message: Message, data: bytes, types: Types, depth: int = 0) -> dict[str, Any]:
    """The values of a message, each field with a value; see the top. Raises Malformed."""
    if depth > MAX_DEPTH:
        raise Malformed(f"more than {MAX_DEPTH} messages in each other")
    by_number = {field.number: field for field in message.fields}
    values: dict[str, Any] = {}
    for number, wire, raw in pairs(data):
        field = by_number.get(number)
        if field is None:
            continue
        if not field.is_repeated:
            # Of two, the last one holds.
            values[field.name] = _value(field, wire, raw, types, depth)
            continue
        found = values.setdefault(field.name, [])
        if wire == _LENGTH and _WIRE[field.kind] != _LENGTH:
            found += [_value(field, *each, types, depth) for each in _unpack(field, raw)]
        else:
            found.append(_value(field, wire, raw, types, depth))
    for field in message.fields:
        if field.is_repeated and _is_map(field, types):
            values[field.name] = {each["key"]: each["value"]
                                  for each in values.get(field.name, ())}
        elif field.is_repeated:
            values.setdefault(field.name, [])
        elif not field.is_optional and field.kind != MESSAGE:
            values.setdefault(field.name, _ZEROS.get(field.kind, 0))
    return values


def _is_map(field: Field, types: Types) -> bool:
    message = types.get(field.type_name) if field.kind == MESSAGE else None
    return isinstance(message, Message) and message.is_entry


def _unpack(field: Field, raw: bytes) -> Iterator[tuple[int, Any]]:
    wire, at = _WIRE[field.kind], 0
    size = {_EIGHT: 8, _FOUR: 4}.get(wire, 0)
    if size and len(raw) % size:
        raise Malformed(f"{field.name}: {len(raw)} bytes are no list of numbers")
    while at < len(raw):
        if size:
            yield wire, raw[at:at + size]
            at += size
        else:
            number, at = read_varint(raw, at)
            yield wire, number


def _value(field: Field, wire: int, raw: Any, types: Types, depth: int) -> Any:
    kind = field.kind
    if wire != _WIRE[kind]:
        raise Malformed(f"{field.name}: wire type {wire} is no {WORDS.get(kind, field.type_name)}")
    if kind == STRING:
        return _text(field.name, raw)
    if kind == BYTES:
        return raw
    if kind == MESSAGE:
        return _decode_message(field, raw, types, depth + 1)
    number = _number(kind, raw)
    return _name_of(field, number, types) if kind == ENUM else number


def _text(name: str, raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise Malformed(f"{name} is not UTF-8") from None


def _number(kind: int, raw: Any) -> float:
    """A number, or a truth value (which Python counts as one), from its bytes or its varint."""
    if kind in _FIXED:
        unpacked: float = struct.unpack(_FIXED[kind], raw)[0]
        return unpacked
    if kind == BOOL:
        return bool(raw)
    number = int(raw)
    if kind in (SINT32, SINT64):
        return -(number + 1 >> 1) if number & 1 else number >> 1
    # A negative one comes with 64 bits, of which an int32 has the lower half.
    bits = 64 if kind in (INT64, UINT64) else 32
    number &= (1 << bits) - 1
    is_negative = kind in (INT64, INT32, ENUM) and number >> (bits - 1)
    return number - (1 << bits) if is_negative else number


def _name_of(field: Field, number: float, types: Types) -> Any:
    """The name of a number of an enum; the number, where it has none."""
    enum = types.get(field.type_name)
    names = enum.names if isinstance(enum, Enum) else ()
    return next((name for name, value in names if value == number), number)


def _decode_message(field: Field, raw: bytes, types: Types, depth: int) -> Any:
    if field.type_name == VALUE:
        return decode_value(raw, depth)
    if field.type_name == STRUCT:
        return _read_struct(raw, depth)
    if field.type_name == LIST:
        return _read_list(raw, depth)
    message = types.get(field.type_name)
    if not isinstance(message, Message):
        raise Malformed(f"the type {field.type_name} is not known")
    values = decode(message, raw, types, depth)
    if message.is_entry:
        for each in message.fields:
            values.setdefault(each.name, {} if each.kind == MESSAGE else None)
    return values


# ---- google.protobuf.Value: any JSON value (struct.proto) ----------------------------------------
# null_value = 1, number_value = 2, string_value = 3, bool_value = 4, struct_value = 5 (its fields =
# 1 are entries of key = 1 and value = 2), list_value = 6 (its values = 1)

def encode_value(value: Any, depth: int = 0) -> bytes:
    """Any value that JSON knows; bytes as Base64, and a time as ISO 8601 writes it.

    Raises Malformed for others, and for a whole number that a double cannot hold.
    """
    if depth > MAX_DEPTH:
        raise Malformed(f"more than {MAX_DEPTH} values in each other")
    if value is None:
        return pair(1, 0)
    if isinstance(value, bool):
        return pair(4, int(value))
    if isinstance(value, int) and abs(value) > MAX_EXACT:
        raise Malformed(f"{_shown(value)} is too large for a number of JSON")
    if isinstance(value, (int, float)):
        return varint(2 << 3 | _EIGHT) + struct.pack("<d", value)
    if isinstance(value, datetime.datetime):
        value = value.isoformat()
    if isinstance(value, (bytes, bytearray)):
        value = base64.b64encode(value).decode()
    if isinstance(value, str):
        return pair(3, _raw(Field("value", 3, STRING), value, {}, depth))
    if isinstance(value, Mapping):
        return pair(5, _struct(value, depth + 1))
    if isinstance(value, (list, tuple)):
        return pair(6, _list(value, depth + 1))
    raise Malformed(f"{type(value).__name__} is no value of JSON")


def _struct(value: Mapping[Any, Any], depth: int) -> bytes:
    if not all(isinstance(key, str) for key in value):
        raise Malformed("the keys of a struct are texts")
    return b"".join(pair(1, pair(1, key) + pair(2, encode_value(each, depth + 1)))
                    for key, each in value.items())


def _list(value: list[Any] | tuple[Any, ...], depth: int) -> bytes:
    return b"".join(pair(1, encode_value(each, depth + 1)) for each in value)


def decode_value(raw: bytes, depth: int = 0) -> Any:
    """A value of JSON; a number without a fraction as int. Raises Malformed."""
    if depth > MAX_DEPTH:
        raise Malformed(f"more than {MAX_DEPTH} values in each other")
    value: Any = None
    for number, wire, each in pairs(raw):
        if number == 1 and wire == _VARINT:
            value = None
        elif number == 2 and wire == _EIGHT:
            found: float = struct.unpack("<d", each)[0]
            value = int(found) if found.is_integer() and abs(found) <= MAX_EXACT else found
        elif number == 3 and wire == _LENGTH:
            value = _text("string_value", each)
        elif number == 4 and wire == _VARINT:
            value = each != 0
        elif number == 5 and wire == _LENGTH:
            value = _read_struct(each, depth + 1)
        elif number == 6 and wire == _LENGTH:
            value = _read_list(each, depth + 1)
    return value


def _read_struct(raw: bytes, depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for number, wire, entry in pairs(raw):
        if number == 1 and wire == _LENGTH:
            key, value = "", b""
            for part, part_wire, each in pairs(entry):
                if part == 1 and part_wire == _LENGTH:
                    key = _text("key", each)
                elif part == 2 and part_wire == _LENGTH:
                    value = each
            found[key] = decode_value(value, depth + 1)
    return found


def _read_list(raw: bytes, depth: int) -> list[Any]:
    return [decode_value(each, depth + 1) for number, wire, each in pairs(raw)
            if number == 1 and wire == _LENGTH]
