"""The command line of the client: arguments, output, and exit codes."""

from __future__ import annotations

import contextlib
import io
import time
import unittest
from typing import Any, Callable, ClassVar, NamedTuple
from unittest import mock
from xmlrpc.client import Fault

import client as client_module
from client import NotSent, OutcomeUnknown, Trace, main
from tests.fakes import endpoint

S1 = endpoint("s1")


class FakeClient:
    """A client whose calls come to what the test says."""

    outcome: Any = None
    calls: ClassVar[list[tuple[Any, ...]]] = []

    def __init__(self, service: str, *, registries: Any, on_attempt: Callable[[Trace], None],
                 tls: object = None) -> None:
        self._service, self._on_attempt = service, on_attempt

    def __enter__(self) -> FakeClient:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def call(self, method: str, *params: Any, timeout_s: float) -> Any:
        self.calls.append((self._service, method, *params))
        self._on_attempt(Trace(S1, "answered", 0.001))
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


class Ran(NamedTuple):
    """What a run of the command left: the exit code, standard output and standard error."""

    code: int | None
    out: str
    err: str


class CommandLine(unittest.TestCase):
    """python client.py SERVICE METHOD PARAMS..."""

    def setUp(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.pauses: list[float] = []
        for patch in (mock.patch.object(client_module, "Client", FakeClient),
                      mock.patch.object(FakeClient, "calls", self.calls),
                      mock.patch.object(client_module, "start_logging"),
                      mock.patch.object(time, "sleep", self.pauses.append)):
            patch.start()
            self.addCleanup(patch.stop)

    def runs(self, *arguments: str, outcome: Any = "World") -> Ran:
        """The command with these arguments; `outcome` is what its calls return or raise."""
        out, err = io.StringIO(), io.StringIO()
        with mock.patch.object(FakeClient, "outcome", outcome), \
                contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code: Any = main(arguments)
            except SystemExit as end:
                code = end.code
        return Ran(code, out.getvalue(), err.getvalue())

    def test_a_value_is_printed(self) -> None:
        """Nothing else is; exit code 0."""
        self.assertEqual(self.runs("greeter", "hello", "Hello"), (0, "World\n", ""))

    def fails(self, outcome: Exception, code: int, text: str) -> None:
        """A call that raises this ends with a code, and one line with this text."""
        with self.subTest(code=code):
            ran = self.runs("greeter", "hello", outcome=outcome)
            self.assertEqual(ran.code, code)
            self.assertEqual(ran.out, "")
            self.assertEqual(ran.err.count("\n"), 1)
            self.assertIn(text, ran.err)

    def test_every_ending_has_its_code_and_one_line(self) -> None:
        """3 a fault, 4 not executed, 5 outcome unknown, 2 wrong arguments."""
        self.fails(Fault(-32601, "no method"), 3, "client: fault -32601: no method")
        self.fails(Fault(1, "no\nclient: \x1b[31mworse"), 3, r"no\nclient: \x1b[31mworse")
        self.fails(NotSent("greeter.hello", [], "two\nlines"), 4, r"not executed: two\nlines")
        self.fails(NotSent("greeter.hello", [], "nobody"), 4, "not executed: nobody")
        self.fails(OutcomeUnknown("greeter.hello", [Trace(S1, "lost", 1.0)]), 5, "it may have run")
        self.fails(OverflowError("int exceeds XML-RPC limits"), 2, "XML-RPC cannot carry")

    def resolves(self, outcome: Any, code: int, out: str, err: str) -> None:
        """A call ends unknown. The question what came of it returns or raises `outcome`."""
        asked: list[float] = []

        def tell() -> Any:
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        def ask(timeout_s: float) -> Callable[[], Any]:
            asked.append(timeout_s)
            return tell

        with self.subTest(outcome):
            error = OutcomeUnknown("bank.deposit", [Trace(S1, "lost", 1.0)], ask=ask)
            ran = self.runs("bank", "deposit", "--resolve", "2.5", outcome=error)
            self.assertEqual((ran.code, ran.out), (code, out))
            self.assertEqual(asked, [2.5])
            first, *more = ran.err.splitlines()
            self.assertIn("it may have run: 1. s1 at", first)
            self.assertEqual(len(more), bool(err))
            self.assertIn(err, "".join(more))

    def test_resolve_asks_what_came_of_an_unknown_outcome(self) -> None:
        """For so many seconds. Then it ends as the call would have ended."""
        self.resolves(700, 0, "700\n", "")
        self.resolves(Fault(-32500, "no"), 3, "", "client: fault -32500: no")
        self.resolves(NotSent("bank.deposit", [], "it never will run"), 4, "", "never will run")
        self.resolves(OutcomeUnknown("bank.deposit", [], "it is gone"), 5, "", "it is gone")

    def test_resolve_changes_nothing_for_a_known_outcome(self) -> None:
        self.assertEqual(self.runs("bank", "deposit", "--resolve", "1"), (0, "World\n", ""))

    def test_without_resolve_nobody_is_asked(self) -> None:
        ask = mock.Mock(side_effect=AssertionError)
        error = OutcomeUnknown("bank.deposit", [], "lost", ask=ask)
        self.assertEqual(self.runs("bank", "deposit", outcome=error).code, 5)

    def means(self, argument: str, value: Any) -> None:
        """On the command line this argument is this value."""
        self.calls.clear()
        self.runs("greeter", "hello", "first", argument)
        self.assertEqual(self.calls, [("greeter", "hello", "first", value)])

    def test_an_argument_is_json_where_it_parses_and_else_text(self) -> None:
        """Quotes make a text of what looks like a number."""
        self.means("Hello", "Hello")
        self.means("42", 42)
        self.means('"42"', "42")
        self.means("true", True)
        self.means("null", None)
        self.means("[1, {\"a\": 2}]", [1, {"a": 2}])
        self.means("1.5", 1.5)
        self.means("[1", "[1")
        self.means("-7", -7)

    def test_json_that_is_too_deep_is_text(self) -> None:
        """There is no traceback."""
        self.means("[" * 100_000, "[" * 100_000)

    def test_several_arguments_keep_their_order(self) -> None:
        self.runs("greeter", "hello", "Hello", "42", "-7")
        self.assertEqual(self.calls, [("greeter", "hello", "Hello", 42, -7)])

    def test_the_timeout_is_for_the_whole_call(self) -> None:
        """Five seconds by default."""
        with mock.patch.object(FakeClient, "call", return_value=1) as call:
            self.runs("greeter", "hello")
            self.runs("greeter", "hello", "--timeout", "0.5")
        self.assertEqual([each.kwargs["timeout_s"] for each in call.call_args_list], [5.0, 0.5])

    def test_repeat_and_every(self) -> None:
        """N calls, with a pause between them and none after the last."""
        ran = self.runs("greeter", "hello", "--repeat", "3", "--every", "0.5")
        self.assertEqual(ran.code, 0)
        self.assertEqual(ran.out, "World\n" * 3)
        self.assertEqual(self.pauses, [0.5, 0.5])

    def test_a_negative_number_of_calls_is_refused(self) -> None:
        """0 means: until Ctrl-C. Less than that means nothing."""
        with mock.patch.object(time, "sleep", side_effect=AssertionError("it does not end")):
            try:
                ran = self.runs("greeter", "hello", "--repeat", "-1")
            except AssertionError as error:
                self.fail(str(error))
        self.assertEqual(ran.code, 2)
        self.assertIn("--repeat", ran.err)

    def test_the_exit_code_shows_that_one_of_many_calls_has_failed(self) -> None:
        """Also if the last call went well."""
        outcomes = iter([Fault(1, "no"), "World"])

        def call(self: FakeClient, method: str, *params: Any, timeout_s: float) -> Any:
            outcome = next(outcomes)
            if isinstance(outcome, Fault):
                raise outcome
            return outcome

        with mock.patch.object(FakeClient, "call", call):
            self.assertEqual(self.runs("greeter", "hello", "--repeat", "2").code, 3)

    def test_trace_shows_every_attempt(self) -> None:
        """On standard error: the value stays alone on standard output."""
        ran = self.runs("greeter", "hello", "--trace")
        self.assertEqual(ran.out, "World\n")
        self.assertEqual(ran.err, "  attempt: s1 at 127.0.0.1:4242: answered (1.0 ms)\n")

    def is_wrong_usage(self, *arguments: str) -> None:
        with self.subTest(arguments):
            ran = self.runs(*arguments)
            self.assertEqual(ran.code, 2)
            self.assertRegex(ran.err, r"^[^\n]*\(--help shows all options\)\n$")
            self.assertNotIn("Traceback", ran.err)

    def test_wrong_usage_is_exit_code_2(self) -> None:
        """Too few arguments, a time of 0, or what is no address."""
        self.is_wrong_usage("greeter")
        self.is_wrong_usage("greeter", "hello", "--timeout", "0")
        self.is_wrong_usage("greeter", "hello", "--resolve", "0")
        self.is_wrong_usage("greeter", "hello", "--registry", "x")


if __name__ == "__main__":
    unittest.main()
