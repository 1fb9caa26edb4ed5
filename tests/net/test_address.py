"""Addresses: how users write them down, and the one line that answers a mistake."""

from __future__ import annotations

import socket
import unittest
from unittest import mock

from ponte.net.address import parse_address, parse_advertised, parse_registries, show
from ponte.net.checks import check_listen, check_seconds

NOT_ADDRESSES = ("", "a", ":1", "a:", "a:b", "a:-1", "a:+1", "a:1_0", "a:0", "a:65536", "a:\u0661",
                 "a:\u00b2", "http://a:1", "a b:1", "a..b:1", "::1:1", "[a]:1", "[127.0.0.1]:1",
                 "[::1:1", "user@a:1", "10.0.0.300:1", "0:1", "a:99999", "a:" + "9" * 5000,
                 "a" * 64 + ":1", "\u2026" * 64 + ":1", "a\n:1", "a:1:2")


class AddressTest(unittest.TestCase):
    """A test that fails if a name is looked up."""

    def setUp(self) -> None:
        asked = mock.patch.object(socket, "getaddrinfo", side_effect=AssertionError("a look-up"))
        asked.start()
        self.addCleanup(asked.stop)

    def assert_one_line(self, error: BaseException, *words: str) -> None:
        text = str(error)
        self.assertNotIn("\n", text)
        self.assertLess(len(text), 400)
        for word in words:
            self.assertIn(word, text)


class Addresses(AddressTest):
    def test_they_are_read_and_shown(self) -> None:
        """HOST:PORT, with an IPv6 host in brackets; `show` writes what `parse_address` reads."""
        for text, address in (("127.0.0.1:4100", ("127.0.0.1", 4100)),
                              ("[::1]:1", ("::1", 1)),
                              ("[fe80::1%eth0]:1", ("fe80::1%eth0", 1)),
                              ("caf\u00e9.example:9", ("caf\u00e9.example", 9)),
                              ("my_host.:9", ("my_host.", 9)),
                              (" a:65535", ("a", 65535))):
            with self.subTest(text):
                self.assertEqual(parse_address(text), address)
                self.assertEqual(parse_address(show(address)), address)

    def test_what_is_not_an_address_is_refused(self) -> None:
        """Also port 0, which cannot be called, and characters that only look like digits."""
        for text in NOT_ADDRESSES:
            with self.subTest(text), self.assertRaises(ValueError) as caught:
                parse_address(text)
            self.assert_one_line(caught.exception, "HOST:PORT")


class Registries(AddressTest):
    def test_a_consul_agent_is_another_registry_at_the_same_address(self) -> None:
        mixed = parse_registries("127.0.0.1:4100,consul://127.0.0.1:4100, CONSUL://[::1]:8500/ ")
        self.assertEqual([show(address) for address in mixed],
                         ["127.0.0.1:4100", "consul://127.0.0.1:4100", "consul://[::1]:8500"])
        self.assertEqual(parse_registries(mixed), mixed)
        self.assertTrue(mixed[0] != mixed[1])
        self.assertEqual(len({*mixed, *mixed}), 3)
        for text in ("consul://", "consul://a", "consul:a:1", "consul://a:0", "consul://0.0.0.0:1",
                     "consul://a:1/v1", "http://a:1"):
            with self.subTest(text), self.assertRaises(ValueError) as caught:
                parse_registries(text)
            self.assert_one_line(caught.exception)

    def test_they_are_what_the_option_takes_or_a_sequence_of_pairs(self) -> None:
        expected = (("127.0.0.1", 4100), ("::1", 4200))
        for value in ("127.0.0.1:4100,[::1]:4200", " 127.0.0.1:4100 , [::1]:4200 ", expected,
                      list(expected), [["127.0.0.1", 4100], ["::1", 4200]],
                      (*expected, expected[0])):
            with self.subTest(value):
                self.assertEqual(parse_registries(value), expected)

    def test_everything_else_is_refused_with_what_is_expected(self) -> None:
        """Also what is nearly right: one bare pair, a port as text, texts in a list."""
        for value in (("127.0.0.1", 4100), ("127.0.0.1", "4100"), [("127.0.0.1", "4100")],
                      [("127.0.0.1", True)], [("127.0.0.1", 4100.0)], [("127.0.0.1", 0)],
                      [("127.0.0.1", 99999)], [("127.0.0.1", -1)], [("", 4100)], [(None, 4100)],
                      [("a b", 4100)], ["127.0.0.1:4100"], [("a", 1, 2)], [()], ["a1"], None, 4100,
                      4.5, True, b"127.0.0.1:4100", {("a", 1)}, {"a": 1}, object(), iter(()),
                      [("a", [1] * 9999)]):
            with self.subTest(value), self.assertRaises(ValueError) as caught:
                parse_registries(value)
            self.assert_one_line(caught.exception, "expected HOST:PORT", "(host, port)")
        for text in (*NOT_ADDRESSES, "127.0.0.1:1,", "127.0.0.1:1;127.0.0.2:2", ",", "a:1,b"):
            with self.subTest(text), self.assertRaises(ValueError) as caught:
                parse_registries(text)
            self.assert_one_line(caught.exception, "HOST:PORT")

    def test_none_at_all_must_be_allowed(self) -> None:
        """A server may beat to nobody; a client could find nothing."""
        nothing: tuple[object, ...] = ((), [])
        for value in nothing:
            self.assertEqual(parse_registries(value, allow_none=True), ())
            with self.assertRaisesRegex(ValueError, "names no registry"):
                parse_registries(value)
        for value in (None, ""):
            with self.assertRaises(ValueError):
                parse_registries(value, allow_none=True)


class Advertised(AddressTest):
    def test_the_port_may_be_left_out(self) -> None:
        """Then it is 0, which stands for the one on which the process listens."""
        for value, address in ((None, None), ("10.0.0.7", ("10.0.0.7", 0)),
                               ("10.0.0.7:80", ("10.0.0.7", 80)), ("lab", ("lab", 0)),
                               ("2001:db8::1", ("2001:db8::1", 0)), ("[::1]", ("::1", 0)),
                               ("[::1]:80", ("::1", 80)), (("lab", 80), ("lab", 80)),
                               (("lab", 0), ("lab", 0))):
            with self.subTest(value):
                self.assertEqual(parse_advertised(value), address)

    def test_everything_else_is_refused_with_what_is_expected(self) -> None:
        for value in ("", "a:", ":80", "a:b", "a:0", "a:99999", "a b", "http://a", "[a]", "a,b",
                      ("a", "80"), ("a", None), ("a",), ("", 80), 80, True, b"a", [], object()):
            with self.subTest(value), self.assertRaises(ValueError) as caught:
                parse_advertised(value)
            self.assert_one_line(caught.exception, "expected HOST or HOST:PORT")


class Checks(AddressTest):
    def test_a_time_is_more_than_zero_and_a_day_at_most(self) -> None:
        for value in (1, 0.001, 86_400, 86_400.0):
            self.assertEqual(check_seconds("timeout_s", value), value)
        for wrong in (None, True, "1", float("inf"), float("nan"), -float("inf"), 0, 0.0, -1,
                      86_400.1, 10 ** 400, [1], 1j):
            with self.subTest(wrong), self.assertRaises(ValueError) as caught:
                check_seconds("timeout_s", wrong)
            self.assert_one_line(caught.exception, "timeout_s: ", "seconds")

    def test_a_process_listens_at_a_host_and_a_port(self) -> None:
        for host, port in (("127.0.0.1", 0), ("::", 65535), ("localhost", 1), ("0.0.0.0", 80)):
            self.assertEqual(check_listen(host, port), (host, port))
        wrong: list[tuple[object, object, str]] = [
            ("", 1, "host: ''"), (None, 1, "host: None"), (b"a", 1, "host: b'a'"),
            ("a b", 1, "host: 'a b'"), ("[::1]", 1, "host: '[::1]'"), ("a", -1, "port: -1"),
            ("a", 65536, "port: 65536"), ("a", True, "port: True"), ("a", "1", "port: '1'"),
            ("a", None, "port: None"), ("a", 1.0, "port: 1.0")]
        for bad_host, bad_port, word in wrong:
            with self.subTest(word), self.assertRaises(ValueError) as caught:
                check_listen(bad_host, bad_port)
            self.assert_one_line(caught.exception, word)


if __name__ == "__main__":
    unittest.main()
