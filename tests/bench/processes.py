"""The measurements run, count errors as errors, and leave no process behind.

Half a minute: so it is run by its name, `python3 -m unittest tests.bench.processes`.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import http.server
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import unittest

from bench import attackers, overload, reverse, server, wrk
from bench.earlier import folder_of
from bench.load import HEADERS, NUMBERED, Load
from bench.processes import ROOT, Stage, on_one_core
from bench.proxy import start_cheap_servers
from bench.report import Report
from ponte.calls.once import ORIGINAL, REFUSE, RUN, Memory
from ponte.net.address import show
from ponte.net.windows import refuse_at_once
from tests.system.harness import PATIENCE, START_S, Process, wait_until
from tests.windows import windows_cannot

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
        """A load on a server and on a proxy counts calls of each kind, and no error."""
        with Stage() as stage:
            registry = stage.registry()
            server = stage.server("server-1", [registry])
            proxy = stage.proxy("proxy-1", registry)
            for member in (server, proxy):
                url = f"http://{show(member.address)}/greeter"
                reverse.wait_until_serves(url)
                for kind in HEADERS:
                    with self.subTest(member.command, kind=kind):
                        sample = wrk.by_ours(url, 4, 0.2, kind)
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

    def test_the_load_calls_the_function_that_it_is_told(self) -> None:
        with Stage() as stage:
            file = stage.file("work.py", server.SERVICE)
            child = stage.server("server-1", [stage.registry()], file)
            sample = wrk.by_ours(f"http://{show(child.address)}/work", 2, 0.3, call=("wait", 0.05))
            self.assertEqual(sample.errors, 0)
            self.assertGreater(sample.calls, 0)
            self.assertGreaterEqual(sample.p50_ms, 50)

    def test_what_the_load_calls_may_run_twice_in_every_service(self) -> None:
        """Otherwise a server refuses the load, which says that it may."""
        with Stage() as stage:
            for name, text in (("work", server.SERVICE), ("drips", attackers.SERVICE),
                               ("slow", overload.SERVICE.format(seconds=0))):
                file = stage.file(f"{name}.py", text)
                child = stage.server(f"server-{name}", [stage.registry()], file)
                sample = wrk.by_ours(f"http://{show(child.address)}/{name}", 1, 0.1)
                self.assertEqual((sample.errors, sample.calls > 0), (0, True), name)

    def test_a_proxy_takes_the_replies_of_cheap_servers(self) -> None:
        """They do not say whose they are, as those of Ponte's servers do."""
        with Stage() as stage, contextlib.ExitStack() as beating:
            registry = stage.registry()
            start_cheap_servers(stage, [registry.address], beating)
            url = f"http://{show(stage.proxy('proxy-1', registry).address)}/greeter"
            reverse.wait_until_serves(url)
            for kind in HEADERS:
                sample = wrk.by_ours(url, 1, 0.1, kind)
                self.assertEqual((sample.errors, sample.calls > 0), (0, True), kind)

    def test_a_section_runs_from_the_command_line(self) -> None:
        done = self.run_bench("registry")
        self.assertRegex(done.stdout, r"\| 10,000 +\|")
        self.assertRegex(done.stdout, r"\| signed beats/s .*(MET|MISSED) \|")

    @windows_cannot("it does not tell the bench the processor time of a process")
    def test_calls_that_must_not_run_twice_are_measured_beside_others(self) -> None:
        """Three ways; no error in any; and the time of each process on them."""
        printed = self.run_bench("once").stdout
        for way in ("direct", "threads", "events"):
            self.assertRegex(printed, rf"\| {way} +(\|  *[\d,.]+ ){{3}}\|  +0 \|")
            self.assertRegex(printed, rf"\| calls/s of .* {way} +\| .*(MET|MISSED) \|")
            for role in ("server", "load") if way == "direct" else ("server", "proxy", "load"):
                self.assertRegex(printed, rf"\| {way} · {role} +(\| +[\d,.]+ ){{3}}\|")

    def run_bench(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "bench", "--quick", "--seconds", "0.1", *arguments]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False,
                              timeout=60 * PATIENCE, stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done

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
            refuse_at_once(sock, "127.0.0.1")
            return sock.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED


class EarlierCommits(unittest.TestCase):
    def test_the_roles_start_from_the_folder_of_a_commit_which_is_removed_at_the_end(self) -> None:
        if not shutil.which("git") or not os.path.exists(os.path.join(ROOT, ".git")):
            self.skipTest("needs the command git, and a clone")
        report = Report()
        with folder_of("HEAD", report) as folder:
            assert folder is not None
            with Stage(folder) as stage:
                self.assertIn(os.path.join(folder, "registry.py"), stage.registry().command)
        self.assertFalse(os.path.exists(folder))
        self.assertEqual(report.notes, [])

    def test_without_the_commit_there_is_no_folder_and_a_note_says_so(self) -> None:
        report = Report()
        with folder_of("no-such-commit", report) as folder:
            self.assertIsNone(folder)
        self.assertIn("no-such-commit", str(report.notes))

    def test_a_copy_in_another_folder_stays(self) -> None:
        with folder_of(ROOT, Report()) as folder:
            self.assertEqual(folder, ROOT)
        self.assertTrue(os.path.exists(ROOT))


class OneCore(unittest.TestCase):
    def test_processes_that_start_in_the_block_share_one_core(self) -> None:
        """And those that start after it have all cores again."""
        if sys.platform != "linux":
            self.skipTest("needs Linux, where Ponte chooses its cores")
        before = os.sched_getaffinity(0)
        with on_one_core() as is_one, Stage() as stage:
            self.assertTrue(is_one)
            self.assertEqual(len(os.sched_getaffinity(stage.registry().pid)), 1)
        self.assertEqual(os.sched_getaffinity(0), before)


class StallsOnce(http.server.BaseHTTPRequestHandler):
    """Answers every call at once, but one, for which it stops for STALL_S."""

    STALL_S = 0.3
    protocol_version = "HTTP/1.1"
    calls = 0

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        StallsOnce.calls += 1
        if StallsOnce.calls == 5:
            time.sleep(self.STALL_S)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


class Remembers(http.server.BaseHTTPRequestHandler):
    """Takes numbered calls only, and remembers them as Ponte does; forgets its session once."""

    protocol_version = "HTTP/1.1"
    memory: Memory[None, bytes]
    # One word for each request, in order.
    told: list[str]
    # The highest oldest number that came.
    oldest = 1
    lock = threading.Lock()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.lock:
            action = self.look(body)
            self.told.append(action)
            if len(self.told) == 20:
                self.memory.drop_session()
            new = self.memory.open() if action is REFUSE else ""
        self.send_response(200 if action is RUN else 503)
        if new:
            self.send_header("Call-Session", new)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def look(self, body: bytes) -> str:
        if self.headers["Call-Session"] == "new":
            assert not body and "Call-Number" not in self.headers
            return REFUSE
        number, oldest = map(int, self.headers["Call-Number"].split("-"))
        Remembers.oldest = max(Remembers.oldest, oldest)
        action, record = self.memory.look(self.headers["Call-Session"], number, oldest, ORIGINAL)
        if action is RUN:
            assert record
            self.memory.begin(record)
            self.memory.leave(record)
        return action

    def log_message(self, *_: object) -> None:
        """Nothing."""


class FarEnd(http.server.ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Nothing: the load leaves without waiting for its last replies."""


class Sessions(unittest.TestCase):
    def test_all_connections_share_a_session_and_its_refusals_are_no_errors(self) -> None:
        """Also when the far end has dropped it, and gives each connection another one."""
        Remembers.memory, Remembers.told = Memory(), []
        with FarEnd(("127.0.0.1", 0), Remembers) as far_end:
            threading.Thread(target=far_end.serve_forever, daemon=True).start()
            load = Load(f"http://127.0.0.1:{far_end.server_port}/greeter", 4, NUMBERED)
            sample = load.run(0.5)
            load.close()
            far_end.shutdown()
        self.assertEqual(sample.errors, 0)
        self.assertGreater(sample.calls, 20)
        # For the first session; then for the dropped one, to the calls that were under way.
        self.assertEqual(Remembers.told[0], REFUSE)
        self.assertIn(Remembers.told.count(REFUSE), range(2, 6))
        self.assertEqual(set(Remembers.told), {REFUSE, RUN})
        self.assertGreater(Remembers.oldest, 1, "numbers that have ended may be forgotten")


class Schedules(unittest.TestCase):
    def test_a_stall_counts_for_every_call_that_was_due_meanwhile(self) -> None:
        """A closed loop would have one late call, and a p99 that looks well."""
        with http.server.HTTPServer(("127.0.0.1", 0), StallsOnce) as stalling:
            threading.Thread(target=stalling.serve_forever, daemon=True).start()
            took_ms = server.quick_calls(("127.0.0.1", stalling.server_port), 0.5)
            stalling.shutdown()
        late = [took for took in took_ms if took > StallsOnce.STALL_S * 1000 / 3]
        self.assertGreaterEqual(len(late), StallsOnce.STALL_S / server.DUE_S / 2)
