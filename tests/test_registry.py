"""The registry: what it answers to beats, and to readers."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import unittest
from collections.abc import Iterator
from typing import Any
from unittest import mock
from xmlrpc.client import Fault

from ponte.discovery.beat_reader import BeatReader
from ponte.discovery.beats import Answer, BadDatagram, Beat, decode_answer, encode_beat
from ponte.discovery.directory import ask
from ponte.discovery.lookup import LookupResult
from ponte.net.message import Request
from ponte.net.pool import Pool
from ponte.rpc.marshal import INVALID_PARAMETERS, decode_result, encode_call, encode_result
from registry import BATCH, Registry, _Replies
from tests.fakes import endpoint, hurry_listeners

PATIENCE_S = 5.0


def setUpModule() -> None:
    hurry_listeners()


@contextlib.contextmanager
def running(key: bytes = b"") -> Iterator[Registry]:
    with Registry(port=0, key=key) as registry:
        yield registry


class Beater:
    """A UDP socket that beats to a registry and reads its answers."""

    def __init__(self, registry: Registry, key: bytes = b"") -> None:
        self.beat = Beat("greeter", "server-1", 5, 0, "127.0.0.1", 4242, idempotent=("hello",))
        self._registry, self._key = registry, key
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(PATIENCE_S)
        self.address = self._socket.getsockname()

    def __enter__(self) -> Beater:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, datagram: bytes) -> None:
        self._socket.sendto(datagram, self._registry.address)

    def ask(self, **fields: Any) -> Answer:
        """Sends the next beat and returns the answer to it."""
        self.beat = self.beat._replace(seq=self.beat.seq + 1, **fields)
        self.send(encode_beat(self.beat, self._key))
        return decode_answer(self.receive(), self._key)

    def receive(self) -> bytes:
        return self._socket.recv(2000)

    def join(self, **fields: Any) -> Answer:
        """Beats until it is accepted: first the epoch, then the ack."""
        return self.ask(epoch=self.ask(**fields).epoch)


class Registries(unittest.TestCase):
    """One registry on loopback."""

    def test_a_beat_is_answered_with_the_epoch_and_then_acked(self) -> None:
        """A beat with another epoch is not applied."""
        with running() as registry, Beater(registry) as beater:
            first = beater.ask()
            self.assertEqual((first.type, registry.lookup("greeter").endpoints), ("epoch", []))
            second = beater.ask(epoch=first.epoch)
            self.assertEqual((second.type, second.seq), ("ack", 2))
            self.assertEqual([e.instance for e in registry.lookup("greeter").endpoints], ["server-1"])
            self.assertEqual(registry.services(), ["greeter"])

    def test_the_elder_is_told_the_younger_incarnation(self) -> None:
        """So that it knows that it is superseded."""
        with running() as registry, Beater(registry) as beater:
            beater.join(incarnation=9)
            told = beater.ask(incarnation=7)
            self.assertEqual((told.type, told.newest), ("superseded", 9))

    def test_bad_and_old_datagrams_are_counted_and_not_answered(self) -> None:
        """By reason; an authentic beat afterwards is answered first, so nothing was said in between."""
        with running() as registry, Beater(registry) as beater:
            beater.join()
            before = beater.beat
            for datagram in (b"garbage", b"\n{", encode_beat(before), encode_beat(before, b"k" * 16)):
                beater.send(datagram)
            self.assertEqual(beater.ask().seq, before.seq + 1)
            counts = json.loads(json.dumps(registry.status()["datagrams"]))
            self.assertEqual({reason: counts.get(reason, 0) for reason in ("signature", "not JSON", "old", "ack")},
                             {"signature": 2, "not JSON": 1, "old": 1, "ack": 2})

    def test_with_a_key_only_signed_beats_count(self) -> None:
        """And the answers are signed."""
        key = b"0123456789abcdef"
        with running(key) as registry, Beater(registry, key) as beater:
            beater.send(encode_beat(beater.beat._replace(seq=1)))
            self.assertEqual(beater.join().type, "ack")
            beater.send(encode_beat(beater.beat._replace(seq=9), key))
            with self.assertRaises(BadDatagram):
                decode_answer(beater.receive())

    def test_an_empty_datagram_is_counted_too(self) -> None:
        """It is dropped like any other that is no beat."""
        with running() as registry, Beater(registry) as beater:
            beater.send(b"")
            beater.join()
            counts = json.loads(json.dumps(registry.status()["datagrams"]))
            self.assertEqual(sum(counts.values()), 3, counts)

    def test_beats_that_come_together_are_answered_one_by_one(self) -> None:
        """In their order, more than fit into one batch, and whatever comes between them."""
        with running() as registry, Beater(registry) as beater:
            first = beater.ask()
            seqs = list(range(2, 3 * BATCH))
            for seq in seqs:
                beater.send(encode_beat(beater.beat._replace(seq=seq, epoch=first.epoch)))
                beater.send(b"garbage")
            answers = [decode_answer(beater.receive()) for _ in seqs]
            self.assertEqual([(answer.type, answer.seq) for answer in answers], [("ack", seq) for seq in seqs])

    def test_a_batch_is_bounded(self) -> None:
        """Under a flood, too, expiry has its turn, and readers have theirs."""
        with contextlib.closing(Registry(port=0)) as registry, Beater(registry) as beater:
            for _ in range(2 * BATCH + 1):
                beater.send(b"garbage")
            self.assertEqual([len(registry._receive()) for _ in range(4)], [BATCH, BATCH, 1, 0])

    def test_senders_that_have_gone_are_forgotten(self) -> None:
        """What the reader knows of them, too."""
        forgotten = threading.Event()
        with mock.patch("registry.AGE_S", 0.0), contextlib.closing(Registry(port=0)) as registry:
            reader = registry._reader

            def age() -> None:
                BeatReader.age(reader)
                if not reader._known and not reader._aging:
                    forgotten.set()

            with mock.patch.object(reader, "age", age), Beater(registry) as beater:
                registry.start()
                beater.join()
                forgotten.clear()       # it may have been empty before
                self.assertTrue(forgotten.wait(PATIENCE_S))

    def test_an_answer_longer_than_its_question_is_not_sent(self) -> None:
        """Nobody can use a registry to amplify a flood; the next answer is the first that comes."""
        with running() as registry, Beater(registry) as beater:
            registry._answer(b"x" * 10, 9, beater.address)
            self.assertEqual(beater.ask().type, "epoch")
            self.assertEqual(registry._counts["too short to answer"], 1)

    def test_a_long_poll_returns_with_the_change(self) -> None:
        """At once where the index is another already, else as soon as it moves on."""
        with running() as registry, Beater(registry) as beater:
            index = registry.lookup("greeter").index
            found: list[LookupResult] = []
            thread = threading.Thread(target=lambda: found.append(registry.watch("greeter", index, 30)))
            thread.start()
            beater.join()
            thread.join(PATIENCE_S)
            self.assertEqual([e.instance for e in found[0].endpoints], ["server-1"])
            self.assertEqual(registry.watch("greeter", index, 30).index, found[0].index)
            self.assertEqual(registry.watch("greeter", found[0].index, 0).index, found[0].index)

    def test_closing_ends_long_polls(self) -> None:
        """Or a registry would take half a minute to stop."""
        with running() as registry:
            index = registry.lookup("greeter").index
            thread = threading.Thread(target=registry.watch, args=("greeter", index, 30))
            thread.start()
            registry.close()
            thread.join(PATIENCE_S)
            self.assertFalse(thread.is_alive())

    def test_wrong_arguments_are_faults(self) -> None:
        """-32602, and nothing changes."""
        with running() as registry:
            rows: list[Any] = [(7, 1, 1), ("a", "1", 1), ("a", True, 1), ("a", 1, -1), ("a", 1, 31),
                               ("a", 1, float("nan")), ("a", 1, "1"), ("a", 1, None)]
            for row in rows:
                with self.subTest(row), self.assertRaises(Fault) as caught:
                    registry.watch(*row)
                self.assertEqual(caught.exception.faultCode, INVALID_PARAMETERS)

    def test_paths_and_methods(self) -> None:
        """POST /registry, the pages by GET, and nothing else."""
        with running() as registry:
            for method, target, status in (("POST", "/registry", 200), ("GET", "/registry", 405), ("GET", "/", 404),
                                           ("GET", "/health", 200), ("GET", "/status", 200), ("GET", "/metrics", 200)):
                with self.subTest(method=method, target=target):
                    reply = registry._handle(Request(method, target, {}, encode_call("services", ())), 0.0)
                    self.assertEqual(reply.status, status)

    def test_readers_ask_over_xml_rpc(self) -> None:
        """As any XML-RPC client can."""
        with running() as registry, Beater(registry) as beater, contextlib.closing(Pool()) as pool:
            beater.join()
            self.assertEqual(ask(pool, registry.address, "services"), ["greeter"])
            self.assertEqual(len(ask(pool, registry.address, "snapshot")["endpoints"]), 1)


class KeptReplies(unittest.TestCase):
    """A view is marshalled once for all who ask for it."""

    def setUp(self) -> None:
        self.replies = _Replies()
        patch = mock.patch("registry.encode_result", wraps=encode_result)
        self.marshal = patch.start()
        self.addCleanup(patch.stop)

    def seen(self, index: int, *instances: str, service: str = "greeter") -> LookupResult:
        return LookupResult(service, index, "e", False, [endpoint(instance) for instance in instances], [])

    def told(self, seen: LookupResult) -> list[str]:
        """The instances in the reply."""
        return [struct["instance"] for struct in decode_result(self.replies.encode(seen))["endpoints"]]

    def test_the_same_view_is_marshalled_once(self) -> None:
        """And another index, or another service, is another view."""
        for seen, times in ((self.seen(1, "a"), 1), (self.seen(1, "a"), 1), (self.seen(1, "c", service="bank"), 2),
                            (self.seen(2, "b"), 3), (self.seen(2, "b"), 3), (self.seen(1, "c", service="bank"), 3)):
            self.assertEqual(self.told(seen), [e.instance for e in seen.endpoints])
            self.assertEqual(self.marshal.call_count, times)

    def test_who_comes_late_with_an_older_view_is_told_the_newer(self) -> None:
        """Two threads may overtake one another on their way from the table."""
        self.told(self.seen(2, "new"))
        self.assertEqual(self.told(self.seen(1, "old")), ["new"])

    def test_few_are_kept(self) -> None:
        """Whoever asks for many services, existing or not, fills no memory."""
        with mock.patch("registry.KEPT_REPLIES", 3):
            for number in range(10):
                self.assertEqual(self.told(self.seen(1, "a", service=f"s{number}")), ["a"])
        self.assertLessEqual(len(self.replies._kept), 3)

    def test_other_values_are_marshalled_as_ever(self) -> None:
        """Such as the names of the services."""
        self.assertEqual(decode_result(self.replies.encode(["greeter"])), ["greeter"])

    def test_readers_of_a_registry_get_kept_replies(self) -> None:
        """Until the view changes."""
        with running() as registry, Beater(registry) as beater, contextlib.closing(Pool()) as pool:
            for state in ("up", "up", "draining"):
                beater.join(state=state)
                for _ in range(3):
                    found, = ask(pool, registry.address, "lookup", "greeter")["endpoints"]
                    self.assertEqual(found["state"], state)
        self.assertEqual(self.marshal.call_count, 2)


if __name__ == "__main__":
    unittest.main()
