"""What the users of one process share, such as the connections of all its clients.

The problem: a program may make a client for each request, and never close one. If each had its own
connections and threads, a few hundred of them would use up what servers and registries have for all
their callers. The idea: one object for each key. It lives as long as somebody refers to it, and
nobody has to count, or to say `close`.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Hashable
from typing import Callable, Generic, TypeVar

from ponte.net.forking import leave_parent_in_child

V = TypeVar("V")


class Shared(Generic[V]):
    """Objects by their keys. Safe to share between threads.

    >>> class Line: pass
    >>> lines = Shared()
    >>> one = lines.get("a", Line)
    >>> lines.get("a", Line) is one, lines.get("b", Line) is one
    (True, False)
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Guarded by self._lock. (Python takes out an object that is gone, and needs no lock.)
        self._objects: weakref.WeakValueDictionary[Hashable, V] = weakref.WeakValueDictionary()
        leave_parent_in_child(self)

    def get(self, key: Hashable, make: Callable[[], V]) -> V:
        """The object of this key. If there is none, `make()` makes it, while the lock is held."""
        with self._lock:
            found = self._objects.get(key)
            if found is None:
                found = self._objects[key] = make()
            return found

    def leave_parent(self) -> None:
        """In a forked child: another thread may have held the lock. The objects stay: each leaves
        the parent by itself.
        """
        self._lock = threading.Lock()
