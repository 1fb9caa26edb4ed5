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

import contextlib
import os
import sys
import traceback
import weakref
from typing import NoReturn, Protocol


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


def end_child(error: BaseException | None) -> NoReturn:
    """Ends a forked child in which a function of the user has returned, or has raised `error`.

    A function may fork, and its child may come back from it, by `return` or `sys.exit`. The reply
    to its caller is the parent's, and the child has nothing left to do: it ends as a program would.
    """
    code = 1 if error else 0
    if isinstance(error, SystemExit):
        code = _exit_code(error.code)
    elif error:
        traceback.print_exception(type(error), error, error.__traceback__)
    for stream in (sys.stdout, sys.stderr):
        # Closed, or nobody reads it.
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(code)


def _exit_code(given: object) -> int:
    """What `sys.exit` makes of its parameter."""
    if given is None:
        return 0
    if isinstance(given, int):
        return given & 255
    print(given, file=sys.stderr)
    return 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_parents)
