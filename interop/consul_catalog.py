"""What Consul's clients read from our registries: the questions, the JSON, and the indexes. Pure.

    /v1/catalog/services              the names of the services, with their tags
    /v1/catalog/service/NAME          the servers of one, also those that drain
    /v1/health/service/NAME           the same with their checks; with ?passing, only those to call
    /v1/health/checks/NAME            the checks alone
    /v1/health/state/STATE            the checks of all services in a state, or in any
    /v1/catalog/nodes, /v1/catalog/datacenters, /v1/agent/self, /v1/status/leader and /peers

Each server is an entry as interop/consul_entries.py writes it. Of its states, "up" is passing, and
"draining" is warning. A suspect is warning as well, but passing where nobody of its service is up:
then it may be the network that is silent.

A blocking query has `index`, the one that its reader knows, and is answered when that has changed.
An index is never 0. It grows with each change, also from one life of this process to the next,
since it begins with the time; if the clock was set back meanwhile, it goes back, and clients begin
anew, as Consul's documentation tells them to.

Source: developer.hashicorp.com/consul/api-docs: /catalog, /health, /features/blocking.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, Callable, NamedTuple
from urllib.parse import parse_qs, unquote

from interop.consul_entries import OURS, TAG, meta_of
from ponte.calls.endpoint import Endpoint
from ponte.discovery.view import changes

DATACENTER = "ponte"
# The version whose API this is.
VERSION = "1.8.7"
# Seconds of a blocking query: without `wait`, and at most.
WAIT_S, MAX_WAIT_S = 300.0, 600.0
# The most services whose last change is known. All others count as changed when one more comes.
MAX_INDEXES = 10_000
MAX_PARAMETERS = 20

# What a Go program writes for a time, as "1h30m" or "120000ms".
_PIECE = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)")
_DURATION = re.compile(rf"(?:{_PIECE.pattern})+")
_UNITS_S = {"ns": 1e-9, "us": 1e-6, "\u00b5s": 1e-6, "\u03bcs": 1e-6, "ms": 1e-3, "s": 1.0,
            "m": 60.0, "h": 3600.0}
_MAX_DURATION = 40
_MAX_INDEX = 2 ** 64
_YES, _NO = ("", "1", "t", "T", "true", "TRUE", "True"), ("0", "f", "F", "false", "FALSE", "False")
_OUTPUT = {"up": "up: it beats", "draining": "draining: it takes no new calls",
           "suspect": "suspect: half of its lease has passed without a beat"}


class BadQuestion(ValueError):
    """A request that gets this status, and one line that says why."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Question(NamedTuple):
    """What a client asks. `path` is without "v1"; `service`, the one that it is about, "" for all.

    `known`: the index that its reader knows, 0 for one that does not block; `wait_s`, how long one
    may that does.
    """

    path: tuple[str, ...]
    service: str = ""
    passing: bool = False
    tags: tuple[str, ...] = ()
    pretty: bool = False
    known: int = 0
    wait_s: float = WAIT_S


# ---- questions

def read_question(target: str) -> Question:
    """The question in the target of a GET. Raises BadQuestion."""
    path, _, query = target.partition("?")
    version, *parts = [unquote(part) for part in path.strip("/").split("/")]
    if version != "v1" or _answer_to(tuple(parts)) is None:
        raise BadQuestion(404, "nothing here: read /v1/catalog/services, /v1/health/service/NAME, "
                               "or what else interop/consul_catalog.py names")
    try:
        given = parse_qs(query, keep_blank_values=True, max_num_fields=MAX_PARAMETERS)
    except ValueError:
        raise BadQuestion(400, "too many parameters") from None
    first = {name: values[0] for name, values in given.items()}
    if "node-meta" in given or first.get("filter", OURS) != OURS:
        raise BadQuestion(400, "filter and node-meta are not understood here: read all, and choose")
    if first.get("dc", DATACENTER) not in ("", DATACENTER):
        raise BadQuestion(500, f"No path to datacenter: the only one here is {DATACENTER}")
    tags = tuple(sorted(tag for tag in given.get("tag", ()) if tag))
    service = parts[2] if len(parts) == 3 and parts[1] != "state" else ""
    return Question(tuple(parts), service, _flag(first, "passing"), tags, _flag(first, "pretty"),
                    _index(first.get("index", "")), _wait_s(first.get("wait", "")))


def _flag(given: dict[str, str], name: str) -> bool:
    text = given.get(name, "0")
    if text not in (*_YES, *_NO):
        raise BadQuestion(400, f"Invalid value for ?{name}")
    return text in _YES


def _index(text: str) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) <= 20 and int(text) < _MAX_INDEX):
        raise BadQuestion(400, "Invalid index: take a whole number")
    return int(text)


def _wait_s(text: str) -> float:
    """Seconds; none, and 0, stand for Consul's default.

    >>> [_wait_s(text) for text in ("120000ms", "1m30s", "2h", "", "0s")]
    [120.0, 90.0, 600.0, 300.0, 300.0]
    """
    if not text or text == "0":
        return WAIT_S
    if len(text) > _MAX_DURATION or not _DURATION.fullmatch(text):
        raise BadQuestion(400, "Invalid wait time: take a duration, as 10s, 5m or 120000ms")
    seconds = sum(float(number) * _UNITS_S[unit] for number, unit in _PIECE.findall(text))
    return min(seconds, MAX_WAIT_S) or WAIT_S


# ---- what is known

class Catalog:
    """The servers at one moment, with the indexes of their changes. Never changes.

    Parameters: `endpoints`, all of them; `index`, of this state; `before`, the state until now;
    `own_address`, of the process that answers.

    >>> one = Endpoint("greeter", "one", 7, "127.0.0.1", 4242, "up", ())
    >>> catalog = Catalog([one], 8, Catalog([], 7))
    >>> question = read_question("/v1/health/service/greeter?passing&index=7&wait=10s")
    >>> catalog.index_of(question), len(catalog.answer(question))
    (8, 1)
    >>> catalog.index_of(read_question("/v1/health/service/bank"))
    7
    """

    def __init__(self, endpoints: Iterable[Endpoint], index: int, before: Catalog | None = None,
                 own_address: str = "127.0.0.1:8300") -> None:
        self.own_address = own_address
        self.endpoints = tuple(sorted(endpoints))
        self.index = index
        self._services: dict[str, list[Endpoint]] = {}
        for endpoint in self.endpoints:
            self._services.setdefault(endpoint.service, []).append(endpoint)
        # The last change of each service, of all others, and of the names.
        self._changed_at: dict[str, int] = {}
        if before is None:
            self._floor = self._names_at = index
        else:
            changed = dict.fromkeys(changes(before.endpoints, self.endpoints), index)
            self._changed_at, self._floor = {**before._changed_at, **changed}, before._floor
            same = self._services.keys() == before._services.keys()
            self._names_at = before._names_at if same else index
        if len(self._changed_at) > MAX_INDEXES:
            self._changed_at, self._floor = {}, index

    def index_of(self, question: Question) -> int:
        """The index of the last change of what a question is about."""
        if question.service:
            return self._changed_at.get(question.service, self._floor)
        return self._names_at if question.path == ("catalog", "services") else self.index

    def answer(self, question: Question) -> Any:
        """The value of the answer."""
        answer = _answer_to(question.path)
        # Its path was looked up when it was read.
        assert answer
        return answer(self, question)

    def write(self, question: Question) -> bytes:
        """The same as JSON."""
        if question.pretty:
            return (json.dumps(self.answer(question), indent=4) + "\n").encode()
        return json.dumps(self.answer(question), separators=(",", ":")).encode()

    # Parts of the answers.

    def _of(self, question: Question) -> list[tuple[Endpoint, str]]:
        """The servers that a question is about, each with the status of its check."""
        if not set(question.tags) <= {TAG}:
            return []
        names = [question.service] if question.service else sorted(self._services)
        found = []
        for name in names:
            servers = self._services.get(name, [])
            nobody_is_up = all(server.state != "up" for server in servers)
            found += [(server, "passing" if server.state == "up"
                       or (server.state == "suspect" and nobody_is_up) else "warning")
                      for server in servers]
        return [each for each in found if each[1] == "passing" or not question.passing]

    def _indexes(self, service: str) -> dict[str, int]:
        index = self._changed_at.get(service, self._floor)
        return {"CreateIndex": index, "ModifyIndex": index}

    def _node(self, host: str) -> dict[str, Any]:
        """The machine of a server: nothing is known of it but its address."""
        return {"ID": "", "Node": host, "Address": host, "Datacenter": DATACENTER,
                "TaggedAddresses": {"lan": host, "wan": host}, "Meta": {},
                "CreateIndex": self._floor, "ModifyIndex": self._floor}

    def _check(self, server: Endpoint, status: str) -> dict[str, Any]:
        name = f"{server.service}:{server.instance}"
        indexes = self._indexes(server.service)
        return {"Node": server.host, "CheckID": f"{name}:{server.incarnation}",
                "Name": f"beats of {server.instance}", "Status": status,
                # As in interop/consul_entries.py: it changes with what the check does not show.
                "Notes": f"change {indexes['ModifyIndex']}",
                "Output": _OUTPUT[server.state], "ServiceID": name, "ServiceName": server.service,
                "ServiceTags": [TAG], "Type": "ttl", "Definition": {},
                **indexes}

    # The answers.

    def _services_with_tags(self, _: Question) -> dict[str, list[str]]:
        return {name: [TAG] for name in sorted(self._services)}

    def _of_catalog(self, question: Question) -> list[dict[str, Any]]:
        return [{**self._node(server.host), "NodeMeta": {}, "ServiceKind": "",
                 "ServiceID": f"{server.service}:{server.instance}",
                 "ServiceName": server.service, "ServiceTags": [TAG],
                 "ServiceAddress": server.host, "ServiceTaggedAddresses": {},
                 "ServiceWeights": {"Passing": 1, "Warning": 1}, "ServiceMeta": meta_of(server),
                 "ServicePort": server.port, "ServiceEnableTagOverride": False,
                 "ServiceProxy": {}, "ServiceConnect": {}, **self._indexes(server.service)}
                for server, _ in self._of(question)]

    def _of_health(self, question: Question) -> list[dict[str, Any]]:
        return [{"Node": self._node(server.host),
                 "Service": {"ID": f"{server.service}:{server.instance}",
                             "Service": server.service, "Tags": [TAG], "Address": server.host,
                             "TaggedAddresses": {}, "Meta": meta_of(server), "Port": server.port,
                             "Weights": {"Passing": 1, "Warning": 1}, "EnableTagOverride": False,
                             "Proxy": {}, "Connect": {}, **self._indexes(server.service)},
                 "Checks": [self._check(server, status)]}
                for server, status in self._of(question)]

    def _checks(self, question: Question) -> list[dict[str, Any]]:
        return [self._check(server, status) for server, status in self._of(question)]

    def _checks_in_state(self, question: Question) -> list[dict[str, Any]]:
        state = question.path[2]
        return [self._check(server, status) for server, status in self._of(question)
                if state in ("any", status)]

    def _nodes(self, _: Question) -> list[dict[str, Any]]:
        return [self._node(host) for host in sorted({server.host for server in self.endpoints})]

    def _self(self, _: Question) -> dict[str, Any]:
        config = {"Datacenter": DATACENTER, "NodeName": "ponte", "NodeID": "", "Revision": "",
                  "Server": True, "Version": VERSION}
        return {"Config": config, "DebugConfig": {}, "Coord": None, "Member": self._member(),
                "Stats": {}, "Meta": {}}

    def _members(self, _: Question) -> list[dict[str, Any]]:
        return [self._member()]

    def _member(self) -> dict[str, Any]:
        host, _, port = self.own_address.rpartition(":")
        return {"Name": "ponte", "Addr": host.strip("[]"), "Port": int(port), "Status": 1,
                "Tags": {"role": "consul", "dc": DATACENTER, "build": VERSION},
                "ProtocolMin": 1, "ProtocolMax": 5, "ProtocolCur": 2, "DelegateMin": 2,
                "DelegateMax": 5, "DelegateCur": 4}

    def _datacenters(self, _: Question) -> list[str]:
        return [DATACENTER]

    def _leader(self, _: Question) -> str:
        return self.own_address

    def _peers(self, _: Question) -> list[str]:
        return [self.own_address]


_Answer = Callable[[Catalog, Question], Any]
# "*" stands for a name.
_ANSWERS: dict[tuple[str, ...], _Answer] = {
    ("catalog", "services"): Catalog._services_with_tags,
    ("catalog", "service", "*"): Catalog._of_catalog,
    ("catalog", "nodes"): Catalog._nodes,
    ("catalog", "datacenters"): Catalog._datacenters,
    ("health", "service", "*"): Catalog._of_health,
    ("health", "checks", "*"): Catalog._checks,
    ("health", "state", "*"): Catalog._checks_in_state,
    ("agent", "self"): Catalog._self,
    ("agent", "members"): Catalog._members,
    ("status", "leader"): Catalog._leader,
    ("status", "peers"): Catalog._peers,
}


def _answer_to(path: Sequence[str]) -> _Answer | None:
    """What answers a path; None where there is nothing."""
    if len(path) == 3 and path[2]:
        return _ANSWERS.get((path[0], path[1], "*"))
    return _ANSWERS.get(tuple(path)) if len(path) == 2 else None
