"""The client of the live page: it calls the kiosk twice a second, and does what it is told.

    python3 -m dashboard.caller --registry 127.0.0.1:4100

It says hello and buys in turn, one call every half second. Each line on its standard input is one
command, a JSON object:

    {"do": "rate", "per_s": 50}                      so many calls a second from now on; 0: none
    {"do": "burst", "count": 10, "method": "buy"}    so many at once; without a method, in turn
    {"do": "call", "method": "sold", "params": ["coffee"], "service": "kiosk"}    one call
    {"do": "resolve", "id": "4bf92f3577b34da6a3ce929d0e0e4736"}    what came of that call?

The calls begin when their time has come, also while earlier ones still wait for a server that is
frozen. So what a class sees does not depend on what failed before. An error of a call does not end
the client; the end of its standard input does.

Threads: one for the rate, one that reads commands, one for each call, and those of the stub.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import os
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any, Callable
from xmlrpc.client import Fault

from client import CallError, Client, OutcomeUnknown
from ponte.net.address import show
from ponte.process import observe
from ponte.process.logs import start_logging
from ponte.process.options import chosen_tls, options
from ponte.process.running import run
from ponte.process.stopping import Stop

SERVICE = "kiosk"
# What it calls in turn, and with what.
PARAMS: dict[str, tuple[str, ...]] = {"hello": ("Hello",), "buy": ("coffee",), "sold": ("coffee",)}
TURN = ("hello", "buy")
# Seconds for a whole call, as in the demo of the terminal: an idempotent one waits for a frozen
# server for half of it, and then tries another.
TIMEOUT_S = 2.0
# Seconds that a resolve asks. A class waits for it.
RESOLVE_S = 5.0
RATE_PER_S = 2.0
# More would need other processes to make them; with fewer, nobody would wait for the next one.
MAX_RATE_PER_S = 200.0
MIN_RATE_PER_S = 0.01
MAX_BURST = 100
# Calls that wait at once, each with a thread. While so many do, no further ones are made.
AT_ONCE = 200
# Unknown outcomes that can still be resolved; the oldest is given up. Each keeps a number of its
# session open, and who got the call remembers it as long.
KEPT_UNKNOWN = 200

# Calls `method` of a service with parameters.
Call = Callable[[str, str, Sequence[Any]], Any]


def checked_rate(per_s: object) -> float:
    """A number of calls a second. Raises ValueError with one line for any other value."""
    if isinstance(per_s, bool) or not isinstance(per_s, (int, float)) \
            or not (per_s == 0 or MIN_RATE_PER_S <= per_s <= MAX_RATE_PER_S):
        raise ValueError(f"{per_s!r:.80} is no rate: take 0, or {MIN_RATE_PER_S} to "
                         f"{MAX_RATE_PER_S:.0f} calls a second")
    return float(per_s)


def checked_count(count: object) -> int:
    """A number of calls at once. Raises ValueError with one line for any other value."""
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MAX_BURST:
        raise ValueError(f"{count!r:.80} is no burst: take 1 to {MAX_BURST} calls")
    return count


class Caller:
    """Makes the calls. `call` blocks, and raises as a stub does.

    All methods may be called from any thread, but `pace`, which has one of its own.
    """

    def __init__(self, call: Call) -> None:
        self._call = call
        # Guarded by self._changed: the calls a second, whether it ends, how many calls were made in
        # turn, how many wait, and the unknown outcomes by trace id, the oldest first.
        self._changed = threading.Condition()
        self._per_s = RATE_PER_S
        self._is_closed = False
        self._turns = self._waiting = 0
        self._unknown: dict[str, OutcomeUnknown] = {}

    def obey(self, line: str) -> None:
        """Carries out a command, without waiting for calls. Raises ValueError with one line."""
        try:
            command = json.loads(line)
        except RecursionError:
            raise ValueError("too deep") from None
        if not isinstance(command, dict):
            raise ValueError("a command is a JSON object")
        do = command.get("do")
        for name in ("method", "service", "id"):
            if not isinstance(command.get(name, ""), str):
                raise ValueError(f"{name}: give a text")
        if do == "rate":
            self.set_rate(command.get("per_s"))
        elif do == "burst":
            self.burst(command.get("count"), command.get("method", ""))
        elif do == "call":
            method = command.get("method", "")
            self._begin(command.get("service", SERVICE), method,
                        command.get("params", PARAMS.get(method, ())))
        elif do == "resolve":
            self.resolve(command.get("id", ""))
        else:
            raise ValueError(f"nothing is called {do!r}")

    def set_rate(self, per_s: object) -> None:
        """Makes so many calls a second from now on. Raises ValueError."""
        wanted = checked_rate(per_s)
        with self._changed:
            self._per_s = wanted
            self._changed.notify_all()

    def burst(self, count: object, method: str = "") -> None:
        """Makes so many calls at once; fewer where too many wait already. Raises ValueError."""
        for _ in range(checked_count(count)):
            name = method or self._next_turn()
            self._begin(SERVICE, name, PARAMS.get(name, ()))

    def resolve(self, trace_id: str = "") -> None:
        """Asks what came of a call whose outcome is unknown; by default the latest. Raises
        ValueError where there is no such call.
        """
        with self._changed:
            trace_id = trace_id or next(reversed(self._unknown), "")
            error = self._unknown.get(trace_id)
        if error is None:
            raise ValueError("there is no unknown outcome of that call")
        _start(self._resolve, trace_id, error)

    def pace(self) -> None:
        """Makes calls at the rate that is set, until `close`. Blocks."""
        due = time.monotonic()
        while True:
            with self._changed:
                if self._is_closed:
                    return
                pause_s = due - time.monotonic() if self._per_s else None
                if pause_s is None or pause_s > 0:
                    before = self._per_s
                    self._changed.wait(pause_s)
                    if self._per_s != before:
                        due = time.monotonic()
                    continue
                # After a pause of the whole process, it does not make up for what it missed.
                due = max(due + 1 / self._per_s, time.monotonic() - 1 / self._per_s)
            # ValueError: too many calls wait. It is tried again when the next one is due.
            with contextlib.suppress(ValueError):
                name = self._next_turn()
                self._begin(SERVICE, name, PARAMS[name])

    def close(self) -> None:
        """Ends `pace`. Calls that wait are given up when the process ends."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _next_turn(self) -> str:
        with self._changed:
            self._turns += 1
            return TURN[(self._turns - 1) % len(TURN)]

    def _begin(self, service: str, method: str, params: object) -> None:
        if not service or not method or not isinstance(params, (list, tuple)):
            raise ValueError("a call has a service, a method, and a list of parameters")
        with self._changed:
            if self._waiting >= AT_ONCE:
                raise ValueError(f"{AT_ONCE} calls wait already: no more are made")
            self._waiting += 1
        try:
            _start(self._make, service, method, params)
        except ValueError:
            with self._changed:
                self._waiting -= 1
            raise

    def _make(self, service: str, method: str, params: Sequence[Any]) -> None:
        try:
            self._call(service, method, params)
        except OutcomeUnknown as error:
            self._keep(error.trace_id, error)
        except (CallError, Fault, ValueError, TypeError, OverflowError):
            # The stub has told it, where somebody watches.
            pass
        finally:
            with self._changed:
                self._waiting -= 1

    def _keep(self, trace_id: str, error: OutcomeUnknown) -> None:
        with self._changed:
            self._unknown[trace_id] = error
            while len(self._unknown) > KEPT_UNKNOWN:
                del self._unknown[next(iter(self._unknown))]

    def _resolve(self, trace_id: str, error: OutcomeUnknown) -> None:
        try:
            error.resolve(RESOLVE_S)
        except OutcomeUnknown:
            # It may be known later.
            return
        except (CallError, Fault):
            # That is known now.
            pass
        with self._changed:
            self._unknown.pop(trace_id, None)


def _start(do: Callable[..., None], *arguments: Any) -> None:
    """Starts a thread. Raises ValueError where the system has no room for one more."""
    try:
        threading.Thread(target=do, args=arguments, daemon=True).start()
    except RuntimeError as error:
        raise ValueError(str(error)) from None


def command_line() -> argparse.ArgumentParser:
    """What reads the options of this client."""
    parser = options("The client of the live page: calls the kiosk until its input ends.")
    parser.add_argument("--until-eof", action="store_true",
                        help="as other processes of Ponte have it; this one always does")
    return parser


def main(arguments: Sequence[str]) -> int:
    """Calls until standard input ends, or a signal stops it; returns 0."""
    chosen = command_line().parse_args(arguments)
    start_logging(chosen.verbose, chosen.log)
    observe.start_as(chosen.observe)
    stop = Stop()
    # As `Stop` does for processes that listen: when the launcher dies while this process is frozen,
    # the kernel wakes it up.
    if hasattr(os, "setpgrp"):
        os.setpgrp()

    @functools.cache
    def stub(service: str) -> Client:
        return Client(service, registries=chosen.registry, timeout_s=TIMEOUT_S,
                      tls=chosen_tls(chosen, listens=False))

    caller = Caller(lambda service, method, params: stub(service).call(method, *params))
    threading.Thread(target=_listen, args=(caller, stop), daemon=True).start()
    threading.Thread(target=caller.pace, daemon=True).start()
    print(f"client: calls {SERVICE}; registries: {', '.join(map(show, chosen.registry))}",
          flush=True)
    stop.wait()
    caller.close()
    return 0


def _listen(caller: Caller, stop: Stop) -> None:
    """Obeys each line of standard input."""
    rest = b""
    # Without the buffer of sys.stdin, whose lock a thread that reads would keep to the end.
    while True:
        try:
            data = os.read(0, 65536)
        except OSError:
            data = b""
        if not data:
            break
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            try:
                caller.obey(line.decode())
            except ValueError as error:
                print(f"client: {error}", file=sys.stderr, flush=True)
    stop.set("end of standard input")


if __name__ == "__main__":
    run(main)
