"""Accepts connections, each carried on a thread of its own, until it is closed.

Threads: one that accepts, and one for each connection. `close` may be called on any, and twice.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import Callable

from lab.relayed import shut_down
from ponte.net.address import Address

# Seconds that `close` waits to reach its own listener, whose queue may be full.
WAKE_S = 2.0
# Seconds of rest after an `accept` that failed.
PAUSE_S = 0.01


class Accepter:
    """Calls `carry(connection)` for each connection to `listener`, which is ours from now on.

    Attribute: `address`, where it listens; it never changes.
    """

    def __init__(self, listener: socket.socket, carry: Callable[[socket.socket], None]) -> None:
        self._listener, self._carry = listener, carry
        self.address: Address = listener.getsockname()[:2]
        # Guarded by self._lock: _closed.
        self._lock = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stops listening: the system refuses new connections, as it does where a process has died.
        """
        with self._lock:
            if self._closed:
                return
            self._closed = True
        # A shutdown of the listener ends an `accept` on Linux alone; a connection does so on every
        # system, but it needs a file descriptor.
        shut_down(self._listener)
        with contextlib.suppress(OSError):
            socket.create_connection(self.address, WAKE_S).close()
        self._thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while not self._closed:
            try:
                near, _ = self._listener.accept()
            except OSError:
                # A caller has gone before it was accepted, as Windows says by several errors; or
                # no file descriptor is free, which may last.
                time.sleep(PAUSE_S)
                continue
            if self._closed:
                near.close()
                return
            threading.Thread(target=self._carry, args=(near,), daemon=True).start()
