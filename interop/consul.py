"""python3 -m interop.consul: our registries, for programs that read Consul.

    python3 -m interop.consul --port 4185
    consul watch -http-addr=127.0.0.1:4185 -type=service -service=greeter
    curl 'http://127.0.0.1:4185/v1/health/service/greeter?passing'

The problem: Prometheus, a load balancer or a client in another language finds servers in Consul.
Ours are not there. So this process follows the registries as any reader does, and answers what
Consul would; the registries do not know of it. What can be asked: interop/consul_catalog.py.

What a client keeps that asks here and not a registry: it names only servers that beat, hears of a
change while it waits (a blocking query), and can tell who drains. What it loses: it does not know
the lives of a server by itself, nor which functions are idempotent, though both stand in the Meta
of each entry. Nothing can be written here: a server announces itself to a registry by its beats.
While no registry can be reached, it answers what was known last, as every reader does.

Threads: one of the engine for all clients, and one for each registry. A client that waits is a
program of that engine (ponte/net/stream.py), and takes no thread.
"""

from __future__ import annotations

import contextlib
import logging
import random
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from interop.consul_catalog import BadQuestion, Catalog, Question, read_question
from interop.consul_registry import JITTER
from ponte.discovery.directory import Directory
from ponte.discovery.leases import ALL
from ponte.net.address import Address, show
from ponte.net.message import Reply, Request, text_reply
from ponte.net.serving import Listener
from ponte.net.stream import DONE, Program
from ponte.net.tls import Tls
from ponte.process.options import chosen_tls, mistakes_in_one_line, reader_options
from ponte.process.running import begin, farewell, hold, run
from ponte.process.stopping import Stop

log = logging.getLogger("ponte.consul")

DEFAULT_PORT = 4185
# Seconds between two looks whether a client that waits has gone.
LOOK_S = 0.5
# Answers that are kept written, until the next change. One of 1,000 servers takes some 900 KB.
MAX_KEPT = 64


class ConsulFace:
    """Answers Consul's clients from what the registries say. Raises OSError, if it cannot listen.

    Parameters: `registries` to follow; `host` and `port` to listen on; `tls` for clients and
    registries.

    Attribute: `address`, (host, port).
    """

    def __init__(self, registries: Sequence[Address], *, host: str = "127.0.0.1",
                 port: int = DEFAULT_PORT, tls: Tls | None = None) -> None:
        # Before a port is taken: it may raise ValueError.
        self._directory = Directory(ALL, registries, self._on_change, tls)
        # A blocking query only waits, so there is no other limit than that of connections.
        self._listener = Listener(host, port, self._handle, engine="events",
                                  max_calls=sys.maxsize, tls=tls)
        self.address: Address = self._listener.address
        self._lock = threading.Lock()
        # Guarded by self._lock: what is known, the written answers of it, and the queries that
        # wait, each with its question.
        self._catalog = Catalog((), int(time.time() * 1000), own_address=show(self.address))
        self._kept: dict[Question, bytes] = {}
        self._waiting: dict[Future[None], Question] = {}

    def start(self) -> None:
        """Begins to follow, and to answer. Does not block."""
        self._directory.start()
        self._listener.start()

    def close(self) -> None:
        """Ends it. May be called more than once."""
        self._directory.close()
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        for query in waiting:
            query.set_result(None)
        self._listener.close(grace_s=0.5)

    def _on_change(self) -> None:
        endpoints = self._directory.endpoints
        with self._lock:
            before = self._catalog
            self._catalog = now = Catalog(endpoints, before.index + 1, before, before.own_address)
            self._kept = {}
            woken = [query for query, question in self._waiting.items()
                     if now.index_of(question) != question.known]
            for query in woken:
                del self._waiting[query]
        for query in woken:
            query.set_result(None)

    # Requests: everything below runs where the engine carries out programs.

    def _handle(self, request: Request, received_at: float,
                caller_left: Callable[[], bool]) -> Reply | Program[Reply]:
        if request.method not in ("GET", "HEAD"):
            return text_reply(405, "read only: servers announce themselves to a registry by their "
                                   "beats, and what cannot beat has interop/sidecar.py",
                              Allow="GET, HEAD")
        try:
            question = read_question(request.target)
        except BadQuestion as bad:
            return text_reply(bad.status, str(bad))
        # As an agent that has just started.
        if not self._directory.answered:
            return text_reply(500, "No cluster leader: no registry has answered yet")
        with self._lock:
            if question.known != self._catalog.index_of(question):
                return self._reply(question)
            query: Future[None] = Future()
            self._waiting[query] = question
        return self._answer_later(query, question, caller_left)

    def _answer_later(self, query: Future[None], question: Question,
                      caller_left: Callable[[], bool]) -> Program[Reply]:
        """A program: waits for a change, or for the time of the question, and answers."""
        # Not all at once, as with Consul.
        wait_s = question.wait_s * (1 + random.uniform(0, JITTER))
        deadline = time.monotonic() + wait_s
        try:
            while not query.done() and time.monotonic() < deadline and not caller_left():
                yield query, DONE, min(deadline, time.monotonic() + LOOK_S)
        finally:
            with self._lock:
                self._waiting.pop(query, None)
        with self._lock:
            return self._reply(question)

    def _reply(self, question: Question) -> Reply:
        """The answer of now. Caller holds self._lock."""
        about = question._replace(known=0, wait_s=0.0)
        body = self._kept.get(about)
        if body is None:
            if len(self._kept) >= MAX_KEPT:
                self._kept.clear()
            body = self._kept[about] = self._catalog.write(question)
        return Reply(200, {"Content-Type": "application/json",
                           "X-Consul-Index": str(self._catalog.index_of(question)),
                           "X-Consul-KnownLeader": "true", "X-Consul-LastContact": "0"}, body)


# ---- the process ---------------------------------------------------------------------------------

def main(arguments: Sequence[str]) -> int:
    """Runs the face until it is stopped; returns the exit code."""
    parser = reader_options("Answers Consul's clients from what Ponte's registries say.",
                            port=DEFAULT_PORT)
    chosen = parser.parse_args(arguments)
    begin(chosen)
    stop = Stop(chosen.until_eof)
    with mistakes_in_one_line(chosen):
        face = ConsulFace(chosen.registry, host=chosen.host, port=chosen.port,
                          tls=chosen_tls(chosen))
    with contextlib.closing(face):
        face.start()
        reason = hold(stop, f"consul: answering at http{'s' if chosen.tls_cert else ''}://"
                            f"{show(face.address)}/v1")
    return farewell("consul", reason)


if __name__ == "__main__":
    run(main)
