"""The programs of Ponte in one process, one after the other, for what they refuse at once.

    python3 -m tests.system.refusals

Each line of standard input has, as JSON, the words of a command line and the variables of its
environment. It is answered by a line with the exit code, and what the program has printed to
standard error. A process for each would take most of the time of a test to start.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import sys
import traceback
import unittest.mock

import client
import proxy
import registry
import server
from ponte.process.running import run

# The exit code of a program that ended in no way of its own.
EXIT_BROKEN = 70
MAINS = {"client.py": client.main, "proxy.py": proxy.main, "registry.py": registry.main,
         "server.py": server.main}


def end_of(words: list[str], environment: dict[str, str]) -> tuple[int, str]:
    """The exit code of a program that refuses this, and what it says about it."""
    program, *arguments = words
    logging.getLogger("ponte").setLevel(logging.NOTSET)
    code, printed = EXIT_BROKEN, io.StringIO()
    sys.argv = [program, *arguments]
    with contextlib.redirect_stderr(printed), contextlib.redirect_stdout(io.StringIO()), \
            unittest.mock.patch.dict(os.environ, environment):
        try:
            run(MAINS[program], arguments)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else EXIT_BROKEN
        except BaseException:
            # The test prints it, whatever it is.
            traceback.print_exc()
    return code, printed.getvalue()


def main() -> None:
    # Each program is named as if it had been started by itself, and not by -m.
    sys.modules["__main__"].__spec__ = None
    for line in sys.stdin:
        print(json.dumps(end_of(*json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
