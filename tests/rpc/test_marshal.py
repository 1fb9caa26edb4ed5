"""Marshalling: which values are carried as they are, what is refused, and what no input can do."""

from __future__ import annotations

import contextlib
import datetime
import encodings
import gzip
import sys
import tracemalloc
import unittest
import xmlrpc.client
from collections.abc import Iterator
from typing import Any
from xmlrpc.client import Fault

from ponte.net.message import MAX_BODY_BYTES, ProtocolError, Request
from ponte.rpc.from_xml import INTEGER_TAGS, MAX_DIGITS
from ponte.rpc.marshal import (
    APPLICATION_ERROR,
    MAX_FAULT_CHARS,
    NOT_WELL_FORMED,
    NOT_XML_RPC,
    decode_call,
    decode_result,
    encode_call,
    encode_fault,
    encode_result,
    fields_of_fault,
    xml_of,
)
from tests.rpc.documents import call_with, code_of, fault_of

ENTITY_BOMB = ("<?xml version='1.0'?>"
               "<!DOCTYPE a [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;'>]>"
               "<methodCall><methodName>echo</methodName>"
               "<params><param><value>&b;</value></param></params></methodCall>")
VALUES: list[Any] = [
    None, True, False, 0, -2 ** 31, 2 ** 31 - 1, 2 ** 31, -2 ** 63, 2 ** 63 - 1, 1.5,
    "", " a ", "\u00e9\u20ac\U0001f600",
    "<&>\"']]>", "a\r\nb\rc\n\td", b"", bytes(range(256)), [], [1, [2, [None]]], {},
    {"a": {"b": [1]}, "<&>": ""}, datetime.datetime(2026, 11, 23, 19, 8),
]
NOT_CARRIED: list[Any] = [2 ** 63, -2 ** 63 - 1, 2 ** 70, {1, 2}, object(), 1j, {1: 2}, "\0",
                          "\x1b[0m", "\ud800", "\uffff"]


@contextlib.contextmanager
def without_limit_of_digits() -> Iterator[None]:
    """As in Python before 3.9.14, where `int` took any number of digits."""
    if not hasattr(sys, "set_int_max_str_digits"):
        yield
        return
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        yield
    finally:
        sys.set_int_max_str_digits(before)


class Marshalling(unittest.TestCase):
    """What XML-RPC can carry arrives unchanged. All else is refused before it is sent."""

    def test_every_value_arrives_unchanged(self) -> None:
        """As parameter and as result, with its type; also CR, which XML would turn into LF."""
        for value in VALUES:
            with self.subTest(value=value):
                method, params = decode_call(encode_call("echo", (value, value)))
                result = decode_result(encode_result(value))
                self.assertEqual((method, params), ("echo", (value, value)))
                self.assertEqual((result, type(result)), (value, type(value)))

    def test_what_xml_rpc_cannot_carry_is_refused(self) -> None:
        """Integers of more than 64 bits, other types, control characters, lone surrogates, and
        keys that are not text.
        """
        for value in NOT_CARRIED:
            with self.subTest(value=repr(value)):
                with self.assertRaises((TypeError, OverflowError, ValueError)):
                    encode_call("echo", (value,))
                with self.assertRaises((TypeError, OverflowError, ValueError)):
                    encode_result(value)

    def test_a_method_name_cannot_break_out_of_its_element(self) -> None:
        """A name arrives unchanged or is refused: `dumps` itself does not escape it."""
        for name in ("a<b", "a&b", "a</methodName><params/>"):
            with self.subTest(name):
                try:
                    body = encode_call(name, ())
                except ValueError:
                    continue
                self.assertEqual(decode_call(body), (name, ()))

    def test_the_standard_library_reads_us_and_we_read_it(self) -> None:
        """Both directions against xmlrpc.client."""
        ours, _ = xmlrpc.client.loads(encode_result({"a": [1, "b", None]}))
        theirs = xmlrpc.client.dumps(("x", 1), "echo").encode()
        self.assertEqual(ours, ({"a": [1, "b", None]},))
        self.assertEqual(decode_call(theirs), ("echo", ("x", 1)))

    def test_faults_arrive_as_faults(self) -> None:
        """Code and text are kept; a character that XML cannot hold becomes a question mark."""
        fault = fault_of(encode_fault(Fault(7, "a\0b\r<c>")))
        self.assertEqual((fault.faultCode, fault.faultString), (7, "a?b\r<c>"))

    def test_every_fault_can_be_carried(self) -> None:
        """A code that is not an integer of 32 bits is replaced, and a text without end is cut."""
        for code in ("x", 2 ** 31, True, None, 1.5):
            with self.subTest(code=code):
                fields = fields_of_fault(Fault(code, "text"))  # type: ignore[arg-type]
                self.assertEqual(fields, {"faultCode": APPLICATION_ERROR, "faultString": "text"})
        self.assertEqual(fields_of_fault(Fault(1, "x" * 10 ** 6))["faultString"],
                         "x" * MAX_FAULT_CHARS)

    def test_what_is_not_a_call_is_refused(self) -> None:
        """Fault -32700 where it is not XML, or is dangerous; -32600 where it is XML of another
        kind: the structure, a value, or a message in the wrong place.
        """
        good = encode_call("echo", (1,))
        for name, code, body in (
                ("nothing", NOT_WELL_FORMED, b""),
                ("not XML", NOT_WELL_FORMED, b"hello"),
                ("cut off", NOT_WELL_FORMED, good[:-5]),
                ("two documents", NOT_WELL_FORMED, good + good),
                ("other XML", NOT_XML_RPC, b"<html/>"),
                ("other XML, cut off", NOT_WELL_FORMED, b"<html><body>"),
                ("no name", NOT_XML_RPC, b"<methodCall><params/></methodCall>"),
                ("an empty name", NOT_XML_RPC, b"<methodCall><methodName/><params/></methodCall>"),
                ("a reply", NOT_XML_RPC, encode_result(1)),
                ("an unknown entity", NOT_WELL_FORMED, call_with("&b;")),
                ("not a number", NOT_XML_RPC, call_with("<int>x</int>")),
                ("not a boolean", NOT_XML_RPC, call_with("<boolean>2</boolean>")),
                ("5,000 digits", NOT_WELL_FORMED, call_with(f"<int>{'9' * 5000}</int>")),
                ("an unknown type", NOT_XML_RPC, call_with("<complex>1</complex>")),
                ("an unknown encoding", NOT_WELL_FORMED,
                 b"<?xml version='1.0' encoding='x-no'?>" + good),
                ("not the encoding it names", NOT_WELL_FORMED,
                 call_with("\u00e9").replace(b"\xc3", b"\xff"))):
            with self.subTest(name):
                self.assertEqual(code_of(decode_call, body), code)

    def test_an_integer_has_so_many_digits_and_no_more(self) -> None:
        """Also in a Python without that limit, where one number would stop it for seconds."""
        for tag in INTEGER_TAGS:
            for digits, code in (("9" * MAX_DIGITS, 0),
                                 (f" {'9' * MAX_DIGITS}\n", 0),
                                 ("9" * (MAX_DIGITS + 1), NOT_WELL_FORMED)):
                with self.subTest(tag=tag, digits=len(digits)), without_limit_of_digits():
                    body = call_with(f"<{tag}>{digits}</{tag}>")
                    self.assertEqual(code_of(decode_call, body), code)

    def test_the_name_of_an_encoding_is_not_looked_up(self) -> None:
        """Python remembers each name that it does not know. A million such calls, each with a name
        of a megabyte, would fill the memory.
        """
        remembered = vars(encodings)["_cache"]
        before = len(remembered)
        for number, decode in enumerate((decode_call, decode_result)):
            for name in (f"x-no-{number}", "x" * 900_000 + str(number), "idna", "punycode",
                         "iso--8859-1"):
                document = f"<?xml version='1.0' encoding='{name}'?><methodCall/>".encode()
                self.assertEqual(code_of(decode, document), NOT_WELL_FORMED)
        self.assertEqual(len(remembered), before)

    def test_the_encodings_in_use_are_read(self) -> None:
        """In upper and lower case; UTF-16 begins with a mark that gives the order of its bytes."""
        for encoding in ("utf-8", "UTF-8", "iso-8859-1", "ISO-8859-15", "windows-1252", "latin1",
                         "utf-16"):
            document = f"<?xml version='1.0' encoding='{encoding}'?>" + call_with("\u00e9").decode()
            self.assertEqual(decode_call(document.encode(encoding)), ("echo", ("\u00e9",)))

    def test_what_is_not_a_result_is_refused(self) -> None:
        """A client accepts one value or one fault, and no other document."""
        doctype = b"<!DOCTYPE a>" + encode_result(1).split(b"?>", 1)[1]
        two = encode_result(1).replace(b"</param>", b"</param><param><value/></param>")
        no_fault = encode_fault(Fault(1, "x")).replace(b"faultCode", b"code")
        for name, code, body in (
                ("nothing", NOT_WELL_FORMED, b""),
                ("cut off", NOT_WELL_FORMED, encode_result(1)[:-5]),
                ("a call", NOT_XML_RPC, encode_call("echo", (1,))),
                ("two values", NOT_XML_RPC, two),
                ("no value", NOT_XML_RPC, b"<methodResponse><params/></methodResponse>"),
                ("neither", NOT_XML_RPC, b"<methodResponse/>"),
                ("a fault without a code", NOT_XML_RPC, no_fault),
                ("a DOCTYPE", NOT_WELL_FORMED, doctype)):
            with self.subTest(name):
                self.assertEqual(code_of(decode_result, body), code)

    def test_what_is_refused_is_not_called_ill_formed(self) -> None:
        """It may be good XML. The text of the fault says which of both it is."""
        good = encode_call("echo", (1,)).decode().partition("?>")[2]
        for document in ("<!DOCTYPE html><html/>", ENTITY_BOMB,
                         "<?xml version='1.0' encoding='koi8-r'?>" + good,
                         call_with("<array><data><value>" * 170
                                   + "</value></data></array>" * 170).decode(),
                         call_with(f"<int>{'9' * 5000}</int>").decode(),
                         call_with("<bigdecimal>1e5000</bigdecimal>").decode()):
            with self.subTest(document[:40]), self.assertRaises(Fault) as caught:
                decode_call(document.encode())
            self.assertEqual(caught.exception.faultCode, NOT_WELL_FORMED)
            self.assertRegex(caught.exception.faultString, r"\Arefused: ")
        for text in ("", "hello", "<a>", "<a></b>"):
            with self.assertRaisesRegex(Fault, "not well formed: "):
                decode_call(text.encode())

    def test_no_doctype_is_read(self) -> None:
        """No entity, no entity bomb - in any encoding that expat knows."""
        plain = "<!DOCTYPE methodCall>" + encode_call("echo", ()).decode().split("?>", 1)[1]
        for encoding in ("utf-8", "utf-16", "utf-16-be"):
            for document in (ENTITY_BOMB, plain):
                mark = "\ufeff" if encoding == "utf-16-be" else ""
                with self.subTest(encoding=encoding, document=document[:30]):
                    with self.assertRaises(Fault) as caught:
                        decode_call((mark + document).encode(encoding))
                    self.assertEqual(caught.exception.faultCode, NOT_WELL_FORMED)
                    self.assertIn("DOCTYPE", caught.exception.faultString)


class Bodies(unittest.TestCase):
    """What the body of a request may hold."""

    def test_a_bomb_is_inflated_no_further_than_a_message_may_be_long(self) -> None:
        """100 MiB in 100 KiB are refused, and are never in memory."""
        packed = gzip.compress(bytes(100 * MAX_BODY_BYTES))
        bomb = Request("POST", "/", {"content-encoding": "gzip"}, packed)
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        with self.assertRaises(ProtocolError) as caught:
            xml_of(bomb)
        self.assertEqual(caught.exception.status, 413)
        self.assertLess(tracemalloc.get_traced_memory()[1], 4 * MAX_BODY_BYTES)


if __name__ == "__main__":
    unittest.main()
