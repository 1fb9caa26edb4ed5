"""What a call raises, and how an unknown outcome is resolved."""

from __future__ import annotations

import copy
import unittest
from typing import Any, Callable
from xmlrpc.client import Fault

from ponte.calls.errors import CallError, NotSent, OutcomeUnknown, Trace
from ponte.calls.session import Session
from tests.fakes import endpoint


class Texts(unittest.TestCase):
    """str() of an error tells each attempt."""

    ATTEMPTS = (Trace(endpoint("a"), "reply: timed out", 0.25),
                Trace(endpoint("b", port=4243), "connect: refused", 0.001))

    def test_each_attempt_is_told(self) -> None:
        for error, meaning in ((NotSent("bank.deposit", self.ATTEMPTS), "not executed"),
                               (OutcomeUnknown("bank.deposit", self.ATTEMPTS),
                                "outcome unknown, it may have run")):
            self.assertIsInstance(error, CallError)
            self.assertEqual(error.attempts, self.ATTEMPTS)
            self.assertEqual(str(error), f"bank.deposit: {meaning}: "
                             "1. a at 127.0.0.1:4242: reply: timed out (250.0 ms); "
                             "2. b at 127.0.0.1:4243: connect: refused (1.0 ms)")

    def test_without_an_attempt_the_reason_is_told(self) -> None:
        self.assertEqual(str(NotSent("bank.deposit", (), "no live server")),
                         "bank.deposit: not executed: no live server")

    def test_that_it_ran_is_told(self) -> None:
        """Then it does not say that it may have run. A copy says the same."""
        error = OutcomeUnknown("bank.deposit", self.ATTEMPTS, ran=True)
        self.assertIn("it has run, and nobody has its reply: 1. a at", str(error))
        self.assertNotIn("may have run", str(error))
        copied = copy.copy(error)
        self.assertEqual((str(copied), copied.ran), (str(error), True))


class Resolve(unittest.TestCase):
    """An error of a call with a number, and what its `ask` finds out."""

    def setUp(self) -> None:
        self.session = Session("9f86d081884c7d65")
        # How long each question could take.
        self.asked: list[float] = []
        # What the next questions find out: what to do from then on, or an error.
        self.finds: list[Callable[[], Any] | Exception] = []

    def unknown(self) -> OutcomeUnknown:
        """The error of a call with the number 1."""
        number = self.session.take()

        def ask(timeout_s: float) -> Callable[[], Any]:
            self.asked.append(timeout_s)
            self.assertEqual(str(number), "1-1")
            found = self.finds.pop(0)
            if isinstance(found, Exception):
                raise found
            return found
        return OutcomeUnknown("bank.deposit", (), ask=ask)

    def is_open(self) -> bool:
        """Whether somebody may still ask what came of the number."""
        return self.session.oldest == 1

    @staticmethod
    def raises(error: Exception) -> Callable[[], Any]:
        """What to do where the call has no value."""
        def known() -> Any:
            raise error
        return known

    def test_the_value_is_known_from_then_on(self) -> None:
        """Nobody is asked again, and the number is released: the far end may forget it."""
        error = self.unknown()
        self.finds = [lambda: "a value"]
        self.assertTrue(self.is_open())
        self.assertEqual(error.resolve(2.5), "a value")
        self.assertFalse(self.is_open())
        self.assertEqual(error.resolve(), "a value")
        self.assertEqual(self.asked, [2.5])

    def test_so_are_a_fault_and_that_it_never_runs(self) -> None:
        for known, kind in ((Fault(1, "no such account"), Fault),
                            (NotSent("bank.deposit", (), "it never will"), NotSent)):
            self.setUp()
            error = self.unknown()
            self.finds = [self.raises(known)]
            for _ in range(2):
                with self.assertRaises(kind) as caught:
                    error.resolve()
                self.assertIs(caught.exception, known)
            self.assertFalse(self.is_open())
            self.assertEqual(len(self.asked), 1)

    def test_what_is_still_unknown_may_be_asked_again(self) -> None:
        """By the same error: the number stays open."""
        error = self.unknown()
        self.finds = [OutcomeUnknown("bank.deposit", (), "out of reach"), lambda: "a value"]
        with self.assertRaises(OutcomeUnknown):
            error.resolve()
        self.assertTrue(self.is_open())
        self.assertEqual(error.resolve(), "a value")
        self.assertFalse(self.is_open())

    def test_an_interrupted_question_changes_nothing(self) -> None:
        """As by Ctrl-C."""
        error = self.unknown()
        self.finds = [InterruptedError(), lambda: "a value"]
        with self.assertRaises(InterruptedError):
            error.resolve()
        self.assertTrue(self.is_open())
        self.assertEqual(error.resolve(), "a value")

    def test_the_number_is_open_as_long_as_the_error_lives(self) -> None:
        error = self.unknown()
        self.assertTrue(self.is_open())
        del error
        self.assertFalse(self.is_open())

    def test_without_a_number_nobody_can_be_asked(self) -> None:
        """It says so at once. Whether it ran is not forgotten."""
        for ran in (True, False):
            error = OutcomeUnknown("bank.balance", (), ran=ran)
            for _ in range(2):
                with self.assertRaises(OutcomeUnknown) as caught:
                    error.resolve()
                self.assertIn("without a number", str(caught.exception))
                self.assertIs(caught.exception.ran, ran)

    def test_two_threads_may_ask_at_the_same_time(self) -> None:
        """The other one finds it out just after this one saw that nothing is known."""
        others = [lambda: "a value"]

        class Raced(OutcomeUnknown):
            """At the first look at what is known, the other thread comes to its end."""

            def __getattribute__(self, name: str) -> Any:
                seen = object.__getattribute__(self, name)
                if name == "_known" and others:
                    self._known, self._ask = others.pop(), None
                return seen

        error = Raced("bank.deposit", (), ask=lambda timeout_s: lambda: "a value")
        self.assertEqual(error.resolve(), "a value")
        self.assertEqual(error.resolve(), "a value")


if __name__ == "__main__":
    unittest.main()
