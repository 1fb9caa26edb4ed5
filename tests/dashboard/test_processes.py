"""What can be done to a process, and when: every fault in every state of every role."""

from __future__ import annotations

import unittest

from classroom.actor import OVER
from dashboard.processes import HAS, OF_LINKS, WHEN, Member, Refused

STATES = ("starting", "up", "frozen", "draining", *OVER)


def says(member: Member, what: str, can_freeze: bool = True) -> str:
    """The line with which a fault is refused; "" where it is not."""
    try:
        member.check(what, can_freeze)
    except Refused as refused:
        return f"{refused.code}: {refused}"
    return ""


class Faults(unittest.TestCase):
    def test_a_button_is_there_exactly_where_its_fault_is_not_refused(self) -> None:
        for role in HAS:
            for state in STATES:
                for can_freeze in (True, False):
                    member = Member("it", role, state=state)
                    can = member.can(can_freeze)
                    for what in WHEN:
                        with self.subTest(role=role, state=state, what=what):
                            self.assertEqual(what in can, not says(member, what, can_freeze))

    def test_where_nothing_can_be_frozen_there_is_no_button_for_it(self) -> None:
        for state in ("up", "frozen"):
            can = Member("it", "server", state=state).can(can_freeze=False)
            self.assertNotIn("freeze", can)
            self.assertNotIn("thaw", can)
        self.assertEqual(says(Member("it", "server", state="up"), "freeze", can_freeze=False),
                         "cannot freeze: it cannot be frozen on this system")

    def test_every_refusal_is_one_line_with_the_name(self) -> None:
        for role in HAS:
            for state in STATES:
                for what in WHEN:
                    line = says(Member("server-2", role, state=state), what)
                    if line:
                        self.assertIn(": server-2 ", line)
                        self.assertNotIn("\n", line)

    def test_what_makes_no_sense_now_is_told_in_plain_words(self) -> None:
        for state, what, expected in (
                ("killed", "kill", "not running: s was killed: start it again first"),
                ("ended", "freeze", "not running: s has ended: start it again first"),
                ("gone", "drain", "not running: s has left: start it again first"),
                ("up", "thaw", "not frozen: s is not frozen"),
                ("up", "start", "runs: s is there already"),
                ("frozen", "freeze", "frozen: s is frozen: thaw it first"),
                ("frozen", "drain", "frozen: s is frozen: thaw it first"),
                ("draining", "drain", "draining: s drains, and will be gone in a moment"),
                ("starting", "freeze", "starting: s is starting: wait a moment"),
                ("up", "mend", "healthy: s has a healthy link")):
            with self.subTest(state=state, what=what):
                self.assertEqual(says(Member("s", "server", state=state), what), expected)

    def test_only_servers_have_links(self) -> None:
        for role in ("registry", "proxy", "client"):
            for what in OF_LINKS:
                self.assertIn("not for this role", says(Member("it", role, state="up"), what))

    def test_a_link_is_cut_once_and_mended_if_it_is_cut_or_slow(self) -> None:
        cut, slow = (Member("it", "server", state="up", is_cut=True),
                     Member("it", "server", state="up", slow_ms=300))
        self.assertEqual(says(cut, "cut"), "cut: it has a link that is cut already")
        self.assertEqual([says(each, "mend") for each in (cut, slow)], ["", ""])

    def test_a_dead_process_can_be_started_again_and_nothing_else(self) -> None:
        for role in HAS:
            for state in OVER:
                self.assertEqual(Member("it", role, state=state).can(), ["start"])


if __name__ == "__main__":
    unittest.main()
