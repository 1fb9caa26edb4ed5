"""A service that keeps a record of its executions, whichever server runs them."""

from __future__ import annotations

import collections
import os
from collections import Counter

from tests.system.cluster import Cluster


class Journal:
    """A services file; each execution of its functions appends one line to a file.

    All servers that serve it append to the same file: the token of the call, and the instance.
    """

    TEXT = '''
        import os
        import threading
        from server import current_instance, idempotent

        _file = os.open({path!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


        def once(token):
            """Not idempotent: each token may stand in the file only once."""
            os.write(_file, f"{{token}} {{current_instance()}}\\n".encode())
            return token


        @idempotent
        def echo(token):
            return once(token)


        def linger(token):
            """Takes 0.05 s, so that a call is always under way."""
            threading.Event().wait(0.05)
            return once(token)


        @idempotent
        def dwell(token):
            """The same, but it may run twice."""
            return linger(token)


        def hold(token):
            """Not idempotent, and longer than any test waits."""
            once(token)
            threading.Event().wait(60)


        def work(token, seconds):
            """Takes `seconds`."""
            once(token)
            threading.Event().wait(seconds)
            return current_instance()


        @idempotent
        def compute(token, seconds):
            """Pure Python that computes for `seconds` and never waits."""
            import time
            once(token)
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                sum(range(10_000))
            return current_instance()


        @idempotent
        def whoami():
            return current_instance()
    '''

    def __init__(self, cluster: Cluster) -> None:
        self._path = os.path.join(cluster.directory, "executions")
        self.file = cluster.file("journal.py", self.TEXT.format(path=self._path))

    def executions(self) -> Counter[str]:
        """How many times each token was executed."""
        return collections.Counter(token for token, _ in self._entries())

    def instances(self) -> Counter[str]:
        """How many executions each instance has done."""
        return collections.Counter(instance for _, instance in self._entries())

    def _entries(self) -> list[tuple[str, str]]:
        try:
            with open(self._path, encoding="utf-8") as file:
                return [(token, instance) for token, instance in (line.split() for line in file)]
        except FileNotFoundError:
            return []
