"""The address that a process announces: one that callers can reach, or a line that says why not.

No test asks a name server, or depends on the addresses of the machine.
"""

from __future__ import annotations

import re
import socket
import unittest
from concurrent.futures import Future

from ponte.discovery.beats import MAX_NAME
from ponte.discovery.own_beat import check_name
from ponte.discovery.reachable import advertised, default_name, own_host_towards
from ponte.net.address import Address, is_loopback
from ponte.net.names import Place, literal_place
from tests.windows import windows_cannot

HERE, LAB, LAB6 = ("127.0.0.1", 4100), ("10.0.0.1", 4100), ("fd00::1", 4100)
LISTENS = ("127.0.0.1", 4180)


class Network:
    """Names, and where they lead; and the address from which a way leads to a place."""

    def __init__(self) -> None:
        self.names: dict[str, list[str]] = {
            "localhost": ["::1", "127.0.0.1"], "lab": ["10.0.0.1"],
            "both": ["127.0.0.1", "10.0.0.1"]}
        self.ways = {"10.": "10.0.0.9", "fd00:": "fd00::9", "192.0.2.": "10.0.0.9",
                     "2001:db8:": "fd00::9"}

    def look_up(self, address: Address) -> Future[list[Place]]:
        """A name that is not known has no address; one with no places waits for ever."""
        future: Future[list[Place]] = Future()
        literal = literal_place(address)
        if literal:
            future.set_result([literal])
        elif address[0] not in self.names:
            future.set_exception(socket.gaierror("unknown"))
        elif self.names[address[0]]:
            future.set_result([place for host in self.names[address[0]]
                               if (place := literal_place((host, address[1])))])
        return future

    def own_host(self, place: Place) -> str:
        return next((own for prefix, own in self.ways.items()
                     if place[1][0].startswith(prefix)), "")


class Advertised(unittest.TestCase):
    """What a process announces, by where it listens and where its registries are."""

    def setUp(self) -> None:
        self.network = Network()

    def announces(self, address: Address, *registries: Address,
                  advertise: Address | None = None) -> Address:
        return advertised(address, registries, advertise, 0.0, look_up=self.network.look_up,
                          own_host=self.network.own_host)

    def assert_refused(self, words: str, address: Address, *registries: Address,
                       advertise: Address | None = None) -> None:
        with self.assertRaisesRegex(ValueError, words) as caught:
            self.announces(address, *registries, advertise=advertise)
        self.assertNotIn("\n", str(caught.exception))

    def test_beside_a_registry_on_loopback_it_is_where_it_listens(self) -> None:
        for registry in (HERE, ("localhost", 4100), ("127.0.0.2", 4100), ("::1", 4100)):
            self.assertEqual(self.announces(LISTENS, registry), LISTENS)
        self.assertEqual(self.announces(("10.0.0.9", 4180), HERE), ("10.0.0.9", 4180))
        self.assertEqual(self.announces(LISTENS), LISTENS, "without a registry")

    def test_loopback_beside_a_registry_elsewhere_is_refused(self) -> None:
        """The line says what to type. One registry elsewhere suffices."""
        for host in ("127.0.0.1", "127.1.2.3", "::1", "localhost", "a.localhost."):
            for registries in ([LAB], [LAB6], [("lab", 4100)], [HERE, LAB]):
                with self.subTest(host=host, registries=registries):
                    self.assert_refused(re.escape(f"--host {host}: ") + ".*--host 0.0.0.0.*"
                                        "--advertise HOST", (host, 4180), *registries)

    def test_a_loopback_address_that_the_user_chose_is_refused_too(self) -> None:
        self.assert_refused("--advertise 127.0.0.1: .*--host 0.0.0.0.*--advertise HOST",
                            ("10.0.0.9", 4180), LAB, advertise=("127.0.0.1", 4180))
        self.assertEqual(self.announces(LISTENS, HERE, advertise=("127.0.0.1", 99)),
                         ("127.0.0.1", 99))

    def test_what_the_user_chose_is_announced(self) -> None:
        """With the port listened on, if no other is given: behind a NAT it may be another one."""
        for listens in (LISTENS, ("0.0.0.0", 4180)):
            self.assertEqual(self.announces(listens, LAB, advertise=("lab-9", 0)), ("lab-9", 4180))
            self.assertEqual(self.announces(listens, LAB, advertise=("lab-9", 80)), ("lab-9", 80))

    def test_all_addresses_are_no_address_to_choose(self) -> None:
        for host in ("0.0.0.0", "::", ""):
            self.assert_refused("--advertise .*name one", LISTENS, LAB, advertise=(host, 4180))

    def test_a_process_that_listens_everywhere_finds_its_address(self) -> None:
        """The one from which a way leads to the first registry that there is a way to."""
        self.network.ways = {"10.0.0.": "10.0.0.9", "10.1.": "10.1.0.9", "fd00:": "fd00::9"}
        for host, registries, own in (
                ("0.0.0.0", [LAB], "10.0.0.9"),
                ("", [LAB], "10.0.0.9"),
                ("0.0.0.0", [("10.1.0.1", 1), LAB], "10.1.0.9"),
                ("0.0.0.0", [("10.2.0.1", 1), LAB], "10.0.0.9"),
                ("0.0.0.0", [("unknown", 1), ("lab", 1)], "10.0.0.9"),
                ("0.0.0.0", [LAB6, LAB], "10.0.0.9"),
                ("::", [LAB6, LAB], "fd00::9")):
            with self.subTest(host=host, registries=registries):
                self.assertEqual(self.announces((host, 4180), *registries), (own, 4180))

    @windows_cannot("what listens on :: takes no IPv4 there")
    def test_what_listens_on_both_families_is_reached_by_the_way_that_there_is(self) -> None:
        self.assertEqual(self.announces(("::", 4180), LAB), ("10.0.0.9", 4180))

    def test_beside_a_registry_on_loopback_it_finds_an_address_for_other_machines(self) -> None:
        """They may ask this registry by another address of it."""
        self.assertEqual(self.announces(("0.0.0.0", 4180), HERE), ("10.0.0.9", 4180))
        self.assertEqual(self.announces(("::", 4180), HERE), ("fd00::9", 4180))

    def test_without_a_network_it_is_loopback(self) -> None:
        """But not beside a registry elsewhere: the network may come later."""
        self.network.ways = {}
        self.assertEqual(self.announces(("0.0.0.0", 4180), HERE), ("127.0.0.1", 4180))
        self.assertEqual(self.announces(("::", 4180), HERE), ("::1", 4180))
        self.assert_refused("no way leads .* 10.0.0.1:4100: .*--advertise HOST",
                            ("0.0.0.0", 4180), LAB)

    def test_a_name_without_an_address_in_time_decides_nothing(self) -> None:
        """A name server that does not answer holds up nothing: the deadline here is 0 seconds."""
        self.network.names["slow"] = []
        for name in ("slow", "unknown"):
            self.assertEqual(self.announces(LISTENS, (name, 4100)), LISTENS)
            self.assertEqual(self.announces(("0.0.0.0", 4180), (name, 4100)), ("10.0.0.9", 4180))

    def test_a_name_that_leads_to_loopback_too_is_on_this_machine(self) -> None:
        """Some systems give the name of the machine itself 127.0.1.1."""
        self.assertEqual(self.announces(LISTENS, ("both", 4100)), LISTENS)


class OwnHosts(unittest.TestCase):
    """The one part that asks the system."""

    def test_the_way_to_loopback_begins_there(self) -> None:
        self.assertEqual(own_host_towards((socket.AF_INET, HERE)), "127.0.0.1")

    def test_where_no_way_leads_there_is_none(self) -> None:
        self.assertEqual(own_host_towards((socket.AF_INET, ("255.255.255.255", 9))), "")


class DefaultNames(unittest.TestCase):
    """Two hosts' names never collide."""

    def test_at_the_usual_address_it_is_service_and_port(self) -> None:
        """One machine may have several addresses for itself, each with such a port."""
        self.assertEqual(default_name("proxy", ("127.0.0.1", 4180)), "proxy-4180")
        for host in ("127.0.0.2", "::1"):
            self.assertNotEqual(default_name("proxy", (host, 4180)), "proxy-4180")

    def test_elsewhere_the_host_is_in_it(self) -> None:
        self.assertEqual(default_name("proxy", ("10.0.0.7", 4180)), "proxy-10.0.0.7-4180")

    def test_each_is_a_legal_name_of_its_own(self) -> None:
        """Also where service and host are long."""
        long = "fd00:1111:2222:3333:4444:5555:6666:777"
        hosts = ["10.0.0.7", "10.0.0.8", "fd00::7", "fd00:7::", "fd00::7:0", "lab-7", "lab.7",
                 "lab_7", f"{long}7", f"{long}8", "::ffff:10.0.0.7",
                 *(f"{letter * 60}.{letter * 60}" for letter in "ab")]
        for service in ("a", "greeter", "a" * MAX_NAME):
            names = [default_name(service, (host, port)) for host in hosts for port in (80, 65535)]
            self.assertEqual(len(set(names)), len(names), names)
            for name in names:
                self.assertEqual(check_name(name), name)
                self.assertTrue(name.startswith(service[:20]), name)
        self.assertEqual(len(default_name("a" * MAX_NAME, HERE)), MAX_NAME)


class Loopback(unittest.TestCase):
    def test_only_this_machine_itself_is_loopback(self) -> None:
        for host in ("127.0.0.1", "127.255.0.1", "::1", "::ffff:127.0.0.1", "LocalHost",
                     "x.localhost"):
            self.assertTrue(is_loopback(host), host)
        for host in ("0.0.0.0", "::", "", "10.0.0.1", "fd00::1", "localhost.example", "lab"):
            self.assertFalse(is_loopback(host), host)


if __name__ == "__main__":
    unittest.main()
