"""Reports of exceptions: which line they name, which frames they show; and nothing forges them."""

from __future__ import annotations

import builtins
import functools
import json
import logging
import os
import re
import sys
import unittest
from typing import Any, Callable

from ponte.rpc.dispatcher import Dispatcher, idempotent
from ponte.rpc.layers import code_of
from ponte.rpc.marshal import encode_call
from ponte.rpc.raised import MAX_CHAIN, MAX_FRAMES, MAX_TEXT, describe, one_line, report
from tests.rpc.documents import fault_of

FILE = os.path.basename(__file__)


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise KeyboardInterrupt


class Account:
    def deposit(self, cents: int) -> None:
        raise ValueError("no coins")

    def __call__(self) -> None:
        raise ValueError("no coins")


def price(item: str) -> int:
    return {"pen": 3}[item]


def load(text: str) -> Any:
    return json.loads(text)


def file_of(source: str, name: str) -> dict[str, Any]:
    """The names of another file of the user, or of a library."""
    names: dict[str, Any] = {"price": price}
    exec(compile(source, name, "exec"), names)
    return names


# A decorator of a library, which keeps no `__wrapped__`.
bare = file_of("def bare(f):\n    def g(*params):\n        return f(*params)\n    return g\n",
               "/usr/lib/python3/site-packages/deco.py")["bare"]


class Telling(unittest.TestCase):
    def told(self, function: Callable[..., Any], *params: Any) -> list[str]:
        """The lines of the report of what a function raises when a dispatcher calls it."""
        with self.assertLogs("ponte.rpc", "ERROR") as caught:
            Dispatcher({"buy": function}).dispatch(encode_call("buy", params))
        [record] = caught.records
        shown = logging.Formatter().format(record).split("\n")
        # Whoever writes the log in another form finds the same lines.
        rest = vars(record)["traceback"]
        self.assertEqual(shown, [record.getMessage(),
                                 *(f"  {line}" for line in rest.split("\n") if rest)])
        return shown

class Lines(Telling):
    """What a report shows of one exception."""

    def test_the_line_is_there_behind_every_layer(self) -> None:
        """A partial, a bound method, a cache, an object, a decorator of anybody, a helper."""
        account = Account()
        helper = file_of("\n\ndef check(item):\n    return price(item)\n", "/home/ana/helper.py")
        for function, *params in (
                (functools.partial(price, "ink"),), (functools.lru_cache(price), "ink"),
                (account.deposit, 5), (account,), (idempotent(account.deposit), 5),
                (functools.partial(functools.lru_cache(account.deposit), 5),),
                (bare(price), "ink"), (bare(functools.partial(price)), "ink"),
                (helper["check"], "ink"), (load, "{")):
            with self.subTest(function):
                first, *rest = self.told(function, *params)
                self.assertRegex(first, rf"\(({FILE}|helper.py), line [0-9]+\)$")
                self.assertRegex("\n".join(rest), rf'File ".*{FILE}", line [0-9]+, in ')

    def test_frames_of_ponte_are_left_out(self) -> None:
        """Those before the function, and those of what the function calls."""
        def call() -> Any:
            return Dispatcher(7)  # type: ignore[arg-type]

        for function in (price, call, idempotent(Account().deposit)):
            with self.subTest(function):
                text = "\n".join(self.told(function, *("ink",) if function is not call else ()))
                self.assertNotRegex(text, "dispatcher.py|/ponte/rpc")
                self.assertIn(FILE, text)

    def test_the_users_file_comes_first(self) -> None:
        """Then what it called, in a library."""
        lines = self.told(load, "{")
        files = [os.path.basename(found[1]) for line in lines
                 if (found := re.match(' *File "([^"]+)"', line))]
        self.assertEqual(files[0], FILE)
        self.assertEqual(files[-1], "decoder.py")

    def test_exits_are_reported_too(self) -> None:
        """They end nothing but the call."""
        for error in (SystemExit(), SystemExit(3), KeyboardInterrupt(), GeneratorExit("x")):
            def leave(error: BaseException = error) -> None:
                raise error
            self.assertRegex(self.told(leave)[0],
                             rf"^buy raised {re.escape(describe(error))} \({FILE}, line [0-9]+\)$")

    def test_an_exception_without_words_is_its_type(self) -> None:
        self.assertEqual(describe(SystemExit()), "SystemExit")
        self.assertEqual(describe(Unspeakable()), "Unspeakable")

        def fail() -> None:
            raise Unspeakable
        lines = self.told(fail)
        self.assertRegex(lines[0], rf"^buy raised Unspeakable \({FILE}, line [0-9]+\)$")

    def test_an_exception_that_resists_is_reported_all_the_same(self) -> None:
        """Whatever it is made of."""
        class Hostile(Exception):
            @property
            def __cause__(self) -> Any:  # type: ignore[override]
                raise SystemExit

        def fail() -> None:
            raise Hostile
        self.assertEqual(self.told(fail), ["buy raised Hostile, which cannot be shown: SystemExit"])

    def test_a_message_cannot_write_lines_of_its_own(self) -> None:
        """Nor colours, nor a text that runs backwards. It may come from a caller."""
        text = "x\n12:00:00 all is well\r\x1b[31m\u2028\u202e\x00\ud800"

        class Forged(Exception):
            pass
        Forged.__name__ = "A\nB"
        for error in (ValueError(text), KeyError(text), Forged(text)):
            def fail(error: BaseException = error) -> None:
                raise error
            lines = self.told(fail)
            for line in lines[1:]:
                self.assertTrue(line.startswith("  "), line)
            self.assertTrue(all(line.isprintable() for line in lines))
        self.assertIn(r"x\n12:00:00 all is well\r\x1b[31m\u2028\u202e\x00\ud800",
                      self.told(lambda: (_ for _ in ()).throw(ValueError(text)))[0])

    def test_the_caller_gets_type_and_message(self) -> None:
        """As it is, with its line breaks, and nothing of the server's files."""
        def fail() -> None:
            raise ValueError("one\ntwo")
        with self.assertLogs("ponte.rpc", "ERROR"):
            fault = fault_of(Dispatcher([fail]).dispatch(encode_call("fail", ())))
        self.assertEqual((fault.faultCode, fault.faultString), (-32500, "ValueError: one\ntwo"))

    def test_letters_of_all_languages_are_shown(self) -> None:
        self.assertEqual(one_line("não há barco, 船"), "não há barco, 船")

    def test_a_long_message_is_cut(self) -> None:
        def fail() -> None:
            raise ValueError("x" * 10 ** 6)
        self.assertLess(max(map(len, self.told(fail))), MAX_TEXT + 200)


class Chains(Telling):
    """Exceptions that led to one another: all are told, the first one first."""

    def test_causes_and_contexts_are_told(self) -> None:
        def fail() -> None:
            try:
                price("ink")
            except KeyError as error:
                try:
                    raise LookupError("no ink") from error
                except LookupError:
                    raise ValueError("no sale")  # noqa: B904
        text = "\n".join(self.told(fail))
        self.assertRegex(text, r"(?s)^buy raised ValueError: no sale .*"
                               r"KeyError: 'ink'\n  The above exception was the direct cause.*"
                               r"LookupError: no ink\n  During handling .*ValueError: no sale$")

    def test_a_suppressed_context_is_not_told(self) -> None:
        def fail() -> None:
            try:
                price("ink")
            except KeyError:
                raise ValueError("no sale") from None
        self.assertNotIn("KeyError", "\n".join(self.told(fail)))

    def test_a_long_chain_and_a_circle_are_short(self) -> None:
        """The first and the last ones are shown, and how many stand between."""
        def chain() -> None:
            error: Exception | None = None
            for number in range(100):
                try:
                    raise ValueError(number) from error
                except ValueError as raised:
                    error = raised
            assert error
            raise error

        def circle() -> None:
            first, second = ValueError(1), ValueError(2)
            first.__cause__, second.__cause__ = second, first
            raise first
        text = "\n".join(self.told(chain))
        self.assertEqual(text.count("Traceback"), MAX_CHAIN)
        self.assertIn(f"{100 - MAX_CHAIN} more exceptions", text)
        self.assertIn("ValueError: 0\n", text)
        self.assertEqual("\n".join(self.told(circle)).count("ValueError: 2"), 1)

    def test_a_recursion_is_short(self) -> None:
        def down(depth: int) -> int:
            return down(depth + 1)
        lines = self.told(down, 0)
        self.assertLess(len(lines), 2 * MAX_FRAMES + 6)
        self.assertRegex("\n".join(lines), "[0-9]+ more frames")

    @unittest.skipIf(sys.version_info < (3, 11), "needs Python 3.11, which has exception groups")
    def test_groups_and_notes_are_told(self) -> None:
        def fail() -> None:
            group: Any = vars(builtins)["ExceptionGroup"]
            error = group("two", [ValueError("one\nmore"), KeyError("x")])
            error.add_note("sold\nout")
            raise error
        text = "\n".join(self.told(fail))
        for words in (r"ValueError: one\nmore", "KeyError: 'x'", r"sold\nout"):
            self.assertIn(words, text)


class Broken(unittest.TestCase):
    def test_a_report_never_raises(self) -> None:
        """Also for an exception that was never raised."""
        self.assertEqual(report("buy", ValueError("x"), ""), ("buy raised ValueError: x", []))
        code = code_of(price)
        assert code
        self.assertEqual(code.co_filename, __file__)


if __name__ == "__main__":
    unittest.main()
