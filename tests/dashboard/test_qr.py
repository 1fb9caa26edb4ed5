"""The QR code of the class: against the example and the tables of the standard, and read back."""

from __future__ import annotations

import random
import unittest

from dashboard.qr import (
    FORMAT_BITS,
    FORMAT_GENERATOR,
    FORMAT_MASK,
    VERSION_BITS,
    VERSION_GENERATOR,
    VERSIONS,
    capacity,
    check_bytes,
    data_bytes,
    penalty,
    qr_rows,
    with_checks,
)
from tests.dashboard.qr_reader import FORMATS, VERSION_INFORMATION, Unreadable, read_qr


class Standard(unittest.TestCase):
    """What ISO/IEC 18004 prints."""

    def test_the_check_bytes_of_annex_i(self) -> None:
        """The data of "01234567" in version 1-M, and its ten check bytes."""
        data = bytes([0b00010000, 0b00100000, 0b00001100, 0b01010110, 0b01100001, 0b10000000,
                      *[0b11101100, 0b00010001] * 5])
        self.assertEqual(check_bytes(data, 10), bytes([
            0b10100101, 0b00100100, 0b11010100, 0b11000001, 0b11101101, 0b00110110, 0b11000111,
            0b10000111, 0b00101100, 0b01010101]))

    def test_the_table_of_formats(self) -> None:
        """Level M with each mask: table C.1."""
        self.assertEqual([f"{with_checks(mask, FORMAT_GENERATOR, FORMAT_BITS) ^ FORMAT_MASK:015b}"
                          for mask in range(8)], FORMATS)

    def test_the_format_of_annex_c(self) -> None:
        """The example of the standard: level M, mask 101, before and after the XOR."""
        self.assertEqual(f"{with_checks(0b00101, FORMAT_GENERATOR, FORMAT_BITS):015b}",
                         "001010011011100")

    def test_the_table_of_versions(self) -> None:
        """Table D.1, as far as we go."""
        self.assertEqual({number: with_checks(number, VERSION_GENERATOR, VERSION_BITS)
                          for number in range(7, 11)}, VERSION_INFORMATION)

    def test_the_capacities_of_table_7(self) -> None:
        """Bytes at level M."""
        self.assertEqual([capacity(number) for number in VERSIONS],
                         [14, 26, 42, 62, 84, 106, 122, 152, 180, 213])

    def test_the_data_of_a_text(self) -> None:
        """Mode 0100, eight bits of length, the text, the end, and fillers in turn."""
        self.assertEqual(data_bytes(b"abc", 1).hex(), "4036162630ec11ec11ec11ec11ec11ec")

    def test_penalties(self) -> None:
        """Each feature alone: runs, squares, frames, and the share of dark modules."""
        self.assertEqual(penalty(["0101", "1010", "0101", "1010"]), 0)
        # Four squares of four; and 13 of 16 are dark: six whole steps of 5 % beside one half.
        self.assertEqual(penalty(["0111", "1011", "0111", "1111"]), 4 * 3 + 6 * 10)
        # A row of seven light ones: three points, and two more; 21 of 49 are dark: one step.
        alternating = ["0101010", "1010101"] * 3
        self.assertEqual(penalty([*alternating, "0000000"]), 3 + 2 + 10)
        # The row of a frame, across and down: each stands beside the light edge.
        self.assertEqual(penalty([*alternating[:3], "1011101", *alternating[:3]]), 2 * 40)


class ReadBack(unittest.TestCase):
    """Each code is read by the reader of the tests."""

    def test_every_version_at_its_limits(self) -> None:
        numbers = random.Random(17)
        for number in VERSIONS:
            least = capacity(number - 1) + 1 if number > 1 else 0
            for length in (least, capacity(number)):
                with self.subTest(version=number, length=length):
                    text = bytes(numbers.randrange(256) for _ in range(length))
                    rows = qr_rows(text)
                    self.assertEqual(len(rows), 17 + 4 * number)
                    self.assertEqual(read_qr(rows), text)

    def test_the_mask_with_the_least_penalty_is_taken(self) -> None:
        """Every mask is used by some address, so each of them is read back."""
        formats = set()
        for port in range(4000, 4016):
            text = f"http://192.168.1.20:{port}/".encode()
            rows = qr_rows(text)
            self.assertEqual(read_qr(rows), text)
            formats.add(rows[8][:6] + rows[8][7:9])
        self.assertGreater(len(formats), 4)

    def test_a_text_that_is_too_long_is_refused(self) -> None:
        with self.assertRaisesRegex(ValueError, "214 bytes: 213 at most"):
            qr_rows(bytes(214))

    def test_the_reader_sees_damage(self) -> None:
        """Any module that is turned over is noticed: so a code that is read is right."""
        rows = qr_rows(b"http://10.0.0.1:4190/")
        for row in range(len(rows)):
            for column in range(row % 5, len(rows), 5):
                turned = "01"[rows[row][column] == "0"]
                damaged = [*rows]
                damaged[row] = rows[row][:column] + turned + rows[row][column + 1:]
                with self.subTest(row=row, column=column), self.assertRaises(Unreadable):
                    read_qr(damaged)


if __name__ == "__main__":
    unittest.main()
