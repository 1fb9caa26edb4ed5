"""python3 -m tests.interop [NAME ...]: Ponte's parts beside the real programs of their kind.

Each module check_NAME.py of this folder is about one of them: without a NAME, all are run. Each of
its functions check_... gets an empty house of processes (tests/system/cluster.py), and the place of
the programs. Each promise that was seen kept is a line; what was measured is a table at the end.

Root of a Debian system installs what is missing. Elsewhere a module whose programs are missing is
skipped: with CI=true that is a failure.

With --programs FOLDER nothing is checked. The programs that docs/interop.md and `demo.py swap` use
are installed, and those that Debian does not have stand in FOLDER/bin afterwards.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from ponte.process.characters import write_any
from ponte.process.options import PYTHON
from ponte.process.typed import here
from tests.interop.peers import GRPCURL, Missing, Peers, found, install
from tests.interop.told import print_figures
from tests.netns.namespaces import exit_code_of_skipped
from tests.system.cluster import Cluster

Check = Callable[[Cluster, Peers], None]

NAMES = sorted(file.stem[len("check_"):] for file in Path(__file__).parent.glob("check_*.py"))


def checks_of(module: ModuleType) -> list[Check]:
    """The checks that a module defines itself, in the order of its text."""
    return [check for name, check in vars(module).items()
            if name.startswith("check_") and callable(check)
            and check.__module__ == module.__name__]


def passes(check: Check, peers: Peers) -> bool:
    """Whether a check passes. One that fails is run once more: a machine that has other work may
    be late, and a promise that is broken is broken twice.
    """
    if run(check, peers):
        return True
    print(f"once more: {check.__name__}", flush=True)
    return run(check, peers)


def run(check: Check, peers: Peers) -> bool:
    """Whether a check passed, this once. If not, prints why."""
    house = Cluster()
    try:
        check(house, peers)
    except Missing:
        raise
    except Exception:
        traceback.print_exc(file=sys.stdout)
        print(f"FAILED  {check.__module__}.{check.__name__}", flush=True)
        return False
    finally:
        house.close()
    return True


def run_module(module: ModuleType, peers: Peers) -> str:
    """Runs the checks of a module. Returns "passed", "failed", or "skipped"."""
    name = module.__name__.rpartition("check_")[2]
    began = time.monotonic()
    print(f"\n{name}", flush=True)
    lacking = [program for program in getattr(module, "PROGRAMS", {})
               if not found(program)]
    try:
        if lacking:
            raise Missing(f"not installed: {', '.join(lacking)}")
        if hasattr(module, "install"):
            module.install(peers)
        results = [passes(check, peers) for check in checks_of(module)]
        outcome = "passed" if all(results) else "failed"
    except Missing as why:
        print(f"SKIPPED: {why}", flush=True)
        outcome = "skipped"
    print(f"{outcome}: {name}, {time.monotonic() - began:.0f} s", flush=True)
    return outcome


def install_commands(folder: str) -> int:
    """Puts the programs that Debian does not have into FOLDER/bin. Returns the exit code."""
    try:
        Peers(folder).commands(grpcurl=GRPCURL, consul="consul")
    except Missing as why:
        print(f"SKIPPED: {why}", flush=True)
        return exit_code_of_skipped()
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog=f"{PYTHON} -m tests.interop", description=here(__doc__))
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[*NAMES, []],
                        help=f"what to check: {', '.join(NAMES)}")
    parser.add_argument("--programs", metavar="FOLDER",
                        help="install the programs of docs/interop.md, and check nothing")
    chosen = parser.parse_args()
    names = chosen.names or NAMES
    modules = [importlib.import_module(f"tests.interop.check_{name}") for name in names]
    install({program: package for module in modules
             for program, package in getattr(module, "PROGRAMS", {}).items()})
    if chosen.programs:
        return install_commands(chosen.programs)
    with tempfile.TemporaryDirectory() as folder:
        peers = Peers(folder)
        outcomes = [run_module(module, peers) for module in modules]
    print_figures()
    print(f"\n{outcomes.count('passed')} passed, {outcomes.count('failed')} failed, "
          f"{outcomes.count('skipped')} skipped")
    if "failed" in outcomes:
        return 1
    return exit_code_of_skipped() if "skipped" in outcomes else 0


if __name__ == "__main__":
    write_any(sys.stdout, sys.stderr)
    sys.exit(main())
