"""Resolving: who is asked what came of a call, how often, and what counts as an answer.

A program is carried out by hand: a pool that follows a script stands in for the network, and a
clock that is set by hand for the time. So nothing waits.
"""

from __future__ import annotations

import errno
import socket
import unittest
from typing import Callable, Union
from unittest import mock

from ponte.calls import resolving
from ponte.calls.arrival import CallHeaders
from ponte.calls.attempt import Outcome, Result, Sent
from ponte.calls.balancing import Member
from ponte.calls.endpoint import PROXY
from ponte.calls.once import RESOLVE
from ponte.calls.resolving import PAUSE_S, Place, ask, resolve, verdict
from ponte.calls.session import Session
from ponte.net.address import Address
from ponte.net.message import Reply, Request
from ponte.net.parser import RequestParser
from ponte.net.pool import ExchangeError, Pool
from ponte.net.stream import NOTHING, Program
from tests.fakes import Clock, endpoint

SESSION = "9f86d081884c7d65"
ANSWERED, UNKNOWN = Outcome.ANSWERED, Outcome.UNKNOWN
SERVED = {"served-by": "s1; incarnation=1; service=greeter"}
# What a place says, or does.
VALUE = Reply(200, {**SERVED, "call-resolved": "reply"}, b"value")
DEAD = Reply(410, {**SERVED, "call-resolved": "dead"}, b"not executed")
FORGOTTEN = Reply(410, {**SERVED, "call-resolved": "unknown"}, b"unknown")
RAN = Reply(410, {**SERVED, "call-resolved": "unknown", "call-ran": "1"}, b"it has run")
STILL_RUNNING = Reply(504, SERVED, b"still running")
STRANGER = Reply(200, {}, b"hello")
GONE = ExchangeError("connect", ConnectionRefusedError(errno.ECONNREFUSED, "refused"))
LOST = ExchangeError("reply", ConnectionResetError(errno.ECONNRESET, "reset"))
Says = Union[Reply, ExchangeError]


def place(name: str = "s1", port: int = 4242) -> Place:
    return Place(endpoint(name, port=port), SESSION, "12-11")


def silent(address: Address) -> Says | None:
    """A network in which nobody answers."""
    return None


class Network:
    """Stands in for a pool. Attributes: `asked`, the port and the time of each question."""

    def __init__(self, clock: Clock, takes_s: float = 0.0) -> None:
        self._clock, self._takes_s = clock, takes_s
        self.says: Callable[[Address], Says | None] = silent
        self.asked: list[tuple[int, float]] = []
        self.requests: list[Request] = []

    def exchange(self, address: Address, request: bytes, deadline: float) -> Program[Reply]:
        """Says what the script says, and after `takes_s`; None is silence until the deadline."""
        yield from ()
        self.asked.append((address[1], self._clock.now))
        parser = RequestParser()
        parser.feed(request)
        read = parser.next_message()
        assert read
        self.requests.append(read)
        said = self.says(address)
        if said is None:
            self._clock.now = max(self._clock.now, deadline)
            raise ExchangeError("reply", socket.timeout())
        self._clock.now += self._takes_s
        if isinstance(said, ExchangeError):
            raise said
        return said


class ResolvingCase(unittest.TestCase):
    """A network, a clock, and programs that are carried out at once."""

    def setUp(self) -> None:
        self.clock = Clock(1000.0)
        patch = mock.patch.object(resolving, "time", self.clock)
        patch.start()
        self.addCleanup(patch.stop)
        self.network = Network(self.clock)
        self.pool: Pool = self.network      # type: ignore[assignment]

    def carries_out(self, program: Program[Result]) -> Result:
        """The result of a program. Where it waits for nothing but time, the time comes."""
        try:
            while True:
                what, event, until = next(program)
                self.assertEqual((what, event), (None, NOTHING))
                self.assertGreater(until, self.clock.now)
                self.clock.now = until
        except StopIteration as ended:
            result: Result = ended.value
            return result

    def answers(self, **scripts: list[Says | None]) -> None:
        """What the places say one after the other, by port; the last word is repeated."""
        words = {int(name[1:]): list(script) for name, script in scripts.items()}

        def says(address: Address) -> Says | None:
            script = words[address[1]]
            return script.pop(0) if len(script) > 1 else script[0]
        self.network.says = says

    def ports(self) -> list[int]:
        """The ports that were asked, in order."""
        return [port for port, _ in self.network.asked]


class Places(unittest.TestCase):
    """Where the outcome of a call may be known, as a proxy tells it in Sent-To."""

    def test_a_place_survives_the_wire(self) -> None:
        """With any address, and the numbers at their limits. Its reader knows the service."""
        for host in ("127.0.0.1", "::1", "server.example.org", "fe80::1"):
            here = endpoint("s-1", 10 ** 18 - 1, service="bank", port=65535)._replace(host=host)
            for number in ("1-1", "12-11", f"{10 ** 15 - 1}-{10 ** 15 - 1}"):
                here_place = Place(here, SESSION, number)
                self.assertEqual(Place.read(str(here_place), "bank"), here_place)

    def test_the_place_of_a_call_that_was_sent(self) -> None:
        """Its number stays as it went out, also when older ones have ended."""
        session = Session(SESSION)
        oldest = session.take()
        member = Member(endpoint("s1"))
        sent = Sent(member, session.take())
        del oldest
        self.assertEqual(Place.of(sent), Place(member.endpoint, SESSION, "2-1"))

    def test_garbage_is_no_place(self) -> None:
        """It came over the network: it leads nowhere."""
        good = str(place())
        self.assertIsNotNone(Place.read(good, "greeter"))
        for text in ("", "s1", good[:-1] + "x", good + " ", " " + good, good + "\n",
                     good.replace("4242", "0"), good.replace("4242", "65536"),
                     good.replace("4242", "-1"), good.replace(":4242", ""),
                     good.replace("incarnation=1", "incarnation=x"),
                     good.replace("incarnation=1", f"incarnation={10 ** 18}"),
                     good.replace(SESSION, SESSION.upper()), good.replace(SESSION, "new"),
                     good.replace("12-11", "12"), good.replace("12-11", f"{10 ** 15}-1"),
                     good.replace("s1;", ";"), good.replace("s1;", "s 1;"),
                     good.replace("127.0.0.1", "127.0.0.1\r\nX: y"),
                     good.replace("127.0.0.1", ""), good.replace("; ", ";"), good * 2):
            with self.subTest(text):
                self.assertIsNone(Place.read(text, "greeter"))


class Verdicts(unittest.TestCase):
    """What a reply to the question says."""

    def means(self, reply: Reply, outcome: Outcome, *, is_final: bool = False,
              ran: bool = False) -> None:
        result = verdict(reply, endpoint("s1"), "greeter")
        self.assertEqual((result.outcome, result.is_final, result.ran),
                         (outcome, is_final, ran), reply)

    def test_only_the_first_reply_and_dead_are_answers(self) -> None:
        self.means(VALUE, ANSWERED)
        self.means(DEAD, ANSWERED)

    def test_a_life_that_has_forgotten_is_final(self) -> None:
        """It may say that the call has run."""
        self.means(FORGOTTEN, UNKNOWN, is_final=True)
        self.means(RAN, UNKNOWN, is_final=True, ran=True)
        self.means(FORGOTTEN._replace(status=502), UNKNOWN, is_final=True)

    def test_a_value_without_the_word_is_no_answer(self) -> None:
        """An old version, or a foreign process, has taken the question for a call of its own."""
        for status in (200, 400, 404, 410, 422):
            self.means(Reply(status, SERVED, b"value"), UNKNOWN, is_final=True)
        for word in ("", "1", "Reply", "ran"):
            self.means(Reply(200, {**SERVED, "call-resolved": word}, b""), UNKNOWN, is_final=True)

    def test_a_stranger_does_not_know(self) -> None:
        """Also one that says the word. It has the port, so the life that we ask is gone."""
        self.means(STRANGER, UNKNOWN, is_final=True)
        for word in ("reply", "dead", "unknown"):
            for status in (200, 410):
                for marks in ({}, {"served-by": "s1x; incarnation=1; service=bank"}):
                    self.means(Reply(status, {**marks, "call-resolved": word}, b""), UNKNOWN,
                               is_final=True)

    def test_the_next_time_it_may_know_more(self) -> None:
        """It is still running there, or a proxy cannot reach the server."""
        for status in (500, 502, 503, 504):
            self.means(Reply(status, SERVED, b""), UNKNOWN)
            self.means(Reply(status, {**SERVED, "not-executed": "1"}, b""), UNKNOWN)
            self.means(Reply(status, {}, b""), UNKNOWN)

    def test_a_proxy_passes_a_servers_word_on(self) -> None:
        proxy = endpoint("p1", service=PROXY)
        for reply, outcome in ((VALUE, ANSWERED), (DEAD, ANSWERED), (FORGOTTEN, UNKNOWN)):
            self.assertIs(verdict(reply, proxy, "greeter").outcome, outcome)


class Asking(ResolvingCase):
    """One question to one place."""

    def test_it_is_asked_where_it_takes_calls(self) -> None:
        self.answers(p4242=[VALUE])
        for path, target in (("/RPC2", "/RPC2"), ("", "/greeter")):
            there = Place(endpoint("s1", path=path), SESSION, "12-11")
            self.carries_out(ask(self.pool, there, "greeter", "", self.clock.now + 1.0))
            self.assertEqual(self.network.requests[-1].target, target)

    def asks(self, says: Says | None, within_s: float = 5.0) -> Result:
        """The result, if the place says this."""
        self.network.says = lambda address: says
        return self.carries_out(ask(self.pool, place(), "greeter", "Via: 1.1 p1\r\n",
                                    self.clock.now + within_s))

    def test_the_question_has_the_session_and_number_and_no_call(self) -> None:
        """So it cannot run. It grants less time than it has itself."""
        self.asks(VALUE)
        request, = self.network.requests
        self.assertEqual((request.method, request.target, request.body), ("POST", "/greeter", b""))
        self.assertEqual(request.call_number, "12-11")
        self.assertEqual(CallHeaders.parse(request.headers),
                         CallHeaders(False, 4.9, 1, 3, SESSION, RESOLVE, ""))
        self.assertEqual((request.headers["host"], request.headers["via"]),
                         ("127.0.0.1:4242", "1.1 p1"))

    def test_a_refused_connection_is_final(self) -> None:
        """Nobody listens there: that life is gone."""
        result = self.asks(GONE)
        self.assertEqual((result.outcome, result.is_final), (UNKNOWN, True))

    def test_any_other_failure_is_not(self) -> None:
        """The network may come back, and this process may have too many open files: that life may
        still be there.
        """
        for phase, cause in (("connect", socket.timeout()), ("connect", OSError("no route")),
                             ("connect", OSError(errno.EMFILE, "too many open files")),
                             ("connect", ConnectionResetError("in the handshake of TLS")),
                             ("connect", ConnectionAbortedError("the pool was closed")),
                             ("connect", socket.gaierror("no such name")),
                             ("send", ConnectionResetError("reset")),
                             ("reply", ConnectionResetError("reset")),
                             ("reply", socket.timeout())):
            with self.subTest(phase, cause=cause):
                result = self.asks(ExchangeError(phase, cause))
                self.assertEqual((result.outcome, result.is_final), (UNKNOWN, False))
                self.assertIs(result.timed_out, isinstance(cause, socket.timeout))

    def test_after_the_deadline_it_is_asked_all_the_same(self) -> None:
        """The pool knows best. No time is granted that is not there."""
        result = self.asks(None, within_s=-1.0)
        self.assertEqual((result.outcome, result.is_final), (UNKNOWN, False))
        self.assertEqual(self.network.requests[0].headers["call-timeout-ms"], "1")


class Rounds(ResolvingCase):
    """All places are asked until one can tell. `p1` is the proxy at port 1, `p2` its server."""

    def resolves(self, *ports: int, within_s: float = 5.0, **scripts: list[Says | None]) -> Result:
        """The result of a call that was sent to these ports."""
        self.answers(**scripts)
        self.began_at = self.clock.now
        return self.carries_out(resolve(self.pool, [place(port=port) for port in ports], "greeter",
                                        self.clock.now + within_s))

    def takes(self, seconds: float) -> None:
        self.assertAlmostEqual(self.clock.now - self.began_at, seconds)

    def test_the_first_place_tells(self) -> None:
        """Nobody else is asked."""
        for reply in (VALUE, DEAD):
            result = self.resolves(1, 2, p1=[reply], p2=[None])
            self.assertEqual((result.outcome, result.reply), (ANSWERED, reply))
            self.takes(0.0)
        self.assertEqual(self.ports(), [1, 1])

    def test_the_first_place_is_silent_and_the_second_tells(self) -> None:
        """The second one gets its share of the time."""
        result = self.resolves(1, 2, p1=[None], p2=[VALUE])
        self.assertEqual((result.outcome, self.ports()), (ANSWERED, [1, 2]))
        self.takes(2.5)

    def test_the_first_place_is_gone_and_the_second_tells(self) -> None:
        for word in (GONE, FORGOTTEN, STRANGER):
            result = self.resolves(1, 2, p1=[word], p2=[DEAD])
            self.assertIs(result.outcome, ANSWERED)
            self.takes(0.0)

    def test_a_call_that_is_still_running_is_asked_for_again(self) -> None:
        """After a pause, so that no server is stormed."""
        result = self.resolves(1, p1=[STILL_RUNNING, LOST, STILL_RUNNING, VALUE])
        self.assertEqual((result.outcome, self.ports()), (ANSWERED, [1] * 4))
        self.takes(3 * PAUSE_S)

    def test_when_all_are_gone_nobody_waits(self) -> None:
        """No time will tell. Places that are gone are not asked again."""
        result = self.resolves(1, 2, p1=[GONE], p2=[STILL_RUNNING, FORGOTTEN])
        self.assertEqual((result.outcome, result.is_final), (UNKNOWN, True))
        self.assertEqual(self.ports(), [1, 2, 2])
        self.takes(PAUSE_S)

    def test_that_it_ran_is_told_at_once(self) -> None:
        """More can nobody tell: the proxy asked the server itself."""
        result = self.resolves(1, 2, p1=[RAN], p2=[None])
        self.assertEqual((result.outcome, result.ran), (UNKNOWN, True))
        self.assertEqual(self.ports(), [1])

    def test_it_ends_at_the_deadline(self) -> None:
        """Also in a pause. A silent place gets all the time that is left, if it is the only one."""
        for within_s in (0.05, 0.25, 5.0):
            words: list[Says | None] = [STILL_RUNNING, LOST, None]
            for script in ([word] for word in words):
                result = self.resolves(1, within_s=within_s, p1=script)
                self.assertEqual((result.outcome, result.is_final), (UNKNOWN, False))
                self.takes(within_s)
                self.resolves(1, 2, within_s=within_s, p1=script, p2=[None])
                self.takes(within_s)

    def test_slow_places_are_asked_in_turn(self) -> None:
        """Each answer takes a while: none of them uses up the time of the other."""
        self.network._takes_s = 0.4
        self.resolves(1, 2, within_s=2.0, p1=[STILL_RUNNING], p2=[STILL_RUNNING])
        self.assertEqual(self.ports(), [1, 2, 1, 2, 1, 2])

    def test_without_time_each_place_is_asked_once(self) -> None:
        self.resolves(1, 2, within_s=0.0, p1=[STILL_RUNNING], p2=[STILL_RUNNING])
        self.assertEqual(self.ports(), [1, 2])
        result = self.resolves(1, within_s=-1.0, p1=[VALUE])
        self.assertIs(result.outcome, ANSWERED)

    def test_without_a_place_nobody_can_know(self) -> None:
        result = self.resolves()
        self.assertEqual((result.outcome, result.is_final), (UNKNOWN, True))
        self.takes(0.0)


if __name__ == "__main__":
    unittest.main()
