"""Pictures with a palette: the same pixels, in fewer bytes."""

from __future__ import annotations

import struct
import unittest
import zlib

from tests.browser.smaller import SIGNATURE, smaller

WHITE, BLUE, GREY = (255, 255, 255), (0, 64, 160), (128, 128, 128)
ROWS = [[WHITE, BLUE, GREY, WHITE], [BLUE, BLUE, WHITE, GREY], [GREY, WHITE, BLUE, BLUE],
        [WHITE, WHITE, GREY, BLUE], [BLUE, GREY, GREY, WHITE]]


def chunk(name: bytes, content: bytes) -> bytes:
    return (struct.pack(">I", len(content)) + name + content
            + struct.pack(">I", zlib.crc32(name + content)))


def png(kind: int, data: bytes, *others: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", len(ROWS[0]), len(ROWS), 8, kind, 0, 0, 0)
    return SIGNATURE + b"".join([chunk(b"IHDR", header), *others,
                                 chunk(b"IDAT", zlib.compress(data)), chunk(b"IEND", b"")])


def paeth(left: int, up: int, corner: int) -> int:
    """As the standard writes it."""
    expected = left + up - corner
    to_left, to_up, to_corner = (abs(expected - each) for each in (left, up, corner))
    if to_left <= to_up and to_left <= to_corner:
        return left
    return up if to_up <= to_corner else corner


def filtered(rows: list[bytes]) -> bytes:
    """Each row with another filter, from none to Paeth."""
    written, above = b"", bytes(len(rows[0]))
    for kind, row in enumerate(rows):
        written += bytes([kind])
        for i, byte in enumerate(row):
            left, corner = (row[i - 3], above[i - 3]) if i >= 3 else (0, 0)
            expected = (0, left, above[i], (left + above[i]) // 2,
                        paeth(left, above[i], corner))[kind]
            written += bytes([(byte - expected) & 255])
        above = row
    return written


class Smaller(unittest.TestCase):
    def test_each_filter_is_undone_and_each_pixel_keeps_its_colour(self) -> None:
        rows = [b"".join(bytes(pixel) for pixel in row) for row in ROWS]
        made = smaller(png(2, filtered(rows)))
        self.assertEqual(made[:8] + made[12:16], SIGNATURE + b"IHDR")
        self.assertEqual(made[24:26], bytes([8, 3]), "eight bits, with a palette")
        at = made.index(b"PLTE")
        palette = made[at + 4:at + 4 + struct.unpack(">I", made[at - 4:at])[0]]
        at = made.index(b"IDAT")
        data = zlib.decompress(made[at + 4:at + 4 + struct.unpack(">I", made[at - 4:at])[0]])
        width = len(ROWS[0])
        for number, row in enumerate(ROWS):
            packed = data[number * (width + 1):(number + 1) * (width + 1)]
            self.assertEqual(packed[0], 0)
            shown = [tuple(palette[3 * each:3 * each + 3]) for each in packed[1:]]
            for pixel, wanted in zip(shown, row):
                self.assertLess(max(abs(a - b) for a, b in zip(pixel, wanted)), 4)

    def test_white_stays_white(self) -> None:
        made = smaller(png(2, bytes([0, *WHITE * 4]) * 5))
        self.assertIn(b"PLTE" + bytes(WHITE), made)

    def test_another_kind_of_picture_is_refused(self) -> None:
        for other in (b"GIF89a", png(0, b"\0\0\0\0\0" * 5)):
            with self.assertRaises(ValueError):
                smaller(other)


if __name__ == "__main__":
    unittest.main()
