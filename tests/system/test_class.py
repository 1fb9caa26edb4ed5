"""The class joins: laptops by the command line, and everything that the network may try.

The ports of a class are open on loopback here, beside a registry with a server of the lab.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import sys
import tempfile
import threading
import time
import unittest
from collections.abc import Mapping
from typing import Any
from unittest import mock

from classroom.language import Words
from client import Client
from dashboard import class_mode
from dashboard.class_mode import ClassMode
from dashboard.code import Invitation, read_code
from dashboard.knock import Knock, is_known, knock
from dashboard.phones import MAX_CONNECTIONS_EACH, Phones
from ponte.discovery.beats import MAX_DATAGRAM_BYTES, Beat, encode_beat
from ponte.discovery.incarnations import new_incarnation
from ponte.net.address import Address
from registry import Registry
from server import Server, idempotent
from tests.system.harness import Process, wait_until
from tests.windows import WINE

HOST = "127.0.0.1"


@idempotent
def hello(text: str) -> str:
    return "World"


class Ballot:
    """No question is open."""

    def vote(self, device: str, answer: int) -> None:
        raise ValueError("no question is open")

    def answer_of(self, device: str) -> int | None:
        return None

    def shown(self) -> dict[str, Any] | None:
        return None


class Lab:
    def __init__(self, registry: Address) -> None:
        self.registry: Address | None = registry

    def names(self) -> list[str]:
        return ["registry", "server-1"]


class ClassTest(unittest.TestCase):
    def setUp(self) -> None:
        # Tests run side by side: none of them has the usual port.
        for name, value in (("PORT", 0), ("archive", lambda: b"the file")):
            patch = mock.patch.object(class_mode, name, value)
            patch.start()
            self.addCleanup(patch.stop)
        self.events: list[Mapping[str, Any]] = []
        self.registry = Registry(port=0)
        self.registry.start()
        self.addCleanup(self.registry.close)
        server = Server("kiosk", [hello], registries=[self.registry.address], name="server-1")
        server.start()
        self.addCleanup(server.close)
        self.lab = Lab(self.registry.address)
        self.mode = ClassMode(self.events.append, self.lab, Ballot(), Words("en"), None)
        self.addCleanup(self.mode.close)
        self.mode.commands["class"]({"open": True, "address": HOST})
        exposed = self.exposed()
        self.code, self.address = str(exposed["code"]), read_code(str(exposed["code"])).address

    def exposed(self) -> Mapping[str, Any]:
        return [event for event in self.events if event["k"] == "exposed"][-1]

    def listed(self) -> dict[str, Address]:
        return {each.instance: each.address for each in self.registry.lookup("kiosk").endpoints}

    def join(self, *words: str) -> Process:
        process = Process(["demo.py", "join", *words, "--until-eof", "--lang", "en"])
        self.addCleanup(process.close)
        return process

    def close_class(self) -> None:
        self.mode.commands["class"]({"open": False})


class Joining(ClassTest):
    def test_a_laptop_joins_is_called_and_is_told_the_end(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "mine.py")
            with open(path, "w", encoding="utf-8") as file:
                file.write("def hello(text): return 'Ana'\ndef buy(item): return 1\n")
            laptop = self.join(*self.code.lower().split("-"), "Aná", path)
            laptop.wait_for_line(r"joined as Ana, at 127\.0\.0\.1:\d+ - stop with Ctrl-C", 15)
        # Its owner is its address. The page knows it, and the registry lists it.
        wait_until(lambda: "Ana" in self.listed(), 5, "the server of the laptop")
        shown = wait_until(lambda: [event for event in self.events if event["k"] == "proc"], 5,
                           "the page is told")[-1]
        self.assertEqual((shown["who"], shown["role"], shown["state"], shown["owner"]),
                         ("Ana", "server", "up", HOST))
        wait_until(lambda: self.exposed()["servers"] == 1, 5, "it is counted")
        with Client("kiosk", registries=[self.registry.address]) as client:
            wait_until(lambda: client.hello("x") == "Ana", 10, "a call of ours")
        self.close_class()
        # At once: nobody calls it any more.
        wait_until(lambda: "Ana" not in self.listed(), 2, "it left")
        self.assertEqual(laptop.wait(20), 0, laptop.log)
        self.assertIn("the class has ended\n", laptop.out)
        self.assertRegex(laptop.out, r"calls answered: [1-9]")
        self.assertEqual(self.exposed()["list"], [])

    def test_a_laptop_leaves_in_order(self) -> None:
        laptop = self.join(self.code, "Bia")
        laptop.wait_for_line("joined as Bia", 15)
        wait_until(lambda: "Bia" in self.listed(), 5, "the server of the laptop")
        laptop.stop()
        self.assertEqual(laptop.wait(10), 0, laptop.log)
        self.assertNotIn("Bia", self.listed())
        gone = wait_until(lambda: [event for event in self.events if event["k"] == "proc"
                                   and event["state"] == "gone"], 5, "the page is told")[0]
        self.assertEqual(gone["who"], "Bia")

    def test_while_no_registry_runs_the_gate_says_so(self) -> None:
        """As during a story, whose processes are others."""
        asks = Knock(self.address, read_code(self.code).key(), "ana", HOST)
        self.assertEqual(knock(asks), "welcome")
        self.lab.registry = None
        self.assertEqual(knock(asks), "wait")
        self.assertTrue(is_known(asks))

    def test_where_the_registry_has_another_port_its_laptops_are_there_too(self) -> None:
        """As after a story, if another process has taken the port meanwhile."""
        key = read_code(self.code).key()
        with Server("kiosk", [hello], registries=[self.address], name="ana", key=key, host=HOST), \
                Registry(port=0) as other:
            wait_until(lambda: "ana" in self.listed(), 5, "it is listed")
            self.lab.registry = other.address
            wait_until(lambda: "ana" in {each.instance for each in
                                         other.lookup("kiosk").endpoints}, 5, "there, too")

    def test_what_cannot_join_is_told_in_one_line(self) -> None:
        invitation = read_code(self.code)
        old = invitation._replace(secret=invitation.secret ^ 1).code()
        wrong = self.code[:-1] + ("7" if self.code[-1] != "7" else "8")
        started = [(self.join(self.code, "server-7"), "server-7: a name of the class's own"),
                   (self.join(old), "does not know this code: it is of an earlier class"),
                   (self.join(wrong), "a letter of it is wrong: compare it with the projector"),
                   (self.join(self.code[:9]), "a code has 21 letters and digits, and this one has"),
                   (self.join(Invitation(HOST, 9, 1).code()), "no class is open at 127.0.0.1:9")]
        for process, line in started:
            with self.subTest(line):
                self.assertEqual(process.wait(20), 2, process.log)
                self.assertEqual(process.err.count("\n"), 1, process.log)
                self.assertIn(line, process.err)
                self.assertEqual(process.out, "")


class Exposed(ClassTest):
    """What the two ports of a class refuse. docs/security.md names these tests."""

    def send(self, *datagrams: bytes) -> list[bytes]:
        """Sends them to the gate; returns what is answered within a moment."""
        answers = []
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((HOST, 0))
            sock.settimeout(0.2)
            for datagram in datagrams:
                sock.sendto(datagram, self.address)
            try:
                while True:
                    answers.append(sock.recv(2 * MAX_DATAGRAM_BYTES))
            except socket.timeout:
                return answers

    def key(self) -> bytes:
        return read_code(self.code).key()

    def ask(self, method: str, target: str, body: bytes = b"",
            headers: Mapping[str, str] | None = None) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection(*self.address, timeout=5)
        self.addCleanup(connection.close)
        connection.request(method, target, body, dict(headers or {}))
        response = connection.getresponse()
        response.read()
        return response

    def beat(self, **fields: Any) -> Beat:
        first = Beat("kiosk", "ana", new_incarnation(), 1, HOST, 4242)
        return first._replace(**fields)

    def test_beats_without_the_key_of_the_class(self) -> None:
        """Unsigned, as the lab's own are; of another key; of an earlier class; and garbage."""
        before = self.listed()
        earlier = self.key()
        self.close_class()
        self.mode.open(HOST)
        self.address = read_code(str(self.exposed()["code"])).address
        beats = [encode_beat(self.beat(), key) for key in (b"", b"a guess", earlier)]
        self.assertEqual(self.send(*beats, b"", b"\n{}", bytes(1200), b"x" * 60_000), [])
        self.assertEqual(self.listed(), before)
        wait_until(lambda: self.exposed()["dropped"].get("signature", 0) >= 3, 5, "it is shown")

    def test_forged_names_services_and_hosts_with_the_key(self) -> None:
        """A student may not be the proxy, nor a server of the lab, nor send calls elsewhere."""
        before = self.listed()
        key = self.key()
        forged = [self.beat(service="proxy"), self.beat(instance="server-1"),
                  self.beat(instance="proxy"), self.beat(host="192.0.2.1"),
                  self.beat(service="bank"), self.beat(lease_s=60.0)]
        datagrams = [encode_beat(each, key) for each in forged]
        answers = self.send(*datagrams)
        self.assertEqual(len(answers), len(forged))
        self.assertLessEqual(max(map(len, answers)), min(map(len, datagrams)))
        self.assertTrue(all(b'"refused"' in answer for answer in answers), answers)
        self.assertEqual(self.listed(), before)
        self.assertEqual([each.service for each in self.registry.snapshot().endpoints], ["kiosk"])

    def test_a_replay_changes_nothing(self) -> None:
        key = self.key()
        with Server("kiosk", [hello], registries=[self.address], name="ana", key=key,
                    host=HOST) as server:
            wait_until(lambda: "ana" in self.listed(), 5, "it is listed")
            incarnation = server.incarnation
        wait_until(lambda: "ana" not in self.listed(), 5, "it has gone")
        again = self.beat(incarnation=incarnation)
        self.assertEqual(self.send(*[encode_beat(again, key)] * 20), [])
        self.assertNotIn("ana", self.listed())

    def test_the_name_of_a_server_that_runs_elsewhere(self) -> None:
        """One that somebody has started at the registry itself is not for the class."""
        other = Server("kiosk", [hello], registries=[self.registry.address], name="blue")
        with other:
            asks = Knock(self.address, self.key(), "blue", HOST)
            self.assertEqual(knock(asks), "taken")

    def test_no_request_but_those_of_phones(self) -> None:
        """Lookups, faults, events, the pages of operators, other methods, other hosts."""
        lookup = (b"<?xml version='1.0'?><methodCall><methodName>snapshot</methodName><params/>"
                  b"</methodCall>")
        for method, target, body in (
                ("POST", "/registry", lookup), ("POST", "/RPC2", lookup),
                ("POST", "/kiosk", lookup),
                ("POST", "/do", b'{"what": "kill", "who": "server-1"}'), ("GET", "/events", b""),
                ("GET", "/save", b""), ("GET", "/status", b""), ("GET", "/metrics", b""),
                ("POST", "/-/observe", b'{"port": 9}'), ("GET", "/web/main.js", b""),
                ("GET", "/../demo.py", b""), ("GET", "/%2e%2e/demo.py", b"")):
            with self.subTest(target):
                self.assertEqual(self.ask(method, target, body).status, 404)
        for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
            self.assertEqual(self.ask(method, "/vote").status, 405)
        self.assertEqual(self.ask("GET", "/", headers={"Host": "evil.example"}).status, 421)
        self.assertEqual(self.ask("POST", "/vote", b"{}", {"Origin": "http://evil.example"}).status,
                         415)
        wait_until(lambda: self.exposed()["dropped"].get("http 404", 0) >= 12, 5, "it is shown")

    def test_what_phones_may(self) -> None:
        self.assertEqual(self.ask("GET", "/").status, 200)
        self.assertEqual(self.ask("GET", "/vote").status, 200)
        self.assertEqual(self.ask("GET", "/ponte.pyz").status, 200)

    def test_a_crowd_of_one_address_does_not_keep_others_out(self) -> None:
        """Connections that are silent: one address has a share of them."""
        crowd = [socket.create_connection(self.address)
                 for _ in range(MAX_CONNECTIONS_EACH + 20)]
        try:
            refused = 0
            for sock in crowd[-10:]:
                sock.settimeout(5)
                refused += sock.recv(100).startswith(b"HTTP/1.1 503")
            self.assertEqual(refused, 10)
        finally:
            for sock in crowd:
                sock.close()

    @unittest.skipIf(sys.platform == "darwin", "macOS has one loopback address")
    def test_a_flood_of_datagrams_keeps_no_server_out(self) -> None:
        """From another port of its own address, too."""
        key, stop = self.key(), threading.Event()

        def flood() -> None:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.bind(("127.0.0.2", 0))
                while not stop.is_set():
                    for _ in range(50):
                        sock.sendto(b"garbage", self.address)
                    time.sleep(0.005)

        thread = threading.Thread(target=flood)
        thread.start()
        try:
            with Server("kiosk", [hello], registries=[self.address], name="ana", key=key,
                        host=HOST):
                wait_until(lambda: "ana" in self.listed(), 5, "it is listed")
                wait_until(lambda: self.exposed()["dropped"].get("flood", 0) > 100, 5,
                           "floods are counted")
                self.assertIn("ana", self.listed())
        finally:
            stop.set()
            thread.join()

    def test_the_end_closes_both_ports_at_once(self) -> None:
        key = self.key()
        self.close_class()
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(self.address, 2)
        self.assertFalse(is_known(Knock(self.address, key, "ana", HOST), 0.3))
        self.assertEqual(self.exposed()["list"], [])

    def test_where_it_cannot_open_no_port_stays_open(self) -> None:
        self.close_class()
        phones: list[Phones] = []

        class Noted(Phones):
            def __init__(self, *arguments: Any) -> None:
                super().__init__(*arguments)
                phones.append(self)

        for name in ("Gate", "qr_rows"):
            with mock.patch.object(class_mode, name, side_effect=OSError(24, "no more files")), \
                    mock.patch.object(class_mode, "Phones", Noted), \
                    self.assertRaisesRegex(ValueError, "no more files"):
                self.mode.open(HOST)
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                with socket.socket(type=kind) as sock:
                    sock.bind(phones[-1].address)
        self.mode.open(HOST)

    def test_an_address_of_another_machine_is_refused(self) -> None:
        self.close_class()
        # Wine binds a socket to any address.
        of_others = () if WINE else ("198.51.100.9",)
        for address in (*of_others, "0.0.0.0", "224.0.0.1", "::1", "x", "127.0.0.1 "):
            with self.assertRaisesRegex(ValueError, "take an IPv4 address of this computer"):
                self.mode.commands["class"]({"open": True, "address": address})

    def test_each_class_has_a_new_code(self) -> None:
        self.close_class()
        self.mode.open(HOST)
        self.assertNotEqual(self.exposed()["code"], self.code)

    def test_it_ends_by_itself(self) -> None:
        with mock.patch.object(class_mode, "LOOK_S", 0.05):
            mode = ClassMode(self.events.append, self.lab, Ballot(), Words("en"), HOST,
                             limit_s=0.2)
            self.addCleanup(mode.close)
            mode.start()
            address = read_code(str(self.exposed()["code"])).address
            self.assertLessEqual(float(self.exposed()["left_s"]), 0.2)
            wait_until(lambda: self.exposed()["list"] == [], 5, "it ends")
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(address, 2)

    def test_everything_that_is_open_is_told(self) -> None:
        """Both ports, with the same number; and the code of the address as a picture."""
        exposed = self.exposed()
        at = f"{HOST}:{self.address[1]}"
        self.assertEqual([(each["address"], each["protocol"]) for each in exposed["list"]],
                         [(at, "UDP"), (at, "TCP")])
        self.assertEqual(exposed["url"], f"http://{at}/")
        self.assertEqual({len(row) for row in exposed["qr"]}, {len(exposed["qr"])})
        json.dumps(exposed)

    def test_what_is_no_command(self) -> None:
        for body in ({}, {"open": 1}, {"open": True, "address": 7}, {"open": True}):
            with self.subTest(body), self.assertRaises(ValueError):
                self.mode.commands["class"](body)


if __name__ == "__main__":
    unittest.main()
