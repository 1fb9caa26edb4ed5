"""Steps 1 to 4: everything works.

Each step predicts, shows what happens, and adds the checks of its proof.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from xmlrpc.client import ServerProxy

from classroom.cast import Actor, Cast
from classroom.screen import bar
from classroom.stage import POLL_S, SERVERS, Answers, Stage
from ponte.discovery.beats import LEASE_S
from ponte.net.address import show
from ponte.process.options import PYTHON

# How long a process that listens may take to be in the registry, in seconds.
START_S = 5.0
# How long the registry's line about it may take to reach us after that, in seconds.
NEWS_S = 1.0
# Acknowledged heartbeats to see from each server.
BEATS = 3
# Calls of the balancing step, and by how many the shares of the servers may differ.
CALLS = 300
MAX_SPREAD = 3
# The widest bar, and what a narrow screen needs beside one: its name and its number.
BAR_COLUMNS = 40
BESIDE_BAR = len("server-1") + 2 + 2 + len(str(CALLS))


# ---- 1 discovery --------------------------------------------------------------------------------

def discovery(stage: Stage) -> None:
    stage.predict("DISCOVERY", "Three servers and a proxy start, each on a random port. "
                               "How will anyone find them?", "DISCOVERY",
                  Answers("Somebody tries every port",
                          "They tell a registry, whose address all know",
                          "A file on every machine lists their ports",
                          "Nobody can: a server needs a fixed port", right=1))
    cast = stage.cast
    registry = cast.start_registry()
    stage.tell("registry listens at {address}: the only address that others must know",
               address=show(registry.address))
    actors = _start_servers_and_proxy(cast, registry)
    stage.until(lambda: _all_are_listed(cast), START_S)
    stage.until(lambda: stage.news_count >= len(actors), NEWS_S)

    servers, proxies = cast.lookup("greeter"), cast.lookup("proxy")
    stage.say(f'lookup("greeter") → {", ".join(sorted(servers))}; '
              f'lookup("proxy") → {", ".join(sorted(proxies))}')
    stage.open_client([registry.address])

    found = {**servers, **proxies}
    named = [actor for actor in actors if actor.name in found]
    same = [actor for actor in named
            if (found[actor.name]["host"], found[actor.name]["port"]) == actor.address]
    stage.check_limit(len(named) == len(actors),
                      "lookup names {found} of {started} processes that we started",
                      found=len(named), started=len(actors))
    stage.check(len(same) == len(actors),
                "{same} of {started} addresses are those that the processes printed themselves",
                same=len(same), started=len(actors))


def prepare(stage: Stage) -> None:
    """Starts what step 1 starts, for a story that begins later. Raises StartFailed or CallError."""
    cast = stage.cast
    registry = cast.start_registry()
    _start_servers_and_proxy(cast, registry)
    deadline = time.perf_counter() + START_S
    while not _all_are_listed(cast) and time.perf_counter() < deadline:
        time.sleep(POLL_S)
    stage.open_client([registry.address])
    # From now on the client knows them all, too.
    stage.client.whoami()


def _start_servers_and_proxy(cast: Cast, registry: Actor) -> list[Actor]:
    """Starts three servers and a proxy, and waits until they listen."""
    actors = [cast.start_server(name, "greeter", registry) for name in SERVERS]
    actors.append(cast.start_proxy("proxy-1", registry))
    return [actor.await_banner() for actor in actors]


def _all_are_listed(cast: Cast) -> bool:
    return len(cast.lookup("greeter")) == len(SERVERS) and bool(cast.lookup("proxy"))


# ---- 2 RPC --------------------------------------------------------------------------------------

def rpc(stage: Stage) -> None:
    stage.predict("RPC: a call that looks local",
                  'A client calls greeter.hello("Hello"). It knows no address of a server. '
                  'Who answers?', "RPC: a call that looks local",
                  Answers("Nobody: a client must be given an address",
                          "The registry, in place of the servers",
                          "One of the three servers",
                          "All three: the first reply counts", right=2))
    registry, proxy = stage.cast["registry"], stage.cast["proxy-1"]
    command = ["client.py", "greeter", "hello", "Hello", "--trace",
               "--registry", show(registry.address)]
    stage.say(" ".join(["$", PYTHON, *command]), style="strong")
    ran = stage.cast.run(*command)
    attempts = [line.strip() for line in ran.stderr.splitlines() if line.strip()]
    value = ran.stdout.strip()
    for line in [*attempts, value]:
        stage.say(line)

    url = f"http://{show(proxy.address)}/greeter"
    with ServerProxy(url) as stock:
        stock_value = stock.hello("Hello")
    stage.tell("Python's own xmlrpc.client, at {url} → {value}", url=url, value=stock_value)

    server = attempts[-1].partition("answered by ")[2].partition(" ")[0] if attempts else "?"
    stage.check((value, ran.returncode) == ("World", 0),
                'the client process sent "Hello" and printed "{value}", exit code {code}',
                value=value, code=ran.returncode)
    stage.check(len(attempts) == 1 and server in SERVERS,
                "it needed {attempts} attempt, answered by {server}",
                attempts=len(attempts), server=server)
    stage.check(stock_value == "World",
                'a stock XML-RPC client, unchanged, got "{value}" from the same proxy',
                value=stock_value)


# ---- 3 heartbeats -------------------------------------------------------------------------------

def heartbeats(stage: Stage) -> None:
    stage.predict("NOBODY CALLS", "Now nobody calls anybody. Is the network silent?",
                  "HEARTBEATS",
                  Answers("Yes: without calls nothing is sent",
                          "No: each server keeps saying that it is alive",
                          "No: the registry asks each server in turn",
                          "Yes, until a server fails", right=1))
    calls_before = _proxy_calls(stage)
    pulse = _Pulse(stage)
    stage.tell("no calls; each ♥ is a UDP datagram that the registry acknowledged")
    stage.until(pulse.all_have_beaten, within_s=BEATS * LEASE_S)
    stage.last(pulse.rows)

    calls = _proxy_calls(stage) - calls_before
    least = min(pulse.beats(name) for name in SERVERS)
    stage.check_limit(least >= BEATS,
                      "at least {least} acknowledged heartbeats from each of {servers} servers "
                      "in {took_s:.1f} s", least=least, servers=len(SERVERS),
                      took_s=stage.elapsed_s())
    stage.check(calls == 0, "in this time, {calls} calls went through the proxy", calls=calls)
    stage.check_limit(pulse.longest_silence_s() < LEASE_S,
                      "longest silence {silence_s:.2f} s; a lease lasts {lease_s:.1f} s",
                      silence_s=pulse.longest_silence_s(), lease_s=LEASE_S)


def _proxy_calls(stage: Stage) -> int:
    return int(stage.cast["proxy-1"].status()["requests"]["calls"])


class _Pulse:
    """The acknowledged heartbeats of the servers, as their status pages count them."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        # By server: the count when we began to look, the count now, and when we saw it grow.
        self._start = {name: self._acked(name) for name in SERVERS}
        self._now = dict(self._start)
        self._seen_at: dict[str, list[float]] = {name: [time.perf_counter()] for name in SERVERS}

    def all_have_beaten(self) -> bool:
        """Reads all counts; whether each server has beaten BEATS times since we began to look."""
        for name in SERVERS:
            acked = self._acked(name)
            if acked > self._now[name]:
                self._now[name] = acked
                self._seen_at[name].append(time.perf_counter())
                self._stage.live(self.rows)
        return all(self.beats(name) >= BEATS for name in SERVERS)

    def beats(self, name: str) -> int:
        """How often a server has beaten since we began to look."""
        return self._now[name] - self._start[name]

    def longest_silence_s(self) -> float:
        """The longest time between two beats of one server, in seconds; inf if none came."""
        return max((later - earlier for times in self._seen_at.values()
                    for earlier, later in zip(times, times[1:])), default=math.inf)

    def rows(self, columns: int) -> list[str]:
        """The chart: a row for each server, a heart for each beat. It is always narrow."""
        words = self._stage.words
        rows = []
        for name in SERVERS:
            hearts = f"{'♥ ' * self.beats(name):{2 * BEATS}}"
            # The time until the first beat is part of no pair.
            times = self._seen_at[name][1:]
            if len(times) < 2:
                rows.append(f"{name}  {hearts}".rstrip())
            else:
                every_s = (times[-1] - times[0]) / (self.beats(name) - 1)
                rows.append(words("{name}  {hearts}  every {every_s:.2f} s", name=name,
                                  hearts=hearts, every_s=every_s))
        return rows

    def _acked(self, name: str) -> int:
        return int(self._stage.cast[name].status()["beats_acked"])


# ---- 4 balancing --------------------------------------------------------------------------------

def balancing(stage: Stage) -> None:
    stage.predict("ONE PROXY, THREE SERVERS",
                  "{calls} calls go through one proxy to three servers. "
                  "How many does each get?", "BALANCING",
                  Answers("A third each, or nearly",
                          "The first one gets all, the others wait",
                          "It is chance: one may get twice as many",
                          "The one that started first gets most", right=0), calls=CALLS)
    shares: Counter[str] = Counter()

    def rows(columns: int) -> list[str]:
        width = min(BAR_COLUMNS, columns - BESIDE_BAR)
        return [f"{name}  {bar(shares[name] * len(SERVERS) / CALLS, width)}"
                f"  {shares[name]}" for name in SERVERS]

    stage.tell("{calls} times whoami(), one after the other", calls=CALLS)
    began = time.perf_counter()
    for number in range(CALLS):
        shares[stage.client.whoami()] += 1
        if number % 10 == 0:
            stage.live(rows)
            time.sleep(stage.pace_s)
    took_s = time.perf_counter() - began
    stage.last(rows)

    counts = [shares[name] for name in SERVERS]
    spread = max(counts) - min(counts)
    stage.check(sum(counts) == CALLS, "{answered} of {calls} calls answered, in {took_s:.2f} s",
                answered=sum(counts), calls=CALLS, took_s=took_s)
    stage.check(spread <= MAX_SPREAD,
                "shares {shares}: the largest minus the smallest is {spread}",
                shares=" / ".join(map(str, counts)), spread=spread)
