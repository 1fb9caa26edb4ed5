"""HTTP/1.1 messages as bytes: what we write is what a parser reads."""

from __future__ import annotations

import unittest

from ponte.net.message import (
    Reply,
    Request,
    encode_reply,
    encode_request,
    lines_of,
    text_reply,
)
from tests.net.parsing import read_reply, read_request

EVERY_BYTE = bytes(range(256))


class Requests(unittest.TestCase):
    """What a client writes."""

    def test_what_is_encoded_is_read_back(self) -> None:
        """A parser reads the request that was written, also with every byte value in its body."""
        data = encode_request("POST", "/a?b=c", {"Host": "a:1", "X": "\u00e9"}, EVERY_BYTE)
        headers = {"host": "a:1", "x": "\u00e9", "content-length": "256"}
        self.assertEqual(read_request(data), Request("POST", "/a?b=c", headers, EVERY_BYTE))


class Replies(unittest.TestCase):
    """What a server writes."""

    def test_what_is_encoded_is_read_back(self) -> None:
        """A parser reads the reply that was written, also with a status that has no name."""
        for reply in (Reply(200, {"a": "b"}, EVERY_BYTE),
                      Reply(299, {}, b""),
                      Reply(503, {"not-executed": "1"}, b"x", keep_alive=False)):
            with self.subTest(reply.status):
                read = read_reply(encode_reply(reply))
                self.assertEqual(read._replace(headers={}), reply._replace(headers={}))
                self.assertLessEqual(reply.headers.items(), read.headers.items())

    def test_lines_that_are_written_already_make_the_same_reply(self) -> None:
        """Whether the connection stays open or not, and also with a status that has no name."""
        for reply in (Reply(200, {"A": "\u00e9", "B": ""}, EVERY_BYTE),
                      Reply(299, {}, b"", keep_alive=False)):
            with self.subTest(reply.status):
                written = reply._replace(headers={}, lines=lines_of(reply.headers))
                self.assertEqual(encode_reply(written), encode_reply(reply))

    def test_each_part_of_a_reply_has_its_place(self) -> None:
        """Headers in Latin-1, as a parser reads them; a status without a name gets one."""
        self.assertEqual(encode_reply(Reply(299, {"A": "\u00e9"}, b"x", keep_alive=False)),
                         b"HTTP/1.1 299 Status\r\nA: \xe9\r\nConnection: close\r\n"
                         b"Content-Length: 1\r\n\r\nx")

    def test_each_status_of_ours_has_its_name(self) -> None:
        """RFC 9110 section 15: of a number that never runs, and of a key with another body."""
        for status, line in ((410, b"HTTP/1.1 410 Gone\r\n"),
                             (422, b"HTTP/1.1 422 Unprocessable Content\r\n")):
            self.assertTrue(encode_reply(Reply(status, {}, b"")).startswith(line))

    def test_text_replies_are_one_line(self) -> None:
        """Underscores in header names become hyphens."""
        reply = text_reply(503, "not executed", Not_Executed="1")
        self.assertEqual(reply.headers["Not-Executed"], "1")
        self.assertEqual(reply.body, b"not executed\n")


if __name__ == "__main__":
    unittest.main()
