"""Consul's JSON, as our readers take it; and the requests that Consul's clients make to our face.

Whatever an agent answers, it is a view of endpoints that a registry could have named, or a
ValueError, which a directory tells once. Whatever a client asks, it is answered or refused.
"""

from __future__ import annotations

import json

from interop.consul_catalog import MAX_WAIT_S, BadQuestion, Catalog, read_question
from interop.consul_entries import (
    OURS,
    endpoints_of,
    newest_of,
    read_json,
    registration,
    signatures,
)
from ponte.calls.endpoint import READER_STATES, Endpoint
from ponte.discovery.beats import MAX_NAME, Beat
from tests.fuzz.mutate import Target

_SERVERS = (Endpoint("greeter", "one", 1795785050728570, "127.0.0.1", 4242, "up", ("hello",)),
            Endpoint("greeter", "two", 7, "fd00::7", 4243, "draining", ("a", "b"), False, "/RPC2"),
            Endpoint("bank", "bank-1", 8, "10.0.0.7", 4244, "suspect", ()))
_CATALOG = Catalog(_SERVERS, 1795785050728)
_PATHS = ("/v1/health/service/greeter", "/v1/health/state/any", "/v1/catalog/services",
          "/v1/catalog/service/greeter", "/v1/health/checks/bank", "/v1/catalog/nodes",
          "/v1/agent/self", "/v1/status/leader")


def check_entries(data: bytes) -> str:
    """What readers of one service, and servers that meet another of their name, take."""
    try:
        value = read_json(data)
        assert newest_of(value) >= 0
        found = endpoints_of(value, "greeter")
    except ValueError as error:
        return type(error).__name__
    for endpoint in found.endpoints:
        assert endpoint.service == "greeter" and endpoint.state in READER_STATES
        assert 0 < len(endpoint.instance) <= MAX_NAME and 1 <= endpoint.port <= 65535
        # A registry would have named it; and it is told to others as it was read.
        assert Endpoint.from_struct(endpoint.to_struct()) == endpoint
        beat = Beat("greeter", endpoint.instance, endpoint.incarnation, 1, endpoint.host,
                    endpoint.port, endpoint.state, idempotent=endpoint.idempotent)
        json.dumps(registration(beat, 1))
    return f"{len(found.endpoints)} servers, {len(found.broken)} broken"


def check_checks(data: bytes) -> str:
    """What readers of all services take."""
    try:
        services = signatures(read_json(data))
    except ValueError as error:
        return type(error).__name__
    assert services == signatures(read_json(data))
    return f"{len(services)} services"


def check_face(data: bytes) -> str:
    """What clients ask, and the JSON that they get."""
    try:
        question = read_question(data.decode("latin-1"))
    except BadQuestion as bad:
        assert 400 <= bad.status <= 500 and len(str(bad).splitlines()) == 1
        return str(bad.status)
    assert 0 < question.wait_s <= MAX_WAIT_S and question.known >= 0
    assert _CATALOG.index_of(question) > 0
    json.loads(_CATALOG.write(question))
    return question.path[0]


def _written(*targets: str) -> tuple[bytes, ...]:
    return tuple(_CATALOG.write(read_question(target)) for target in targets)


_WORDS = (b"null", b"[]", b"{}", b"[" * 500, b'{"a":' * 500, b"9" * 400, b"1e999", b"NaN", b"true",
          b'"critical"', b'"ponte"', b'"warning"', b'"\\ud800"', b'"greeter:"', b"\xff", b"-1",
          b'"Checks":[{"Status":1}]', b'"Meta":{"incarnation":"0"}', b'"idempotent-0":"a b"',
          b'"remembers":"0"', b'"path":"x"')

TARGETS = (
    Target("consul", _written("/v1/health/service/greeter", "/v1/health/service/greeter?pretty",
                              "/v1/catalog/service/greeter"), _WORDS, check_entries),
    Target("consul-checks", _written("/v1/health/state/any", "/v1/health/checks/greeter"), _WORDS,
           check_checks),
    Target("consul-face", tuple(f"{path}{query}".encode() for path in _PATHS for query in (
        "", "?passing&index=1795785050728&wait=120000ms",
        f"?filter={OURS.replace(' ', '+')}&dc=ponte&tag=ponte")),
        (b"%2F", b"%00", b"/", b"?", b"&", b"index=", b"wait=1h", b"wait=.s", b"9" * 400, b"%ff",
         b"passing=x", b"pretty", b"..", b"&a" * 30, "\u00b5s".encode("latin-1")), check_face),
)
