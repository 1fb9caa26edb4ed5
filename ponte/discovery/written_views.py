"""An optimisation: skip it at first. A registry writes each view once, for all its readers.

All readers that watch a view wake together when it changes, and ask for the same reply. It takes
milliseconds to write; so the first of them writes it, and the others wait and get the same bytes.
"""

from __future__ import annotations

import threading
from typing import Any

from ponte.discovery.lookup import LookupResult
from ponte.rpc.marshal import encode_result

# Replies that are kept. For an endpoint, one with structs takes some 700 bytes, and one with JSON
# some 90.
MAX_KEPT = 100


class _Kept:
    """The latest reply for one service, in one form."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        # Guarded by self.lock: the reply, and the index of the view in it.
        self.index, self.reply = 0, b""


class WrittenViews:
    """Writes the replies of a registry. Safe to share between threads.

    A tombstone may stay in a kept reply after the table has dropped it. Its instance has left all
    the same, so readers may see it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Guarded by self._lock: service and form -> reply.
        self._kept: dict[tuple[str, str], _Kept] = {}

    def encode(self, value: Any) -> bytes:
        """The <methodResponse> with this value; for a LookupResult, with it or with a newer one."""
        if not isinstance(value, LookupResult):
            return encode_result(value)
        key = value.service, value.form
        with self._lock:
            if key not in self._kept and len(self._kept) >= MAX_KEPT:
                self._kept.clear()
            kept = self._kept.setdefault(key, _Kept())
        # A second reader of the same view waits for the same reply.
        with kept.lock:
            if kept.index < value.index:
                kept.index, kept.reply = value.index, encode_result(value.to_value())
            return kept.reply
