"""What a registry answers to a reader. Pure. The other end of it is ponte/discovery/directory.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from ponte.calls.endpoint import Endpoint


class Tombstone(NamedTuple):
    """An instance that said goodbye, and the incarnation that did."""

    service: str
    instance: str
    incarnation: int


@dataclass(frozen=True)
class LookupResult:
    """The answer to a reader of a service, as of one moment.

    `index` grows with each change; `epoch` is the registry's boot id; `warming`: the registry has
    just started, and may lack servers that live; `left` has the tombstones.
    """

    service: str
    index: int
    epoch: str
    warming: bool
    endpoints: list[Endpoint]
    left: list[Tombstone]

    def to_struct(self) -> dict[str, Any]:
        """For XML-RPC, with the endpoints sorted."""
        return {"index": self.index, "epoch": self.epoch, "warming": self.warming,
                "endpoints": [endpoint.to_struct() for endpoint in sorted(self.endpoints)],
                "left": [{**tomb._asdict(), "incarnation": str(tomb.incarnation)}
                         for tomb in self.left]}
