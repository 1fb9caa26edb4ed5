"""The classroom demo: eight guided steps with real processes, and a short name for every role.

    python3 demo.py                 the guided demo; --auto needs no key presses and proves each step
    python3 demo.py registry        one role in a terminal of its own; also: server, proxy, client
    python3 demo.py doctor          is this computer ready for the lesson?

All of it is in classroom/. This file stays in the syntax of old Pythons, so that they can say what is missing.
"""

import sys

if sys.version_info < (3, 9):  # noqa: UP036    the one place where an older Python must be told
    sys.exit("Ponte: Python 3.9 or later is needed; this is Python " + sys.version.split()[0])

if __name__ == "__main__":
    try:
        from classroom.command import main
        from ponte.process.running import run
    except KeyboardInterrupt:       # Ctrl-C while modules load
        sys.exit(130)
    run(main)
