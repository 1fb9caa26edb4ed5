"""What other clients write is read, in calls and in replies. All else is refused: nothing is passed
over, and nothing becomes something else.
"""

from __future__ import annotations

import math
import unittest
from decimal import Decimal
from typing import Any
from xmlrpc.client import Fault

from ponte.rpc.from_xml import MAX_DEPTH
from ponte.rpc.marshal import NOT_WELL_FORMED, NOT_XML_RPC, decode_call, decode_result
from tests.rpc.documents import call_with, code_of, fault_of, result_with

TWO = "<value><int>1</int></value><value><int>2</int></value>"
A = "<name>a</name>"

# What other clients write, and the value that it means.
READ: tuple[tuple[str, Any], ...] = (
    # A text without a type, and an empty one.
    ("", ""), (" a ", " a "), ("<string/>", ""), ("<string> a </string>", " a "),
    ("a<!-- -->b", "ab"), ("<![CDATA[<a>]]>", "<a>"), ("<string>a<![CDATA[&]]>b</string>", "a&b"),
    # White space around a type.
    ("\n  <int>1</int>\n", 1), ("\t<array>\n<data>\n</data>\n</array> ", []),
    # Integers.
    *[(f"<{tag}>{text}</{tag}>", 7) for tag in ("int", "i1", "i2", "i4", "i8", "biginteger")
      for text in ("7", "+7", " 7\n", "007")],
    ("<int>-0</int>", 0), ("<i8>-9223372036854775808</i8>", -2 ** 63),
    ("<int>4294967296</int>", 2 ** 32), ("<ex:i8>9</ex:i8>", 9), ("<ex:i1>9</ex:i1>", 9),
    ("<ex:biginteger>1267650600228229401496703205376</ex:biginteger>", 2 ** 100),
    # Numbers with a point.
    *[(f"<{tag}>{text}</{tag}>", value) for tag in ("double", "float", "ex:float")
      for text, value in (("1.5", 1.5), ("1", 1.0), ("1.", 1.0), (".5", 0.5), ("+1", 1.0),
                          ("-.5", -0.5), ("1e5", 1e5), ("1E-5", 1e-5), (" 1.5\n", 1.5),
                          ("0001.50", 1.5), ("inf", math.inf), ("-Infinity", -math.inf))],
    ("<ex:bigdecimal>1.10</ex:bigdecimal>", Decimal("1.10")),
    ("<bigdecimal> -1E+3 </bigdecimal>", Decimal("-1E+3")),
    # Truth.
    *[(f"<boolean>{text}</boolean>", value)
      for text, value in (("1", True), ("0", False), ("true", True), ("false", False),
                          ("True", True), ("FALSE", False), (" 1\n", True))],
    # Bytes.
    *[(f"<base64>{text}</base64>", b"Ponte") for text in (
        "UG9udGU=", "\nUG9u\r\ndGU=\n", "  UG9u dGU = ", "U\tG9udGU=")],
    ("<base64/>", b""), ("<base64>\n</base64>", b""),
    # None.
    ("<nil/>", None), ("<nil></nil>", None), ("<nil>\n</nil>", None), ("<ex:nil/>", None),
    # Lists and structs.
    ("<array><data/></array>", []), (f"<array><data>{TWO}</data></array>", [1, 2]),
    ("<struct/>", {}), (f"<struct><member>{A}<value/></member></struct>", {"a": ""}),
    ("<struct><member><name/><value/></member></struct>", {"": ""}),
    ("<struct> <member>\n<name> a </name>\n<value>1</value> </member></struct>", {" a ": "1"}),
    (f"<x:struct><x:member><x:name>a</x:name><x:value>{TWO[7:19]}</x:value></x:member></x:struct>",
     {"a": 1}),
)
# What is well-formed XML, and no XML-RPC.
NO_XML_RPC = (
    # Values.
    "<int/>", "<int>1.0</int>", "<int>0x7</int>", "<int>1 2</int>", "<int>--1</int>",
    "<int>1_0</int>", "<int>\u0661</int>", "<i8>seven</i8>", "<ex:i8/>",
    "<double/>", "<double>1,5</double>", "<double>1_0.5</double>", "<double>\u0661.5</double>",
    "<double>1e400</double>", "<double>-1e400</double>", "<double>.</double>",
    "<double>0x1p3</double>", "<double>1e</double>", "<bigdecimal>nan</bigdecimal>",
    "<bigdecimal>1_0</bigdecimal>", "<boolean/>", "<boolean>2</boolean>", "<boolean>t</boolean>",
    "<boolean>yes</boolean>", "<boolean>-1</boolean>", "<base64>UG9udGU</base64>",
    "<base64>UG9-_GU=</base64>", "<base64>UG9u!dGU=</base64>", "<base64>UA==UA==</base64>",
    "<base64>\u00e9</base64>", "<base64>U</base64>", "<nil>0</nil>",
    # Types that are none.
    "<complex>1</complex>", "<Int>1</Int>", "<ex:serializable>rO0=</ex:serializable>",
    "<ex:dom><a/></ex:dom>", "<value>1</value>", "<data/>", "<member/>",
    # Two things where one may stand, or something beside an element.
    "<int>1</int><int>2</int>", "<nil/><nil/>", "x<int>1</int>", "<int>1</int>x",
    "<int>1<b/></int>", "<string>a<b>c</b></string>", "<nil><nil/></nil>",
    "<array/>", f"<array>{TWO}</array>", "<array><data/><data/></array>",
    "<array>x<data/></array>", "<array><data>x</data></array>",
    "<array><data><int>1</int></data></array>", "<array><data><member/></data></array>",
    # The parts of a struct: each once, the name first.
    f"<struct><member><value>1</value>{A}</member></struct>",
    f"<struct><member>{A}<value>1</value></member><member><value>2</value><name>b</name></member>"
    "</struct>",
    f"<struct><member>{A}</member></struct>", "<struct><member><value/></member></struct>",
    "<struct><member/></struct>", f"<struct><member>{A}{A}<value/></member></struct>",
    f"<struct><member>{A}<value>1</value><value>2</value></member></struct>",
    f"<struct><member>{A}<int>1</int></member></struct>", f"<struct>{A}<value/></struct>",
    "<struct><value/></struct>", "<struct>x</struct>",
    f"<struct><member>x{A}<value/></member></struct>",
    f"<struct><member>{A}<value/>x</member></struct>",
    "<struct><member><name><string>a</string></name><value/></member></struct>",
    f"<struct><member>{A}<value>1</value></member><member>{A}<value>2</value></member></struct>",
)
# The same, for what is around the values.
CALLS = (
    "<methodCall/>", "<methodCall>echo</methodCall>", "<methodcall/>", "<params/>",
    "<methodCall><methodName/></methodCall>", "<methodCall><methodName> </methodName></methodCall>",
    "<methodCall><params/><methodName>a</methodName></methodCall>",
    "<methodCall><methodName>a<b/></methodName></methodCall>",
    "<soap:Envelope xmlns:soap='http://schemas.xmlsoap.org/soap/envelope/'/>",
    *[f"<methodCall><methodName>a</methodName>{rest}</methodCall>" for rest in (
        "<methodName>b</methodName>", "<params/><params/>", "<param><value/></param>", "x",
        "<params><value/></params>", "<params><param/></params>", "<params>x</params>",
        "<params><param>1</param></params>", "<params><param><int>1</int></param></params>",
        "<params><param><value/><value/></param></params>", "<fault><value/></fault>")],
)


class Reading(unittest.TestCase):
    """Calls and replies are read by the same rules."""

    def test_what_other_clients_write_is_read(self) -> None:
        """Each with its type."""
        for xml, value in READ:
            with self.subTest(xml):
                [param] = decode_call(call_with(xml))[1]
                result = decode_result(result_with(xml))
                for found in (param, result):
                    self.assertEqual((found, type(found)), (value, type(value)))

    def test_nan_is_read(self) -> None:
        """It is equal to nothing, so that it has no row in the table."""
        self.assertTrue(math.isnan(decode_result(result_with("<double>NaN</double>"))))

    def test_all_else_is_no_xml_rpc(self) -> None:
        """Fault -32600 with one line that says what is wrong: nothing is passed over, and nothing
        becomes something else.
        """
        for xml in NO_XML_RPC:
            for decode, document in ((decode_call, call_with(xml)),
                                     (decode_result, result_with(xml))):
                with self.subTest(xml, decode=decode):
                    with self.assertRaises(Fault) as caught:
                        decode(document)
                    self.assertEqual(caught.exception.faultCode, NOT_XML_RPC)
                    self.assertRegex(caught.exception.faultString, r"\Anot XML-RPC: .+\Z")
                    # It may be the same, cut off: then it is not even XML.
                    self.assertEqual(code_of(decode, document[:-1]), NOT_WELL_FORMED)

    def test_no_other_document_is_a_call(self) -> None:
        for xml in CALLS:
            with self.subTest(xml):
                self.assertEqual(code_of(decode_call, xml.encode()), NOT_XML_RPC)

    def test_what_is_right_around_the_values_is_read(self) -> None:
        """A call needs no <params>; white space, comments and a prefix do not count."""
        for xml, params in (
                ("<methodCall><methodName>a</methodName></methodCall>", ()),
                ("<methodCall>\n<!-- c --> <methodName> a </methodName>\n<params/>"
                 "</methodCall>", ()),
                ("<x:methodCall xmlns:x='x'><x:methodName>a</x:methodName><x:params><x:param>"
                 "<x:value><x:i4>1</x:i4></x:value></x:param></x:params></x:methodCall>", (1,))):
            with self.subTest(xml):
                self.assertEqual(decode_call(xml.encode()), ("a", params))

    def test_what_is_dangerous_is_not_read_at_all(self) -> None:
        """A text of ten characters would be a number of a million digits."""
        for xml in ("<bigdecimal>1e999999</bigdecimal>", "<bigdecimal>1e-999999</bigdecimal>",
                    f"<bigdecimal>{'9' * 5000}</bigdecimal>",
                    f"<bigdecimal>1e{'9' * 5000}</bigdecimal>"):
            with self.subTest(xml[:30]):
                self.assertEqual(code_of(decode_call, call_with(xml)), NOT_WELL_FORMED)

    def test_a_document_has_so_many_levels_and_no_more(self) -> None:
        """MAX_DEPTH of them: four around a value, three for each list."""
        for extra, code in (("", 0), ("<int>1</int>", 0),
                            ("<array><data/></array>", NOT_WELL_FORMED)):
            lists = (MAX_DEPTH - 5) // 3
            xml = "<array><data><value>" * lists + extra + "</value></data></array>" * lists
            self.assertEqual(code_of(decode_call, call_with(xml)), code)

    def test_an_error_quotes_only_the_beginning(self) -> None:
        fault = fault_of(result_with(f"<int>{'x' * 1000}</int>"))
        self.assertLess(len(fault.faultString), 200)


if __name__ == "__main__":
    unittest.main()
