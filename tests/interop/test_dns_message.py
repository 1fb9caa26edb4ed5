"""The bytes of DNS: what is read, what is refused, and how large an answer may be."""

from __future__ import annotations

import random
import struct
import unittest

from interop.dns_message import (
    BADVERS,
    FORMERR,
    HEADER,
    IS_OURS,
    IS_REPLY,
    MAX_TCP_BYTES,
    MAX_UDP_BYTES,
    NOTIMP,
    NXDOMAIN,
    REFUSED,
    SERVFAIL,
    SRV,
    TRUNCATED,
    A,
    Answers,
    BadQuestion,
    Record,
    name_of,
    read_question,
    srv_data,
    write_answer,
    write_question,
)

NAME = name_of("_greeter._tcp.ponte")


def servers(count: int) -> Answers:
    """SRV records with the addresses of their hosts."""
    hosts = [name_of(f"server-{number}.greeter.ponte") for number in range(count)]
    return Answers(0, [Record(NAME, SRV, srv_data(4242, host)) for host in hosts],
                   additional=[Record(host, A, b"\x7f\0\0\1") for host in hosts])


def header(message: bytes) -> tuple[int, ...]:
    return HEADER.unpack_from(message)


class Questions(unittest.TestCase):
    def refused(self, message: bytes) -> bytes:
        with self.assertRaises(BadQuestion) as caught:
            read_question(message)
        return caught.exception.reply

    def test_capital_letters_are_the_same_name_and_are_repeated_as_they_came(self) -> None:
        message = write_question(1, name_of("greeter.ponte"), A).replace(b"greeter", b"GrEeTer")
        question = read_question(message)
        self.assertEqual(question.name, name_of("greeter.ponte"))
        self.assertIn(b"GrEeTer", write_answer(question, Answers(0)))

    def test_what_gets_no_answer(self) -> None:
        question = write_question(1, NAME, SRV)
        for message in (b"", question[:11], question[:2] + b"\x80" + question[3:]):
            self.assertEqual(self.refused(message), b"")

    def test_each_mistake_has_its_code(self) -> None:
        question = write_question(9, NAME, SRV, 1232)
        head, body = question[:HEADER.size], question[HEADER.size:]

        def with_head(*words: int) -> bytes:
            return HEADER.pack(*words) + body

        def named(name: bytes) -> bytes:
            return HEADER.pack(9, 0, 1, 0, 0, 0) + name + b"\0\1\0\1"

        opt = question[-11:]
        pointer_to_itself = HEADER.pack(9, 0, 1, 0, 0, 0) + b"\xc0\x0c\0\1\0\1"
        in_chaos = write_question(9, NAME, SRV)[:-1] + b"\3"
        later = question[:-6] + b"\0\1\0\0\0\0"
        for code, message in ((NOTIMP, with_head(9, 0x2800, 1, 0, 0, 0)),
                              (FORMERR, with_head(9, 0, 0, 0, 0, 1)),
                              (FORMERR, with_head(9, 0, 2, 0, 0, 0)),
                              (FORMERR, with_head(9, 0, 1, 0, 0, 2)),
                              (FORMERR, head + b"\x3f" + b"a" * 20),
                              (FORMERR, named((b"\x3f" + b"a" * 63) * 4 + b"\0")),
                              (FORMERR, named(b"\x40" + b"a" * 64 + b"\0")),
                              (FORMERR, with_head(9, 0, 1, 0, 0, 2) + opt),
                              (FORMERR, with_head(9, 0, 1, 0, 0, 1)[:-11] + b"\1a" + opt),
                              (FORMERR, pointer_to_itself),
                              (REFUSED, in_chaos)):
            number, flags, *_ = header(self.refused(message))
            self.assertEqual((number, flags & IS_REPLY, flags & 0xF), (9, IS_REPLY, code), message)
        reply = self.refused(later)
        # The upper bits of the code are in the OPT record.
        self.assertEqual((header(reply)[1] & 0xF, reply[-6]), (BADVERS & 0xF, BADVERS >> 4))

    def test_no_bytes_are_worse_than_a_bad_question(self) -> None:
        rng = random.Random(1)
        question = write_question(1, NAME, SRV, 1232)
        for _ in range(20_000):
            data = bytearray(question)
            for _ in range(rng.randint(1, 4)):
                data[rng.randrange(len(data))] = rng.choice((0, 1, 0x3F, 0xC0, 0xFF))
            message = bytes(data[:rng.randint(0, len(data))])
            try:
                reply = write_answer(read_question(message), servers(3))
            except BadQuestion as bad:
                reply = bad.reply
            self.assertLessEqual(len(reply), MAX_UDP_BYTES)


class Answered(unittest.TestCase):
    def test_an_answer_is_never_larger_than_its_asker_takes(self) -> None:
        for udp_bytes in (0, 100, 512, 600, 1232, 4096, 65_535):
            takes = min(max(udp_bytes, 512), MAX_UDP_BYTES)
            question = read_question(write_question(1, NAME, SRV, udp_bytes))
            for count in range(120):
                answer = write_answer(question, servers(count))
                self.assertLessEqual(len(answer), takes)
                _, flags, _, answers, _, _ = header(answer)
                self.assertEqual(bool(flags & TRUNCATED), answers < count)

    def test_who_says_he_takes_less_than_every_asker_must_take_gets_that(self) -> None:
        plain, small = (header(write_answer(read_question(write_question(1, NAME, SRV, udp_bytes)),
                                            servers(20))) for udp_bytes in (512, 1))
        self.assertEqual(small, plain)

    def test_only_what_the_zone_says_is_said_with_authority(self) -> None:
        question = read_question(write_question(1, NAME, SRV))
        for code, is_ours in ((0, True), (NXDOMAIN, True), (SERVFAIL, False), (REFUSED, False)):
            flags = header(write_answer(question, Answers(code)))[1]
            self.assertEqual((flags & 0xF, bool(flags & IS_OURS)), (code, is_ours))

    def test_what_only_helps_goes_before_an_answer_does(self) -> None:
        question = read_question(write_question(1, NAME, SRV))
        _, flags, _, answers, _, additional = header(write_answer(question, servers(9)))
        self.assertEqual((flags & TRUNCATED, answers), (0, 9))
        self.assertLess(additional, 9)

    def test_over_tcp_all_of_them_come(self) -> None:
        question = read_question(write_question(1, NAME, SRV))
        _, flags, _, answers, _, additional = header(
            write_answer(question, servers(500), MAX_TCP_BYTES))
        self.assertEqual((flags & TRUNCATED, answers, additional), (0, 500, 500))

    def test_nothing_may_be_kept(self) -> None:
        question = read_question(write_question(1, NAME, SRV))
        answer = write_answer(question, servers(1))
        at = HEADER.size + len(question.asked) + 2
        self.assertEqual(struct.unpack_from("!HHI", answer, at), (SRV, 1, 0))


class Names(unittest.TestCase):
    def test_what_is_no_name(self) -> None:
        for text in ("", ".", "a..b", "a" * 64, ".".join(["a" * 60] * 5), "olá"):
            with self.assertRaises(ValueError):
                name_of(text)


if __name__ == "__main__":
    unittest.main()
