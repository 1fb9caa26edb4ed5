"""What a connection of HTTP/2 tells its owner: one value for each thing that happens. Pure.

>>> Reset(stream_id=1, code=7, never_ran=True)
Reset(stream_id=1, code=7, never_ran=True)
"""

from __future__ import annotations

from typing import NamedTuple, Union

from interop.grpc.fields import Fields


class Headers(NamedTuple):
    """A request, or the head of a reply."""

    stream_id: int
    fields: Fields
    end_stream: bool


class Data(NamedTuple):
    """Bytes of a body: `consumed` has to be told when they need no memory any more."""

    stream_id: int
    data: bytes
    end_stream: bool


class Trailers(NamedTuple):
    """Header fields behind a body: they end the stream."""

    stream_id: int
    fields: Fields


class Reset(NamedTuple):
    """A stream ended before its time. `never_ran`: the peer says that it did not look at it."""

    stream_id: int
    code: int
    never_ran: bool


class GoingAway(NamedTuple):
    """The peer takes no new streams; those up to `last_stream_id` go on."""

    last_stream_id: int
    code: int
    text: bytes


class PingAcked(NamedTuple):
    """The answer to a `ping`."""

    data: bytes


class Ended(NamedTuple):
    """The peer broke a rule of the connection: GOAWAY is to be sent, and no other event follows."""

    code: int
    why: str


Event = Union[Headers, Data, Trailers, Reset, GoingAway, PingAcked, Ended]
