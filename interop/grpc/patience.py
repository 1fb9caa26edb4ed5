"""How much work for nothing a peer may cause (RFC 9113, section 10.5). Pure.

The problem: some frames are cheap to send and dear to receive. A peer opens a stream and resets it
at once, again and again ("rapid reset", CVE-2023-44487); it sends PING or SETTINGS, each of which
wants an answer (CVE-2019-9512, -9515); or DATA without data (CVE-2019-9518). No single frame of
them is wrong.

The idea: a bucket of tokens. Frames that bring nothing on take some out. Time puts some in, and so
does work that was done: a call that was answered, data that moved. Nobody with real calls finds the
bucket empty, however busy he is. A flood does, and its connection ends.

>>> patience = Patience()
>>> patience.spend(BURST)
>>> patience.spend(1)
Traceback (most recent call last):
    ...
interop.grpc.frames.ConnectionFault: too many frames that bring nothing on
>>> patience.wait_until(0.0); patience.wait_until(1.0); patience.spend(PER_S - 1)
"""

from __future__ import annotations

from interop.grpc.frames import ENHANCE_YOUR_CALM, ConnectionFault

# Tokens in a full bucket, and those that a second puts in. A client that cancels all of its 100
# calls spends 500 at once.
BURST, PER_S = 2000, 200
# What a frame costs that brings nothing on, and what a stream costs that ends without an answer.
FRAME, RESET = 1, 5
# What a call earns that was answered, and a frame of DATA of at least USEFUL_BYTES: they cause
# some WINDOW_UPDATE and PING of honest peers.
ANSWERED, MOVED, USEFUL_BYTES = 5, 3, 512


class Patience:
    """One bucket for each connection."""

    def __init__(self) -> None:
        self._tokens: float = BURST
        self._now_s: float | None = None

    def wait_until(self, now_s: float) -> None:
        """Time has passed, on a clock that only goes forward."""
        if self._now_s is not None:
            self.earn((now_s - self._now_s) * PER_S)
        self._now_s = now_s

    def earn(self, tokens: float) -> None:
        """Work was done."""
        self._tokens = min(BURST, self._tokens + tokens)

    def spend(self, tokens: int) -> None:
        """Work came to nothing. Raises ConnectionFault when the bucket is empty."""
        self._tokens -= tokens
        if self._tokens < 0:
            raise ConnectionFault(ENHANCE_YOUR_CALM, "too many frames that bring nothing on")
