"""The callers of bench/crowd.py, with a server that replies as a test wants."""

from __future__ import annotations

import socket
import threading
import time
import unittest
from collections.abc import Callable
from unittest import mock
from xmlrpc.client import Fault

from bench import crowd
from ponte.net.message import Reply, encode_reply
from ponte.net.parser import ReplyParser
from ponte.net.stream import Stream
from ponte.rpc import marshal


class Answering:
    """A server that sends each connection what `answer` returns for its number.

    b"" closes the connection, and None sends nothing.
    """

    def __init__(self, test: unittest.TestCase, answer: Callable[[int], bytes | None]) -> None:
        self.accepted: list[socket.socket] = []
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/slow"
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()
        test.addCleanup(self._close)

    def _accept(self) -> None:
        while True:
            sock, _ = self._listener.accept()
            self.accepted.append(sock)
            if self._answer is ended:
                return
            self._threads.append(threading.Thread(target=self._serve,
                                                  args=(sock, len(self.accepted))))
            self._threads[-1].start()

    def _serve(self, sock: socket.socket, number: int) -> None:
        try:
            while sock.recv(65536):
                answer = self._answer(number)
                if answer is None:
                    continue
                if not answer:
                    break
                sock.sendall(answer)
        except OSError:
            # The crowd has closed the connection.
            pass
        sock.close()

    def _close(self) -> None:
        self._answer = ended
        socket.create_connection(self._listener.getsockname()).close()
        for thread in self._threads:
            thread.join()
        self._listener.close()
        for sock in self.accepted:
            sock.close()


def ended(number: int) -> bytes | None:
    """Ends the thread of an Answering that accepts connections."""
    return b""


RESULT = encode_reply(Reply(200, {"Content-Type": "text/xml"}, marshal.encode_result("done")))
FAULT = encode_reply(Reply(200, {"Content-Type": "text/xml"},
                           marshal.encode_fault(Fault(1, "it failed"))))


class Crowds(unittest.TestCase):
    """How the callers of bench/crowd.py count what they get.

    In-process, with a server that does as the test wants.
    """

    def setUp(self) -> None:
        patch = mock.patch.object(crowd, "WARM_UP_S", 0.02)
        patch.start()
        self.addCleanup(patch.stop)

    def meet(self, answer: Callable[[int], bytes | None], callers: int = 4,
             seconds: float = 0.2) -> crowd.Crowded:
        return crowd.Crowd(Answering(self, answer).url, "work", [], 0.02).run(callers, seconds)

    def test_results_are_served(self) -> None:
        met = self.meet(lambda number: RESULT)
        self.assertGreater(met.served_per_s, 0)
        self.assertLessEqual(met.p50_ms, met.p99_ms)
        self.assertEqual((met.refused_per_s, met.broken), (0, 0))

    def test_a_refused_caller_comes_back(self) -> None:
        """There are more refusals than callers, and none of them counts as served."""
        met = self.meet(lambda number: encode_reply(Reply(503, {}, b"too many calls", False)))
        self.assertGreater(met.refused_per_s * 0.2, 4)
        self.assertEqual((met.served_per_s, met.broken), (0, 0))

    def test_what_is_neither_result_nor_refusal_is_broken(self) -> None:
        """A fault has status 200, but is no result. A 504 is no quick refusal."""
        for answer in (FAULT, encode_reply(Reply(504, {}, b"late", False)), b"",
                       b"no HTTP\r\n\r\n"):
            with self.subTest(answer=answer):
                met = self.meet(lambda number, answer=answer: answer)     # type: ignore[misc]
                self.assertGreater(met.broken, 4)
                self.assertEqual((met.served_per_s, met.refused_per_s), (0, 0))

    def test_a_caller_whose_server_hangs_up_after_an_answer_is_not_lost(self) -> None:
        met = self.meet(lambda number: RESULT if number % 2 else b"")
        self.assertGreater(met.served_per_s, 0)
        self.assertGreater(met.broken, 0)

    def test_it_ends_in_time_also_where_nobody_is_answered(self) -> None:
        began = time.monotonic()
        met = self.meet(lambda number: None, seconds=0.1)
        self.assertLess(time.monotonic() - began, 5)
        self.assertEqual((met.served_per_s, met.refused_per_s, met.broken), (0, 0, 0))

    def test_every_socket_is_closed(self) -> None:
        """Those of callers that were refused, and those of callers that wait for a reply."""
        made: list[socket.socket] = []

        class Noted(Stream[Reply]):
            def __init__(self, sock: socket.socket, parser: ReplyParser) -> None:
                super().__init__(sock, parser)
                made.append(sock)

        answering = Answering(self, lambda number: encode_reply(Reply(503, {}, b"", False)))
        with mock.patch.object(crowd, "Stream", Noted):
            crowd.Crowd(answering.url, "work", [], 60.0).run(4, 0.2)
            calling = Answering(self, lambda number: None)
            crowd.Crowd(calling.url, "work", [], 60.0).run(3, 0.2)
        self.assertEqual([sock.fileno() for sock in made], [-1] * len(made))
        self.assertEqual(len(made), 7, "four were refused, and three wait for a reply")


if __name__ == "__main__":
    unittest.main()
