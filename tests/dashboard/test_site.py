"""What the browser may ask for, and what other pages may not."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
import unittest
from collections.abc import Mapping
from typing import Any

from dashboard import site as site_module
from dashboard.ring import Ring
from dashboard.site import MAX_COMMAND_BYTES, Site
from dashboard.web_files import load
from tests.dashboard.asking import PATIENCE_S, Answer, ask, do
from tests.dashboard.test_saved import EVIL, Page, events_in

EVERY_REPLY = {
    "x-content-type-options": "nosniff", "cache-control": "no-store",
    "referrer-policy": "no-referrer", "cross-origin-resource-policy": "same-origin"}


def line(number: int, **fields: Any) -> bytes:
    return json.dumps({"s": number, "p": "a", "i": 7, "n": number, "t": 1.5, "k": "run", **fields},
                      separators=(",", ":")).encode()


class Case(unittest.TestCase):
    def setUp(self) -> None:
        self.ring = Ring()
        self.done: list[Mapping[str, Any]] = []
        self.commands = {"kill": self.done.append, "refuse": self.refuse, "break": self.break_down}
        self.site = Site(self.ring, self.commands)
        self.addCleanup(self.site.close)
        self.site.start()
        self.address = self.site.address

    @staticmethod
    def refuse(command: Mapping[str, Any]) -> None:
        raise ValueError("there is no server-9\nhere")

    @staticmethod
    def break_down(command: Mapping[str, Any]) -> None:
        raise RuntimeError("a mistake of ours, with a secret")

    def ask(self, method: str, target: str, headers: Mapping[str, str | None] | None = None,
            body: bytes = b"") -> Answer:
        return ask(self.address, method, target, headers, body)

    def do(self, command: object, **headers: str | None) -> Answer:
        return do(self.address, headers.pop("token", self.site.token), command, **headers)

    def assert_refused(self, answer: Answer, status: int, code: str) -> None:
        self.assertEqual((status, code), (answer.status, answer.json["code"]), answer)
        self.assertEqual(1, len(answer.json["error"].splitlines()))
        self.assertEqual([], self.done)
        self.assert_guarded(answer)

    def assert_guarded(self, answer: Answer) -> None:
        for name, value in EVERY_REPLY.items():
            self.assertEqual(value, answer.headers[name])
        self.assertIn("default-src 'none'", answer.headers["content-security-policy"])
        self.assertNotIn("unsafe", answer.headers["content-security-policy"])
        self.assertNotIn("access-control-allow-origin", answer.headers)


class Showing(Case):
    def test_the_page_and_its_files_are_there(self) -> None:
        for name, file in load().items():
            answer = self.ask("GET", "/" if name == "index.html" else f"/web/{name}")
            self.assertEqual((200, file.body, file.content_type),
                             (answer.status, answer.body, answer.headers["content-type"]))
            self.assert_guarded(answer)
            head = self.ask("HEAD", "/" if name == "index.html" else f"/web/{name}")
            self.assertEqual((200, b""), (head.status, head.body))

    def test_events_are_read_on_and_on(self) -> None:
        self.ring.append([line(1), line(2)])
        answer = self.ask("GET", "/events?since=0&wait=20")
        self.assert_guarded(answer)
        self.assertEqual("application/json", answer.headers["content-type"])
        first = answer.json
        self.assertEqual(([1, 2], 1, 3, False), ([event["s"] for event in first["events"]],
                                                 first["first"], first["next"], first["replay"]))
        self.assertEqual([], self.ask("GET", "/events?since=3&wait=0.01").json["events"])
        threading.Timer(0.05, self.ring.append, [[line(3)]]).start()
        second = self.ask("GET", "/events?since=3&wait=20").json
        self.assertEqual([3], [event["s"] for event in second["events"]])
        self.assertEqual(first["life"], second["life"])

    def test_another_site_has_another_life(self) -> None:
        other = Site(Ring(), {})
        self.addCleanup(other.close)
        other.start()
        self.assertNotEqual(self.ask("GET", "/events?since=0").json["life"],
                            ask(other.address, "GET", "/events?since=0").json["life"])

    def test_a_page_that_goes_away_lets_go(self) -> None:
        with socket.create_connection(self.address, PATIENCE_S) as connection:
            connection.sendall(f"GET /events?since=1&wait=25 HTTP/1.1\r\nHost: 127.0.0.1:"
                               f"{self.address[1]}\r\n\r\n".encode())
            self.until(lambda: self.ring.readers == 1)
        self.until(lambda: self.ring.readers == 0)

    def until(self, holds: Any) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not holds():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)

    def test_the_end_of_the_page_ends_its_long_polls(self) -> None:
        answers: list[int] = []
        poll = threading.Thread(target=lambda: answers.append(
            self.ask("GET", "/events?since=1&wait=25").status))
        poll.start()
        self.until(lambda: self.ring.readers == 1)
        began = time.monotonic()
        self.site.close()
        poll.join(PATIENCE_S)
        self.assertEqual([200], answers)
        self.assertLess(time.monotonic() - began, 10)

    def test_what_is_saved_is_one_file_with_all_events(self) -> None:
        self.ring.append([line(1), line(2, who=EVIL)])
        answer = self.ask("GET", "/save")
        self.assertEqual(200, answer.status)
        self.assertRegex(answer.headers["content-disposition"],
                         r'\Aattachment; filename="ponte-[0-9-]+\.html"\Z')
        self.assertEqual(EVIL, events_in(Page(answer.body).recording)[1]["who"])

    def test_a_saved_page_says_that_older_events_were_dropped(self) -> None:
        """And what still holds of them."""
        ring = Ring(max_events=2)
        ring.append([line(1, k="proc", who=EVIL), line(2), line(3)])
        site = Site(ring, {})
        self.addCleanup(site.close)
        site.start()
        found = Page(ask(site.address, "GET", "/save").body).recording
        self.assertEqual((2, 2, True, [EVIL]), (found["count"], found["first"], found["dropped"],
                                                [event["who"] for event in found["standing"]]))
        shown = ask(site.address, "GET", "/events?since=0").json
        self.assertEqual(([1], [2, 3]), tuple([event["s"] for event in shown[part]]
                                              for part in ("standing", "events")))
        self.assertEqual([], ask(site.address, "GET", "/events?since=2").json["standing"])


class Doing(Case):
    def test_a_command_is_carried_out(self) -> None:
        command = {"what": "kill", "who": "server-2", "ms": 5}
        answer = self.do(command)
        self.assertEqual((200, {"ok": True}), (answer.status, answer.json))
        self.assertEqual([command], self.done)
        self.assert_guarded(answer)

    def test_the_page_learns_what_it_may_do(self) -> None:
        answer = self.do({"what": "commands"})
        self.assertEqual(["break", "kill", "refuse"], answer.json["commands"])

    def test_why_a_command_cannot_be_is_one_line(self) -> None:
        answer = self.do({"what": "refuse"})
        self.assert_refused(answer, 400, "refused")
        self.assertEqual("there is no server-9 here", answer.json["error"])

    def test_a_refusal_brings_a_word_and_values_for_the_language_of_the_page(self) -> None:
        def refuse(command: Mapping[str, Any]) -> None:
            error = ValueError("server-2 does not run")
            vars(error).update(code="not running", values={"who": "server-2", "most": 8})
            raise error

        self.commands["refuse"] = refuse
        answer = self.do({"what": "refuse"})
        self.assert_refused(answer, 400, "not running")
        self.assertEqual({"who": "server-2", "most": 8}, answer.json["values"])

    def test_a_mistake_of_ours_is_not_shown(self) -> None:
        with self.assertLogs("ponte.serving", "ERROR"):
            answer = self.do({"what": "break"})
        self.assertEqual(500, answer.status)
        self.assertNotIn(b"secret", answer.body)

    def test_a_command_that_blocks_keeps_nobody_waiting(self) -> None:
        begun, ends = threading.Event(), threading.Event()
        self.addCleanup(ends.set)

        def block(command: Mapping[str, Any]) -> None:
            begun.set()
            ends.wait(PATIENCE_S)

        self.commands["block"] = block
        other = threading.Thread(target=self.do, args=({"what": "block"},))
        other.start()
        self.assertTrue(begun.wait(PATIENCE_S))
        self.assertEqual(200, self.ask("GET", "/").status)
        self.assertEqual(200, self.do({"what": "kill"}).status)
        ends.set()
        other.join()


class Guarding(Case):
    """One test for each line of the list in docs/security.md."""

    def test_another_host_gets_nothing(self) -> None:
        """DNS rebinding: a foreign name that leads here."""
        port = self.address[1]
        for host in ("evil.example", f"evil.example:{port}", "127.0.0.1", "localhost",
                     f"127.0.0.1:{port + 1}", f"localhost.evil.example:{port}", f"[::1]:{port}",
                     f"0.0.0.0:{port}", f"127.1:{port}", f"127.0.0.1.:{port}"):
            for method, target in (("GET", "/"), ("GET", "/events?since=0"), ("GET", "/save"),
                                   ("POST", "/do")):
                with self.subTest(host, target=target):
                    self.assert_refused(self.ask(method, target, {
                        "Host": host, "Ponte-Token": self.site.token,
                        "Content-Type": "application/json"}, b'{"what":"kill"}'), 421, "host")
        for host in (f"localhost:{port}", f"LOCALHOST:{port}"):
            self.assertEqual(200, self.ask("GET", "/", {"Host": host}).status)

    def test_a_request_without_host_gets_nothing(self) -> None:
        self.assertEqual(400, self.ask("GET", "/", {"Host": None}).status)
        with socket.create_connection(self.address, PATIENCE_S) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            self.assertIn(b" 421 ", connection.recv(65536))

    def test_another_page_can_do_nothing(self) -> None:
        port = self.address[1]
        for origin in ("http://evil.example", "null", "", "http://127.0.0.1", "file://",
                       f"https://127.0.0.1:{port}", f"http://localhost:{port}",
                       f"http://127.0.0.1:{port}.evil.example", f"http://127.0.0.1:{port + 1}"):
            with self.subTest(origin):
                self.assert_refused(self.do({"what": "kill"}, Origin=origin), 403, "origin")
                self.assert_refused(self.ask("GET", "/events?since=0", {"Origin": origin}),
                                    403, "origin")
        self.assertEqual(200, self.do({"what": "kill"}, Origin=f"http://127.0.0.1:{port}").status)
        self.assertEqual(200, self.do({"what": "kill"}, Origin=f"http://localhost:{port}",
                                      Host=f"localhost:{port}").status)

    def test_what_a_browser_says_of_another_page_is_believed(self) -> None:
        for said in ("cross-site", "same-site"):
            for target in ("/events?since=0", "/save", "/web/style.css"):
                self.assert_refused(self.ask("GET", target, {"Sec-Fetch-Site": said}),
                                    403, "origin")
            self.assert_refused(self.do({"what": "kill"}, Sec_Fetch_Site=said), 403, "origin")
            # A link to the page is welcome.
            self.assertEqual(200, self.ask("GET", "/", {"Sec-Fetch-Site": said}).status)
        self.assertEqual(200, self.do({"what": "kill"}, Sec_Fetch_Site="same-origin").status)

    def test_nothing_is_done_without_the_token(self) -> None:
        for token in (None, "", "x", self.site.token[:-1], self.site.token + "x",
                      self.site.token.swapcase(), "\xe9" * 22):
            with self.subTest(token):
                self.assert_refused(self.do({"what": "kill"}, token=token), 401, "token")
                self.assert_refused(self.do({"what": "commands"}, token=token), 401, "token")

    def test_the_token_stands_in_the_fragment_alone(self) -> None:
        """Which no browser sends; and in no answer."""
        self.assertEqual(f"http://127.0.0.1:{self.address[1]}/#token={self.site.token}",
                         self.site.url)
        self.assertGreaterEqual(len(self.site.token), 20)
        self.ring.append([line(1)])
        for target in ("/", "/events?since=0", "/save"):
            self.assertNotIn(self.site.token.encode(), self.ask("GET", target).body)
        self.assert_refused(do(self.address, None, {"what": "kill", "token": self.site.token}),
                            401, "token")

    def test_a_command_is_json_of_its_own_type(self) -> None:
        """A form of another page can send text/plain, and no JSON without being asked first."""
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "",
                     None, "application/jsonx"):
            self.assert_refused(self.do({"what": "kill"}, Content_Type=kind), 415, "type")
        self.assertEqual(200, self.do({"what": "kill"},
                                      Content_Type="application/json; charset=utf-8").status)

    def test_a_name_that_is_not_ours_is_no_command(self) -> None:
        for name in ("", "nothing", "Kill", "kill ", "__class__", "kill\x00", "../kill", EVIL):
            self.assert_refused(self.do({"what": name}), 404, "command")

    def test_garbage_is_refused(self) -> None:
        headers = {"Content-Type": "application/json", "Ponte-Token": self.site.token}
        for body in (b"", b"kill", b"[]", b"7", b"null", b'"kill"', b"{}", b'{"what":7}',
                     b'{"what":null}', b'{"what":["kill"]}', b'{"what":"kill"', b"\xff\xfe\x00",
                     b'{"what":"kill","ms":NaN}', b'{"what":"kill","ms":1e999}', b"[" * 16_000,
                     rb'{"what":"kill","who":"\ud800"}', rb'{"what":"kill","a":[{"\udfff":1}]}',
                     b'{"what":"kill","ms":{"a":-Infinity}}', b'{"what":"kill","ms":[1e999]}'):
            with self.subTest(body[:40]):
                self.assert_refused(self.ask("POST", "/do", headers, body), 400, "body")

    def test_a_command_that_is_too_long_is_refused(self) -> None:
        self.assert_refused(self.do({"what": "kill", "who": "x" * MAX_COMMAND_BYTES}),
                            413, "length")
        answer = self.ask("POST", "/do", {"Content-Length": str(10 ** 9)})
        self.assertEqual(413, answer.status)
        self.assertEqual([], self.done)

    def test_each_path_takes_its_method_alone(self) -> None:
        for method in ("GET", "HEAD", "PUT", "DELETE", "OPTIONS"):
            answer = self.ask(method, "/do", {"Ponte-Token": self.site.token})
            self.assertEqual((405, "POST"), (answer.status, answer.headers["allow"]))
        for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
            for target in ("/", "/events?since=0", "/save", "/web/style.css"):
                answer = self.ask(method, target)
                self.assertEqual((405, "GET, HEAD"), (answer.status, answer.headers["allow"]))
        for method, target in (("OPTIONS", "*"), ("CONNECT", f"127.0.0.1:{self.address[1]}")):
            self.assertEqual(405, self.ask(method, target).status)

    def test_nothing_but_the_files_of_the_page_is_served(self) -> None:
        for target in ("/web/../site.py", "/web/..%2fsite.py", "/web/%2e%2e/site.py", "/../demo.py",
                       "/web/../../demo.py", "/web/", "/web", "/web/index.html/", "//etc/passwd",
                       "/web//etc/passwd", "/web/.", "/web/..", "/site.py", "/demo.py", "/web/x.js",
                       "/web/phone.html", "/web/style.css%00.js", "/web/C:\\Windows\\win.ini",
                       "/web/..\\site.py", "/%77eb/style.css", "/?x=1", "/save?x", "/web/fold.js?x",
                       "/favicon.ico", "/events/", "/do/", "/status", "/health", "/index.html"):
            with self.subTest(target):
                self.assert_refused(self.ask("GET", target), 404, "path")

    def test_a_strange_question_for_events_is_refused(self) -> None:
        for query in ("", "?", "?since=", "?since=-1", "?since=1.5", "?since=x", "?wait=1",
                      "?since=0&wait=", "?since=0&wait=26", "?since=0&wait=-1", "?since=0&wait=1e9",
                      "?since=0&wait=nan", "?since=0&since=1", "?since=0&x=1", "?since=%30",
                      "?since=9999999999999999"):
            with self.subTest(query):
                answer = self.ask("GET", f"/events{query}")
                self.assertEqual(400, answer.status)

    def test_what_an_event_says_is_data(self) -> None:
        """In the name of an instance, of a method, of a service: live, and in a saved page."""
        for field in ("p", "who", "method", "service", "why"):
            self.ring.append([line(self.ring.next, **{field: EVIL})])
        events = self.ask("GET", "/events?since=0")
        self.assertEqual("application/json", events.headers["content-type"])
        self.assertEqual([EVIL] * 5, [event[field] for event, field in zip(
            events.json["events"], ("p", "who", "method", "service", "why"))])
        saved = self.ask("GET", "/save").body.decode()
        scripts = len(re.findall(r"<script", saved))
        self.assertEqual(scripts, len(re.findall(r"</script>", saved)))
        self.assertNotIn("alert(1)", saved)
        # No answer repeats what was asked, either.
        for answer in (self.do({"what": EVIL}), self.ask("GET", "/web/%3Cscript%3Ealert(1)")):
            self.assertNotIn(b"alert", answer.body)

    def test_it_listens_on_this_machine_alone(self) -> None:
        self.assertEqual("127.0.0.1", self.address[0])
        self.assertEqual("127.0.0.1", site_module.HOST)

    def test_no_script_stands_in_the_page_itself(self) -> None:
        page = Page(load()["index.html"].body)
        self.assertEqual([""] * len(page.texts), [text.strip() for _, text in page.texts])


if __name__ == "__main__":
    unittest.main()
