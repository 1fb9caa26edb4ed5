"""Asks the page for something as a browser would, or as no browser would: every header is free."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from ponte.net.address import Address

PATIENCE_S = 20.0


class Answer(NamedTuple):
    """What came back. Names of headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(address: Address, method: str, target: str, headers: Mapping[str, str | None] | None = None,
        body: bytes = b"") -> Answer:
    """One request on a connection of its own. `headers`: None leaves a usual one out."""
    given: dict[str, str | None] = {"Host": f"{address[0]}:{address[1]}", **(headers or {})}
    if method == "POST":
        given.setdefault("Content-Length", str(len(body)))
    connection = http.client.HTTPConnection(*address, timeout=PATIENCE_S)
    try:
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in given.items():
            if value is not None:
                connection.putheader(name, value)
        connection.endheaders(body or None)
        reply = connection.getresponse()
        return Answer(reply.status, {name.lower(): value for name, value in reply.getheaders()},
                      reply.read())
    finally:
        connection.close()


def do(address: Address, token: str | None, command: object, **headers: str | None) -> Answer:
    """Sends a command. A header such as Content_Type may be given another value, None for none."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return ask(address, "POST", "/do", {"Content-Type": "application/json", "Ponte-Token": token,
                                        **named}, json.dumps(command).encode())
