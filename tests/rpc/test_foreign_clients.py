"""Values from the bytes of a foreign client to a function and back: at a server, and behind the
proxy with each of its engines.
"""

from __future__ import annotations

import contextlib
import datetime
import http.client
import unittest
import xmlrpc.client
from collections.abc import Iterator
from typing import Any, Callable
from unittest import mock
from xmlrpc.client import Fault
from xmlrpc.server import SimpleXMLRPCDispatcher

from ponte.net.address import Address
from ponte.net.serving import ENGINES
from ponte.rpc.dispatcher import Dispatcher
from ponte.rpc.marshal import (
    APPLICATION_ERROR,
    NOT_WELL_FORMED,
    NOT_XML_RPC,
    decode_result,
    encode_call,
)
from proxy import Proxy
from server import Server
from tests.fakes import endpoint, show_to
from tests.rpc.documents import call_with, fault_of

# What a client writes, and what its function returns.
CALLED: tuple[tuple[str, Any], ...] = (
    ("<dateTime.iso8601>2024-02-29T13:14:15.5Z</dateTime.iso8601>",
     "datetime.datetime(2024, 2, 29, 13, 14, 15, 500000, tzinfo=datetime.timezone.utc)"),
    ("<dateTime.iso8601>20240229T131415</dateTime.iso8601>",
     "datetime.datetime(2024, 2, 29, 13, 14, 15)"),
    ("<i8>1099511627776</i8>", "1099511627776"), ("<boolean>true</boolean>", "True"),
    ("<ex:nil/>", "None"), ("<double>.5</double>", "0.5"))


class Account:
    """Not for callers."""


def repr_of(value: Any) -> str:
    return repr(value)


def same(value: Any) -> Any:
    return value


def account() -> Account:
    return Account()


def big() -> int:
    return 2 ** 40


def at() -> datetime.datetime:
    return datetime.datetime(2024, 2, 29, 1, 2, 3, 4)


def post(address: Address, body: bytes) -> bytes:
    """The body of the reply."""
    with contextlib.closing(http.client.HTTPConnection(*address, timeout=10)) as connection:
        connection.request("POST", "/s", body, {"Content-Type": "text/xml"})
        return connection.getresponse().read()


class OnTheWire(unittest.TestCase):

    @contextlib.contextmanager
    def addresses(self) -> Iterator[list[Address]]:
        functions: list[Callable[..., Any]] = [repr_of, same, account, big, at]
        with contextlib.ExitStack() as stack:
            server = stack.enter_context(Server("s", functions, registries=(), name="server"))
            found = [server.address]
            for engine in ENGINES:
                proxy = stack.enter_context(
                    Proxy(port=0, engine=engine, registries=(), name=engine))
                # Without a registry, the proxy is told that it knows all servers.
                stack.enter_context(mock.patch.object(proxy._directory, "is_complete",
                                                      return_value=True))
                show_to(proxy, endpoint(server.name, service="s", port=server.address[1]))
                found.append(proxy.address)
            yield found

    def test_a_foreign_client_is_answered(self) -> None:
        with self.addresses() as addresses:
            for address in addresses:
                for xml, value in CALLED:
                    body = call_with(xml).replace(b"echo", b"repr_of")
                    self.assertEqual(decode_result(post(address, body)), value)
                self.assertIn(b"<i8>1099511627776</i8>", post(address, encode_call("big", ())))
                self.assertIn(b">20240229T01:02:03.000004<", post(address, encode_call("at", ())))

    def test_what_cannot_travel_says_what_became_of_it(self) -> None:
        """A function that did run, a document that is no call, and one that is no XML."""
        with self.addresses() as addresses:
            for address in addresses:
                with self.assertLogs("ponte.rpc"):
                    refused = fault_of(post(address, encode_call("account", ())))
                self.assertEqual(refused.faultCode, APPLICATION_ERROR)
                self.assertRegex(refused.faultString, "account did run, .* type Account")
                self.assertEqual(fault_of(post(address, b"<html/>")).faultCode, NOT_XML_RPC)
                self.assertEqual(fault_of(post(address, b"<html>")).faultCode, NOT_WELL_FORMED)

    def test_the_old_client_notices_nothing(self) -> None:
        """The standard library's, with the wrappers that are its default."""
        sent: list[Any] = [xmlrpc.client.Binary(b"\0a"), xmlrpc.client.DateTime("2024-02-29"),
                           1, 1e-9, True, "<a>", {"a": [1]}, [[], {}]]
        expected = [sent[0], xmlrpc.client.DateTime("20240229T00:00:00"), *sent[2:]]
        with self.addresses() as addresses:
            for host, port in addresses:
                with xmlrpc.client.ServerProxy(f"http://{host}:{port}/s") as client:
                    self.assertEqual([client.same(value) for value in sent], expected)


class MovingOver(unittest.TestCase):
    """What docs/own-services.md says of the programs and the old clients of SimpleXMLRPCServer."""

    def calls(self, function: Callable[..., Any], *params: Any,
              use_builtin_types: bool = False) -> tuple[Any, Any]:
        """What the old server gives its caller, and what Ponte gives; faults as their fields."""
        old = SimpleXMLRPCDispatcher(use_builtin_types=use_builtin_types)
        old.register_function(function, "f")
        new = Dispatcher({"f": function})
        body = xmlrpc.client.dumps(params, "f")
        found = []
        for dispatch in (old._marshaled_dispatch, new.dispatch):
            try:
                [value], _ = xmlrpc.client.loads(dispatch(body.encode()))
            except Fault as fault:
                value = vars(fault)
            found.append(value)
        return found[0], found[1]

    def test_functions_get_what_use_builtin_types_gives(self) -> None:
        for value in (xmlrpc.client.Binary(b"a"), xmlrpc.client.DateTime("20240229T13:14:15"), 1,
                      1.5, True, "a", [1], {"a": 1}):
            old, new = self.calls(repr_of, value, use_builtin_types=True)
            self.assertEqual(old, new)
        old, new = self.calls(lambda data: data.data, xmlrpc.client.Binary(b"a"))
        self.assertEqual(old, xmlrpc.client.Binary(b"a"))
        self.assertIn("AttributeError", new["faultString"])

    def test_results_may_still_be_wrapped(self) -> None:
        for value in (xmlrpc.client.Binary(b"a"), xmlrpc.client.DateTime("20240229T13:14:15")):
            old, new = self.calls(lambda value=value: value)
            self.assertEqual((old, new), (value, value))

    def test_what_old_clients_notice(self) -> None:
        """Each row of the table: what came before, and what comes now."""
        def fails() -> None:
            raise ValueError("no boat left")

        class Account:
            def __init__(self) -> None:
                self._password = "secret"
        self.assertEqual(self.calls(fails), (
            {"faultCode": 1, "faultString": "<class 'ValueError'>:no boat left"},
            {"faultCode": APPLICATION_ERROR, "faultString": "ValueError: no boat left"}))
        old, new = self.calls(Account)
        self.assertEqual(old, {"_password": "secret"})
        self.assertNotIn("secret", str(new))
        old, new = self.calls(big)
        self.assertIn("exceeds", old["faultString"])
        self.assertEqual(new, big())
        old, new = self.calls(lambda: None)
        self.assertIn("None", old["faultString"])
        self.assertIsNone(new)
        old, new = self.calls(at)
        self.assertEqual((old.value, new.value), ("20240229T01:02:03", "20240229T01:02:03.000004"))


if __name__ == "__main__":
    unittest.main()
