"""Valid messages with small changes: most of their structure stays, so they pass the first check.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Callable, NamedTuple

# The longest input. Some mutations make an input several times as long.
MAX_BYTES = 64 * 1024
# How many times a piece is repeated, to reach the limits of a reader.
STRETCH = (100, 1000, 10_000)
# How many mutations one message gets: often only one, so that no other hides its effect.
FEW = (1, 1, 1, 1, 2, 2, 3, 5, 8)


class Target(NamedTuple):
    """Something that reads bytes. `words` are pieces of its language, which mutations put in.

    `check` raises if a property does not hold. Otherwise it returns a word for what the reader did
    with the bytes.
    """

    name: str
    seeds: Sequence[bytes]
    words: Sequence[bytes]
    check: Callable[[bytes], str]


class Mutator:
    """Draws one input after the other. The same `rng` draws the same ones."""

    def __init__(self, target: Target, rng: random.Random) -> None:
        self._seeds, self._words, self._rng = target.seeds, target.words, rng
        self._ways: Sequence[Callable[[bytes], bytes]] = (
            self._set_byte, self._flip_bit, self._put_word, self._put_word, self._replace_by_word,
            self._cut_out, self._repeat, self._splice, self._cut_off, self._change_digit,
            self._change_case, self._swap_lines, self._stretch)

    def draw(self) -> bytes:
        """The next input."""
        data = self._rng.choice(self._seeds)
        for _ in range(self._rng.choice(FEW)):
            data = self._rng.choice(self._ways)(data)[:MAX_BYTES]
        return data

    def _place(self, data: bytes) -> int:
        return self._rng.randrange(len(data) + 1)

    def _span(self, data: bytes) -> slice:
        start = self._place(data)
        return slice(start, start + self._rng.choice((1, 1, 2, 4, 8, 32, 200)))

    def _set_byte(self, data: bytes) -> bytes:
        at = self._place(data)
        return data[:at] + bytes((self._rng.randrange(256),)) + data[at + 1:]

    def _flip_bit(self, data: bytes) -> bytes:
        at = self._place(data)
        flipped = bytes(byte ^ 1 << self._rng.randrange(8) for byte in data[at:at + 1])
        return data[:at] + flipped + data[at + 1:]

    def _put_word(self, data: bytes) -> bytes:
        at = self._place(data)
        return data[:at] + self._rng.choice(self._words) + data[at:]

    def _replace_by_word(self, data: bytes) -> bytes:
        span = self._span(data)
        return data[:span.start] + self._rng.choice(self._words) + data[span.stop:]

    def _cut_out(self, data: bytes) -> bytes:
        span = self._span(data)
        return data[:span.start] + data[span.stop:]

    def _repeat(self, data: bytes) -> bytes:
        span = self._span(data)
        return data[:span.stop] + data[span] + data[span.stop:]

    def _splice(self, data: bytes) -> bytes:
        other = self._rng.choice(self._seeds)
        return data[:self._place(data)] + other[self._place(other):]

    def _cut_off(self, data: bytes) -> bytes:
        return data[:self._place(data)]

    def _change_digit(self, data: bytes) -> bytes:
        digits = [at for at, byte in enumerate(data[:2000]) if 0x30 <= byte <= 0x39]
        if not digits:
            return data
        at = self._rng.choice(digits)
        number = self._rng.choice((b"0", b"1", b"9", b"-1", b"+1", b"1_0", b"00", b"99999999999",
                                   b""))
        return data[:at] + number + data[at + 1:]

    def _change_case(self, data: bytes) -> bytes:
        span = self._span(data)
        return data[:span.start] + data[span].swapcase() + data[span.stop:]

    def _swap_lines(self, data: bytes) -> bytes:
        lines = data.split(b"\n")
        one, other = self._rng.randrange(len(lines)), self._rng.randrange(len(lines))
        lines[one], lines[other] = lines[other], lines[one]
        return b"\n".join(lines)

    def _stretch(self, data: bytes) -> bytes:
        span = self._span(data)
        # Only one time in five, because long inputs take a long time.
        if self._rng.random() < 0.8:
            return data
        return data[:span.stop] + data[span] * self._rng.choice(STRETCH) + data[span.stop:]
