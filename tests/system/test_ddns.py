"""python3 -m interop.ddns as a user types it: mistakes, a server that is away, and the end."""

from __future__ import annotations

import os
import sys
import unittest

from ponte.process.options import PYTHON
from tests.system.cluster import SystemTest
from tests.system.harness import START_S, STOPPED_BY, free_port

KEY = 'key "ponte-key" { algorithm hmac-sha256; secret "1j6cCzbivYCCbsphfr0l+bLA0NtYUr8="; };\n'


class Ddns(SystemTest):
    def mistake(self, *options: str) -> str:
        """What it prints when it ends by itself: one line."""
        process = self.cluster.start("-m", "interop.ddns", *options)
        self.assertEqual(process.wait(START_S), 2)
        self.assert_one_line(process.err, f"{PYTHON} -m interop.ddns: ")
        return process.err

    def test_a_mistake_is_one_line(self) -> None:
        key, short = self.cluster.file("ponte.key", KEY), self.cluster.file("short.key", "short")
        no_key = self.cluster.file("no.key", "0123456789abcdef0123456789abcdef")
        md5 = self.cluster.file("md5.key", KEY.replace("sha256", "md5"))
        for words, options in (
                ("--server is missing", ("--zone", "ponte", "--key", key)),
                ("--zone is missing", ("--server", "127.0.0.1", "--key", key)),
                ("--key is missing", ("--server", "127.0.0.1", "--zone", "ponte")),
                ("--server", ("--server", "a b", "--zone", "ponte", "--key", key)),
                ("--zone: 'a..b'", ("--server", "127.0.0.1", "--zone", "a..b", "--key", key)),
                ("16 bytes", ("--server", "127.0.0.1", "--zone", "ponte", "--key", short)),
                ("tsig-keygen", ("--server", "127.0.0.1", "--zone", "ponte", "--key", no_key)),
                ("hmac-md5", ("--server", "127.0.0.1", "--zone", "ponte", "--key", md5)),
                ("No such file", ("--server", "127.0.0.1", "--zone", "ponte", "--key", "none"))):
            self.assertIn(words, self.mistake(*options))

    @unittest.skipIf(sys.platform == "win32", "not on Windows: who may read a file")
    def test_a_key_that_others_may_read_is_refused(self) -> None:
        key = self.cluster.file("ponte.key", KEY)
        os.chmod(key, 0o644)
        self.assertIn("chmod 600", self.mistake("--server", "127.0.0.1", "--zone", "ponte", "--key",
                                                key))

    def test_a_server_that_is_away_is_told_once_and_what_stays_at_the_end(self) -> None:
        self.cluster.start_registry()
        key = self.cluster.file("ponte.key", KEY)
        ddns = self.cluster.start_ddns(("127.0.0.1", free_port()), key)
        ddns.wait_for_line("is away: .*; it tries again", START_S)
        ddns.stop()
        self.assertEqual(ddns.wait(START_S), 0)
        self.assertEqual(ddns.err.count("is away"), 1)
        self.assertRegex(ddns.out, rf"stopped \({STOPPED_BY}\); its records stay in the zone")


if __name__ == "__main__":
    unittest.main()
