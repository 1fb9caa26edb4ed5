"""What stub, proxy and server tell of a call to a watcher; and what they tell nobody."""

from __future__ import annotations

import os
import threading
import time
import unittest
from typing import Any
from unittest import mock
from xmlrpc.client import Fault

from client import Client, NotSent, OutcomeUnknown
from ponte.calls.attempt import Outcome, Result
from ponte.calls.once import KILL, NOT_SENT, REPLY
from ponte.net.message import Reply, Request
from ponte.net.threads import wait_for
from ponte.process import observe, observed_call
from ponte.rpc import current
from ponte.rpc.marshal import encode_call, encode_fault, encode_result
from tests.fakes import endpoint
from tests.relaying import DEAD, LOST, OK, REFUSED, ByHand, RelayCase
from tests.serving import ServerTest
from tests.system.harness import wait_until
from tests.test_client import S1, S2, answered, replied, stub
from tests.watching import Event, Watched

# A caller that has a tracer of its own. Its parent id is random.
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
FOREIGN = f"00-{TRACE_ID}-f0f067aa0ba902b7-01"


# Values that no parser keeps apart, and what a reader finds in them: a later version may say more.
ODD = ((FOREIGN.upper(), ""), (f"01{FOREIGN[2:]}", TRACE_ID), (f"cc{FOREIGN[2:]}-more", TRACE_ID),
       (f"ff{FOREIGN[2:]}", ""), (f"{FOREIGN}-more", ""), (f"{FOREIGN}0", ""),
       (f"01{FOREIGN[2:]}0", ""), (f"{FOREIGN}, {FOREIGN}", ""), ("garbage", ""), ("", ""),
       (f"00-{TRACE_ID}-{'0' * 16}-01", ""), (f"01-{'0' * 32}-{'1' * 16}-01", ""))


def traceparent(number: int, flags: str = "01", pid: int = 7) -> str:
    return f"00-{TRACE_ID}-{pid:08x}{number:08x}-{flags}"


def with_trace(request: Request, trace: str) -> Request:
    """With this header as the parser leaves it; and with our mark, where it is ours."""
    marked = {**request.headers, "call-told": "1"} if f"-{7:08x}" in trace else request.headers
    return request._replace(traceparent=trace, headers=marked)


def words(events: list[Event], *names: str) -> list[tuple[Any, ...]]:
    """These fields of each event, with its kind before them."""
    return [(event["k"], *(event.get(name) for name in names)) for event in events]


class Stub(Watched):
    """call, (send, settle)*, done."""

    def test_an_answered_call(self) -> None:
        reply = Reply(200, {"served-by": "s1; incarnation=1; service=greeter"}, encode_result(1))
        came = Result(Outcome.ANSWERED, reply, "answered by s1")
        with stub(came, servers=[S1]) as (client, exchanges):
            client.hello("Hello")
        call, send, settle, done = self.told.of("call", "send", "settle", "done")
        self.assertEqual(len(call["id"]), 32)
        self.assertEqual({event["id"] for event in (send, settle, done)}, {call["id"]})
        for event in (call, send, settle, done):
            del event["id"]
        self.assertEqual(call, {"p": "client", "n": call["n"], "k": "call", "service": "greeter",
                                "method": "hello", "idem": True})
        timeout_s = send.pop("timeout")
        self.assertTrue(4.5 < timeout_s <= 5.0)
        self.assertEqual(send, {"p": "client", "n": call["n"] + 1, "k": "send", "to": "s1",
                                "kind": "idempotent", "attempt": 1})
        self.assertEqual(settle, {"p": "client", "n": call["n"] + 2, "k": "settle",
                                  "of": send["n"], "outcome": "answered",
                                  "what": "answered by s1"})
        self.assertEqual(done, {"p": "client", "n": call["n"] + 3, "k": "done",
                                "outcome": "answered", "by": "s1"})
        self.assertEqual(len(exchanges.requests), 1)

    def test_the_request_says_which_send_it_is(self) -> None:
        """In the parent id: the pid, and the number of the event."""
        with stub(LOST, answered(1), servers=[S1, S2]) as (client, exchanges):
            client.hello("Hello")
        sends = self.told.of("send")
        self.assertEqual([request.traceparent for request in exchanges.requests],
                         [f"00-{send['id']}-{os.getpid():08x}{send['n']:08x}-01"
                          for send in sends])
        self.assertEqual(words(sends, "to", "attempt"), [("send", "s1", 1), ("send", "s2", 2)])
        self.assertEqual(words(self.told.of("settle"), "of", "outcome"),
                         [("settle", sends[0]["n"], "unknown"),
                          ("settle", sends[1]["n"], "answered")])

    def test_a_session_is_opened_and_a_lost_reply_repeated(self) -> None:
        with stub(LOST, answered(1), servers=[S1]) as (client, _):
            client.deposit(100)
        self.assertEqual(words(self.told.of("send", "settle"), "kind", "outcome", "what"), [
            ("send", "opening", None, None), ("settle", None, "not sent", "gave a session"),
            ("send", "original", None, None), ("settle", None, "unknown", LOST.what),
            ("send", "repeat", None, None), ("settle", None, "answered", "answered")])

    def test_a_refused_call_goes_to_another_server(self) -> None:
        with stub(REFUSED, answered(1), servers=[S1, S2]) as (client, _):
            client.hello("Hello")
        self.assertEqual(words(self.told.of("settle", "done"), "outcome"), [
            ("settle", "not sent"), ("settle", "answered"), ("done", "answered")])

    def test_each_end_of_a_call(self) -> None:
        fault = Result(Outcome.ANSWERED, Reply(200, {}, encode_fault(Fault(7, "no"))), "answered")
        for result, raises, outcome, why in (
                (fault, Fault, "fault", "7: no"), (replied(404, "gone"), Fault, "fault", "-32300:"),
                (REFUSED, NotSent, "not sent", "greeter.deposit: not executed"),
                (LOST, OutcomeUnknown, "unknown", "greeter.deposit: outcome unknown")):
            told = self.watch()
            with self.subTest(outcome), stub(result, servers=[S1]) as (client, _), \
                    self.assertRaises(raises) as caught:
                client.deposit(1)
            done, = told.of("done")
            self.assertEqual(done["outcome"], outcome)
            self.assertTrue(done["why"].startswith(why), done["why"])
            if raises is OutcomeUnknown:
                self.assertEqual(getattr(caught.exception, "trace_id", ""), done["id"])

    def test_a_call_without_an_endpoint_is_told_too(self) -> None:
        with stub(answers=False, timeout_s=0.01) as (client, _), self.assertRaises(NotSent):
            client.hello("Hello")
        self.assertEqual(words(self.told.of("call", "send", "done"), "outcome"),
                         [("call", None), ("done", "not sent")])

    def resolved(self, client: Client, *results: Result) -> list[Event]:
        """What is told while an unknown outcome is resolved, if questions come to this."""
        left = list(results)

        def ask(pool: Any, place: Any, service: str, lines: str, deadline: float) -> Any:
            self.lines = lines
            yield from ()
            return left.pop(0) if len(left) > 1 else left[0]

        with self.assertRaises(OutcomeUnknown) as caught:
            client.deposit(100)
        told = self.watch()
        with mock.patch.object(observed_call, "ask", ask), \
                mock.patch("ponte.calls.resolving.PAUSE_S", 0.0):
            try:
                caught.exception.resolve(5.0)
            except (NotSent, OutcomeUnknown):
                pass
        events = told.of("resolving", "send", "settle", "resolved")
        self.assertEqual({event["id"] for event in events}, {caught.exception.trace_id})
        return events

    def test_an_unknown_outcome_is_resolved(self) -> None:
        reply = Result(Outcome.ANSWERED, Reply(200, {"call-resolved": "reply"}, encode_result(7)),
                       "answered by s1")
        gone = Result(Outcome.UNKNOWN, None, "connect: refused", is_final=True)
        for results, outcome in (((LOST, reply), "answered"), ((DEAD,), "not sent"),
                                 ((gone,), "unknown")):
            with self.subTest(outcome), stub(LOST, servers=[S1]) as (client, _):
                events = self.resolved(client, *results)
            sends = [event for event in events if event["k"] == "send"]
            self.assertEqual(words(sends, "kind", "to", "attempt"),
                             [("send", "resolve", "s1", 0)] * len(results))
            self.assertEqual([event["of"] for event in events if event["k"] == "settle"],
                             [event["n"] for event in sends])
            self.assertEqual(words([events[0], events[-1]], "outcome"),
                             [("resolving", None), ("resolved", outcome)])
            self.assertIn(f"{sends[-1]['n']:08x}-01\r\n", self.lines)

    def test_a_call_outside_of_the_sample_only_says_so(self) -> None:
        """No trace, and one more head for the far end to know."""
        told = self.watch(every=2)
        with stub(answered(1), servers=[S1]) as (client, exchanges):
            for _ in range(10):
                client.hello("Hello")
        self.assertEqual(len(told.of("call")), 5)
        self.assertEqual(len(told.of("send")), 5)
        self.assertEqual(sum(bool(request.traceparent) for request in exchanges.requests), 5)
        self.assertEqual(
            [request.headers.get("call-untold") for request in exchanges.requests],
            [None if request.traceparent else "1" for request in exchanges.requests])

    def test_the_next_call_says_how_many_were_not_told(self) -> None:
        with stub(answered(1), servers=[S1]) as (client, _), \
                mock.patch.object(self.told, "take", side_effect=[0, None, None, 2]):
            for _ in range(4):
                client.hello("Hello")
        self.assertEqual(words(self.told.of("call"), "untold"), [("call", None), ("call", 2)])

    def test_a_function_that_calls_is_a_caller_under_its_servers_name(self) -> None:
        """With a trace of its own: one call is one line of the page."""
        outer = observed_call.ObservedCall("bank-1", "f" * 32)
        request = Request("POST", "/bank", {}, b"", observed=outer)
        context = {threading.get_ident(): ("bank-1", request, "deposit")}
        with stub(answered(1), servers=[S1]) as (client, _), \
                mock.patch.dict(current.calls, context):
            client.hello("Hello")
        call, = self.told.of("call")
        self.assertEqual((call["p"], call["within"]), ("bank-1", "f" * 32))
        self.assertNotEqual(call["id"], "f" * 32)

    def test_a_process_may_have_a_name_of_its_own(self) -> None:
        self.told.name = "client-2"
        with stub(answered(1), servers=[S1]) as (client, _):
            client.hello("Hello")
        self.assertEqual({event["p"] for event in self.told.events}, {"client-2"})

    def test_a_watcher_that_leaves_in_the_middle_is_no_error(self) -> None:
        def leave(trace: object) -> None:
            mock.patch.object(observe, "watcher", None).start()

        self.addCleanup(mock.patch.stopall)
        with stub(LOST, answered(1), servers=[S1, S2], on_attempt=leave) as (client, exchanges):
            client.hello("Hello")
        self.assertEqual(words(self.told.events), [("call",), ("send",), ("settle",)])
        self.assertEqual(exchanges.requests[1].traceparent, "")


class AtServer(Watched, ServerTest):
    """recv, then run or memo, then reply."""

    def told_of(self, *kinds: str) -> list[Event]:
        return self.told.of(*(kinds or ("recv", "run", "memo", "reply")))

    def traced(self, request: Request, trace: str) -> list[Event]:
        """What is told of a request with this trace."""
        self.carry_out(with_trace(request, trace))
        return self.told_of()

    def carry_out(self, request: Request) -> None:
        """To its end: what it tells later would belong to the next test."""
        begun = self.server.handle(request, time.monotonic(), lambda: False)
        if not isinstance(begun, Reply):
            wait_for(begun)

    def test_a_call_that_runs(self) -> None:
        recv, run, reply = self.traced(self.request(), traceparent(12))
        self.assertEqual(recv, {"p": "bank-1", "n": recv["n"], "k": "recv", "id": TRACE_ID,
                                "kind": "original", "of": [7, 12]})
        self.assertEqual(run, {"p": "bank-1", "n": recv["n"] + 1, "k": "run", "id": TRACE_ID,
                               "of": recv["n"], "method": "deposit"})
        self.assertEqual(reply, {"p": "bank-1", "n": recv["n"] + 2, "k": "reply", "id": TRACE_ID,
                                 "of": recv["n"], "status": 200})

    def test_an_idempotent_call_and_a_long_one(self) -> None:
        """Nobody has read the name of a long one when it begins to run."""
        body = encode_call("count", ("x" * 5000,))
        request = self.request(None, body=body, Call_Idempotent="1")
        self.assertEqual(words(self.traced(request, traceparent(1)), "kind", "method"),
                         [("recv", "idempotent", None), ("run", None, ""), ("reply", None, None)])

    def test_each_way_to_come(self) -> None:
        for kind, options in (
                ("original", {}), ("repeat", {"Call_Repeat": "1"}),
                ("resolve", {"Call_Resolve": "1", "body": b""}),
                ("opening", {"number": None, "Call_Session": "new", "body": b""}),
                ("plain", {"number": None})):
            told = self.watch()
            self.post(**options)
            self.assertEqual(words(told.of("recv"), "kind"), [("recv", kind)])

    def test_what_is_answered_from_memory_does_not_run(self) -> None:
        self.post(1)
        self.repeat(1)
        self.resolve(1)
        self.assertEqual(words(self.told_of()[3:], "kind", "how", "status"), [
            ("recv", "repeat", None, None), ("memo", None, "reply", None),
            ("reply", None, None, 200),
            ("recv", "resolve", None, None), ("memo", None, "reply", None),
            ("reply", None, None, 200)])

    def test_a_resolve_kills_and_the_late_request_finds_a_dead_number(self) -> None:
        self.resolve(1)
        self.post(1)
        self.assertEqual(words(self.told_of(), "how", "status"), [
            ("recv", None, None), ("memo", "dead", None), ("reply", None, 410),
            ("recv", None, None), ("memo", "never", None), ("reply", None, 410)])
        self.assertEqual(self.told_of("reply")[0]["why"], "it has not run, and never will")

    def test_a_life_that_knows_nothing(self) -> None:
        self.resolve(1, session="0" * 16)
        self.assertEqual(words(self.told_of("memo")), [("memo",)])
        self.assertEqual(words(self.told_of("memo"), "how"), [("memo", "unknown")])
        self.repeat(1, session="0" * 16)
        self.assertEqual(self.told_of("memo")[1]["how"], "unknown")

    def test_a_repeat_joins_the_first_run(self) -> None:
        """It is told when it joins, and each reply says of which it is."""
        end = self.begins_to_run(1)
        second = self.in_thread(lambda: self.repeat(1))
        wait_until(lambda: self.told.of("memo"), 5.0, "the repeat joins")
        self.assertEqual(self.told_of("memo")[0]["how"], "wait")
        end()
        second()
        first, repeat = self.told_of("recv")
        self.assertEqual(self.told_of("memo")[0]["of"], repeat["n"])
        self.assertEqual({reply["of"] for reply in self.told_of("reply")},
                         {first["n"], repeat["n"]})

    def test_refusals(self) -> None:
        self.post(2, left=True)
        self.post(None, body=b"", Call_Session="new")
        self.server._executions.stop()
        self.post(3)
        self.post(None, body=encode_call("deposit", (1,)), Call_Attempt="x")
        self.assertEqual(words(self.told_of("run", "memo")), [])
        self.assertEqual(words(self.told_of("reply"), "status", "why"), [
            ("reply", 503, "not executed: its caller has left"),
            ("reply", 503, "not executed: it needs the session that comes with this"),
            ("reply", 503, "not executed: this server is stopping"),
            ("reply", 400, "call-attempt is not a number")])

    def test_what_cannot_run_did_not(self) -> None:
        """An unknown method is a fault, which is a reply."""
        self.post(body=encode_call("nope", ()))
        self.post(None, body=encode_call("deposit", (1,)), Call_Idempotent="1")
        self.assertEqual(words(self.told_of(), "status"), [
            ("recv", None), ("reply", 200), ("recv", None), ("reply", 503)])

    def test_a_page_is_no_call(self) -> None:
        self.post(method="GET", target="/status")
        self.post(target="/nowhere")
        self.post(target="/-/observe")
        self.assertEqual(self.told.events, [])

    def test_the_first_that_decides_says_how_many_were_not_told(self) -> None:
        with mock.patch.object(self.told, "take", side_effect=[None, None, 2]):
            for number in (1, 2, 3):
                self.post(number)
        self.assertEqual(words(self.told_of("recv"), "untold"), [("recv", 2)])

    def test_a_strangers_call_gets_an_id_and_no_sender(self) -> None:
        self.post(None)
        recv, _, _ = self.told_of()
        self.assertNotIn("of", recv)
        self.assertEqual(len(recv["id"]), 32)

    def test_a_foreign_tracer_keeps_its_id(self) -> None:
        recv, _, _ = self.traced(self.request(), FOREIGN)
        self.assertEqual(recv["id"], TRACE_ID)
        self.assertNotIn("of", recv)

    def test_what_others_left_out_is_not_told(self) -> None:
        self.post(None, Call_Untold="1")
        self.traced(self.request(2), traceparent(12, flags="00"))
        self.assertEqual(self.told.events, [])
        self.has_deposited(200)

    def test_zeros_are_no_trace(self) -> None:
        recv, _, _ = self.traced(self.request(), f"00-{'0' * 32}-{7:08x}{1:08x}-01")
        self.assertNotEqual(int(recv["id"], 16), 0)

    def test_a_trace_of_another_form(self) -> None:
        """It is read where it can be, and else the call gets an id of ours."""
        for number, (odd, trace_id) in enumerate(ODD):
            with self.subTest(odd):
                told = self.watch()
                self.post(number + 1, Traceparent=odd)
                recv, = told.of("recv")
                self.assertEqual(recv["id"] == TRACE_ID, bool(trace_id))
                self.assertEqual(len(recv["id"]), 32)
                self.assertNotIn("of", recv)

    def test_only_our_mark_makes_a_parent_id_ours(self) -> None:
        """A stranger's may look like it. On Windows a pid has up to 32 bits."""
        for pid in (7, 2 ** 22, 2 ** 32 - 4):
            for mark in ({}, {"call-told": "1"}, {"call-told": "1, 1"}, {"call-told": ""}):
                told = self.watch()
                request = self.request(None)
                self.carry_out(request._replace(
                    traceparent=traceparent(3, pid=pid), headers={**request.headers, **mark}))
                recv, = told.of("recv")
                self.assertEqual(recv.get("of"), [pid, 3] if mark.get("call-told") == "1" else None)

    def test_a_stranger_does_not_get_around_the_sample(self) -> None:
        """Whatever its trace looks like."""
        self.told = self.watch(every=4)
        for number in range(1, 9):
            self.carry_out(self.request(number)._replace(traceparent=traceparent(number)))
        self.assertEqual(len(self.told_of("recv")), 2)

    def test_a_server_samples_what_nobody_has_decided(self) -> None:
        self.told = self.watch(every=4)
        for number in range(1, 9):
            self.post(number)
            self.traced(self.request(100 + number), FOREIGN)
        self.assertEqual(len(self.told_of("recv")), 4)
        self.assertEqual(len(self.told_of("run")), 4)

    def test_a_function_sees_the_trace_of_its_call(self) -> None:
        """Watched or not, among the headers."""
        seen = []
        self.server.register_function(
            lambda: seen.append(current.current_call().headers.get("traceparent")), "look")
        request = self.request(None, body=encode_call("look", ()))
        self.traced(request, FOREIGN)
        with mock.patch.object(observe, "watcher", None):
            self.traced(request, FOREIGN)
            self.traced(request, "")
        self.assertEqual(seen, [FOREIGN, FOREIGN, None])


class AtServerWithThreads(AtServer):
    """The same with the other engine."""

    engine = "threads"


class AtProxy(Watched, RelayCase):
    """recv, (send, settle)*, reply."""

    def told_of(self, *kinds: str) -> list[Event]:
        return self.told.of(*(kinds or ("recv", "memo", "send", "settle", "reply")))

    def begin(self, target: str, method: str = "POST", **options: Any) -> Any:
        """With the header `traceparent` kept apart, as the parser does."""
        trace = options.pop("trace", "")
        begin = self.proxy._begin

        def traced(request: Request, *others: Any) -> Any:
            if request.observed is None:
                request = with_trace(request, trace)
            return begin(request, *others)

        with mock.patch.object(self.proxy, "_begin", traced):
            return super().begin(target, method, **options)

    def test_a_call_on_its_way(self) -> None:
        self.relays(1, OK, trace=traceparent(12))
        recv, opening, session, send, settle, reply = self.told_of()
        self.assertEqual({event["id"] for event in self.told_of()}, {TRACE_ID})
        self.assertEqual((recv["p"], recv["kind"], recv["of"]), ("proxy-1", "original", [7, 12]))
        self.assertEqual(words([opening, send], "kind", "to"),
                         [("send", "opening", "s1"), ("send", "original", "s1")])
        self.assertEqual((session["what"], session["of"]), ("gave a session", opening["n"]))
        self.assertEqual((settle["outcome"], settle["of"]), ("answered", send["n"]))
        self.assertEqual((reply["status"], reply["of"]), (200, recv["n"]))
        request, = self.exchanges.requests
        self.assertEqual(request.traceparent,
                         f"00-{TRACE_ID}-{os.getpid():08x}{send['n']:08x}-01")

    def test_a_refusal_and_another_server(self) -> None:
        self.knows(endpoint("s1"), endpoint("s2"))
        self.relays(1, REFUSED, OK)
        self.assertEqual(words(self.told_of("send", "settle"), "to", "outcome")[2:], [
            ("send", "s1", None), ("settle", None, "not sent"),
            ("send", "s2", None), ("settle", None, "not sent"),
            ("send", "s2", None), ("settle", None, "answered")])

    def test_an_unknown_outcome(self) -> None:
        self.relays(1, LOST)
        reply, = self.told_of("reply")
        self.assertEqual(reply["status"], 502)
        self.assertTrue(reply["why"].startswith("unknown outcome"), reply)

    def test_a_repeat_of_what_was_answered_goes_nowhere(self) -> None:
        self.relays(1, OK)
        told = self.watch()
        self.repeats(1, LOST)
        self.assertEqual(words(told.of("recv", "memo", "send", "reply"), "how"),
                         [("recv", None), ("memo", "reply"), ("reply", None)])

    def test_a_repeat_of_what_is_unknown_goes_the_same_way(self) -> None:
        """It is answered by the server: here, nothing is remembered that it could get."""
        self.relays(1, LOST)
        told = self.watch()
        self.repeats(1, OK)
        self.assertEqual(words(told.of("recv", "memo", "send", "reply"), "kind"),
                         [("recv", "repeat"), ("send", "repeat"), ("reply", None)])

    def test_a_resolve_asks_the_server_or_kills(self) -> None:
        self.relays(1, LOST)
        told = self.watch()
        with mock.patch.object(observed_call, "ask", self.questions):
            self.resolves(1, DEAD)
        self.assertEqual(words(told.of("recv", "send", "settle", "reply"), "kind", "to"), [
            ("recv", "resolve", None), ("send", "resolve", "s1"), ("settle", None, None),
            ("reply", None, None)])
        told = self.watch()
        self.resolves(9)
        self.assertEqual(words(told.of("recv", "memo", "send", "reply"), "how", "status"), [
            ("recv", None, None), ("memo", "dead", None), ("reply", None, 410)])

    def test_a_resolve_of_what_was_sent_nowhere_yet_kills(self) -> None:
        """It is under way here, and has only asked for a session."""
        self.exchanges = self.stands_in(ByHand())
        self.exchanges.opens = False
        self.begins(1)
        told = self.watch()
        self.post(number=1, Call_Resolve="1", body=b"")
        self.assertEqual(words(told.of("memo", "send", "reply"), "how", "status"),
                         [("memo", "dead", None), ("reply", None, 410)])

    def test_nobody_can_tell_what_came_of_a_call_that_was_sent_plain(self) -> None:
        self.knows(endpoint("f1", remembers=False))
        self.relays(1, LOST)
        told = self.watch()
        self.repeats(1, OK)
        self.assertEqual(words(told.of("memo", "send", "reply"), "how", "status"),
                         [("memo", "unknown", None), ("reply", None, 410)])

    def test_a_watcher_that_comes_again_makes_no_call(self) -> None:
        self.post("/-/observe")
        self.assertEqual(self.told.events, [])

    def test_a_trace_goes_on_when_the_watcher_leaves_in_the_middle(self) -> None:
        call = self.begins(None, trace=FOREIGN, Call_Idempotent="1")
        with mock.patch.object(observe, "watcher", None):
            self.comes_to(call, REFUSED)
        assert call.request
        self.assertEqual(call.request.traceparent, FOREIGN)

    def test_refusals(self) -> None:
        self.knows()
        self.post(number=1)
        self.proxy._refuse()
        self.post(number=2)
        self.post("/nobody")
        self.assertEqual(words(self.told_of("send")), [])
        self.assertEqual(words(self.told_of("reply"), "status"),
                         [("reply", 503)] * 3)
        self.assertIn("stopping", self.told_of("reply")[1]["why"])

    def test_a_call_that_is_cut_off(self) -> None:
        call = self.begins(None, Call_Idempotent="1")
        call._program.close()
        self.assertEqual(words(self.told_of("reply"), "status", "why"),
                         [("reply", 0, "cut off")])

    def test_a_trace_goes_end_to_end_where_nobody_watches(self) -> None:
        """As it came, also to a repeat."""
        with mock.patch.object(observe, "watcher", None):
            self.relays(1, OK, trace=FOREIGN)
            self.relays(2, OK)
        self.assertEqual([request.traceparent for request in self.exchanges.requests],
                         [FOREIGN, ""])
        self.assertEqual(self.told.events, [])

    def test_what_is_not_told_goes_on_as_it_came(self) -> None:
        not_sampled = traceparent(1, "00")
        self.relays(1, OK, trace=not_sampled)
        self.relays(2, OK, Call_Untold="1")
        first, second = self.exchanges.requests
        self.assertEqual((first.traceparent, first.headers.get("call-untold")),
                         (not_sampled, None))
        self.assertEqual((second.traceparent, second.headers.get("call-untold")), ("", "1"))
        self.assertEqual(self.told.events, [])

    def test_what_a_proxy_left_out_is_told_by_no_server(self) -> None:
        """A foreign trace still goes on."""
        with mock.patch.object(self.told, "take", return_value=None):
            self.relays(1, OK, trace=FOREIGN)
            self.relays(2, OK)
        self.assertEqual([(request.traceparent, request.headers.get("call-untold"))
                          for request in self.exchanges.requests], [(FOREIGN, "1"), ("", "1")])

    def test_a_foreign_tracer_keeps_its_id_and_gets_our_parent(self) -> None:
        self.relays(1, OK, trace=FOREIGN)
        request, = self.exchanges.requests
        self.assertEqual(request.traceparent[:36], FOREIGN[:36])
        self.assertNotEqual(request.traceparent[36:52], FOREIGN[36:52])

    def test_one_trace_goes_on_whatever_came(self) -> None:
        for number, (odd, trace_id) in enumerate(ODD):
            with self.subTest(odd):
                self.relays(number + 1, OK, Traceparent=odd, Call_Told="1")
                request = self.exchanges.requests[-1]
                # The parser would not keep one of two apart.
                sent = self.told_of("send")[-1]["n"]
                self.assertEqual(request.traceparent[35:], f"-{os.getpid():08x}{sent:08x}-01")
                self.assertEqual(request.traceparent[3:35] == TRACE_ID, bool(trace_id))
                self.assertNotIn("traceparent", request.headers)
                self.assertEqual(request.headers["call-told"], "1")

    def test_what_says_how_it_is_traced_goes_on_as_it_came(self) -> None:
        """Where nobody watches; and where it is not told."""
        for watcher in (None, self.told):
            with mock.patch.object(observe, "watcher", watcher), \
                    mock.patch.object(self.told, "take", return_value=None):
                for number, (odd, _) in enumerate(ODD):
                    with self.subTest(odd, is_watched=bool(watcher)):
                        self.relays(number + (100 if watcher else 1), OK, Traceparent=odd)
                        request = self.exchanges.requests[-1]
                        headers = request.headers
                        # An empty one says nothing, and need not go on.
                        self.assertEqual(request.traceparent + headers.get("traceparent", ""), odd)
                        self.assertEqual("call-untold" in headers, bool(watcher))
        self.assertEqual(self.told.events, [])

    def test_our_mark_goes_through_a_proxy_that_nobody_watches(self) -> None:
        """So the server behind it knows whose trace it is."""
        with mock.patch.object(observe, "watcher", None):
            self.relays(1, LOST, trace=traceparent(5))
            request = self.exchanges.requests[-1]
            self.assertEqual((request.traceparent, request.headers["call-told"]),
                             (traceparent(5), "1"))
        asked = observed_call.as_it_came(with_trace(request, traceparent(6)))
        self.assertEqual(asked, f"Traceparent: {traceparent(6)}\r\ncall-told: 1\r\n")

    def test_a_trace_for_one_hop_alone_does_not_go_on(self) -> None:
        for is_told in (True, False):
            with mock.patch.object(self.told, "take", return_value=0 if is_told else None):
                self.relays(1 + is_told, OK, Traceparent=f"01{FOREIGN[2:]}",
                            Connection="Traceparent")
            request = self.exchanges.requests[-1]
            self.assertNotEqual(request.traceparent[3:35], TRACE_ID)
            self.assertNotIn("traceparent", request.headers)

    def test_no_lock_is_held_while_it_tells(self) -> None:
        """Not that of the proxy: a full buffer of the watcher holds no other call up."""
        send = self.told.send

        def unlocked(event: Event) -> int:
            self.assertFalse(self.shared.lock.locked(), event)
            return send(event)

        with mock.patch.object(self.told, "send", unlocked):
            self.relays(1, LOST)
            self.repeats(1, OK)
            self.repeats(1, OK)
            self.resolves(9)


class Words(unittest.TestCase):
    def test_only_what_does_not_run_has_a_word(self) -> None:
        told = observed_call.ObservedCall("s", "f" * 32)
        for action, word in ((REPLY, "reply"), (NOT_SENT, "dead"), (KILL, "dead"), ("runs", "")):
            told.note(action)
            self.assertEqual(told._how, word)


if __name__ == "__main__":
    unittest.main()
