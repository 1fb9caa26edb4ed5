"""GET /health, /status and /metrics, the same for registry, server and proxy."""

from __future__ import annotations

import json
import time
import unittest
from unittest import mock

from ponte.net.message import Reply, Request
from ponte.process import pages
from ponte.process.measures import COUNTER, GAUGE, Family, labelled, number
from ponte.process.pages import Json, page
from tests.exposition import read

FAMILIES = {"server": (Family("ponte_server_running", GAUGE, "Calls.", number("running")),
                       Family("ponte_server_requests_total", COUNTER, "Requests.",
                              labelled("name", "requests")))}


def own_status() -> dict[str, Json]:
    return {"name": "a", "running": 2, "share": 0.5, "list": [1],
            "requests": {"calls": 7, "x\ud800": 3}}


class Pages(unittest.TestCase):
    """What each page shows, and to which requests."""

    def request(self, method: str, target: str) -> Reply | None:
        with mock.patch.object(pages, "FAMILIES", FAMILIES):
            return page(Request(method, target, {}, b""), "server", own_status)

    def reply_to(self, method: str, target: str) -> Reply:
        """The reply to a request that is for a page."""
        reply = self.request(method, target)
        assert reply
        return reply

    def test_health(self) -> None:
        """200 while the process answers at all."""
        self.assertEqual(self.reply_to("GET", "/health"),
                         Reply(200, {"Content-Type": "text/plain; charset=utf-8"}, b"ok\n"))

    def test_status_is_json(self) -> None:
        """All of it, and what every process knows of itself."""
        reply = self.reply_to("GET", "/status")
        self.assertEqual(reply.headers["Content-Type"], "application/json; charset=utf-8")
        shown = json.loads(reply.body)
        self.assertEqual({key: shown.pop(key) for key in own_status()}, own_status())
        self.assertEqual(shown.pop("thread_deaths"), 0)
        self.assertGreaterEqual(shown.pop("threads"), 1)
        self.assertLess(abs(time.time() - shown.pop("started_at")), 3600)
        self.assertGreater(shown.pop("cpu_s"), 0)
        self.assertEqual(shown, {})

    def test_metrics_are_the_families_of_the_role(self) -> None:
        """Read from the status, in the Prometheus text format. No text can break the page."""
        reply = self.reply_to("GET", "/metrics")
        self.assertEqual(reply.headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
        found = read(reply.body.decode())
        self.assertEqual(set(found), {"ponte_server_running", "ponte_server_requests_total"})
        self.assertEqual(found["ponte_server_running"].value(), 2)
        self.assertEqual(found["ponte_server_requests_total"].value(name="calls"), 7)
        self.assertEqual(found["ponte_server_requests_total"].value(name="x?"), 3)

    def test_no_process_is_a_tunnel(self) -> None:
        """405 for CONNECT, whose target is an address."""
        reply = self.reply_to("CONNECT", "a:443")
        self.assertEqual(reply.status, 405)
        self.assertEqual(reply.headers["Allow"], "GET, POST")

    def test_a_process_may_be_asked_what_it_takes(self) -> None:
        """405 for "OPTIONS *", with all methods of all its pages and calls."""
        reply = self.reply_to("OPTIONS", "*")
        self.assertEqual(reply.status, 405)
        self.assertEqual(reply.headers["Allow"], "GET, HEAD, POST")

    def test_a_query_and_a_slash_at_the_end_are_passed_over(self) -> None:
        """So are escapes of characters that need none."""
        for target in ("/health/", "/health?", "/health?x=1", "/health/?x=/y", "/%68ealth",
                       "/health//"):
            self.assertEqual(self.reply_to("GET", target).body, b"ok\n", target)
            self.assertEqual(self.reply_to("PUT", target).headers["Allow"], "GET, HEAD", target)
        for target in ("/health%2F", "/health%3Fx", "/healthy", "/health/x", "/x/health",
                       "//health", "/%2568ealth", "/health;x", "/%"):
            self.assertIsNone(self.request("GET", target), target)

    def test_pages_are_read_with_get_and_head(self) -> None:
        """405 with Allow for every other method."""
        for target in ("/health", "/status", "/metrics"):
            reply, head = self.reply_to("GET", target), self.reply_to("HEAD", target)
            self.assertEqual((reply.status, reply.headers), (head.status, head.headers))
            reply = self.reply_to("POST", target)
            self.assertEqual(reply.status, 405)
            self.assertEqual(reply.headers["Allow"], "GET, HEAD")

    def test_other_paths_are_not_pages(self) -> None:
        self.assertIsNone(self.request("GET", "/greeter"))
        self.assertIsNone(self.request("POST", "/healthy"))


if __name__ == "__main__":
    unittest.main()
