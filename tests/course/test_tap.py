"""The tap: a message in one line, in both languages, and a file that is followed."""

from __future__ import annotations

import os
import tempfile
import unittest
from pathlib import Path
from xmlrpc.client import Fault

from course import tap
from course.incidents import messages
from course.tap import EARLIER, Followed
from ponte.discovery.beats import Beat, encode_beat
from ponte.net.message import Reply, Request
from ponte.process.options import UsageError
from ponte.rpc.marshal import encode_call, encode_fault, encode_result

AT = {"at": 1_700_000_000.0625, "into": True, "name": "bank-1"}


def line(note: messages.Note, language: str = "en", into: bool = True) -> str:
    """A line without its time."""
    return messages.told({**AT, **note, "into": into}, language)[14:]


def call(number: str | None = None, **headers: str) -> messages.Note:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return messages.of_request(Request("POST", "/bank", named, encode_call("deposit", ("ana", 100)),
                                       True, number))


class Told(unittest.TestCase):
    def test_a_call_is_told_with_how_it_is_marked(self) -> None:
        start = '→ bank-1  POST /bank deposit("ana", 100)  '
        for note, english, portuguese in (
                (call(), "NO CALL ID", "SEM IDENTIFICAÇÃO DE CHAMADA"),
                (call("12-3", call_session="abcdef0123"), "call abcdef/12", "chamada abcdef/12"),
                (call("12-3", call_session="abcdef0123", call_repeat="1"),
                 "REPEAT of call abcdef/12", "REPETIÇÃO da chamada abcdef/12"),
                (call(call_idempotent="1"), "idempotent", "idempotente"),
                (call(call_session="new"), "opens a session", "abre uma sessão")):
            self.assertEqual(line(note), start + english)
            self.assertEqual(line(note, "pt"), start + portuguese)

    def test_a_reply_is_told_with_its_value_and_its_time(self) -> None:
        value = messages.of_reply(Reply(200, {}, encode_result("World")), 0.00123)
        self.assertEqual(line(value, into=False), '← bank-1  200 "World"  1.2 ms')
        self.assertEqual(line(value, "pt", into=False), '← bank-1  200 "World"  1,2 ms')
        refused = messages.of_reply(Reply(503, {}, b"not executed\n"), 0.0)
        self.assertIn("503 not executed  0.0 ms", line(refused))
        long = messages.of_reply(Reply(200, {}, encode_result("x" * 1000)), 0.0)
        self.assertLess(len(line(long)), 100)
        fault = messages.of_reply(Reply(200, {}, encode_fault(Fault(1, "no"))), 0.0)
        self.assertIn("200 fault 1: no", line(fault))

    def test_a_beat_is_told_without_its_key(self) -> None:
        beat = encode_beat(Beat("greeter", "s-1", 5, seq=7, host="127.0.0.1", port=80, epoch="e9"),
                           b"a key")
        self.assertEqual(line(messages.of_datagram(beat)),
                         "→ bank-1  beat #7 of s-1: up, epoch e9")
        for data in (b"", b'\n{"type": 1, "seq": 1e999, "instance": 2}',
                     b"\n[]", b"\n{}", b'\n{"type": 1, "seq": "x", "instance": 2}', b"\n" * 9):
            self.assertEqual(messages.of_datagram(data)["k"], "datagram")

    def test_what_is_no_call_is_told_as_what_it_is(self) -> None:
        page = messages.of_request(Request("GET", "/status?x=1", {}, b""))
        self.assertEqual(line(page), "→ bank-1  GET /status")


class Follows(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = Path(folder.name, "x.tap")

    def test_the_last_lines_come_first_and_then_the_new_ones(self) -> None:
        self.file.write_bytes("".join(f"{number}\n" for number in range(30)).encode())
        followed = Followed(str(self.file))
        self.assertEqual(list(followed.more()), [str(number) for number in range(30 - EARLIER, 30)])
        self.assertEqual(list(followed.more()), [])
        with open(self.file, "ab") as file:
            file.write(b"30\n3")
            file.flush()
            # Half a line waits for its end.
            self.assertEqual(list(followed.more()), ["30"])
            file.write(b"1\n")
        self.assertEqual(list(followed.more()), ["31"])

    def test_a_file_that_begins_anew_is_followed_from_its_start(self) -> None:
        self.file.write_bytes(b"1\n2\n3\n")
        followed = Followed(str(self.file))
        list(followed.more())
        self.file.write_bytes(b"4\n")
        self.assertEqual(list(followed.more()), ["4"])

    def test_without_an_incident_it_says_how_to_start_one(self) -> None:
        with self.assertRaisesRegex(UsageError, "course incident a"):
            tap.run("registry", "en", folder=os.path.dirname(self.file))


if __name__ == "__main__":
    unittest.main()
