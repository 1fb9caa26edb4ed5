"""An endpoint: one server or proxy, as a registry names it and a caller reaches it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ponte.net.target import is_path

READER_STATES = ("up", "suspect", "draining")
# The service that proxies announce, and what stands in for them.
PROXY = "proxy"


class Endpoint(NamedTuple):
    """A server or proxy as readers of a registry see it; `state` is one of READER_STATES.

    `incarnation` numbers the lives of the instance; `idempotent` has the names of the functions
    that do no harm if they run twice; `remembers` is false for one that is not Ponte's own: it has
    no memory of calls, and its replies do not say whose they are; `path` is where it takes calls,
    "" for the usual one.

    >>> server = Endpoint("greeter", "server-1", 7, "127.0.0.1", 41234, "up", ("hello",))
    >>> server.address
    ('127.0.0.1', 41234)
    >>> Endpoint.from_struct(server.to_struct()) == server
    True
    >>> Endpoint.from_columns(Endpoint.to_columns([server])) == [server]
    True
    """

    service: str
    instance: str
    incarnation: int
    host: str
    port: int
    state: str
    idempotent: tuple[str, ...]
    remembers: bool = True
    path: str = ""

    @property
    def address(self) -> tuple[str, int]:
        """Host and port, as a socket takes them."""
        return self.host, self.port

    def to_struct(self) -> dict[str, Any]:
        """For XML-RPC, whose integers have 32 bits: the incarnation goes as a string.

        The optional members are in it only where they say something, as in the datagram of a beat.
        """
        struct = {**self._asdict(), "incarnation": str(self.incarnation),
                  "idempotent": list(self.idempotent)}
        for name, usual in _OPTIONAL.items():
            if struct[name] == usual:
                del struct[name]
        return struct

    @classmethod
    def from_struct(cls, struct: dict[str, Any]) -> Endpoint:
        """The reverse of `to_struct`; other members are passed over.

        Raises KeyError, TypeError or ValueError for bad structs.
        """
        return cls._read([*[struct[name] for name in _REQUIRED],
                          *[struct.get(name, usual) for name, usual in _OPTIONAL.items()]])

    @classmethod
    def to_columns(cls, endpoints: Sequence[Endpoint]) -> dict[str, list[Any]]:
        """For JSON: a list for each field, so that the name of a field is written only once.

        Without the column of an optional field where it says nothing of any of them.
        """
        columns = {name: [getattr(each, name) for each in endpoints] for name in cls._fields}
        for name, usual in _OPTIONAL.items():
            if columns[name].count(usual) == len(endpoints):
                del columns[name]
        return {**columns, "incarnation": list(map(str, columns["incarnation"])),
                "idempotent": list(map(list, columns["idempotent"]))}

    @classmethod
    def from_columns(cls, columns: dict[str, Any]) -> list[Endpoint]:
        """The reverse of `to_columns`; other columns are passed over.

        Raises KeyError, TypeError or ValueError for bad columns.
        """
        known = [columns[name] for name in _REQUIRED]
        known += [columns.get(name, [usual] * len(known[0])) for name, usual in _OPTIONAL.items()]
        if any(type(column) is not list or len(column) != len(known[0]) for column in known):
            raise ValueError("the columns are not lists of one length")
        return list(map(cls._read, zip(*known)))

    @classmethod
    def _read(cls, values: Sequence[Any]) -> Endpoint:
        """The endpoint that came with these values. Raises TypeError or ValueError for bad ones."""
        service, instance, incarnation, host, port, state, idempotent, remembers, path = values
        for text in (service, instance, incarnation, host, state, path, *idempotent):
            if type(text) is not str:
                raise TypeError(f"not a text: {text!r:.50}")
        if type(idempotent) is not list or type(port) is not int:
            raise TypeError(f"not an endpoint: {values!r:.200}")
        if type(remembers) is not bool:
            raise TypeError(f"not a boolean: {remembers!r:.50}")
        if state not in READER_STATES or not 1 <= port <= 65535 or (path and not is_path(path)):
            raise ValueError(f"not an endpoint: {values!r:.200}")
        return cls(service, instance, int(incarnation), host, port, state, tuple(idempotent),
                   remembers, path)


# The last fields are optional, with what they are where they are not sent: earlier versions do not
# know them. The others are the members of every struct, and the columns of every view.
_OPTIONAL = Endpoint._field_defaults
_REQUIRED = Endpoint._fields[:-len(_OPTIONAL)]
