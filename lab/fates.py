"""What can happen to a connection that goes through a relay (tcp_relay.py). Pure.

Random fates come from a seeded generator, so that a run that failed can be repeated by its seed.
"""

from __future__ import annotations

import random
from typing import Callable, NamedTuple

REQUEST, REPLY = "request", "reply"


class Fate(NamedTuple):
    """What happens to one connection, from the next request on. Bytes are counted from there."""

    # A pause before every piece of data, in seconds.
    delay_s: float = 0.0
    # Close the connection when so many bytes of requests have passed; None: never.
    cut_request_at: int | None = None
    # Close the connection when so many bytes of replies have passed; None: never.
    cut_reply_at: int | None = None
    # Pass requests on, and drop every reply; the connection stays open.
    swallow_replies: bool = False
    # Pass replies on byte by byte, with this pause before each byte, in seconds.
    drip_reply_s: float = 0.0
    # Close the connection before any byte has passed.
    refuse: bool = False
    # Keep all that the caller sends, or all that the target replies, until `deliver_late`.
    hold_request: bool = False
    hold_reply: bool = False

    def cut_at(self, direction: str) -> int | None:
        """After how many bytes of a direction the connection is closed; None: never."""
        if self.refuse:
            return 0
        return self.cut_reply_at if direction == REPLY else self.cut_request_at

    def holds(self, direction: str) -> bool:
        """Whether the data of a direction is kept until `deliver_late`."""
        return self.hold_reply if direction == REPLY else self.hold_request


HEALTHY = Fate()
# Called once for each connection, and returns its fate.
Fates = Callable[[], Fate]


def healthy() -> Fate:
    """The fate of every connection while nothing is wrong."""
    return HEALTHY


def random_fates(rng: random.Random, typical_bytes: int = 3000) -> Fates:
    """Most connections break: refused, cut at a random byte of either direction, mute, or slow.

    `typical_bytes` is the size of a usual request or reply: cuts come within it.
    """
    def draw() -> Fate:
        at = rng.randrange(typical_bytes)
        return rng.choice([Fate(refuse=True), Fate(cut_request_at=at), Fate(cut_reply_at=at),
                           Fate(swallow_replies=True), Fate(delay_s=0.02), HEALTHY])
    return draw


def random_delays(rng: random.Random) -> Fates:
    """A third of the connections hold their next request, and a third the reply to it."""
    def draw() -> Fate:
        return rng.choice([Fate(hold_request=True), Fate(hold_reply=True), HEALTHY])
    return draw
