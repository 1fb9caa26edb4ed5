"""Steps 1 to 4: while all is well. Each observes, tells what it saw, and adds the checks of its proof."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from xmlrpc.client import ServerProxy

from classroom.cast import ROOT
from classroom.screen import bar
from classroom.stage import SERVERS, Stage
from ponte.discovery.beats import LEASE_S
from ponte.net.address import show

START_S = 5.0           # for a process that listens to be in the registry
TOLD_S = 1.0            # and for its line of news, which waits for nobody, to reach us
BEATS = 3               # acknowledged heartbeats to see from each server
CALLS = 300             # of the balancing step
MOST_SPREAD = 3         # of the shares of 300 calls: one in a hundred may go elsewhere
BAR_COLUMNS = 40
CLIENT_S = 20.0         # for the client process


def discovery(stage: Stage) -> None:
    cast = stage.cast
    registry = cast.start_registry()
    stage.tell("discovery.registry", address=show(registry.address))
    actors = [cast.start_server(name, "greeter", registry) for name in SERVERS]
    actors.append(cast.start_proxy("proxy-1", registry))
    for actor in actors:
        actor.await_banner()
    stage.until(lambda: len(cast.lookup("greeter")) == len(SERVERS) and bool(cast.lookup("proxy")), START_S)
    stage.until(lambda: stage.heard >= len(actors), TOLD_S)
    found = {**cast.lookup("greeter"), **cast.lookup("proxy")}
    stage.tell("discovery.lookup", names=", ".join(sorted(cast.lookup("greeter"))))
    stage.open_client([registry.address])
    named = [actor for actor in actors if actor.name in found]
    same = [actor for actor in named
            if (found[actor.name]["host"], found[actor.name]["port"]) == actor.address]
    stage.check(len(named) == len(actors), "discovery.all", found=len(named), started=len(actors))
    stage.check(len(same) == len(actors), "discovery.same", same=len(same), started=len(actors))


def rpc(stage: Stage) -> None:
    registry, proxy = stage.cast["registry"], stage.cast["proxy-1"]
    command = ["client.py", "greeter", "hello", "Hello", "--trace", "--registry", show(registry.address)]
    stage.say("$ python " + " ".join(command), style="strong")
    ran = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, encoding="utf-8",
                         errors="replace", timeout=CLIENT_S, check=False, stdin=subprocess.DEVNULL,
                         env={**os.environ, "PYTHONIOENCODING": "utf-8"})
    attempts = [line.strip() for line in ran.stderr.splitlines() if line.strip()]
    value = ran.stdout.strip()
    for line in [*attempts, value]:
        stage.say(line)
    url = f"http://{show(proxy.address)}/greeter"
    with ServerProxy(url) as stock:
        stock_value = stock.hello("Hello")
    stage.tell("rpc.stock", url=url, value=stock_value)
    by = attempts[-1].partition("answered by ")[2].partition(" ")[0] if attempts else "?"
    stage.check((value, ran.returncode) == ("World", 0), "rpc.answer", value=value, code=ran.returncode)
    stage.check(len(attempts) == 1 and by in SERVERS, "rpc.attempts", attempts=len(attempts), by=by)
    stage.check(stock_value == "World", "rpc.stock.answer", value=stock_value)


def heartbeats(stage: Stage) -> None:
    def calls_so_far() -> int:
        return int(stage.cast["proxy-1"].status()["requests"]["calls"])

    calls_before = calls_so_far()
    watch = _Pulse(stage)
    stage.tell("heartbeats.watch")
    stage.until(watch.all_have_beaten, within_s=BEATS * LEASE_S)
    stage.screen.last(watch.rows())
    calls = calls_so_far() - calls_before
    least = min(watch.beats(name) for name in SERVERS)
    stage.check(least >= BEATS, "heartbeats.beats", least=least, servers=len(SERVERS), took_s=stage.elapsed_s())
    stage.check(calls == 0, "heartbeats.calls", calls=calls)
    stage.check(watch.longest_silence_s() < LEASE_S, "heartbeats.silence", silence_s=watch.longest_silence_s(),
                lease_s=LEASE_S)


class _Pulse:
    """The acknowledged heartbeats of the servers, as their status pages count them."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._first = {name: self._acked(name) for name in SERVERS}
        self._now = dict(self._first)
        self._seen_at: dict[str, list[float]] = {name: [time.monotonic()] for name in SERVERS}

    def all_have_beaten(self) -> bool:
        """Looks once; whether each server has beaten BEATS times since the beginning."""
        for name in SERVERS:
            acked = self._acked(name)
            if acked > self._now[name]:
                self._now[name] = acked
                self._seen_at[name].append(time.monotonic())
                self._stage.screen.live(self.rows())
        return all(self.beats(name) >= BEATS for name in SERVERS)

    def beats(self, name: str) -> int:
        return self._now[name] - self._first[name]

    def longest_silence_s(self) -> float:
        return max(later - earlier for times in self._seen_at.values() for earlier, later in zip(times, times[1:]))

    def rows(self) -> list[str]:
        return ["            " + self._stage.words("heartbeats.row", name=name, hearts="♥ " * self.beats(name),
                                                   every_s=self._every_s(name)) for name in SERVERS]

    def _every_s(self, name: str) -> float:
        """The mean time between two beats; the first was under way when we began to look, so it is left out."""
        times = self._seen_at[name][1:]
        return (times[-1] - times[0]) / max(self.beats(name) - 1, 1) if times else 0.0

    def _acked(self, name: str) -> int:
        return int(self._stage.cast[name].status()["beats_acked"])


def balancing(stage: Stage) -> None:
    shares: Counter[str] = Counter()

    def rows() -> list[str]:
        return ["            " + stage.words("balancing.row", name=name, count=shares[name],
                                             bar=bar(shares[name] * len(SERVERS) / CALLS, BAR_COLUMNS))
                for name in SERVERS]

    stage.tell("balancing.watch", calls=CALLS)
    began = time.monotonic()
    for number in range(CALLS):
        shares[stage.client.whoami()] += 1
        if number % 10 == 0:
            stage.screen.live(rows())
            time.sleep(stage.pace_s)
    took_s = time.monotonic() - began
    stage.screen.last(rows())
    counts = [shares[name] for name in SERVERS]
    spread = max(counts) - min(counts)
    stage.check(sum(counts) == CALLS, "balancing.all", answered=sum(counts), calls=CALLS, took_s=took_s)
    stage.check(spread <= MOST_SPREAD, "balancing.shares", shares=" / ".join(map(str, counts)), spread=spread)
