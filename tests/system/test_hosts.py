"""What stories with several hosts rely on. The stories themselves: python3 -m tests.hosts"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import unittest

from tests.hosts.lan import MISSING, NETWORK, SILENT, heal, part
from tests.hosts.stage import Stage
from tests.hosts.tell import Story, Telling
from tests.netns.namespaces import NoNamespaces, exit_code_of_skipped, ip, need_root
from tests.system.harness import ROOT, START_S, Process, wait_until
from tests.windows import windows_cannot

# Prints the addresses of a name.
LOOK_UP = ("import socket; print(*(each[4][0] for each in socket.getaddrinfo('a.test', 1, type=1)),"
           " flush=True)")


@windows_cannot("it has no network namespaces")
class Hosts(unittest.TestCase):
    def setUp(self) -> None:
        try:
            need_root()
        except NoNamespaces as error:
            if exit_code_of_skipped():
                raise
            raise unittest.SkipTest(f"needs network namespaces: {error}") from None

    def stage(self) -> Stage:
        stage = Stage(time.monotonic() + START_S)
        self.addCleanup(stage.close)
        return stage

    def test_each_host_has_names_of_its_own_also_for_programs_that_run(self) -> None:
        stage = self.stage()
        one, two = stage.hosts("one", "two")
        one.know("a.test", "10.0.0.1", "10.0.0.2")
        two.know("a.test", "10.0.0.3")
        asker = stage.start(one, "-c", f"import time\nwhile True: {LOOK_UP}; time.sleep(0.02)")
        stage.wait_for_line(asker, "10.0.0.1 10.0.0.2\n", START_S)
        one.know("a.test", "10.0.0.4")
        stage.wait_for_line(asker, "10.0.0.4\n", START_S)
        other = stage.start(two, "-c", LOOK_UP)
        self.assertEqual(stage.wait_for_end(other, START_S), 0)
        self.assertEqual(other.out, "10.0.0.3\n")
        with open("/etc/hosts", encoding="utf-8") as file:
            self.assertNotIn("a.test", file.read())

    def test_a_part_is_silent_and_heals(self) -> None:
        stage = self.stage()
        one, two = stage.hosts("one", "two")
        server = stage.start(two, "-c", "import socket; s = socket.create_server(('', 4100)); "
                             "print('listens', flush=True); input()")
        stage.wait_for_line(server, "listens", START_S)
        one.connect((two.address, 4100), 1).close()
        with self.assertRaises(ConnectionRefusedError):
            one.connect((two.address, 4101), 1)
        part([one], [two])
        for address in (two.address, two.address6, SILENT):
            with self.assertRaises(socket.timeout):
                one.connect((address, 4100), 0.1)
        heal([one], [two])
        one.connect((two.address, 4100), 1).close()
        # For an address that nobody has, the system looks for a while.
        with self.assertRaises(socket.timeout):
            one.connect((MISSING, 4100), 0.1)
        # The machine itself knows nothing of it.
        self.assertNotIn(f" {NETWORK}.", ip("addr"))
        self.assertNotIn("br0", ip("link"))

    def test_a_story_that_breaks_says_so_with_its_log_and_nothing_is_left(self) -> None:
        lines: list[str] = []

        def breaks(stage: Stage) -> None:
            [one] = stage.hosts("one")
            stage.expect_value(one, "--timeout 0.1 greeter hello Hello", "World")

        def lasts(stage: Stage) -> None:
            stage.wait_until(lambda: False, 60, "nothing")

        broken = Telling(lines.append).run([
            Story("holds", lambda stage: None), Story("breaks", breaks),
            Story("lasts", lasts, deadline_s=0.2)])
        self.assertEqual(sorted(broken), ["breaks", "lasts"])
        text = "\n".join(sorted(line[9:] for line in lines))
        self.assertRegex(text, r"(?s)BROKEN breaks: client.py.*-- one.*no registry answers.*"
                         r"BROKEN lasts: the story took too long.*holds  holds")
        self.assertNotIn(f"ponte-{os.getpid()}-", ip("netns", "list"))

    def test_sigterm_ends_the_stories_and_removes_the_namespaces(self) -> None:
        teller = Process(["-m", "tests.hosts", "who-slept"])
        self.addCleanup(teller.close)
        mine = f"ponte-{teller.pid}-"
        wait_until(lambda: ip("netns", "list").count(mine) >= 8, START_S, "namespaces are there")
        teller.signal(signal.SIGTERM)
        self.assertEqual(teller.wait(START_S), 130)
        self.assertNotIn(mine, ip("netns", "list"))
        self.assertNotIn("Traceback", teller.err)


class WithoutNamespaces(unittest.TestCase):
    def test_a_skip_is_a_failure_where_ci_is_true(self) -> None:
        for module in ("tests.hosts", "tests.netns"):
            for ci, code in (("", 0), ("true", 1)):
                # Without a PATH there is no command `ip`.
                done = subprocess.run([sys.executable, "-S", "-m", module], cwd=ROOT, check=False,
                                      env={**os.environ, "PATH": "/nowhere", "CI": ci},
                                      capture_output=True, text=True)
                self.assertEqual(done.returncode, code, done.stdout + done.stderr)
                self.assertIn("skipped, this machine allows no network namespaces", done.stdout)


if __name__ == "__main__":
    unittest.main()
