"""What is printed by a guest program is judged strictly, and the table of clients is whole."""

from __future__ import annotations

import os
import re
import unittest

from tests.guests.clients import CALLS, GUESTS
from tests.guests.shell import PROGRAMS
from tests.guests.visit import judge
from tests.house.pages import read

PAGES = ("docs/own-services.md", "docs/own-services.pt-BR.md")
# "| Ruby, xmlrpc | 0.3.2 | [client.rb](../tests/guests/programs/client.rb) | ... |"
ROW = re.compile(r"^\| (\S[^|]*) \| (\S[^|]*) \| "
                 r"\[[^]]+\]\(\.\./tests/guests/programs/([^)]+)\) \|", re.MULTILINE)


class Judging(unittest.TestCase):
    def test_a_program_that_says_ok_to_all_checks_has_passed(self) -> None:
        verdict = judge("ok text\nok date sent\n", 0, ("text", "date sent"))
        self.assertEqual(verdict, (["text", "date sent"], {}, []))

    def test_what_a_client_cannot_do_needs_a_reason(self) -> None:
        self.assertEqual(judge("cannot nil: no form for it\n", 0, ("nil",)).cannot,
                         {"nil": "no form for it"})
        self.assertEqual(judge("cannot nil\n", 0, ("nil",)).failed, ["nil: without a reason"])

    def test_a_check_that_failed_is_told(self) -> None:
        self.assertEqual(judge("FAILED nil: 0: or so\n", 0, ("nil",)).failed, ["nil: 0: or so"])

    def test_a_check_that_nothing_is_said_of_has_failed(self) -> None:
        failed = judge("ok text\nsome words\n", 0, ("text", "nil", "int")).failed
        self.assertEqual(failed, ["nil: nothing printed of it, nor of 1 more",
                                  "exit code 0\n    some words"])

    def test_a_program_that_fails_after_its_last_check_has_failed(self) -> None:
        self.assertEqual(judge("ok text\nTraceback\n", 1, ("text",)).failed,
                         ["exit code 1\n    Traceback"])

    def test_an_unknown_check_is_an_error(self) -> None:
        self.assertEqual(judge("ok text\nok tetx\n", 0, ("text",)).failed,
                         ["tetx: no such check"])


class Table(unittest.TestCase):
    def test_each_program_is_run_by_a_guest_and_speaks_of_all_its_checks(self) -> None:
        seen = set()
        for guest in GUESTS:
            with self.subTest(guest.name):
                [name] = [name for name in os.listdir(PROGRAMS)
                          if name in f"{guest.build} {guest.run}".split()]
                seen.add(name)
                text = read(f"tests/guests/programs/{name}")
                for check in guest.checks:
                    self.assertRegex(text, rf"\b{check}\b")
        self.assertEqual({name for name in os.listdir(PROGRAMS) if "." in name}, seen)

    def test_the_documents_have_a_row_for_each_client(self) -> None:
        for page in PAGES:
            with self.subTest(page):
                rows = ROW.findall(read(page))
                self.assertEqual([name for name, _, _ in rows],
                                 sorted(guest.name for guest in GUESTS))

    def test_a_client_of_xml_rpc_makes_all_checks(self) -> None:
        self.assertGreaterEqual(sum(guest.checks == CALLS for guest in GUESTS), 15)


if __name__ == "__main__":
    unittest.main()
