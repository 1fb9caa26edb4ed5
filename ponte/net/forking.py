"""What a forked child leaves to its parent: sockets, threads and locks.

The problem: fork copies a process with all its memory and open sockets, but of its threads only the
one that called it. So a child has connections on which its parent goes on to talk: if both send,
each reads the replies of the other. It keeps ports open that its parent has closed. It waits for
ever for a lock that another thread held just then. And its followers and heartbeats have no thread.

The idea: everything that has such a thing says here how it leaves its parent. Python then calls
that in the child, before any other code of the child runs. A child begins with nothing; what it
needs it makes for itself, at its first use.

In `leave_parent`, a socket is closed by `Waitable.leave_parent` or by `socket.close()`, which close
the child's copy alone. A `shutdown` would end the connection of the parent; and a socket that is
taken out of a selector would be taken out of the parent's, since both have the same epoll set.

Windows has no fork.
"""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Owner(Protocol):
    """What has sockets, threads or locks."""

    def leave_parent(self) -> None:
        """Runs in a forked child, on its only thread. Must not block, nor depend on the order in
        which the owners are called.
        """


# Owners that nobody else refers to any more are forgotten.
_owners: weakref.WeakSet[Owner] = weakref.WeakSet()


def leave_parent_in_child(owner: Owner) -> None:
    """From now on, `owner.leave_parent()` is called in each forked child. From any thread."""
    _owners.add(owner)


def _leave_parents() -> None:
    for owner in list(_owners):
        owner.leave_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_parents)
