"""What a registry answers to a reader, and where a reader asks. Pure.

The registry makes a `LookupResult`, and sends it in one of two forms: as an XML-RPC struct, which
people and other languages read, or as JSON in one XML-RPC string. The directories of clients and
proxies ask for JSON: a view of 1,000 endpoints is an eighth as long, and is read in a twentieth of
the time.

Versions may be mixed while they are upgraded. A reader of an earlier version does not ask for JSON,
and gets a struct. A registry of an earlier version refuses to be asked for JSON; then the reader
asks it for a struct.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, NamedTuple

from ponte.calls.endpoint import Endpoint

# Where a registry takes XML-RPC calls.
PATH = "/registry"
# The forms of a result.
STRUCT, JSON = FORMS = ("struct", "json")
# The first integer that XML-RPC cannot carry.
_TOO_LARGE = 2 ** 31


class Tombstone(NamedTuple):
    """The mark of an instance that left: the incarnation that said goodbye."""

    service: str
    instance: str
    incarnation: int

    def to_struct(self) -> dict[str, str]:
        """For XML-RPC, whose integers have 32 bits: the incarnation goes as a string."""
        return {**self._asdict(), "incarnation": str(self.incarnation)}

    @classmethod
    def from_struct(cls, struct: dict[str, Any]) -> Tombstone:
        """The reverse of `to_struct`. Raises KeyError, TypeError or ValueError for bad structs."""
        service, instance, incarnation = values = [struct[name] for name in cls._fields]
        if any(type(value) is not str for value in values):
            raise TypeError(f"not a tombstone: {struct!r:.200}")
        return cls(service, instance, int(incarnation))


@dataclass(frozen=True)
class LookupResult:
    """The answer to a reader of a service, as of one moment.

    `index` grows with each change; `epoch` is the registry's boot id; `warming`: the registry has
    just started, and may lack servers that live; `left` has the tombstones; `form`, one of FORMS:
    how the registry sends it.

    >>> server = Endpoint("greeter", "server-1", 1, "127.0.0.1", 41234, "up", idempotent=("hello",))
    >>> found = LookupResult("greeter", 7, "9f86d081", False, [server],
    ...                      [Tombstone("greeter", "server-2", 1)])
    >>> struct = found.to_struct()
    >>> struct["index"], struct["endpoints"][0]["instance"], struct["left"][0]["instance"]
    (7, 'server-1', 'server-2')
    >>> found.to_json()                                                 # doctest: +ELLIPSIS
    '{"index":7,...,"endpoints":{"service":["greeter"],"instance":["server-1"],...
    >>> LookupResult.read("greeter", found.to_json()) == found
    True
    """

    service: str
    index: int
    epoch: str
    warming: bool
    endpoints: list[Endpoint]
    left: list[Tombstone]
    form: str = STRUCT

    def to_struct(self) -> dict[str, Any]:
        """For XML-RPC, whose integers have 32 bits: incarnations go as strings. Sorted."""
        return self._around([endpoint.to_struct() for endpoint in sorted(self.endpoints)])

    def to_json(self) -> str:
        """The struct as JSON, but with one list for each field of the endpoints (`to_columns`)."""
        columns = Endpoint.to_columns(sorted(self.endpoints))
        return json.dumps(self._around(columns), separators=(",", ":"))

    def _around(self, endpoints: object) -> dict[str, Any]:
        return {"index": self.index, "epoch": self.epoch, "warming": self.warming,
                "endpoints": endpoints, "left": [tomb.to_struct() for tomb in self.left]}

    def to_value(self) -> dict[str, Any] | str:
        """What XML-RPC carries: the result in its form."""
        return self.to_json() if self.form == JSON else self.to_struct()

    @classmethod
    def read(cls, service: str, value: Any) -> LookupResult:
        """The reverse of `to_json`, where the value is a text, and of `to_struct`.

        Fields that are not known here are passed over: they are those of a later version. Raises
        KeyError, TypeError or ValueError for anything else.
        """
        if isinstance(value, str):
            fields = _fields_of(value)
            endpoints = Endpoint.from_columns(fields["endpoints"])
        else:
            fields = value
            endpoints = [Endpoint.from_struct(struct) for struct in fields["endpoints"]]
        index, epoch, warming = fields["index"], fields["epoch"], fields["warming"]
        # The reader sends the index back to the registry.
        if type(index) is not int or abs(index) >= _TOO_LARGE:
            raise ValueError(f"not an index: {index!r:.50}")
        if type(epoch) is not str or type(warming) is not bool:
            raise TypeError(f"not an epoch, or not a boolean: {epoch!r:.50}, {warming!r:.50}")
        return cls(service, index, epoch, warming, endpoints,
                   [Tombstone.from_struct(struct) for struct in fields["left"]])


def _fields_of(text: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("JSON that is nested too deeply") from None
