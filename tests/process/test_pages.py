"""GET /health, /status and /metrics, the same for registry, server and proxy."""

from __future__ import annotations

import json
import unittest

from ponte.net.message import Reply, Request
from ponte.process.pages import Json, page


def own_status() -> dict[str, Json]:
    return {"name": "a", "running": 2, "share": 0.5, "list": [1],
            "requests": {"calls": 7, "x": "y"}}


class Pages(unittest.TestCase):
    """What each page shows, and to which requests."""

    def request(self, method: str, target: str) -> Reply | None:
        return page(Request(method, target, {}, b""), "server", own_status)

    def reply_to(self, method: str, target: str) -> Reply:
        """The reply to a request that is for a page."""
        reply = self.request(method, target)
        assert reply
        return reply

    def test_health(self) -> None:
        """200 while the process answers at all."""
        self.assertEqual(self.reply_to("GET", "/health"),
                         Reply(200, {"Content-Type": "text/plain"}, b"ok\n"))

    def test_status_is_json(self) -> None:
        """All of it."""
        reply = self.reply_to("GET", "/status")
        self.assertEqual(reply.headers["Content-Type"], "application/json")
        self.assertEqual(json.loads(reply.body), {**own_status(), "thread_deaths": 0})

    def test_metrics_are_the_numbers_of_the_status(self) -> None:
        """In the Prometheus text format: text and lists are left out."""
        self.assertEqual(self.reply_to("GET", "/metrics").body.decode().splitlines(),
                         ["ponte_server_running 2",
                          "ponte_server_share 0.5",
                          'ponte_server_requests{name="calls"} 7',
                          "ponte_server_thread_deaths 0"])

    def test_no_process_is_a_tunnel(self) -> None:
        """405 for CONNECT, whose target is an address."""
        reply = self.reply_to("CONNECT", "a:443")
        self.assertEqual(reply.status, 405)
        self.assertEqual(reply.headers["Allow"], "GET, POST")

    def test_pages_are_read_with_get(self) -> None:
        """405 with Allow for every other method."""
        for target in ("/health", "/status", "/metrics"):
            reply = self.reply_to("POST", target)
            self.assertEqual(reply.status, 405)
            self.assertEqual(reply.headers["Allow"], "GET")

    def test_other_paths_are_not_pages(self) -> None:
        self.assertIsNone(self.request("GET", "/greeter"))
        self.assertIsNone(self.request("POST", "/healthy"))


if __name__ == "__main__":
    unittest.main()
