"""Messages in a stream: cut wherever, compressed or not, and bombs."""

from __future__ import annotations

import gzip
import unittest
import zlib

from interop.grpc.framing import Messages, check_encoding, frame
from interop.grpc.statuses import INTERNAL, RESOURCE_EXHAUSTED, UNIMPLEMENTED, Refused


class Framing(unittest.TestCase):
    def refused(self, data: bytes, encoding: str = "identity", max_bytes: int = 1000) -> int:
        with self.assertRaises(Refused) as caught:
            Messages(max_bytes, encoding).feed(data)
        return caught.exception.status

    def test_whatever_the_pieces(self) -> None:
        sent = frame(b"Hello") + frame(b"") + frame(b"World" * 10, "gzip")
        for size in (1, 2, 5, 7, len(sent)):
            reader = Messages(encoding="gzip")
            found = []
            for at in range(0, len(sent), size):
                found += reader.feed(sent[at:at + size])
            self.assertEqual(found, [b"Hello", b"", b"World" * 10])
            self.assertTrue(reader.is_between)

    def test_what_is_held_is_told(self) -> None:
        reader = Messages()
        self.assertEqual(reader.feed(frame(b"Hello")[:-1]), [])
        self.assertEqual((reader.is_between, reader.held_bytes), (False, 9))
        self.assertEqual(reader.feed(b"o"), [b"Hello"])
        self.assertEqual((reader.is_between, reader.held_bytes), (True, 0))

    def test_a_length_beyond_the_limit_is_refused_before_it_comes(self) -> None:
        self.assertEqual(self.refused(frame(bytes(1001))[:5]), RESOURCE_EXHAUSTED)
        self.assertEqual(self.refused(b"\0\xff\xff\xff\xff"), RESOURCE_EXHAUSTED)
        self.assertEqual(Messages(1000).feed(frame(bytes(1000))), [bytes(1000)])

    def test_a_bomb(self) -> None:
        """100 MB of zeros, in 100 KB."""
        bomb = frame(bytes(100 * 1024 * 1024), "gzip")
        self.assertLess(len(bomb), 500_000)
        self.assertEqual(self.refused(bomb, "gzip", 500_000), RESOURCE_EXHAUSTED)

    def test_broken_compression(self) -> None:
        whole = gzip.compress(b"Hello")
        for packed in (b"", b"Hello", whole[:-1], whole + b"x", whole + whole,
                       whole[:-8] + bytes(8), zlib.compress(b"Hello")):
            data = b"\1" + len(packed).to_bytes(4, "big") + packed
            with self.subTest(packed):
                self.assertEqual(self.refused(data, "gzip"), INTERNAL)
        self.assertEqual(self.refused(frame(b"x", "gzip")), INTERNAL)
        self.assertEqual(self.refused(b"\2\0\0\0\0"), INTERNAL)

    def test_encodings(self) -> None:
        check_encoding("identity")
        check_encoding("gzip")
        with self.assertRaises(Refused) as caught:
            check_encoding("snappy" * 100)
        self.assertEqual(caught.exception.status, UNIMPLEMENTED)
        self.assertLess(len(str(caught.exception)), 100)


if __name__ == "__main__":
    unittest.main()
