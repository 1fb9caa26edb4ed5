"""What Consul's JSON says of servers, and how a server is written there. Pure.

A server of Ponte is a service of Consul. What a beat says stands in these places:

    service, instance             Name; ID is "service:instance"
    host, port                    Address, Port
    state                         the status of its check: up = passing, draining = warning
    incarnation, remembers,       Meta, whose values have 512 bytes at most: so the names of
    the idempotent functions      idempotent functions stand in as many values as they need

Each life of a server has a check of its own: the CheckID has the incarnation. So the beats of an
elder process cannot keep a younger one of its name alive.

Consul's catalog can be written by everybody who reaches it. So each entry is held against the rules
of a beat, and one that breaks them is passed over; it hides no other entry.

Source: Consul's HTTP API, /v1/agent/service/register, /v1/health/service and /v1/health/state
(developer.hashicorp.com/consul/api-docs).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

from ponte.calls.endpoint import Endpoint
from ponte.discovery.beats import Beat, beat_from_line, beat_to_line

# The tag of what beats by the rules of Ponte.
TAG = "ponte"
# The checks that readers of all services ask for: ours, and those of the machines.
OURS = f'"{TAG}" in ServiceTags or ServiceID == ""'
# Bytes in a value of Meta, and in its name.
MAX_VALUE_BYTES = 512
# Consul takes no shorter time until it forgets an instance whose check is critical.
FORGET = "1m"
# State -> the status of a check. While it is critical, the server is gone.
STATUS = {"up": "passing", "draining": "warning"}
STATES = {status: state for state, status in STATUS.items()}
# The fields of a beat that are no part of what readers see, and those with a place of their own.
_OF_THE_BEAT = ("seq", "lease_s", "epoch")
_PLACED = ("service", "instance", "host", "port", "state", "idempotent")
# No integer in Consul's JSON has more digits. To read a longer one takes time.
_MAX_DIGITS = 20


class Found(NamedTuple):
    """What an answer says: the servers, sorted, and the IDs of entries that break the rules."""

    endpoints: list[Endpoint]
    broken: list[str]


# ---- what is written

def id_of(beat: Beat) -> str:
    """The ID of its service.

    >>> id_of(Beat("greeter", "one", incarnation=7, seq=1, host="127.0.0.1", port=4242))
    'greeter:one'
    """
    return f"{beat.service}:{beat.instance}"


def check_of(beat: Beat) -> str:
    """The ID of the check of this life."""
    return f"{id_of(beat)}:{beat.incarnation}"


def registration(beat: Beat, number: int) -> dict[str, Any]:
    """What registers a server at an agent. Consul refuses fields that it does not know.

    `number` counts the registrations of this life. It stands in the check, since a change of the
    Meta alone wakes nobody who waits for a change of any check.
    """
    return {"ID": id_of(beat), "Name": beat.service, "Tags": [TAG], "Address": beat.host,
            "Port": beat.port, "Meta": meta_of(beat),
            "Check": {"CheckID": check_of(beat), "Name": f"beats of {beat.instance}",
                      "Notes": f"registration {number}", "TTL": f"{round(beat.lease_s * 1000)}ms",
                      # Otherwise a new check begins as critical.
                      "Status": STATUS[beat.state],
                      "DeregisterCriticalServiceAfter": FORGET}}


def meta_of(told: Beat | Endpoint) -> dict[str, str]:
    """What stands in the Meta of a server.

    >>> meta_of(Endpoint("greeter", "one", 7, "127.0.0.1", 4242, "up", ("hello", "whoami")))
    {'incarnation': '7', 'idempotent-0': 'hello,whoami'}
    """
    meta = {name: value if isinstance(value, str) else json.dumps(value)
            for name, value in told._asdict().items()
            if name not in (*_OF_THE_BEAT, *_PLACED)
            and value != Beat._field_defaults.get(name)}
    return {**meta, **{f"idempotent-{number}": piece
                       for number, piece in enumerate(_pieces(told.idempotent))}}


def _pieces(names: Iterable[str]) -> list[str]:
    """The names with commas, in pieces that fit into values of Meta."""
    pieces: list[str] = []
    for name in names:
        longer = f"{pieces[-1]},{name}" if pieces else name
        if pieces and len(longer.encode()) <= MAX_VALUE_BYTES:
            pieces[-1] = longer
        else:
            pieces.append(name)
    return pieces


# ---- what is read

def read_json(body: bytes) -> Any:
    """The value of a JSON text. Raises ValueError for everything else, however deep or long."""
    try:
        return json.loads(body.decode("utf-8"), parse_int=_int_of)
    except RecursionError:
        raise ValueError("JSON that is nested too deeply") from None


def _int_of(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise ValueError("JSON with a number that is too long")
    return int(digits)


def endpoints_of(entries: Any, service: str) -> Found:
    """The servers in an answer of /v1/health/service/`service`.

    An entry without our tag is passed over: it is not one of ours. Raises ValueError for what is
    no list of entries.
    """
    endpoints, broken = [], []
    for entry in _objects(entries):
        found = _object(entry, "Service")
        tags = found.get("Tags")
        if not isinstance(tags, list) or TAG not in tags:
            continue
        statuses = [check.get("Status") for check in _objects(entry.get("Checks"))]
        # The worst of them counts. One check is that of the machine.
        status = next((each for each in statuses if each != "passing"), "passing")
        if "critical" in statuses or status not in STATES:
            continue
        try:
            endpoints.append(_endpoint_of(found, service, STATES[status]))
        except (TypeError, ValueError):
            name = found.get("ID")
            broken.append(name[:MAX_VALUE_BYTES] if isinstance(name, str) else "")
    return Found(sorted(endpoints), broken)


def _endpoint_of(found: dict[str, Any], service: str, state: str) -> Endpoint:
    """The server in the Service of an entry. Raises ValueError or TypeError for one that no beat
    would be.
    """
    name, host, port = found.get("ID"), found.get("Address"), found.get("Port")
    if not isinstance(name, str) or not isinstance(host, str) or type(port) is not int \
            or not name.startswith(f"{service}:"):
        raise ValueError("not the service of a server")
    meta = {key: value for key, value in _object(found, "Meta").items()
            if isinstance(value, str) and len(value.encode()) <= MAX_VALUE_BYTES}
    fields: dict[str, Any] = {
        field: meta[field] if isinstance(default, str) else read_json(meta[field].encode())
        for field, default in {**Beat._field_defaults, "incarnation": 0}.items()
        if field in meta and field not in (*_OF_THE_BEAT, *_PLACED)}
    beat = Beat(**{**fields, "service": service, "instance": name[len(service) + 1:], "seq": 1,
                   "host": host, "port": port, "state": state,
                   # What no beat lacks; an agent has no epoch.
                   "idempotent": tuple(_names_in(meta)), "epoch": ""})
    # The rules that a registry holds every beat against.
    known = beat_from_line(beat_to_line(beat))._asdict()
    return Endpoint(**{field: known[field] for field in Endpoint._fields})


def _names_in(meta: dict[str, str]) -> list[str]:
    """The names of idempotent functions in a Meta."""
    names: list[str] = []
    number = 0
    while f"idempotent-{number}" in meta:
        names += meta[f"idempotent-{number}"].split(",")
        number += 1
    return names


def signatures(checks: Any) -> dict[str, Any]:
    """For each service of ours in an answer of /v1/health/state/any: what changes with its servers.

    So its servers need to be read anew only where this has changed. Raises ValueError for what is
    no list of checks.
    """
    down: list[str] = []
    services: dict[str, list[tuple[str, ...]]] = {}
    for check in _objects(checks):
        seen = tuple(str(check[field]) for field in ("Node", "CheckID", "Status", "Notes")
                     if isinstance(check.get(field), str))
        name, status, tags = (check.get(field)
                              for field in ("ServiceName", "Status", "ServiceTags"))
        if not isinstance(name, str) or not isinstance(status, str):
            raise ValueError("a check without the name of its service, or without a status")
        # The check of a machine, which all services there share.
        if not name and status != "passing":
            down.append(str(seen))
        elif name and isinstance(tags, list) and TAG in tags:
            services.setdefault(name, []).append(seen)
    return {name: (sorted(lines), sorted(down)) for name, lines in services.items()}


def newest_of(found: Any) -> int:
    """The incarnation in an answer of /v1/agent/service/ID; 0 where there is none."""
    meta = found.get("Meta") if isinstance(found, dict) else None
    text = meta.get("incarnation") if isinstance(meta, dict) else None
    if not isinstance(text, str) or not (text.isascii() and text.isdigit()):
        return 0
    return int(text) if len(text) <= _MAX_DIGITS else 0


def quoted_path(*parts: str) -> str:
    """A path of Consul's API.

    >>> quoted_path("agent", "service", "greeter:a/b")
    '/v1/agent/service/greeter%3Aa%2Fb'
    """
    return "/v1/" + "/".join(quote(part, safe="") for part in parts)


def _objects(value: Any) -> Sequence[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise ValueError(f"not a list of objects, but {type(value).__name__}")
    return value


def _object(value: dict[str, Any], name: str) -> dict[str, Any]:
    found = value.get(name)
    if not isinstance(found, dict):
        raise ValueError(f"no object under {name!r}, but {type(found).__name__}")
    return found

