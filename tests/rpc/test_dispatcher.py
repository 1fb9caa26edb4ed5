"""Dispatching: which function runs, which fault tells what, and that `dispatch` never raises."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import io
import json
import logging
import os
import unittest
from collections.abc import AsyncIterator, Iterator
from typing import Any, Callable
from unittest import mock
from xmlrpc.client import Fault

from ponte.rpc.dispatcher import (
    INTROSPECTION,
    LONG_BYTES,
    MULTICALL,
    Dispatcher,
    NotIdempotent,
    idempotent,
)
from ponte.rpc.marshal import (
    APPLICATION_ERROR,
    INVALID_PARAMETERS,
    MAX_FAULT_CHARS,
    METHOD_NOT_FOUND,
    NOT_WELL_FORMED,
    NOT_XML_RPC,
    decode_result,
    encode_call,
    encode_fault,
)
from tests.rpc.documents import call_with, code_of, fault_of

FILE = os.path.basename(__file__)


class Unspeakable(Exception):
    """An exception that cannot even be shown."""

    def __str__(self) -> str:
        raise SystemExit("no words")


class Borrowed:
    """Says that it is of another class, as lazy objects do; unbound, it raises."""

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        raise RuntimeError("unbound")


class Lazy(list[Any]):
    """A list that cannot be read to its end."""

    def __iter__(self) -> Iterator[Any]:
        raise RuntimeError("closed")


class LazyPair(tuple):  # type: ignore[type-arg]
    def __iter__(self) -> Iterator[Any]:
        raise SystemExit(1)


class LazyDict(dict[Any, Any]):
    def values(self) -> Any:
        raise RuntimeError("closed")


class Interrupting(type):
    """The class of a class that even its name cannot be learned from."""

    @property
    def __name__(cls) -> str:  # type: ignore[override]
        raise KeyboardInterrupt


class Nameless(metaclass=Interrupting):
    pass


class Bare(Fault):
    """A fault without a code and a text."""

    def __init__(self) -> None:
        Exception.__init__(self)


STRANGE: tuple[Any, ...] = (
    mock.Mock(spec=dict), mock.Mock(spec=list), mock.Mock(spec=tuple), mock.MagicMock(spec=str),
    mock.NonCallableMock(spec=ValueError), Borrowed(), Lazy([1]), LazyPair((1,)), LazyDict(a=1),
    Nameless())


def divide(dividend: int, divisor: int = 1) -> float:
    """Divides."""
    return dividend / divisor


def raise_this(error: BaseException) -> Callable[[], None]:
    def fail() -> None:
        raise error
    return fail


class Dispatching(unittest.TestCase):
    """From the bytes of a call to the bytes of its reply; never an exception."""

    def setUp(self) -> None:
        self.ran: list[tuple[Any, ...]] = []
        self.dispatcher = Dispatcher([self.echo, divide])
        self.dispatcher.register(lambda first, *rest: len(rest), "rest")

    def echo(self, value: Any) -> Any:
        self.ran.append((value,))
        return value

    def call(self, method: str, *params: Any) -> Any:
        return decode_result(self.dispatcher.dispatch(encode_call(method, params)))

    def test_a_call_runs_its_function_and_returns_its_value(self) -> None:
        """Also with defaults, and with any number of parameters."""
        self.assertEqual(self.call("echo", {"a": None}), {"a": None})
        self.assertEqual(self.call("divide", 6, 4), 1.5)
        self.assertEqual(self.call("divide", 6), 6.0)
        self.assertEqual(self.call("rest", 1, 2, 3), 2)

    def test_each_failure_has_its_code(self) -> None:
        """The codes of the fault code interoperability specification."""
        for name, body, code in (
                ("unknown", encode_call("nothing", ()), METHOD_NOT_FOUND),
                ("private", encode_call("_private", ()), METHOD_NOT_FOUND),
                ("dotted", encode_call("echo.__class__", ()), METHOD_NOT_FOUND),
                ("multicall", encode_call("system.multicall", ([],)), METHOD_NOT_FOUND),
                ("too few", encode_call("divide", ()), INVALID_PARAMETERS),
                ("too many", encode_call("divide", (1, 2, 3)), INVALID_PARAMETERS),
                ("too few for the rest", encode_call("rest", ()), INVALID_PARAMETERS),
                ("raises", encode_call("divide", (1, 0)), APPLICATION_ERROR),
                ("garbage", b"garbage", NOT_WELL_FORMED)):
            with self.subTest(name):
                self.assertEqual(fault_of(self.dispatcher.dispatch(body)).faultCode, code)

    def test_wrong_arguments_do_not_run_the_function(self) -> None:
        """Their number is checked first: a TypeError of the function itself is not a wrong call."""
        with self.assertRaises(Fault):
            self.call("echo")
        self.assertEqual(self.ran, [])
        self.dispatcher.register(lambda: len(1), "inner")  # type: ignore[arg-type]
        self.assertEqual(code_of(self.call, "inner"), APPLICATION_ERROR)

    def test_the_caller_gets_type_and_message_without_a_traceback(self) -> None:
        """Nothing of the server's files is in a fault."""
        fault = fault_of(self.dispatcher.dispatch(encode_call("divide", (1, 0))))
        self.assertEqual(fault.faultString, "ZeroDivisionError: division by zero")

    def test_a_fault_of_the_function_goes_through(self) -> None:
        """The function's author chose the code."""
        self.dispatcher.register(raise_this(Fault(42, "mine")), "fail")
        fault = fault_of(self.dispatcher.dispatch(encode_call("fail", ())))
        self.assertEqual((fault.faultCode, fault.faultString), (42, "mine"))

    def test_a_fault_is_short_however_long_the_call_that_it_quotes(self) -> None:
        """A reply longer than MAX_BODY_BYTES would be refused on its way: the caller would get an
        unknown outcome for a call that never ran.
        """
        long_value = call_with(f"<double>{chr(0x85) * 100_000}</double>")
        long_name = encode_call("x" * 100_000, ())
        for name, body in (("a value", long_value), ("a name", long_name)):
            with self.subTest(name):
                self.assertLess(len(Dispatcher().dispatch(body)), 2 * MAX_FAULT_CHARS)

    def test_a_result_that_cannot_be_carried_says_that_the_function_did_run(self) -> None:
        """The caller must not take this fault for "not executed"."""
        deep: list[Any] = []
        for _ in range(50_000):
            deep = [deep]
        for name, value in (("too big", 2 ** 70),
                            ("a set", {1}),
                            ("text that XML forbids", "\0"),
                            ("too deep", deep)):
            with self.subTest(name):
                self.dispatcher.register(lambda value=value: value, "result")
                fault = fault_of(self.dispatcher.dispatch(encode_call("result", ())))
                self.assertEqual(fault.faultCode, APPLICATION_ERROR)
                self.assertIn("did run", fault.faultString)

    def test_a_result_of_any_class_says_that_the_function_did_run(self) -> None:
        """Also one that lies about its class, or that raises where it is looked at; however deep,
        and in a multicall the other results arrive.
        """
        self.dispatcher.allow_multicall()
        for value in STRANGE:
            for result in (value, [value], {"a": (1, value)}):
                with self.subTest(object.__repr__(value)):
                    self.dispatcher.register(lambda result=result: result, "result")
                    fault = fault_of(self.dispatcher.dispatch(encode_call("result", ())))
                    self.assertEqual(fault.faultCode, APPLICATION_ERROR)
                    self.assertIn("result did run", fault.faultString)
                    first, second = self.call(MULTICALL, [
                        {"methodName": "echo", "params": [7]},
                        {"methodName": "result", "params": []}])
                    self.assertEqual(first, [7])
                    self.assertIn("result did run", second["faultString"])

    def test_nothing_makes_it_raise(self) -> None:
        """`dispatch` makes a fault of whatever a function or a caller does."""
        loop: list[Any] = []
        loop.append(loop)
        functions: dict[str, Callable[[], object]] = {
            "exits": raise_this(SystemExit(1)),
            "cannot be shown": raise_this(Unspeakable()),
            "fault with a huge code": raise_this(Fault(2 ** 70, "x")),
            "fault without a text": raise_this(Fault(1, None)),  # type: ignore[arg-type]
            "fault without a number": raise_this(Fault({1}, "x")),  # type: ignore[arg-type]
            "fault whose text cannot be shown":
                raise_this(Fault(1, Unspeakable())),  # type: ignore[arg-type]
            "fault without anything": raise_this(Bare()),
            "text that XML forbids": raise_this(ValueError("\0\ud800")),
            "endless": lambda: loop,
            "recursion": raise_this(RecursionError())}
        for name, function in functions.items():
            with self.subTest(name):
                self.dispatcher.register(function, "fail")
                try:
                    body = self.dispatcher.dispatch(encode_call("fail", ()))
                except BaseException as error:
                    raise AssertionError(f"dispatch raised {type(error).__name__}") from None
                fault_of(body)

    def test_a_fault_document_in_the_place_of_a_call_does_no_harm(self) -> None:
        """A <methodResponse> with a malformed fault, sent as a call, is answered with -32600."""
        body = encode_fault(Fault(1, "text")).replace(b"<string>text</string>", b"<int>1</int>")
        try:
            reply = self.dispatcher.dispatch(body)
        except Exception as error:
            raise AssertionError(f"dispatch raised {error!r}") from None
        self.assertEqual(fault_of(reply).faultCode, NOT_XML_RPC)

    def test_fifty_thousand_levels_are_not_well_formed(self) -> None:
        """Fault -32700, and no function runs: it could not even walk through such a value."""
        deep = call_with("<array><data><value>" * 50_000 + "</value></data></array>" * 50_000)
        self.assertEqual(fault_of(self.dispatcher.dispatch(deep)).faultCode, NOT_WELL_FORMED)
        self.assertEqual(self.ran, [])

    def test_private_names_cannot_be_registered(self) -> None:
        """A name that begins with an underscore is never served."""
        with self.assertRaises(ValueError):
            self.dispatcher.register(divide, "_divide")

    def test_a_function_with_a_required_keyword_cannot_be_registered(self) -> None:
        """XML-RPC has no keywords. A ValueError at the start is better than faults later."""
        def needs(*, keyword: int) -> int:
            return keyword
        with self.assertRaises(ValueError):
            self.dispatcher.register(needs)

    def test_no_part_of_a_name_is_private_or_empty(self) -> None:
        """Nor does XML carry white space or markup in it."""
        for name in ("_a.b", "a._b", "a.__class__", "", ".", "a.", ".a", "a..b", "a b", "a<b",
                     "a\n", 7):
            with self.subTest(name), self.assertRaisesRegex(ValueError, "cannot be called"):
                self.dispatcher.register(divide, name)  # type: ignore[arg-type]

    def test_what_is_no_function_is_refused_in_one_line(self) -> None:
        """Also what has no name, such as a partial or a lambda, where none is given."""
        for wrong, words in ((7, "no function"), ("divide", "no function"), (None, "no function"),
                             (functools.partial(divide, 1), "partial has no name"),
                             (lambda: 1, "name=")):
            with self.subTest(wrong), self.assertRaisesRegex(ValueError, words) as raised:
                self.dispatcher.register(wrong)  # type: ignore[arg-type]
            self.assertEqual(len(str(raised.exception).splitlines()), 1)
        for functions in (divide, "divide", 7):
            with self.subTest(functions), self.assertRaisesRegex(ValueError, "list of functions"):
                Dispatcher(functions)  # type: ignore[arg-type]

    def test_only_marked_functions_are_idempotent(self) -> None:
        """Without a mark a function is not idempotent: nothing guesses."""
        dispatcher = Dispatcher({"b": idempotent(lambda: 1), "a": idempotent(lambda: 1),
                                 "c": divide})
        self.assertEqual(dispatcher.idempotent, ("a", "b"))


async def pay() -> int:
    return 7


def rows() -> Iterator[int]:
    yield 7


async def ticks() -> AsyncIterator[int]:
    yield 7


class Unrun(unittest.TestCase):
    """What would be told that it did run, and did not: async functions and generators."""

    def test_they_are_refused_with_a_word_on_what_to_do(self) -> None:
        for function, words in ((pay, "pay is an async function: .*asyncio.run"),
                                (rows, "rows is a generator: .*returns a list"),
                                (ticks, "ticks is an async generator: .*list")):
            with self.assertRaisesRegex(ValueError, words):
                Dispatcher([function])

    def fails(self, result: Callable[[], Any], kind: str) -> None:
        """A function whose result is of this kind makes a fault that does not say "did run"."""
        def work() -> Any:
            return result()
        dispatcher = Dispatcher([work], multicall=True)
        with self.assertLogs("ponte.rpc", logging.ERROR):
            fault = fault_of(dispatcher.dispatch(encode_call("work", ())))
            [inner] = decode_result(dispatcher.dispatch(encode_call(
                MULTICALL, ([{"methodName": "work", "params": []}],))))
        self.assertEqual(fault.faultCode, APPLICATION_ERROR)
        for text in (fault.faultString, inner["faultString"]):
            self.assertIn(f"returned {kind}, the body of which did NOT run", text)
            self.assertNotIn("did run", text)

    def test_what_comes_back_unrun_is_closed(self) -> None:
        """No warning says later that a coroutine was never awaited."""
        self.fails(pay, "a coroutine")
        self.fails(rows, "a generator")
        self.fails(ticks, "an async generator")
        self.fails(lambda: [pay()], "a coroutine")
        self.fails(lambda: Lazy([pay()]), "a coroutine")
        self.fails(lambda: LazyPair([pay()]), "a coroutine")
        self.fails(lambda: LazyDict(a=pay()), "a coroutine")
        generator = rows()
        self.fails(lambda: generator, "a generator")
        self.assertEqual(list(generator), [])

    def test_a_generator_that_does_not_close_harms_nobody(self) -> None:
        def stubborn() -> Iterator[int]:
            with contextlib.suppress(GeneratorExit):
                yield 1
            yield 2
        begun = stubborn()
        next(begun)
        self.fails(lambda: begun, "a generator")

    def test_a_plain_function_may_run_them(self) -> None:
        dispatcher = Dispatcher({"pay": lambda: asyncio.run(pay()), "rows": lambda: list(rows())})
        for name, value in (("pay", 7), ("rows", [7])):
            self.assertEqual(decode_result(dispatcher.dispatch(encode_call(name, ()))), value)


class Promised(unittest.TestCase):
    """A caller takes a function for idempotent: it runs only if its author has marked it so."""

    def setUp(self) -> None:
        self.ran: list[tuple[Any, ...]] = []

        @idempotent
        def marked(*params: Any) -> int:
            self.ran.append(params)
            return 7

        def unmarked(*params: Any) -> int:
            self.ran.append(params)
            return 8
        self.dispatcher = Dispatcher([marked, unmarked], multicall=True)

    def calls(self, method: str, *params: Any) -> Any:
        """The value that the caller gets; by both ways into the dispatcher it is the same."""
        body = encode_call(method, params)
        _, _, run = self.dispatcher.prepare(body, promised=True)
        value = decode_result(run())
        self.assertEqual(decode_result(self.dispatcher.dispatch(body, promised=True)), value)
        return value

    def refuses(self, method: str, *params: Any) -> None:
        """By both ways into the dispatcher, and nothing runs."""
        body = encode_call(method, params)
        for attempt in (self.dispatcher.prepare, self.dispatcher.dispatch):
            with self.subTest(attempt), self.assertRaises(NotIdempotent) as caught:
                attempt(body, promised=True)
            self.assertEqual(caught.exception.name, method)
        self.assertEqual(self.ran, [])

    def test_a_marked_function_runs(self) -> None:
        self.assertEqual(self.calls("marked", 1), 7)
        self.assertEqual(self.ran, [(1,), (1,)])

    def test_an_unmarked_function_does_not_run(self) -> None:
        """It is refused before any thread gets it. Its caller may believe an earlier version."""
        self.refuses("unmarked")
        self.refuses("unmarked", 1)

    def test_without_the_promise_any_function_runs(self) -> None:
        for method, value in (("marked", 7), ("unmarked", 8)):
            body = encode_call(method, ())
            self.assertEqual(decode_result(self.dispatcher.prepare(body)[2]()), value)
            self.assertEqual(decode_result(self.dispatcher.dispatch(body)), value)

    def test_a_long_call_is_judged_where_it_is_read(self) -> None:
        """By the function that `prepare` returns, on its thread; and nothing runs there."""
        long_text = "x" * LONG_BYTES
        for method in ("marked", "unmarked"):
            name, _, run = self.dispatcher.prepare(encode_call(method, (long_text,)), promised=True)
            self.assertEqual(name, "")
            if method == "marked":
                self.assertEqual(decode_result(run()), 7)
            else:
                self.assertRaises(NotIdempotent, run)
        self.assertEqual(self.ran, [(long_text,)])

    def test_the_longest_call_that_is_read_at_once_is_judged_at_once(self) -> None:
        spare = LONG_BYTES - len(encode_call("unmarked", ("",)))
        for more_bytes in (0, 1):
            body = encode_call("unmarked", ("x" * (spare + more_bytes),))
            self.assertEqual(len(body), LONG_BYTES + more_bytes)
            if more_bytes:
                self.assertRaises(NotIdempotent, self.dispatcher.prepare(body, promised=True)[2])
            else:
                self.assertRaises(NotIdempotent, self.dispatcher.prepare, body, promised=True)
        self.assertEqual(self.ran, [])

    def test_introspection_is_idempotent_at_every_server(self) -> None:
        """Four methods, and nothing else of system.*."""
        self.assertEqual(self.calls("system.methodHelp", "marked"), "")
        self.assertEqual(self.calls("system.methodSignature", "unmarked"), "undef")
        listed = self.calls("system.listMethods")
        self.assertEqual({name for name in listed if name.startswith("system.")},
                         INTROSPECTION | {MULTICALL})

    def test_a_multicall_does_not_run(self) -> None:
        """It runs what its caller wants, marked or not."""
        self.refuses(MULTICALL, [])
        self.refuses(MULTICALL, [{"methodName": "unmarked", "params": []}])
        self.refuses(MULTICALL, [{"methodName": "marked", "params": []}])

    def test_a_function_in_the_place_of_introspection_needs_the_mark(self) -> None:
        """Its name promises nothing."""
        for name in sorted(INTROSPECTION):
            with self.subTest(name):
                self.dispatcher.register(lambda: self.ran.append(()), name)
                self.refuses(name)
                self.dispatcher.register(idempotent(lambda: 9), name)
                self.assertEqual(self.calls(name), 9)

    def test_the_function_that_is_judged_is_the_one_that_runs(self) -> None:
        """Also if a second one is registered under its name between the two."""
        _, _, run = self.dispatcher.prepare(encode_call("marked", ()), promised=True)
        self.dispatcher.register(lambda: 9, "marked")
        self.assertEqual(decode_result(run()), 7)
        self.assertRaises(NotIdempotent, self.dispatcher.prepare, encode_call("marked", ()),
                          promised=True)

    def test_what_runs_nothing_is_a_fault_as_ever(self) -> None:
        """An unknown method, garbage, and a multicall where it is off."""
        self.dispatcher = Dispatcher()
        for body, code in ((encode_call("nothing", ()), METHOD_NOT_FOUND),
                           (encode_call(MULTICALL, ([],)), METHOD_NOT_FOUND),
                           (encode_call("nothing", ("x" * LONG_BYTES,)), METHOD_NOT_FOUND),
                           (b"garbage", NOT_WELL_FORMED)):
            name, _, run = self.dispatcher.prepare(body, promised=True)
            self.assertEqual((name, fault_of(run()).faultCode), ("", code))
            fault = fault_of(self.dispatcher.dispatch(body, promised=True))
            self.assertEqual(fault.faultCode, code)

    def test_wrong_parameters_are_refused_before_they_are_counted(self) -> None:
        """The caller's belief is wrong whatever it sends: it hears so the first time."""
        self.dispatcher.register(divide)
        self.refuses("divide")

    def test_a_function_that_raises_it_makes_a_fault(self) -> None:
        """It did run: its caller must not take that for a refusal."""
        self.dispatcher.register(idempotent(raise_this(NotIdempotent("buy"))), "fail")
        self.assertEqual(code_of(self.calls, "fail"), APPLICATION_ERROR)

    def test_the_published_list_is_without_introspection(self) -> None:
        """Beats are short, and callers know these three names."""
        self.assertEqual(self.dispatcher.idempotent, ("marked",))
        self.dispatcher.register(idempotent(lambda: 1), "system.listMethods")
        self.assertEqual(self.dispatcher.idempotent, ("marked",))

    def test_only_the_mark_counts_as_the_mark(self) -> None:
        """A stand-in for a remote function gives something for every name of an attribute."""
        class Remote:
            def __getattr__(self, name: str) -> Remote:
                if name.startswith("__"):
                    raise AttributeError(name)
                return Remote()

            def __call__(self) -> int:
                return 1
        self.dispatcher.register(Remote(), "remote")
        self.refuses("remote")
        self.assertEqual(self.dispatcher.idempotent, ("marked",))


# ---- functions that fail ------------------------------------------------------------------------

def parse(text: str) -> Any:
    """Fails in the standard library, which it calls."""
    return json.loads(text)


def buy() -> None:
    """Fails in a function that it calls, of the same file."""
    _take_last_boat()


def _take_last_boat() -> None:
    raise ValueError("no boat left")


def _decorated(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wraps a function as a decorator from a library does: with code of another file."""
    names: dict[str, Any] = {"function": function}
    exec(compile("def wrapper(*params):\n    return function(*params)\n", "/lib/deco.py", "exec"),
         names)
    wrapped: Callable[..., Any] = functools.wraps(function)(names["wrapper"])
    return wrapped


def last_line_of(function: Callable[..., Any]) -> int:
    """The number of a function's last line: the one that raises, in all of these."""
    lines, start = inspect.getsourcelines(function)
    return start + len(lines) - 1


class Failing:
    """Can be called, and is not a function."""

    def __call__(self) -> None:
        raise ValueError("called")


class Logging(unittest.TestCase):
    """The log of a server names the line that its author looks for. (The rest: test_raised.py.)"""

    def logged(self, function: Callable[..., Any], *params: Any) -> list[str]:
        """The lines that are logged while a function is called, which raises."""
        dispatcher = Dispatcher({"shop.buy": function})
        with self.assertLogs("ponte.rpc") as caught:
            fault_of(dispatcher.dispatch(encode_call("shop.buy", params)))
        [record] = caught.records
        self.assertEqual(record.levelno, logging.ERROR)
        return logging.Formatter().format(record).splitlines()

    def line(self, function: Callable[..., Any], *params: Any) -> str:
        """The first line that is logged."""
        return self.logged(function, *params)[0]

    def test_an_exception_is_logged_with_its_line(self) -> None:
        """Type, message, file and line, in one line of the log."""
        self.assertEqual(self.line(divide, 1, 0),
                         "shop.buy raised ZeroDivisionError: division by zero "
                         f"({FILE}, line {last_line_of(divide)})")

    def test_the_line_is_the_last_one_in_the_file_of_the_function(self) -> None:
        """Helpers in the same file belong to its author; the library that they call does not."""
        self.assertEqual(self.line(buy),
                         "shop.buy raised ValueError: no boat left "
                         f"({FILE}, line {last_line_of(_take_last_boat)})")
        self.assertRegex(self.line(parse, "{"),
                         r"^shop.buy raised JSONDecodeError: .* "
                         rf"\({FILE}, line {last_line_of(parse)}\)$")

    def test_a_decorator_from_another_file_does_not_hide_the_line(self) -> None:
        self.assertTrue(self.line(_decorated(buy)).endswith(
            f"({FILE}, line {last_line_of(_take_last_boat)})"))

    def test_an_object_that_can_be_called_has_its_line_too(self) -> None:
        self.assertTrue(self.line(Failing()).endswith(
            f"({FILE}, line {last_line_of(Failing.__call__)})"))

    def test_a_function_that_is_not_written_in_python_has_no_line(self) -> None:
        self.assertRegex(self.line(pow, 0, -1), "^shop.buy raised ZeroDivisionError: [^()]+$")

    def test_the_whole_traceback_follows(self) -> None:
        """It begins in the function: a student does not look for a mistake in the dispatcher."""
        lines = self.logged(buy)
        self.assertEqual(lines[1], "  Traceback (most recent call last):")
        self.assertRegex(lines[2], rf'^    File ".*{FILE}", line {last_line_of(buy)}, in buy$')
        self.assertEqual(lines[3], "      _take_last_boat()")
        self.assertRegex(lines[4], "line [0-9]+, in _take_last_boat$")
        self.assertEqual(lines[-1], "  ValueError: no boat left")

    def test_a_result_that_cannot_be_carried_is_logged(self) -> None:
        """Its author did not intend that."""
        [line] = self.logged(lambda: {1})
        self.assertRegex(line, "^shop.buy did run, but XML-RPC cannot carry its result: TypeError")

    def test_it_is_seen_where_nobody_has_set_up_a_log(self) -> None:
        """As a library: the last resort of `logging` shows warnings and errors."""
        self.assertGreaterEqual(logging.ERROR, logging.lastResort.level)  # type: ignore[union-attr]
        with mock.patch("sys.stderr", io.StringIO()) as shown, \
                mock.patch.object(logging.getLogger("ponte.rpc"), "handlers", []), \
                mock.patch.object(logging.getLogger(), "handlers", []):
            Dispatcher([buy]).dispatch(encode_call("buy", ()))
        self.assertIn(f"({FILE}, line {last_line_of(_take_last_boat)})", shown.getvalue())
        self.assertIn("Traceback", shown.getvalue())

    def test_a_fault_that_the_function_chose_is_not_logged(self) -> None:
        """It is an answer that its author intended, not an error of the server."""
        dispatcher = Dispatcher({"fail": raise_this(Fault(42, "mine"))})
        with self.assertLogs("ponte.rpc") as caught:
            dispatcher.dispatch(encode_call("fail", ()))
            logging.getLogger("ponte.rpc").info("the end")
        self.assertEqual([record.getMessage() for record in caught.records], ["the end"])


class Introspection(unittest.TestCase):
    """system.listMethods, system.methodHelp and system.methodSignature."""

    def setUp(self) -> None:
        def typed(a: int, b: str, c: bool, d: float, e: bytes) -> None:
            pass

        def nested(d: dict) -> list:  # type: ignore[type-arg]
            return list(d)
        self.dispatcher = Dispatcher([divide, typed, nested])
        self.dispatcher.register(lambda x: x, "bare")

    def call(self, method: str, *params: Any) -> Any:
        return decode_result(self.dispatcher.dispatch(encode_call(method, params)))

    def test_methods_are_listed(self) -> None:
        """All of them, sorted, with those of the system."""
        self.assertEqual(self.call("system.listMethods"),
                         ["bare", "divide", "nested", "system.getCapabilities",
                          "system.listMethods", "system.methodHelp", "system.methodSignature",
                          "typed"])

    def test_help_is_the_docstring(self) -> None:
        """An empty string where there is none."""
        self.assertEqual(self.call("system.methodHelp", "divide"), "Divides.")
        self.assertEqual(self.call("system.methodHelp", "bare"), "")

    def test_signatures_are_those_of_the_annotations(self) -> None:
        """In XML-RPC's words, the result first; "undef" where an annotation is missing."""
        for method, signature in (
                ("typed", [["nil", "int", "string", "boolean", "double", "base64"]]),
                ("nested", [["array", "struct"]]),
                ("divide", [["double", "int"], ["double", "int", "int"]]),
                ("bare", "undef")):
            self.assertEqual(self.call("system.methodSignature", method), signature)

    def test_dotted_names_have_help_and_a_signature(self) -> None:
        """They are names like all others: nothing is looked up in an object."""
        self.dispatcher.register(divide, "math.divide")
        self.assertIn("math.divide", self.call("system.listMethods"))
        self.assertEqual(self.call("system.methodHelp", "math.divide"), "Divides.")
        self.assertEqual(self.call("system.methodSignature", "math.divide"),
                         [["double", "int"], ["double", "int", "int"]])
        self.assertEqual(self.call("math.divide", 6, 4), 1.5)
        self.assertEqual(code_of(self.call, "math.divide.real", 6, 4), METHOD_NOT_FOUND)

    def test_capabilities_are_what_is_really_done(self) -> None:
        """By the address of a specification, and its version; multicall only where it is on."""
        told = self.call("system.getCapabilities")
        self.assertEqual(told["faults_interop"], {
            "specUrl": "http://xmlrpc-epi.sourceforge.net/specs/rfc.fault_codes.php",
            "specVersion": 20010516})
        self.assertEqual(set(told), {"xmlrpc", "introspection", "faults_interop", "nil"})
        self.dispatcher.allow_multicall()
        self.assertIn(MULTICALL, self.call("system.getCapabilities"))

    def test_unknown_methods_have_no_help(self) -> None:
        """Fault -32601, as for a call."""
        for method in ("system.methodHelp", "system.methodSignature"):
            self.assertEqual(code_of(self.call, method, "nothing"), METHOD_NOT_FOUND)


if __name__ == "__main__":
    unittest.main()
