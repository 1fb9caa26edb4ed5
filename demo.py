"""The classroom demo: nine guided steps with real processes, and a short name for every role.

    python3 demo.py                 the guided demo; --auto needs no key presses, --from 5 begins
                                    at step 5
    python3 demo.py registry        one role in its own terminal; also: server, proxy, client
    python3 demo.py attack          a second guided story: a thief, and what stops it
    python3 demo.py swap            a third one: each part replaced by its industrial peer
    python3 demo.py page            all of it live on a page of the browser; also: page --help
    python3 demo.py join CODE       this computer takes part in a page that shows a CODE
    python3 demo.py doctor          is this computer ready for the lesson?

All of it is in classroom/, but for the page and what joins it, which are in dashboard/. This file
keeps to the syntax of old versions of Python, so that they can print which version is needed.
"""

import sys

# The words that another room than classroom/ takes, and its module for each.
HANDED_ON = {"page": "dashboard.command", "join": "dashboard.join"}

# Only an older Python sees this line.
if sys.version_info < (3, 9):  # noqa: UP036
    sys.exit("Ponte: Python 3.9 or later is needed; this is Python " + sys.version.split()[0])

if __name__ == "__main__":
    try:
        from classroom.command import main
        from ponte.process.running import run
    except KeyboardInterrupt:
        # Ctrl-C while the modules load.
        sys.exit(130)
    run(lambda arguments: main(arguments, HANDED_ON))
