"""python3 -m tests.stock_xmlrpc: the standard library's own tests of XML-RPC, run against Ponte.

The tests of the module test.test_xmlrpc call a server with the stock client (that of the standard
library). Here the server is Ponte's, or the proxy in front of it, with the same functions; the
tests run unchanged. Some tests look into the stock server: which connections came, with which
headers. They find what the client opened, and what Ponte's server received. The tests of values get
Ponte's decoder.

Ponte differs on purpose in some places: `DIFFERENCES` names each test that fails for this reason,
and why. A test that fails and is not in the table is an error. So is a test that is in the table
and passes.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import textwrap
import unittest
from collections.abc import Iterator
from email.message import Message
from http.client import HTTPConnection, HTTPResponse
from types import ModuleType
from typing import Any, Callable
from unittest import mock
from xmlrpc.client import Binary, DateTime, Fault

from ponte.net.address import Address
from ponte.net.message import Reply, Request
from ponte.net.serving import ENGINES
from ponte.net.stream import Program
from ponte.process.characters import write_any
from ponte.rpc.marshal import decode_result
from proxy import Proxy
from server import Server
from tests.fakes import endpoint, show_to

# The path that a stock client asks for where its URL has none.
SERVICE = "RPC2"
DECODER, SERVER = "the decoder", "the server"
PROXIES = tuple(f"the proxy, {engine}" for engine in ENGINES)
PLACES = (DECODER, SERVER, *PROXIES)

ONE_SERVICE = ("a path is the name of a service: there is nothing below it, and query and fragment "
               "do not belong to it")
NO_MULTICALL = "system.multicall is off: one call has one outcome"
NO_SEARCH = "only registered names are served: no instance is searched for attributes"
NO_GZIP = "a request may be compressed, a reply never is"
SIGNATURES = '"undef" where an annotation is missing, as the specification of introspection says'
OF_A_HOP = ("a server behind a proxy also gets Via and the headers of a call, "
            "which the test does not expect")

# The tests that fail on purpose, by "class.test", with the reason: in every place that runs them...
DIFFERENCES: dict[str, str] = {
    "SimpleServerTestCase.test_multicall": NO_MULTICALL,
    "SimpleServerTestCase.test_non_existing_multicall": NO_MULTICALL,
    "SimpleServerTestCase.test_introspection1": f"{NO_MULTICALL}; {NO_SEARCH}",
    "SimpleServerTestCase.test_introspection4": SIGNATURES,
    "SimpleServerTestCase.test_allow_dotted_names_true": NO_SEARCH,
    "GzipServerTestCase.test_gzip_response": NO_GZIP,
    **{f"MultiPathServerTestCase.{test}": ONE_SERVICE for test in (
        "test_path1", "test_path2", "test_path3", "test_invalid_path", "test_path_query_fragment",
        "test_path_fragment", "test_path_query", "test_empty_path", "test_root_path",
        "test_empty_path_query", "test_empty_path_fragment")},
}
# ... and behind a proxy only.
DIFFERENCES_OF_PROXIES: dict[str, str] = {
    f"HeadersServerTestCase.{test}": OF_A_HOP
    for test in ("test_header", "test_header_many", "test_header_empty", "test_header_tuple",
                 "test_header_items")}

# Columns of a line that is printed.
WIDTH = 120
DECODING = ("test_load_standard_types", "test_load_extension_types", "test_limit_int")

Stock = type[unittest.TestCase]


# ---- what the stock server serves ----------------------------------------------------------------

def my_function() -> bool:
    """This is my function"""
    return True


# Without annotations, as the stock functions are.
def _same(x):  # type: ignore[no-untyped-def]
    return x


def _add(x, y):  # type: ignore[no-untyped-def]
    return x + y


def _div(x, y):  # type: ignore[no-untyped-def]
    """This is the div function"""
    return x // y


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "pow": pow, "têšt": _same, "my_function": my_function, "add": _add, "div": _div}


class NotingServer(Server):
    """Ponte's server, which keeps what the tests later ask the stock request handler for."""

    def __init__(self) -> None:
        super().__init__(SERVICE, FUNCTIONS, registries=(), name="stock")
        # The request handler of the test that runs, if it has one.
        self.handler: Any = None

    def handle(self, request: Request, received_at: float,
                caller_left: Callable[[], bool]) -> Reply | Program[Reply]:
        if self.handler:
            self.handler.content_length = int(request.headers["content-length"])
            self.handler.test_headers = Message()
            for name, value in request.headers.items():
                self.handler.test_headers[name.title()] = value
        return super().handle(request, received_at, caller_left)


@contextlib.contextmanager
def running(place: str) -> Iterator[tuple[NotingServer, Address]]:
    """A server, and its address or that of a proxy in front of it."""
    server = NotingServer()
    with server:
        if place not in PROXIES:
            yield server, server.address
            return
        engine = place.rpartition(" ")[2]
        # Without a registry, the proxy is told that it knows all servers.
        with Proxy(port=0, engine=engine, registries=(), name="proxy") as proxy, \
                mock.patch.object(proxy._directory, "is_complete", return_value=True):
            show_to(proxy, endpoint(server.name, service=SERVICE, port=server.address[1]))
            yield server, proxy.address


# ---- the stock tests -----------------------------------------------------------------------------

def load() -> ModuleType | None:
    """The stock tests; None where this Python comes without them."""
    try:
        return importlib.import_module("test.test_xmlrpc")
    except ImportError:
        return None


def decoding(stock: ModuleType) -> unittest.TestSuite:
    """The stock tests that decode a value."""
    case = _decoding(stock.XMLRPCTestCase)
    return unittest.TestSuite(case(name) for name in DECODING)


def calling(stock: ModuleType, server: NotingServer, address: Address) -> unittest.TestSuite:
    """The stock tests that call a server."""
    found = [_calling(case, stock, server, address) for _, case in sorted(vars(stock).items())
             if isinstance(case, type) and issubclass(case, stock.BaseServerTestCase)]
    names = unittest.defaultTestLoader.getTestCaseNames
    return unittest.TestSuite(case(name) for case in found for name in names(case))


def _decoding(case: Stock) -> Stock:
    """The stock tests of `xmlrpc.client.loads`, with Ponte's decoder."""

    def check_loads(test: unittest.TestCase, text: str, value: object, **_: object) -> None:
        # Ponte always returns bytes and datetime: the `use_builtin_types` of the stock decoder.
        if isinstance(value, (Binary, DateTime)):
            return
        document = ("<methodResponse><params><param>"
                    f"<value>{text}</value></param></params></methodResponse>")
        try:
            found = decode_result(document.encode())
        except Fault as fault:
            raise ValueError(fault.faultString) from None
        test.assertEqual((found, type(found)), (value, type(value)))

    return type(case.__name__, (case,), {"check_loads": check_loads})


def _calling(case: Stock, stock: ModuleType, server: NotingServer, address: Address) -> Stock:
    """The stock tests of a server, with another server."""

    def set_up(test: unittest.TestCase) -> None:
        stack = contextlib.ExitStack()
        test.addCleanup(stack.close)
        host, port = address
        for name, value in (("ADDR", host), ("PORT", port), ("URL", f"http://{host}:{port}")):
            stack.enter_context(mock.patch.object(stock, name, value, create=True))
        connections = stack.enter_context(_connections())
        server.handler = getattr(case, "RequestHandler", None)
        if server.handler:
            server.handler.myRequests = connections

    return type(case.__name__, (case,), {"setUp": set_up, "tearDown": lambda test: None})


@contextlib.contextmanager
def _connections() -> Iterator[list[list[int]]]:
    """The connections that the stock client opens, each with the statuses of its replies.

    The tests of keep-alive count them.
    """
    connections: list[list[int]] = []
    # The stock tests leave it to the garbage collector to close them.
    opened = contextlib.ExitStack()
    connect, getresponse = HTTPConnection.connect, HTTPConnection.getresponse

    def connect_and_note(connection: HTTPConnection) -> None:
        connect(connection)
        connections.append([])
        opened.callback(connection.close)

    def getresponse_and_note(connection: HTTPConnection) -> HTTPResponse:
        response = getresponse(connection)
        connections[-1].append(response.status)
        return response

    with opened, mock.patch.object(HTTPConnection, "connect", connect_and_note), \
            mock.patch.object(HTTPConnection, "getresponse", getresponse_and_note):
        yield connections


# ---- the comparison ------------------------------------------------------------------------------

class Comparison:
    """The stock tests in one place, run when it is made.

    Attributes: `ran`, how many; `failed`, with their tracebacks; `differences`, those of the table
    that this place runs; `unlisted` failed and are not in the table; `no_longer` are in it and
    passed.
    """

    def __init__(self, stock: ModuleType, place: str) -> None:
        result = unittest.TestResult()
        with contextlib.ExitStack() as stack:
            suite = decoding(stock) if place == DECODER \
                else calling(stock, *stack.enter_context(running(place)))
            names = {_name(test) for test in suite}
            suite.run(result)
        self.ran = result.testsRun
        self.failed = {_name(test): text for test, text in [*result.failures, *result.errors]}
        table = {**DIFFERENCES, **(DIFFERENCES_OF_PROXIES if place in PROXIES else {})}
        self.differences = {name: why for name, why in table.items() if name in names}
        self.unlisted = {name: text for name, text in self.failed.items() if name not in table}
        self.no_longer = sorted(self.differences.keys() - self.failed.keys())


def _name(test: object) -> str:
    return f"{type(test).__name__}.{getattr(test, '_testMethodName', test)}"


def main() -> int:
    stock = load()
    if not stock:
        print("stock tests: this Python comes without test.test_xmlrpc")
        return 0
    wrong = 0
    for place in PLACES:
        compared = Comparison(stock, place)
        passed = compared.ran - len(compared.failed)
        print(f"stock tests on {place}: {compared.ran} ran, {passed} passed, "
              f"{len(compared.differences)} differ on purpose")
        for why in dict.fromkeys(compared.differences.values()):
            print(f"    {why}:")
            names = [name for name, reason in compared.differences.items() if reason == why]
            print(textwrap.fill(", ".join(names), WIDTH,
                                initial_indent=" " * 8, subsequent_indent=" " * 8))
        for name, text in compared.unlisted.items():
            print(f"    NOT LISTED: {name}\n{text}")
        for name in compared.no_longer:
            print(f"    LISTED, BUT NO DIFFERENCE: {name}")
        wrong += len(compared.unlisted) + len(compared.no_longer)
    return 1 if wrong else 0


if __name__ == "__main__":
    write_any(sys.stdout, sys.stderr)
    sys.exit(main())
