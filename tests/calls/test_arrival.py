"""An attempt that arrives: what its headers say, what becomes of it, and the reply."""

from __future__ import annotations

import unittest
from collections.abc import Mapping

from ponte.calls.arrival import (
    MAX_KEY,
    NEW,
    CallHeaders,
    answer,
    look,
    resolved,
)
from ponte.calls.attempt import Outcome
from ponte.calls.hop import MAX_NUMBER, MAX_TIMEOUT_S, judge
from ponte.calls.once import (
    IT_RAN,
    KEPT,
    KILL,
    NEVER,
    NOT_SENT,
    ORIGINAL,
    REFUSE,
    REPEAT,
    REPLY,
    RESOLVE,
    RUN,
    UNKNOWN,
    WAIT,
    Memory,
    Record,
)
from ponte.calls.rule import MAX_ATTEMPTS
from ponte.net.message import ProtocolError, Reply, Request, encode_reply
from ponte.net.parser import ReplyParser
from tests.fakes import endpoint

SESSION = "9f86d081884c7d65"
WANTED = {ORIGINAL: {}, REPEAT: {"call-repeat": "1"}, RESOLVE: {"call-resolve": "1"}}


class Reading(unittest.TestCase):
    """What a request says of its call."""

    def refuses(self, name: str, text: str, status: int = 400) -> None:
        """A header with this text is refused."""
        with self.subTest(f"{name}: {text}"), self.assertRaises(ProtocolError) as caught:
            CallHeaders.parse({name: text})
        self.assertEqual(caught.exception.status, status)

    def test_a_client_that_sends_no_headers_gets_the_safe_defaults(self) -> None:
        """Its call is not idempotent, and this is its first attempt, which is not a repeat."""
        self.assertEqual(CallHeaders.parse({}),
                         CallHeaders(False, None, 1, MAX_ATTEMPTS, "", ORIGINAL, ""))

    def test_the_headers_are_read(self) -> None:
        headers = {"call-idempotent": "1", "call-timeout-ms": "2500", "call-attempt": "2-3",
                   "call-session": SESSION, "call-repeat": "1", "idempotency-key": "a key"}
        self.assertEqual(CallHeaders.parse(headers),
                         CallHeaders(True, 2.5, 2, 3, SESSION, REPEAT, "a key"))

    def test_what_is_wanted(self) -> None:
        """A resolve wins: it runs nothing. Only the text 1 counts."""
        for headers, wanted in (({}, ORIGINAL), (WANTED[REPEAT], REPEAT),
                                (WANTED[RESOLVE], RESOLVE),
                                ({**WANTED[REPEAT], **WANTED[RESOLVE]}, RESOLVE),
                                ({"call-repeat": "0", "call-resolve": "yes"}, ORIGINAL)):
            self.assertEqual(CallHeaders.parse(headers).wanted, wanted)

    def test_a_value_above_its_limit_is_cut(self) -> None:
        """A number must fit when it grows."""
        self.assertEqual(CallHeaders.parse({"call-timeout-ms": "9" * 9}).timeout_s, MAX_TIMEOUT_S)
        call = CallHeaders.parse({"call-attempt": f"{'9' * 9}-{'9' * 9}"})
        self.assertEqual((call.first, call.last), (MAX_NUMBER, MAX_NUMBER))

    def test_the_first_attempt_has_number_one(self) -> None:
        """0 is taken for it. Without a last one, all attempts may be made here."""
        for text, first, last in (("0", 1, MAX_ATTEMPTS), ("1", 1, MAX_ATTEMPTS), ("0-0", 1, 0),
                                  ("2-", 2, MAX_ATTEMPTS), ("2-2", 2, 2), ("007-8", 7, 8)):
            call = CallHeaders.parse({"call-attempt": text})
            self.assertEqual((call.first, call.last), (first, last), text)

    def test_a_last_attempt_before_the_first_is_taken_as_it_is(self) -> None:
        """One attempt is made then: see `tests.calls.test_rule.RuleR`."""
        call = CallHeaders.parse({"call-attempt": "3-1"})
        self.assertEqual((call.first, call.last), (3, 1))

    def test_a_value_that_is_not_a_number_is_refused(self) -> None:
        """Digits of ASCII, nine at most."""
        bad = ("", "x", "-1", "+1", "1.5", "1_0", "\u0661", "9" * 10, " 1", "1 ")
        for text in bad:
            self.refuses("call-timeout-ms", text)
            self.refuses("call-attempt", text)
            if text:
                self.refuses("call-attempt", f"1-{text}")
        for text in ("1-2-3", "-", "1--2", "1,2"):
            self.refuses("call-attempt", text)

    def test_a_session_is_16_hex_digits_in_lower_case(self) -> None:
        """Or the word of a request for one. In upper case it would be another id."""
        for text in ("", NEW, SESSION, "0" * 16):
            self.assertEqual(CallHeaders.parse({"call-session": text}).session, text)
        for text in (SESSION.upper(), SESSION[:-1], SESSION + "0", SESSION + "\n", "NEW", "new ",
                     "key " + SESSION[4:], "\u0661" * 16, "0x86d081884c7d65"):
            self.refuses("call-session", text)

    def test_a_key_has_one_character_at_least_and_a_limit(self) -> None:
        """A request may also have none."""
        self.assertEqual(CallHeaders.parse({"idempotency-key": "k" * MAX_KEY}).key, "k" * MAX_KEY)
        self.refuses("idempotency-key", "")
        self.refuses("idempotency-key", "k" * (MAX_KEY + 1))

    def test_a_repeat_of_an_earlier_version_is_refused(self) -> None:
        """It names another life, perhaps. 412: to its stub that is a refusal."""
        self.refuses("if-match", '"7"', 412)


class ArrivalCase(unittest.TestCase):
    """Attempts arrive at one memory."""

    def setUp(self) -> None:
        self.memory: Memory[str, Reply] = Memory()
        self.session = self.memory.open()

    def arrives(self, headers: Mapping[str, str], number: str | None = None,
                body: bytes = b"a call") -> tuple[str, Record[str, Reply] | None]:
        """What becomes of an attempt."""
        request = Request("POST", "/greeter", headers, body, call_number=number)
        return look(self.memory, request, CallHeaders.parse(headers))

    def attempt(self, number: str, wanted: int = ORIGINAL,
                session: str | None = None) -> tuple[str, Record[str, Reply] | None]:
        """The same for an attempt with a number."""
        return self.arrives({"call-session": session or self.session, **WANTED[wanted]}, number)

    def refuses(self, status: int, headers: Mapping[str, str], number: str | None = None,
                body: bytes = b"a call") -> None:
        """An attempt is refused with this status."""
        with self.subTest(headers=headers, number=number), \
                self.assertRaises(ProtocolError) as caught:
            self.arrives(headers, number, body)
        self.assertEqual(caught.exception.status, status)

    def runs(self, number: str, reply: Reply) -> None:
        """An original arrives, runs, and its reply is kept."""
        action, record = self.attempt(number)
        assert action == RUN and record
        self.memory.begin(record, "a run")
        self.memory.end(record, reply)
        self.memory.leave(record)


class Looking(ArrivalCase):
    """What becomes of an attempt."""

    def test_an_attempt_without_session_and_key_runs(self) -> None:
        """A stock client's. Each one does, and nothing is known of it afterwards."""
        for _ in range(2):
            self.assertEqual(self.arrives({}), (RUN, None))

    def test_the_request_for_a_session_runs_nothing(self) -> None:
        """Whatever else it says."""
        for wanted in (ORIGINAL, REPEAT, RESOLVE):
            for number in (None, "1-1"):
                self.assertEqual(self.arrives({"call-session": NEW, **WANTED[wanted]}, number),
                                 (REFUSE, None))

    def test_the_number_and_the_oldest_one_are_read(self) -> None:
        """Up to 15 digits."""
        last = "9" * 15
        for number, action in (("7-3", RUN), ("3-3", RUN), ("2-1", NEVER),
                               (f"{last}-{last}", RUN), ("7-3", NEVER)):
            self.assertEqual(self.attempt(number)[0], action, number)

    def test_each_kind_of_attempt(self) -> None:
        self.assertEqual(self.attempt("1-1", RESOLVE)[0], KILL)
        self.assertEqual(self.attempt("1-1", REPEAT)[0], NOT_SENT)
        self.assertEqual(self.attempt("1-1", ORIGINAL)[0], NEVER)
        self.assertEqual(self.attempt("1-1", ORIGINAL, SESSION)[0], REFUSE)

    def test_what_is_no_number_is_refused(self) -> None:
        """Nothing runs, and the session is as it was."""
        for number in (None, "", "1", "0-0", "1-0", "0-1", "-1-1", "1-", "-1", "1-1-1", "01-1",
                       "1-01", "1 -1", "1-1 ", "1-1\n", "a-1", "\u0661-1", "1_0-1",
                       "9" * 16 + "-1"):
            self.refuses(400, {"call-session": self.session}, number)
        self.assertEqual(self.attempt("1-1")[0], RUN)

    def test_a_number_is_not_below_the_oldest_one(self) -> None:
        self.refuses(400, {"call-session": self.session}, "1-2")
        self.assertEqual(self.attempt("1-1")[0], RUN)

    def test_a_repeat_a_resolve_and_a_number_need_a_session(self) -> None:
        """They are of a version, or of a proxy, that has lost it: to run them would be wrong. With
        a key, too.
        """
        for more in ({}, {"idempotency-key": "a key"}):
            self.refuses(400, {**more, **WANTED[REPEAT]})
            self.refuses(400, {**more, **WANTED[RESOLVE]})
            self.refuses(400, more, "1-1")

    def test_a_session_is_stronger_than_a_key(self) -> None:
        """A stub's call that has both is remembered by its number."""
        headers = {"call-session": self.session, "idempotency-key": "a key"}
        self.assertEqual(self.arrives(headers, "1-1")[0], RUN)
        self.assertEqual(self.attempt("1-1", RESOLVE)[0], KILL)
        self.assertEqual(self.arrives(headers, "1-1")[0], NEVER)

    def test_a_key_is_remembered_with_its_body(self) -> None:
        """With another body it is refused."""
        headers = {"idempotency-key": "a key"}
        action, record = self.arrives(headers)
        self.assertEqual(action, RUN)
        assert record
        self.memory.begin(record, "a run")
        self.assertEqual(self.arrives(headers)[0], WAIT)
        self.refuses(422, headers, body=b"another call")
        self.memory.end(record, Reply(200, {}, b"value"))
        self.assertEqual(self.arrives(headers)[0], REPLY)
        self.refuses(422, headers, body=b"")
        self.assertEqual(self.arrives({"idempotency-key": "other key"}, body=b"another call")[0],
                         RUN)

    def test_a_key_cannot_name_a_session(self) -> None:
        self.runs("1-1", Reply(200, {}, b"value"))
        self.assertEqual(self.arrives({"idempotency-key": self.session})[0], RUN)
        self.assertEqual(self.arrives({"idempotency-key": f"key {self.session}"})[0], RUN)


class Answering(ArrivalCase):
    """The reply to an attempt that neither runs nor waits."""

    KEPT = Reply(200, {}, b"value", lines="Served-By: s1; incarnation=1; service=greeter\r\n")

    def reply(self, action: str, wanted: int) -> Reply:
        """What a caller reads of the reply to an attempt of which this becomes."""
        record = Record[str, Reply](object(), 1, KEPT)    # type: ignore[arg-type]
        record.reply = self.KEPT
        written = answer(self.memory, action, record if action == REPLY else None, wanted)
        # The listener adds its mark.
        lines = written.lines or self.KEPT.lines
        parser = ReplyParser()
        parser.feed(encode_reply(written._replace(lines=lines)))
        read = parser.next_message()
        assert read
        return read

    def says(self, action: str, wanted: int, status: int, **headers: str) -> None:
        """The reply has this status, and these headers about the call."""
        reply = self.reply(action, wanted)
        told = {name: value for name, value in reply.headers.items()
                if name.startswith(("call-", "not-"))}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.assertEqual((reply.status, told), (status, named), (action, wanted))

    def test_every_cell(self) -> None:
        """Status and headers of each action, for each kind of attempt that comes to it."""
        self.says(UNKNOWN, REPEAT, 410)
        self.says(UNKNOWN, RESOLVE, 410, call_resolved="unknown")
        self.says(NEVER, ORIGINAL, 410)
        for wanted in (ORIGINAL, REPEAT):
            self.says(REPLY, wanted, 200)
            self.says(IT_RAN, wanted, 410, call_ran="1")
        self.says(REPLY, RESOLVE, 200, call_resolved="reply")
        self.says(IT_RAN, RESOLVE, 410, call_ran="1", call_resolved="unknown")
        self.says(NOT_SENT, REPEAT, 410, call_resolved="dead")
        self.says(NOT_SENT, RESOLVE, 410, call_resolved="dead")
        self.says(KILL, RESOLVE, 410, call_resolved="dead")

    def test_the_caller_understands_every_cell(self) -> None:
        """An original that never runs is unknown to its caller: an earlier copy may have run."""
        for action, wanted, outcome in (
                (REFUSE, ORIGINAL, Outcome.NOT_SENT), (NEVER, ORIGINAL, Outcome.UNKNOWN),
                (UNKNOWN, REPEAT, Outcome.UNKNOWN), (IT_RAN, ORIGINAL, Outcome.UNKNOWN),
                (IT_RAN, REPEAT, Outcome.UNKNOWN), (NOT_SENT, REPEAT, Outcome.ANSWERED),
                (REPLY, ORIGINAL, Outcome.ANSWERED), (REPLY, REPEAT, Outcome.ANSWERED)):
            with self.subTest(action, wanted=wanted):
                result = judge(self.reply(action, wanted), endpoint("s1"), "greeter")
                self.assertIs(result.outcome, outcome)
                self.assertIs(result.is_final, outcome is Outcome.UNKNOWN)
                self.assertIs(result.ran, action == IT_RAN)
                self.assertIs(bool(result.session), action == REFUSE)

    def test_a_refusal_gives_out_a_session(self) -> None:
        """With it, the same call may begin."""
        action, record = self.attempt("1-1", session=SESSION)
        reply = answer(self.memory, action, record, ORIGINAL)
        self.assertEqual(reply.status, 503)
        self.assertEqual(reply.headers["Not-Executed"], "1")
        self.assertEqual(self.attempt("1-1", session=reply.headers["Call-Session"])[0], RUN)

    def test_the_request_for_a_session_is_such_a_refusal(self) -> None:
        reply = answer(self.memory, REFUSE, None, ORIGINAL)
        self.assertEqual((reply.status, reply.headers["Not-Executed"]), (503, "1"))
        self.assertEqual(self.attempt("1-1", session=reply.headers["Call-Session"])[0], RUN)

    def test_the_kept_reply_is_not_changed_by_a_resolve(self) -> None:
        """A later repeat gets it as it was."""
        self.runs("1-1", self.KEPT)
        for wanted in (RESOLVE, REPEAT, RESOLVE):
            action, record = self.attempt("1-1", wanted)
            reply = answer(self.memory, action, record, wanted)
            self.assertEqual("Call-Resolved" in reply.headers, wanted == RESOLVE)
            self.assertEqual(reply.body, b"value")

    def test_the_word_of_a_resolve_is_that_of_the_first_reply(self) -> None:
        """An error of the call is a reply, as for a repeat. An error of the server does not say
        what came of the call. After a refusal the caller asks once more.
        """
        for status, word in ((200, "reply"), (400, "reply"), (413, "reply"), (500, "unknown"),
                             (503, None)):
            reply = resolved(Reply(status, {}, b"text"))
            self.assertEqual((reply.status, reply.headers.get("Call-Resolved"), reply.body),
                             (status, word, b"text"))


if __name__ == "__main__":
    unittest.main()
