"""The client of a lesson: says Hello again and again, and shows who answered, how, and how fast.

    14:03:12  ✓ hello("Hello") → World   server-2 via proxy-4180    1.3 ms

Stop a server, freeze one, kill the proxy: the next lines tell what happened. Ctrl-C ends it with the shares.

Threads: the client's; all printing is on the main one.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Sequence
from xmlrpc.client import Fault

from classroom.screen import Screen, bar
from classroom.texts import Words
from client import CallError, Client, Trace
from ponte.process.logs import start_logging
from ponte.process.options import chosen_tls, options, seconds

TIMEOUT_S = 5.0
NOBODY = "✗"
BAR_COLUMNS = 30


def main(arguments: Sequence[str], words: Words) -> int:
    parser = options("The client of a lesson: says Hello until Ctrl-C. For one call of any service, and all "
                             "options of client.py: demo.py client greeter hello Hello --trace")
    parser.add_argument("--every", type=seconds, default=1.0, metavar="SECONDS",
                        help="pause between calls (default: %(default)s)")
    parser.add_argument("--repeat", type=int, default=0, metavar="N", help="call N times (default: until Ctrl-C)")
    parser.add_argument("--timeout", type=seconds, default=TIMEOUT_S, metavar="SECONDS",
                        help="for a whole call with its attempts (default: %(default)s)")
    chosen = parser.parse_args(arguments)
    start_logging(chosen.verbose)
    screen = Screen(sys.stdout)
    screen.line(words("caller.hint"), style="predict")
    shares: Counter[str] = Counter()
    attempts: list[Trace] = []
    with Client("greeter", registries=chosen.registry, timeout_s=chosen.timeout, on_attempt=attempts.append,
                tls=chosen_tls(chosen, listens=False)) as client:
        try:
            done = 0
            while done == 0 or done != chosen.repeat:
                if done:
                    time.sleep(chosen.every)
                attempts.clear()
                shares[_call(client, attempts, screen, words)] += 1
                done += 1
        except KeyboardInterrupt:
            screen.line()
    _sum_up(shares, screen, words)
    return 4 if shares[NOBODY] else 0


def _call(client: Client, attempts: list[Trace], screen: Screen, words: Words) -> str:
    """One call and its lines; returns who answered, or NOBODY."""
    lead, began = time.strftime("%H:%M:%S  "), time.monotonic()
    try:
        value = client.hello("Hello")
    except (CallError, Fault) as error:
        screen.line(f"✗ {type(error).__name__}: {getattr(error, 'meaning', error)}", style="failed", lead=lead)
        _tell_attempts(attempts, screen, words)
        if not attempts:
            screen.line(str(error), lead="            ")
        return NOBODY
    took_ms = (time.monotonic() - began) * 1000
    if len(attempts) > 1:
        _tell_attempts(attempts, screen, words)
    by = who_answered(attempts[-1])
    endpoint = attempts[-1].endpoint.instance
    way = words("caller.via", by=by, endpoint=endpoint) if endpoint != by else words("caller.direct", by=by)
    screen.line(f'✓ hello("Hello") → {value}   {way:<28} {took_ms:7.1f} ms', style="passed", lead=lead)
    return by


def who_answered(trace: Trace) -> str:
    """The instance that answered an attempt, from what it says of itself."""
    return trace.what.partition("answered by ")[2] or trace.endpoint.instance


def _tell_attempts(attempts: list[Trace], screen: Screen, words: Words) -> None:
    for number, trace in enumerate(attempts, 1):
        screen.line(words("caller.attempt", number=number, trace=trace), lead="            ", style="faint")


def _sum_up(shares: Counter[str], screen: Screen, words: Words) -> None:
    calls = sum(shares.values())
    screen.line(words("caller.sum", calls=calls, failed=shares[NOBODY]), style="strong")
    for name, count in sorted(shares.items()):
        if name != NOBODY:
            screen.line(f"  {name:<12} {bar(count / calls, BAR_COLUMNS)} {count}")
