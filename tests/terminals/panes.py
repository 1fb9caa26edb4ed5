"""The roles of the lesson in six panes of 59x11, and in terminals of 80x24: nothing wraps."""

from __future__ import annotations

import re
import unittest

from tests.system.harness import free_port
from tests.terminals.session import Session

# In Portuguese the lines are longer.
SIZES = ((59, 11, "pt", "processo"), (80, 24, "en", "process"))


class Panes(unittest.TestCase):
    def test_nothing_wraps(self) -> None:
        """Not the banners, nor the counters, nor a crash, a freeze and the end of a client."""
        for columns, rows, language, process in SIZES:
            with self.subTest(columns=columns, language=language):
                self.plays_a_lesson(columns, rows, language, process)

    def plays_a_lesson(self, columns: int, rows: int, language: str, process: str) -> None:
        where = f"127.0.0.1:{free_port()}"
        registry = self.start("registry", "--port", where.split(":")[1], size=(columns, rows),
                              language=language)
        registry.wait_for_text("listening on")
        options = ["--registry", where]
        servers = [self.start("server", f"server-{number}", *options, size=(columns, rows),
                              language=language) for number in (1, 2, 3)]
        proxy = self.start("proxy", "--port", "0", "--name", "proxy-1", *options,
                           size=(columns, rows), language=language)
        for role in (registry, *servers, proxy):
            role.wait_for_text(f"{process} {role.pid}")
        registry.wait_for(lambda screen: screen.history().count("greeter/server-") == 3,
                          "three servers")
        client = self.start("client", "--every", "0.1", *options, size=(columns, rows),
                            language=language)
        client.wait_for_text("server-2 via proxy-1")
        # A crash, and what the proxy did about it.
        servers[1].kill()
        client.wait_for(lambda screen: re.search(r"server-2: \w", screen.history()),
                        "the attempt that failed")
        registry.wait_for(lambda screen: "expired" in screen.history(), "the end of the lease")
        # Each role shows its counters by now.
        for role in (registry, servers[0], proxy):
            role.wait_for(lambda screen: re.match("[♥●] ", screen.text().splitlines()[-1]),
                          "counters")
        client.press(b"\x03")
        self.assertEqual(0, client.wait(), client.text())
        self.assertRegex(client.text(), r"server-1 +█+░* \d+")
        for role in (registry, *servers, proxy, client):
            # A command stays whole, for readers who copy it.
            self.assertEqual([], [line for line in role.screen.wrapped
                                  if "demo.py" not in line], role.screen.history())
            role.__exit__()

    def start(self, *words: str, size: tuple[int, int], language: str) -> Session:
        session = Session(["demo.py", *words, "--lang", language], *size)
        self.addCleanup(session.__exit__)
        return session
