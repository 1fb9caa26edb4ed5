"""A caller of gRPC: of our servers, and of any other that has reflection.

What a call comes to is told as Ponte tells it (ponte/calls/errors.py), and not by the status alone:

    not executed     no connection; a stream that was refused or not looked at; not-executed: 1
    a fault          UNKNOWN with fault-code, from our servers
    a refusal        a status by which a server says that it read the call and did not carry it out
    unknown          all else: a deadline, a lost connection, a reply that cannot be read, INTERNAL,
                     and also UNAVAILABLE, which a proxy may send for a call that ran

Nothing is sent a second time. Blocks, and is for one thread at a time.
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Mapping, Sequence
from typing import Any
from xmlrpc.client import Fault

from interop.grpc import events, h2
from interop.grpc.descriptors import MethodType, read_files
from interop.grpc.framing import Messages, frame
from interop.grpc.protobuf import Enum, Malformed, Message, decode, encode
from interop.grpc.reflection import METHOD, REPLY, REQUEST, TYPES, VERSIONS
from interop.grpc.statuses import (
    ALREADY_EXISTS,
    FAILED_PRECONDITION,
    INVALID_ARGUMENT,
    NOT_FOUND,
    OK,
    OUT_OF_RANGE,
    PERMISSION_DENIED,
    UNAUTHENTICATED,
    UNIMPLEMENTED,
    Refused,
    Status,
)
from ponte.calls.errors import NotSent, OutcomeUnknown
from ponte.net.address import Address, show
from ponte.net.checks import check_seconds
from ponte.net.stream import RECEIVE_BYTES, WOULD_BLOCK
from ponte.net.tls import Tls, why_refused
from ponte.process.options import PYTHON

# By these a server says that it knows the call, and has not done what it asks.
_REFUSALS = frozenset((INVALID_ARGUMENT, NOT_FOUND, ALREADY_EXISTS, PERMISSION_DENIED,
                       FAILED_PRECONDITION, OUT_OF_RANGE, UNIMPLEMENTED, UNAUTHENTICATED))
_FAULT_CODE = re.compile("-?[0-9]{1,9}")
# No connection of HTTP/2 begins so: its first frame would have 4.7 million bytes.
_HTTP_1 = b"HTTP/1."
# Largest message that is read, in bytes: a reply of ours may be as long as its server made it.
MAX_REPLY_BYTES = 64 * 1024 * 1024


class StatusError(Exception):
    """A server has refused a call. Attribute: `status`."""

    def __init__(self, call: str, status: Status) -> None:
        super().__init__(f"{call}: {status.name}: {status.message}")
        self.status = status


class _Lost(Exception):
    """No reply came. `may_have_run`: whether the call left this process."""

    def __init__(self, why: str, may_have_run: bool) -> None:
        super().__init__(why)
        self.may_have_run = may_have_run


class GrpcClient:
    """Calls one server. A `with` block closes it.

    Parameters: `address`; `tls`, of which nothing else makes use; `timeout_s` for a call. Raises
    ValueError for one that is no time.
    """

    def __init__(self, address: Address, *, tls: Tls | None = None, timeout_s: float = 5.0) -> None:
        self._address = address
        self._tls = tls
        self._timeout_s = check_seconds("timeout_s", timeout_s)
        self._socket: socket.socket | None = None
        self._http = h2.Connection(is_client=True)
        # Nothing has been read from it.
        self._is_new = True
        self._types: dict[str, Message | Enum] = {}
        # The full name of each service that was asked for.
        self._full: dict[str, str] = {}
        self._services: dict[str, dict[str, MethodType]] = {}
        if tls:
            tls.offer_http_2()

    def __enter__(self) -> GrpcClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection."""
        if self._socket:
            self._socket.close()
            self._socket = None

    def call(self, service: str, method: str, values: Sequence[Any] | Mapping[str, Any] = (), *,
             timeout_s: float | None = None, metadata: Mapping[str, str] | None = None) -> Any:
        """Calls a method, and returns its result: of a message with one field, that field.

        Parameters: `service`, its full name, or "greeter" for "ponte.greeter.Greeter"; `values` of
        the fields of the request, in their order or by their names; `metadata`, further header
        fields. Raises NotSent, OutcomeUnknown, Fault and StatusError (see the top); and Malformed
        where the values do not fit.
        """
        deadline = time.monotonic() + (self._timeout_s if timeout_s is None
                                       else check_seconds("timeout_s", timeout_s))
        name = f"{service}.{method}"
        try:
            full, found = self._find(service, method, deadline)
        except _Lost as lost:
            # Nothing but its types was asked for.
            raise NotSent(name, (), str(lost)) from None
        request, reply = self._message(found.request), self._message(found.reply)
        sent = encode(request, _by_names(request, values), self._types)
        try:
            messages, status = self._exchange(f"/{full}/{method}", sent, deadline, metadata or {})
        except _Lost as lost:
            raise (OutcomeUnknown if lost.may_have_run else NotSent)(name, (), str(lost)) from None
        if status.code != OK or len(messages) != 1:
            raise _error_of(name, status)
        try:
            result = decode(reply, messages[0], self._types)
        except Malformed as error:
            raise OutcomeUnknown(name, (), f"the reply cannot be read: {error}") from None
        return result.get(reply.fields[0].name) if len(reply.fields) == 1 else result or None

    def request_type(self, service: str, method: str) -> Message:
        """The message that a method takes. Raises as `call` does."""
        try:
            _, found = self._find(service, method, time.monotonic() + self._timeout_s)
        except _Lost as lost:
            raise NotSent(f"{service}.{method}", (), str(lost)) from None
        return self._message(found.request)

    # Types.

    def _find(self, service: str, method: str, deadline: float) -> tuple[str, MethodType]:
        """The full name of a service, and its method. Raises StatusError and _Lost."""
        if service not in self._full:
            self._full[service] = self._learn(service, deadline)
        service = self._full[service]
        methods = self._services[service]
        if method not in methods:
            raise _unknown(f"{service} has no method {method!r}", methods)
        if methods[method].streams_requests or methods[method].streams_replies:
            raise _unknown(f"{service}/{method} is a stream, not a call", methods)
        return service, methods[method]

    def _learn(self, service: str, deadline: float) -> str:
        """Asks for the types of a service. Returns its full name."""
        listed = self._ask({"list_services": ""}, deadline)
        services = listed.get("list_services_response", {"service": ()})["service"]
        names: list[str] = [each["name"] for each in services]
        found = [name for name in names if service in (name, name.rpartition(".")[0])
                 or name.rpartition(".")[2].lower() == service.lower()]
        if not found:
            raise _unknown(f"there is no service {service!r}", names)
        files = self._ask({"file_containing_symbol": found[0]}, deadline)
        try:
            given = files["file_descriptor_response"]["file_descriptor_proto"]
            types, methods = read_files(given)
        except (KeyError, Malformed) as error:
            raise _unknown(f"the types of {found[0]} cannot be read: {error}", names) from None
        self._types.update(types)
        self._services.update(methods)
        if found[0] not in methods:
            raise _unknown(f"the types of {found[0]} are not told", names)
        return found[0]

    def _ask(self, asked: Mapping[str, Any], deadline: float) -> dict[str, Any]:
        """A question to reflection. Raises StatusError and _Lost."""
        for version in VERSIONS:
            path = f"/grpc.reflection.{version}.ServerReflection/{METHOD}"
            messages, status = self._exchange(path, encode(REQUEST, asked, TYPES), deadline, {})
            if status.code == UNIMPLEMENTED:
                continue
            if status.code != OK or not messages:
                raise StatusError("reflection", status)
            try:
                return decode(REPLY, messages[0], TYPES)
            except Malformed as error:
                raise _unknown(f"the answer of reflection cannot be read: {error}", ()) from None
        raise _unknown("the server has no reflection, so its messages are not known", ())

    def _message(self, name: str) -> Message:
        found = self._types.get(name)
        if not isinstance(found, Message):
            raise _unknown(f"the type {name} is not told", ())
        return found

    # The connection.

    def _exchange(self, path: str, message: bytes, deadline: float,
                  metadata: Mapping[str, str]) -> tuple[list[bytes], Status]:
        """Sends a request of one message, and reads the reply. Raises _Lost."""
        sock = self._connected(deadline)
        remaining_ms = max(int((deadline - time.monotonic()) * 1000), 1)
        fields = [(b":method", b"POST"), (b":scheme", b"https" if self._tls else b"http"),
                  (b":path", path.encode()), (b":authority", show(self._address).encode()),
                  (b"content-type", b"application/grpc"), (b"te", b"trailers"),
                  (b"grpc-timeout", b"%dm" % min(remaining_ms, 99_999_999)),
                  (b"grpc-accept-encoding", b"identity,gzip"),
                  *((name.lower().encode(), value.encode()) for name, value in metadata.items())]
        stream_id = self._http.request(fields)
        self._http.send_data(stream_id, frame(message), end_stream=True)
        reply = _Reply(stream_id)
        try:
            while not reply.is_whole:
                self._send(sock, deadline)
                sock.settimeout(_remaining(deadline))
                data = sock.recv(RECEIVE_BYTES)
                if not data:
                    raise _Lost("the connection ended before a reply", True)
                if self._is_new and data.startswith(_HTTP_1):
                    raise _Lost(f"{show(self._address)} answers by HTTP/1.1, not by gRPC: start it "
                                f"with {PYTHON} -m interop.grpc serve", True)
                self._is_new = False
                for event in self._http.receive(data, time.monotonic()):
                    reply.take(event, self._http)
        except _Lost:
            self.close()
            raise
        except OSError as error:
            self.close()
            # A call of which the system took a part may be whole at the other side.
            raise _Lost(f"reply: {_reason(error)}", True) from None
        except Refused as error:
            self.close()
            raise _Lost(f"the reply cannot be read: {error}", True) from None
        return reply.messages, Status.read(reply.fields)

    def _send(self, sock: socket.socket, deadline: float) -> None:
        data = self._http.data_to_send()
        while data:
            sock.settimeout(_remaining(deadline))
            sock.sendall(data)
            data = self._http.data_to_send()

    def _connected(self, deadline: float) -> socket.socket:
        """The connection, a new one if the last has ended. Raises _Lost."""
        if self._socket and self._http.can_request and not self._has_ended(self._socket):
            return self._socket
        self.close()
        try:
            sock = socket.create_connection(self._address, _remaining(deadline))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls:
                wrapped = self._tls.wrap_connected(sock, self._address[0])
                wrapped.settimeout(_remaining(deadline))
                wrapped.do_handshake()
                sock = wrapped
        except (OSError, ValueError) as error:
            raise _Lost(f"connect: {why_refused(error) or _reason(error)}", False) from None
        self._socket, self._http, self._is_new = sock, h2.Connection(is_client=True), True
        return sock

    def _has_ended(self, sock: socket.socket) -> bool:
        """Whether the other side has closed a connection that was kept, or goes."""
        sock.settimeout(0.0)
        try:
            while True:
                data = sock.recv(RECEIVE_BYTES)
                if not data:
                    return True
                self._http.receive(data, time.monotonic())
        except WOULD_BLOCK:
            return not self._http.can_request
        except OSError:
            return True


class _Reply:
    """What has come on one stream."""

    def __init__(self, stream_id: int) -> None:
        self._stream_id = stream_id
        self._reader = Messages(MAX_REPLY_BYTES)
        self.messages: list[bytes] = []
        self.fields: dict[str, str] = {}
        self.is_whole = False

    def take(self, event: events.Event, http: h2.Connection) -> None:
        """Takes an event of the connection. Raises _Lost, and Refused for a broken message."""
        if isinstance(event, events.Ended):
            raise _Lost(f"the connection ended: {event.why}", True)
        if getattr(event, "stream_id", None) != self._stream_id:
            return
        if isinstance(event, events.Reset):
            names = "the server refused the stream" if event.never_ran \
                else f"the server reset the stream, code {event.code}"
            # NO_ERROR behind a whole reply is an end like any other.
            raise _Lost(names, not event.never_ran)
        if isinstance(event, (events.Headers, events.Trailers)):
            self.fields.update((name.decode("latin-1"), value.decode("latin-1"))
                               for name, value in event.fields)
            encoding = self.fields.get("grpc-encoding", "identity")
            if isinstance(event, events.Headers):
                self._reader = Messages(MAX_REPLY_BYTES, encoding)
            self.is_whole = isinstance(event, events.Trailers) or event.end_stream
        elif isinstance(event, events.Data):
            self.messages += self._reader.feed(event.data)
            http.consumed(self._stream_id, len(event.data))
            self.is_whole = event.end_stream


def _by_names(message: Message, values: Sequence[Any] | Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(values, Mapping):
        return values
    fields = list(message.fields)
    # What is more than there are fields belongs to the last one, if that is a list.
    if fields and fields[-1].is_repeated and len(values) >= len(fields) \
            and not (len(values) == len(fields) and isinstance(values[-1], (list, tuple, Mapping))):
        values = [*values[:len(fields) - 1], list(values[len(fields) - 1:])]
    if len(values) > len(fields):
        raise Malformed(f"{message.name} has {len(fields)} fields, not {len(values)}")
    return {field.name: value for field, value in zip(fields, values)}


def _error_of(name: str, status: Status) -> Exception:
    """What a status means: see the top."""
    trailers = dict(status.trailers)
    if status.code in _REFUSALS and "fault-code" not in trailers:
        return StatusError(name, status)
    if trailers.get("not-executed") == "1":
        return NotSent(name, (), f"{status.name}: {status.message}")
    code = trailers.get("fault-code", "")
    if _FAULT_CODE.fullmatch(code):
        return Fault(int(code), status.message)
    message = status.message if status.code != OK else "the reply is not one message"
    return OutcomeUnknown(name, (), f"{status.name}: {message}")


def _unknown(what: str, known: Sequence[str] | Mapping[str, Any]) -> StatusError:
    there_are = f"; there are: {', '.join(sorted(known))}" if known else ""
    return StatusError("not called", Status(UNIMPLEMENTED, what + there_are,
                                            (("not-executed", "1"),)))


def _reason(error: Exception) -> str:
    return "timed out" if isinstance(error, socket.timeout) \
        else getattr(error, "strerror", None) or str(error)


def _remaining(deadline: float) -> float:
    """Seconds until a deadline. Raises socket.timeout once it has passed."""
    remaining_s = deadline - time.monotonic()
    if remaining_s <= 0:
        raise socket.timeout("timed out")
    return remaining_s
