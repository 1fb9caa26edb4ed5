"""XML-RPC: what goes over and comes back, which fault tells what, and that nothing gets a dispatcher to raise."""

from __future__ import annotations

import contextlib
import datetime
import encodings
import gzip
import sys
import tracemalloc
import unittest
import xmlrpc.client
from collections.abc import Iterator
from typing import Any, Callable
from xmlrpc.client import Fault

from ponte.net.message import MAX_BODY_BYTES, ProtocolError, Request
from ponte.rpc.dispatcher import Dispatcher, idempotent
from ponte.rpc.marshal import (
    APPLICATION_ERROR,
    INTEGER_TAGS,
    INVALID_PARAMETERS,
    MAX_DIGITS,
    MAX_FAULT_CHARS,
    METHOD_NOT_FOUND,
    NOT_WELL_FORMED,
    decode_call,
    decode_result,
    encode_call,
    encode_fault,
    encode_result,
    xml_of,
)

ENTITY_BOMB = ("<?xml version='1.0'?><!DOCTYPE a [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;'>]>"
               "<methodCall><methodName>echo</methodName><params><param><value>&b;</value></param></params></methodCall>")
VALUES: list[Any] = [
    None, True, False, 0, -2 ** 31, 2 ** 31 - 1, 1.5, "", " a ", "\u00e9\u20ac\U0001f600", "<&>\"']]>",
    "a\r\nb\rc\n\td", b"", bytes(range(256)), [], [1, [2, [None]]], {}, {"a": {"b": [1]}, "<&>": ""},
    datetime.datetime(2026, 11, 23, 19, 8),
]


def call_with(value: str) -> bytes:
    """A call of `echo` with one parameter, given as XML."""
    return (f"<methodCall><methodName>echo</methodName><params><param><value>{value}</value></param></params>"
            "</methodCall>").encode()


def fault_of(body: bytes) -> Fault:
    """The fault in a reply; fails if there is none."""
    try:
        value = decode_result(body)
    except Fault as fault:
        return fault
    raise AssertionError(f"no fault but {value!r}")


def code_of(act: Callable[..., object], *params: Any) -> int:
    """The code of the Fault that `act(*params)` raises; 0 if it raises none."""
    try:
        act(*params)
    except Fault as fault:
        return fault.faultCode
    return 0


@contextlib.contextmanager
def without_limit_of_digits() -> Iterator[None]:
    """As in Python before 3.9.14 and its like, where `int` took any number of them."""
    if not hasattr(sys, "set_int_max_str_digits"):
        yield
        return
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        yield
    finally:
        sys.set_int_max_str_digits(before)


class Marshalling(unittest.TestCase):
    """What XML-RPC can carry arrives as it left; what it cannot is refused before it leaves."""

    def test_every_value_arrives_as_it_left(self) -> None:
        """Round trip of parameters and results, types included; also CR, which XML would turn into LF."""
        for value in VALUES:
            with self.subTest(value=value):
                method, params = decode_call(encode_call("echo", (value, value)))
                result = decode_result(encode_result(value))
                self.assertEqual((method, params), ("echo", (value, value)))
                self.assertEqual((result, type(result)), (value, type(value)))

    def test_what_xml_rpc_cannot_carry_is_refused(self) -> None:
        """Integers beyond 32 bits, other types, control characters, lone surrogates, keys that are not text."""
        for value in (2 ** 31, -2 ** 31 - 1, 2 ** 70, {1, 2}, object(), 1j, {1: 2}, "\0", "\x1b[0m", "\ud800",
                      "\uffff"):
            with self.subTest(value=repr(value)):
                with self.assertRaises((TypeError, OverflowError, ValueError)):
                    encode_call("echo", (value,))
                with self.assertRaises((TypeError, OverflowError, ValueError)):
                    encode_result(value)

    def test_a_method_name_cannot_break_out_of_its_element(self) -> None:
        """A name arrives as it is, or is refused: `dumps` itself writes it down unescaped."""
        for name in ("a<b", "a&b", "a</methodName><params/>"):
            with self.subTest(name):
                try:
                    body = encode_call(name, ())
                except ValueError:
                    continue
                self.assertEqual(decode_call(body), (name, ()))

    def test_the_standard_library_reads_us_and_we_read_it(self) -> None:
        """Both directions against xmlrpc.client."""
        ours, _ = xmlrpc.client.loads(encode_result({"a": [1, "b", None]}))
        theirs = xmlrpc.client.dumps(("x", 1), "echo").encode()
        self.assertEqual(ours, ({"a": [1, "b", None]},))
        self.assertEqual(decode_call(theirs), ("echo", ("x", 1)))

    def test_faults_arrive_as_faults(self) -> None:
        """Code and text survive; what XML cannot write becomes a question mark."""
        fault = fault_of(encode_fault(Fault(7, "a\0b\r<c>")))
        self.assertEqual((fault.faultCode, fault.faultString), (7, "a?b\r<c>"))

    def test_a_fault_is_short_however_long_the_call_that_it_quotes(self) -> None:
        """A reply longer than MAX_BODY_BYTES would be refused on its way: unknown, for a call that never ran."""
        for name, quoted in (("a value", f"<double>{chr(0x85) * 100_000}</double>"), ("a name", "x" * 100_000)):
            with self.subTest(name):
                body = call_with(quoted) if name == "a value" else encode_call(quoted, ())
                self.assertLess(len(Dispatcher().dispatch(body)), 2 * MAX_FAULT_CHARS)

    def test_what_is_no_call_is_not_well_formed(self) -> None:
        """Fault -32700, whatever is wrong: XML, structure, values, or a message of the other kind."""
        good = encode_call("echo", (1,))
        for name, body in (("nothing", b""), ("no XML", b"hello"), ("cut off", good[:-5]),
                           ("two documents", good + good), ("other XML", b"<html/>"),
                           ("no name", b"<methodCall><params/></methodCall>"),
                           ("an empty name", b"<methodCall><methodName/><params/></methodCall>"),
                           ("a reply", encode_result(1)), ("an unknown entity", call_with("&b;")),
                           ("no number", call_with("<int>x</int>")), ("no boolean", call_with("<boolean>2</boolean>")),
                           ("5,000 digits", call_with(f"<int>{'9' * 5000}</int>")),
                           ("an unknown type", call_with("<complex>1</complex>")),
                           ("an unknown encoding", b"<?xml version='1.0' encoding='x-no'?>" + good),
                           ("not the encoding it says", call_with("\u00e9").replace(b"\xc3", b"\xff"))):
            with self.subTest(name):
                self.assertEqual(code_of(decode_call, body), NOT_WELL_FORMED)

    def test_an_integer_has_so_many_digits_and_no_more(self) -> None:
        """Also in a Python that has no such limit: it takes seconds for a million, and holds its lock meanwhile."""
        for tag in INTEGER_TAGS:
            for digits, code in (("9" * MAX_DIGITS, 0), (f" {'9' * MAX_DIGITS}\n", 0),
                                 ("9" * (MAX_DIGITS + 1), NOT_WELL_FORMED)):
                with self.subTest(tag=tag, digits=len(digits)), without_limit_of_digits():
                    self.assertEqual(code_of(decode_call, call_with(f"<{tag}>{digits}</{tag}>")), code)

    def test_the_name_of_an_encoding_is_not_looked_up(self) -> None:
        """Python remembers each that it does not know: a million such calls would stay in memory, a megabyte each."""
        remembered = vars(encodings)["_cache"]
        before = len(remembered)
        for number, decode in enumerate((decode_call, decode_result)):
            for name in (f"x-no-{number}", "x" * 900_000 + str(number), "idna", "punycode", "iso--8859-1"):
                document = f"<?xml version='1.0' encoding='{name}'?><methodCall/>".encode()
                self.assertEqual(code_of(decode, document), NOT_WELL_FORMED)
        self.assertEqual(len(remembered), before)

    def test_the_encodings_in_use_are_read(self) -> None:
        """Whatever the case of their names; UTF-16 has a mark that tells the order of its bytes."""
        for encoding in ("utf-8", "UTF-8", "iso-8859-1", "ISO-8859-15", "windows-1252", "latin1", "utf-16"):
            document = f"<?xml version='1.0' encoding='{encoding}'?>" + call_with("\u00e9").decode()
            self.assertEqual(decode_call(document.encode(encoding)), ("echo", ("\u00e9",)))

    def test_what_is_no_result_is_not_well_formed(self) -> None:
        """A client takes one value or one fault, and nothing for a value that is not one."""
        for name, body in (("nothing", b""), ("cut off", encode_result(1)[:-5]), ("a call", encode_call("echo", (1,))),
                           ("two values", xmlrpc.client.dumps((1, 2), "x").encode()),
                           ("a DOCTYPE", b"<!DOCTYPE a>" + encode_result(1).split(b"?>", 1)[1])):
            with self.subTest(name):
                self.assertEqual(code_of(decode_result, body), NOT_WELL_FORMED)

    def test_no_doctype_is_read(self) -> None:
        """No entity, no entity bomb - in any encoding that expat knows."""
        plain = "<!DOCTYPE methodCall>" + encode_call("echo", ()).decode().split("?>", 1)[1]
        for encoding in ("utf-8", "utf-16", "utf-16-be"):
            for document in (ENTITY_BOMB, plain):
                mark = "\ufeff" if encoding == "utf-16-be" else ""
                with self.subTest(encoding=encoding, document=document[:30]):
                    with self.assertRaises(Fault) as caught:
                        decode_call((mark + document).encode(encoding))
                    self.assertEqual(caught.exception.faultCode, NOT_WELL_FORMED)
                    self.assertIn("DOCTYPE", caught.exception.faultString)


class Unspeakable(Exception):
    """An exception that cannot even be shown."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


def divide(dividend: int, divisor: int = 1) -> float:
    """Divides."""
    return dividend / divisor


def raise_this(error: BaseException) -> Callable[[], None]:
    def fail() -> None:
        raise error
    return fail


class Bodies(unittest.TestCase):
    """What is in the body of a request."""

    def test_a_bomb_is_inflated_no_further_than_a_message_may_be_long(self) -> None:
        """100 MiB in 100 KiB: refused without ever being there."""
        bomb = Request("POST", "/", {"content-encoding": "gzip"}, gzip.compress(bytes(100 * MAX_BODY_BYTES)))
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        with self.assertRaises(ProtocolError) as caught:
            xml_of(bomb)
        self.assertEqual(caught.exception.status, 413)
        self.assertLess(tracemalloc.get_traced_memory()[1], 4 * MAX_BODY_BYTES)


class Dispatching(unittest.TestCase):
    """From the bytes of a call to the bytes of its answer; never an exception."""

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
        """Also with defaults and with any number of parameters."""
        self.assertEqual(self.call("echo", {"a": None}), {"a": None})
        self.assertEqual([self.call("divide", 6, 4), self.call("divide", 6)], [1.5, 6.0])
        self.assertEqual(self.call("rest", 1, 2, 3), 2)

    def test_each_failure_has_its_code(self) -> None:
        """The codes of the fault code interoperability specification."""
        for name, body, code in (("unknown", encode_call("nothing", ()), METHOD_NOT_FOUND),
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
        """Arity is checked first, so that a TypeError from inside is not taken for a wrong call."""
        with self.assertRaises(Fault):
            self.call("echo")
        self.assertEqual(self.ran, [])
        self.dispatcher.register(lambda: len(1), "inner")  # type: ignore[arg-type]
        self.assertEqual(code_of(self.call, "inner"), APPLICATION_ERROR)

    def test_an_exception_is_told_without_a_traceback(self) -> None:
        """Its type and message, and nothing of our files."""
        fault = fault_of(self.dispatcher.dispatch(encode_call("divide", (1, 0))))
        self.assertEqual(fault.faultString, "ZeroDivisionError: division by zero")

    def test_a_fault_of_the_function_goes_through(self) -> None:
        """Its author chose the code."""
        self.dispatcher.register(raise_this(Fault(42, "mine")), "fail")
        fault = fault_of(self.dispatcher.dispatch(encode_call("fail", ())))
        self.assertEqual((fault.faultCode, fault.faultString), (42, "mine"))

    def test_a_result_that_cannot_be_carried_says_that_the_function_did_run(self) -> None:
        """The caller must not take this fault for "not executed"."""
        deep: list[Any] = []
        for _ in range(50_000):
            deep = [deep]
        for name, value in (("too big", 2 ** 70), ("a set", {1}), ("text that XML forbids", "\0"), ("too deep", deep)):
            with self.subTest(name):
                self.dispatcher.register(lambda value=value: value, "result")
                fault = fault_of(self.dispatcher.dispatch(encode_call("result", ())))
                self.assertEqual(fault.faultCode, APPLICATION_ERROR)
                self.assertIn("did run", fault.faultString)

    def test_nothing_makes_it_raise(self) -> None:
        """`dispatch` turns whatever a function or a caller does into a fault."""
        loop: list[Any] = []
        loop.append(loop)
        functions: dict[str, Callable[[], object]] = {
            "exits": raise_this(SystemExit(1)), "cannot be shown": raise_this(Unspeakable()),
            "fault with a huge code": raise_this(Fault(2 ** 70, "x")),
            "fault with a text that is none": raise_this(Fault(1, None)),  # type: ignore[arg-type]
            "fault with a code that is none": raise_this(Fault({1}, "x")),  # type: ignore[arg-type]
            "text that XML forbids": raise_this(ValueError("\0\ud800")), "endless": lambda: loop,
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
        """Who posts a <methodResponse> with a malformed fault gets -32700."""
        body = encode_fault(Fault(1, "text")).replace(b"<string>text</string>", b"<int>1</int>")
        try:
            reply = self.dispatcher.dispatch(body)
        except Exception as error:
            raise AssertionError(f"dispatch raised {error!r}") from None
        self.assertEqual(fault_of(reply).faultCode, NOT_WELL_FORMED)

    def test_fifty_thousand_levels_are_not_well_formed(self) -> None:
        """No function is handed a value that it could not walk through: fault -32700, and nothing runs."""
        deep = call_with("<array><data><value>" * 50_000 + "</value></data></array>" * 50_000)
        self.assertEqual(fault_of(self.dispatcher.dispatch(deep)).faultCode, NOT_WELL_FORMED)
        self.assertEqual(self.ran, [])

    def test_private_names_cannot_be_registered(self) -> None:
        """A name with an underscore in front is never served."""
        with self.assertRaises(ValueError):
            self.dispatcher.register(divide, "_divide")

    def test_a_function_with_a_required_keyword_cannot_be_registered(self) -> None:
        """XML-RPC has no keywords; better a ValueError at the start than a fault at every call."""
        def needs(*, keyword: int) -> int:
            return keyword
        with self.assertRaises(ValueError):
            self.dispatcher.register(needs)

    def test_only_marked_functions_are_idempotent(self) -> None:
        """The default is not: nothing guesses."""
        dispatcher = Dispatcher({"b": idempotent(lambda: 1), "a": idempotent(lambda: 1), "c": divide})
        self.assertEqual(dispatcher.idempotent, ("a", "b"))


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
        """All of them, sorted, those of the system included."""
        self.assertEqual(self.call("system.listMethods"), [
            "bare", "divide", "nested", "system.listMethods", "system.methodHelp", "system.methodSignature", "typed"])

    def test_help_is_the_docstring(self) -> None:
        """An empty string where there is none."""
        self.assertEqual([self.call("system.methodHelp", name) for name in ("divide", "bare")], ["Divides.", ""])

    def test_signatures_are_those_of_the_annotations(self) -> None:
        """In XML-RPC's words, the result first; "undef" where an annotation is missing."""
        self.assertEqual(self.call("system.methodSignature", "typed"),
                         [["nil", "int", "string", "boolean", "double", "base64"]])
        self.assertEqual(self.call("system.methodSignature", "nested"), [["array", "struct"]])
        self.assertEqual(self.call("system.methodSignature", "divide"), [["double", "int", "int"]])
        self.assertEqual(self.call("system.methodSignature", "bare"), "undef")

    def test_unknown_methods_have_no_help(self) -> None:
        """Fault -32601, as for a call."""
        for method in ("system.methodHelp", "system.methodSignature"):
            self.assertEqual(code_of(self.call, method, "nothing"), METHOD_NOT_FOUND)


if __name__ == "__main__":
    unittest.main()
