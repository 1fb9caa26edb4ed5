"""What an actor asks of whoever announces it, and a follower of whoever asks for it.

heartbeat.py and ponte/discovery/follower.py do this for registries. Something else may take their
place: ponte/discovery/at_consul.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable, Protocol

from ponte.discovery.beats import Beat
from ponte.discovery.lookup import LookupResult
from ponte.net.address import Address
from ponte.net.pool import Pool

# Asks once, with the index that is known, and the seconds to wait for another one.
Watch = Callable[[Pool, int, float], LookupResult]


class Announcer(Protocol):
    """What announces a server or proxy: heartbeat.Heartbeat says what each of these does."""

    @property
    def beat(self) -> Beat: ...
    @property
    def acks(self) -> int: ...
    def silent_registries(self, patience_s: float) -> list[Address]: ...
    def refusals(self) -> dict[Address, str]: ...
    def start(self, timeout_s: float) -> None: ...
    def set_idempotent(self, names: Sequence[str]) -> None: ...
    def announce(self, state: str, timeout_s: float) -> bool: ...
    def close(self) -> None: ...
