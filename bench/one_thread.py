"""Whole calls in one thread, without a socket: stub, proxy, server and back. For bench/observe.py.

    python3 bench/one_thread.py FOLDER

calls with the code of the project in FOLDER. Each line of standard input, `CALLS EVERY PORT`, lets
so many calls go; if EVERY is not 0, a watcher at PORT is told one call of so many. A line of JSON
tells the processor time of one call, in µs.

Everything runs that a call meets in Ponte, but the system: messages are written, parsed and judged,
rule R decides twice, and the function runs. So what a hook costs is a larger share here than in
three processes.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
import time
from typing import Any

if __name__ == "__main__":
    # The code of that state, and not the one beside this file.
    sys.path[0] = sys.argv[1]

import client as stub
from client import Client
from ponte.calls.endpoint import Endpoint
from ponte.net.message import Reply
from ponte.net.parser import ReplyParser, RequestParser
from proxy import Proxy
from server import Server, idempotent

# The calls before the first measurement: sessions are opened, and heads become known.
WARM_UP_CALLS = 200
HOOKED = importlib.util.find_spec("ponte.process.observe") is not None


class Known:
    """Stands in for the stub's directory: it knows these endpoints at once."""

    by_service: dict[str, tuple[Endpoint, ...]] = {}  # noqa: RUF012

    def __init__(self, service: str, *others: object, **options: object) -> None:
        self.endpoints = self.by_service[service]
        self.answered = True

    def start(self) -> None:
        """Nothing to follow."""

    def close(self) -> None:
        """Nothing to end."""


class Wire:
    """Stands in for a pool of connections: what is sent is handed to this handler at once.

    `listener` writes its replies.
    """

    def __init__(self, handler: Any, listener: Any) -> None:
        self._handler = handler
        self._listener = listener
        self._requests, self._replies = RequestParser(("127.0.0.1", 1)), ReplyParser()

    def exchange(self, address: object, message: bytes, deadline: float) -> Any:
        """A program: the reply to a message."""
        self._requests.feed(message)
        request = self._requests.next_message()
        begun = self._handler(request, time.monotonic(), bool)
        reply = begun if isinstance(begun, Reply) else (yield from begun)
        self._replies.feed(self._listener._replies.write(reply))
        return self._replies.next_message()

    def close_idle(self, addresses: object) -> None:
        """There is no connection."""

    def close(self) -> None:
        """There is nothing to close."""


def chain() -> Client:
    """A stub whose calls go through a proxy to a server, all in this thread."""
    @idempotent
    def hello(text: str) -> str:
        return text

    def deposit(cents: int) -> int:
        return cents

    server: Any = Server("greeter", [hello, deposit], registries=(), name="server-1",
                         engine="threads")
    proxy: Any = Proxy(port=0, registries=(), name="proxy-1")
    for actor in (server, proxy):
        actor._listener.served_by = actor._served_by
    there = Endpoint("greeter", "server-1", 1, "127.0.0.1", 4242, "up", ("hello",))
    proxy._directory.endpoints = (there,)
    proxy._on_change()
    # An earlier state has it by another name.
    handle = server.handle if hasattr(server, "handle") else server._handle
    proxy._pool = Wire(handle, server._listener)
    Known.by_service = {"greeter": (there,), "proxy": (
        Endpoint("proxy", "proxy-1", 1, "127.0.0.1", 4180, "up", ()),)}
    patched: Any = stub
    patched.Directory = Known
    client: Any = Client("greeter")
    client._pool = Wire(proxy._begin, proxy._listener)
    return client  # type: ignore[no-any-return]


def main() -> None:
    client = chain()
    # An earlier state has no such module, and is not asked for it.
    observe: Any = importlib.import_module("ponte.process.observe") if HOOKED else None
    # One call of each kind in turn.
    for _ in range(WARM_UP_CALLS):
        client.call("hello", "Hello")
        client.call("deposit", 100)
    print("ready", flush=True)
    for line in sys.stdin:
        calls, every, port = map(int, line.split())
        if every:
            observe.start(("127.0.0.1", port), every=every)
        began = time.process_time()
        for _ in range(calls // 2):
            client.call("hello", "Hello")
            client.call("deposit", 100)
        took_s = time.process_time() - began
        if every:
            observe.stop()
        print(json.dumps({"us": took_s / calls * 1e6}), flush=True)


if __name__ == "__main__":
    main()
