"""Messages of Protocol Buffers: every type there and back, its limits, and hostile bytes."""

from __future__ import annotations

import datetime
import math
import random
import unittest
from typing import Any

from interop.grpc.protobuf import (
    BOOL,
    BYTES,
    DOUBLE,
    ENUM,
    FIXED32,
    FIXED64,
    FLOAT,
    INT32,
    INT64,
    LIST,
    MAX_DEPTH,
    MAX_EXACT,
    MESSAGE,
    SFIXED32,
    SFIXED64,
    SINT32,
    SINT64,
    STRING,
    STRUCT,
    UINT32,
    UINT64,
    VALUE,
    WORDS,
    Enum,
    Field,
    Malformed,
    Message,
    Types,
    decode,
    decode_value,
    encode,
    encode_value,
    pair,
    pairs,
    read_varint,
    varint,
)

# Type -> values that stay what they are.
VALUES: dict[int, tuple[Any, ...]] = {
    INT32: (0, 1, -1, 2 ** 31 - 1, -2 ** 31), INT64: (0, 2 ** 63 - 1, -2 ** 63),
    UINT32: (0, 2 ** 32 - 1), UINT64: (0, 2 ** 64 - 1),
    SINT32: (0, -1, 2 ** 31 - 1, -2 ** 31), SINT64: (0, -1, 2 ** 63 - 1, -2 ** 63),
    FIXED32: (0, 2 ** 32 - 1), FIXED64: (0, 2 ** 64 - 1), SFIXED32: (-2 ** 31, 2 ** 31 - 1),
    SFIXED64: (-2 ** 63, 2 ** 63 - 1), BOOL: (False, True), FLOAT: (0.0, 1.5, -math.inf),
    DOUBLE: (0.0, 0.1, 1e308, math.inf), STRING: ("", "Olá, 世界"), BYTES: (b"", b"\0\xff")}
# Type -> values that do not fit.
WRONG: dict[int, tuple[Any, ...]] = {
    INT32: (2 ** 31, -2 ** 31 - 1, 1.0, "1", True), INT64: (2 ** 63, b""), UINT32: (-1, 2 ** 32),
    UINT64: (-1, 2 ** 64), SINT32: (2 ** 31,), FIXED32: (-1,), SFIXED64: (2 ** 63,), BOOL: (1, 0.0),
    FLOAT: (1e39, "x", True), DOUBLE: ("x", 10 ** 400), STRING: (b"x", 1, "\ud800"),
    BYTES: ("x", [1])}
COLOURS = Enum("Colour", (("RED", 0), ("BLUE", 2)))
TREE = Message("Tree", (Field("name", 1, STRING), Field("child", 2, MESSAGE, type_name="Tree")))
ENTRY = Message("Entry", (Field("key", 1, STRING), Field("value", 2, MESSAGE, type_name="Tree")),
                is_entry=True)
TYPES: Types = {"Colour": COLOURS, "Tree": TREE, "Entry": ENTRY}


def one(kind: int, **more: Any) -> Message:
    return Message("One", (Field("it", 1, kind, **more),))


class Scalars(unittest.TestCase):
    def test_the_examples_of_the_documentation(self) -> None:
        """protobuf.dev, "Encoding"."""
        self.assertEqual(encode(one(INT32), {"it": 150}, {}).hex(), "089601")
        self.assertEqual(encode(Message("M", (Field("b", 2, STRING),)), {"b": "testing"}, {}).hex(),
                         "120774657374696e67")
        self.assertEqual(encode(one(INT32), {"it": -2}, {}).hex(), "08feffffffffffffffff01")
        self.assertEqual(encode(one(SINT32), {"it": -2}, {}).hex(), "0803")
        packed = Message("M", (Field("f", 6, INT32, is_repeated=True),))
        self.assertEqual(encode(packed, {"f": [3, 270, 86_942]}, {}).hex(), "3206038e029ea705")

    def test_every_type_there_and_back(self) -> None:
        self.assertEqual(VALUES.keys(), WORDS.keys())
        for kind, values in VALUES.items():
            for value in values:
                with self.subTest(WORDS[kind], value=value):
                    for more in ({}, {"is_optional": True}):
                        message = one(kind, **more)
                        data = encode(message, {"it": value}, {})
                        self.assertEqual(decode(message, data, {}), {"it": value})
                    many = one(kind, is_repeated=True)
                    data = encode(many, {"it": list(values)}, {})
                    self.assertEqual(decode(many, data, {}), {"it": list(values)})

    def test_a_value_that_does_not_fit(self) -> None:
        for kind, values in WRONG.items():
            for value in values:
                with self.subTest(WORDS[kind], value=str(value)[:20]):
                    with self.assertRaises(Malformed) as caught:
                        encode(one(kind), {"it": value}, {})
                    self.assertLess(len(str(caught.exception)), 150)
        with self.assertRaisesRegex(Malformed, "a number of 16610 bits"):
            # Python does not write it.
            encode(one(INT64), {"it": 10 ** 5000}, {})
        with self.assertRaises(Malformed):
            encode(one(INT32, is_repeated=True), {"it": 5}, {})

    def test_a_zero_is_left_out_unless_it_is_optional(self) -> None:
        self.assertEqual(encode(one(INT32), {"it": 0}, {}), b"")
        self.assertEqual(decode(one(INT32), b"", {}), {"it": 0})
        self.assertEqual(encode(one(INT32, is_optional=True), {"it": 0}, {}), b"\x08\0")
        self.assertEqual(decode(one(INT32, is_optional=True), b"", {}), {})
        self.assertNotEqual(encode(one(DOUBLE), {"it": -0.0}, {}), b"")

    def test_a_name_that_is_no_field_is_not_lost(self) -> None:
        with self.assertRaisesRegex(Malformed, "no field 'text'; there are: it"):
            encode(one(STRING), {"text": "x"}, {})


class Reading(unittest.TestCase):
    def test_an_unknown_field_is_passed_over(self) -> None:
        unknown = pair(9, "new") + pair(8, 5) + varint(7 << 3 | 1) + bytes(8) \
            + varint(6 << 3 | 5) + bytes(4)
        self.assertEqual(decode(one(STRING), unknown + pair(1, "x") + unknown, {}), {"it": "x"})

    def test_of_two_the_last_one_holds(self) -> None:
        self.assertEqual(decode(one(STRING), pair(1, "a") + pair(1, "b"), {}), {"it": "b"})

    def test_repeated_numbers_come_packed_or_not(self) -> None:
        many = one(INT32, is_repeated=True)
        data = pair(1, 5) + pair(1, varint(6) + varint(7)) + pair(1, 8)
        self.assertEqual(decode(many, data, {}), {"it": [5, 6, 7, 8]})

    def test_an_enum_by_name_or_by_number(self) -> None:
        message = one(ENUM, type_name="Colour")
        for given, told in (("BLUE", "BLUE"), (2, "BLUE"), (7, 7), (-1, -1)):
            data = encode(message, {"it": given}, TYPES)
            self.assertEqual(decode(message, data, TYPES), {"it": told})
        with self.assertRaisesRegex(Malformed, "no 'GREEN'; there are: RED, BLUE"):
            encode(message, {"it": "GREEN"}, TYPES)

    def test_messages_in_messages_and_maps(self) -> None:
        tree = {"name": "a", "child": {"name": "b"}}
        self.assertEqual(decode(TREE, encode(TREE, tree, TYPES), TYPES), tree)
        forest = one(MESSAGE, is_repeated=True, type_name="Entry")
        values = {"it": {"x": tree, "": {"name": ""}}}
        self.assertEqual(decode(forest, encode(forest, values, TYPES), TYPES), values)
        self.assertEqual(decode(forest, pair(1, b""), TYPES), {"it": {"": {}}})

    def test_what_is_no_map(self) -> None:
        forest = one(MESSAGE, is_repeated=True, type_name="Entry")
        for wrong in ([{"x": 1}], [1], {"x": 1}, {1: {"name": "x"}}):
            with self.subTest(wrong), self.assertRaises(Malformed):
                encode(forest, {"it": wrong}, TYPES)

    def test_hostile_bytes(self) -> None:
        for why, data in (("half a key", b"\x80"), ("half a number", b"\x08"),
                          ("eleven bytes", b"\x08" + b"\x80" * 10 + b"\1"),
                          ("field 0", b"\0\1"), ("a group", b"\x0b"), ("end of a group", b"\x0c"),
                          ("wire type 7", b"\x0f"), ("longer than all", b"\x0a\x05abc"),
                          ("2^63 bytes", b"\x0a" + b"\xff" * 9 + b"\1"),
                          ("half a double", b"\x09\0"),
                          ("field 2^29", varint(2 ** 29 << 3) + b"\1")):
            with self.subTest(why), self.assertRaises(Malformed):
                decode(one(INT32), data, {})
        for kind, data in ((STRING, pair(1, b"\xff")), (STRING, pair(1, 5)), (INT32, pair(1, b"")),
                           (DOUBLE, pair(1, 5)), (MESSAGE, pair(1, b""))):
            with self.subTest(data), self.assertRaises(Malformed):
                decode(one(kind), data, {})
        with self.assertRaises(Malformed):
            decode(one(FIXED32, is_repeated=True), pair(1, b"12345"), {})

    def test_messages_nest_up_to_a_depth(self) -> None:
        for depth, fits in ((MAX_DEPTH, True), (MAX_DEPTH + 1, False), (5000, False)):
            data = b""
            for _ in range(depth):
                data = pair(2, data)
            if fits:
                decode(TREE, data, TYPES)
            else:
                with self.assertRaises(Malformed):
                    decode(TREE, data, TYPES)
        tree: dict[str, Any] = {}
        for _ in range(500):
            tree = {"child": tree}
        with self.assertRaises(Malformed):
            encode(TREE, tree, TYPES)

    def test_random_bytes_end_in_values_or_malformed(self) -> None:
        rng = random.Random(1)
        for _ in range(3000):
            data = rng.randbytes(rng.randrange(20))
            for read in (lambda data: decode(TREE, data, TYPES), decode_value,
                         lambda data: list(pairs(data))):
                try:
                    read(data)
                except Malformed:
                    continue

    def test_a_varint_has_64_bits(self) -> None:
        self.assertEqual(read_varint(b"\xff" * 9 + b"\x7f", 0), (2 ** 64 - 1, 10))


class AnyValue(unittest.TestCase):
    """google.protobuf.Value."""

    def test_there_and_back(self) -> None:
        for value in (None, True, False, 0, -1, 2 ** 53, 0.5, "", "Olá", [], [1, [None]], {},
                      {"a": {"b": [1, "x"]}, "": None}):
            with self.subTest(value):
                found = decode_value(encode_value(value))
                self.assertEqual(found, value)
                self.assertIs(type(found), type(value))

    def test_as_fields(self) -> None:
        for name, value in ((VALUE, None), (VALUE, [1]), (STRUCT, {"a": 1}), (LIST, [1, "x"])):
            message = one(MESSAGE, type_name=name)
            self.assertEqual(decode(message, encode(message, {"it": value}, {}), {}), {"it": value})

    def test_bytes_and_times_become_texts(self) -> None:
        self.assertEqual(decode_value(encode_value(b"\0\xff")), "AP8=")
        self.assertEqual(decode_value(encode_value(datetime.datetime(2026, 1, 2, 3))),
                         "2026-01-02T03:00:00")

    def test_what_is_no_value_of_json(self) -> None:
        for wrong in (MAX_EXACT + 1, object(), {1: 2}, {"a": {1: 2}}, {1}, "\ud800"):
            with self.subTest(wrong), self.assertRaises(Malformed):
                encode_value(wrong)

    def test_depth(self) -> None:
        nested: Any = []
        for _ in range(1000):
            nested = [nested]
        with self.assertRaises(Malformed):
            encode_value(nested)
        data = b""
        for _ in range(3000):
            data = pair(6, pair(1, data))
        with self.assertRaises(Malformed):
            decode_value(data)
        data = b""
        for _ in range(3000):
            data = pair(5, pair(1, pair(1, "k") + pair(2, data)))
        with self.assertRaises(Malformed):
            decode_value(data)


if __name__ == "__main__":
    unittest.main()
