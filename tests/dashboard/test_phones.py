"""The port for phones, without a socket: every request that it takes, and some that it refuses."""

from __future__ import annotations

import json
import re
import unittest
from typing import Any

from dashboard.phones import (
    ABSENT_S,
    ALL_AT_ONCE,
    DEVICE_AT_ONCE,
    DEVICES_AT_ONCE,
    EACH_AT_ONCE,
    FILES_AT_ONCE,
    MAX_ADDRESSES,
    MAX_DEVICES,
    MAX_DEVICES_EACH,
    VOTES_AT_ONCE,
    Phones,
    load_page,
)
from dashboard.votes import Votes
from ponte.net.message import Reply, Request

PHONE = ("192.168.1.31", 50_000)


class Question:
    """A ballot with one question, and a clock."""

    def __init__(self) -> None:
        self.votes = Votes()
        self.votes.open()
        self.now = 100.0
        self.asked: dict[str, Any] | None = {
            "id": 7, "question": {"en": "What </script> next?", "pt": "E agora?"},
            "answers": [{"en": each, "pt": each} for each in "abcd"], "open": True,
            "counts": [9, 0, 0, 0], "voters": 9}

    def vote(self, device: str, answer: int) -> None:
        self.votes.vote(device, answer, self.now)

    def answer_of(self, device: str) -> int | None:
        return self.votes.answer_of(device)

    def shown(self) -> dict[str, Any] | None:
        return self.asked


class PhonesTest(unittest.TestCase):
    def setUp(self) -> None:
        self.question = Question()
        self.phones = Phones(("127.0.0.1", 0), self.question, b"the file",
                             lambda: self.question.now)
        self.addCleanup(self.phones.close)
        self.host = f"127.0.0.1:{self.phones.address[1]}"

    def ask(self, method: str = "GET", target: str = "/", body: bytes = b"",
            peer: tuple[str, int] = PHONE, **headers: str) -> Reply:
        named = {"host": self.host,
                 **{name.replace("_", "-"): value for name, value in headers.items()}}
        return self.phones.answer(Request(method, target, named, body, peer=peer))

    def device(self, peer: tuple[str, int] = PHONE) -> str:
        """The cookie of a new device."""
        return self.ask(peer=peer).headers["Set-Cookie"].partition(";")[0]

    def vote(self, cookie: str, answer: Any = 2, question: Any = 7, **headers: str) -> Reply:
        named = {"cookie": cookie, "content_type": "application/json", **headers}
        body = json.dumps({"question": question, "answer": answer}).encode()
        return self.ask("POST", "/vote", body, PHONE, **named)

    def test_a_phone_opens_the_page_and_votes(self) -> None:
        cookie = self.device()
        shown = json.loads(self.ask(target="/vote", cookie=cookie).body)
        self.assertEqual((shown["id"], shown["open"], shown["mine"], shown["known"]),
                         (7, True, None, True))
        # How others vote is not told.
        self.assertNotIn("counts", shown)
        self.assertEqual(json.loads(self.vote(cookie).body)["mine"], 2)
        self.assertEqual(self.question.votes.counts, [0, 0, 1, 0])
        self.assertEqual(self.phones.devices, 1)

    def test_a_device_has_one_vote(self) -> None:
        """A later vote takes the place of the earlier one."""
        cookie = self.device()
        for answer in (0, 1, 3):
            self.question.now += 1
            self.assertEqual(self.vote(cookie, answer).status, 200)
        self.assertEqual(self.question.votes.counts, [0, 0, 0, 1])

    def test_a_vote_needs_a_device_that_we_know(self) -> None:
        for cookie in ("", "device=" + "0" * 32, "device=<script>", "device=", "x=1"):
            self.assertEqual(self.vote(cookie).status, 403)
        self.assertEqual(self.question.votes.voters, 0)

    def test_a_vote_of_another_site_is_refused(self) -> None:
        cookie = self.device()
        for origin in ("http://evil.example", "null", "https://" + self.host, "http://127.0.0.1"):
            self.assertEqual(self.vote(cookie, origin=origin).status, 403)
        for content in ("text/plain", "application/x-www-form-urlencoded", ""):
            self.assertEqual(self.vote(cookie, content_type=content).status, 415)
        self.assertEqual(self.vote(cookie, origin=f"http://{self.host}").status, 200)

    def test_the_cookie_is_for_this_site_and_no_script(self) -> None:
        cookie = self.ask().headers["Set-Cookie"]
        self.assertRegex(cookie, r"^device=[0-9a-f]{32}; Path=/; Max-Age=\d+; HttpOnly; "
                                 r"SameSite=Strict$")
        # A device that has one keeps it.
        self.assertNotIn("Set-Cookie", self.ask(cookie=cookie.partition(";")[0]).headers)

    def test_what_is_no_vote(self) -> None:
        cookie = self.device()
        for body in (b"", b"[]", b"{}", b"nonsense", b"\xff", b"[" * 150,
                     b'{"question": 7, "answer": 1}' + b" " * 200,
                     b'{"question": 7, "answer": true}', b'{"question": 7, "answer": 1.0}'):
            with self.subTest(body):
                self.question.now += 1
                reply = self.ask("POST", "/vote", body, cookie=cookie,
                                 content_type="application/json")
                self.assertEqual(reply.status, 400)
        for answer, question in ((4, 7), (-1, 7), (2, 6), (10 ** 30, 7)):
            self.question.now += 1
            self.assertEqual(self.vote(cookie, answer, question).status, 409)
        self.assertEqual(self.question.votes.voters, 0)

    def test_a_question_that_is_closed_or_over_takes_no_vote(self) -> None:
        cookie = self.device()
        self.question.votes.close()
        self.assertEqual(self.vote(cookie).status, 409)
        self.question.asked = None
        self.assertEqual(self.vote(cookie).status, 409)
        self.assertIsNone(json.loads(self.ask(target="/vote").body)["question"])

    def test_nothing_else_is_here(self) -> None:
        for target in ("/do", "/events", "/events?since=0", "/web/main.js", "/save", "/status",
                       "/health", "/metrics", "/-/observe", "/registry", "/kiosk", "/RPC2",
                       "//", "/?x", "/vote/", "/../demo.py", "/ponte.pyz/x", "*"):
            for method in ("GET", "POST"):
                with self.subTest(method=method, target=target):
                    self.assertEqual(self.ask(method, target).status, 404)
        for method, target in (("POST", "/"), ("PUT", "/vote"), ("DELETE", "/"), ("TRACE", "/"),
                               ("POST", "/ponte.pyz"), ("OPTIONS", "/vote")):
            with self.subTest(method=method, target=target):
                self.question.now += 1
                reply = self.ask(method, target)
                self.assertEqual(reply.status, 405)
                self.assertTrue(reply.headers["Allow"].startswith("GET"))

    def test_another_host_is_refused(self) -> None:
        """A name that leads here may be that of a foreign page (DNS rebinding)."""
        for host in ("", "evil.example", "localhost" + self.host[9:], "127.0.0.1", self.host + "."):
            self.assertEqual(self.ask(host=host).status, 421)

    def test_the_file(self) -> None:
        reply = self.ask(target="/ponte.pyz")
        self.assertEqual((reply.status, reply.body), (200, b"the file"))
        self.assertIn('filename="ponte.pyz"', reply.headers["Content-Disposition"])

    def test_the_page_runs_its_own_script_alone(self) -> None:
        reply = self.ask()
        policy = reply.headers["Content-Security-Policy"]
        self.assertRegex(policy, r"^default-src 'none'; style-src 'sha256-[^ ]+'; "
                                 r"script-src 'sha256-[^ ]+'; connect-src 'self'; ")
        self.assertNotIn("unsafe", policy)
        text = reply.body.decode()
        # One script and one style, whole; no address but our own.
        self.assertEqual([text.count(each) for each in ("<script>", "</script>", "<style>")],
                         [1, 1, 1])
        self.assertIsNone(re.search(r"https?://|innerHTML|style=|src=", text))
        self.assertEqual(load_page().policy, policy)

    def test_the_language_of_the_browser(self) -> None:
        self.assertIn(b'<html lang="pt-BR">', self.ask(accept_language="pt-BR,en;q=0.5").body)
        self.assertIn(b'<html lang="en">', self.ask(accept_language="de,fr").body)

    def test_a_class_behind_one_address_votes_at_once(self) -> None:
        """60 phones open the page within a second, ask every 1.5 s, and vote; so do 20 more."""
        cookies = [self.device() for _ in range(60)]
        for _ in range(20):
            self.question.now += 1.5
            statuses = [self.ask(target="/vote", cookie=each).status for each in cookies]
            self.assertEqual(statuses, [200] * 60)
        self.assertEqual([self.vote(each).status for each in cookies], [200] * 60)
        self.assertEqual(self.question.votes.voters, 60)
        for _ in range(20):
            self.question.now += 1
            self.assertEqual(self.vote(self.device()).status, 200)

    def test_one_address_gets_as_many_devices_as_a_class_needs(self) -> None:
        """The page is shown all the same."""
        cookies = [self.ask().headers.get("Set-Cookie") for _ in range(200)]
        self.assertEqual(sum(cookie is not None for cookie in cookies), DEVICES_AT_ONCE)
        self.assertIn("Set-Cookie", self.ask(peer=("192.168.1.32", 1)).headers)

    def test_who_reloads_without_its_cookie_takes_the_place_of_no_other_address(self) -> None:
        other = self.device(("192.168.1.32", 1))
        for _ in range(3 * MAX_DEVICES):
            self.question.now += 1
            self.assertEqual(self.ask().status, 200)
        self.assertLessEqual(len(self.phones._devices), MAX_DEVICES_EACH + 1)
        self.assertEqual(self.vote(other).status, 200)

    def fill(self) -> None:
        """As many devices as there is room for, of many addresses."""
        number = 0
        while len(self.phones._devices) < MAX_DEVICES:
            self.question.now += 0.01
            self.ask(peer=(f"10.0.{number >> 8}.{number & 255}", 1))
            number += 1

    def test_those_that_were_absent_for_longest_are_forgotten_for_new_ones(self) -> None:
        first, second = self.device(), self.device()
        self.fill()
        self.question.now += ABSENT_S
        self.ask(target="/vote", cookie=first)
        self.assertIn("Set-Cookie", self.ask(peer=("10.9.9.9", 1)).headers)
        self.assertEqual(len(self.phones._devices), MAX_DEVICES)
        self.assertTrue(json.loads(self.ask(target="/vote", cookie=first).body)["known"])
        self.assertFalse(json.loads(self.ask(target="/vote", cookie=second).body)["known"])

    def test_none_that_has_voted_in_the_open_question_is_forgotten(self) -> None:
        """Or its phone could get another vote in it."""
        voter = self.device()
        self.vote(voter)
        self.fill()
        self.question.now += ABSENT_S
        self.device(("10.9.9.9", 1))
        assert self.question.asked
        self.question.asked["open"] = False
        self.assertTrue(json.loads(self.ask(target="/vote", cookie=voter).body)["known"])
        self.question.now += ABSENT_S
        for number in range(MAX_DEVICES):
            self.ask(peer=(f"10.3.{number >> 8}.{number & 255}", 1))
            self.question.now += 0.01
        self.assertFalse(json.loads(self.ask(target="/vote", cookie=voter).body)["known"])

    def test_there_is_room_for_a_number_of_devices_and_addresses(self) -> None:
        self.fill()
        self.question.now += 1
        reply = self.ask(peer=("10.9.9.9", 1))
        self.assertEqual((reply.status, reply.headers.get("Set-Cookie")), (200, None))
        self.assertEqual(len(self.phones._devices), MAX_DEVICES)
        for number in range(MAX_ADDRESSES * 2):
            self.ask(peer=(f"10.1.{number >> 8}.{number & 255}", 1))
        self.assertLessEqual(len(self.phones._rates), MAX_ADDRESSES)

    def test_floods_are_turned_away(self) -> None:
        """Of one address, of one device, of downloads, and of all together."""
        cookie = self.device()
        statuses = [self.vote(cookie).status for _ in range(20)]
        self.assertEqual(statuses.count(429), 20 - VOTES_AT_ONCE)
        self.question.now += 100
        cookie = self.device()
        asked = [self.ask(target="/vote", cookie=cookie).status for _ in range(100)]
        self.assertEqual(asked.count(200), DEVICE_AT_ONCE)
        files = [self.ask(target="/ponte.pyz", peer=("10.0.0.9", 1)).status for _ in range(100)]
        self.assertEqual(files.count(200), FILES_AT_ONCE)
        one = [self.ask(peer=("10.0.0.8", 1)).status for _ in range(350)]
        self.assertEqual(one.count(200), EACH_AT_ONCE)
        # The address that did it waits; another one does not.
        self.assertEqual(self.ask(peer=("10.0.0.7", 1)).status, 200)
        many = [self.ask(peer=(f"10.2.{number % 200}.1", 1)).status for number in range(2000)]
        self.assertLessEqual(many.count(200), ALL_AT_ONCE)
        self.question.now += 5
        self.assertEqual(self.ask(peer=("10.0.0.8", 1)).status, 200)


if __name__ == "__main__":
    unittest.main()
