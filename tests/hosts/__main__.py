"""python3 -m tests.hosts [NAME ...]: stories with several hosts, and a verdict for each.

Without a NAME all are told; else those with a NAME in their name. The exit code is 1 if a story
does not hold. Needs root and `ip netns`; without them it says so, and the exit code is 0, or 1 if
the variable CI is "true".
"""

from __future__ import annotations

import argparse
import signal
import sys
import time

from ponte.process.characters import write_any
from ponte.process.options import PYTHON
from ponte.process.typed import here
from tests.hosts import answers, frozen, names, one_name, reachable
from tests.hosts.tell import Telling
from tests.netns.namespaces import NoNamespaces, exit_code_of_skipped

# Those that take longest come first: then all end at about the same time.
STORIES = [*frozen.STORIES, *names.STORIES, *one_name.STORIES, *reachable.STORIES,
           *answers.STORIES]


def main() -> int:
    parser = argparse.ArgumentParser(prog=f"{PYTHON} -m tests.hosts", description=here(__doc__))
    parser.add_argument("names", nargs="*", metavar="NAME", help="a part of the name of a story")
    parser.add_argument("--list", action="store_true", help="show the names, and tell nothing")
    chosen = parser.parse_args()
    stories = [story for story in STORIES
               if not chosen.names or any(name in story.name for name in chosen.names)]
    if chosen.list:
        print("\n".join(story.name for story in stories))
        return 0
    if not stories:
        parser.error(f"no story has {' or '.join(chosen.names)} in its name: try --list")
    # SIGTERM ends it as Ctrl-C does: the namespaces are removed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    began = time.monotonic()
    try:
        broken = Telling(lambda line: print(line, flush=True)).run(stories)
    except NoNamespaces as error:
        print(f"hosts: skipped, this machine allows no network namespaces: {error}")
        return exit_code_of_skipped()
    print(f"hosts: {len(stories) - len(broken)} of {len(stories)} stories hold, "
          f"in {time.monotonic() - began:.0f} s")
    for name in broken:
        print(f"hosts: BROKEN: {name}")
    return 1 if broken else 0


if __name__ == "__main__":
    write_any(sys.stdout, sys.stderr)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
