"""The command of the soaks."""

from __future__ import annotations

import argparse
import os
import sys

from ponte.process.characters import write_any
from ponte.process.options import PYTHON
from tests.soak import clients, load


def main() -> int:
    parser = argparse.ArgumentParser(prog=f"{PYTHON} -m tests.soak",
                                     description=f"{load.__doc__}\n{clients.__doc__}",
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", action="store_true", help="the second soak")
    parser.add_argument("--minutes", type=float, default=30.0,
                        help="how long (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1,
                        help="of faults and garbage (default: %(default)s)")
    chosen = parser.parse_args()
    if not os.path.isdir("/proc/self/task"):
        print("soak: this needs Linux: it reads /proc", file=sys.stderr)
        return 2
    run = clients.run if chosen.clients else load.run
    print(f"soak: {chosen.minutes:g} minutes, seed {chosen.seed}", flush=True)
    well = run(chosen.seed, chosen.minutes * 60, lambda line: print(f"  {line}", flush=True))
    return 0 if well else 1


if __name__ == "__main__":
    write_any(sys.stdout, sys.stderr)
    sys.exit(main())
