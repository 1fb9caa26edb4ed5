"""The registry: what it answers to beats, and to readers."""

from __future__ import annotations

import contextlib
import json
import select
import socket
import threading
import time
import unittest
import xmlrpc.client
from collections.abc import Iterator
from typing import Any
from unittest import mock
from xmlrpc.client import Fault

from ponte.discovery.beat_reader import BeatReader
from ponte.discovery.beats import Answer, BadDatagram, Beat, decode_answer, encode_beat
from ponte.discovery.directory import Directory
from ponte.discovery.follower import ask
from ponte.discovery.lookup import JSON, PATH, STRUCT, LookupResult
from ponte.discovery.signing import Keys
from ponte.net.address import show
from ponte.net.message import Reply, Request, encode_request
from ponte.net.parser import ReplyParser
from ponte.net.pool import Pool
from ponte.rpc.marshal import INVALID_PARAMETERS, decode_result, encode_call, encode_result
from registry import BATCH, Registry
from tests.fakes import CLOCK_STEP_S, eventually, hurry_listeners

PATIENCE_S = 5.0


def setUpModule() -> None:
    hurry_listeners()


@contextlib.contextmanager
def running(key: Keys = b"", engine: str = "events") -> Iterator[Registry]:
    with Registry(port=0, key=key, engine=engine) as registry:
        yield registry


def instances(found: LookupResult) -> list[str]:
    return [endpoint.instance for endpoint in found.endpoints]


def counts(registry: Registry) -> dict[str, int]:
    """The datagrams by what became of them, as /status shows them."""
    shown: dict[str, int] = json.loads(json.dumps(registry.status()["datagrams"]))
    return shown


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

    def ask_in_vain(self) -> None:
        """Sends a beat that is dropped, and waits until it was."""
        before = sum(counts(self._registry).values())
        self.send(encode_beat(self.beat._replace(seq=1), self._key))
        eventually(lambda: sum(counts(self._registry).values()) > before)

    def receive(self) -> bytes:
        return self._socket.recv(2000)

    def join(self, **fields: Any) -> Answer:
        """Beats until it is accepted: the first answer has the epoch, the second is an ack."""
        return self.ask(epoch=self.ask(**fields).epoch)


class Beats(unittest.TestCase):
    """What one registry on loopback does with datagrams."""

    def test_a_beat_is_answered_with_the_epoch_and_then_acked(self) -> None:
        """A beat with another epoch is not applied."""
        with running() as registry, Beater(registry) as beater:
            answer = beater.ask()
            self.assertEqual(answer.type, "epoch")
            self.assertEqual(instances(registry.lookup("greeter")), [])
            ack = beater.ask(epoch=answer.epoch)
            self.assertEqual((ack.type, ack.seq), ("ack", 2))
            self.assertEqual(instances(registry.lookup("greeter")), ["server-1"])
            self.assertEqual(registry.services(), ["greeter"])

    def test_a_server_that_is_not_pontes_own_is_shown_as_one(self) -> None:
        """Without a memory, with a path. To readers of both forms, and in /status. Fields of later
        versions are passed over.
        """
        with running() as registry, Beater(registry) as beater, \
                contextlib.closing(Pool()) as pool:
            beater.join(remembers=False, path="/RPC2")
            later = beater.beat._replace(instance="later", seq=1)
            beater.send(encode_beat(later)[:-1] + b',"weight":7}')
            self.assertEqual(decode_answer(beater.receive()).type, "ack")
            for form in (STRUCT, JSON):
                found = LookupResult.read("greeter", ask(pool, registry.address, "watch", "greeter",
                                                         0, 0.0, form))
                self.assertEqual({each.instance: (each.remembers, each.path)
                                  for each in found.endpoints},
                                 {"server-1": (False, "/RPC2"), "later": (False, "/RPC2")})
            shown = json.loads(json.dumps(registry.status()["endpoints"]))
            self.assertEqual([(each["remembers"], each["path"]) for each in shown],
                             [(False, "/RPC2")] * 2)

    def test_a_service_named_registry_is_refused_and_proxies_are_taken(self) -> None:
        """The refusal is counted, and not answered."""
        with running() as registry, Beater(registry) as beater:
            beater.join(service="proxy")
            beater.send(encode_beat(beater.beat._replace(service="registry", seq=9)))
            self.assertEqual(beater.ask().type, "ack")
            self.assertEqual(registry.services(), ["proxy"])
            self.assertEqual(counts(registry).get("name"), 1)

    def test_the_elder_learns_the_incarnation_of_the_younger(self) -> None:
        """So it knows that it is superseded."""
        with running() as registry, Beater(registry) as beater:
            beater.join(incarnation=9)
            answer = beater.ask(incarnation=7)
            self.assertEqual((answer.type, answer.newest), ("superseded", 9))

    def test_bad_and_old_datagrams_are_counted_and_not_answered(self) -> None:
        """A beat that is sent after them gets the first answer: so they got none."""
        with running() as registry, Beater(registry) as beater:
            beater.join()
            before = beater.beat
            beater.send(b"garbage")
            # Windows reports a datagram that is longer than the buffer as an error, and drops it.
            beater.send(b"x" * 40_000)
            beater.send(b"\n{")
            beater.send(encode_beat(before))
            beater.send(encode_beat(before, b"k" * 16))
            self.assertEqual(beater.ask().seq, before.seq + 1)
            found = counts(registry)
            self.assertEqual(found.get("signature"), 2)
            self.assertEqual(found.get("not JSON"), 1)
            self.assertEqual(found.get("too long"), 1)
            self.assertEqual(found.get("old"), 1)
            self.assertEqual(found.get("ack"), 2)

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
            found = counts(registry)
            self.assertEqual(sum(found.values()), 3, found)

    def test_beats_that_come_together_are_answered_one_by_one(self) -> None:
        """In their order, more than fit into one batch, and with garbage between them."""
        with running() as registry, Beater(registry) as beater:
            epoch = beater.ask().epoch
            seqs = list(range(2, 3 * BATCH))
            for seq in seqs:
                beater.send(encode_beat(beater.beat._replace(seq=seq, epoch=epoch)))
                beater.send(b"garbage")
            answers = [decode_answer(beater.receive()) for _ in seqs]
            self.assertEqual([(answer.type, answer.seq) for answer in answers],
                             [("ack", seq) for seq in seqs])

    def test_a_batch_is_bounded(self) -> None:
        """Under a flood, too, leases expire and readers get their answers."""
        with contextlib.closing(Registry(port=0)) as registry, Beater(registry) as beater:
            for _ in range(2 * BATCH + 1):
                beater.send(b"garbage")
            self.assertEqual([len(registry._receive()) for _ in range(4)], [BATCH, BATCH, 1, 0])

    def test_senders_that_have_gone_are_forgotten(self) -> None:
        """Also what the reader of beats remembers of them."""
        forgotten = threading.Event()
        with mock.patch("registry.AGE_S", 0.0), \
                contextlib.closing(Registry(port=0)) as registry:
            reader = registry._reader

            def age() -> None:
                BeatReader.age(reader)
                if not reader._known and not reader._aging:
                    forgotten.set()

            with mock.patch.object(reader, "age", age), Beater(registry) as beater:
                registry.start()
                beater.join()
                # It may have been empty before.
                forgotten.clear()
                self.assertTrue(forgotten.wait(PATIENCE_S))

    def test_an_answer_is_signed_with_the_key_of_its_beat(self) -> None:
        """The sender may have this one alone, while keys are changed."""
        new, old = b"0123456789abcdef", b"fedcba9876543210"
        with running([new, old]) as registry:
            for key, name in ((old, "a"), (new, "b"), (old, "c")):
                with Beater(registry, key) as beater:
                    self.assertEqual(beater.join(instance=name).type, "ack")
            with Beater(registry, b"another key") as beater:
                beater.ask_in_vain()
            self.assertEqual(counts(registry)["signature"], 1)

    def test_what_is_no_key_is_an_error_before_a_port_is_taken(self) -> None:
        for key in (None, "text", [b"", b"0123456789abcdef"]):
            with self.subTest(key), self.assertRaisesRegex(ValueError, "^key: "):
                Registry(port=0, key=key)  # type: ignore[arg-type]

    def test_an_error_that_nobody_foresaw_ends_no_thread(self) -> None:
        """It costs one datagram, not those beside it; leases go on to end. It is logged once."""
        real = BeatReader.read

        def read(reader: BeatReader, datagram: bytes) -> Beat:
            if datagram == b"a strange one":
                raise ZeroDivisionError
            return real(reader, datagram)

        with mock.patch.object(BeatReader, "read", read), running() as registry, \
                Beater(registry) as beater, self.assertLogs("ponte.registry", "ERROR") as logged:
            beater.join()
            for _ in range(3):
                beater.send(b"a strange one")
                self.assertEqual(beater.ask().type, "ack")
            self.assertEqual(counts(registry)["failed"], 3)
            with mock.patch.object(registry, "_take", side_effect=ZeroDivisionError):
                eventually(lambda: registry._mishaps.count > 5)
                eventually(lambda: not registry.services())
            self.assertEqual(beater.ask().type, "ack")
        self.assertEqual(len(logged.output), 2)

    def test_an_answer_longer_than_its_beat_is_not_sent(self) -> None:
        """It would amplify a flood with forged senders. The next answer is the first that comes."""
        with running() as registry, Beater(registry) as beater:
            registry._answer(b"x" * 10, 9, beater.address)
            self.assertEqual(beater.ask().type, "epoch")
            self.assertEqual(registry._counts["too short to answer"], 1)


class Readers(unittest.TestCase):
    """What one registry on loopback answers to those who ask it."""

    engine = "events"

    def test_wrong_arguments_are_faults(self) -> None:
        """-32602, and nothing changes."""
        rows: list[Any] = [
            (7, 1, 1),
            ("a", "1", 1),
            ("a", True, 1),
            ("a", 1, -1),
            ("a", 1, 31),
            ("a", 1, float("nan")),
            ("a", 1, "1"),
            ("a", 1, None),
            ("a", 1, 1, "xml"),
            ("a", 1, 1, ["json"]),
            ("a", 1, 1, None),
        ]
        with running(engine=self.engine) as registry:
            for row in rows:
                with self.subTest(row), self.assertRaises(Fault) as caught:
                    registry.watch(*row)
                self.assertEqual(caught.exception.faultCode, INVALID_PARAMETERS)

    def test_paths_and_methods(self) -> None:
        """POST /registry, the pages by GET, and nothing else."""
        with running(engine=self.engine) as registry:
            for method, target, status in (("POST", "/registry", 200),
                                           ("GET", "/registry", 405),
                                           ("GET", "/", 200),
                                           ("POST", "/", 404),
                                           ("GET", "/x", 404),
                                           ("GET", "/health", 200),
                                           ("GET", "/status", 200),
                                           ("GET", "/metrics", 200)):
                with self.subTest(method=method, target=target):
                    request = Request(method, target, {}, encode_call("services", ()))
                    reply = registry._handle(request, 0.0, lambda: False)
                    assert isinstance(reply, Reply)
                    self.assertEqual(reply.status, status)

    def test_readers_ask_over_xml_rpc(self) -> None:
        """As any XML-RPC client can."""
        with running(engine=self.engine) as registry, Beater(registry) as beater, \
                contextlib.closing(Pool()) as pool:
            beater.join()
            self.assertEqual(ask(pool, registry.address, "services"), ["greeter"])
            self.assertEqual(len(ask(pool, registry.address, "snapshot")["endpoints"]), 1)

    def test_a_reader_chooses_the_form_of_a_view(self) -> None:
        """Without a choice it gets a struct, as readers of earlier versions expect."""
        with running(engine=self.engine) as registry, Beater(registry) as beater, \
                contextlib.closing(Pool()) as pool:
            beater.join(incarnation=2 ** 53)
            struct = ask(pool, registry.address, "watch", "greeter", 0, 1)
            self.assertEqual(struct, ask(pool, registry.address, "lookup", "greeter"))
            self.assertEqual(struct, ask(pool, registry.address, "watch", "greeter", 0, 1, STRUCT))
            text = ask(pool, registry.address, "watch", "greeter", 0, 1, JSON)
            self.assertIsInstance(text, str)
            self.assertEqual(LookupResult.read("greeter", text),
                             LookupResult.read("greeter", struct))

    def test_a_stock_client_watches_as_ever(self) -> None:
        """With three parameters, from Python's standard library."""
        with running(engine=self.engine) as registry, Beater(registry) as beater:
            beater.join()
            address = f"http://{show(registry.address)}{PATH}"
            with xmlrpc.client.ServerProxy(address, allow_none=True) as stock:
                found = stock.watch("greeter", 0, 1.0)
            assert isinstance(found, dict)
            self.assertEqual([each["instance"] for each in found["endpoints"]], ["server-1"])

    def test_a_directory_gets_json(self) -> None:
        """And from it the endpoints that the registry has."""
        with running(engine=self.engine) as registry, Beater(registry) as beater, \
                mock.patch.object(LookupResult, "to_struct") as written:
            beater.join()
            directory = Directory("greeter", [registry.address])
            directory.start()
            self.addCleanup(directory.close)
            self.assertTrue(directory.wait(PATIENCE_S))
            self.assertEqual(list(directory.endpoints), registry.lookup("greeter").endpoints)
            written.assert_not_called()

    def test_readers_of_the_same_view_get_the_same_reply(self) -> None:
        """It is written as XML once, until the view changes."""
        with mock.patch("ponte.discovery.written_views.encode_result",
                        wraps=encode_result) as written, \
                running(engine=self.engine) as registry, Beater(registry) as beater, \
                contextlib.closing(Pool()) as pool:
            for state in ("up", "up", "draining"):
                beater.join(state=state)
                for _ in range(3):
                    found, = ask(pool, registry.address, "lookup", "greeter")["endpoints"]
                    self.assertEqual(found["state"], state)
            self.assertEqual(written.call_count, 2)


class ReadersOfThreads(Readers):
    """The same, where each reader has a thread."""

    engine = "threads"


class Poll:
    """A reader whose long poll waits at a registry, on a connection of its own."""

    def __init__(self, registry: Registry, *params: Any) -> None:
        self._socket = socket.create_connection(registry.address, PATIENCE_S)
        self._socket.sendall(encode_request("POST", PATH, {"Host": "here"},
                                            encode_call("watch", params)))
        self.close = self._socket.close

    def is_answered(self) -> bool:
        """Whether a reply, or the end of the stream, has come."""
        return bool(select.select([self._socket], [], [], 0)[0])

    def found(self) -> LookupResult:
        """The answer. Blocks until it comes; raises the fault that comes in place of it."""
        parser = ReplyParser()
        with contextlib.closing(self):
            while (reply := parser.next_message()) is None:
                data = self._socket.recv(65536)
                assert data, "the stream ended without a reply"
                parser.feed(data)
        return LookupResult.read("", decode_result(reply.body))


class LongPolls(unittest.TestCase):
    """`watch` waits for a change, beside any number of others."""

    engine = "events"

    def setUp(self) -> None:
        # The end of the warming would wake all readers in the middle of a test.
        patch = mock.patch("ponte.discovery.leases.WARMING_S", 0.0)
        patch.start()
        self.addCleanup(patch.stop)
        self.registry = Registry(port=0, engine=self.engine)
        self.registry.start()
        self.addCleanup(self.registry.close)
        eventually(lambda: not self.registry.lookup("*").warming)

    def watch(self, service: str, wait_s: float = 30.0, *, readers: int = 1) -> list[Poll]:
        """So many readers know the view of a service, and wait for the next one."""
        waiting = len(self.registry._polls)
        index = self.registry.lookup(service).index
        polls = []
        for _ in range(readers):
            polls.append(Poll(self.registry, service, index, wait_s))
            self.addCleanup(polls[-1].close)
        eventually(lambda: len(self.registry._polls) == waiting + readers)
        return polls

    def join(self) -> None:
        """A greeter registers itself."""
        with Beater(self.registry) as beater:
            beater.join()

    def test_a_long_poll_returns_with_the_change(self) -> None:
        """At once if the index is another one already, else as soon as it moves."""
        poll, = self.watch("greeter")
        index = self.registry.lookup("greeter").index
        self.join()
        found = poll.found()
        self.assertEqual(instances(found), ["server-1"])
        self.assertEqual(Poll(self.registry, "greeter", index, 30).found().index, found.index)
        self.assertEqual(Poll(self.registry, "greeter", found.index, 0).found().index, found.index)

    def test_many_wait_and_all_see_the_change(self) -> None:
        """Of their service, or of all services. Nothing stays behind of them."""
        # As many as a loop takes on Windows.
        polls = self.watch("greeter", readers=180) + self.watch("*", readers=20)
        self.assertFalse(any(poll.is_answered() for poll in polls))
        self.join()
        for poll in polls:
            self.assertEqual(instances(poll.found()), ["server-1"])
        self.assertEqual(self.registry._polls, {})

    def test_readers_of_other_services_wait_on(self) -> None:
        """A change must not wake thousands for nothing."""
        others = self.watch("bank", readers=5)
        poll, = self.watch("greeter")
        self.join()
        poll.found()
        self.assertFalse(any(other.is_answered() for other in others))
        self.assertEqual(len(self.registry._polls), 5)

    def test_without_a_change_the_answer_comes_at_the_deadline(self) -> None:
        """With the same index. Nothing stays behind of the poll."""
        began = time.monotonic()
        poll, = self.watch("greeter", 0.2)
        self.assertEqual(poll.found().index, self.registry.lookup("greeter").index)
        self.assertGreaterEqual(time.monotonic() - began, 0.2 - CLOCK_STEP_S)
        self.assertEqual(self.registry._polls, {})

    def test_closing_ends_long_polls(self) -> None:
        """With an answer. Otherwise a registry would take half a minute to stop."""
        polls = self.watch("greeter", readers=3) + self.watch("*")
        began = time.monotonic()
        self.registry.close()
        self.assertLess(time.monotonic() - began, PATIENCE_S / 2)
        for poll in polls:
            self.assertEqual(instances(poll.found()), [])

    def test_a_reader_that_has_gone_costs_nothing(self) -> None:
        """The change for which it waited finds the others."""
        gone, poll = self.watch("greeter", readers=2)
        gone.close()
        self.join()
        self.assertEqual(instances(poll.found()), ["server-1"])
        self.assertEqual(self.registry._listener.driver.errors, 0)

    def test_wrong_arguments_are_faults_at_once(self) -> None:
        """Also if so many seconds of waiting were asked for."""
        for params in (("greeter", "1", 30), (7, 1, 30), ("greeter", 1, 31), ("greeter", 1),
                       ("greeter", 1, 30, "xml"), ("greeter", 1, 30, "json", 1), ()):
            with self.subTest(params), self.assertRaises(Fault) as caught:
                Poll(self.registry, *params).found()
            self.assertEqual(caught.exception.faultCode, INVALID_PARAMETERS)
        self.assertEqual(self.registry._polls, {})

    def test_lookups_are_answered_beside_long_polls(self) -> None:
        """Nobody waits for those that wait."""
        self.watch("greeter", readers=50)
        with contextlib.closing(Pool()) as pool:
            self.assertEqual(ask(pool, self.registry.address, "services"), [])


class LongPollsOfThreads(LongPolls):
    """The same, where each reader has a thread."""

    engine = "threads"


if __name__ == "__main__":
    unittest.main()
