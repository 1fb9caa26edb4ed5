"""Messages of Protocol Buffers, the files that describe them, and the stream that they come in.

Whatever the bytes: values or the named error, and what was read can be written and read again.
"""

from __future__ import annotations

from interop.grpc.descriptors import read_files, struct_bytes
from interop.grpc.framing import Messages, frame
from interop.grpc.protobuf import (
    BYTES,
    DOUBLE,
    ENUM,
    INT32,
    MESSAGE,
    SINT64,
    STRING,
    VALUE,
    Enum,
    Field,
    Malformed,
    Message,
    Types,
    decode,
    encode,
    pair,
)
from interop.grpc.reflection import REQUEST, TYPES, Reflected
from interop.grpc.statuses import Refused
from tests.fuzz.mutate import Target

_ENTRY = Message("Entry", (Field("key", 1, STRING), Field("value", 2, MESSAGE, type_name="Node")),
                 is_entry=True)
_NODE = Message("Node", (
    Field("text", 1, STRING), Field("numbers", 2, INT32, is_repeated=True), Field("far", 3, SINT64),
    Field("ratios", 4, DOUBLE, is_repeated=True), Field("raw", 5, BYTES, is_optional=True),
    Field("colour", 6, ENUM, type_name="Colour"), Field("any", 7, MESSAGE, type_name=VALUE),
    Field("child", 8, MESSAGE, type_name="Node"),
    Field("map", 9, MESSAGE, is_repeated=True, type_name="Entry")))
_COLOUR = Enum("Colour", (("RED", 0), ("BLUE", 2)))
_TYPES: Types = {"Node": _NODE, "Entry": _ENTRY, "Colour": _COLOUR}
_WHOLE = encode(_NODE, {
    "text": "Olá", "numbers": [1, -2, 300], "far": -5, "ratios": [0.5, 1e9], "raw": b"\0\xff",
    "colour": "BLUE", "any": {"a": [1, None, "x", True, {"b": 0.5}]},
    "child": {"text": "child", "child": {}}, "map": {"k": {"text": "v"}}}, _TYPES)
_REFLECTED = Reflected(())
MAX_BYTES = 10_000


def check_protobuf(data: bytes) -> str:
    try:
        values = decode(_NODE, data, _TYPES)
    except Malformed as bad:
        return str(bad)[:20]
    try:
        written = encode(_NODE, values, _TYPES)
    except Malformed as bad:
        # A number of JSON may be read that is too large to be written.
        assert "too large" in str(bad) or "in each other" in str(bad), bad
        return "not to be written"
    again = encode(_NODE, decode(_NODE, written, _TYPES), _TYPES)
    assert again == written
    return "values"


def check_files(data: bytes) -> str:
    try:
        types, services = read_files([data])
    except Malformed as bad:
        return str(bad)[:20]
    return f"{min(len(types), 9)} types, {min(len(services), 9)} services"


def check_reflection(data: bytes) -> str:
    try:
        answer = _REFLECTED.answer(data)
    except Malformed as bad:
        return str(bad)[:20]
    assert len(answer) < 20_000 + 2 * len(data)
    return "answered"


def check_framing(data: bytes) -> str:
    """A stream in one piece and in many gives the same messages, or is refused both times."""
    results = []
    for size in (len(data) or 1, 3):
        reader, found = Messages(MAX_BYTES, "gzip"), list[bytes]()
        why = ""
        try:
            for at in range(0, len(data), size):
                found += reader.feed(data[at:at + size])
        except Refused as refused:
            why = str(refused)
        assert all(len(message) <= MAX_BYTES for message in found)
        assert why or reader.held_bytes <= MAX_BYTES + 5
        results.append((why, found if not why else []))
    assert results[0] == results[1]
    return results[0][0][:20] or "messages"


TARGETS = (
    Target("protobuf", (_WHOLE, _WHOLE * 2, b""),
           (b"\x0a", b"\x12\x01", b"\x42\x00", b"\x4a\x00", b"\x3a\x02\x32\x00",
            b"\xff" * 9 + b"\1", b"\x80", b"\x0b", b"\x3a\x04\x2a\x02\x0a\x00",
            pair(8, b"\x42\x00")), check_protobuf),
    Target("descriptors", (struct_bytes(),), (b"\x22\x00", b"\x1a\x00", b"\x0a\x01x", b"\x32\x00",
                                              b"\x38\x01", b"\xff\xff\xff\x7f"), check_files),
    Target("reflection", tuple(encode(REQUEST, question, TYPES) for question in (
        {"list_services": "*"}, {"file_by_filename": "google/protobuf/struct.proto"},
        {"file_containing_symbol": "grpc.reflection.v1.ServerReflection"},
        {"file_containing_extension": {"containing_type": "x", "extension_number": 1}})),
        (b"\x22", b"\x3a\x00", b"\x1a", b"\x32\x01x"), check_reflection),
    Target("grpc-framing", (frame(b"Hello") + frame(b"") + frame(_WHOLE, "gzip"),
                            frame(bytes(9000), "gzip") + frame(bytes(9000))),
           (b"\0\0\0\0\0", b"\1\0\0\0\x14", b"\0\xff\xff\xff\xff", frame(bytes(20_000), "gzip")),
           check_framing),
)
