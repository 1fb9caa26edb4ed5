"""The servers that HAProxy or nginx may be told of, and how they are kept in step. For both.

The problem: what registries name becomes a part of a configuration, or of a command. A name with
a line break in it would become a second command; one host name that nobody can look up would stop
nginx. So only what is well formed goes on: `servers_of` is pure, and tells what it leaves out.

The rules, for each service:

1. Servers that are up; where there is none, those that are suspect: to try them is better than to
   refuse without trying.
2. Draining ones are named as such: a relay sends them nothing new, and ends no call of theirs.
3. While no registry can know who is missing, nothing is taken away, only added.

Threads: a Keeper has one, which takes one turn after another.
"""

from __future__ import annotations

import ipaddress
import logging
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Callable, NamedTuple

from ponte.calls.endpoint import Endpoint
from ponte.discovery.beats import NAME
from ponte.discovery.directory import Directory
from ponte.discovery.leases import ALL
from ponte.net.address import Address
from ponte.net.mishaps import Mishaps
from ponte.net.tls import Tls

# Seconds of a pause after a turn that failed.
AWAY_S = 0.5


class Trouble(Exception):
    """What keeps a relay from being in step: one line, for its administrator."""


class Upstream(NamedTuple):
    """A server as a relay is told of it. `host` is an IP address."""

    host: str
    port: int
    drains: bool = False


# Service -> its servers, in order.
Upstreams = Mapping[str, Sequence[Upstream]]


def servers_of(endpoints: Iterable[Endpoint]) -> tuple[dict[str, list[Upstream]], set[str]]:
    """The servers of each service, and what is left out, in words.

    >>> up, suspect = (Endpoint("greeter", name, 1, "127.0.0.1", port, state, ())
    ...                for name, port, state in (("one", 4242, "up"), ("two", 4243, "suspect")))
    >>> servers_of([up, suspect])
    ({'greeter': [Upstream(host='127.0.0.1', port=4242, drains=False)]}, set())
    >>> servers_of([suspect])[0]["greeter"][0].port
    4243
    """
    ranks: dict[str, dict[str, list[Upstream]]] = {}
    left_out = set()
    for endpoint in endpoints:
        why = _why_not(endpoint)
        if why:
            left_out.add(f"{endpoint.service!r:.70}/{endpoint.instance!r:.70}: {why}")
            continue
        ranks.setdefault(endpoint.service, {}).setdefault(endpoint.state, []).append(
            Upstream(str(ipaddress.ip_address(endpoint.host)), endpoint.port,
                     endpoint.state == "draining"))
    found = {}
    for service, states in ranks.items():
        best = states.get("up") or states.get("suspect") or []
        # Two names may have one address: it is one server.
        found[service] = list({each[:2]: each for each in
                               (*states.get("draining", []), *best)}.values())
    return found, left_out


def _why_not(endpoint: Endpoint) -> str:
    """Why a relay cannot be told of an endpoint; "" if it can."""
    if not NAME.fullmatch(endpoint.service):
        return "its service has no name that fits into a configuration"
    if endpoint.path:
        return f"it takes calls at {endpoint.path}, and a relay sends them to /SERVICE"
    try:
        address = ipaddress.ip_address(endpoint.host)
    except ValueError:
        return f"a relay takes IP addresses, not {endpoint.host!r:.70}"
    # An address of one link has its name behind a %, which may be anything.
    return "" if "%" not in str(address) else "its address is one of a single link"


class Keeper:
    """Keeps something in step with what the registries say, until it is closed.

    Parameters: `log`; `what` is kept, for log lines; `turn(servers, is_complete)` makes it so, and
    raises Trouble or OSError where that is not possible now; `registries` to follow; `tick_s`, the
    seconds between two turns, beside those at each change; `tls` to reach the registries.
    """

    def __init__(self, log: logging.Logger, what: str, turn: Callable[[Upstreams, bool], None],
                 registries: Sequence[Address], *, tick_s: float, tls: Tls | None = None) -> None:
        self._log, self._what, self._turn, self._tick_s = log, what, turn, tick_s
        self._changed = threading.Event()
        self._closing = threading.Event()
        # What is wrong, and who is left out, as it was logged last.
        self._trouble = "start"
        self._left_out: set[str] = set()
        self._mishaps = Mishaps(log, f"a turn to keep {what} in step")
        self._directory = Directory(ALL, registries, self._changed.set, tls)
        self._thread = threading.Thread(target=self._run, name="ponte-keeper", daemon=True)

    def start(self) -> None:
        """Begins to follow, and to write. Does not block."""
        self._directory.start()
        self._thread.start()

    def close(self) -> None:
        """Ends it: what was written stays. May be called more than once."""
        self._closing.set()
        self._changed.set()
        self._directory.close()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        # Before a registry has answered, there is nothing to say.
        while not self._closing.is_set() and not self._directory.answered:
            self._directory.wait(AWAY_S)
        while not self._closing.is_set():
            # Before the look, so that no change is passed over.
            self._changed.clear()
            try:
                self.take_turn()
            except (Trouble, OSError) as error:
                self._tell(str(error) if isinstance(error, Trouble)
                           else f"{self._what} is away: {error.strerror or error}")
                self._closing.wait(AWAY_S)
            except Exception as error:
                self._mishaps.survive(error)
            else:
                self._tell("")
                self._changed.wait(self._tick_s)

    def take_turn(self) -> None:
        """Makes it so once. Raises what the turn raises."""
        # First: the endpoints are as new as this word.
        is_complete = self._directory.is_complete()
        servers, left_out = servers_of(self._directory.endpoints)
        for each in sorted(left_out - self._left_out):
            self._log.warning("left out: %s", each)
        self._left_out = left_out
        self._turn(servers, is_complete)

    def _tell(self, trouble: str) -> None:
        if trouble == self._trouble or self._closing.is_set():
            return
        self._trouble = trouble
        if trouble:
            self._log.warning("%s; it tries again", trouble)
        else:
            self._log.info("%s is in step with the registries", self._what)
