"""A body in another encoding than UTF-8: read as its caller means it, or refused."""

from __future__ import annotations

import codecs
import gzip
import unittest
from xmlrpc.client import Fault

from ponte.net.message import ProtocolError, Request
from ponte.rpc.marshal import (
    NOT_WELL_FORMED,
    decode_call,
    decode_result,
    encode_call,
    encode_result,
    xml_of,
)

CALL = encode_call("hello", ("ação",))
ASCII_CALL = encode_call("hello", ("Hello",))


def undeclared(encoding: str) -> bytes:
    """A call whose XML declaration names no encoding."""
    return CALL.decode().encode(encoding)


def declared(encoding: str) -> bytes:
    """The same with one that names its encoding."""
    return CALL.decode().replace("?>", f" encoding='{encoding}'?>", 1).encode(encoding)


def post(content_type: str | None, body: bytes, **headers: str) -> Request:
    named = {"content-type": content_type} if content_type is not None else {}
    return Request("POST", "/greeter", {**named, **headers}, body)


class Charset(unittest.TestCase):
    """What Content-Type says of the body, beside what the XML itself says."""

    def read(self, content_type: str | None, body: bytes) -> str:
        """The parameter of the call in a request; fails if it is refused."""
        _, (name,) = decode_call(xml_of(post(content_type, body)))
        return str(name)

    def test_one_name_is_enough(self) -> None:
        """UTF-8 is the default; a charset, a declaration, or the mark of UTF-16 says otherwise."""
        for content_type, body in (
                (None, CALL),
                ("text/xml", CALL),
                ("text/xml;a=b", CALL),
                ("text/xml; charset=", CALL),
                ("text/xml; charset=utf-8", CALL),
                ('Application/XML;  CHARSET="UTF-8" ; a=b', CALL),
                ("text/xml", codecs.BOM_UTF8 + CALL),
                ("text/xml", declared("iso-8859-1")),
                ("text/xml; charset=ISO-8859-1", undeclared("latin-1")),
                ('text/xml;charset="latin1"', undeclared("latin-1")),
                ("text/xml; charset=windows-1252", undeclared("cp1252")),
                ("text/xml; charset=utf-16", declared("utf-16"))):
            with self.subTest(content_type, body=body[:50]):
                self.assertEqual(self.read(content_type, body), "ação")

    def test_two_names_that_agree_are_taken(self) -> None:
        for charset, encoding in (("utf-8", "UTF-8"), ("UTF8", "utf-8"), ("latin1", "iso-8859-1"),
                                  ("cp1252", "windows-1252")):
            with self.subTest(charset):
                self.assertEqual(self.read(f"text/xml; charset={charset}", declared(encoding)),
                                 "ação")

    def test_utf_8_has_more_names_than_the_parser_knows(self) -> None:
        for name in ("UTF8", "utf8", "Utf8", "UTF-8"):
            for content_type in ("text/xml", "text/xml; charset=utf-8", "text/xml; charset=UTF8"):
                body = CALL.decode().replace("?>", f" encoding='{name}'?>", 1).encode()
                with self.subTest(content_type, name=name):
                    self.assertEqual(self.read(content_type, body), "ação")
                    self.assertEqual(self.read(content_type, codecs.BOM_UTF8 + body), "ação")

    def test_a_byte_order_mark_overrides_both(self) -> None:
        """RFC 7303 section 3: it cannot be there by chance."""
        utf_8 = CALL.decode().replace("?>", " encoding='iso-8859-1'?>", 1).encode()
        for charset in ("", "; charset=iso-8859-1", "; charset=koi8-r", "; charset=utf-8"):
            for body in (CALL, utf_8):
                with self.subTest(charset, body=body[:50]):
                    self.assertEqual(self.read(f"text/xml{charset}", codecs.BOM_UTF8 + body),
                                     "ação")
        self.assertEqual(self.read("text/xml; charset=iso-8859-1", undeclared("utf-16")), "ação")

    def test_what_looks_like_a_charset_is_none(self) -> None:
        """In the quotes of another parameter, or as a part of another name."""
        for parameters in ('x="; charset=iso-8859-1"', r'x="\"; charset=iso-8859-1"',
                           'x="; charset=iso-8859-1', "xcharset=iso-8859-1",
                           'x="; charset=latin1"; charset=utf-8', r'charset="utf\-8"',
                           'a="b;c" ; Charset = utf-8', 'x="\\'):
            with self.subTest(parameters):
                self.assertEqual(self.read(f"text/xml; {parameters}", CALL), "ação")
        self.assertEqual(self.read('text/xml; x="; charset=utf-8"; charset=iso-8859-1',
                                   undeclared("latin-1")), "ação")

    def test_what_is_not_clear_is_refused(self) -> None:
        """With a word of what to send. Else letters would come out wrong, and nobody would notice.
        """
        for charset, body, status, word in (
                ("utf-8", declared("iso-8859-1"), 415, "XML declaration iso-8859-1: send utf-8"),
                ("iso-8859-1", declared("utf-8"), 415, "XML declaration utf-8: send utf-8"),
                ("koi8-r", CALL, 415, "'koi8-r' is not read here: send utf-8"),
                ("rot13", CALL, 415, "send utf-8"),
                ("iso-8859-99", CALL, 415, "send utf-8"),
                ("us-ascii", CALL, 400, "not in us-ascii")):
            with self.subTest(charset), self.assertRaisesRegex(ProtocolError, word) as caught:
                xml_of(post(f"text/xml; charset={charset}", body))
            self.assertEqual(caught.exception.status, status)

    def test_ascii_is_the_same_in_all_of_them(self) -> None:
        """It is passed on as it is, whatever its charset is called."""
        for charset in ("utf-8", "us-ascii", "koi8-r", "x" * 500):
            request = post(f"text/xml; charset={charset}", ASCII_CALL)
            self.assertIs(xml_of(request), ASCII_CALL)

    def test_replies_are_read_by_the_same_rules(self) -> None:
        """What is not clear is a fault that says why. The first bytes are also good UTF-8."""
        for content_type, text, encoding in (
                ("text/xml; charset=iso-8859-1", "\u00c3\u00a7", "latin-1"),
                ("text/xml; charset=windows-1252", "\u20ac", "cp1252"),
                ("text/xml", "\u00e7", "utf-8")):
            body = encode_result(text).decode().encode(encoding)
            self.assertEqual(decode_result(body, content_type), text)
        with self.assertRaisesRegex(Fault, "'koi8-r' is not read here") as caught:
            decode_result(encode_result("\u00e7"), "text/xml; charset=koi8-r")
        self.assertEqual(caught.exception.faultCode, NOT_WELL_FORMED)

    def test_the_charset_is_that_of_the_inflated_body(self) -> None:
        request = post("text/xml; charset=iso-8859-1", gzip.compress(undeclared("latin-1")),
                       **{"content-encoding": "gzip"})
        self.assertEqual(decode_call(xml_of(request)), ("hello", ("ação",)))


if __name__ == "__main__":
    unittest.main()
