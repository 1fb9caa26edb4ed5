"""Keys: how they are made and read, which are refused, and which processes need one."""

from __future__ import annotations

import argparse
import os
import re
import socket
import stat
import tempfile
import threading
import unittest
from unittest import mock

from ponte.net import windows
from ponte.process import keys
from ponte.process.keys import (
    NOT_OURS_ALONE,
    OURS_ALONE,
    is_local_only,
    keys_for_listening,
    make_key,
    read_key,
    read_keys,
)
from ponte.process.options import UsageError, options
from tests.windows import windows_cannot

KEY = b"0123456789abcdef"


class KeyTest(unittest.TestCase):
    """A test with a folder for its key file."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "key")

    def write(self, content: bytes, mode: int = 0o600) -> str:
        with open(self.path, "wb") as file:
            file.write(content)
        os.chmod(self.path, mode)
        return self.path


class Reading(KeyTest):
    def test_a_key_is_read_without_the_white_space_around_it(self) -> None:
        """The newline that an editor adds does not belong to it; without a file there is no key."""
        self.assertEqual(read_key(self.write(b" " + KEY + b"\r\n")), KEY)
        self.assertEqual(read_key(None), b"")

    def test_what_is_not_a_key_is_an_error_of_one_line(self) -> None:
        """A short file, an empty file, and one that does not exist."""
        for content in (b"short\n", b"", b" " * 99):
            with self.subTest(content), self.assertRaisesRegex(UsageError, "^--key-file [^\n]+$"):
                read_key(self.write(content))
        with self.assertRaisesRegex(UsageError, "^--key-file /nowhere/key: [^\n]+$"):
            read_key("/nowhere/key")

    @windows_cannot("its files have no mode that names their readers")
    def test_a_key_that_others_may_read_or_change_is_refused_with_what_to_type(self) -> None:
        what_to_type = f"^[^\n]* chmod 600 {self.path}$"
        for mode in (0o604, 0o640, 0o620, 0o602, 0o666):
            with self.subTest(oct(mode)), self.assertRaisesRegex(UsageError, what_to_type):
                read_key(self.write(KEY, mode))
        for mode in (0o600, 0o400):
            self.assertEqual(read_key(self.write(KEY, mode)), KEY)
            os.remove(self.path)

    def test_the_environment_names_the_file_where_the_command_line_does_not(self) -> None:
        for value, arguments, expected in (("a", (), "a"),
                                           ("a", ("--key-file", "b"), "b"),
                                           ("", (), None)):
            environment = mock.patch.dict(os.environ, {"PONTE_KEY_FILE": value})
            with self.subTest(value, arguments=arguments), environment:
                for parser in (options("x"), options("x", port=1)):
                    self.assertEqual(parser.parse_args(arguments).key_file, expected)

    def test_two_keys_are_two_files_and_the_first_one_signs(self) -> None:
        """While a key is changed. An error names the file that is wrong, and how it was given."""
        new, old = self.write(KEY), self.path + "2"
        make_key(old)
        self.assertEqual(read_keys(f"{new},{old}"), (KEY, read_key(old)))
        self.assertEqual(read_keys(f"{old}, {new}"), (read_key(old), KEY))
        self.assertEqual(read_keys(None), ())
        for paths in (f"{new},/nowhere/key", f"/nowhere/key,{new}"):
            with self.assertRaisesRegex(UsageError, "^PONTE_KEY_FILE /nowhere/key: [^\n]+$"):
                read_keys(paths, "PONTE_KEY_FILE")
        for paths in (f"{new},", ",", f",{old}"):
            with self.assertRaisesRegex(UsageError, "a path is empty"):
                read_keys(paths)


class Making(KeyTest):
    def test_a_new_key_has_32_bytes_in_hex_that_its_owner_alone_may_read(self) -> None:
        """Even where the umask would let everybody read it."""
        before = os.umask(0)
        self.addCleanup(os.umask, before)
        make_key(self.path)
        self.assertTrue(re.fullmatch(rb"[0-9a-f]{64}", read_key(self.path)))
        if os.name == "posix":
            self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)

    def test_who_can_read_it_is_told_as_it_is(self) -> None:
        """Windows is asked to take it away from others; a stick without owners cannot do that."""
        if os.name == "posix":
            self.assertEqual(make_key(self.path), OURS_ALONE)
            everybody = os.stat_result((0o100755, *[0] * 9))
            with mock.patch("os.fstat", return_value=everybody):
                self.assertEqual(make_key(f"{self.path}2"), NOT_OURS_ALONE)
        for is_kept, told in ((True, OURS_ALONE), (False, NOT_OURS_ALONE)):
            # How long the file was when the system was asked: nobody has read a key before.
            lengths: list[int] = []

            def keep(path: str, kept: bool = is_kept, lengths: list[int] = lengths) -> bool:
                lengths.append(os.path.getsize(path))
                return kept

            with self.subTest(is_kept), mock.patch("sys.platform", "win32"), \
                    mock.patch.object(windows, "keep_to_owner", keep, create=True):
                self.assertEqual(make_key(f"{self.path}{is_kept}"), told)
            self.assertEqual(lengths, [0])
        self.assertIn("other users", NOT_OURS_ALONE)

    def test_no_two_are_equal(self) -> None:
        make_key(self.path)
        make_key(self.path + "2")
        self.assertNotEqual(read_key(self.path), read_key(self.path + "2"))

    def test_an_existing_file_stays_as_it_is(self) -> None:
        """Without the old key, no process could talk to the others any more."""
        self.write(KEY)
        with self.assertRaisesRegex(UsageError, "^--make-key [^\n]*exists[^\n]*$"):
            make_key(self.path)
        self.assertEqual(read_key(self.path), KEY)

    def test_a_folder_that_does_not_exist_is_an_error_of_one_line(self) -> None:
        with self.assertRaisesRegex(UsageError, "^--make-key /nowhere/key: [^\n]+$"):
            make_key("/nowhere/key")


class Listening(KeyTest):
    """A process without a key listens on this machine only."""

    def chosen(self, host: str, *, key_file: str | None = None,
               insecure: bool = False) -> argparse.Namespace:
        return argparse.Namespace(host=host, key_file=key_file, insecure=insecure)

    def test_loopback_addresses_need_no_key(self) -> None:
        for host in ("127.0.0.1", "127.5.6.7", "::1", "localhost"):
            with self.subTest(host):
                self.assertTrue(is_local_only(host))
                self.assertEqual(keys_for_listening(self.chosen(host)), ())

    def test_all_others_need_one_or_the_word_insecure(self) -> None:
        """Also "", which means every address, and "0", which only the system's resolver knows."""
        for host in ("0.0.0.0", "::", "", "192.0.2.1", "0", "2001:db8::1", "::ffff:192.0.2.1"):
            with self.subTest(host):
                advice = f"^--host {re.escape(host)}: [^\n]*--key-file[^\n]*--insecure"
                with self.assertRaisesRegex(UsageError, advice):
                    keys_for_listening(self.chosen(host))
                insecure = self.chosen(host, insecure=True)
                self.assertEqual(keys_for_listening(insecure), ())
                with_key = self.chosen(host, key_file=self.write(KEY))
                self.assertEqual(keys_for_listening(with_key), (KEY,))

    def test_a_host_that_does_not_exist_needs_no_key(self) -> None:
        """Nothing can listen there, and the attempt raises a better error."""
        for host in ("no.such.host.invalid", "a" * 64 + ".example", "\u2026" * 64):
            with self.subTest(host):
                self.assertEqual(keys_for_listening(self.chosen(host)), ())

    def test_a_name_server_that_does_not_answer_does_not_hold_up_a_start(self) -> None:
        """One line says what to type instead of the name."""
        answer = threading.Event()
        self.addCleanup(answer.set)
        with mock.patch.object(socket, "getaddrinfo", lambda *_, **__: answer.wait() and []), \
                mock.patch.object(keys, "LOOK_UP_S", 0.01), \
                self.assertRaisesRegex(UsageError, "^--host slow.example: [^\n]* give an address$"):
            keys_for_listening(self.chosen("slow.example"))


if __name__ == "__main__":
    unittest.main()
