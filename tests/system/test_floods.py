"""Floods: no server that beats is taken off the list, however many lookups and datagrams arrive."""

from __future__ import annotations

import json
import threading
import unittest
import urllib.request

from ponte.discovery.beats import LEASE_S
from ponte.net.address import show
from tests.system.cluster import SystemTest
from tests.system.harness import Process

# A program, so that a flood shares no interpreter with this test. It ends with its standard input.
FLOOD = """
import os, socket, sys, threading
kind, host, port = sys.argv[1:]
ended = threading.Event()
def flood():
    while not ended.is_set():
        try:
            if kind == "datagrams":
                with socket.socket(type=socket.SOCK_DGRAM) as udp:
                    for n in range(1000):
                        udp.sendto(os.urandom(n), (host, int(port)))
            else:
                body = (b"<methodCall><methodName>lookup</methodName>"
                        b"<params><param><value>*</value></param></params></methodCall>")
                head = (b"POST /registry HTTP/1.1\\r\\nHost: a\\r\\n"
                        b"Content-Length: %d\\r\\n\\r\\n" % len(body))
                with socket.create_connection((host, int(port)), 5) as tcp:
                    for n in range(1000):
                        tcp.sendall(head + body)
                        tcp.recv(65536)
        except OSError:
            pass
for _ in range(1 if kind == "datagrams" else 16):
    threading.Thread(target=flood, daemon=True).start()
print("flooding", flush=True)
sys.stdin.read()
ended.set()
"""


class Floods(SystemTest):
    """A registry, a server that beats to it, and two floods, for longer than a lease."""

    def test_no_lease_expires(self) -> None:
        """The server is always on the list; the registry counts the garbage, and answers lookups.

        Where the floods fill every core, the server may be suspect for a moment: one beat may be
        lost, but not four in a row.
        """
        registry = self.cluster.start_registry()
        self.cluster.start_servers("services/greeter.py", "steady")
        for kind in ("lookups", "datagrams"):
            self._flood(registry, kind)
        pause = threading.Event()
        for _ in range(12):
            pause.wait(LEASE_S / 10)
            self.assertEqual(self.cluster.names("greeter"), ["steady"])
        self.assertNotRegex(registry.err, "expired")
        self.assertGreater(self._garbage(registry), 1000)

    def _flood(self, registry: Process, kind: str) -> None:
        host, port = registry.address
        flood = self.cluster.start("-c", FLOOD, kind, host, str(port))
        flood.wait_for_line("flooding", 10)

    def _garbage(self, registry: Process) -> int:
        """How many datagrams were not beats."""
        with urllib.request.urlopen(f"http://{show(registry.address)}/status", timeout=10) as page:
            counts = json.load(page)["datagrams"]
        return sum(count for reason, count in counts.items() if reason != "ack")


if __name__ == "__main__":
    unittest.main()
