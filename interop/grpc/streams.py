"""One stream of a connection: its states and its windows (RFC 9113, section 5). Pure.

A stream is one call: a request in one direction, its reply in the other. Each direction has its own
end, so the states of the RFC are two truth values:

                          the peer may send    it may not
    we may send           open                 half-closed (remote)
    we may not            half-closed (local)  closed

A window is what one side lets the other send: so many bytes of DATA, and no more until it says so.
There is one for each stream, and one for the connection, so a fast sender fills no memory, and a
reader that is slow in one stream does not stop the others.

>>> stream = Stream(1, send_window=65_535, receive_window=65_535)
>>> stream.receiving, stream.is_ending, stream.end_sent
(True, False, False)
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple


class Piece(NamedTuple):
    """What waits to be sent in a stream: DATA, or the block of its trailers."""

    data: memoryview
    is_trailers: bool
    end_stream: bool


class Stream:
    """A stream that is not closed. A closed one is dropped: only its number is remembered."""

    __slots__ = ("body_left", "end_sent", "has_head", "has_turn", "id", "is_ending", "kept_bytes",
                 "queue", "receive_window", "receiving", "send_window", "to_open")

    def __init__(self, stream_id: int, send_window: int, receive_window: int) -> None:
        self.id = stream_id
        # Whether the peer may send, and whether all that we send has been handed out.
        self.receiving, self.end_sent = True, False
        # Whether our side has said its last word; some of it may still be queued.
        self.is_ending = False
        # Whether the header fields that begin what the peer sends have come.
        self.has_head = False
        # Bytes that content-length announced and that have not come; None without it.
        self.body_left: int | None = None
        # Bytes that the peer may send; that came and were not consumed; and by which the window is
        # to be opened.
        self.receive_window, self.kept_bytes, self.to_open = receive_window, 0, 0
        # Bytes that the peer lets us send: less than none where it made the window smaller.
        self.send_window = send_window
        self.queue: deque[Piece] = deque()
        # Whether it stands in the row of those that may send (outbox.py).
        self.has_turn = False
