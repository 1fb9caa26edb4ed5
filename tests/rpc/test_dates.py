"""Dates and times: every form of ISO 8601 that clients send is read, and one form is written."""

from __future__ import annotations

import unittest
from datetime import datetime, timedelta, timezone

from ponte.rpc.dates import read_date, write_date
from ponte.rpc.marshal import (
    NOT_XML_RPC,
    decode_call,
    decode_result,
    encode_call,
    encode_result,
)
from tests.rpc.documents import call_with, code_of, result_with

NOON = datetime(2024, 2, 29, 12, 0)
EXACT = datetime(2024, 2, 29, 13, 14, 15)
MICROS = EXACT.replace(microsecond=123456)
UTC = EXACT.replace(tzinfo=timezone.utc)


def ahead(hours: int, minutes: int = 0, seconds: int = 0) -> datetime:
    """EXACT in a zone that is so far ahead of UTC."""
    zone = timezone(timedelta(hours=hours, minutes=minutes, seconds=seconds))
    return EXACT.replace(tzinfo=zone)


READ: tuple[tuple[str, datetime], ...] = (
    ("20240229T13:14:15", EXACT),
    ("20240229T131415", EXACT),
    ("2024-02-29T13:14:15", EXACT),
    ("2024-02-29 13:14:15", EXACT),
    ("2024-02-29t13:14:15z", UTC),
    ("  20240229T13:14:15\r\n\t", EXACT),
    # Without seconds, without minutes, without a time.
    ("2024-02-29T12:00", NOON),
    ("20240229T1200", NOON),
    ("20240229T12", NOON),
    ("2024-02-29", NOON.replace(hour=0)),
    ("20240229", NOON.replace(hour=0)),
    # Fractions of any length, after a point and after a comma.
    ("20240229T13:14:15.123456", MICROS),
    ("20240229T13:14:15,123456", MICROS),
    ("20240229T131415.123456789", MICROS),
    ("20240229T13:14:15.5", EXACT.replace(microsecond=500000)),
    ("20240229T13:14:15.000001", EXACT.replace(microsecond=1)),
    ("20240229T13:14:15.9999999", EXACT.replace(microsecond=999999)),
    (f"20240229T13:14:15.{'0' * 5000}", EXACT),
    # Zones.
    ("2024-02-29T13:14:15.000Z", UTC),
    ("20240229T13:14:15Z", UTC),
    ("20240229T13:14:15-00:00", UTC),
    ("20240229T13:14:15+0100", ahead(1)),
    ("20240229T13:14:15+01", ahead(1)),
    ("20240229T13:14:15 +01:00", ahead(1)),
    ("2024-02-29T13:14:15\u221203:30", ahead(-3, -30)),
    ("20240229T131415\u221205", ahead(-5)),
    ("2024-02-29T13:14:15-05:00", ahead(-5)),
    ("2024-02-29T13:14:15-03:30", ahead(-3, -30)),
    ("2024-02-29T13:14:15+05:53:28", ahead(5, 53, 28)),
    ("2024-02-29T12:00Z", NOON.replace(tzinfo=timezone.utc)),
    # The ends.
    ("00010101T00:00:00", datetime.min),
    ("99991231T23:59:59.999999", datetime.max),
    ("20240228T24:00:00", datetime(2024, 2, 29)),
    ("2024-12-31T24:00", datetime(2025, 1, 1)),
    ("20161231T23:59:60Z", datetime(2017, 1, 1, tzinfo=timezone.utc)),
)
REFUSED = (
    "", "now", "13:14:15", "2024", "2024-02", "202402", "2024-02-29T", "20240229T1", "2024-0229",
    "202402-29", "2024-02-30", "20230229T00:00:00", "20241301T00:00:00", "00000101T00:00:00",
    "20240229T25:00:00", "20240229T24:00:01", "20240229T24:00:00.1", "20240229T12:60:00",
    "20240229T12:00:61", "20240229T13:14:15.", "20240229T13:14:15.x", "20240229T13.5",
    "20240229T13:14.5", "99991231T24:00:00", "20240229T13:14:15+24:00", "20240229T13:14:15+01:60",
    "\u221220240229T13:14:15", "2024\u221202\u221229", "20240229T13:14:15\u20135",
    "20240229T13:14:15+1", "20240229T13:14:15UTC", "20240229T13:14:15ZZ", "2024-02-29Z",
    "2024-W09-4", "2024W094", "2024-060", "2024060", "-20240229T13:14:15",
    "2024\u0660229T13:14:15", "20240229T13:14:15\u00a0", "1709212455")


class Reading(unittest.TestCase):
    """The same in calls and in replies."""

    def test_each_form_gives_its_time(self) -> None:
        """A zone gives an aware `datetime`, with this zone; nothing else does."""
        for text, expected in READ:
            with self.subTest(text[:40]):
                document = f"<dateTime.iso8601>{text}</dateTime.iso8601>"
                _, [param] = decode_call(call_with(document))
                result = decode_result(result_with(document))
                for found in (param, result):
                    self.assertEqual(found, expected)
                    self.assertEqual(found.utcoffset(), expected.utcoffset())

    def test_what_is_no_time_is_refused_in_one_line(self) -> None:
        for text in REFUSED:
            document = f"<dateTime.iso8601>{text}</dateTime.iso8601>"
            with self.subTest(text):
                self.assertEqual(code_of(decode_call, call_with(document)), NOT_XML_RPC)
                self.assertEqual(code_of(decode_result, result_with(document)), NOT_XML_RPC)
                with self.assertRaises(ValueError) as caught:
                    read_date(text)
                self.assertEqual(len(str(caught.exception).splitlines()), 1)

    def test_a_zone_of_a_day_is_refused_in_words_of_the_house(self) -> None:
        for zone in ("+24:00", "-2400", "+24", "+99:59"):
            with self.assertRaisesRegex(ValueError, "a zone is less than 24 hours away"):
                read_date(f"20240229T13:14:15{zone}")

    def test_apaches_extension_is_read(self) -> None:
        document = "<ex:dateTime>2024-02-29T13:14:15.000Z</ex:dateTime>"
        self.assertEqual(decode_call(call_with(document)), ("echo", (UTC,)))


class Writing(unittest.TestCase):
    """One form, which every client reads."""

    def test_the_form_of_the_specification_is_written(self) -> None:
        """Microseconds where they are not zero; a year has four digits."""
        for value, text in ((EXACT, "20240229T13:14:15"),
                            (MICROS, "20240229T13:14:15.123456"),
                            (EXACT.replace(microsecond=1), "20240229T13:14:15.000001"),
                            (datetime(33, 4, 3), "00330403T00:00:00"),
                            (datetime.max, "99991231T23:59:59.999999")):
            with self.subTest(text):
                self.assertEqual(write_date(value), text)
                element = f"<dateTime.iso8601>{text}</dateTime.iso8601>".encode()
                self.assertIn(element, encode_call("echo", (value,)))
                self.assertIn(element, encode_result([value]))
                self.assertEqual(decode_result(encode_result(value)), value)

    def test_an_aware_time_is_refused(self) -> None:
        """The format has no zone: without it the time would be another one at the receiver."""
        for value in (UTC, ahead(1), [ahead(-5)], {"at": UTC}):
            with self.subTest(value):
                with self.assertRaisesRegex(ValueError, "no time zones.*isoformat"):
                    encode_call("echo", (value,))
                with self.assertRaisesRegex(ValueError, "no time zones.*isoformat"):
                    encode_result(value)


if __name__ == "__main__":
    unittest.main()
