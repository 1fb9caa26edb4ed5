"""Bad XML-RPC on every port that takes calls: a registry, a server and a proxy, with either engine.

The sender gets HTTP 200 and a fault with its code. Nothing is executed, and the next call is served
on the same connection.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import unittest
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple
from xmlrpc.client import Fault, dumps

from ponte.discovery.beats import MAX_NAME
from ponte.net.message import MAX_BODY_BYTES
from ponte.rpc.dispatcher import MULTICALL, Dispatcher
from ponte.rpc.marshal import (
    APPLICATION_ERROR,
    INVALID_PARAMETERS,
    MAX_FAULT_CHARS,
    METHOD_NOT_FOUND,
    NOT_WELL_FORMED,
    NOT_XML_RPC,
    decode_result,
    encode_call,
)
from server import Server
from tests.abuse.ports import (
    ALL,
    CALLED,
    HELLO,
    REGISTRIES,
    Port,
    every_port,
    one_reply,
)
from tests.fakes import hurry_listeners
from tests.net.peers import PATIENCE_S, SOON_S


def setUpModule() -> None:
    hurry_listeners()


class Row(NamedTuple):
    """A body, the code of the fault that it gets, and words that are in its text."""

    name: str
    body: bytes
    code: int
    words: Sequence[str] = ()
    ports: Sequence[str] = ALL


def _call(value: str) -> bytes:
    return ("<methodCall><methodName>lookup</methodName>"
            f"<params><param><value>{value}</value></param></params></methodCall>").encode()


def _bomb() -> bytes:
    """Ten entities, each ten times the one before."""
    entities = "".join(f"<!ENTITY e{n} '{f'&e{n - 1};' * 10}'>" for n in range(1, 10))
    return f"<!DOCTYPE a [<!ENTITY e0 'ha'>{entities}]>".encode() + _call("<string>&e9;</string>")


NOT_NAMES: Sequence[object] = ([1], {}, 7, None)
NOT_ARGUMENTS_OF_THE_REGISTRY: Sequence[tuple[str, tuple[Any, ...]]] = (
    ("lookup", (1,)), ("lookup", ("a", "b")), ("lookup", ("x" * (MAX_NAME + 1),)),
    ("watch", ("x" * 10 ** 6, 1, 1)), ("watch", ("a", "1", 1)), ("watch", ("a", 1)),
    ("watch", ("a", 1, -1)), ("watch", ("a", 1, 10 ** 6)), ("watch", ("a", True, 1)),
    ("watch", ("a", 1, float("nan"))), ("services", (1,)), ("snapshot", ({},)))
ROWS: Sequence[Row] = (
    Row("nothing", b"", NOT_WELL_FORMED),
    Row("no XML", b"hello", NOT_WELL_FORMED),
    Row("half a call", HELLO[:-9], NOT_WELL_FORMED),
    Row("a result", dumps((1,), methodresponse=True).encode(), NOT_XML_RPC),
    Row("other XML", b"<html/>", NOT_XML_RPC),
    Row("other XML that does not end", b"<html><body>", NOT_WELL_FORMED),
    Row("a struct that begins with its value",
        _call("<struct><member><value>1</value><name>a</name></member></struct>"), NOT_XML_RPC),
    Row("a DOCTYPE", b"<!DOCTYPE methodCall>" + _call("<int>1</int>"), NOT_WELL_FORMED),
    Row("entities", _bomb(), NOT_WELL_FORMED),
    Row("a file of ours", b"<!DOCTYPE a [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>"
        + _call("<string>&e;</string>"), NOT_WELL_FORMED),
    Row("an unknown encoding", b"<?xml version='1.0' encoding='x-no'?>" + HELLO.partition(b"?>")[2],
        NOT_WELL_FORMED, ("encoding",)),
    Row("50,000 levels",
        _call("<array><data><value>" * 12_500 + "</value></data></array>" * 12_500),
        NOT_WELL_FORMED),
    Row("50,000 levels that do not end", b"<methodCall>" + b"<a>" * 50_000, NOT_WELL_FORMED),
    Row("5,000 digits", _call(f"<int>{'9' * 5000}</int>"), NOT_WELL_FORMED),
    Row("a million digits", _call(f"<i8>{'9' * 10 ** 6}</i8>"), NOT_WELL_FORMED),
    Row("an unknown method", encode_call("nothing", ()), METHOD_NOT_FOUND, ("nothing",)),
    Row("a private method", encode_call("_call", ()), METHOD_NOT_FOUND),
    Row("a dotted method", encode_call("hello.__globals__", ()), METHOD_NOT_FOUND),
    Row("system.multicall", encode_call("system.multicall", ([],)), METHOD_NOT_FOUND, ("off",)),
    Row("wrong arguments of a server", encode_call("hello", (1, 2)), INVALID_PARAMETERS,
        ports=CALLED),
    *[Row(f"{method} of what is not a name", encode_call(method, (name,)), INVALID_PARAMETERS)
      for method in ("system.methodHelp", "system.methodSignature") for name in NOT_NAMES],
    Row("a result that is too big", encode_call("answer", ("integer",)), APPLICATION_ERROR,
        ("did run",), CALLED),
    Row("a result of an unknown type", encode_call("answer", ("set",)), APPLICATION_ERROR,
        ("did run",), CALLED),
    Row("a result longer than a message", encode_call("answer", ("long",)), APPLICATION_ERROR,
        ("did run", str(MAX_BODY_BYTES)), CALLED),
    Row("wrong arguments of the registry", encode_call("lookup", ()), INVALID_PARAMETERS,
        ports=REGISTRIES),
    # Ponte itself would not send nan.
    *[Row(f"{method}{arguments!r:.40}", dumps(arguments, method).encode(), INVALID_PARAMETERS,
          ports=REGISTRIES)
      for method, arguments in NOT_ARGUMENTS_OF_THE_REGISTRY],
    *[Row(method, encode_call(method, ()), METHOD_NOT_FOUND, ports=REGISTRIES)
      for method in ("apply", "expire", "close", "start", "register", "status")],
)
RESULTS = {"integer": 2 ** 70, "set": {1}, "long": "x" * (MAX_BODY_BYTES + 1)}


def answer(kind: str) -> object:
    """A result that XML-RPC cannot carry."""
    return RESULTS[kind]


def add(a: int, b: int) -> int:
    return a + b


def call_of(method: str, *params: Any) -> dict[str, Any]:
    """One of the calls in a system.multicall."""
    return {"methodName": method, "params": list(params)}


class Abuse(unittest.TestCase):
    """One port of each kind, in this process, and one connection to each, which stays open."""

    ports: ClassVar[list[Port]]
    executed: ClassVar[threading.Semaphore]

    @classmethod
    def setUpClass(cls) -> None:
        stack = contextlib.ExitStack()
        cls.addClassCleanup(stack.close)
        cls.executed = threading.Semaphore(0)

        def hello() -> str:
            cls.executed.release()
            return "World"

        cls.ports = every_port(stack, [hello, answer])

    def test_every_row(self) -> None:
        """Its fault, nothing executed, and then a call that is served on the same connection."""
        for port in self.ports:
            with socket.create_connection(port.address, PATIENCE_S) as sock:
                for row in ROWS:
                    if port.name in row.ports:
                        with self.subTest(port=port.name, row=row.name):
                            self.check(row, port, sock)

    def check(self, row: Row, port: Port, sock: socket.socket) -> None:
        fault = _fault(sock, port, row.body)
        self.assertEqual(fault and fault.faultCode, row.code, fault)
        self.assertEqual([word for word in row.words if word not in str(fault)], [])
        self.assertFalse(self.executed.acquire(blocking=False), "something was executed")
        self.assertIsNone(_fault(sock, port, port.call))
        self.executed.acquire(blocking=False)

    def test_nothing_but_beats_changes_a_registry(self) -> None:
        """Whatever a caller asks for, the snapshot and its index stay the same."""
        snapshot = encode_call("snapshot", ())
        for registry in self.ports:
            if registry.name in REGISTRIES:
                with self.subTest(registry.name), \
                        socket.create_connection(registry.address, PATIENCE_S) as sock:
                    # The end of its first seconds changes it, too.
                    while _result(sock, registry, snapshot)["warming"]:
                        threading.Event().wait(SOON_S)
                    before = _result(sock, registry, snapshot)
                    for row in ROWS:
                        _fault(sock, registry, row.body)
                    self.assertEqual(_result(sock, registry, snapshot), before)

    def test_every_row_is_for_some_port(self) -> None:
        """A port name that is misspelt would silently take a row out."""
        known: set[str] = {port.name for port in self.ports}
        self.assertEqual({name for row in ROWS for name in row.ports}, known)
        self.assertEqual(known, set(ALL))


class Multicall(unittest.TestCase):
    """A server with --allow-multicall runs several calls in one."""

    def test_a_stock_client_calls_several(self) -> None:
        """Each call has its result or its fault. A multicall inside a multicall has a fault."""
        calls_and_codes: list[tuple[Any, int]] = [
            (call_of("add", 1), INVALID_PARAMETERS),
            (call_of("nothing"), METHOD_NOT_FOUND),
            (call_of("answer", "set"), APPLICATION_ERROR),
            (call_of(MULTICALL, []), INVALID_PARAMETERS),
            (call_of("_call"), METHOD_NOT_FOUND),
            ({"methodName": "add"}, INVALID_PARAMETERS),
            (7, INVALID_PARAMETERS)]
        calls = [call_of("add", 1, 2), *[call for call, _ in calls_and_codes]]
        with Server("greeter", [add, answer], registries=(), name="server",
                    allow_multicall=True) as server:
            port = Port("server", server.address, "/greeter", b"")
            with socket.create_connection(port.address, PATIENCE_S) as sock:
                results = _result(sock, port, encode_call(MULTICALL, (calls,)))
                self.assertEqual(results[0], [3])
                self.assertEqual([fault["faultCode"] for fault in results[1:]],
                                 [code for _, code in calls_and_codes])
                self.assertIn("did run", results[3]["faultString"])
                fault = _fault(sock, port, encode_call(MULTICALL, ("add",)))
                self.assertEqual(fault and fault.faultCode, INVALID_PARAMETERS)

    def test_all_results_together_are_no_longer_than_a_message(self) -> None:
        """No further call runs when the reply is full: 58 KB of calls could ask for 270 MB of
        results, or for more than there is memory.
        """
        ran: list[int] = []

        def long() -> str:
            ran.append(1)
            return "x" * (MAX_BODY_BYTES // 3)

        dispatcher = Dispatcher([long], multicall=True)
        call = call_of("long")
        two = dispatcher.dispatch(encode_call(MULTICALL, ([call] * 2,)))
        self.assertEqual(len(decode_result(two)), 2)
        ran.clear()
        with self.assertRaises(Fault) as told:
            decode_result(dispatcher.dispatch(encode_call(MULTICALL, ([call] * 50,))))
        self.assertEqual(told.exception.faultCode, APPLICATION_ERROR)
        self.assertEqual(len(ran), 3)
        self.assertIn("did run 3 of 50 calls", told.exception.faultString)

    def test_a_fault_that_cannot_be_carried_as_it_is_does_not_spoil_the_others(self) -> None:
        """Control characters, a code that is not a number, and a text without end."""
        def fail(kind: str) -> None:
            raise {"control": Fault(1, "a\0"), "code": Fault("x", "b"),  # type: ignore[arg-type]
                   "long": Fault(2, "c" * 10 ** 7)}[kind]

        dispatcher = Dispatcher([fail, add], multicall=True)
        calls = [call_of("add", 1, 2), call_of("fail", "control"), call_of("fail", "code"),
                 call_of("fail", "long")]
        results = decode_result(dispatcher.dispatch(encode_call(MULTICALL, (calls,))))
        self.assertEqual(results[0], [3])
        self.assertEqual(results[1]["faultString"], "a?")
        self.assertEqual(results[2]["faultCode"], APPLICATION_ERROR)
        self.assertEqual(len(results[3]["faultString"]), MAX_FAULT_CHARS)


def _result(sock: socket.socket, port: Port, body: bytes) -> Any:
    sock.sendall(port.post(body=body))
    reply = one_reply(sock)
    assert reply.status == 200, reply
    return decode_result(reply.body)


def _fault(sock: socket.socket, port: Port, body: bytes) -> Fault | None:
    """The fault in the reply to `body`; None where it is a result."""
    try:
        _result(sock, port, body)
    except Fault as fault:
        return fault
    return None
