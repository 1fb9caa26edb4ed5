"""A server: which requests it takes and refuses, what it replies, and what it can be made of.

How a repeat gets the first reply: test_reply_memory.py. Functions while it serves:
test_server_functions.py.
"""

from __future__ import annotations

import contextvars
import functools
import time
import unittest
from typing import Any
from unittest import mock
from xmlrpc.client import Fault

import server as server_module
from execution import MAX_CALLS
from ponte.calls.attempt import Outcome
from ponte.discovery.beats import MAX_NAME
from ponte.net.message import Reply
from ponte.net.threads import wait_for
from ponte.rpc.dispatcher import LONG_BYTES, idempotent
from ponte.rpc.marshal import decode_result, encode_call
from server import Server, current_instance
from tests.fakes import hurry_listeners
from tests.serving import ServerTest


def setUpModule() -> None:
    hurry_listeners()


class Admission(ServerTest):
    """What is refused before it runs: 503 with Not-Executed, which any caller takes as NOT_SENT."""

    def is_refused(self, reply: Reply) -> None:
        """It was refused, and nothing has run so far."""
        self.assertIs(self.outcome(reply).outcome, Outcome.NOT_SENT)
        self.assertEqual(reply.status, 503)
        self.has_deposited(0)

    def test_expired_work_is_refused(self) -> None:
        """Its caller does not wait for the reply any more. A timeout of 0 has expired at once."""
        earlier = time.monotonic() - 0.06
        self.is_refused(self.post(1, Call_Timeout_Ms="50", received_at=earlier))
        self.is_refused(self.post(None, Call_Timeout_Ms="50", received_at=earlier))
        self.is_refused(self.post(2, Call_Timeout_Ms="0"))

    def test_work_in_time_runs(self) -> None:
        """So does work without a timeout."""
        self.assertEqual(self.post(Call_Timeout_Ms="5000").status, 200)
        self.assertEqual(self.post(None, received_at=0.0).status, 200)

    def test_too_many_calls_are_refused(self) -> None:
        """More would only make each of them slower. There is room again as they end."""
        self.server._executions._running = MAX_CALLS
        self.is_refused(self.post(1))
        self.server._executions._running -= 1
        self.assertEqual(self.post(2, Call_Timeout_Ms="1000").status, 200)
        self.assertEqual(self.server._executions._running, MAX_CALLS - 1)

    def test_a_running_call_counts(self) -> None:
        """Whether it has a number or not."""
        def running() -> int:
            return self.server._executions._running

        self.server.register_function(running)
        for number in (1, None):
            reply = self.post(number, body=encode_call("running", ()))
            self.assertEqual(decode_result(reply.body), 1)
        self.assertEqual(self.server._executions._running, 0)

    def test_a_draining_server_refuses_new_calls(self) -> None:
        """Another server may run them."""
        self.server._executions.stop()
        self.is_refused(self.post(1))
        self.is_refused(self.post(None))

    def test_a_call_whose_caller_has_left_is_refused(self) -> None:
        """It may have waited in a frozen server. Its caller may have decided something since."""
        self.is_refused(self.post(left=True))
        self.is_refused(self.post(None, left=True))
        self.is_refused(self.repeat(left=True))
        self.is_refused(self.post(None, left=True, Idempotency_Key="a"))
        self.counts(calls=0, refused=4)
        # It is not remembered as run, nor as dead: nobody has asked what came of it.
        self.assertEqual(self.post().status, 200)
        self.assertEqual(self.post(None, Idempotency_Key="a").status, 200)
        self.has_deposited(200)

    def test_an_idempotent_call_begins_though_its_caller_has_left(self) -> None:
        """It does no harm. So the connection is not even looked at: that would cost each call."""
        def must_not_be_asked() -> bool:
            raise AssertionError

        request = self.request(None, body=encode_call("count", ()), Call_Idempotent="1")
        begun = self.server.handle(request, time.monotonic(), must_not_be_asked)
        reply = begun if isinstance(begun, Reply) else wait_for(begun)
        self.assertEqual(reply.status, 200)
        self.has_deposited(100)

    def test_a_second_copy_of_what_was_refused_does_not_run(self) -> None:
        """Its caller was told that it was not sent. But one that has left was told nothing: it may
        have sent a repeat, and wait for the reply.
        """
        self.server._executions._running = MAX_CALLS
        self.is_refused(self.post(1))
        self.server._executions._running = 0
        self.is_refused(self.post(2, left=True))
        self.is_refused(self.post(3, Call_Timeout_Ms="0"))
        self.assertEqual([self.post(number).status for number in (1, 2, 3)], [410, 200, 410])
        self.has_deposited(100)

    def test_a_client_with_a_key_may_send_a_refused_call_once_more(self) -> None:
        self.server._executions._running = MAX_CALLS
        self.is_refused(self.post(None, Idempotency_Key="a"))
        self.server._executions._running = 0
        self.assertEqual(self.post(None, Idempotency_Key="a").status, 200)

    def test_refused_calls_are_counted(self) -> None:
        """In /status."""
        self.server._executions.stop()
        self.post()
        self.post(None)
        self.counts(calls=0, repeats=0, refused=2)

    def test_a_header_that_is_not_a_number_is_refused(self) -> None:
        """400, and nothing runs."""
        for text in ("-1", "x", "1_0", "", "\u0661", "9" * 10):
            with self.subTest(text):
                self.assertEqual(self.post(None, Call_Timeout_Ms=text).status, 400)
        self.assertEqual(self.post(None, Call_Attempt="x").status, 400)
        self.has_deposited(0)


class AdmissionOnThreads(Admission):
    """The same, where a thread of its own runs each call."""

    engine = "threads"


class Promises(ServerTest):
    """A function is idempotent only if its author says so. A caller that believes more is refused.
    """

    def is_refused(self, body: bytes) -> None:
        """503 with Not-Executed, and Call-Idempotent: 0. Nothing has run or is running."""
        reply = self.post(None, body=body, Call_Idempotent="1")
        self.assertEqual(reply.status, 503)
        self.assertEqual(reply.headers["call-idempotent"], "0")
        result = self.outcome(reply)
        self.assertIs(result.outcome, Outcome.NOT_SENT)
        self.assertTrue(result.needs_care)
        self.has_deposited(0)
        self.assertEqual(self.server.status()["running"], 0)

    def test_an_idempotent_function_may_be_called_so(self) -> None:
        self.post(None, body=encode_call("count", ()), Call_Idempotent="1")
        self.has_deposited(100)

    def test_a_function_without_the_mark_is_refused(self) -> None:
        """Its caller learns it at once, and sends the call with a number."""
        self.is_refused(encode_call("deposit", (100,)))
        self.counts(calls=0, refused=1)
        self.assertEqual(self.post().status, 200)

    def test_so_is_a_long_call_which_is_read_on_a_worker_thread(self) -> None:
        self.is_refused(encode_call("deposit", ("x" * LONG_BYTES,)))
        self.counts(calls=0, refused=1)

    def test_a_long_call_of_an_idempotent_function_runs(self) -> None:
        self.post(None, body=encode_call("count", ("x" * LONG_BYTES,)), Call_Idempotent="1")
        self.has_deposited(100)

    def test_the_functions_that_every_server_has_are_idempotent(self) -> None:
        """Those of introspection. system.multicall is not: it runs other functions."""
        for method, *params in (("system.listMethods",), ("system.methodHelp", "deposit"),
                                ("system.methodSignature", "deposit")):
            reply = self.post(None, body=encode_call(method, params), Call_Idempotent="1")
            self.assertEqual(reply.status, 200)
        self.server.close()
        self.server = Server("bank", [self.till.deposit], registries=(), name="bank-1",
                             engine=self.engine, allow_multicall=True)
        self.addCleanup(self.server.close)
        self.server._listener.served_by = self.server._served_by
        calls = [{"methodName": "deposit", "params": [100]}]
        self.is_refused(encode_call("system.multicall", (calls,)))
        self.is_refused(encode_call("system.multicall", (calls * (LONG_BYTES // 50),)))
        reply = self.post(None, body=encode_call("system.multicall", (calls,)))
        self.assertEqual(decode_result(reply.body), [[100]])


class PromisesOnThreads(Promises):
    """The same, where a thread of its own runs each call."""

    engine = "threads"


class Requests(ServerTest):
    """Paths, methods, media types, and what stands in a reply."""

    def test_the_service_is_where_clients_look(self) -> None:
        """At its name, and at two paths of stock clients; nowhere else.

        A slash at the end and a query are passed over, and escapes that are needless.
        """
        for target, status in (("/bank", 200), ("/", 200), ("/RPC2", 200), ("/bank/", 200),
                               ("/bank?", 200), ("/bank?x=/y", 200), ("/bank/?x", 200),
                               ("/RPC2/", 200), ("/?x", 200), ("/%62ank", 200),
                               ("/greeter", 404), ("//bank", 404), ("/bank/x", 404),
                               ("/bank%2F", 404), ("/bank%3Fx", 404), ("/BANK", 404)):
            with self.subTest(target):
                self.assertEqual(self.post(None, target=target).status, status)

    def test_calls_come_by_post(self) -> None:
        """405 with Allow for any other method."""
        for method in ("GET", "PUT", "TRACE", "DELETE"):
            reply = self.post(method=method)
            self.assertEqual(reply.status, 405)
            self.assertEqual(reply.headers["allow"], "POST")

    def test_calls_come_as_xml(self) -> None:
        """415 for any other media type. A missing one is taken for XML."""
        self.assertEqual(self.post(None).status, 200)
        self.assertEqual(self.post(None, Content_Type="text/xml").status, 200)
        self.assertEqual(self.post(None, Content_Type="Application/XML;a=b").status, 200)
        self.assertEqual(self.post(None, Content_Type="application/json").status, 415)
        self.assertEqual(self.post(None, Content_Type="").status, 415)

    def test_a_body_may_be_compressed_with_gzip_only(self) -> None:
        """415 for any other Content-Encoding; 400 for a body that is not what it says."""
        self.assertEqual(self.post(None, Content_Encoding="gzip").status, 400)
        self.assertEqual(self.post(None, Content_Encoding="br").status, 415)

    def test_a_reply_names_its_server(self) -> None:
        """In Served-By: instance, incarnation and service. Also in every refusal and page."""
        served_by = f"bank-1; incarnation={self.server.incarnation}; service=bank"

        def is_marked(reply: Reply, status: int) -> None:
            self.assertEqual(reply.status, status)
            self.assertEqual(reply.headers["served-by"], served_by)

        is_marked(self.post(None), 200)
        is_marked(self.post(1), 200)
        is_marked(self.repeat(1), 200)
        is_marked(self.resolve(1), 200)
        is_marked(self.resolve(2), 410)
        is_marked(self.post(None, Call_Session="new"), 503)
        is_marked(self.post(target="/health", method="GET"), 200)
        is_marked(self.post(target="/greeter"), 404)
        is_marked(self.post(method="PUT"), 405)
        is_marked(self.post(Call_Idempotent="1"), 503)
        self.server._executions._running = MAX_CALLS
        is_marked(self.post(3), 503)
        is_marked(self.post(Call_Idempotent="1"), 503)

    def test_an_unknown_path_is_no_answer(self) -> None:
        """404 with Not-Executed: another server may have the service."""
        reply = self.post(target="/greeter")
        self.assertEqual(reply.headers["not-executed"], "1")
        self.assertIs(self.outcome(reply).outcome, Outcome.NOT_SENT)

    def test_a_function_knows_its_server(self) -> None:
        """`current_instance` inside of a call; a LookupError outside of one."""
        reply = self.post(body=encode_call("current_instance", ()))
        self.assertEqual(decode_result(reply.body), "bank-1")

    def test_outside_of_a_call_there_is_no_server(self) -> None:
        with self.assertRaises(LookupError):
            contextvars.Context().run(current_instance)

    def test_pages_need_no_number_and_no_xml(self) -> None:
        """They are read with GET."""
        for target in ("/health", "/status", "/metrics"):
            self.assertEqual(self.post(None, target=target, method="GET").status, 200)

    def test_status_shows_the_state(self) -> None:
        """Up, then draining."""
        self.assertEqual(self.server.status()["state"], "up")
        self.server._executions.stop()
        self.assertEqual(self.server.status()["state"], "draining")


class RequestsOnThreads(Requests):
    """The same, where a thread of its own runs each call."""

    engine = "threads"


class Making(unittest.TestCase):
    """What a server can be made of."""

    def refuses(self, service: str, name: str | None = None) -> None:
        """ValueError, and a port that was taken is free again."""
        with self.subTest(service=service, name=name), \
                mock.patch.object(server_module, "Listener") as listener:
            with self.assertRaises(ValueError):
                Server(service, name=name, registries=())
            self.assertEqual(listener.call_count, listener.return_value.close.call_count)

    def test_bad_names_are_refused(self) -> None:
        """Of the service, and of the instance."""
        self.refuses("a b")
        self.refuses("")
        self.refuses("a" * (MAX_NAME + 1))
        self.refuses("bank", name="a/b")

    def test_an_engine_that_is_not_there_is_refused(self) -> None:
        """A ValueError that says which there are, before a port is taken."""
        with self.assertRaisesRegex(ValueError, "events and threads"):
            Server("bank", registries=(), engine="carrier pigeons")

    def test_a_running_server_takes_more_functions(self) -> None:
        """As in the standard library, also by a decorator."""
        with Server("bank", registries=()) as server:
            @server.register_function
            def limit() -> int:
                return 5

            self.assertEqual(limit(), 5)
            names = server._dispatcher.dispatch(encode_call("system.listMethods", ()))
            self.assertIn(b"limit", names)

    def test_the_beats_of_a_running_server_name_what_is_idempotent(self) -> None:
        """Also of a function that was registered later."""
        with Server("bank", registries=()) as server:
            @server.register_function
            @idempotent
            def limit() -> int:
                return 5

            assert server._heartbeat
            self.assertEqual(server._heartbeat.beat.idempotent, ("limit",))

    def test_functions_that_cannot_be_served_are_refused_before_a_port_is_taken(self) -> None:
        """A ValueError in one line."""
        async def pay() -> int:
            return 7

        for functions in (pay, [pay], [functools.partial(len, "x")], {"_a": len}, {"a..b": len}, 7,
                          "pay", None, [7]):
            with self.subTest(functions), mock.patch.object(server_module, "Listener") as listener:
                with self.assertRaises(ValueError) as raised:
                    Server("bank", functions, registries=())  # type: ignore[arg-type]
                self.assertEqual(len(str(raised.exception).splitlines()), 1)
                listener.assert_not_called()

    def test_a_server_that_was_never_started_can_drain_and_close(self) -> None:
        """At once."""
        server = Server("bank", registries=())
        self.assertTrue(server.drain())


class Account:
    """What `register_instance` may be given."""

    limit = 7

    class Coin:
        pass

    def __init__(self) -> None:
        self.fast = functools.partial(max, 3)

    def deposit(self, cents: int) -> int:
        return cents

    @idempotent
    def balance(self) -> int:
        return self.limit

    @property
    def danger(self) -> int:
        raise AssertionError("a property was read")

    @staticmethod
    def currency() -> str:
        return "EUR"

    @classmethod
    def kind(cls) -> str:
        return cls.__name__

    def _hide(self) -> None:
        pass


class Registering(unittest.TestCase):
    """With the names and parameters of the standard library's SimpleXMLRPCServer."""

    def setUp(self) -> None:
        self.server = Server("bank", registries=())
        self.addCleanup(self.server.close)

    def call(self, method: str, *params: Any) -> Any:
        return decode_result(self.server._dispatcher.dispatch(encode_call(method, params)))

    def methods(self) -> list[str]:
        return [name for name in self.call("system.listMethods") if not name.startswith("system.")]

    def test_a_decorator_may_have_a_name(self) -> None:
        """With dots, too. The function stays as it is."""
        @self.server.register_function(name="math.add")
        def add(a: int, b: int) -> int:
            return a + b

        @self.server.register_function()
        def sub(a: int, b: int) -> int:
            return a - b

        self.server.register_function(function=add, name="plus")
        self.assertEqual(add(2, 3), 5)
        self.assertEqual(self.methods(), ["math.add", "plus", "sub"])
        self.assertEqual([self.call(name, 3, 2) for name in self.methods()], [5, 5, 1])

    def test_what_is_wrong_is_one_line(self) -> None:
        for function, name in ((7, None), ("x", None), (functools.partial(len, "x"), None),
                               (len, "_len"), (len, "a._b"), (len, ""), (len, "a b")):
            with self.subTest(function=function, name=name), \
                    self.assertRaises(ValueError) as raised:
                self.server.register_function(function, name)  # type: ignore[arg-type]
            self.assertEqual(len(str(raised.exception).splitlines()), 1)
        self.assertEqual(self.methods(), [])

    def test_the_public_methods_of_an_object_are_served(self) -> None:
        """No private one, no property, no class in it. Nothing is looked up by a dot."""
        account = Account()
        self.server.register_instance(account)
        self.assertEqual(self.methods(), ["balance", "currency", "deposit", "fast", "kind"])
        self.assertEqual(self.call("deposit", 5), 5)
        self.assertEqual(self.call("fast", 2), 3)
        self.assertEqual(self.call("kind"), "Account")
        self.assertEqual(self.server._dispatcher.idempotent, ("balance",))
        for name in ("_hide", "deposit.__func__", "__init__", "limit", "danger", "Coin"):
            with self.subTest(name), self.assertRaisesRegex(Fault, "no method"):
                self.call(name)

    def test_a_function_goes_before_a_method(self) -> None:
        """In whichever order they came."""
        self.server.register_function(lambda: 1, "balance")
        self.server.register_instance(Account())
        self.server.register_function(lambda cents: 2, "deposit")
        self.assertEqual([self.call("balance"), self.call("deposit", 5)], [1, 2])

    def test_an_object_that_cannot_be_served_is_refused_whole(self) -> None:
        """In one line that says why."""
        class Dispatching:
            def _dispatch(self, method: str, params: Any) -> None:
                pass

        class Later:
            def now(self) -> int:
                return 1

            async def later(self) -> int:
                return 2

        for instance, words in ((Account, "a class"), (unittest, "a module"), (object(), "public"),
                                (Dispatching(), "_dispatch"), (Later(), "Later.later is an async")):
            with self.subTest(instance), self.assertRaisesRegex(ValueError, words) as raised:
                self.server.register_instance(instance)
            self.assertEqual(len(str(raised.exception).splitlines()), 1)
        with self.assertRaisesRegex(ValueError, "allow_dotted_names"):
            self.server.register_instance(Account(), True)
        self.assertEqual(self.methods(), [])

    def test_introspection_and_multicall_can_be_asked_for(self) -> None:
        """The first is always there; the second is off until then."""
        calls = [{"methodName": "system.listMethods", "params": []}]
        with self.assertRaisesRegex(Fault, "is off"):
            self.call("system.multicall", calls)
        self.server.register_introspection_functions()
        self.server.register_multicall_functions()
        self.assertIn("system.multicall", self.call("system.multicall", calls)[0][0])


if __name__ == "__main__":
    unittest.main()
