"""The measurements run, count errors as errors, and leave no process behind."""

from __future__ import annotations

import errno
import functools
import socket
import subprocess
import sys
import unittest

from bench import reverse, wrk
from bench.processes import ROOT, Stage
from ponte.net.address import show
from tests.system.harness import START_S, Process, wait_until

# A program that listens, and does not end when its standard input does.
LISTENER = """
import socket, time
listener = socket.create_server(("127.0.0.1", 0))
print("listening on 127.0.0.1:%d" % listener.getsockname()[1], flush=True)
time.sleep(60)
"""
# A measurement that starts LISTENER and a registry, and then hangs.
PARENT = """
import sys, time
from bench.processes import LISTENS, Stage
stage = Stage()
ours = stage.registry()
other = stage.python("-m", "bench.leash", sys.executable, "-c", sys.argv[1], banner=LISTENS)
print("started", ours.address[1], other.address[1], flush=True)
time.sleep(60)
"""


class Processes(unittest.TestCase):
    def test_our_load_and_ponte_agree_on_every_call(self) -> None:
        """A load on a server and on a proxy counts calls, and no error."""
        with Stage() as stage:
            registry = stage.registry()
            server = stage.server("server-1", [registry])
            proxy = stage.proxy("proxy-1", registry)
            for member in (server, proxy):
                url = f"http://{show(member.address)}/greeter"
                reverse.wait_until_serves(url)
                sample = wrk.by_ours(url, 4, 0.2)
                self.assertGreater(sample.calls_per_s, 0)
                self.assertEqual(sample.errors, 0)
                self.assertLessEqual(sample.p50_ms, sample.p99_ms)

    def test_what_is_no_call_counts_as_an_error(self) -> None:
        """A reply 404 is an error, not a call."""
        with Stage() as stage:
            registry = stage.registry()
            sample = wrk.by_ours(f"http://{show(registry.address)}/nothing", 1, 0.1)
            self.assertEqual(sample.calls_per_s, 0)
            self.assertGreater(sample.errors, 0)

    def test_a_section_runs_from_the_command_line(self) -> None:
        command = [sys.executable, "-m", "bench", "registry", "--quick", "--seconds", "0.2"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False,
                              timeout=60, stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"\| 10,000 +\|")
        self.assertRegex(done.stdout, r"\| signed beats/s .*(MET|MISSED) \|")

    def test_a_process_ends_when_the_measurement_is_killed(self) -> None:
        """So does a program that is not Ponte's: bench/leash.py ends it."""
        parent = Process(["-c", PARENT, LISTENER])
        self.addCleanup(parent.close)
        started = parent.wait_for_line(r"started (\d+) (\d+)", START_S)
        parent.close()
        for port in map(int, started.groups()):
            wait_until(functools.partial(self.is_free, port), 10, f"nothing listens on {port}")

    @staticmethod
    def is_free(port: int) -> bool:
        with socket.socket() as sock:
            # A listener whose queue is full does not answer: that port is not free either.
            sock.settimeout(0.5)
            return sock.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED


if __name__ == "__main__":
    unittest.main()
