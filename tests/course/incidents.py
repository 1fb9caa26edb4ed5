"""The five incidents in real processes: the evidence of each, and one by the command.

    python3 -m tests.course.incidents [a b c d e command]

Three run at a time, each in a folder of its own. It takes some 40 seconds. The exit code is 1 if a
promise of an incident is not kept.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import xmlrpc.client
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable

from classroom.actor import StartFailed
from course.incidents.caller import plain
from course.incidents.legacy_client import DEPOSITS, TILLS, LegacyClient
from course.incidents.lost_answers import LostAnswers
from course.incidents.running import drawn, read_state
from course.incidents.slow_server import SlowServer
from course.incidents.stale_view import PROXIES, StaleView
from course.incidents.system import STATE, TAP, Pages, System
from course.incidents.wrong_key import WrongKey
from course.progress import Progress
from ponte.net.address import show
from ponte.process.characters import write_any

HOUSE = Path(__file__).resolve().parent.parent.parent
# Seconds that the processes are in good health before the trouble.
BEFORE_S = 2.0
AT_ONCE = 3
# Seconds that a step of the command may take.
STEP_S = 60.0

Note = dict[str, Any]


class Run:
    """One incident, as its screen runs it, with looks into it at each pause."""

    def __init__(self, letter: str, folder: str) -> None:
        self.system = System(folder)
        self.incident = drawn(letter, "0.1")
        # What the registry listed at the end of each pause while the trouble was planted, and when
        # the planting began and ended.
        self.listed: list[set[str]] = []
        self.began_at = self.planted_at = 0.0

    def go(self) -> None:
        self.incident.begin(self.system)
        time.sleep(BEFORE_S)
        self.began_at = time.time()
        self.incident.plant(self.system, self.wait)
        self.planted_at = time.time()
        self.pages = Pages(self.system.parts())

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)
        if self.incident.letter == "b":
            self.listed.append(set(self.system.cast.lookup("greeter")))

    def notes(self, name: str, since: float = 0.0) -> list[Note]:
        """The messages that passed by a process."""
        with open(os.path.join(self.system.folder, f"{name}{TAP}"), encoding="utf-8") as file:
            notes = [json.loads(line) for line in file]
        return [note for note in notes if note["at"] > since]

    def log(self, name: str) -> str:
        return "\n".join(self.system.cast[name].lines())

    def figures(self) -> tuple[float, float]:
        first, second = self.incident.measure(self.pages, time.sleep)
        return first.value, second.value


def expect(holds: object, what: str) -> None:
    if not holds:
        raise AssertionError(what)


TIMES = re.compile(r"(\d+) failed; median ([\d.]+) ms, p99 ([\d.]+) ms")
NO_ANSWER = "no registry answers at"


def wrong_key(run: Run) -> str:
    """Never listed, +10 signatures a second, no beat acked; a log line that does not tell it."""
    incident = run.incident
    assert isinstance(incident, WrongKey)
    signatures, acked = run.figures()
    expect(abs(signatures - 10) < 3, f"{signatures} signatures a second")
    expect(acked == 0, f"{acked} beats acked")
    expect(incident.who not in run.system.cast.lookup("greeter"), "it is listed")
    expect(len(run.system.cast.lookup("greeter")) == 2, "the others are not listed")
    expect(NO_ANSWER in run.log(incident.who), "its log does not say it")
    since = [note for note in run.notes("registry", run.planted_at)
             if note.get("who") == incident.who]
    expect({note["k"] for note in since} == {"beat"}, "the registry answers it")
    return f"{incident.who}: {signatures:.0f} signatures/s, {acked} beats acked"


def lost_answers(run: Run) -> str:
    """Listed as long as the registry lives; then gone, +10 epochs a second, its acks stand still.
    """
    incident = run.incident
    assert isinstance(incident, LostAnswers)
    expect(incident.who in run.listed[0], "it was gone before the registry restarted")
    expect(incident.who not in run.listed[-1], "it is listed")
    expect(len(run.listed[-1]) == 2, "the others are not listed")
    epochs, acked = run.figures()
    expect(abs(epochs - 10) < 3, f"{epochs} epochs a second")
    expect(acked > 0, "it was never acked")
    expect(run.pages.status(incident.who)["beats_acked"] == acked, "its acks go on")
    expect(NO_ANSWER in run.log(incident.who), "its log does not say it")
    answers = Counter(note["type"] for note in run.notes("registry", run.planted_at)
                      if note["k"] == "answer" and note["who"] == incident.who)
    expect(set(answers) == {"epoch"}, f"the registry answers {answers}")
    heard = [note for note in run.notes(incident.who, run.planted_at) if note["k"] == "answer"]
    expect(not heard, "it hears the registry")
    return f"{incident.who}: {epochs:.0f} epochs/s, {acked:.0f} beats acked"


def legacy_client(run: Run) -> str:
    """No error, too much money on one account, and calls without an id from that till alone."""
    incident = run.incident
    assert isinstance(incident, LegacyClient)
    excess, repeats = run.figures()
    bank = xmlrpc.client.ServerProxy(f"http://{run.system.where('bank-1')}/bank")
    for name in TILLS:
        more = excess if name == incident.who else 0
        expect(bank.balance(name) == DEPOSITS * incident.cents + more, f"the balance of {name}")
        expect(f"{name}: {DEPOSITS} calls, 0 failed" in run.log(name), f"{name} has an error")
    expect(excess > 0, "no money too much")
    expect(repeats > 0, "no repeat was known")
    deposits = [note for note in run.notes("bank-1") if note.get("method") == "deposit"]
    unmarked = [note for note in deposits if note["id"] == "none"]
    expect(all(incident.who in note["params"] for note in unmarked), "others are not marked")
    twice = excess / incident.cents
    expect(len(unmarked) == DEPOSITS + twice, f"{len(unmarked)} deposits without an id")
    expect(sum(note["id"] == "repeat" for note in deposits) == repeats, "repeats in the tap")
    return (f"{incident.who}: {excess:.0f} cents too much, {len(unmarked)} deposits without an id, "
            f"{repeats:.0f} repeats known")


def stale_view(run: Run) -> str:
    """20 of 20 calls get 503 through the one; the other shares them among the new servers."""
    incident = run.incident
    assert isinstance(incident, StaleView)
    other = next(name for name in PROXIES if name != incident.who)

    def answered() -> dict[str, int]:
        return {row["instance"]: row["calls_total"]
                for row in run.pages.status(other)["services"]["greeter"]}

    before, call = answered(), plain("greeter", run.system.where(other))
    for _ in range(20):
        expect(call("hello", "Hello") == "World", "the other proxy fails")
    shares = sorted(count - before[name] for name, count in answered().items())
    expect(sorted(answered()) == sorted(incident.new), "the other proxy knows other servers")
    # Its shop calls meanwhile, too.
    expect(shares[0] >= 6 and sum(shares) >= 20, f"shares {shares}")
    up, failed = run.figures()
    expect((up, failed) == (len(incident.old), 20), f"{up} up, {failed} of 20 failed")
    # Those that its own shop got, in the last seconds.
    statuses = {note["status"] for note in run.notes(incident.who, run.planted_at - 2)
                if note["k"] == "reply"}
    expect(503 in statuses and 200 not in statuses, f"it answers {statuses}")
    return f"{incident.who}: {up:.0f} servers up in its view, {failed:.0f} of 20 calls failed"


def slow_server(run: Run) -> str:
    """All up, no failure, no line; the slowest of a hundred are slow, and half are not."""
    incident = run.incident
    assert isinstance(incident, SlowServer)
    slow_ms, share = run.figures()
    expect(share < 20, f"it gets {share:.0f} % of the calls")
    rows = run.pages.status("proxy-1")["services"]["shop"]
    expect(all(row["state"] == "up" and not row["failures_total"] for row in rows), f"{rows}")
    expect(len(run.system.cast[incident.who].lines()) == 1, "its log has a line")
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        said = TIMES.findall(run.log("customers"))
        if said and float(said[-1][2]) > 0.9 * slow_ms:
            break
        time.sleep(0.2)
    failed, median, p99 = said[-1]
    expect(failed == "0", f"{failed} calls failed")
    expect(float(median) < slow_ms / 3, f"median {median}")
    expect(abs(float(p99) - slow_ms) < 0.5 * slow_ms, f"p99 {p99}")
    for name in ("server-1", "server-2", "server-3"):
        shown = run.pages.status(name)["durations"]["price"]["within_s"]
        late = shown["+Inf"] - shown["0.25"]
        expect(bool(late) == (name == incident.who) or late < 3, f"{name}: {late} slow calls")
    return f"{incident.who}: {slow_ms:.0f} ms, {share:.0f} of 100 calls, p99 {p99} ms"


EVIDENCE: dict[str, Callable[[Run], str]] = {
    "a": wrong_key, "b": lost_answers, "c": legacy_client, "d": stale_view, "e": slow_server}


def by_letter(letter: str) -> str:
    """Runs an incident, and returns what its evidence was. Raises AssertionError."""
    with tempfile.TemporaryDirectory() as folder:
        run = Run(letter, folder)
        try:
            run.go()
            found = EVIDENCE[letter](run)
            run.pages.close()
            return found
        finally:
            run.system.close()


class Terminal:
    """A command of the course in a folder of its own, and what it prints."""

    def __init__(self, folder: str, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "course", *arguments, "--lang", "en"], cwd=folder,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            encoding="utf-8", env={**os.environ, "PYTHONPATH": str(HOUSE),
                                   "PYTHONIOENCODING": "utf-8"})
        self._said: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def said(self) -> str:
        return "".join(self._said)

    def await_text(self, text: str) -> None:
        deadline = time.monotonic() + STEP_S
        while text not in self.said:
            expect(time.monotonic() < deadline, f"no {text!r} in {self.said!r}")
            time.sleep(0.05)

    def type(self, *lines: str) -> None:
        assert self._process.stdin
        self._process.stdin.write("".join(f"{line}\n" for line in lines))
        self._process.stdin.flush()

    def terminate(self) -> None:
        if sys.platform == "win32":
            self.type("")
        else:
            self._process.send_signal(signal.SIGTERM)

    def hang_up(self) -> None:
        """Its keyboard goes away: also an incident of a check that failed ends."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(STEP_S)

    def end(self) -> int:
        code = self._process.wait(STEP_S)
        deadline = time.monotonic() + STEP_S
        while self._said[-1:] != [""] and time.monotonic() < deadline:
            time.sleep(0.02)
        return code

    def _read(self) -> None:
        assert self._process.stdout
        while text := self._process.stdout.read(1):
            self._said.append(text)
        self._said.append("")


def by_command() -> str:
    """Incident A by the command: an answer from another terminal, a tap, and the end by SIGTERM."""
    with tempfile.TemporaryDirectory() as folder:
        playing = Terminal(folder, "incident", "a")
        try:
            return _played(folder, playing)
        finally:
            playing.hang_up()


def _played(folder: str, playing: Terminal) -> str:
    incident = drawn("a", "0.1")
    playing.await_text("All is well so far")
    early = Terminal(folder, "incident", "a", "answer")
    expect(early.end() == 1 and "wait for the complaint" in early.said, early.said)
    second = Terminal(folder, "incident", "b")
    expect(second.end() == 2 and "runs already" in second.said, second.said)
    everything = Terminal(folder, "tap", "registry", "all")
    everything.await_text(f"beat #1 of {incident.who}: up")
    tap = Terminal(folder, "tap", "registry")
    tap.await_text("ack of #")
    playing.await_text("Enter alone ends the incident")
    playing.type("hint")
    playing.await_text("Hint 1 of 3")
    state = read_state(os.path.join(folder, "course-work", "incident"))
    assert state
    answer = Terminal(folder, "incident", "a", "answer")
    who = 1 + list(state.parts).index(incident.who)
    answer.type(str(who), "1", "10", "0", "4", "2")
    expect(answer.end() == 0 and "90 of 100 points" in answer.said, answer.said)
    expect("key of last year" in answer.said, "the story is not told")
    tap.await_text(f"of {incident.who}: up, epoch -")
    playing.terminate()
    expect(playing.end() == 0, f"it ends with an error: {playing.said}")
    expect(everything.end() == 0, everything.said)
    expect(tap.end() == 0 and "The incident has ended" in tap.said, tap.said)
    work = os.path.join(folder, "course-work")
    expect(not os.path.exists(os.path.join(work, "incident", STATE)), "its state is left")
    entry = Progress(work).last("incident", "incident-a")
    assert entry
    expect((entry["points"], entry["hints"]) == (90, 1), f"{entry}")
    for part in state.parts.values():
        if "real" in part:
            expect(is_closed(part["real"]), f"{part} still listens")
    return "90 of 100 points, from another terminal; ended by a signal"


def is_closed(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        xmlrpc.client.ServerProxy(f"http://{show((host, int(port)))}/").nothing()
    except OSError:
        return True
    except xmlrpc.client.Error:
        pass
    return False


def check(name: str) -> bool:
    """Checks one incident, and prints what came of it."""
    began = time.monotonic()
    try:
        said, is_kept = (by_command() if name == "command" else by_letter(name)), True
    except (AssertionError, StartFailed, OSError, subprocess.TimeoutExpired) as error:
        said, is_kept = str(error), False
    took_s = time.monotonic() - began
    print(f"{'✓' if is_kept else '✗'} {name}  {said}  ({took_s:.0f} s)", flush=True)
    return is_kept


def main(names: list[str]) -> int:
    # The longest first.
    chosen = names or ["command", "c", "b", "e", "d", "a"]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        kept = list(pool.map(check, chosen))
    return 0 if all(kept) else 1


if __name__ == "__main__":
    write_any(sys.stdout, sys.stderr)
    sys.exit(main(sys.argv[1:]))
