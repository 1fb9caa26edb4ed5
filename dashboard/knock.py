"""Asks the gate of a class what it thinks of us: before a server starts, and while it is silent.

A beat is sent as the server would send it. The gate refuses it with a reason, or passes it on to
the registry, which answers with its epoch: a first beat without one changes nothing there. While no
registry answers, a beat of the service KNOCK asks whether the gate knows our key.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import time
from collections.abc import Sequence
from typing import NamedTuple

from dashboard.caller import SERVICE
from dashboard.gatekeeper import KNOCK, REFUSED
from ponte.discovery.beats import (
    MAX_DATAGRAM_BYTES,
    Answer,
    BadDatagram,
    Beat,
    decode_answer,
    encode_beat,
)
from ponte.discovery.incarnations import new_incarnation
from ponte.net.address import Address

# Seconds for an answer, and between two datagrams, of which some are lost. A radio network may need
# some tenths of a second.
ANSWER_S, AGAIN_S = 3.0, 0.25
# Seconds for a connection.
CONNECT_S = 2.0


class Knock(NamedTuple):
    """Who asks: the `gate`, the `key` of the class, and the `name` and `host` of a server."""

    gate: Address
    key: bytes
    name: str
    host: str


def knock(asks: Knock, timeout_s: float = ANSWER_S) -> str:
    """What the gate answers to a server that wants to come in: "welcome"; "wait" (no registry
    answers now); or why it is refused (gatekeeper.py), such as "taken". "" if nothing is answered.
    """
    return _ask(asks, (SERVICE, SERVICE, KNOCK), timeout_s)


def is_known(asks: Knock, timeout_s: float = ANSWER_S) -> bool:
    """Whether the gate answers, and has our key: the class goes on."""
    return _ask(asks, (KNOCK,), timeout_s) != ""


def _ask(asks: Knock, services: Sequence[str], timeout_s: float) -> str:
    """Sends beats of these services in turn, until one is answered."""
    incarnation = new_incarnation()
    # Nobody calls port 9: the registry does not list what it has answered with its epoch.
    beat = Beat(SERVICE, asks.name, incarnation, 0, asks.host, 9)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        # Windows receives nothing at a socket that has no port yet.
        sock.bind(("", 0))
        sock.settimeout(AGAIN_S)
        deadline = time.monotonic() + timeout_s
        for seq, service in enumerate(itertools.cycle(services), 1):
            if time.monotonic() >= deadline:
                break
            asked = beat._replace(service=service, seq=seq)
            # OSError: there is no route.
            with contextlib.suppress(OSError):
                sock.sendto(encode_beat(asked, asks.key), asks.gate)
            answer = _hear(sock, asks)
            if answer and (answer.instance, answer.incarnation) == (asks.name, incarnation):
                return {REFUSED: answer.epoch, KNOCK: "wait"}.get(answer.type, "welcome")
            if answer is None:
                _pause(deadline)
    return ""


def _pause(deadline: float) -> None:
    """Waits a little: a closed port answers at once, and would be asked without a pause."""
    time.sleep(max(min(AGAIN_S / 5, deadline - time.monotonic()), 0))


def _hear(sock: socket.socket, asks: Knock) -> Answer | None:
    """The next authentic answer of the gate; None if none comes in time."""
    # OSError: nothing came. On Windows and Linux, also: the port is closed.
    with contextlib.suppress(OSError, BadDatagram):
        datagram, sender = sock.recvfrom(MAX_DATAGRAM_BYTES + 1)
        if sender[:2] == asks.gate:
            return decode_answer(datagram, asks.key)
    return None


def what_is_there(gate: Address) -> str:
    """"somebody" listens there for phones; "nobody" does; or there is "no way" to tell."""
    try:
        socket.create_connection(gate, CONNECT_S).close()
    except ConnectionRefusedError:
        return "nobody"
    except OSError:
        return "no way"
    return "somebody"
