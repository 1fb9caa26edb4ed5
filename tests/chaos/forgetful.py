"""python3 -m tests.chaos.forgetful server.py ARGUMENTS: the same program with a short memory.

A memory of calls that is never full proves little. Here it is full all the time: replies and whole
sessions are dropped within moments, and so a freeze of a second is longer than any memory. Nothing
in Ponte can be set so low: this wrapper gives ponte/calls/once.py other constants, before any other
module reads them.
"""

from __future__ import annotations

import importlib
import sys

from ponte.calls import once
from ponte.process.running import run

# Instead of thousands of sessions, 32 MB, and thousands of numbers. A session of each caller has
# room: with fewer, callers would only ask each other's sessions away.
SHORT = {"MAX_SESSIONS": 12, "MAX_BYTES": 24_000, "WINDOW": 24}


def shorten() -> None:
    """Gives the memory of this process other constants. Raises SystemExit if there are no such."""
    for name, value in SHORT.items():
        if not hasattr(once, name):
            raise SystemExit(f"ponte/calls/once.py has no {name}")
        setattr(once, name, value)


def main() -> None:
    shorten()
    script, *arguments = sys.argv[1:]
    # As the actors do it: a services file that imports `server` must meet the same module.
    actor = importlib.import_module(script[:-len(".py")])
    sys.argv = [script, *arguments]
    run(actor.main, arguments)


if __name__ == "__main__":
    main()
