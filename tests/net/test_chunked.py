"""The chunked body: what is read, and what is refused since its end could be at two places."""

from __future__ import annotations

import unittest

from ponte.net.chunked import MAX_LINE_BYTES, NEXT_PART, ChunkedBody
from ponte.net.message import MAX_BODY_BYTES, MAX_HEADERS
from tests.net.parsing import check_refusals, chunked, read_request

CHUNK_SIZES = [b"0x1", b"1_0", b"-1", b"+1", b"", b" 1", b"1 ", b"g", b"123456789", b"\xb2"]

# Name, request, status of the refusal.
REFUSED: list[tuple[str, bytes, int]] = [
    *[(f"chunk size {size!r}", chunked(size + b"\r\nx\r\n0\r\n\r\n"), 400) for size in CHUNK_SIZES],
    ("a chunk longer than its size", chunked(b"1\r\nxy\r\n0\r\n\r\n"), 400),
    ("a bare LF after a chunk size", chunked(b"1\nx\r\n0\r\n\r\n"), 400),
    ("a bare LF after a chunk", chunked(b"1\r\nx\n0\r\n\r\n"), 400),
    ("a bare LF at the end of the trailers", chunked(b"0\r\nA: b\n\r\n"), 400),
    ("a bare CR in a chunk extension", chunked(b"1;a\rb\r\nx\r\n0\r\n\r\n"), 400),
    ("a trailer that is no field", chunked(b"0\r\nnonsense\r\n\r\n"), 400),
    ("too many trailers", chunked(b"0\r\n" + b"A: b\r\n" * (MAX_HEADERS + 1) + b"\r\n"), 431),
    ("an endless chunk extension", chunked(b"1;" + b"x" * MAX_LINE_BYTES), 400),
    ("a long chunk, before it comes", chunked(b"%x\r\n" % (MAX_BODY_BYTES + 1)), 413),
    ("a body grown too long", chunked(b"8\r\n12345678\r\n%x\r\n" % (MAX_BODY_BYTES - 7)), 413),
]


class Chunks(unittest.TestCase):
    """A body in chunks, read by a parser of requests."""

    def test_chunks_are_joined_and_their_extensions_and_trailers_dropped(self) -> None:
        """RFC 9112 section 7.1: sizes are hexadecimal, with letters of either case."""
        request = read_request(chunked(
            b'3;name="v"\r\n' b"abc\r\n"
            b"A \t;x\r\n" b"0123456789\r\n"
            b"00\r\n"
            b"Trailer: t\r\n"
            b"\r\n"))
        self.assertEqual(request.body, b"abc0123456789")
        self.assertNotIn("trailer", request.headers)

    def test_what_has_two_readings_or_breaks_a_limit_is_refused(self) -> None:
        """Each row is refused with its status, whether its bytes come at once or one by one."""
        check_refusals(self, REFUSED)

    def test_bytes_behind_the_body_are_not_taken(self) -> None:
        """They belong to the next message; nothing is taken of a chunk that is not whole."""
        reader = ChunkedBody(max_bytes=100)
        buffer = bytearray(b"5\r\nhell")
        self.assertIsNone(reader.take(buffer))
        self.assertEqual(buffer, b"hell")
        buffer += b"o\r\n0\r\n\r\nGET"
        self.assertEqual(reader.take(buffer), b"hello")
        self.assertEqual(buffer, b"GET")

    def test_the_table_has_a_row_for_each_part_but_the_end(self) -> None:
        """From each part of a body there is a way on, and all ways lead to parts that exist."""
        reached = {part for row in NEXT_PART.values() for part in row.values()}
        self.assertEqual(reached - NEXT_PART.keys(), {"end"})


if __name__ == "__main__":
    unittest.main()
