"""A QR code: the address of the class, for the cameras of phones. Pure.

The problem: thirty people shall open one address, and typing it takes minutes. Each camera reads a
QR code. It is made here in the way of ISO/IEC 18004:2015, whose sections are named below: of its
modes the one for bytes (7.4.5), of its levels of error correction M (about 15 % of the code may be
unreadable), of its sizes versions 1 to 10. That is 213 bytes, and an address has some 30.

    >>> matrix = qr_rows(b"http://192.168.1.20:4190/")
    >>> len(matrix), matrix[0][:8]
    (25, '11111110')

How it is made: the bytes, with a header in front (7.4), are cut into blocks. Each block gets check
bytes (7.5), from which a reader works out what it could not see. The blocks are interleaved (7.6),
so that a scratch damages each of them a little, and laid into the square in a zigzag (7.7). Then a
mask turns some modules over (7.8), so that no picture remains that a camera could take for a frame.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from typing import Callable, NamedTuple

# Modules that stay light around the code (6.3.8): whoever draws it leaves them free.
QUIET_ZONE = 4
# The level M in the format information (7.9.1), and the mode for bytes (table 2).
LEVEL_M, BYTE_MODE = 0b00, 0b0100
# What fills the rest of the data in turn (7.4.10).
FILLERS = (0xEC, 0x11)
# Generators of the check bits of format and version, and what the format is XORed with (annexes C
# and D).
FORMAT_GENERATOR, FORMAT_BITS, FORMAT_MASK = 0b10100110111, 10, 0b101010000010010
VERSION_GENERATOR, VERSION_BITS = 0b1111100100101, 12
# The field of 256 elements in which check bytes are computed (7.5.2).
FIELD = 0b100011101
# Points of the four features that a mask shall avoid (7.8.3).
N1, N2, N3, N4 = 3, 3, 40, 10
# What makes a row like that of a frame: light modules on either side.
LIGHT = "0" * QUIET_ZONE
_RUNS, _FRAME_ROWS = re.compile("0{5,}|1{5,}"), re.compile("(?=1011101)")

# Which modules a mask turns over, by row and column (table 10).
MASKS: Sequence[Callable[[int, int], bool]] = (
    lambda row, column: (row + column) % 2 == 0,
    lambda row, column: row % 2 == 0,
    lambda row, column: column % 3 == 0,
    lambda row, column: (row + column) % 3 == 0,
    lambda row, column: (row // 2 + column // 3) % 2 == 0,
    lambda row, column: row * column % 2 + row * column % 3 == 0,
    lambda row, column: (row * column % 2 + row * column % 3) % 2 == 0,
    lambda row, column: ((row + column) % 2 + row * column % 3) % 2 == 0,
)


class Version(NamedTuple):
    """A size at level M: its bytes in all, its blocks, and the check bytes of each (table 9); and
    where the centres of its alignment patterns stand (annex E).
    """

    total: int
    blocks: int
    checks: int
    centres: Sequence[int]


VERSIONS = {
    1: Version(26, 1, 10, ()), 2: Version(44, 1, 16, (6, 18)), 3: Version(70, 1, 26, (6, 22)),
    4: Version(100, 2, 18, (6, 26)), 5: Version(134, 2, 24, (6, 30)),
    6: Version(172, 4, 16, (6, 34)), 7: Version(196, 4, 18, (6, 22, 38)),
    8: Version(242, 4, 22, (6, 24, 42)), 9: Version(292, 5, 22, (6, 26, 46)),
    10: Version(346, 5, 26, (6, 28, 50)),
}


def qr_rows(text: bytes) -> list[str]:
    """The rows of the QR code of a text, top to bottom: "1" is a dark module.

    Raises ValueError for a text of more than 213 bytes.
    """
    number = next((number for number in VERSIONS if len(text) <= capacity(number)), None)
    if number is None:
        raise ValueError(f"a QR code of {len(text)} bytes: {capacity(10)} at most")
    message = interleaved(data_bytes(text, number), number)
    codes = [_Code(number, message, mask) for mask in range(len(MASKS))]
    return min((code.rows() for code in codes), key=penalty)


def capacity(number: int) -> int:
    """How many bytes of text a version holds."""
    return _room(number) - (4 + _count_bits(number) + 7) // 8


def _room(number: int) -> int:
    """How many bytes of data, without the check bytes."""
    version = VERSIONS[number]
    return version.total - version.blocks * version.checks


def _count_bits(number: int) -> int:
    """The bits in which the length of the text is written (table 3)."""
    return 8 if number < 10 else 16


# ---- bytes (7.4 to 7.6)

def data_bytes(text: bytes, number: int) -> bytes:
    """Mode, length, text, end, and what fills the rest."""
    bits = f"{BYTE_MODE:04b}{len(text):0{_count_bits(number)}b}" + "".join(
        f"{byte:08b}" for byte in text) + "0000"
    found = bytearray(int(bits[at:at + 8], 2) for at in range(0, len(bits), 8))
    while len(found) < _room(number):
        found.append(FILLERS[(len(found) - len(bits) // 8) % 2])
    return bytes(found)


def interleaved(data: bytes, number: int) -> bytes:
    """Data and check bytes of all blocks: the first byte of each, the second of each, ..."""
    version = VERSIONS[number]
    short, longer = divmod(len(data), version.blocks)
    blocks, at = [], 0
    for block in range(version.blocks):
        # The last blocks are one byte longer.
        end = at + short + (block >= version.blocks - longer)
        blocks.append(data[at:end])
        at = end
    checks = [check_bytes(block, version.checks) for block in blocks]
    return bytes([block[at] for at in range(short + 1) for block in blocks if at < len(block)]
                 + [check[at] for at in range(version.checks) for check in checks])


def check_bytes(data: bytes, count: int) -> bytes:
    """The Reed-Solomon check bytes of a block: what remains of data * x^count, divided by the
    product of (x - 2^i) for i below `count` (annex A).
    """
    generator, root = [1], 1
    for _ in range(count):
        generator = [above ^ multiply(below, root)
                     for above, below in zip([*generator, 0], [0, *generator])]
        root = multiply(root, 2)
    rest = [0] * count
    for byte in data:
        factor = byte ^ rest[0]
        rest = [above ^ multiply(factor, below)
                for above, below in zip([*rest[1:], 0], generator[1:])]
    return bytes(rest)


@functools.lru_cache(maxsize=256 * 256)
def multiply(one: int, other: int) -> int:
    """The product in the field of 256 elements, where addition is XOR."""
    product = 0
    for bit in range(7, -1, -1):
        product = product << 1 ^ (product >> 7) * FIELD ^ (other >> bit & 1) * one
    return product


def with_checks(value: int, generator: int, count: int) -> int:
    """`value` and its BCH check bits: those that remain after division by the generator."""
    rest = value << count
    while rest.bit_length() > count:
        rest ^= generator << rest.bit_length() - generator.bit_length()
    return value << count | rest


# ---- the square (6.3, 7.7 to 7.10)

class _Code:
    """A square that is filled in the order of the standard. `fixed` has the places that belong to
    no data, and that no mask turns over.
    """

    def __init__(self, number: int, message: bytes, mask: int) -> None:
        self.size = 17 + 4 * number
        self.dark: set[tuple[int, int]] = set()
        self.fixed: set[tuple[int, int]] = set()
        self._draw_patterns(number)
        self._draw_format(mask)
        if number >= 7:
            self._draw_version(number)
        bits = iter("".join(f"{byte:08b}" for byte in message))
        for row, column in self._zigzag():
            # A few places may remain, which are light before the mask.
            if (next(bits, "0") == "1") != MASKS[mask](row, column):
                self.dark.add((row, column))

    def rows(self) -> list[str]:
        return ["".join("01"[(row, column) in self.dark] for column in range(self.size))
                for row in range(self.size)]

    def _put(self, row: int, column: int, is_dark: bool) -> None:
        self.fixed.add((row, column))
        (self.dark.add if is_dark else self.dark.discard)((row, column))

    def _draw_patterns(self, number: int) -> None:
        for at in range(self.size):
            self._put(6, at, at % 2 == 0)
            self._put(at, 6, at % 2 == 0)
        centres, last = VERSIONS[number].centres, self.size - 7
        for row in centres:
            for column in centres:
                # Not where a frame stands.
                if (row, column) not in ((6, 6), (6, last), (last, 6)):
                    self._draw_rings(row, column, 2)
        for row, column in ((3, 3), (3, self.size - 4), (self.size - 4, 3)):
            self._draw_rings(row, column, 4)

    def _draw_rings(self, row: int, column: int, radius: int) -> None:
        """Squares around one place, dark and light in turn: an alignment pattern (radius 2), or
        the frame in a corner with the light line around it (radius 4).
        """
        for y in range(max(row - radius, 0), min(row + radius + 1, self.size)):
            for x in range(max(column - radius, 0), min(column + radius + 1, self.size)):
                ring = max(abs(y - row), abs(x - column))
                self._put(y, x, ring in ((0, 2) if radius == 2 else (0, 1, 3)))

    def _draw_format(self, mask: int) -> None:
        """Level and mask, twice, beside the frames (7.9)."""
        bits = with_checks(LEVEL_M << 3 | mask, FORMAT_GENERATOR, FORMAT_BITS) ^ FORMAT_MASK
        # Bit 0, the lowest, comes first. Both lines leave out the one of the timing pattern.
        down = [*range(6), 7, 8, *range(self.size - 7, self.size)]
        across = [*range(self.size - 1, self.size - 9, -1), 7, *range(5, -1, -1)]
        for bit in range(15):
            self._put(down[bit], 8, bits >> bit & 1 == 1)
            self._put(8, across[bit], bits >> bit & 1 == 1)
        self._put(self.size - 8, 8, True)

    def _draw_version(self, number: int) -> None:
        """The version, twice (7.10)."""
        bits = with_checks(number, VERSION_GENERATOR, VERSION_BITS)
        for bit in range(18):
            near, far = bit // 3, self.size - 11 + bit % 3
            self._put(near, far, bits >> bit & 1 == 1)
            self._put(far, near, bits >> bit & 1 == 1)

    def _zigzag(self) -> Iterator[tuple[int, int]]:
        """The places of data: in pairs of columns from the right, upwards and downwards in turn."""
        rights = [*range(self.size - 1, 7, -2), 5, 3, 1]
        for turn, right in enumerate(rights):
            rows = range(self.size) if turn % 2 else range(self.size - 1, -1, -1)
            for row in rows:
                for column in (right, right - 1):
                    if (row, column) not in self.fixed:
                        yield row, column


def penalty(rows: Sequence[str]) -> int:
    """How much in a code could mislead a camera (7.8.3): the mask with the least is taken."""
    points = 0
    for line in [*rows, *map("".join, zip(*rows))]:
        # 1. Runs of five and more; 2. what looks like the row of a frame.
        points += sum(len(run) - 5 + N1 for run in _RUNS.findall(line))
        wide = LIGHT + line + LIGHT
        points += N3 * sum(LIGHT in (wide[found.start() - 4:found.start()],
                                     wide[found.start() + 7:found.start() + 11])
                           for found in _FRAME_ROWS.finditer(wide))
    # 3. Squares of four of one colour.
    for above, below in zip(rows, rows[1:]):
        points += N2 * sum(a == b == c == d for a, b, c, d in
                           zip(above, above[1:], below, below[1:]))
    # 4. More dark than light, or less: for each 5 % beside one half.
    dark, modules = sum(row.count("1") for row in rows), len(rows) ** 2
    return points + N4 * (abs(dark * 20 - modules * 10) // modules)
