"""Reading many beats quickly: a BeatReader gives what `decode_beat` gives, whatever comes.

`reason`, which all tests of datagrams use, asks both.
"""

from __future__ import annotations

import unittest
from typing import Any
from unittest import mock

from ponte.discovery import beat_reader, beats
from ponte.discovery.beat_reader import BeatReader
from ponte.discovery.beats import MAX_INTEGER, encode_beat
from tests.discovery.test_beats import BEAT, KEY, reader_that_knows, reason


class Readers(unittest.TestCase):
    """Most beats repeat the one before, with a new number."""

    def assert_parsed(self, expected: bool, reader: BeatReader, datagram: bytes) -> None:
        """Whether the datagram is parsed, and not only its number read."""
        with mock.patch.object(beat_reader, "beat_from_line", wraps=beats.beat_from_line) as parse:
            reader.read(datagram)
        self.assertEqual(parse.called, expected)

    def test_a_line_with_nothing_new_but_its_number_is_not_parsed(self) -> None:
        """Its number is read."""
        reader = reader_that_knows(BEAT, KEY)
        self.assert_parsed(False, reader, encode_beat(BEAT, KEY))
        later = encode_beat(BEAT._replace(seq=MAX_INTEGER), KEY)
        self.assertEqual(reader.read(later).seq, MAX_INTEGER)

    def test_any_other_change_makes_it_a_new_line(self) -> None:
        """Of the state, the address, the incarnation, the epoch, the name, the memory, or the path.
        """
        reader = reader_that_knows(BEAT, KEY)
        changes: tuple[dict[str, Any], ...] = ({"state": "draining"}, {"port": 1},
                                               {"incarnation": 5}, {"epoch": ""}, {"instance": "b"},
                                               {"remembers": False}, {"path": "/RPC2"})
        for change in changes:
            changed = BEAT._replace(**change)
            with self.subTest(change):
                self.assert_parsed(True, reader, encode_beat(changed, KEY))
                self.assertEqual(reader.read(encode_beat(changed, KEY)), changed)

    def test_it_is_no_less_strict_with_a_line_that_it_knows(self) -> None:
        """The number must be one as JSON writes it, and as a beat may have it."""
        line = encode_beat(BEAT)
        for number, why in (
                (b"0", "number"), (b"-1", "number"), (b"8.0", "number"), (b"8e0", "number"),
                (b"true", "number"), (b"null", "number"), (b'"8"', "number"), (b"[8]", "number"),
                (b"%d" % (MAX_INTEGER + 1), "number"), (b"9" * 400, "number"),
                (b"08", "not JSON"), (b"+8", "not JSON"), (b"", "not JSON"), (b"8_0", "not JSON"),
                ("\u0668".encode(), "not JSON"),
                (b"8", ""), (b" 8", ""), (b"8 ", "")):
            with self.subTest(number):
                self.assertEqual(reason(line.replace(b'"seq":7', b'"seq":' + number)), why)

    def test_a_number_in_another_place_is_another_line(self) -> None:
        """Also where taking it out would leave the same text."""
        line = encode_beat(BEAT).replace(b'"seq":7,', b"")
        for place in range(1, len(line)):
            reason(line[:place] + b'"seq":7,' + line[place:])

    def test_a_line_with_fields_of_a_later_version_is_parsed_each_time(self) -> None:
        """What follows the first "seq": may stand in one of those fields. The beat is the same."""
        line = encode_beat(BEAT)
        for datagram in (line[:-1] + b',"zone":{"seq":9}}', line[:2] + b'"zone":{"seq":9,"a":1},'
                         + line[2:]):
            reader = reader_that_knows(BEAT)
            for _ in range(2):
                self.assert_parsed(True, reader, datagram)
                self.assertEqual(reader.read(datagram), BEAT)

    def test_of_two_numbers_the_last_counts_in_either_spelling(self) -> None:
        """As JSON readers have it. A hasty reader would take the number that it finds at once."""
        for name in ("seq", "\\u0073eq"):
            with self.subTest(name):
                reader = BeatReader()
                for earlier, last in ((5, 5), (9, 5), (5, 9)):
                    line = encode_beat(BEAT._replace(seq=earlier))
                    datagram = line[:-1] + f',"{name}":{last}}}'.encode()
                    self.assertEqual(reader.read(datagram), BEAT._replace(seq=last))

    def test_lines_that_are_not_read_any_more_are_forgotten(self) -> None:
        """After one `age` they are still known, after two no longer; lines that are read stay."""
        reader, other = reader_that_knows(BEAT), BEAT._replace(instance="other")
        reader.read(encode_beat(other))
        reader.age()
        self.assert_parsed(False, reader, encode_beat(BEAT))
        reader.age()
        self.assert_parsed(False, reader, encode_beat(BEAT))
        self.assert_parsed(True, reader, encode_beat(other))

    def test_its_memory_is_bounded(self) -> None:
        """Beyond the bound, beats are read all the same."""
        with mock.patch.object(beat_reader, "MAX_KNOWN", 3):
            reader = BeatReader()
            for number in range(20):
                beat = BEAT._replace(instance=f"server-{number}", service=f"service-{number}")
                self.assertEqual(reader.read(encode_beat(beat)), beat)
                self.assertEqual(reader.read(encode_beat(beat)), beat)
        self.assertEqual(len(reader._known), 3)
        self.assertLess(len(reader._shared), 10)


if __name__ == "__main__":
    unittest.main()
