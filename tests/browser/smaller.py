"""A picture of a screen, made smaller: PNG with a palette of 256 colours (W3C PNG, third edition).

A browser writes three bytes for each pixel. A screen of words and boxes has few colours that fill
it, and many that stand at edges of letters. The former are kept, and each of the latter becomes the
nearest of them: nobody sees it, and the file is half as large or less.
"""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.browser.tab import Tab

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Colours of a palette: what fits into one byte.
COLOURS = 256
# What colours are rounded to before they are counted: neighbours of an edge become one.
STEP = 4


def picture_of(tab: Tab, path: str) -> None:
    """Writes what a tab shows."""
    tab.screenshot(path)
    Path(path).write_bytes(smaller(Path(path).read_bytes()))
    print(f"{path}: {Path(path).stat().st_size / 1000:.0f} kB")


def smaller(picture: bytes) -> bytes:
    """The same picture with a palette. Takes what Chromium writes: 8 bits for each of red, green
    and blue, perhaps with an opacity, which is left out, and not interlaced.

    Raises ValueError for another picture.
    """
    chunks = list(_chunks(picture))
    width, height, bits, kind, _, _, interlaced = struct.unpack(">IIBBBBB", chunks[0][1])
    if bits != 8 or kind not in (2, 6) or interlaced:
        raise ValueError(f"a picture of another kind: {bits} bits, type {kind}")
    each = 3 if kind == 2 else 4
    data = zlib.decompress(b"".join(body for name, body in chunks if name == b"IDAT"))
    rows = list(_rows(data, width * each, each))
    colours = [[(row[at] // STEP, row[at + 1] // STEP, row[at + 2] // STEP)
                for at in range(0, width * each, each)] for row in rows]
    counted = Counter(colour for row in colours for colour in row)
    palette = [colour for colour, _ in counted.most_common(COLOURS)]
    index = {colour: number for number, colour in enumerate(palette)}
    for colour in counted:
        if colour not in index:
            index[colour] = _nearest(palette, colour)
    packed = b"".join(b"\0" + bytes(index[colour] for colour in row) for row in colours)
    shown = b"".join(bytes(min(255, part * STEP + part * STEP // 64) for part in colour)
                     for colour in palette)
    return SIGNATURE + b"".join([
        _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        _chunk(b"PLTE", shown), _chunk(b"IDAT", zlib.compress(packed, 9)), _chunk(b"IEND", b"")])


def _nearest(palette: list[tuple[int, int, int]], wanted: tuple[int, int, int]) -> int:
    """The number of the colour that is nearest to another one."""
    return min(range(len(palette)), key=lambda number: sum(
        (a - b) ** 2 for a, b in zip(palette[number], wanted)))


def _chunks(picture: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The parts of a PNG file: name and content."""
    if not picture.startswith(SIGNATURE):
        raise ValueError("no PNG")
    at = len(SIGNATURE)
    while at < len(picture):
        length, name = struct.unpack(">I4s", picture[at:at + 8])
        yield name, picture[at + 8:at + 8 + length]
        at += length + 12


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(
        ">I", zlib.crc32(name + content))


def _rows(data: bytes, length: int, each: int) -> Iterator[bytearray]:
    """The bytes of each row, with its filter undone (PNG, 9.2): `each` bytes for a pixel."""
    above = bytearray(length)
    for at in range(0, len(data), length + 1):
        kind, row = data[at], bytearray(data[at + 1:at + 1 + length])
        for i in range(length if kind else 0):
            left = row[i - each] if i >= each else 0
            corner = above[i - each] if i >= each else 0
            row[i] = (row[i] + _predicted(kind, left, above[i], corner)) & 255
        yield row
        above = row


def _predicted(kind: int, left: int, up: int, corner: int) -> int:
    """What a filter expects of a byte, from its neighbours."""
    if kind == 1:
        return left
    if kind == 2:
        return up
    if kind == 3:
        return (left + up) // 2
    # Paeth: the neighbour that is nearest to left + up - corner.
    near = left + up - corner
    return min((left, up, corner), key=lambda value: abs(near - value))
