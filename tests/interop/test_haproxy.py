"""HAProxy: what is said to it, for which slots, and its configuration."""

from __future__ import annotations

import os
import unittest
from collections.abc import Sequence
from unittest import mock

from interop import haproxy
from interop.haproxy import Slot, Slots, command_line, commands, configuration, slots_of
from interop.upstreams import Trouble, Upstream

HEAD = "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_port\n"
ONE, TWO, THREE = (Upstream("127.0.0.1", port) for port in (1001, 1002, 1003))


class HaProxyFake:
    """Does what HAProxy does with the commands that it gets."""

    def __init__(self, slots: int = 3) -> None:
        self.slots = {f"slot{number}": ["127.0.0.1", 1, 5] for number in range(1, slots + 1)}
        self.heard: list[str] = []
        self.is_deaf = False

    def ask(self, runtime: object, line: str) -> str:
        if line.startswith("show servers state "):
            if not line.endswith(" greeter"):
                return "Can't find backend.\n"
            return HEAD + "".join(f"3 greeter 1 {name} {host} 2 {admin} {port}\n"
                                  for name, (host, port, admin) in self.slots.items())
        for command in line.split(";"):
            self.heard.append(command)
            if self.is_deaf:
                continue
            words = command.split()
            slot = self.slots[words[2].partition("/")[2]]
            if words[3] == "addr":
                slot[:2] = [words[4], int(words[6])]
            else:
                slot[2] = {"ready": 4, "drain": 12, "maint": 5}[words[4]]
        return "No such server.\n" if self.is_deaf else ""

    @property
    def serving(self) -> dict[int, str]:
        """Port -> state, of the slots in use."""
        return {slot.port: slot.state for slot in slots_of(self.ask(None,
                "show servers state greeter")) if slot.state != "maint"}


class Keeping(unittest.TestCase):
    def setUp(self) -> None:
        self.fake = HaProxyFake()
        patch = mock.patch.object(haproxy, "ask", self.fake.ask)
        patch.start()
        self.addCleanup(patch.stop)
        self.slots = Slots("socket", ["greeter"])

    def keep(self, *wanted: Upstream, is_complete: bool = True) -> list[str]:
        """What is said so that these are served."""
        self.fake.heard.clear()
        self.slots.keep({"greeter": wanted}, is_complete)
        return self.fake.heard.copy()

    def test_servers_come_drain_and_go(self) -> None:
        self.keep(ONE, TWO)
        self.assertEqual(self.fake.serving, {1001: "ready", 1002: "ready"})
        self.keep(ONE._replace(drains=True), TWO, THREE)
        self.assertEqual(self.fake.serving, {1001: "drain", 1002: "ready", 1003: "ready"})
        self.keep(TWO, THREE)
        self.assertEqual(self.fake.serving, {1002: "ready", 1003: "ready"})
        self.keep(ONE, TWO, THREE)
        self.assertEqual(self.fake.serving, {1001: "ready", 1002: "ready", 1003: "ready"})

    def test_an_equal_view_sends_nothing(self) -> None:
        self.assertTrue(self.keep(ONE, TWO))
        self.assertEqual(self.keep(TWO, ONE), [])

    def test_one_that_was_started_anew_is_told_all_again(self) -> None:
        said = self.keep(ONE, TWO)
        self.fake.slots = HaProxyFake().slots
        self.assertEqual(self.keep(ONE, TWO), said)

    def test_new_servers_come_before_old_ones_go(self) -> None:
        """Otherwise nobody would serve in between."""
        self.keep(ONE)
        said = self.keep(TWO)
        self.assertEqual([line.split()[-1] for line in said], ["1002", "ready", "maint"])

    def test_nothing_is_taken_away_while_a_registry_warms_up(self) -> None:
        self.keep(ONE)
        self.keep(TWO, is_complete=False)
        self.assertEqual(self.fake.serving, {1001: "ready", 1002: "ready"})

    def test_those_without_a_slot_wait_and_that_is_told_once(self) -> None:
        four = Upstream("127.0.0.1", 1004)
        with self.assertLogs("ponte.haproxy", "WARNING") as logs:
            self.keep(ONE, TWO, THREE, four)
            self.keep(ONE, TWO, THREE, four)
        self.assertEqual(len(logs.output), 1)
        self.keep(TWO, THREE, four)
        self.assertEqual(set(self.fake.serving), {1002, 1003, 1004})

    def test_what_it_does_not_do_is_told_in_one_line(self) -> None:
        self.fake.is_deaf = True
        with self.assertRaisesRegex(Trouble, "^HAProxy did not do 'set server .*No such server"):
            self.keep(ONE)

    def test_a_backend_that_is_missing_is_told(self) -> None:
        with self.assertRaisesRegex(Trouble, "no backend bank"):
            Slots("socket", ["bank"]).keep({}, True)


class Reading(unittest.TestCase):
    def test_what_is_no_list_of_servers_is_trouble(self) -> None:
        for text in ("", "1\n", "Permission denied\n", HEAD + "3 greeter\n",
                     HEAD + "3 greeter 1 slot1 a 2 x 1\n", "<html>\n" * 3):
            with self.subTest(text), self.assertRaises(Trouble):
                slots_of(text)
        self.assertEqual(slots_of(HEAD), [])

    def test_the_states_of_a_slot(self) -> None:
        for bits, state in ((0, "ready"), (4, "ready"), (8, "drain"), (12, "drain"), (5, "maint"),
                            (9, "maint"), (0x20, "maint")):
            self.assertEqual(slots_of(f"{HEAD}3 g 1 s 127.0.0.1 2 {bits} 80\n"),
                             [Slot("s", "127.0.0.1", 80, state)])

    def test_a_hundred_servers_are_a_hundred_commands_each(self) -> None:
        slots = [Slot(f"slot{number}", "127.0.0.1", 1, "maint") for number in range(100)]
        wanted = [Upstream("10.0.0.1", port) for port in range(1, 102)]
        told, waiting = commands("greeter", slots, wanted, is_complete=True)
        self.assertEqual((len(told), waiting), (200, 1))


class Printing(unittest.TestCase):
    def text(self, services: Sequence[str] = ("greeter", "bank")) -> str:
        return configuration(services, ("127.0.0.1", 8080), "h.sock", 7)

    def test_what_keeps_a_call_from_running_twice_is_there(self) -> None:
        for line in ("    retry-on conn-failure\n", "hdr Not-Executed 1\n",
                     f"stats socket unix@{os.path.abspath('h.sock')} mode 600",
                     "server-template slot 1-7 ",
                     "\nbackend greeter\n", "\nbackend bank\n", "bind 127.0.0.1:8080\n"):
            self.assertIn(line, self.text())

    def test_options_that_cannot_be_are_refused(self) -> None:
        for arguments in (["--services", "a b"], ["--services", "proxy"], ["--services", "a,,b"],
                          ["--services", "a\nb"], ["--socket", "a b"], ["--socket", "a,b"],
                          ["--socket", "a" * 98], ["--socket", "a\nb"],
                          ["--socket", "host:x"], ["--slots", "0"], ["--bind", "80"]):
            with self.subTest(arguments), mock.patch("sys.stderr"), \
                    self.assertRaises(SystemExit):
                command_line().parse_args(arguments)


if __name__ == "__main__":
    unittest.main()
