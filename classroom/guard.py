"""What ends a frozen process when the demo that froze it is killed.

The problem: a process of the demo ends when its standard input does. A frozen one reads nothing. If
the demo is killed, the kernel sends SIGHUP and SIGCONT to a stopped process group, but only if the
group is orphaned then (POSIX, 11.1.4): no process in it has a parent in another group of the same
session. Where a process of that session adopts the frozen one, such as the shell of a container
with `docker run -it`, the group is not orphaned, and it would stay frozen for ever.

The idea: while a process is frozen, a second one watches in its place: the guard. It waits for the
end of a pipe whose other end only the demo has. When that end comes, the demo is no more, and the
guard ends the frozen process.

POSIX only: on Windows all processes are in one job, which ends with the demo.
"""

from __future__ import annotations

import subprocess

from ponte.net import windows

# SIGKILL ends also a process that is stopped.
_PROGRAM = "import os, signal, sys; os.read(0, 1); os.kill(int(sys.argv[1]), signal.SIGKILL)"


class Guard:
    """Kills the process `pid` when this one ends, however that happens; until `dismiss`.

    Start it before the process is frozen, and dismiss it before the process is waited for: after
    that another process can have its number. Raises OSError if it cannot be started.

    Threads: any.
    """

    def __init__(self, pid: int) -> None:
        python, variables = windows.own_python({})
        # In a session of its own: Ctrl-C in the terminal, or its end, would end the guard, too.
        self._process = subprocess.Popen(
            [python, "-I", "-S", "-c", _PROGRAM, str(pid)], cwd="/", env=variables,
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True)

    def dismiss(self) -> None:
        """Ends the guard; the process goes on. It can be called twice."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdin
        self._process.stdin.close()
