"""The worlds that are explored. Each is small, so that *every* order of its events can be tried.

Small worlds are enough for nearly all mistakes: one call that is repeated, one message that is
late, and one fault show them. D. Jackson calls this the small scope hypothesis ("Software
Abstractions", 2006).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Scenario(NamedTuple):
    """A world to explore, and what may happen in it.

    `servers` and `proxies`: how many; the callers ask the proxies, or the servers if there are
    none, and then those that `then` names. `calls`: the caller of each call (0 or 1). `attempts`
    and `resolves` of a call, at most. `faults`: how often each may happen. `opening`: sessions are
    opened by messages, instead of being there. `in_turn`: a call begins when those before it have
    ended. `promises`: whether each server promises that the function is idempotent; `believes`: the
    callers believe it.
    """

    about: str
    proxies: int = 0
    servers: int = 1
    then: tuple[str, ...] = ()
    calls: tuple[int, ...] = (0,)
    attempts: int = 2
    resolves: int = 1
    faults: Mapping[str, int] = MappingProxyType({})
    opening: bool = False
    in_turn: bool = False
    promises: tuple[bool, ...] = (False, False)
    believes: bool = False


SCENARIOS: dict[str, Scenario] = {
    # ---- a caller and its servers ----------------------------------------------------------------
    "direct": Scenario(
        "one server, 3 attempts, a resolve after a resolve; it may refuse once",
        attempts=3, resolves=2, faults={"refuse": 1}),
    "two servers": Scenario(
        "refusals, and a server that cannot be reached: the caller goes on to the other one",
        servers=2, attempts=3, faults={"refuse": 2, "no connection": 1}),
    "copies": Scenario(
        "a message is delivered twice; the server may refuse",
        servers=2, attempts=3, faults={"copy": 1, "refuse": 1}),
    "opening": Scenario(
        "sessions are opened by messages, which may be late or lost too",
        opening=True, attempts=3, faults={"refuse": 1}),
    "restart": Scenario(
        "the server dies and starts again",
        servers=2, attempts=3, faults={"server restarts": 1, "refuse": 1}),
    "restart, 2 calls": Scenario(
        "two calls of one caller, one after the other, and a restart",
        calls=(0, 0), in_turn=True, attempts=1, faults={"server restarts": 1}),
    "in turn": Scenario(
        "two calls of one caller, one after the other: the first one arrives late",
        calls=(0, 0), in_turn=True, resolves=0),
    "at once": Scenario(
        "two calls of one caller at the same time, in one session",
        calls=(0, 0), attempts=1),
    "at once, repeats": Scenario(
        "the same, and each call may be repeated",
        calls=(0, 0)),
    "two callers": Scenario(
        "two callers with a session each",
        calls=(0, 1)),
    "reply dropped": Scenario(
        "the server needs memory, and drops a reply",
        attempts=3, resolves=2, faults={"drop reply": 1}),
    "session dropped": Scenario(
        "the server has too many sessions, and drops one",
        attempts=3, resolves=2, faults={"server drops session": 1}),
    "session full": Scenario(
        "a session has too many numbers, and its floor rises",
        attempts=3, resolves=2, faults={"full": 1}),
    "port taken": Scenario(
        "a server of the same service has the port of the other one",
        servers=2, faults={"other port": 2}),
    "stranger": Scenario(
        "a plain web server has the port of a server",
        servers=2, attempts=3, faults={"stranger": 2}),
    "promise": Scenario(
        "the caller believes that the function is idempotent: A says so, and B does not",
        servers=2, attempts=3, promises=(True, False), believes=True),
    # ---- through a proxy -------------------------------------------------------------------------
    "proxy": Scenario(
        "through a proxy, which may give an attempt up",
        proxies=1, servers=2, faults={"give up": 1}),
    "proxy, refusals": Scenario(
        "a server refuses: the proxy goes on to the other one",
        proxies=1, servers=2, faults={"refuse": 1}),
    "proxy, no connection": Scenario(
        "a server cannot be reached: the proxy goes on to the other one",
        proxies=1, servers=2, faults={"no connection": 1}),
    "proxy, copies": Scenario(
        "a message is delivered twice, and the proxy or the server may refuse",
        proxies=1, servers=1, attempts=1, faults={"copy": 1, "refuse": 1}),
    "proxy, one server": Scenario(
        "the only server refuses",
        proxies=1, servers=1, faults={"refuse": 1, "give up": 1}),
    "proxy, opening": Scenario(
        "all sessions are opened by messages",
        proxies=1, servers=1, opening=True),
    "proxy, 3 attempts": Scenario(
        "the caller sends three times",
        proxies=1, servers=1, attempts=3),
    "proxy restarts": Scenario(
        "the proxy dies and starts again",
        proxies=1, servers=2, faults={"proxy restarts": 1}),
    "where it was sent": Scenario(
        "the proxy says where it sent the call, and dies: the caller asks the server itself",
        proxies=1, servers=1, attempts=1, faults={"give up": 1, "proxy restarts": 1}),
    "both restart": Scenario(
        "proxy and server die and start again",
        proxies=1, servers=1, faults={"proxy restarts": 1, "server restarts": 1}),
    "proxy drops session": Scenario(
        "the proxy has too many sessions, and drops one",
        proxies=1, servers=2, faults={"proxy drops session": 1}),
    "both drop sessions": Scenario(
        "proxy and server drop a session each",
        proxies=1, servers=1, faults={"proxy drops session": 1, "server drops session": 1}),
    "proxy, reply dropped": Scenario(
        "the proxy or a server drops a reply",
        proxies=1, servers=2, faults={"drop reply": 1, "refuse": 1}),
    "proxy, session full": Scenario(
        "the floor of a session rises, at the proxy or at a server",
        proxies=1, servers=2, faults={"full": 1}),
    "proxy, port taken": Scenario(
        "another server has the port of the one on the route",
        proxies=1, servers=2, faults={"other port": 1}),
    "proxy, promise": Scenario(
        "the caller believes in idempotence through a proxy",
        proxies=1, servers=2, promises=(True, False), believes=True, faults={"give up": 1}),
    "proxy, two callers": Scenario(
        "two callers share the session of the proxy at the server",
        proxies=1, servers=1, calls=(0, 1), attempts=1),
    "proxy, then servers": Scenario(
        "the proxy cannot be reached: the caller goes on to the server itself",
        proxies=1, servers=1, then=("A",), faults={"no connection": 1}),
    "two proxies": Scenario(
        "the first proxy refuses, or cannot be reached: the caller goes on to the second",
        proxies=2, servers=1, faults={"no connection": 1, "refuse": 1}),
    "two proxies, two callers": Scenario(
        "two callers, each through any of two proxies, to one server",
        proxies=2, servers=1, calls=(0, 1), attempts=1, resolves=0),
}
