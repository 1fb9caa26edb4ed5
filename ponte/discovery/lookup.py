"""What a registry answers to a reader, and where a reader asks. Pure.

The registry makes a `LookupResult` and sends it as an XML-RPC struct. A reader takes the struct in
ponte/discovery/view.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from ponte.calls.endpoint import Endpoint

# Where a registry takes XML-RPC calls.
PATH = "/registry"


class Tombstone(NamedTuple):
    """The mark of an instance that left: the incarnation that said goodbye."""

    service: str
    instance: str
    incarnation: int


@dataclass(frozen=True)
class LookupResult:
    """The answer to a reader of a service, as of one moment.

    `index` grows with each change; `epoch` is the registry's boot id; `warming`: the registry has
    just started, and may lack servers that live; `left` has the tombstones.

    >>> server = Endpoint("greeter", "server-1", 1, "127.0.0.1", 41234, "up", idempotent=("hello",))
    >>> found = LookupResult("greeter", 7, "9f86d081", False, [server],
    ...                      [Tombstone("greeter", "server-2", 1)])
    >>> struct = found.to_struct()
    >>> struct["index"], struct["endpoints"][0]["instance"], struct["left"][0]["instance"]
    (7, 'server-1', 'server-2')
    """

    service: str
    index: int
    epoch: str
    warming: bool
    endpoints: list[Endpoint]
    left: list[Tombstone]

    def to_struct(self) -> dict[str, Any]:
        """For XML-RPC, whose integers have 32 bits: incarnations go as strings. Sorted."""
        return {"index": self.index, "epoch": self.epoch, "warming": self.warming,
                "endpoints": [endpoint.to_struct() for endpoint in sorted(self.endpoints)],
                "left": [{**tomb._asdict(), "incarnation": str(tomb.incarnation)}
                         for tomb in self.left]}
