"""Abuse of the registry's UDP port: what is no beat is dropped, counted, and not answered.

After each datagram, the same socket sends an authentic beat, and the registry answers it. Datagrams
on loopback keep their order: so by then the bad datagram has been read, and an answer to it would
have come first.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import math
import random
import socket
import unittest
import urllib.request
from typing import Any, NamedTuple
from unittest import mock

from ponte.discovery.beats import (
    MAX_DATAGRAM_BYTES,
    MAX_NAME,
    Answer,
    Beat,
    decode_answer,
    encode_beat,
)
from ponte.net.address import show
from registry import Registry
from tests.exposition import read

KEY, OTHER_KEY = b"the key of this class", b"another, as a guess"
PATIENCE_S = 5.0
# Its lease is longer than the test.
BEAT = Beat("greeter", "server-1", 5, 0, "127.0.0.1", 4242, lease_s=60, idempotent=("hello",))
# With the default opener, urllib would ask a proxy of the environment for 127.0.0.1 too.
WITHOUT_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def signed(line: bytes, key: bytes = KEY) -> bytes:
    """What a sender that has the key can send: then it is the content that is refused."""
    return hmac.new(key, line, hashlib.sha256).hexdigest().encode() + b"\n" + line


class Row(NamedTuple):
    """A datagram, and the reason under which it is counted."""

    what: str
    datagram: bytes
    reason: str


class Sender:
    """A UDP socket that beats as one instance, and reads the answers of the registry."""

    def __init__(self, test: unittest.TestCase, registry: Registry, instance: str) -> None:
        self._registry = registry
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        test.addCleanup(self._socket.close)
        self._socket.settimeout(PATIENCE_S)
        self.beat = BEAT._replace(instance=instance)

    def send(self, datagram: bytes) -> None:
        self._socket.sendto(datagram, self._registry.address)

    def receive(self) -> bytes:
        return self._socket.recv(2 * MAX_DATAGRAM_BYTES)

    def ask(self) -> Answer:
        """Sends the next beat, and returns the first answer that comes."""
        self.beat = self.beat._replace(seq=self.beat.seq + 1)
        self.send(encode_beat(self.beat, KEY))
        return decode_answer(self.receive(), KEY)

    def join(self) -> None:
        """Beats with the registry's epoch from now on."""
        self.beat = self.beat._replace(epoch=self.ask().epoch)
        assert self.ask().type == "ack"


class AbuseTest(unittest.TestCase):
    """Starts registries, and checks what a datagram does to them."""

    def start_registry(self) -> Registry:
        registry = Registry(port=0, key=KEY)
        registry.start()
        self.addCleanup(registry.close)
        return registry

    def counts(self, registry: Registry) -> dict[str, int]:
        """The datagrams by what became of them, on the page /status; /metrics must agree."""
        def page(path: str) -> str:
            url = f"http://{show(registry.address)}{path}"
            with WITHOUT_PROXY.open(url, timeout=PATIENCE_S) as reply:
                return str(reply.read(), "utf-8")

        counts: dict[str, int] = json.loads(page("/status"))["datagrams"]
        shown = read(page("/metrics"))["ponte_registry_datagrams_total"]
        for name, count in counts.items():
            self.assertEqual(shown.value(outcome=name), count)
        return counts

    def assert_dropped(self, registry: Registry, sender: Sender, row: Row) -> None:
        """The row moves one counter by one, is not answered, and changes no lease."""
        before, leases = self.counts(registry), registry.snapshot().endpoints
        sender.send(row.datagram)
        answer = sender.ask()
        self.assertEqual((answer.type, answer.seq), ("ack", sender.beat.seq), "it was answered")
        after = self.counts(registry)
        moved = {name: count - before.get(name, 0)
                 for name, count in after.items() if count != before.get(name, 0)}
        self.assertEqual(moved, {row.reason: 1, "ack": 1})
        self.assertEqual(registry.snapshot().endpoints, leases)


class Datagrams(AbuseTest):
    """What docs/security.md promises about bad datagrams, row by row."""

    def rows(self, epoch: str, last_seq: int) -> list[Row]:
        """Datagrams that a registry with this epoch drops; `last_seq` is the sender's latest."""
        stranger = BEAT._replace(instance="stranger", seq=1, epoch=epoch)
        good = {"v": 1, "type": "beat", **stranger._asdict()}

        def beat(**fields: Any) -> bytes:
            return signed(json.dumps({**good, **fields}).encode())

        replayed = BEAT._replace(instance="sender", epoch=epoch)
        fields: tuple[tuple[str, str, list[object]], ...] = (
            ("v", "version", [0, 2, "1", None, True, 1.0]),
            ("service", "name", ["", "a" * (MAX_NAME + 1), "a\0b", "a\nb", "a\x1b[2J", "a b", 7,
                                 None, ["a"], {}, "registry"]),
            ("instance", "name", ["", "a" * (MAX_NAME + 1), "a\0b", "a\nb", "a\x7f", "\u202egnp", 7,
                                  None, ["a"], {}]),
            ("incarnation", "number", [0, -1, 1.5, "5", None, True, 2 ** 53 + 1, 1e300]),
            ("seq", "number", [0, -1, 1.5, "5", None, True, 2 ** 53 + 1, math.nan]),
            ("port", "number", [0, -1, 80.0, "80", None, False, [80]]),
            ("port", "address", [65_536, 70_000]),
            ("host", "address", ["0.0.0.0", "::", "0", "0x0", "224.0.0.1", "239.255.255.250",
                                 "ff02::1", "", "a b", "a\r\nX: y", "a" * 254, 7, None,
                                 ["127.0.0.1"]]),
            ("state", "state", ["asleep", "", 1, None, ["up"]]),
            ("lease_s", "lease", [0, -1, -0.0, 1e6, 10 ** 6, math.nan, math.inf, -math.inf, "2",
                                  None, True]),
            ("idempotent", "types", ["hello", None, 7, {"hello": 1}]),
            ("idempotent", "method", [[""], ["a" * (MAX_NAME + 1)], ["a\nb"], ["a\0"], [7], [None],
                                      [["a"]]]),
            ("epoch", "state", [7, None, [epoch]]),
            ("type", "fields", ["ack", "epoch", "", None, 7, ["beat"]]),
            ("remembers", "types", [0, 1, 1.0, None, "true", [True]]),
            ("path", "types", [0, None, True, ["/RPC2"]]),
            ("path", "path", ["RPC2", "/a b", "/a\r\nX: y", "/\0", "*", "/" + "a" * 200]),
        )
        return [
            Row("empty", b"", "signature"),
            Row("empty, signed", signed(b""), "not JSON"),
            Row("a newline", b"\n", "signature"),
            Row("too long by one", b"x" * (MAX_DATAGRAM_BYTES + 1), "too long"),
            Row("as long as UDP allows", b"x" * 65_000, "too long"),
            Row("too long, signed", beat(idempotent=["a" * 60] * 20), "too long"),
            Row("random bytes", random.Random(2026).randbytes(200), "signature"),
            Row("an HTTP request", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "signature"),
            Row("not UTF-8", signed(b"\xff\xfe\xfa"), "not JSON"),
            Row("not UTF-8 inside a string", signed(b'{"v": 1, "type": "\xc3("}'), "not JSON"),
            Row("UTF-16", signed(json.dumps(good).encode("utf-16"))[:MAX_DATAGRAM_BYTES],
                "not JSON"),
            Row("cut off", signed(json.dumps(good).encode()[:-1]), "not JSON"),
            Row("nested too deep", signed(b"[" * 1100), "not JSON"),
            Row("a number of a thousand digits",
                signed(b'{"v": 1, "seq": ' + b"9" * 1000 + b"}"), "fields"),
            Row("an array", signed(b"[]"), "fields"),
            Row("an empty object", signed(b"{}"), "fields"),
            Row("a field is missing",
                signed(json.dumps(good).replace('"port": 4242, ', "").encode()), "fields"),
            *[Row(f"{name} = {value!r:.40}", beat(**{name: value}), reason)
              for name, reason, values in fields for value in values],
            Row("unsigned where a key is set",
                encode_beat(replayed._replace(seq=10 ** 6)), "signature"),
            Row("signed with another key",
                encode_beat(replayed._replace(seq=10 ** 6), OTHER_KEY), "signature"),
            Row("a signature cut short", beat()[1:], "signature"),
            Row("a signature in capitals",
                beat().replace(beat()[:64], beat()[:64].upper()), "signature"),
            Row("one byte changed",
                beat().replace(b'"port": 4242', b'"port": 4243'), "signature"),
            Row("replayed", encode_beat(replayed._replace(seq=last_seq), KEY), "old"),
            Row("an old number", encode_beat(replayed._replace(seq=1), KEY), "old"),
            Row("an old goodbye",
                encode_beat(replayed._replace(seq=1, state="leaving"), KEY), "old"),
        ]

    def test_what_is_no_beat_is_dropped_counted_and_not_answered(self) -> None:
        """And changes no lease."""
        registry = self.start_registry()
        sender = Sender(self, registry, "sender")
        sender.join()
        for row in self.rows(sender.beat.epoch, sender.beat.seq):
            with self.subTest(row.what):
                self.assert_dropped(registry, sender, row)

    def test_a_recording_from_before_a_restart_is_not_applied(self) -> None:
        """It is authentic, so it is answered, with the new epoch. Also a recorded goodbye."""
        elder, younger = self.start_registry(), self.start_registry()
        victim, replayer = Sender(self, elder, "victim"), Sender(self, younger, "replayer")
        victim.join()
        replayer.join()
        for state in ("up", "draining", "leaving"):
            with self.subTest(state):
                recording = encode_beat(
                    victim.beat._replace(seq=victim.beat.seq + 1, state=state), KEY)
                leases, before = younger.snapshot().endpoints, self.counts(younger)
                replayer.send(recording)
                answer = replayer.receive()
                self.assertEqual(decode_answer(answer, KEY).type, "epoch")
                self.assertLessEqual(len(answer), len(recording))
                self.assertEqual(younger.snapshot().endpoints, leases)
                self.assertEqual(self.counts(younger)["epoch"], before["epoch"] + 1)

    def test_no_answer_has_more_bytes_than_came(self) -> None:
        """Not even to the shortest beats: an attacker gains nothing by a forged sender."""
        registry = self.start_registry()
        sender = Sender(self, registry, "a")
        sender.beat = Beat("s", "a", 1, 0, "h", 1, lease_s=2)
        for incarnation in (1, 1, 2 ** 53, 1):
            sender.beat = sender.beat._replace(seq=sender.beat.seq + 1, incarnation=incarnation)
            beat = encode_beat(sender.beat, KEY)
            sender.send(beat)
            answer = sender.receive()
            self.assertLessEqual(len(answer), len(beat))
            sender.beat = sender.beat._replace(epoch=decode_answer(answer, KEY).epoch)
        self.assertEqual(decode_answer(answer, KEY).type, "superseded")


class FullTables(AbuseTest):
    """The number of leases is bounded: a sender cannot fill the memory of a registry."""

    def test_a_full_table_takes_no_further_lease_and_keeps_those_that_it_has(self) -> None:
        """A stranger is counted and not answered; a lease that ends makes room for it."""
        with mock.patch("ponte.discovery.leases.MAX_LEASES", 2):
            registry = self.start_registry()
            first, second = Sender(self, registry, "first"), Sender(self, registry, "second")
            first.join()
            second.join()
            stranger = first.beat._replace(instance="third", seq=1)
            row = Row("a third", encode_beat(stranger, KEY), "full")
            for _ in range(3):
                self.assert_dropped(registry, first, row)
            second.beat = second.beat._replace(state="leaving")
            self.assertEqual(second.ask().type, "ack")
            first.send(encode_beat(stranger, KEY))
            self.assertEqual(decode_answer(first.receive(), KEY)[:2], ("ack", "third"))


if __name__ == "__main__":
    unittest.main()
