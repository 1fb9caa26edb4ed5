"""What happens on one stream: an object for each, which is told what comes, and says what goes.

There are four kinds. A `UnaryCall` is a call of a function of the service. The others belong to
every server of gRPC: health is asked once (`HealthCheck`), or watched (`HealthWatch`), and
reflection answers any number of questions (`Reflection`). A watch waits without a thread: it is an
entry in a set.

Threads: the loop's, but for `Health.stop`.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from interop.grpc.calls import Opening, one_message, request_of
from interop.grpc.contract import Contract, Rpc
from interop.grpc.framing import Messages
from interop.grpc.health import SERVICE as HEALTH
from interop.grpc.health import Health
from interop.grpc.protobuf import Malformed
from interop.grpc.reflection import Reflected
from interop.grpc.statuses import (
    INVALID_ARGUMENT,
    NOT_FOUND,
    OK,
    UNIMPLEMENTED,
    Refused,
    Status,
)
from ponte.net.message import Request
from ponte.rpc.dispatcher import PrepareCall


class Writer(Protocol):
    """What an exchange may send on its stream: a connection (door.py)."""

    def send(self, stream_id: int, message: bytes) -> None:
        """A message. More may follow."""

    def end(self, stream_id: int, status: Status) -> None:
        """The end of the stream."""


class Served(NamedTuple):
    """What a door serves: a service under its name in Ponte, how its functions are called, its
    health, and its types.
    """

    service: str
    prepare_call: PrepareCall
    contract: Contract
    health: Health
    reflected: Reflected


class Exchange:
    """One stream. `feed` and `finish` raise Refused.

    Attributes: `opening`, with `stream_id` and `head`; `has_left`, whether its caller has gone;
    `held_bytes`, how much of a request it keeps; `late_at`, the time (monotonic) by which its
    request must be whole, 0 where there is none.
    """

    def __init__(self, opening: Opening, writer: Writer) -> None:
        self.opening = opening
        self.stream_id, self.head = opening.stream_id, opening.head
        self.has_left = False
        self.late_at = 0.0
        self._writer = writer
        self._reader = Messages(encoding=self.head.encoding)

    @property
    def held_bytes(self) -> int:
        return self._reader.held_bytes

    def feed(self, data: bytes) -> None:
        """Bytes of the request."""

    def finish(self) -> Request | None:
        """The request has ended. Returns what is to be carried out, if it is that."""

    def leave(self) -> None:
        """The stream is gone."""
        self.has_left = True


class Unary(Exchange):
    """A request of one message."""

    def __init__(self, opening: Opening, writer: Writer) -> None:
        super().__init__(opening, writer)
        self._messages: list[bytes] = []

    @property
    def held_bytes(self) -> int:
        return self._reader.held_bytes + sum(map(len, self._messages))

    def feed(self, data: bytes) -> None:
        self._messages += self._reader.feed(data)
        if len(self._messages) > 1:
            one_message(self._messages, self._reader)

    def message(self) -> bytes:
        """The message of a request that has ended. Raises Refused."""
        messages, self._messages = self._messages, []
        return one_message(messages, self._reader)


class UnaryCall(Unary):
    """A call of a function."""

    def __init__(self, opening: Opening, writer: Writer, rpc: Rpc, served: Served) -> None:
        super().__init__(opening, writer)
        self.rpc = rpc
        self._served = served

    def finish(self) -> Request:
        return request_of(self.rpc, self.opening, self.message(), self._served.service,
                          self._served.prepare_call)


class HealthCheck(Unary):
    """Answers whether a service is served now."""

    def __init__(self, opening: Opening, writer: Writer, health: Health) -> None:
        super().__init__(opening, writer)
        self._health = health

    def finish(self) -> None:
        name = self._health.asked(self.message())
        if not self._health.knows(name):
            raise Refused(NOT_FOUND, f"there is no service {name[:100]!r}")
        self._writer.send(self.stream_id, self._health.state(name))
        self._writer.end(self.stream_id, Status(OK))


class HealthWatch(HealthCheck):
    """Tells the health of a service when the request has ended, and each time it changes."""

    def finish(self) -> None:
        name = self._health.asked(self.message())

        def tell() -> None:
            self._writer.send(self.stream_id, self._health.state(name))

        self._health.watching[self] = tell
        tell()

    def leave(self) -> None:
        super().leave()
        self._health.watching.pop(self, None)


class Reflection(Exchange):
    """Answers questions about the types of this server, one after the other."""

    def __init__(self, opening: Opening, writer: Writer, reflected: Reflected) -> None:
        super().__init__(opening, writer)
        self._reflected = reflected

    def feed(self, data: bytes) -> None:
        self.late_at = 0.0
        for message in self._reader.feed(data):
            try:
                self._writer.send(self.stream_id, self._reflected.answer(message))
            except Malformed as error:
                raise Refused(INVALID_ARGUMENT, str(error)) from None

    def finish(self) -> None:
        self._writer.end(self.stream_id, Status(OK))


def begin(opening: Opening, served: Served, writer: Writer) -> Exchange:
    """The exchange that a request begins. Raises Refused where there is no such method."""
    path = opening.head.path[1:]
    service, _, method = path.partition("/")
    if service == served.contract.service and method in served.contract.rpcs:
        return UnaryCall(opening, writer, served.contract.rpcs[method], served)
    if path == f"{HEALTH}/Check":
        return HealthCheck(opening, writer, served.health)
    if path == f"{HEALTH}/Watch":
        return HealthWatch(opening, writer, served.health)
    if path in served.reflected.paths:
        return Reflection(opening, writer, served.reflected)
    raise Refused(UNIMPLEMENTED, f"no method /{path[:100]}; there are: "
                  + ", ".join(f"/{served.contract.service}/{name}"
                              for name in sorted(served.contract.rpcs)))
