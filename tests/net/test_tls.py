"""TLS on the TCP ports: which certificates are accepted, and what rule R makes of a refusal."""

from __future__ import annotations

import argparse
import contextlib
import functools
import socket
import ssl
import threading
import time
import unittest
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any
from unittest import mock

from client import Client, NotSent
from ponte.net.address import Address
from ponte.net.message import Reply, Request, encode_request
from ponte.net.pool import ExchangeError, Pool, shared_pool
from ponte.net.serving import ENGINES, Listener
from ponte.net.stream import Program, listen, result_of
from ponte.net.threads import wait_for
from ponte.net.tls import Tls
from ponte.process.options import UsageError, chosen_tls
from proxy import Proxy
from registry import Registry
from server import Server, idempotent
from tests.fakes import eventually
from tests.net.certificates import Certificates, needs_openssl
from tests.net.engines import DriverCase, OfEvents, OfThreads
from tests.net.peers import PATIENCE_S, SOON_S, Mute, ends_by_a_reset
from tests.system.cluster import SystemTest
from tests.system.harness import START_S, wait_until

MIB = 2 ** 20
ASK = encode_request("POST", "/", {"Host": "a"}, b"x")


@idempotent
def echo(text: str) -> str:
    return text


def store(text: str) -> int:
    """Not idempotent."""
    return len(text)


def knows_both(stub: Client) -> bool:
    return len(stub.endpoints) == 2


@needs_openssl
class TlsTest(unittest.TestCase):
    files: Certificates
    trusting: Tls
    mutual: Tls
    one_sided: Tls

    @classmethod
    def setUpClass(cls) -> None:
        cls.files = Certificates(cls)
        # As a client without a certificate.
        cls.trusting = Tls(ca=cls.files.ca)
        cls.mutual = Tls(cls.files.local, ca=cls.files.ca)
        # As a server that takes any caller.
        cls.one_sided = Tls(cls.files.local)


class CommandLine(TlsTest):
    """The options --tls-cert, --tls-key and --tls-ca."""

    def chosen(self, cert: str | None = None, key: str | None = None,
               ca: str | None = None) -> argparse.Namespace:
        return argparse.Namespace(tls_cert=cert, tls_key=key, tls_ca=ca)

    def test_without_an_option_there_is_no_tls(self) -> None:
        self.assertIsNone(chosen_tls(self.chosen()))

    def test_a_client_needs_an_authority_alone(self) -> None:
        self.assertIsNotNone(chosen_tls(self.chosen(ca=self.files.ca), listens=False))

    def test_the_same_files_are_the_same_certificates(self) -> None:
        """Clients that load them, each for itself, share connections."""
        of = self.files
        one, other = Tls(of.local, ca=of.ca), Tls(of.local, ca=of.ca)
        self.assertEqual((one, hash(one)), (other, hash(other)))
        self.assertIs(shared_pool(one), shared_pool(other))
        for different in (Tls(ca=of.ca), Tls(of.local), Tls(of.local, ca=of.other_ca), None):
            self.assertNotEqual(one, different)

    def test_wrong_options_are_an_error_of_one_line(self) -> None:
        """Also a key with a password, for which OpenSSL would ask at the terminal."""
        cert, ca = self.files.local, self.files.ca
        for chosen, listens, expected in (
                (self.chosen(ca=ca), True, "--tls-cert"),
                (self.chosen(key=cert), False, "--tls-cert"),
                (self.chosen("/nowhere/cert"), True, "--tls-cert /nowhere/cert: no such file"),
                (self.chosen(cert, "/nowhere/key"), True, "--tls-key /nowhere/key"),
                (self.chosen(cert, ca="/nowhere/ca"), True, "--tls-ca /nowhere/ca"),
                (self.chosen(cert, self.files.stranger), True, "--tls-key"),
                (self.chosen(ca), True, "--tls-key"),
                (self.chosen(cert, self.files.locked), True, "--tls-key"),
                (self.chosen(cert, ca=__file__), True, "--tls-ca")):
            with self.subTest(expected), \
                    self.assertRaisesRegex(UsageError, f"^[^\n]*{expected}[^\n]*$"):
                chosen_tls(chosen, listens=listens)


class Handshakes(DriverCase):
    """A listener and a pool: they exchange nothing if a certificate is not accepted."""

    files: Certificates
    trusting: Tls
    mutual: Tls
    one_sided: Tls

    @contextlib.contextmanager
    def listening(self, tls: Tls | None) -> Iterator[Address]:
        self.handled = 0

        def handle(request: Request, *_: object) -> Reply:
            self.handled += 1
            return Reply(200, {}, request.body)

        listener = Listener("127.0.0.1", 0, handle, engine=self.engine, tls=tls)
        listener.start()
        try:
            yield listener.address
        finally:
            listener.close()

    def exchange(self, address: Address, tls: Tls | None) -> Reply:
        with contextlib.closing(Pool(tls)) as pool:
            return self.ask(pool, address, ASK, PATIENCE_S)

    def ask(self, pool: Pool, address: Address, request: bytes, timeout_s: float) -> Reply:
        try:
            return self.run_program(
                pool.exchange(address, request, time.monotonic() + timeout_s))
        finally:
            # The connections that it keeps are watched by the loop.
            self.do(lambda: pool.close_idle(list(pool._idle)))

    def test_a_server_is_known_by_its_address_or_name(self) -> None:
        with self.listening(self.one_sided) as (_, port):
            for host in ("127.0.0.1", "localhost"):
                with self.subTest(host):
                    self.assertEqual(self.exchange((host, port), self.trusting).body, b"x")

    def test_a_server_that_is_not_accepted_is_sent_nothing(self) -> None:
        """Another authority, another host, no TLS: not sent, at once, and with the reason."""
        verify, other = "certificate verify failed: ", Tls(ca=self.files.other_ca)
        for server, caller, why in (
                (Tls(self.files.stranger), self.trusting, verify + "unable to get local issuer"),
                (Tls(self.files.elsewhere), self.trusting, verify + "IP address mismatch"),
                (self.one_sided, other, verify),
                (None, self.trusting, "")):
            # The text does not name _ssl.c.
            text = f"^connect: the TLS handshake failed: {why}[^_]*$"
            with self.listening(server) as address, \
                    self.assertRaisesRegex(ExchangeError, text) as caught:
                self.exchange(address, caller)
            self.assertEqual(caught.exception.phase, "connect")
            self.assertFalse(caught.exception.sent)
            self.assertEqual(self.handled, 0)

    def test_a_host_that_no_certificate_can_be_for_is_an_os_error(self) -> None:
        """After a ValueError, an event loop would lose the call."""
        for host in (".a", ""):
            with self.subTest(host), socket.socket() as sock, self.assertRaises(OSError):
                self.trusting.wrap_connected(sock, host)

    def test_a_plain_request_to_a_tls_port_is_refused_without_a_hang(self) -> None:
        with self.listening(self.one_sided) as address:
            began = time.monotonic()
            with self.assertRaises(ExchangeError):
                self.exchange(address, None)
            self.assertLess(time.monotonic() - began, PATIENCE_S / 2)
        self.assertEqual(self.handled, 0)

    def test_with_an_authority_a_listener_demands_certificates_of_its_callers(self) -> None:
        """Without one, nothing runs; with TLS 1.3 the alert comes in place of a reply."""
        with self.listening(self.mutual) as address:
            self.assertEqual(self.exchange(address, self.mutual).body, b"x")
            for caller in (self.trusting, Tls(self.files.stranger, ca=self.files.ca)):
                with self.assertRaisesRegex(ExchangeError, "the TLS handshake failed: .*alert"):
                    self.exchange(address, caller)
            self.assertEqual(self.handled, 1)

    def test_old_versions_are_refused(self) -> None:
        """TLS 1.1, also if the caller offers it. (OpenSSL does so only at this security level.)"""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        with self.listening(self.one_sided) as address, \
                socket.create_connection(address, PATIENCE_S) as sock, self.assertRaises(OSError):
            context.wrap_socket(sock)

    @contextlib.contextmanager
    def serving(self, serve: Callable[[ssl.SSLSocket], None]) -> Iterator[Address]:
        """A TLS server that a test plays, on a thread of its own, for one connection."""
        with contextlib.closing(listen("127.0.0.1", 0)) as listening:
            listening.settimeout(PATIENCE_S)
            failed: list[BaseException] = []

            def run() -> None:
                try:
                    sock, _ = listening.accept()
                    sock.settimeout(PATIENCE_S)
                    with self.one_sided.wrap_accepted(sock) as wrapped:
                        serve(wrapped)
                except BaseException as error:
                    failed.append(error)

            thread = threading.Thread(target=run)
            thread.start()
            yield listening.getsockname()
            thread.join(PATIENCE_S)
            self.assertEqual(failed, [])

    def test_an_exchange_that_is_given_up_is_reset(self) -> None:
        """As without TLS: the server of a call that timed out sees a reset, and no plain end."""
        def serve(sock: ssl.SSLSocket) -> None:
            sock.do_handshake()
            self.assertEqual(sock.recv(1000), ASK)
            # Below TLS, which would not tell the one from the other.
            with socket.socket(fileno=sock.detach()) as plain:
                plain.settimeout(PATIENCE_S)
                self.assertEqual(ends_by_a_reset(plain), 0)

        with self.serving(serve) as address, contextlib.closing(Pool(self.trusting)) as pool, \
                self.assertRaisesRegex(ExchangeError, "reply: timed out"):
            self.ask(pool, address, ASK, 0.2)

    def test_a_handshake_that_is_given_up_is_reset(self) -> None:
        with Mute() as silent, silent.accepting() as accepted, \
                contextlib.closing(Pool(self.trusting)) as pool:
            with self.assertRaisesRegex(ExchangeError, "connect: timed out"):
                self.ask(pool, silent.address, ASK, SOON_S)
            with accepted() as sock:
                self.assertGreater(ends_by_a_reset(sock), 0)

    def test_a_handler_sees_whether_its_caller_has_left(self) -> None:
        """Nothing of the next request is lost by a look: TLS has no look that takes no bytes."""
        looks: list[Callable[[], bool]] = []
        replies: list[Future[Reply]] = [Future(), Future()]

        def handle(request: Request, received_at: float,
                   caller_left: Callable[[], bool]) -> Reply | Program[Reply]:
            looks.append(caller_left)
            return result_of(replies[len(looks) - 1])

        listener = Listener("127.0.0.1", 0, handle, engine=self.engine, tls=self.one_sided)
        listener.start()
        self.addCleanup(listener.close)
        context = ssl.create_default_context(cafile=self.files.ca)
        with socket.create_connection(listener.address, PATIENCE_S) as plain, \
                context.wrap_socket(plain, server_hostname="127.0.0.1") as caller:
            # 1. It waits.
            caller.sendall(ASK)
            eventually(lambda: len(looks) == 1)
            look: Any = looks[0]
            self.assertFalse(look())
            # 2. It sends its next request.
            caller.sendall(ASK)
            eventually(lambda: not look() and look.__self__.parser.in_message)
            replies[0].set_result(Reply(200, {}, b"the first"))
            came = b""
            while not came.endswith(b"the first"):
                came += caller.recv(1000)
            # 3. It leaves.
            eventually(lambda: len(looks) == 2)
            self.assertFalse(looks[1]())
            caller.close()
            eventually(looks[1])
            replies[1].set_result(Reply(200, {}, b"the second"))
        self.assertTrue(listener.wait_until_quiet(PATIENCE_S, idle_too=True))

    def test_a_send_that_fails_did_not_deliver_the_request(self) -> None:
        """Rule R: the other side begins to read only afterwards, and gets less than all of it."""
        listening = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listening.close)
        request = encode_request("POST", "/", {"Host": "a"}, b"x" * (16 * MIB))
        received: list[int] = []
        may_read = threading.Event()

        def serve() -> None:
            sock = self.one_sided.wrap_accepted(listening.accept()[0])
            with sock, contextlib.suppress(OSError):
                sock.do_handshake()
                may_read.wait(PATIENCE_S)
                received.append(0)
                while data := sock.recv(65536):
                    received[0] += len(data)

        thread = threading.Thread(target=serve)
        thread.start()
        with contextlib.closing(Pool(self.trusting)) as pool, \
                self.assertRaises(ExchangeError) as caught:
            self.ask(pool, listening.getsockname(), request, 0.5)
        may_read.set()
        thread.join()
        self.assertEqual(caught.exception.phase, "send")
        self.assertFalse(caught.exception.sent)
        self.assertGreater(received[0], 0)
        self.assertLess(received[0], len(request))


    def test_a_handshake_with_a_silent_server_ends_at_the_deadline(self) -> None:
        """Not sent: it accepts, and says nothing."""
        with contextlib.closing(listen("127.0.0.1", 0)) as silent, \
                contextlib.closing(Pool(self.trusting)) as pool, \
                self.assertRaises(ExchangeError) as caught:
            self.ask(pool, silent.getsockname(), ASK, 0.05)
        self.assertEqual(str(caught.exception), "connect: timed out")
        self.assertFalse(caught.exception.sent)

    def test_a_long_message_goes_through_on_a_kept_connection(self) -> None:
        """Its records arrive in pieces, and some of them wait inside of OpenSSL."""
        body = b"x" * (MIB - 1000)
        request = encode_request("POST", "/", {"Host": "a"}, body)
        with self.listening(self.mutual) as address, \
                contextlib.closing(Pool(self.mutual)) as pool:
            for _ in range(3):
                reply = self.run_program(
                    pool.exchange(address, request, time.monotonic() + PATIENCE_S))
                self.assertTrue(reply.body == body)
            self.assertEqual([len(idle) for idle in pool._idle.values()], [1])
            self.do(lambda: pool.close_idle(list(pool._idle)))
        self.assertEqual(self.handled, 3)


class HandshakesOfThreads(OfThreads, Handshakes, TlsTest):
    pass


class HandshakesOfEvents(OfEvents, Handshakes, TlsTest):
    pass


class AllActors(TlsTest):
    """Registry, server, proxy and stub, all with mutual TLS, and both engines of the proxy."""

    def on_both_engines(self, check: Callable[[Proxy, Client], None], **options: Any) -> None:
        for engine in ENGINES:
            with self.subTest(engine), contextlib.ExitStack() as stack:
                registry = stack.enter_context(Registry(port=0, tls=self.mutual))
                known: dict[str, Any] = {"registries": [registry.address], "tls": self.mutual}
                stack.enter_context(Server("texts", [echo, store], **known))
                proxy = stack.enter_context(Proxy(port=0, engine=engine, **known, **options))
                stub = stack.enter_context(Client("texts", timeout_s=PATIENCE_S, **known))
                wait_until(functools.partial(knows_both, stub), PATIENCE_S,
                           "proxy and server are known")
                check(proxy, stub)

    def test_calls_pass_from_end_to_end_also_large_ones(self) -> None:
        """A large call has many records, which arrive in pieces. Also on kept connections."""
        large = "x" * (MIB - 1000)

        def check(proxy: Proxy, stub: Client) -> None:
            for _ in range(3):
                self.assertEqual(stub.echo(large), large)
                self.assertEqual(stub.store("abc"), 3)
            self.assertEqual(proxy.status()["requests"],
                             {"calls": 6, "retries": 0, "not_sent": 0, "unknown": 0})

        self.on_both_engines(check)

    def test_a_slow_handshake_holds_up_no_call_and_ends_at_its_deadline(self) -> None:
        """Some callers send nothing, some half of a TLS hello."""
        def check(proxy: Proxy, stub: Client) -> None:
            slow = [socket.create_connection(proxy.address, PATIENCE_S) for _ in range(8)]
            for sock in slow[::2]:
                sock.sendall(b"\x16\x03\x01\x02")
            self.assertEqual(stub.echo("meanwhile"), "meanwhile")
            for sock in slow:
                with sock, contextlib.suppress(ConnectionResetError):
                    self.assertEqual(sock.recv(1), b"")

        with mock.patch("ponte.net.serving.MESSAGE_TIMEOUT_S", 0.5):
            self.on_both_engines(check)

    def test_garbage_and_plain_requests_are_refused_at_once(self) -> None:
        def check(proxy: Proxy, stub: Client) -> None:
            for data in (ASK, b"\0" * 100, b"\x16\x03\x01\x00\x05hello"):
                with socket.create_connection(proxy.address, PATIENCE_S) as sock, \
                        contextlib.suppress(ConnectionResetError):
                    sock.sendall(data)
                    self.assertNotIn(b"200", sock.recv(1000))
            self.assertEqual(stub.echo("still"), "still")

        self.on_both_engines(check)

    def test_a_caller_that_is_not_accepted_calls_nothing(self) -> None:
        def check(proxy: Proxy, stub: Client) -> None:
            stranger = Tls(self.files.stranger, ca=self.files.ca)
            with contextlib.closing(Pool(stranger)) as pool, self.assertRaises(ExchangeError):
                wait_for(pool.exchange(proxy.address, ASK, time.monotonic() + PATIENCE_S))
            requests: Any = proxy.status()["requests"]
            self.assertEqual(requests["calls"], 0)

        self.on_both_engines(check)

    def test_a_server_that_is_not_accepted_gets_no_call_from_a_proxy(self) -> None:
        """It beats, and is listed, but its certificate is for another address: not sent."""
        for engine in ENGINES:
            with self.subTest(engine), contextlib.ExitStack() as stack:
                registry = stack.enter_context(Registry(port=0, tls=self.mutual))
                known: dict[str, Any] = {"registries": [registry.address]}
                impostor = Tls(self.files.elsewhere, ca=self.files.ca)
                server = stack.enter_context(Server("texts", [store], tls=impostor, **known))
                stack.enter_context(Proxy(port=0, engine=engine, tls=self.mutual, **known))
                stub = stack.enter_context(Client("texts", tls=self.mutual, **known))
                with self.assertRaises(NotSent):
                    stub.store("secret")
                self.assertEqual(server.status()["requests"],
                                 {"calls": 0, "repeats": 0, "refused": 0})


@needs_openssl
class Processes(SystemTest):
    """By the command line."""

    files: Certificates

    @classmethod
    def setUpClass(cls) -> None:
        cls.files = Certificates(cls)

    def test_all_roles_with_mutual_tls(self) -> None:
        mine = ("--tls-cert", self.files.local, "--tls-ca", self.files.ca)
        registry = self.cluster.start_role("registry.py", "--port", "0", *mine)
        self.cluster.registries.append(registry.address)
        server = self.cluster.start_server("services/greeter.py", "server-1", *mine)
        self.assertIn(f"https://127.0.0.1:{server.address[1]}/greeter", server.out)
        proxy = self.cluster.start_role("proxy.py", "--port", "0", "--engine", "events",
                                        *self.cluster.registry_option(), *mine)
        proxy.wait_for_line("https://", START_S)
        self.assertEqual(self.cluster.run_client(*mine, "greeter", "hello", "Hello").out, "World\n")
        for options, text in (
                ((), "no registry answers"),
                (("--tls-ca", self.files.ca), "handshake failed.*required"),
                (("--tls-ca", self.files.other_ca), "handshake failed: certificate verify failed")):
            with self.subTest(text):
                refused = self.cluster.run_client(*options, "--timeout", "1",
                                                  "greeter", "hello", "Hello")
                self.assertEqual(refused.wait(START_S), 4, refused.log)
                self.assertRegex(refused.log, rf"\A.*\nclient: .*{text}.*\n\Z")


if __name__ == "__main__":
    unittest.main()
