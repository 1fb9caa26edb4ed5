"""The client of a lesson: it says Hello again and again, and shows who answered, and how fast.

    14:03:12  ✓ hello("Hello") → World   server-2 via proxy-4180    1.3 ms
    14:03:12  ✓ World  server-2 via proxy-4180    1.3 ms             below 80 columns

Stop a server, freeze one, or kill the proxy: the next lines show what the client did. Ctrl-C ends
it, and shows how many calls each server answered, and how long the slowest took.

Threads: the client's; only the main one prints.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from xmlrpc.client import Fault

from classroom.language import Words
from classroom.screen import Screen, bar
from client import EXIT_NOT_SENT, CallError, Client, Trace, number_of_calls
from ponte.process.logs import start_logging
from ponte.process.options import chosen_tls, options, seconds

TIMEOUT_S = 5.0
# Stands for the server of a call without an answer.
NOBODY = "✗"
# The widest bar; and what stands beside one, but for the name: spaces, and the number of answers.
BAR_COLUMNS = 30
BESIDE_BAR = 4 + 6
# In a terminal that is narrower than this, lines have a short form.
WIDE_COLUMNS = 80
# Under a call, as wide as its time.
MARGIN = " " * 12


def command_line() -> argparse.ArgumentParser:
    """What reads the options of the client of a lesson."""
    parser = options("The client of a lesson: says Hello until Ctrl-C. For one call of any "
                     "service, and all options of client.py: "
                     "demo.py client greeter hello Hello --trace")
    parser.add_argument("--every", type=seconds, default=1.0, metavar="SECONDS",
                        help="pause between calls (default: %(default)s)")
    parser.add_argument("--repeat", type=number_of_calls, default=0, metavar="N",
                        help="call N times, 0 = until Ctrl-C (default: %(default)s)")
    parser.add_argument("--timeout", type=seconds, default=TIMEOUT_S, metavar="SECONDS",
                        help="for a whole call with its attempts (default: %(default)s)")
    return parser


def main(arguments: Sequence[str], words: Words) -> int:
    """Calls until Ctrl-C; returns 0, or 4 if a call failed."""
    chosen = command_line().parse_args(arguments)
    start_logging(chosen.verbose, chosen.log)
    screen = Screen(sys.stdout)
    if _is_wide(screen):
        screen.line(words("Saying Hello until Ctrl-C. "
                          "Stop a server, or kill one, and watch who answers."), style="predict")
    else:
        screen.line(words("Saying Hello until Ctrl-C: who answers?"), style="predict")
    screen.line(words("process {pid}", pid=os.getpid()))
    shares: Counter[str] = Counter()
    slowest_s = 0.0
    attempts: list[Trace] = []
    with Client("greeter", registries=chosen.registry, timeout_s=chosen.timeout,
                on_attempt=attempts.append, tls=chosen_tls(chosen, listens=False)) as client:
        try:
            done = 0
            while done == 0 or done != chosen.repeat:
                if done:
                    time.sleep(chosen.every)
                attempts.clear()
                began = time.perf_counter()
                shares[_call(client, attempts, screen, words)] += 1
                slowest_s = max(slowest_s, time.perf_counter() - began)
                done += 1
        except KeyboardInterrupt:
            screen.line()
    _sum_up(shares, slowest_s, screen, words)
    return EXIT_NOT_SENT if shares[NOBODY] else 0


def _call(client: Client, attempts: list[Trace], screen: Screen, words: Words) -> str:
    """Makes one call and shows it; returns the server that answered, or NOBODY."""
    lead, began = time.strftime("%H:%M:%S  "), time.perf_counter()
    try:
        value = client.hello("Hello")
    except (CallError, Fault) as error:
        meaning = words.quoted(str(getattr(error, "meaning", error)))
        screen.line(f"✗ {type(error).__name__}: {meaning}", style="failed", lead=lead)
        _show_attempts(attempts, screen, words)
        if not attempts:
            what, start, command = str(error).partition("start one with: ")
            screen.line(words.quoted(what + start), lead=MARGIN)
            if command:
                # In one line, so that it can be copied.
                screen.command(words.command(command), lead=MARGIN)
        return NOBODY
    took_ms = (time.perf_counter() - began) * 1000
    if len(attempts) > 1 or attempts[-1].tried:
        _show_attempts(attempts, screen, words)
    server, endpoint = who_answered(attempts[-1]), attempts[-1].endpoint.instance
    way = (f"{server} via {endpoint}" if endpoint != server else
           words("{server}, no proxy", server=server))
    shown = f'hello("Hello") → {value} ' if _is_wide(screen) else value
    screen.line(words("✓ {shown}  {way:<28} {took_ms:7.1f} ms", shown=shown, way=way,
                      took_ms=took_ms), style="passed", lead=lead)
    return server


def _is_wide(screen: Screen) -> bool:
    return screen.columns >= WIDE_COLUMNS


def who_answered(trace: Trace) -> str:
    """The server that answered an attempt: the reply names it, also where a proxy passed it on."""
    return trace.what.partition("answered by ")[2] or trace.endpoint.instance


def _show_attempts(attempts: list[Trace], screen: Screen, words: Words) -> None:
    for number, trace in enumerate(attempts, 1):
        if _is_wide(screen):
            screen.line(words("attempt {number}: {trace}", number=number, trace=trace),
                        lead=MARGIN, style="faint")
        else:
            tried = f", tried {trace.tried}" if trace.tried else ""
            screen.line(words.quoted(f"{trace.endpoint.instance}: {trace.what}{tried}"),
                        lead=f"  {number}. ", style="faint")


def _sum_up(shares: Counter[str], slowest_s: float, screen: Screen, words: Words) -> None:
    calls = sum(shares.values())
    screen.line(words("{calls} calls, {failed} failed; the slowest took {slowest_ms:.0f} ms",
                      calls=calls, failed=shares[NOBODY], slowest_ms=slowest_s * 1000),
                style="strong")
    width = max(12, *map(len, shares))
    columns = max(min(BAR_COLUMNS, screen.columns - width - BESIDE_BAR), 1)
    for name, answered in sorted(shares.items()):
        if name != NOBODY:
            screen.line(f"  {name:<{width}} {bar(answered / calls, columns)} {answered}")
