"""A watcher that asks a running process for its events: POST /-/observe.

    POST /-/observe HTTP/1.1
    Content-Type: application/json

    {"port": 41234, "every": 1, "lease_s": 5}

    200 {"instance": "server-1", "role": "server", "pid": 4711, "n": 0}

From then on the events go to that port of 127.0.0.1, for `lease_s` seconds: a watcher that has gone
is soon told nothing more. It asks again in time. The same members are optional, but `port`; `name`
is how a registry calls itself in its events. `n` is the number of the latest event so far.

Who may ask? Whoever can speak to a process on this machine: the process listens on a loopback
address, the request comes from one, and it names one as Host (so no name of a stranger leads here,
which a browser would follow). A proxy on this machine could hide somebody else: so a request that
says that it came through one is refused. Or who has the key: `Signature` is the HMAC-SHA256 of the
body, in hexadecimal digits. No page of a browser may: it says its Origin, and cannot send this
media type elsewhere unasked. One watcher at a time: another one gets 409 until the lease is over.

A signed request may be sent again by somebody who has seen it. It does what it did the first time:
events go to a port of the machine that the process runs on, for some seconds.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import math
import threading
from collections.abc import Sequence
from typing import Any

from ponte.net.address import Address, is_loopback, parse_address, quoted
from ponte.net.message import Reply, Request, text_reply
from ponte.net.target import path_in
from ponte.process import observe

PATH = "/-/observe"
# Bytes of a request's body.
MAX_BODY_BYTES = 1000
# Seconds of a lease, if the watcher does not say; and the longest one. A longer one goes on telling
# a watcher that has gone.
LEASE_S, MAX_LEASE_S = 5.0, 60.0
# One call of so many is told, at the least.
MAX_EVERY = 1_000_000
# Headers of a request that came through a proxy (RFC 7239, RFC 9110 section 7.6.3, and customs).
RELAYED = frozenset(("forwarded", "via", "x-forwarded", "x-real-ip", "x-client-ip",
                     "true-client-ip", "cf-connecting-ip"))

# One watcher at a time: held while it is decided who that is.
_lock = threading.Lock()


def attach(request: Request, instance: str, role: str, address: Address,
           keys: Sequence[bytes]) -> Reply | None:
    """The reply to a watcher; None for a request that is for something else. From any thread.

    Parameters: `instance` and its `role` are told to it; `address`, where the process listens;
    `keys`, those that may sign, b"" for none.
    """
    if path_in(request.target) != PATH:
        return None
    if request.method != "POST":
        return text_reply(405, f"{PATH} takes JSON by POST", Allow="POST")
    why_not = _why_not_from(request) or _why_not_by(request, address, keys)
    if why_not:
        return text_reply(403, why_not)
    try:
        port, every, lease_s, name = _read(request.body)
    except ValueError as error:
        return text_reply(400, str(error))
    with _lock:
        now = observe.watcher
        if now and not now.is_over() and now.address != ("127.0.0.1", port):
            return text_reply(409, f"events go to port {now.address[1]} already")
        # What the command line asked for goes on for ever.
        if not now or now.ends_at != math.inf or now.is_over():
            observe.start(("127.0.0.1", port), every, name, lease_s)
    if role == "registry":
        instance = observe.own_name(role)
    told = {"instance": instance, "role": role, "pid": observe.life.pid, "n": observe.life.last}
    return Reply(200, {"Content-Type": "application/json; charset=utf-8"},
                 f"{json.dumps(told)}\n".encode())


def _why_not_from(request: Request) -> str:
    """Why no such request is taken, whoever sends it; "" if it may be."""
    if not request.is_json:
        return "Content-Type must be application/json"
    if "origin" in request.headers:
        return "no page of a browser may ask for events"
    if len(request.body) > MAX_BODY_BYTES:
        return f"a body of more than {MAX_BODY_BYTES} bytes"
    return ""


def _why_not_by(request: Request, address: Address, keys: Sequence[bytes]) -> str:
    """Why it is not taken from this sender; "" if it is."""
    headers = request.headers
    if "signature" in headers:
        return "" if _is_signed(request, keys) else "this signature is made with no key of ours"
    if not is_loopback(address[0]) or not is_loopback(request.peer[0]):
        return "from another machine, or to a port that others reach: sign it with the key"
    if any(name in RELAYED or name.startswith("x-forwarded-") for name in headers):
        return "it came through a proxy: sign it with the key"
    if not _names_us(headers.get("host", ""), address):
        return "Host must be a loopback address and our port"
    return ""


def _is_signed(request: Request, keys: Sequence[bytes]) -> bool:
    given = request.headers["signature"].encode()
    return any(hmac.compare_digest(given, hmac.new(key, request.body, hashlib.sha256)
                                   .hexdigest().encode()) for key in keys if key)


def _names_us(host: str, address: Address) -> bool:
    try:
        name, port = parse_address(host)
    except ValueError:
        return False
    return is_loopback(name) and port == address[1]


def _read(body: bytes) -> tuple[int, int, float, str]:
    """Port, every, lease and name in a body. Raises ValueError with one line."""
    try:
        said: Any = json.loads(body)
    except (ValueError, RecursionError):
        raise ValueError("the body is not JSON") from None
    # Also: whatever else the key has signed, such as a beat, is no such request.
    if not isinstance(said, dict) or not said.keys() <= {"port", "every", "lease_s", "name"}:
        raise ValueError('expected {"port": P, "every": N, "lease_s": S}')
    port, every, lease_s = said.get("port"), said.get("every", 1), said.get("lease_s", LEASE_S)
    name = said.get("name", "")
    if type(port) is not int or not 0 < port <= 65535:
        raise ValueError(f"port: {quoted(port)} is not a port")
    if type(every) is not int or not 0 < every <= MAX_EVERY:
        raise ValueError(f"every: {quoted(every)} is not a number from 1 to {MAX_EVERY:,}")
    if type(lease_s) not in (int, float) or not 0 < lease_s <= MAX_LEASE_S:
        raise ValueError(f"lease_s: {quoted(lease_s)} is not a number of seconds up to "
                         f"{MAX_LEASE_S:g}")
    if not isinstance(name, str) or (name and not observe.is_name(name)):
        raise ValueError(f"name: {quoted(name)} cannot be a name")
    return port, every, float(lease_s), name
