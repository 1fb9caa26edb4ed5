"""An endpoint: one server or proxy, as a registry names it and a caller reaches it. Pure."""

from __future__ import annotations

from typing import Any, NamedTuple

READER_STATES = ("up", "suspect", "draining")


class Endpoint(NamedTuple):
    """A server or proxy as readers of a registry see it; `state` is one of READER_STATES.

    `incarnation` numbers the lives of the instance; `idempotent` has the names of the functions
    that do no harm if they run twice.

    >>> server = Endpoint("greeter", "server-1", 7, "127.0.0.1", 41234, "up", ("hello",))
    >>> server.address
    ('127.0.0.1', 41234)
    >>> Endpoint.from_struct(server.to_struct()) == server
    True
    """

    service: str
    instance: str
    incarnation: int
    host: str
    port: int
    state: str
    idempotent: tuple[str, ...]

    @property
    def address(self) -> tuple[str, int]:
        """Host and port, as a socket takes them."""
        return self.host, self.port

    def to_struct(self) -> dict[str, Any]:
        """For XML-RPC, whose integers have 32 bits: the incarnation goes as a string."""
        return {**self._asdict(), "incarnation": str(self.incarnation),
                "idempotent": list(self.idempotent)}

    @classmethod
    def from_struct(cls, struct: dict[str, Any]) -> Endpoint:
        """The reverse of `to_struct`. Raises KeyError, TypeError or ValueError for bad structs."""
        endpoint = cls(str(struct["service"]), str(struct["instance"]), int(struct["incarnation"]),
                       str(struct["host"]), struct["port"], str(struct["state"]),
                       tuple(map(str, struct["idempotent"])))
        if endpoint.state not in READER_STATES or endpoint.port not in range(1, 65536):
            raise ValueError(f"not an endpoint: {struct}")
        return endpoint
