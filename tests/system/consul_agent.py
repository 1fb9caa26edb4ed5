"""A small stand-in for a Consul agent, in this process: what our servers and readers ask of one.

The suite has no Consul. `python3 -m tests.interop consul` makes the same promises hold at a real
one. What a real one does and surprises with is done here, too: it refuses fields that it does not
know, a check that it does not know is an error, a check that it knows keeps its status when it is
registered again, and all is gone after a restart.
"""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

from interop.consul_catalog import BadQuestion, Catalog, read_question
from interop.consul_entries import endpoints_of
from ponte.calls.endpoint import Endpoint
from ponte.net.address import ConsulAddress

SERVICE_FIELDS = {"ID", "Name", "Tags", "Address", "Port", "Meta", "Check"}
CHECK_FIELDS = {"CheckID", "Name", "Notes", "TTL", "Status", "DeregisterCriticalServiceAfter"}
# Seconds.
TICK_S = 0.02


class ConsulAgent:
    """Answers until it is closed. `restart` is a kill -9, and a new life on the same port.

    Attributes: `address`; `garbage`, the body of every answer to a reader, where it is set;
    `asked`, how many answers to readers there were; `refusal`, the text of a 403 to every server;
    `written`, the targets of all that servers wrote.
    """

    def __init__(self) -> None:
        self.garbage: bytes | None = None
        self.asked = 0
        self.refusal = b""
        self.written: list[str] = []
        self._lock = threading.Lock()
        self._forget()
        self._serve(0)

    def _forget(self) -> None:
        # Guarded by self._lock: what is registered, by ID; the status and the last beat of each
        # check; and what readers see.
        self._services: dict[str, dict[str, Any]] = {}
        self._statuses: dict[str, str] = {}
        self._beaten_at: dict[str, float] = {}
        self._catalog = Catalog((), 1)

    def _serve(self, port: int) -> None:
        agent = self
        self._connections: set[Any] = set()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                agent._connections.add(self.request)

            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                self._send(*agent.read(self.path))

            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self._send(*agent.write(self.path, body), 0)

            def _send(self, status: int, body: bytes, index: int) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("X-Consul-Index", str(index))
                self.end_headers()
                self.wfile.write(body)

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        # A reader that has gone is no news here.
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self.address = ConsulAddress("127.0.0.1", self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, args=(TICK_S,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        for connection in list(self._connections):
            try:
                # 2: both directions. The handler has closed some of them.
                connection.shutdown(2)
            except OSError:
                pass

    def restart(self) -> None:
        self.close()
        with self._lock:
            self._forget()
        self._serve(self.address[1])

    def names(self, state: str = "") -> list[str]:
        """The instances that readers see: all, or those in `state`."""
        with self._lock:
            self._look()
            return [endpoint.instance for endpoint in self._catalog.endpoints
                    if state in ("", endpoint.state)]

    def endpoints(self) -> tuple[Endpoint, ...]:
        with self._lock:
            self._look()
            return self._catalog.endpoints

    def was_asked(self, times: int) -> bool:
        return self.asked >= times

    # What readers and servers ask. On a thread of the connection.

    def read(self, target: str) -> tuple[int, bytes, int]:
        """Status, body and index of the answer to a GET."""
        self.asked += 1
        if self.garbage is not None:
            return 200, self.garbage, 1
        *_, verb, name = target.split("/")
        if verb == "service" and "/agent/" in target:
            return self._one(unquote(name))
        try:
            question = read_question(target)
        except BadQuestion as bad:
            return bad.status, str(bad).encode(), 0
        deadline = time.monotonic() + question.wait_s
        while True:
            with self._lock:
                self._look()
                index = self._catalog.index_of(question)
                # As Consul: a reader with a higher index waits.
                if index > question.known or time.monotonic() >= deadline or self.garbage:
                    return 200, self._catalog.write(question), index
            time.sleep(TICK_S)

    def _one(self, name: str) -> tuple[int, bytes, int]:
        with self._lock:
            found = self._services.get(name)
        return (200, json.dumps(found).encode(), 0) if found else (404, b"unknown service", 0)

    def write(self, target: str, body: bytes) -> tuple[int, bytes]:
        """Status and body of the answer to a PUT."""
        self.written.append(target)
        *_, verb, name = unquote(target.partition("?")[0]).split("/")
        if self.refusal:
            return 403, self.refusal
        with self._lock:
            if name == "register":
                return self._register(json.loads(body))
            if verb == "deregister":
                self._services.pop(name, None)
                self._statuses.pop(name, None)
                return 200, b""
            service = name.rpartition(":")[0]
            if self._services.get(service, {}).get("CheckID") != name:
                return 500, b"CheckID does not have associated TTL"
            self._beaten_at[service] = time.monotonic()
            self._statuses[service] = {"pass": "passing", "warn": "warning"}[verb]
            return 200, b""

    def _register(self, given: dict[str, Any]) -> tuple[int, bytes]:
        check = given.get("Check", {})
        if not (given.keys() <= SERVICE_FIELDS and check.keys() <= CHECK_FIELDS):
            return 400, b"Request decode failed: unknown field"
        name = given["ID"]
        is_known = self._services.get(name, {}).get("CheckID") == check["CheckID"]
        self._services[name] = {**given, "CheckID": check["CheckID"],
                                "TTL_s": int(check["TTL"][:-2]) / 1000}
        self._beaten_at[name] = time.monotonic()
        # A new check without a status begins as critical. A known one keeps its own.
        if not is_known:
            self._statuses[name] = check.get("Status", "critical")
        return 200, b""

    def _look(self) -> None:
        """Ends the checks that are over, and shows what has changed. Caller holds self._lock."""
        now = time.monotonic()
        entries: dict[str, list[Any]] = {}
        for name, given in self._services.items():
            if now - self._beaten_at[name] > given["TTL_s"]:
                self._statuses[name] = "critical"
            entries.setdefault(given["Name"], []).append(
                {"Service": {**given, "Service": given["Name"]},
                 "Checks": [{"Status": self._statuses[name]}]})
        seen = sorted(endpoint for service, listed in entries.items()
                      for endpoint in endpoints_of(listed, service).endpoints)
        if tuple(seen) != self._catalog.endpoints:
            self._catalog = Catalog(seen, self._catalog.index + 1, self._catalog)
