"""Plain XML-RPC documents are read as the parser of ponte/rpc/marshal.py reads them, and written as
the standard library writes them.
"""

from __future__ import annotations

import random
import unittest
import xmlrpc.client
from typing import Any, Callable
from unittest import mock
from xmlrpc.client import Fault

from ponte.rpc import marshal, plain
from ponte.rpc.marshal import decode_call, decode_result, encode_call, encode_result

PLAIN: list[tuple[Any, ...]] = [(), ("",), ("Hello",), ("\u00e9\u20ac\U0001f600\t\n",),
                                (0, -2 ** 31, 2 ** 31 - 1, True, False, "x y")]


class Text(str):
    """A subclass, which the standard library does not carry."""


NOT_PLAIN: list[Any] = [None, 1.5, b"", [1], {"a": 1}, "<", ">", "&", "a\rb", "\0", "\x0b",
                        "\ud800", "\ufffe", "\uffff", 2 ** 31, -2 ** 31 - 1, Text("a"),
                        "x" * (plain.MAX_PLAIN_BYTES + 1)]
PIECES = [b"", b"<", b">", b"&amp;", b"&", b"\r", b"\n", b" ", b"]]>", b"<!-- -->",
          b"<![CDATA[x]]>", b"int", b"string", b"-", b"+", b"0", b"1", b"2", b"_", b".", b"<value>",
          b"</value>", b"<string>", b"</string>", b"<nil/>", b"<?pi?>", b"\xff", b"\xc3\xa9",
          b"\xef\xbf\xbe", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\0", b"\x01", b"\xd9\xa1"]
NEARLY_PLAIN = ("<int></int>", "<int>+1</int>", "<int>-</int>", "<int>1_0</int>",
                "<int>\u0661</int>", "<int>99999999999</int>", "<boolean>2</boolean>",
                "<boolean></boolean>", "<int>1</string>", "<string>\ufffe</string>",
                "<string>\x0b</string>", "<string>\x7f\x85</string>", "<string>a\rb</string>",
                "<string>]]></string>", "<string>&lt;</string>", "Hello", "<nil/>")


def outcome_of(decode: Callable[[bytes], Any], body: bytes) -> str:
    """The value that comes out, with its types, or the fault."""
    try:
        return repr(decode(body))
    except Fault as fault:
        return repr(fault)


def fuzzed(rng: random.Random, body: bytes) -> bytes:
    """`body` with up to three pieces of it replaced by others."""
    for _ in range(rng.randrange(4)):
        at = rng.randrange(len(body) + 1)
        body = body[:at] + rng.choice(PIECES) + body[at + rng.randrange(3):]
    return body


class Reading(unittest.TestCase):
    """The parser is the definition: the pattern reads the same, or leaves it to the parser."""

    def assert_same(self, decode: Callable[[bytes], Any], body: bytes) -> None:
        read = outcome_of(decode, body)
        with mock.patch.object(plain, "MAX_PLAIN_BYTES", 0):
            self.assertEqual(outcome_of(decode, body), read, body)

    def test_damage_reads_the_same(self) -> None:
        """Property, over seeded random damage: both give the same values of the same types, or the
        same fault.
        """
        rng = random.Random(6)
        for _ in range(6000):
            params = rng.choice(PLAIN)
            self.assert_same(decode_call, fuzzed(rng, encode_call("a.b_1", params)))
            result = params[0] if params else None
            self.assert_same(decode_result, fuzzed(rng, encode_result(result)))

    def test_values_that_are_nearly_plain_read_the_same(self) -> None:
        """In a document of which all the rest is plain."""
        body = encode_call("echo", ("Hello",))
        for value in NEARLY_PLAIN:
            with self.subTest(value=value):
                changed = body.replace(b"<string>Hello</string>", value.encode())
                self.assert_same(decode_call, changed)


class Writing(unittest.TestCase):
    """The standard library is the definition: every character is the same."""

    def test_plain_values_are_written_as_the_standard_library_does(self) -> None:
        """Calls and results."""
        for params in PLAIN:
            expected = xmlrpc.client.dumps(params, "echo").encode()
            self.assertEqual(plain.write_call("echo", params), expected)
            for value in params:
                expected = xmlrpc.client.dumps((value,), methodresponse=True).encode()
                self.assertEqual(plain.write_result(value), expected)

    def test_all_else_is_left_to_the_standard_library(self) -> None:
        """Also a call with one such parameter among plain ones, and a name that is not a word."""
        for value in NOT_PLAIN:
            with self.subTest(value=value):
                self.assertIsNone(plain.write_result(value))
                self.assertIsNone(plain.write_call("echo", ("a", value)))
        for name in ("a.b", "a<b", "a b", ""):
            self.assertIsNone(plain.write_call(name, ()))


class ShortCut(unittest.TestCase):
    """A document that is plain never reaches the parser."""

    def test_plain_documents_need_no_parser(self) -> None:
        """And are not put together value by value, in both directions."""
        parsed = mock.patch.object(marshal, "_read", side_effect=AssertionError("parsed"))
        dumped = mock.patch.object(marshal, "_document", side_effect=AssertionError("dumped"))
        with parsed, dumped:
            for params in PLAIN:
                self.assertEqual(decode_call(encode_call("echo", params)), ("echo", params))
            self.assertEqual(decode_result(encode_result("World")), "World")
