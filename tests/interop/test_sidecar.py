"""The sidecar: when it announces what it stands for, and what it says of it."""

from __future__ import annotations

import socket
import unittest
from typing import Any
from unittest import mock

from interop import sidecar as sidecar_module
from interop.sidecar import Sidecar, command_line, takes_connections
from ponte.discovery.beats import Beat
from ponte.process.stopping import STEP_S

ADDRESS = ("10.0.0.7", 8080)


class Announcers:
    """Stands in for `announcer`. Attributes: `said`, what was announced, in order; `beats`, that of
    each life.
    """

    def __init__(self) -> None:
        self.said: list[str] = []
        self.beats: list[Beat] = []

    def __call__(self, registries: Any, heartbeat_to: Any, *_: Any, **__: Any) -> Any:
        heartbeat = heartbeat_to([])
        heartbeat.close()

        def start(timeout_s: float) -> None:
            self.beats.append(heartbeat.beat)
            self.said.append("up")

        announces = mock.Mock()
        announces.start = start
        announces.announce = lambda state, timeout_s: self.said.append(state)
        announces.close = lambda: self.said.append("closed")
        announces.silent_registries = lambda patience_s: [("10.0.0.1", 4100)]
        return announces


class SidecarCase(unittest.TestCase):
    """A sidecar that looks when the test says so, at an address that is taken or not."""

    def setUp(self) -> None:
        self.announcers, self.is_taken = Announcers(), True
        for name, value in (("announcer", self.announcers), ("LINGER_S", 0.0)):
            patch = mock.patch.object(sidecar_module, name, value)
            patch.start()
            self.addCleanup(patch.stop)

    def sidecar(self, **options: Any) -> Sidecar:
        made = Sidecar("greeter", ADDRESS, registries=[], looks=lambda address: self.is_taken,
                       **options)
        self.addCleanup(made.close)
        # The first one, which only shows that it would be accepted.
        self.assertEqual(self.announcers.said, ["closed"])
        self.announcers.said.clear()
        return made

    def looks(self, sidecar: Sidecar, *, is_taken: bool, level: str = "") -> None:
        self.is_taken = is_taken
        if level:
            with self.assertLogs("ponte.sidecar", level):
                sidecar.look()
        else:
            sidecar.look()


class Announcing(SidecarCase):
    def test_what_takes_connections_is_announced_once(self) -> None:
        sidecar = self.sidecar(path="/x", name="one")
        for _ in range(3):
            self.looks(sidecar, is_taken=True)
        self.assertEqual(self.announcers.said, ["up"])
        beat = self.announcers.beats[0]
        self.assertEqual((beat.service, beat.instance, beat.host, beat.port, beat.path),
                         ("greeter", "one", *ADDRESS, "/x"))
        self.assertFalse(beat.remembers)

    def test_what_remembers_says_so_only_if_its_user_does(self) -> None:
        self.looks(self.sidecar(remembers=True), is_taken=True)
        self.assertTrue(self.announcers.beats[0].remembers)

    def test_nothing_is_announced_where_nobody_is(self) -> None:
        sidecar = self.sidecar()
        self.looks(sidecar, is_taken=False, level="WARNING")
        self.looks(sidecar, is_taken=False)
        self.assertEqual(self.announcers.said, [])
        self.assertEqual((sidecar.silent_registries(), sidecar.refusals()), ([], {}))
        self.looks(sidecar, is_taken=True, level="INFO")
        self.assertEqual(self.announcers.said, ["up"])
        self.assertEqual(sidecar.silent_registries(), [("10.0.0.1", 4100)])

    def test_what_has_gone_leaves_at_once_and_comes_back_as_another_life(self) -> None:
        sidecar = self.sidecar()
        self.looks(sidecar, is_taken=True)
        self.looks(sidecar, is_taken=False, level="WARNING")
        self.assertEqual(self.announcers.said, ["up", "leaving", "closed"])
        self.looks(sidecar, is_taken=True, level="INFO")
        self.assertEqual(self.announcers.said[-1], "up")
        one, two = self.announcers.beats
        self.assertGreater(two.incarnation, one.incarnation)


class Leaving(SidecarCase):
    def test_callers_are_told_before_it_leaves(self) -> None:
        sidecar = self.sidecar()
        sidecar.start()
        self.assertTrue(sidecar.drain(STEP_S / 100))
        self.assertEqual(self.announcers.said[:3], ["up", "draining", "leaving"])
        self.assertIn("closed", self.announcers.said)

    def test_nothing_is_announced_after_that(self) -> None:
        sidecar = self.sidecar()
        self.assertTrue(sidecar.drain(1.0))
        self.looks(sidecar, is_taken=True)
        self.assertEqual(self.announcers.said, [])

    def test_callers_get_the_usual_time_to_learn_of_it(self) -> None:
        with mock.patch.object(sidecar_module, "LINGER_S", 0.3), \
                mock.patch.object(sidecar_module, "drain") as drain:
            sidecar = self.sidecar()
            self.looks(sidecar, is_taken=True)
            sidecar.drain(5.0)
        self.assertEqual(drain.call_args[1], {"grace_s": 5.0, "linger_s": 0.3})


class Looking(unittest.TestCase):
    def test_somebody_listens_or_nobody_does(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            address = listener.getsockname()
            self.assertTrue(takes_connections(address))
        self.assertFalse(takes_connections(address))
        self.assertFalse(takes_connections(("no.such.host.invalid", 80)))

    def test_a_connection_to_itself_is_nobody(self) -> None:
        """The system may give our end the port that we look at."""
        itself = mock.MagicMock()
        itself.__enter__.return_value = itself
        itself.getsockname.return_value = itself.getpeername.return_value = ADDRESS
        with mock.patch.object(socket, "create_connection", return_value=itself):
            self.assertFalse(takes_connections(ADDRESS))


class Mistakes(unittest.TestCase):
    def test_an_address_that_others_cannot_reach_is_refused(self) -> None:
        for address, registries in ((("0.0.0.0", 80), ()),
                                    (("127.0.0.1", 80), [("192.0.2.1", 4100)])):
            with self.assertRaisesRegex(ValueError, "at which"):
                Sidecar("greeter", address, registries=registries)

    def test_a_relay_may_be_the_proxy_and_nothing_is_the_registry(self) -> None:
        chosen = command_line().parse_args(["proxy", "127.0.0.1:8080"])
        self.assertEqual((chosen.service, chosen.address), ("proxy", ("127.0.0.1", 8080)))
        for arguments in (["registry", "a:1"], ["a b", "a:1"], ["a", "1"], ["a", "a:0"],
                          ["a", "a:1", "--path", "RPC2"], ["a", "a:1", "--name", "a b"]):
            with self.subTest(arguments), mock.patch("sys.stderr"), \
                    self.assertRaises(SystemExit) as ended:
                command_line().parse_args(arguments)
            self.assertEqual(ended.exception.code, 2)


if __name__ == "__main__":
    unittest.main()
