"""python3 -m interop.dns beside real servers: what it names, and what strangers send it."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import unittest

from interop.dns_message import (
    FORMERR,
    HEADER,
    NXDOMAIN,
    SERVFAIL,
    SRV,
    TRUNCATED,
    A,
    name_of,
    write_question,
)
from ponte.net.address import Address
from ponte.process.options import PYTHON
from tests.system.cluster import SystemTest
from tests.system.harness import START_S

PLACE = name_of("_greeter._tcp.ponte")
# Seconds.
ANSWER_S = 3.0
# Servers: more than fit into 4,096 bytes.
MANY = 110
# Questions at once.
FLOOD = 5_000


def ask(address: Address, question: bytes) -> bytes:
    """The answer over UDP."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(ANSWER_S)
        sock.sendto(question, address)
        return sock.recv(65_535)


def connect(test: unittest.TestCase, address: Address) -> socket.socket:
    sock = socket.create_connection(address, ANSWER_S)
    test.addCleanup(sock.close)
    return sock


def ask_by_tcp(sock: socket.socket, question: bytes) -> bytes:
    sock.sendall(struct.pack("!H", len(question)) + question)
    with sock.makefile("rb") as file:
        return file.read(int.from_bytes(file.read(2), "big"))


def code(answer: bytes) -> int:
    return int(HEADER.unpack_from(answer)[1] & 0xF)


def ports(answer: bytes) -> list[int]:
    """The ports in an answer that has SRV records alone, behind the question for PLACE."""
    _, _, _, answers, _, _ = HEADER.unpack_from(answer)
    at = len(write_question(0, PLACE, SRV))
    found = []
    for _ in range(answers):
        length = int.from_bytes(answer[at + 10:at + 12], "big")
        found.append(int.from_bytes(answer[at + 16:at + 18], "big"))
        at += 12 + length
    return sorted(found)


class Dns(SystemTest):
    def test_it_names_exactly_the_servers_that_live(self) -> None:
        cluster = self.cluster
        registry = cluster.start_registry()
        one, two = cluster.start_servers("services/greeter.py", "one", "two")
        dns = self.cluster.start_dns()
        question = write_question(1, PLACE, SRV)

        def named() -> list[int]:
            return ports(ask(dns.address, question))

        both = sorted([one.address[1], two.address[1]])
        cluster.wait_until(lambda: named() == both, 3, "both are named")
        self.assertEqual(ports(ask_by_tcp(connect(self, dns.address), question)), both)
        nobody = write_question(1, name_of("no.ponte"), A)
        # A registry that has just started does not know all servers yet, and so does DNS.
        self.assertIn(code(ask(dns.address, nobody)), (SERVFAIL, NXDOMAIN))
        cluster.wait_until(lambda: code(ask(dns.address, nobody)) == NXDOMAIN, 4, "no such name")
        cluster.kill(one)
        cluster.wait_until(lambda: named() == [two.address[1]], 2.5, "the killed one is gone")
        # A registry that is away takes nothing back: what was known holds.
        cluster.kill(registry)
        self.assertEqual(named(), [two.address[1]])
        two.stop()
        two.wait(15)
        self.assertEqual(code(ask(dns.address, question)), 0)

    def test_a_server_that_drains_is_named_no_more(self) -> None:
        cluster = self.cluster
        cluster.start_registry()
        one, two = cluster.start_servers("services/greeter.py", "one", "two")
        dns = self.cluster.start_dns()
        question = write_question(1, PLACE, SRV)
        cluster.wait_until(lambda: len(ports(ask(dns.address, question))) == 2, 3, "both")
        one.stop()
        cluster.wait_until(lambda: ports(ask(dns.address, question)) == [two.address[1]], 2,
                           "it is not named")

    def test_who_listens_everywhere_names_no_address_of_its_own(self) -> None:
        self.cluster.start_registry()
        self.cluster.start_server("services/greeter.py", "one")
        dns = self.cluster.start_dns("--host", "0.0.0.0")
        question = write_question(1, name_of("ns.ponte"), A)
        self.cluster.wait_until(
            lambda: code(ask(("127.0.0.1", dns.address[1]), question)) == NXDOMAIN, 4,
            "there is no such name")

    def test_before_any_registry_has_answered_it_does_not_know(self) -> None:
        with contextlib.closing(socket.socket()) as nobody:
            nobody.bind(("127.0.0.1", 0))
            self.cluster.registries.append(nobody.getsockname())
            dns = self.cluster.start_dns()
            for name in ("greeter.ponte", "no.ponte"):
                answer = ask(dns.address, write_question(1, name_of(name), A))
                self.assertEqual(code(answer), SERVFAIL)

    def test_strangers_end_nothing_and_hold_nobody_up(self) -> None:
        cluster = self.cluster
        cluster.start_registry()
        cluster.start_server("services/greeter.py", "one")
        dns = self.cluster.start_dns()
        question = write_question(1, PLACE, SRV)
        cluster.wait_until(lambda: ports(ask(dns.address, question)), 3, "it is named")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for garbage in (b"", b"x", os.urandom(60_000), b"\xc0\x0c" * 30, bytes(12)):
                sock.sendto(garbage, dns.address)
            # More than it answers meanwhile.
            for _ in range(FLOOD):
                sock.sendto(question, dns.address)
        # Connections that ask nothing, more than there may be at a time; and one of 64 KB.
        silent = [connect(self, dns.address) for _ in range(80)]
        large = connect(self, dns.address)
        large.sendall(b"\xff\xff" + bytes(65_535))
        # One that sends its question byte by byte, and stops in it.
        slow = connect(self, dns.address)
        for byte in question[:8]:
            slow.sendall(bytes([byte]))
        self.assertTrue(ports(ask_by_tcp(connect(self, dns.address), question)))
        self.assertTrue(ports(ask(dns.address, question)))
        self.assertEqual(silent[0].recv(1), b"")
        self.assertNotIn("Traceback", dns.log)

    def test_a_wrong_question_gets_a_small_answer_that_says_so(self) -> None:
        """Over both ways. None is larger than the question, so nobody can be flooded by them."""
        self.cluster.start_registry()
        dns = self.cluster.start_dns()
        question = write_question(9, PLACE, SRV)
        body = question[HEADER.size:]
        to_itself = HEADER.pack(9, 0, 1, 0, 0, 0) + b"\xc0\x0c\0\1\0\1"
        in_a_circle = HEADER.pack(9, 0, 1, 0, 0, 0) + b"\1a\xc0\x0c\0\1\0\1"
        for wrong in (HEADER.pack(9, 0, 0, 0, 0, 0), HEADER.pack(9, 0, 0, 0, 0, 0) + body,
                      HEADER.pack(9, 0, 2, 0, 0, 0) + body, to_itself, in_a_circle,
                      HEADER.pack(9, 0, 65_535, 65_535, 65_535, 65_535) + body):
            for answer in (ask(dns.address, wrong),
                           ask_by_tcp(connect(self, dns.address), wrong)):
                self.assertEqual((answer[:2], code(answer)), (wrong[:2], FORMERR))
                self.assertLessEqual(len(answer), len(wrong))
        self.assertNotIn("Traceback", dns.log)

    def test_what_does_not_fit_into_a_datagram_comes_over_tcp(self) -> None:
        """No answer over UDP is larger than its asker takes, nor than 4,096 bytes."""
        cluster = self.cluster
        cluster.start_registry()
        cluster.start_many_servers(MANY)
        dns = self.cluster.start_dns()
        question = write_question(1, PLACE, SRV)
        tcp = connect(self, dns.address)
        cluster.wait_until(lambda: len(ports(ask_by_tcp(tcp, question))) == MANY, 10, "all of them")
        for takes in (0, 1, 512, 1232, 4096, 65_535):
            answer = ask(dns.address, write_question(1, PLACE, SRV, takes))
            self.assertLessEqual(len(answer), min(max(takes, 512), 4096))
            self.assertTrue(HEADER.unpack_from(answer)[1] & TRUNCATED)
            self.assertGreater(len(ports(answer)), 5)


class Mistakes(SystemTest):
    def test_a_mistake_is_one_line(self) -> None:
        for options, word in ((("--zone", "a..b"), "--zone"), (("--zone", "x" * 64), "--zone"),
                              (("--registry", "nowhere"), "HOST:PORT")):
            process = self.cluster.start("-m", "interop.dns", "--port", "0", *options)
            self.assertEqual(process.wait(START_S), 2)
            self.assert_one_line(process.err, f"{PYTHON} -m interop.dns: ", word)

    def test_it_sends_no_beats_and_takes_no_key(self) -> None:
        for option in ("--key-file", "--insecure"):
            process = self.cluster.start("-m", "interop.dns", "--port", "0", option, "key")
            self.assertEqual(process.wait(START_S), 2)
            self.assert_one_line(process.err, option)

    def test_a_port_that_is_taken_is_named(self) -> None:
        with contextlib.closing(socket.socket()) as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = str(other.getsockname()[1])
            process = self.cluster.start("-m", "interop.dns", "--port", port)
            self.assertEqual(process.wait(START_S), 2)
            self.assert_one_line(process.err, port, "--port")


if __name__ == "__main__":
    unittest.main()
