"""The registry and its readers: what several registries say together, and what one answers."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
import unittest
from typing import Any, Dict, Iterator, List, Sequence, Set
from unittest import mock
from xmlrpc.client import Fault

from heartbeat import Answer, BadDatagram, Beat, decode_answer, encode_beat
from registry import BATCH, KEEP_S, Directory, Registry, View, _Replies, ask
from tests.fakes import endpoint, hurry_listeners
from transport.leases import Endpoint, Seen
from transport.message import Request
from transport.rpc import INVALID_PARAMETERS, decode_result, encode_call, encode_result
from transport.wire import Pool

A, B, C = ("10.0.0.1", 4100), ("10.0.0.2", 4100), ("10.0.0.3", 4100)
PATIENCE_S = 5.0
EMPTY: Dict[str, Any] = {"index": 1, "epoch": "e", "warming": False, "endpoints": [], "left": []}


def setUpModule() -> None:
    hurry_listeners()


def answer(*endpoints: Endpoint, left: Sequence[Endpoint] = (), warming: bool = False) -> Dict[str, Any]:
    """What a registry answers to a lookup."""
    tombs = [{"service": e.service, "instance": e.instance, "incarnation": str(e.incarnation)} for e in left]
    return {**EMPTY, "endpoints": [e.to_struct() for e in endpoints], "left": tombs, "warming": warming}


def seen(view: View, now: float = 0.0) -> Set[str]:
    """instance/incarnation/state of all endpoints of a view."""
    return {f"{e.instance}/{e.incarnation}/{e.state}" for e in view.endpoints(now)}


class Views(unittest.TestCase):
    """The rules in the docstring of View."""

    def test_what_one_registry_hears_suffices(self) -> None:
        """The union: a server that one registry has lost is only cut off from it."""
        view = View()
        view.take(A, answer(endpoint("a"), endpoint("b")))
        view.take(B, answer(endpoint("b"), endpoint("c")))
        self.assertEqual(seen(view), {"a/1/up", "b/1/up", "c/1/up"})

    def test_of_two_words_about_one_instance_the_weightier_counts(self) -> None:
        """The higher incarnation; then draining, its own word; then up; suspect is only silence."""
        for one, other, winner in ((endpoint("a", 1), endpoint("a", 2, "suspect"), "a/2/suspect"),
                                   (endpoint("a", state="suspect"), endpoint("a"), "a/1/up"),
                                   (endpoint("a", state="draining"), endpoint("a"), "a/1/draining"),
                                   (endpoint("a", state="draining"), endpoint("a", state="suspect"), "a/1/draining")):
            for first, second in ((one, other), (other, one)):
                with self.subTest(first=first, second=second):
                    view = View()
                    view.take(A, answer(first))
                    view.take(B, answer(second))
                    self.assertEqual(seen(view), {winner})

    def test_a_tombstone_beats_an_equal_or_lower_incarnation(self) -> None:
        """Who has left stays gone, also where another registry has not heard of it; a new life lives."""
        for buried, alive, left in ((1, 1, set()), (2, 1, set()), (1, 2, {"a/2/up"})):
            with self.subTest(buried=buried, alive=alive):
                view = View()
                view.take(A, answer(endpoint("a", alive)))
                view.take(B, answer(left=[endpoint("a", buried)]))
                self.assertEqual(seen(view), left)

    def test_a_tombstone_is_for_one_instance_of_one_service(self) -> None:
        """A namesake in another service lives on."""
        view = View()
        view.take(A, answer(endpoint("a", service="bank"), endpoint("b")))
        view.take(B, answer(left=[endpoint("a")]))
        self.assertEqual(seen(view), {"a/1/up", "b/1/up"})

    def test_a_later_answer_replaces_an_earlier_one(self) -> None:
        """Of the same registry: its word is whole."""
        view = View()
        view.take(A, answer(endpoint("a"), endpoint("b")))
        view.take(A, answer(endpoint("b")))
        self.assertEqual(seen(view), {"b/1/up"})

    def test_a_registry_that_warms_up_adds_to_what_was_known_of_it(self) -> None:
        """It has just started: what it does not know yet is not gone. Once warm, its word is whole again."""
        view = View()
        view.take(A, answer(endpoint("a"), endpoint("b")))
        view.take(A, answer(endpoint("b", state="draining"), warming=True))
        self.assertEqual(seen(view), {"a/1/up", "b/1/draining"})
        view.take(A, answer(endpoint("b")))
        self.assertEqual(seen(view), {"b/1/up"})

    def test_the_word_of_a_lost_registry_counts_for_a_while_beside_others(self) -> None:
        """KEEP_S from the moment it was lost, however often it is lost again."""
        view = View()
        view.take(A, answer(endpoint("a")))
        view.take(B, answer(endpoint("b")))
        view.lose(A, 10.0)
        view.lose(A, 12.0)
        self.assertEqual(seen(view, 10.0 + KEEP_S - 0.01), {"a/1/up", "b/1/up"})
        self.assertEqual(seen(view, 10.0 + KEEP_S), {"b/1/up"})

    def test_an_outage_of_all_freezes_the_view(self) -> None:
        """Calls go on with the last words, for ever."""
        view = View()
        view.take(A, answer(endpoint("a")))
        view.take(B, answer(endpoint("b")))
        for registry in (A, B, C):
            view.lose(registry, 10.0)
        self.assertEqual(seen(view, 1e6), {"a/1/up", "b/1/up"})

    def test_a_registry_that_answers_again_counts_again(self) -> None:
        """Also if it is lost once more later."""
        view = View()
        view.take(A, answer(endpoint("a")))
        view.take(B, answer(endpoint("b")))
        view.lose(A, 10.0)
        view.take(A, answer(endpoint("a")))
        self.assertEqual(seen(view, 100.0), {"a/1/up", "b/1/up"})
        view.lose(A, 100.0)
        self.assertEqual(seen(view, 101.0), {"a/1/up", "b/1/up"})

    def test_what_is_no_answer_changes_nothing(self) -> None:
        """KeyError, TypeError or ValueError; the view is as it was."""
        view = View()
        view.take(A, answer(endpoint("a")))
        good = answer(endpoint("b"))
        rows: List[Any] = [None, [], "x", {}, {**good, "endpoints": None}, {**good, "endpoints": [{}]},
                           {**good, "left": [{}]}, {**good, "left": None},
                           {key: value for key, value in good.items() if key != "warming"}]
        for bad in rows:
            with self.subTest(bad=bad), self.assertRaises((KeyError, TypeError, ValueError)):
                view.take(A, bad)
            self.assertEqual(seen(view), {"a/1/up"})

    def test_a_view_is_complete_once_a_warm_registry_has_answered(self) -> None:
        """Only then does a service that is not named not exist."""
        view = View()
        self.assertFalse(view.is_complete())
        view.take(A, answer(warming=True))
        self.assertFalse(view.is_complete())
        view.take(B, answer())
        self.assertTrue(view.is_complete())


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
        with mock.patch("registry.AGE_S", 0.0), running() as registry, Beater(registry) as beater:
            beater.join()
            deadline = time.monotonic() + PATIENCE_S
            while registry._reader._known or registry._reader._aging:
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.01)

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
            found: List[Seen] = []
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
            rows: List[Any] = [(7, 1, 1), ("a", "1", 1), ("a", True, 1), ("a", 1, -1), ("a", 1, 31),
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

    def seen(self, index: int, *instances: str, service: str = "greeter") -> Seen:
        return Seen(service, index, "e", False, [endpoint(instance) for instance in instances], [])

    def told(self, seen: Seen) -> List[str]:
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


class Directories(unittest.TestCase):
    """A reader's threads, with registries that are only functions."""

    def follow(self, answers: Dict[Any, Any], **expected: Any) -> Directory:
        """A directory whose registries give these answers, each once, and then are silent until it is closed."""
        given: List[Any] = []

        def fake_ask(pool: Pool, registry: Any, *_: Any, **__: Any) -> Any:
            if registry in given:
                directory._closed.wait(PATIENCE_S)
                raise OSError("closed")
            given.append(registry)
            if isinstance(answers[registry], Exception):
                raise answers[registry]
            return answers[registry]

        patch = mock.patch("registry.ask", fake_ask)
        patch.start()
        directory = Directory("greeter", list(answers), **expected)
        self.addCleanup(patch.stop)
        for thread in directory._threads:
            self.addCleanup(thread.join, PATIENCE_S)
        self.addCleanup(directory.close)
        directory.start()
        return directory

    def test_who_waits_finds_the_change_made(self) -> None:
        """`on_change` has run before `wait` returns."""
        changes: List[str] = []
        directory = self.follow({A: answer(endpoint("a"))}, on_change=lambda: changes.append("made"))
        self.assertTrue(directory.wait(PATIENCE_S))
        self.assertEqual((changes, [e.instance for e in directory.endpoints]), (["made"], ["a"]))

    def test_waiting_ends_when_every_registry_has_failed(self) -> None:
        """No call waits for its whole timeout when nobody is there to answer."""
        directory = self.follow({A: OSError("refused"), B: Fault(1, "no")})
        started = time.monotonic()
        self.assertFalse(directory.wait(PATIENCE_S))
        self.assertLess(time.monotonic() - started, PATIENCE_S / 2)

    def test_one_answer_is_enough(self) -> None:
        """The others may be down."""
        directory = self.follow({A: OSError("refused"), B: answer(endpoint("b"))})
        self.assertTrue(directory.wait(PATIENCE_S))

    def test_nonsense_counts_as_no_answer(self) -> None:
        """Whatever a registry says, its thread lives on, and the others are heard."""
        for nonsense in (None, 7, {}, {**EMPTY, "endpoints": [{**endpoint("x").to_struct(), "state": "asleep"}]},
                         {**EMPTY, "endpoints": [{**endpoint("x").to_struct(), "port": float("inf")}]}):
            with self.subTest(nonsense=nonsense), mock.patch("threading.excepthook") as died:
                directory = self.follow({A: nonsense})
                self.assertFalse(directory.wait(PATIENCE_S / 10))
                died.assert_not_called()


if __name__ == "__main__":
    unittest.main()
