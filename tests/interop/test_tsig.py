"""Signatures of DNS messages, held against those that another implementation made."""

from __future__ import annotations

import struct
import unittest

from interop.dns_message import HEADER, A, name_of
from interop.dns_update import BadReply, delete_set, read_reply, write_update
from interop.tsig import (
    BADKEY,
    BADSIG,
    BADTIME,
    FUDGE_S,
    Key,
    Verdict,
    read_key,
    sign,
    verify,
)

KEY = Key("ponte-key", b"0123456789abcdef0123456789abcdef")
NOW = 1_800_000_000
# Made by dnspython 2.9.2 with that key at that time: an update (delete greeter.ponte. A, add one),
# its reply, and one that says BADTIME. Its names are compressed.
REQUEST = bytes.fromhex(
    "12342800000100000002000105706f6e746500000600010767726565746572c00c000100ff000000000000c017"
    "000100010000000000047f00000109706f6e74652d6b65790000fa00ff00000000003d0b686d61632d736861323536"
    "0000006b49d200012c0020444decb2609d8fa38e5c99d589c234afb1c7af429e5503cfc54c6a781b1b4bd112340000"
    "0000")
REPLY = bytes.fromhex(
    "1234a800000100000000000105706f6e7465000006000109706f6e74652d6b65790000fa00ff00000000003d0b68"
    "6d61632d7368613235360000006b49d200012c0020efb2189fd91c3711e0087483612d4ed61edb16ef29f4566b6f23"
    "7cddd9d1f258123400000000")
LATE = bytes.fromhex(
    "1234a809000100000000000105706f6e7465000006000109706f6e74652d6b65790000fa00ff0000000000430b68"
    "6d61632d7368613235360000006b49d200012c00205c69097a9f9d9e5ad849d9b71af90f6869b0d5aa776904b269f1"
    "ae0b1611ee2712340012000600006b49d5e8")
# Where the signature begins in each of them.
RECORD = b"\x09ponte-key"
CODE = bytes.fromhex("444decb2609d8fa38e5c99d589c234afb1c7af429e5503cfc54c6a781b1b4bd1")


def without_signature(message: bytes) -> bytes:
    *start, additional = HEADER.unpack_from(message)
    return HEADER.pack(*start, additional - 1) + message[HEADER.size:message.index(RECORD)]


def check(message: bytes, key: Key = KEY, code: bytes = CODE, now: int = NOW) -> Verdict:
    return verify(message, read_reply(message), key, code, now)


class Signatures(unittest.TestCase):
    def test_we_sign_as_another_implementation_does(self) -> None:
        self.assertEqual(sign(without_signature(REQUEST), KEY, NOW), (REQUEST, CODE))

    def test_a_reply_that_another_implementation_signed_is_believed(self) -> None:
        self.assertEqual(check(REPLY), Verdict(True, 0))
        self.assertEqual(check(LATE), Verdict(True, BADTIME, NOW + 1000))

    def test_each_byte_that_is_changed_is_noticed(self) -> None:
        # Not the number in front, which a relay may change: the signature has one, too.
        for at in range(2, len(REPLY)):
            changed = bytearray(REPLY)
            changed[at] ^= 1
            with self.subTest(at), self.assertRaises(BadReply):
                check(bytes(changed))

    def test_a_reply_belongs_to_its_request_and_key_alone(self) -> None:
        for key, code, now in ((KEY._replace(secret=b"another secret"), CODE, NOW),
                               (KEY._replace(name="other"), CODE, NOW),
                               (KEY, bytes(32), NOW), (KEY, b"", NOW),
                               (KEY, CODE, NOW + FUDGE_S + 1), (KEY, CODE, NOW - FUDGE_S - 1)):
            with self.assertRaises(BadReply):
                check(REPLY, key, code, now)
        self.assertEqual(check(REPLY, now=NOW + FUDGE_S), Verdict(True, 0))

    def test_the_clock_of_a_server_is_believed_only_if_it_signs(self) -> None:
        changed = LATE[:-1] + b"\0"
        with self.assertRaises(BadReply):
            check(changed)

    def test_a_server_without_our_secret_says_so_unsigned(self) -> None:
        for error in (BADKEY, BADSIG):
            data = (b"\x0bhmac-sha256\0" + struct.pack("!HIHH", 0, NOW, FUDGE_S, 0)
                    + struct.pack("!HHH", 0x1234, error, 0))
            head, at = REPLY[:REPLY.index(RECORD)], REPLY.index(RECORD) + len(RECORD) + 1
            reply = head + REPLY[len(head):at + 8] + struct.pack("!H", len(data)) + data
            self.assertEqual(check(reply), Verdict(False, error))

    def test_no_other_error_is_believed_without_a_signature(self) -> None:
        data = (b"\x0bhmac-sha256\0" + struct.pack("!HIHH", 0, NOW, FUDGE_S, 0)
                + struct.pack("!HHH", 0x1234, BADTIME, 0))
        head, at = REPLY[:REPLY.index(RECORD)], REPLY.index(RECORD) + len(RECORD) + 1
        with self.assertRaises(BadReply):
            check(head + REPLY[len(head):at + 8] + struct.pack("!H", len(data)) + data)

    def test_a_reply_without_a_signature_is_not_believed(self) -> None:
        with self.assertRaises(BadReply):
            check(without_signature(REPLY))

    def test_time_goes_on_after_32_bits(self) -> None:
        update = write_update(1, name_of("ponte"), [delete_set(name_of("a.ponte"), A)])
        early, late = (sign(update, KEY, now) for now in (5, 2 ** 32 + 5))
        self.assertNotEqual(early[1], late[1])


class Keys(unittest.TestCase):
    def test_what_tsig_keygen_prints_is_read(self) -> None:
        content = (b'key "ponte" {\n\talgorithm hmac-sha256;\n'
                   b'\tsecret "1j6cCzbivYCCbsphfr0l+bLA0NtYUr82TWajKl8V+0M=";\n};\n')
        key = read_key(content)
        self.assertEqual((key.name, len(key.secret)), ("ponte", 32))
        self.assertEqual(read_key(content.replace(b'"', b"")), key)
        self.assertNotIn(repr(key.secret)[2:-1], repr(key))

    def test_everything_else_is_one_line_that_says_what_is_expected(self) -> None:
        for content, words in (
                (b"", "tsig-keygen NAME"),
                (b"not a key at all, but long enough", "tsig-keygen NAME"),
                (b'key "a" { algorithm hmac-md5; secret "AAAA"; };', "hmac-md5"),
                (b'key "a" { algorithm hmac-sha256; secret "A*A="; };', "Base64"),
                (b'key "a" { algorithm hmac-sha256; secret ""; };', "Base64"),
                (b'key "a..b" { algorithm hmac-sha256; secret "AAAA"; };', "no name of DNS"),
                (b'key "\xff" { algorithm hmac-sha256; secret "AAAA"; };', "no name of DNS"),
                (b'key "a" { algorithm hmac-sha256; secret "AAAA"; }; key "b" {};', "tsig-keygen"),
                (b'key "a" { algorithm hmac-sha256; };', "tsig-keygen")):
            with self.subTest(content), self.assertRaises(ValueError) as caught:
                read_key(content)
            self.assertIn(words, str(caught.exception))
            self.assertEqual(len(str(caught.exception).splitlines()), 1)


if __name__ == "__main__":
    unittest.main()
