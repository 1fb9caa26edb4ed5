"""A service that keeps a record of its executions, whichever server runs them."""

from __future__ import annotations

import collections
import os
from collections import Counter

from lab.checker import Run
from tests.system.cluster import Cluster


class Journal:
    """A services file; each execution of its functions appends one line to a file.

    Each process that serves it has a file of its own: on Windows, lines are lost where two
    processes append to one file. A line has the token of the call, the instance, the time
    (time.monotonic, which all processes of a machine share), and 1 if this life promises that the
    function is idempotent.

    Attributes: `folder`, where these files are.

    There are two versions of it, `file` and `strict_file`: the second one has dropped its promise
    that `waver` is idempotent.
    """

    TEXT = '''
        import os
        import threading
        import time
        from server import current_instance, idempotent

        _file = os.open(os.path.join({path!r}, str(os.getpid())),
                        os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


        def _note(token, promised=0):
            line = f"{{token}} {{current_instance()}} {{time.monotonic()}} {{promised}}\\n"
            os.write(_file, line.encode())
            return token


        def once(token):
            """Not idempotent: each token may stand in the file only once."""
            return _note(token)


        @idempotent
        def echo(token):
            return _note(token, 1)


        def waver(token):
            """One version of the service promises that it is idempotent, and one does not."""
            return _note(token, {promised})


        if {promised}:
            idempotent(waver)


        def linger(token):
            """Takes 0.05 s, so that a call is always under way."""
            threading.Event().wait(0.05)
            return _note(token)


        @idempotent
        def dwell(token):
            """The same, but it may run twice."""
            threading.Event().wait(0.05)
            return _note(token, 1)


        def hold(token):
            """Not idempotent, and longer than any test waits."""
            _note(token)
            threading.Event().wait(60)


        def work(token, seconds):
            """Takes `seconds`."""
            _note(token)
            threading.Event().wait(seconds)
            return current_instance()


        def slow(token, seconds):
            """The same, but it returns the token."""
            work(token, seconds)
            return token


        def bulk(token, size_bytes):
            """Not idempotent, with a long reply."""
            _note(token)
            return "x" * size_bytes


        @idempotent
        def compute(token, seconds):
            """Pure Python that computes for `seconds` and never waits."""
            _note(token, 1)
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                sum(range(10_000))
            return current_instance()


        @idempotent
        def whoami():
            return current_instance()
    '''

    def __init__(self, cluster: Cluster) -> None:
        self.folder = os.path.join(cluster.directory, "executions")
        os.mkdir(self.folder)
        self.file = cluster.file("journal.py", self.TEXT.format(path=self.folder, promised=1))
        # A services file has the name of its service.
        os.mkdir(os.path.join(cluster.directory, "strict"))
        self.strict_file = cluster.file(os.path.join("strict", "journal.py"),
                                        self.TEXT.format(path=self.folder, promised=0))

    def executions(self) -> Counter[str]:
        """How many times each token was executed."""
        return collections.Counter(run.call_id for run in self.runs())

    def instances(self) -> Counter[str]:
        """How many executions each instance has done."""
        return collections.Counter(instance for _, instance, _, _ in self._entries())

    def runs(self) -> list[Run]:
        """Every execution, in order, as the checker takes it."""
        found = [Run(token, float(began_at), promised == "1")
                 for token, _, began_at, promised in self._entries()]
        return sorted(found, key=lambda run: run.began_at)

    def _entries(self) -> list[list[str]]:
        """The words of each line, of one process after the other."""
        found = []
        for name in os.listdir(self.folder):
            with open(os.path.join(self.folder, name), encoding="utf-8") as file:
                found += [line.split() for line in file]
        return found
