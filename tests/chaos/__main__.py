"""python3 -m tests.chaos --minutes N --seed S: a chaos run, and its table.

The exit code is 1 if an outcome contradicts the record of executions. Instead of a run, --kills N,
--rolling N and --leases measure one thing each; --stories and --long-freeze play scenarios.
"""

from __future__ import annotations

import argparse
import functools
import random
import sys
from concurrent.futures import ThreadPoolExecutor

from ponte.process.characters import write_any
from ponte.process.options import PYTHON
from ponte.process.typed import here
from tests.chaos import measure, stories
from tests.chaos.run import ENGINES, run


def say(line: str) -> None:
    print(f"  {line}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog=f"{PYTHON} -m tests.chaos", description=here(__doc__))
    parser.add_argument("--minutes", type=float, default=1.0,
                        help="how long (default: %(default)s)")
    parser.add_argument("--seed", type=int, help="repeats the faults of an earlier run")
    parser.add_argument("--engine", choices=ENGINES, help="of both proxies (default: one of each)")
    parser.add_argument("--kills", type=int, metavar="N",
                        help="kill servers N times: when do readers see it, which calls fail")
    parser.add_argument("--rolling", type=int, metavar="N",
                        help="N rounds of rolling restarts under load")
    parser.add_argument("--leases", action="store_true", help="simulate ten minutes of lost beats")
    parser.add_argument("--stories", nargs="?", const="", metavar="NAME",
                        help="play the scenarios of stories.py, or those with NAME in their name")
    parser.add_argument("--long-freeze", action="store_true",
                        help="freeze a proxy for 66 s while a call is under way, once per engine")
    chosen = parser.parse_args()
    engines = [chosen.engine] if chosen.engine else list(ENGINES)
    if chosen.kills:
        return 0 if measure.kills(chosen.kills, say) else 1
    if chosen.rolling:
        return 0 if measure.rolling(chosen.rolling, say) else 1
    if chosen.leases:
        return 0 if measure.leases(say) else 1
    if chosen.stories is not None or chosen.long_freeze:
        tell = (functools.partial(stories.long_freeze, say) if chosen.long_freeze else
                lambda engine: stories.tell_all(say, engine, chosen.stories))
        # Side by side: they mostly wait.
        with ThreadPoolExecutor() as pool:
            return 0 if all(pool.map(tell, engines)) else 1
    seed = random.randrange(10 ** 6) if chosen.seed is None else chosen.seed
    print(f"chaos: {chosen.minutes:g} minutes, seed {seed}", flush=True)
    report = run(seed, chosen.minutes * 60,
                 engines=[chosen.engine] * 2 if chosen.engine else ENGINES, say=say)
    print(f"chaos: seed {seed}, {report.rounds} rounds, "
          + ", ".join(f"{count} x {name}" for name, count in sorted(report.faults.items())))
    print(report.verdict.table())
    return 0 if report.verdict.ok and not report.verdict.idempotent_failed else 1


if __name__ == "__main__":
    write_any(sys.stdout, sys.stderr)
    sys.exit(main())
