"""Section `slow`: connections that drip one byte a second, and what those feel who do not.

    head    they never finish the head of a request
    body    the same with its body
    read    they have called, and do not read what they are answered: long replies through a small window

Good callers measure through the proxy without them, and with them, by turns. With threads, whose connections are fewer
than the attackers, it is told how many of these got in, and how many are left after the deadline of a message: where
they have taken every connection, good callers get a 503 at once, until then.

The attackers are a process of their own: python3 -m bench.slow URL head|body|read CONNECTIONS. It prints how many of
its connections are open, once all have begun and whenever it is asked by a line on standard input.
"""

from __future__ import annotations

import functools
import itertools
import selectors
import socket
import sys
import time
from typing import Dict, List, NamedTuple, Tuple
from urllib.parse import urlsplit

from bench import processes
from bench.calls import ENGINES
from bench.load import Sample
from bench.processes import Child, Stage
from bench.report import Report, Table, median, show
from bench.reverse import wait_until_serves
from bench.rounds import Plan, interleave
from bench.wrk import drive
from transport import process, wire
from transport.message import encode_request
from transport.rpc import CONTENT_TYPE, encode_call

ATTACKERS, QUICK_ATTACKERS = 1_000, 50
GOOD = 4                    # connections of good callers
KINDS = ("head", "body", "read")
DRIP_S = 1.0                # between two bytes of one connection
TURNS = 50                  # in which they drip, so that they do not come in waves
LONG = 64_000               # characters of a reply that is not read
WINDOW_BYTES = 1024         # and the room that its reader has
SERVED = b"HTTP/1.1 200 "
BEGUN_S = 30.0              # for all attackers to have begun
AFTER_S = 1.0               # beyond the deadline of a message: by then who drips has been closed

Key = Tuple[str, str]       # engine, attack ("none", too)


class Felt(NamedTuple):
    """What good callers measured, and how many attackers had got in before."""

    good: Sample
    attackers: int


def run(plan: Plan) -> Report:
    attackers = QUICK_ATTACKERS if plan.quick else ATTACKERS
    with Stage() as stage:
        urls = {}
        for engine in ENGINES:
            registry = stage.registry()
            stage.server(f"server-{engine}", [registry])
            proxy = stage.proxy(f"proxy-{engine}", registry, "--engine", engine)
            urls[engine] = f"http://{process.show(proxy.address)}/greeter"
            wait_until_serves(urls[engine])
        found = interleave(plan, {(engine, kind): functools.partial(_measure, url, kind, attackers)
                                  for engine, url in urls.items() for kind in ("none", *KINDS)}, warm_up=False)
        report = _report(found, attackers)
        if not plan.quick:
            report.tables.append(_until_the_deadline(stage, urls))
    return report


def _report(found: Dict[Key, List[Felt]], attackers: int) -> Report:
    report = Report()
    rows = []
    for (engine, kind), rounds in found.items():
        p50_ms, p99_ms, calls_per_s = (median([getattr(felt.good, name) for felt in rounds])
                                       for name in ("p50_ms", "p99_ms", "calls_per_s"))
        ratio = median([felt.good.p99_ms / (quiet.good.p99_ms or float("nan"))
                        for felt, quiet in zip(rounds, found[engine, "none"])])
        errors = sum(felt.good.errors for felt in rounds)
        cells = [calls_per_s, p50_ms, p99_ms, ratio] if not errors else [None] * 4      # refusals are fast
        rows.append([f"{engine} · {kind}", show(median([felt.attackers for felt in rounds])), *map(show, cells),
                     str(errors)])
        report.figures[f"slow p99 {engine} {kind}"] = ratio
    report.tables.append(Table(
        f"Slow clients: {attackers:,} of them beside {GOOD} good ones, through the proxy",
        ("engine · attack", "attackers in", "calls/s", "p50 ms", "p99 ms", "p99 ÷ without", "refused"), rows))
    return report


def _measure(url: str, kind: str, attackers: int, seconds: float) -> Felt:
    if kind == "none":
        return Felt(drive(url, GOOD, seconds), 0)
    with Stage() as stage:
        _, got_in = _attack(stage, url, kind, attackers)
        return Felt(drive(url, GOOD, seconds), got_in)


def _until_the_deadline(stage: Stage, urls: Dict[str, str]) -> Table:
    """How many attackers are left once the time of a message is over."""
    rows = []
    for engine, url in urls.items():
        attacks = [_attack(stage, url, kind, ATTACKERS // 2) for kind in ("head", "body")]
        time.sleep(wire.MESSAGE_TIMEOUT_S + AFTER_S)
        left = sum(_open_now(attack) for attack, _ in attacks)
        wait_until_serves(url)
        rows.append([engine, str(sum(before for _, before in attacks)), str(left)])
        for attack, _ in attacks:
            attack.close()
    after_s = wire.MESSAGE_TIMEOUT_S + AFTER_S
    return Table(f"{ATTACKERS:,} that drip heads and bodies, and what is left of them after {after_s:.0f} s",
                 ("engine", "got in", "left"), rows)


def _attack(stage: Stage, url: str, kind: str, attackers: int) -> Tuple[Child, int]:
    """The process of the attackers, who have all begun, and how many of them got in."""
    attack = stage.python("-m", "bench.slow", url, kind, str(attackers))
    return attack, int(attack.wait_for(r"open: (\d+)", BEGUN_S)[1])


def _open_now(attack: Child) -> int:
    attack.say("how many?")
    return int(attack.wait_for(r"now: (\d+)")[1])


# ---- the attackers --------------------------------------------------------------------------------------

def _opening(url: str, kind: str) -> bytes:
    """What an attacker sends at once."""
    parts = urlsplit(url)
    headers = {"Host": parts.netloc, "Content-Type": CONTENT_TYPE}
    if kind == "read":
        return encode_request("POST", parts.path, headers, encode_call("hello", ("x" * LONG,)))
    whole = encode_request("POST", parts.path, headers, b"x" * LONG)
    return whole[:40] if kind == "head" else whole[:-LONG]


class Attackers:
    """All connections of an attack. Each drips a byte a second; those that the other side closes are not replaced."""

    def __init__(self, url: str, kind: str, count: int) -> None:
        parts = urlsplit(url)
        self._reads = kind == "read"
        self._selector = selectors.DefaultSelector()
        self._all: List[socket.socket] = []
        opening = _opening(url, kind)
        for _ in range(count):
            sock = socket.socket()
            self._all.append(sock)
            try:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW_BYTES)
                sock.settimeout(5.0)
                sock.connect((parts.hostname, parts.port))
                sock.sendall(opening)
                sock.setblocking(False)
                self._selector.register(sock, selectors.EVENT_READ)
            except OSError:             # it was turned away
                sock.close()

    def open(self) -> int:
        """How many connections the other side has not closed."""
        for key, _ in self._selector.select(0) if not self._reads else ():
            self._drop(key.fileobj)     # an answer to what was never finished: a refusal
        return len(self._selector.get_map())

    def wait_for_replies(self) -> None:
        """Until all calls have been carried out, and nothing of them is left but to read. Drops those turned away."""
        deadline = time.monotonic() + BEGUN_S / 2
        for sock in self._all if self._reads else ():
            while sock.fileno() >= 0 and time.monotonic() < deadline and not self._has_reply(sock):
                time.sleep(0.01)

    def drip(self, turn: int) -> None:
        """One byte on each of those whose turn it is: a TURNS-th of all."""
        for sock in self._all[turn % TURNS::TURNS]:
            if sock.fileno() < 0:
                continue
            try:
                if self._reads and not sock.recv(1):
                    self._drop(sock)
                elif not self._reads:
                    sock.send(b"x")
            except BlockingIOError:
                pass
            except OSError:
                self._drop(sock)

    def _has_reply(self, sock: socket.socket) -> bool:
        try:
            begins = sock.recv(len(SERVED), socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            begins = b""
        if begins != SERVED:
            self._drop(sock)
        return True

    def _drop(self, sock: object) -> None:
        assert isinstance(sock, socket.socket)
        self._selector.unregister(sock)
        sock.close()


def main() -> None:
    url, kind, count = sys.argv[1:]
    processes.allow_open_files()
    attackers = Attackers(url, kind, int(count))
    attackers.wait_for_replies()
    time.sleep(0.1)                     # for those who were turned away to be told so
    print(f"open: {attackers.open()}", flush=True)
    with selectors.DefaultSelector() as asked:
        asked.register(sys.stdin, selectors.EVENT_READ)
        for turn in itertools.count():
            if not asked.select(DRIP_S / TURNS):
                attackers.drip(turn)
            elif sys.stdin.readline():
                print(f"now: {attackers.open()}", flush=True)
            else:
                return


if __name__ == "__main__":
    main()
