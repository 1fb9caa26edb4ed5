"""What a server is about to announce: checked at its start, where its user can still correct it.

A registry drops a beat that is not exactly right, and does not answer. So a server that sent one
would never appear, and nobody would say why.
"""

from __future__ import annotations

from ponte.discovery.beats import (
    LEASE_RANGE_S,
    MAX_INTEGER,
    MAX_NAME,
    NAME,
    BadDatagram,
    Beat,
    decode_beat,
    encode_beat,
)

# The shortest and the longest time between two beats, in seconds.
BEAT_RANGE_S = (0.03, 20.0)
# The names that no service can have, and why.
TAKEN = {"proxy": "proxies announce it", "registry": "registries answer at POST /registry"}
# How many beats a lease has at least. With fewer, a beat or two that are lost end it.
LEASE_BEATS = 3


def check_own(beat: Beat, key: bytes) -> None:
    """Raises ValueError for a beat that every registry would drop, also when its number is long."""
    longest = beat._replace(seq=MAX_INTEGER, epoch="0" * 16, state="draining")
    try:
        decode_beat(encode_beat(longest, key), key)
    except BadDatagram as error:
        if error.reason == "address":
            raise ValueError(f"no caller can reach {beat.host}:{beat.port}: give an address that "
                             "other machines can reach, with --advertise HOST:PORT") from None
        raise ValueError(f"no registry would accept a beat with this {error.reason}: "
                         f"{beat}") from None


def check_beat_times(beat_s: object, lease_s: object) -> None:
    """Raises ValueError unless a server may beat each `beat_s` seconds for a lease of `lease_s`.

    >>> check_beat_times(0.5, 2.0)
    >>> check_beat_times(0, 2)
    Traceback (most recent call last):
    ValueError: beat_s: 0 is not a time from 0.03 to 20 seconds
    """
    beat = _time_within("beat_s", beat_s, BEAT_RANGE_S)
    lease = _time_within("lease_s", lease_s, LEASE_RANGE_S)
    # Rounded, since three beats of 0.1 s are a little more than 0.3 s as floats.
    least = round(LEASE_BEATS * beat, 6)
    if lease < least:
        raise ValueError(f"a lease of {lease:g} s is too short for a beat of {beat:g} s: beats may "
                         f"be lost, so take a lease of three beats at least, {least:g} s")


def _time_within(name: str, value: object, bounds: tuple[float, float]) -> float:
    low, high = bounds
    # True is an int to Python. NaN is in no range.
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise ValueError(f"{name}: {value!r} is not a time from {low:g} to {high:g} seconds")
    return value


def check_service(name: str) -> str:
    """`name`, if it can name a service. Raises ValueError, with what to do, if it cannot."""
    if isinstance(name, str) and name in TAKEN:
        raise ValueError(f"{name!r} is taken: {TAKEN[name]}; rename the file of the service, for "
                         f"instance to {name}_service.py")
    return check_name(name)


def check_name(name: str) -> str:
    """`name`, if it can name an instance. Raises ValueError, with what to do, if it cannot."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot be a name: use up to {MAX_NAME} letters, digits, "
                         "'_', '-' and '.'")
    return name
