"""What has a form in XML-RPC is written so that every client reads it. All else is refused before
it is sent, with its type and what to send instead.
"""

from __future__ import annotations

import array
import collections
import dataclasses
import datetime
import enum
import fractions
import math
import pathlib
import re
import unittest
import uuid
import xmlrpc.client
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple
from unittest import mock
from xmlrpc.client import Fault

from ponte.rpc.dispatcher import Dispatcher
from ponte.rpc.marshal import (
    APPLICATION_ERROR,
    decode_call,
    decode_result,
    encode_call,
    encode_fault,
    encode_result,
)
from ponte.rpc.to_xml import MAX_NESTED
from tests.rpc.documents import fault_of

WRITTEN: tuple[tuple[Any, str], ...] = (
    (2 ** 31 - 1, "<int>2147483647</int>"), (-2 ** 31, "<int>-2147483648</int>"),
    (2 ** 31, "<i8>2147483648</i8>"), (-2 ** 31 - 1, "<i8>-2147483649</i8>"),
    (2 ** 63 - 1, "<i8>9223372036854775807</i8>"), (-2 ** 63, "<i8>-9223372036854775808</i8>"),
    (1e-09, "<double>0.000000001</double>"), (-1.5e-7, "<double>-0.00000015</double>"),
    (1e300, f"<double>1{'0' * 300}.0</double>"), (1e16, "<double>10000000000000000.0</double>"),
    (1.25, "<double>1.25</double>"), (-0.0, "<double>-0.0</double>"),
    (0.1, "<double>0.1</double>"), (2.0, "<double>2.0</double>"),
    (bytearray(b"a"), "<base64>\nYQ==\n</base64>"),
    (xmlrpc.client.Binary(b"a"), "<base64>\nYQ==\n</base64>"),
    (xmlrpc.client.DateTime("20240229T13:14:15"),
     "<dateTime.iso8601>20240229T13:14:15</dateTime.iso8601>"),
    (xmlrpc.client.DateTime("20240229T13:14:15+01:00"),
     "<dateTime.iso8601>20240229T13:14:15+01:00</dateTime.iso8601>"),
)
EXACT_NUMBERS = (1e-09, 1e300, 5e-324, 1.7976931348623157e308, 2.2250738585072014e-308, 0.1 + 0.2,
                 1 / 3, 1e22, 123456789012345680.0, -1e-5)


class Color(enum.Enum):
    RED = 1


class Level(enum.IntEnum):
    LOW = 1


class Word(str, enum.Enum):
    YES = "yes"


class Point(NamedTuple):
    x: int
    y: int


@dataclasses.dataclass
class Money:
    cents: int


class Account:
    def __init__(self) -> None:
        self.owner = "ana"
        self._password = "secret"


class Slotted:
    __slots__ = ("x",)


class Moment(datetime.datetime):
    pass


class Text(str):
    pass


class Shouting(str):
    """A text whose class changes it wherever it is written."""

    def __str__(self) -> str:
        return self.upper()

    def __format__(self, _spec: str) -> str:
        return self.upper()

    def replace(self, *_: Any) -> str:
        return "</name>"


class Raw(bytes):
    pass


class Blob(xmlrpc.client.Binary):
    pass


class When(xmlrpc.client.DateTime):
    pass


class Float64(float):
    """As NumPy has it."""


class Int64:
    """As NumPy has it: no int, and good as one."""

    def __index__(self) -> int:
        return 1


class Matrix:
    """As NumPy has it."""

    def tolist(self) -> list[int]:
        return [1]

    def __iter__(self) -> Iterator[int]:
        return iter([1])


TWO_LINES = type("Two\nLines", (), {})
NOT_CARRIED: tuple[tuple[Any, str], ...] = (
    (Account(), "type Account .* dict"), (Slotted(), "type Slotted .* dict"),
    (Money(5), r"type Money .* dataclasses.asdict\("), (Point(1, 2), r"type Point .*_asdict\(\)"),
    (object(), "type object"), (Account, "type type"), (len, "type builtin_function_or_method"),
    (TWO_LINES(), r"type Two\\nLines"),
    (ValueError("no"), r"type ValueError .* send str\(...\).* raise it"),
    (Fault(1, "no"), "type Fault .* raise it"),
    (KeyboardInterrupt(), "type KeyboardInterrupt .* raise it"),
    (Color.RED, "type Color .* .value"), (Level.LOW, "type Level .* .value"),
    (Word.YES, "type Word .* .value"),
    (Moment(2024, 2, 29), "type Moment .*isoformat"),
    (datetime.date(2024, 2, 29), "type date .*isoformat"),
    (datetime.time(12), "type time .*isoformat"),
    (datetime.timedelta(1), "type timedelta .*total_seconds"),
    (Decimal("1.1"), r"type Decimal .* str\(...\) or float\("),
    (fractions.Fraction(1, 3), "type Fraction .* float"), (1j, "type complex .*real"),
    ({1}, r"type set .* list\("), (frozenset(), r"type frozenset .* list\("),
    (range(3), r"type range .* list\("), ({}.keys(), r"type dict_keys .* list\("),
    (collections.deque(), r"type deque .* list\("),
    (array.array("i"), "type array .*tolist"), (Matrix(), "type Matrix .*tolist"),
    (collections.OrderedDict(a=1), r"type OrderedDict .* dict\("),
    (collections.Counter("a"), r"type Counter .* dict\("),
    (Blob(b"a"), r"type Blob .* \.data"), (When("20240229T13:14:15"), r"type When .* \.value"),
    (Text("a"), r"type Text .* str\("), (Raw(b"a"), r"type Raw .* bytes\("),
    (memoryview(b"a"), r"type memoryview .* bytes\("), (Float64(1), r"type Float64 .* float\("),
    (Int64(), r"type Int64 .* int\("), (uuid.UUID(int=0), "type UUID .*str"),
    (pathlib.PurePosixPath("a"), "type PurePosixPath .* str"), (re.compile("a"), "type Pattern"),
    (iter([1]), r"type list_iterator .* list\("), (mock.Mock(), "type Mock"),
    ({1: 2}, r"type int .* key .* str\("), ({True: 2}, "type bool .* key"),
    ({None: 2}, "type NoneType .* key"), ({b"a": 2}, "type bytes .* key"),
    ({Level.LOW: 2}, "type Level .* key"), ({(1, 2): 2}, "type tuple .* key"),
    (math.inf, "float inf"), (-math.inf, "float -inf"), (math.nan, "float nan"),
    (2 ** 63, "64 bits and a sign "), (-2 ** 63 - 1, "64 bits and a sign"),
    (10 ** 5000, "16610 bits"),
    (xmlrpc.client.DateTime("</dateTime.iso8601>"), "write it as"),
    (xmlrpc.client.DateTime("tomorrow"), "write it as"),
)


class Writing(unittest.TestCase):
    """Calls and replies are written by the same rules."""

    def test_the_form_of_each_value(self) -> None:
        for value, xml in WRITTEN:
            with self.subTest(value):
                self.assertIn(f"<value>{xml}</value>".encode(), encode_call("echo", (value,)))
                self.assertIn(f"<value>{xml}</value>".encode(), encode_result([value]))

    def test_floats_arrive_exactly(self) -> None:
        """Without an exponent, and with every bit."""
        for value in EXACT_NUMBERS:
            with self.subTest(value):
                encoded = encode_result(value)
                self.assertRegex(encoded, rb"<double>-?[0-9]+\.[0-9]+</double>")
                self.assertEqual(decode_result(encoded), value)

    def test_what_has_no_form_is_refused(self) -> None:
        """With the type and what to send instead, in one line, however deep it is hidden; and
        nothing of an object's attributes is told.
        """
        for value, words in NOT_CARRIED:
            for hidden in (value, [value], ({"a": [1, value]},)):
                with self.subTest(words):
                    for encode in (encode_result, lambda value: encode_call("echo", (value,))):
                        with self.assertRaisesRegex((TypeError, ValueError, OverflowError),
                                                    words) as caught:
                            encode(hidden)
                        self.assertEqual(len(str(caught.exception).splitlines()), 1)
                        self.assertNotIn("secret", str(caught.exception))

    def test_a_result_that_is_refused_says_that_the_function_did_run(self) -> None:
        """Fault -32500, in one line."""
        for value, words in NOT_CARRIED:
            with self.subTest(words):
                dispatcher = Dispatcher({"f": lambda value=value: value})
                with self.assertLogs("ponte.rpc"):
                    fault = fault_of(dispatcher.dispatch(encode_call("f", ())))
                self.assertEqual(fault.faultCode, APPLICATION_ERROR)
                self.assertRegex(fault.faultString, rf"\Af did run, .*{words}")
                self.assertEqual(len(fault.faultString.splitlines()), 1)

    def test_the_place_of_what_is_refused_is_told(self) -> None:
        """Which parameter, which key, which item; the first one that is refused."""
        for value in ({1}, math.inf, 2 ** 63, "\0", "\ud800", datetime.datetime.max.replace(
                tzinfo=datetime.timezone.utc), xmlrpc.client.DateTime("tomorrow")):
            for hidden, place in (([1, value], "[1]"),
                                  ({"a": "b", "c": [1, (value,)]}, "['c'][1][0]"),
                                  ({Word.YES: {"two\nlines": value}}, "['yes']['two\\nlines']"),
                                  ({"x" * 500: value}, f"['{'x' * 59}]")):
                with self.subTest(value, place=place):
                    with self.assertRaises((TypeError, ValueError, OverflowError)) as caught:
                        encode_result(hidden)
                    self.assertTrue(str(caught.exception).endswith(f" (at {place})"))
                    with self.assertRaises((TypeError, ValueError, OverflowError)) as caught:
                        encode_call("echo", (5, hidden))
                    self.assertTrue(str(caught.exception).endswith(f" (at params[1]{place})"))
            with self.assertRaises((TypeError, ValueError, OverflowError)) as caught:
                encode_result(value)
            self.assertNotIn("(at", str(caught.exception))
        with self.assertRaisesRegex(TypeError, r"as a key .* \(at \['a'\]\)\Z"):
            encode_result({"a": {"b": 1, 2: {3}}})
        with self.assertRaisesRegex(ValueError, r" \(at \[1\]\)\Z"):
            encode_result(["a", {"b\0": 1}])
        # The later one is told of: characters are looked at last.
        with self.assertRaisesRegex(TypeError, r"type set .* \(at \[1\]\)\Z"):
            encode_result(["\0", {1}])

    def test_keys_may_be_any_text(self) -> None:
        """Also that of an Enum, which is a str. What only says that it is one is refused, and no
        method of the key's class decides what is written.
        """
        self.assertEqual(decode_result(encode_result({Word.YES: 1, "": 2})), {"yes": 1, "": 2})
        self.assertEqual(decode_result(encode_result({Shouting("a<b"): 1})), {"a<b": 1})
        with self.assertRaisesRegex(TypeError, "type MagicMock .* as a key"):
            encode_result({mock.MagicMock(spec=str): 1})

    def test_what_contains_itself_is_refused(self) -> None:
        loop: list[Any] = []
        loop.append({"a": (loop,)})
        with self.assertRaisesRegex(ValueError, "contains itself"):
            encode_result(loop)
        twice = [1]
        self.assertEqual(decode_result(encode_result([twice, twice])), [[1], [1]])

    def test_what_is_written_can_be_read(self) -> None:
        """Up to MAX_NESTED lists and structs; one more is refused where it is written, not where
        it would be read, after the function did run.
        """
        value: Any = 1
        for level in range(MAX_NESTED):
            value = [value] if level % 2 else {"a": value}
        self.assertEqual(decode_result(encode_result(value)), value)
        self.assertEqual(decode_call(encode_call("echo", (value,)))[1], (value,))
        for encode in (encode_result, lambda value: encode_call("echo", (value,))):
            with self.assertRaisesRegex(ValueError, "inside of one another"):
                encode([value])

    def test_the_standard_library_reads_what_is_written(self) -> None:
        """It may be the old client of a server that has moved over."""
        value = {"a": [2 ** 40, 1e-9, None, b"a", "x<&>y", True, datetime.datetime(2024, 2, 29)]}
        [read], _ = xmlrpc.client.loads(encode_result(value), use_builtin_types=True)
        self.assertEqual(read, value)
        with self.assertRaises(Fault) as caught:
            xmlrpc.client.loads(encode_fault(Fault(7, "a<b")))
        self.assertEqual((caught.exception.faultCode, caught.exception.faultString), (7, "a<b"))


if __name__ == "__main__":
    unittest.main()
