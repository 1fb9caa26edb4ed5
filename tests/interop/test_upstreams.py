"""Which servers a foreign relay is told of, and when."""

from __future__ import annotations

import logging
import unittest
from unittest import mock

from interop.upstreams import Keeper, Trouble, Upstream, Upstreams, servers_of
from tests.fakes import endpoint

log = logging.getLogger("ponte.test")


class Servers(unittest.TestCase):
    def test_those_that_are_up_and_suspects_only_where_none_is(self) -> None:
        up, suspect, drains = (endpoint(name, port=port, state=name)
                               for name, port in (("up", 1), ("suspect", 2), ("draining", 3)))
        for endpoints, ports in (([up, suspect, drains], [3, 1]), ([suspect, drains], [3, 2]),
                                 ([drains], [3])):
            found, left_out = servers_of(endpoints)
            self.assertEqual([each.port for each in found["greeter"]], ports)
            self.assertTrue(found["greeter"][0].drains)
            self.assertEqual(left_out, set())
        self.assertEqual(servers_of([]), ({}, set()))

    def test_each_service_has_its_own_and_each_address_is_one_server(self) -> None:
        found, _ = servers_of([endpoint("a", port=1), endpoint("b", port=1),
                               endpoint("c", port=2, service="bank")])
        self.assertEqual(found, {"greeter": [Upstream("127.0.0.1", 1)],
                                 "bank": [Upstream("127.0.0.1", 2)]})

    def test_an_address_is_written_in_one_way(self) -> None:
        found, _ = servers_of([endpoint("a")._replace(host="0:0:0::1")])
        self.assertEqual(found["greeter"][0].host, "::1")

    def test_nothing_that_registries_name_becomes_a_command(self) -> None:
        """It is told, and hides no other."""
        bad = [endpoint("a")._replace(host=host) for host in (
            "127.0.0.1; shutdown frontend x", "127.0.0.1\nx", "box.example.org", "", "fe80::1%\n;")]
        bad += [endpoint("a", service=name) for name in ("a;b", "a b", "a\n", "../x", "{", "")]
        bad.append(endpoint("a", path="/RPC2"))
        for each in bad:
            found, left_out = servers_of([each, endpoint("good", port=7, service="bank")])
            self.assertEqual(found, {"bank": [Upstream("127.0.0.1", 7)]}, each)
            self.assertEqual(len(left_out), 1)
            self.assertEqual(len("".join(left_out).splitlines()), 1)


class Turns(unittest.TestCase):
    def keeper(self, turn: object) -> Keeper:
        keeper = Keeper(log, "it", turn, [], tick_s=0.01)   # type: ignore[arg-type]
        self.addCleanup(keeper.close)
        return keeper

    def test_a_turn_is_told_what_registries_say_and_whether_that_is_all(self) -> None:
        seen: list[tuple[Upstreams, bool]] = []
        keeper = self.keeper(lambda servers, is_complete: seen.append((servers, is_complete)))
        with mock.patch.object(keeper, "_directory") as directory:
            directory.is_complete.return_value = False
            directory.endpoints = (endpoint("a", path="/x"), endpoint("b"))
            with self.assertLogs("ponte.test", "WARNING") as logs:
                keeper.take_turn()
                keeper.take_turn()
        self.assertEqual(seen, [({"greeter": [Upstream("127.0.0.1", 4242)]}, False)] * 2)
        self.assertEqual(len(logs.output), 1)

    def test_what_is_wrong_is_told_once_and_when_it_is_right_again(self) -> None:
        results = iter([OSError("no such socket"), OSError("no such socket"), Trouble("a line"),
                        None, None])

        def turn(servers: Upstreams, is_complete: bool) -> None:
            result = next(results, None)
            if result is None:
                keeper._closing.set() if next(results, "end") == "end" else None
                return
            raise result

        keeper = self.keeper(turn)
        with mock.patch("interop.upstreams.AWAY_S", 0.0), \
                mock.patch.object(keeper, "_directory") as directory, \
                self.assertLogs("ponte.test", "INFO") as logs:
            directory.answered, directory.endpoints = True, ()
            keeper._run()
        self.assertEqual([line.partition(":test:")[2] or line.rpartition("ponte.test:")[2]
                          for line in logs.output],
                         ["it is away: no such socket; it tries again",
                          "a line; it tries again", "it is in step with the registries"])


if __name__ == "__main__":
    unittest.main()
