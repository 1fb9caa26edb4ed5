"""POST /-/observe: who may watch a running process, and for how long."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import unittest
from typing import Any
from unittest import mock

from ponte.discovery.beats import Beat, beat_to_line
from ponte.discovery.own_beat import check_service
from ponte.discovery.signing import sign
from ponte.net.message import Reply, Request
from ponte.process import attaching, observe
from ponte.process.attaching import MAX_BODY_BYTES, MAX_LEASE_S, attach

HERE = ("127.0.0.1", 4180)
KEY, OLD = b"k" * 32, b"o" * 32
JSON_TYPE = {"content-type": "application/json"}
NEIGHBOUR = {**JSON_TYPE, "host": "127.0.0.1:4180"}


class AttachTest(unittest.TestCase):
    def setUp(self) -> None:
        self.now = 100.0
        clock: Any = mock.patch("ponte.process.observe.shared_s", lambda: self.now)
        clock.start()
        self.addCleanup(clock.stop)
        self.addCleanup(observe.stop)
        observe.stop()

    def ask(self, body: object = None, headers: dict[str, str] | None = None, *,
            address: tuple[str, int] = HERE, peer: str = "127.0.0.1", method: str = "POST",
            target: str = "/-/observe", keys: tuple[bytes, ...] = (b"",),
            role: str = "server") -> Reply | None:
        said = {"port": 5000} if body is None else body
        raw = said if isinstance(said, bytes) else json.dumps(said).encode()
        request = Request(method, target, NEIGHBOUR if headers is None else headers, raw,
                          peer=(peer, 50_000))
        return attach(request, "server-1", role, address, keys)

    def status(self, *args: Any, **options: Any) -> int:
        reply = self.ask(*args, **options)
        assert reply
        return reply.status


class WhoMayWatch(AttachTest):
    def test_a_neighbour_may(self) -> None:
        """It learns who answers, and where the numbers of the events begin."""
        reply = self.ask({"port": 5000, "every": 64, "lease_s": 2.5})
        assert reply and observe.watcher
        self.assertEqual(json.loads(reply.body), {"instance": "server-1", "role": "server",
                                                  "pid": os.getpid(), "n": observe.life.last})
        self.assertEqual((reply.status, observe.watcher.address, observe.watcher.every),
                         (200, ("127.0.0.1", 5000), 64))

    def test_what_others_reach_is_watched_by_nobody_without_the_key(self) -> None:
        self.assertEqual(self.status(address=("0.0.0.0", 4180)), 403)
        self.assertEqual(self.status(address=("10.0.0.7", 4180)), 403)
        self.assertEqual(self.status(peer="10.0.0.9"), 403)
        self.assertEqual(self.status(peer=""), 403)
        self.assertIsNone(observe.watcher)

    def test_who_has_the_key_may_from_anywhere(self) -> None:
        """Any key that the process has, while it is changed."""
        body = b'{"port": 5000}'
        for key in (KEY, OLD):
            signed = {**JSON_TYPE, "host": "gate.example",
                      "signature": hmac.new(key, body, hashlib.sha256).hexdigest()}
            self.assertEqual(self.status(body, signed, address=("0.0.0.0", 4180), peer="10.0.0.9",
                                         keys=(KEY, OLD)), 200)

    def test_a_signature_is_of_this_body_and_by_our_key(self) -> None:
        """A wrong one is refused on loopback, too; and without a key there is no right one."""
        body = b'{"port": 5000}'
        right = hmac.new(KEY, body, hashlib.sha256).hexdigest()
        empty = hmac.new(b"", body, hashlib.sha256).hexdigest()
        for signature, keys in (("", (KEY,)), (right[1:], (KEY,)), (right, (OLD,)),
                                (right, (b"",)), (empty, (b"",)), ("caf\xe9", (KEY,))):
            self.assertEqual(self.status(body, {**NEIGHBOUR, "signature": signature}, keys=keys),
                             403)
        self.assertEqual(self.status(body + b" ", {**NEIGHBOUR, "signature": right}, keys=(KEY,)),
                         403)
        self.assertIsNone(observe.watcher)

    def test_no_page_of_a_browser_may(self) -> None:
        for origin in ("http://evil.example", "null", "http://127.0.0.1:4180", ""):
            self.assertEqual(self.status(headers={**NEIGHBOUR, "origin": origin}), 403)
        for media in ("text/plain", "application/x-www-form-urlencoded", "text/xml", ""):
            self.assertEqual(self.status(headers={**NEIGHBOUR, "content-type": media}), 403)
        self.assertEqual(self.status(headers={"host": "127.0.0.1:4180"}), 403)
        self.assertEqual(self.status(
            headers={**NEIGHBOUR, "content-type": "Application/JSON; charset=utf-8"}), 200)

    def test_who_comes_through_a_proxy_of_this_machine_may_not(self) -> None:
        """It may come from anywhere. Only the key helps."""
        body = b'{"port": 5000}'
        for name in ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"):
            relayed = {**NEIGHBOUR, name: "for=203.0.113.9"}
            self.assertEqual(self.status(body, relayed), 403, name)
            self.assertIsNone(observe.watcher)
            signed = {**relayed, "signature": hmac.new(KEY, body, hashlib.sha256).hexdigest()}
            self.assertEqual(self.status(body, signed, keys=(KEY,)), 200)
            observe.stop()

    def test_a_name_of_a_stranger_does_not_lead_here(self) -> None:
        for host in ("evil.example:4180", "127.0.0.1:80", "127.0.0.1", "", "10.0.0.7:4180"):
            self.assertEqual(self.status(headers={**JSON_TYPE, "host": host}), 403)
        self.assertEqual(self.status(headers={**JSON_TYPE, "host": "localhost:4180"}), 200)
        self.assertEqual(self.status(headers={**JSON_TYPE, "host": "[::1]:4180"},
                                     address=("::1", 4180), peer="::1"), 200)


class Bodies(AttachTest):
    def test_what_is_wrong_is_said_in_one_line(self) -> None:
        wrong: tuple[object, ...] = (
            b"", b"{", b"[" * 999, [], 7, {"every": 1}, {"port": 0}, {"port": 65536},
            {"port": "5000"}, {"port": True}, {"port": 5000, "every": 0},
            {"port": 5000, "every": 1.5}, {"port": 5000, "lease_s": 0},
            {"port": 5000, "lease_s": MAX_LEASE_S + 1}, {"port": 5000, "lease_s": "5"},
            b'{"port": 5000, "lease_s": NaN}', {"port": 5000, "host": "10.0.0.7"},
            {"port": 5000, "name": "a b"}, {"port": 5000, "name": 7})
        for body in wrong:
            reply = self.ask(body)
            assert reply
            self.assertEqual((reply.status, reply.body.count(b"\n")), (400, 1), body)
        self.assertEqual(self.status(b" " * (MAX_BODY_BYTES + 1)), 403)
        self.assertIsNone(observe.watcher)

    def test_a_recorded_beat_is_no_request(self) -> None:
        """Its members are others, although the key has signed it."""
        line = beat_to_line(Beat("greeter", "server-1", 1, 1, "127.0.0.1", 5000, lease_s=2.0))
        signed = {**NEIGHBOUR, "signature": sign(line, KEY).decode()}
        self.assertEqual(self.status(line, signed, keys=(KEY,)), 400)

    def test_a_registry_can_be_told_its_name(self) -> None:
        for name in ("registry-2", ""):
            reply = self.ask({"port": 5000, "name": name}, role="registry")
            assert reply
            self.assertEqual(json.loads(reply.body)["instance"], name or "registry")

    def test_other_requests_are_for_others(self) -> None:
        for target in ("/", "/-", "/-/", "/-/observer", "/greeter"):
            self.assertIsNone(self.ask(target=target))
        self.assertEqual(self.status(method="GET"), 405)

    def test_no_service_has_the_name(self) -> None:
        for name in ("-", "-/observe"):
            with self.assertRaises(ValueError):
                check_service(name)


class Leases(AttachTest):
    def test_a_lease_ends_by_itself(self) -> None:
        """Also while nobody asks: the next event finds that it is over."""
        self.ask({"port": 5000, "lease_s": 5})
        self.now += 4.9
        self.assertTrue(observe.tell("server-1", "beat"))
        self.now += 0.2
        self.assertFalse(observe.tell("server-1", "beat"))
        self.assertIsNone(observe.watcher)

    def test_a_watcher_renews_it(self) -> None:
        self.ask({"port": 5000, "lease_s": 5})
        self.now += 4.0
        self.assertEqual(self.status({"port": 5000, "lease_s": 5, "every": 8}), 200)
        self.now += 4.0
        self.assertTrue(observe.tell("server-1", "beat"))
        assert observe.watcher
        self.assertEqual(observe.watcher.every, 8)

    def test_a_second_watcher_waits_for_the_end_of_the_lease(self) -> None:
        self.ask({"port": 5000, "lease_s": 5})
        self.assertEqual(self.status({"port": 5001}), 409)
        self.now += 5.1
        self.assertEqual(self.status({"port": 5001}), 200)
        assert observe.watcher
        self.assertEqual(observe.watcher.address, ("127.0.0.1", 5001))

    def test_what_the_command_line_asked_for_has_no_end(self) -> None:
        """The same watcher may ask all the same; another one may not."""
        observe.start(("127.0.0.1", 5000), name="client-2")
        self.assertEqual(self.status({"port": 5000, "lease_s": 1}), 200)
        self.now += 1000.0
        self.assertTrue(observe.tell("server-1", "beat"))
        self.assertEqual(observe.own_name("client"), "client-2")
        self.assertEqual(self.status({"port": 5001}), 409)

    def test_two_at_once_are_decided_one_after_the_other(self) -> None:
        with mock.patch.object(attaching, "_lock") as lock:
            self.ask()
        lock.__enter__.assert_called_once()


if __name__ == "__main__":
    unittest.main()
