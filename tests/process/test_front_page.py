"""GET / shows people the state of a process, in their language, and nothing that is not so."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import re
import time
import unittest
from html.parser import HTMLParser
from typing import Any

from ponte.net.message import Request
from ponte.process.front_page import PORTUGUESE, front_page, preferred
from ponte.process.pages import page
from proxy import Proxy
from registry import Registry
from server import Server

EVIL = '</script><b onclick="x">&amp;'


class Texts(HTMLParser):
    """What a reader sees of a page: the texts of its cells, and all its texts."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.tags: list[str] = []
        self.text = ""
        self._is_in_cell = False
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
            self._is_in_cell = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._is_in_cell = False

    def handle_data(self, data: str) -> None:
        if "style" not in self.tags[-1:]:
            self.text += data
        if self._is_in_cell:
            self.rows[-1][-1] += data


def status_of_server(**changes: Any) -> dict[str, Any]:
    """The /status of a server that nobody has called."""
    server = Server("greeter", {"hello": lambda text: "World"}, registries=(), name="s-1")
    with contextlib.closing(server):
        return {**server.status(), "started_at": time.time() - 65, **changes}


def shown(role: str, status: dict[str, Any], language: str = "") -> Texts:
    return Texts(front_page(role, status, language).body.decode())


class FrontPage(unittest.TestCase):
    def test_a_server_shows_its_calls(self) -> None:
        durations = {"hello": {"count": 4, "sum_s": 0.01, "within_s": {}}}
        found = shown("server", status_of_server(durations=durations, faults=3))
        self.assertIn(["hello", "4", "2.5 ms"], found.rows)
        self.assertIn(["calls that ended in a fault", "3"], found.rows)
        self.assertIn("It serves greeter. It is up.", found.text)
        self.assertIn("running for 1 min 5 s", found.text)

    def test_a_proxy_shows_its_servers(self) -> None:
        with contextlib.closing(Proxy(port=0, registries=(), name="p-1")) as proxy:
            status: dict[str, Any] = {**proxy.status(), "started_at": time.time()}
        status["services"] = {"greeter": [{
            "instance": "s-1", "state": "suspect", "calls": 2, "calls_total": 9,
            "failures_total": 1, "quarantined": True}]}
        status["requests"]["retries"] = 5
        found = shown("proxy", status)
        self.assertIn(["s-1", "greeter", "? suspect", "2", "9", "1", "yes"], found.rows)
        self.assertIn(["attempts beyond the first", "5"], found.rows)

    def test_a_registry_shows_who_is_alive(self) -> None:
        with contextlib.closing(Registry(port=0)) as registry:
            status: dict[str, Any] = {**registry.status(), "started_at": time.time()}
        self.assertIn("Who is alive: nobody", shown("registry", status).text)
        self.assertIn("It has just started", shown("registry", status).text)
        status["endpoints"] = [{"instance": "s-1", "service": "greeter", "state": "draining",
                                "host": "::1", "port": 7}]
        self.assertIn(["s-1", "greeter", "◐ draining", "[::1]:7"], shown("registry", status).rows)

    def test_it_speaks_the_language_of_the_browser(self) -> None:
        found = shown("server", status_of_server(), "pt-BR,pt;q=0.9,en;q=0.8")
        self.assertIn("Ele serve greeter. Estado: no ar.", found.text)
        self.assertIn("Calls by function", shown("server", status_of_server(), "en").text)

    def test_the_first_wish_of_the_browser_counts(self) -> None:
        for wish, language in (("", "en"), ("*", "en"), ("pt", "pt-BR"), ("PT-pt", "pt-BR"),
                               ("en;q=0.4, pt;q=0.6", "pt-BR"), ("en, pt", "en"),
                               ("pt;q=0, en", "en"), ("pt;q=x", "en"), ("pt;q=nan", "en"),
                               ("\x00,,;q=1," * 50, "en"), ("fr, pt;q=0.1", "pt-BR"),
                               ("x," * 10_000 + "pt", "en")):
            self.assertEqual(preferred(wish), language, wish[:40])

    def test_names_are_texts(self) -> None:
        """No name of a service, a server or a function becomes markup, and none is translated."""
        durations = {EVIL: {"count": 1, "sum_s": 1, "within_s": {}},
                     "calls": {"count": 2, "sum_s": 1, "within_s": {}}}
        for language in ("en", "pt"):
            found = shown("server", status_of_server(instance=EVIL, service=EVIL,
                                                     durations=durations), language)
            self.assertLessEqual({"script", "b"} & set(found.tags), set())
            self.assertEqual([row[0] for row in found.rows if row[0] in durations],
                             [EVIL, "calls"])

    def test_nothing_but_its_own_style_may_be_loaded(self) -> None:
        reply = front_page("server", status_of_server())
        policy = reply.headers["Content-Security-Policy"]
        style = re.search("<style>(.*)</style>", reply.body.decode(), re.DOTALL)
        assert style
        digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
        self.assertIn("default-src 'none'", policy)
        self.assertIn(f"'sha256-{digest}'", policy)
        self.assertNotIn("<script", reply.body.decode())

    def test_every_text_is_translated(self) -> None:
        """A page in Portuguese is made of the table alone: a text that is missing raises."""
        with contextlib.closing(Registry(port=0)) as registry, \
                contextlib.closing(Proxy(port=0, registries=(), name="p-1")) as proxy:
            for role, status in (("registry", registry.status()), ("proxy", proxy.status()),
                                 ("server", status_of_server())):
                front_page(role, {**status, "started_at": time.time()}, "pt")
        for english, portuguese in PORTUGUESE.items():
            self.assertEqual(re.findall("{[a-z]+}", english), re.findall("{[a-z]+}", portuguese))

    def test_it_is_read_and_a_call_goes_on(self) -> None:
        """GET and HEAD show it; a POST to / is for the function that is called."""
        for method in ("GET", "HEAD"):
            for target in ("/", "/?x=1", "//"):
                found = page(Request(method, target, {}, b""), "server", status_of_server)
                self.assertEqual(found and found.status, 200, (method, target))
        for method in ("POST", "PUT", "DELETE"):
            self.assertIsNone(page(Request(method, "/", {}, b""), "server", status_of_server))


if __name__ == "__main__":
    unittest.main()
