"""The port for phones: the question, four buttons, and the file for laptops.

    GET  /            the page: one file, with its script and style in it
    GET  /vote        the question as JSON, with what this device has voted for
    POST /vote        a vote: {"question": ID, "answer": 0 to 3}
    GET  /ponte.pyz   all of Ponte in one file (archive.py)

This port is open to everybody in the local network, so it does nothing else: 404 and 405 for the
rest. No name is asked for. A device is a random id in a cookie, which no script can read and which
no other site makes the browser send (SameSite). A device has one vote. A whole class may come from
one address (a router that translates addresses, a hotspot), so one address gets as many ids as a
class needs. Requests are limited by device, by address, and in all; so are connections, and what is
remembered. Who reloads without the cookie fills the share of one address, and then has its own
devices forgotten, those that were absent for longest first; none that has voted in the open
question, or it could vote once more.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import re
import secrets
import time
from collections import Counter, OrderedDict
from collections.abc import Mapping
from typing import Any, Callable, NamedTuple, Protocol

from dashboard.gatekeeper import Rate
from ponte.net.address import Address
from ponte.net.loop import Loop
from ponte.net.message import ProtocolError, Reply, Request, text_reply
from ponte.net.serving import Listener
from ponte.process.front_page import preferred
from ponte.process.own_files import own_file, read

log = logging.getLogger("ponte.phones")

# A class has up to 60 phones, each with a connection or two, perhaps all behind one address. What
# is above one address's share stays free for the others.
MAX_CONNECTIONS, MAX_CONNECTIONS_EACH = min(256, Loop.max_connections), 128
# Requests of one address, of one device, and of all: in a second, and at once. A phone asks every
# 1.5 s, so 60 phones behind one address ask 40 times a second.
EACH_PER_S, EACH_AT_ONCE = 100.0, 300.0
DEVICE_PER_S, DEVICE_AT_ONCE = 5.0, 30.0
ALL_PER_S, ALL_AT_ONCE = 400.0, 800.0
# Votes of one device.
VOTES_PER_S, VOTES_AT_ONCE = 2.0, 6.0
# New devices of one address. With more, one person could vote more often; with fewer, a class
# behind one address would wait.
DEVICES_PER_S, DEVICES_AT_ONCE = 1.0, 80.0
# Downloads of the file, by address and in all: each is some 400 KB.
FILES_PER_S, FILES_AT_ONCE = 2.0, 60.0
ALL_FILES_PER_S, ALL_FILES_AT_ONCE = 20.0, 100.0
# Devices and addresses that are remembered, and devices of one address. Of more addresses, the one
# that was silent for longest is forgotten.
MAX_DEVICES, MAX_DEVICES_EACH, MAX_ADDRESSES = 500, 150, 1000
# A device that has not asked for so many seconds can be forgotten for a new one. A phone asks only
# while its screen is on. One that comes back too late gets a new id when it opens the page again.
ABSENT_S = 60.0
# A device that has not asked for so many seconds is not counted as one that is there.
PRESENT_S = 10.0
MAX_VOTE_BYTES = 200
# Seconds until the cookie ends: longer than a class.
COOKIE_S = 4 * 3600
COOKIE = "device"
_DEVICE = re.compile(rf"(?:^|;\s*){COOKIE}=([0-9a-f]{{32}})(?:;|$)")


class Ballot(Protocol):
    """What is asked of the ballot (dashboard/ballot.py)."""

    def vote(self, device: str, answer: int) -> None: ...
    def answer_of(self, device: str) -> int | None: ...
    def shown(self) -> dict[str, Any] | None: ...


class _Rates:
    """The rates of one address."""

    def __init__(self) -> None:
        self.requests = Rate(EACH_PER_S, EACH_AT_ONCE)
        self.devices = Rate(DEVICES_PER_S, DEVICES_AT_ONCE)
        self.files = Rate(FILES_PER_S, FILES_AT_ONCE)


class _Device:
    """A phone: the address that it first came from, when it last asked, and its rates."""

    def __init__(self, host: str, now: float) -> None:
        self.host, self.seen = host, now
        self.requests = Rate(DEVICE_PER_S, DEVICE_AT_ONCE)
        self.votes = Rate(VOTES_PER_S, VOTES_AT_ONCE)


class Page(NamedTuple):
    """The page in parts: what stands before the language, and after it; and its policy."""

    before: bytes
    after: bytes
    policy: str


class Phones:
    """Answers phones on one port. Requests are answered on the thread of its listener.

    Parameters: the `address` to listen on, and from which its one Host is made; `ballot`; `file`,
    the bytes of ponte.pyz; `now()`, a time in seconds. Raises OSError if the port is taken.

    Attributes: `dropped`, what was refused, by reason.
    """

    def __init__(self, address: Address, ballot: Ballot, file: bytes,
                 now: Callable[[], float] = time.monotonic) -> None:
        self._ballot, self._file, self._now = ballot, file, now
        self._page = load_page()
        self.dropped: Counter[str] = Counter()
        # Used on the thread of the listener alone; `devices` only counts. Of the devices, the one
        # that asked last comes last.
        self._devices: dict[str, _Device] = {}
        self._rates: OrderedDict[str, _Rates] = OrderedDict()
        self._all = Rate(ALL_PER_S, ALL_AT_ONCE)
        self._all_files = Rate(ALL_FILES_PER_S, ALL_FILES_AT_ONCE)
        self._listener = Listener(*address, self._handle, engine="events",
                                  max_connections=MAX_CONNECTIONS,
                                  max_connections_each=MAX_CONNECTIONS_EACH)
        self.address = self._listener.address

    def start(self) -> None:
        self._listener.start()

    def close(self) -> None:
        """Closes the port, and cuts off who is connected."""
        self._listener.close()

    @property
    def devices(self) -> int:
        """How many phones have asked within PRESENT_S."""
        now = self._now()
        return sum(now - device.seen < PRESENT_S for device in list(self._devices.values()))

    def _handle(self, request: Request, received_at: float,
                caller_left: Callable[[], bool]) -> Reply:
        return self.answer(request)

    def answer(self, request: Request) -> Reply:
        """The reply to a request. One that is refused is counted."""
        try:
            return self._carry_out(request, self._now())
        except ProtocolError as error:
            self.dropped[str(error.status)] += 1
            return text_reply(error.status, error.reason, **error.headers)

    def _carry_out(self, request: Request, now: float) -> Reply:
        rates = self._rates_of(request.peer[0])
        if not rates.requests.take(now) or not self._all.take(now):
            raise _too_many("too many requests: wait a moment")
        # Phones have typed the address, so no other name leads here (DNS rebinding).
        if request.headers.get("host", "") not in self._hosts():
            raise ProtocolError(421, "this is another host")
        allowed = _METHODS.get(request.target)
        if allowed is None:
            raise ProtocolError(404, "nothing here: GET /")
        if request.method not in allowed.split(", "):
            raise ProtocolError(405, f"{request.target}: {allowed}", Allow=allowed)
        if request.target == "/":
            return self._show_page(request, rates, now)
        if request.target == "/ponte.pyz":
            return self._give_file(rates, now)
        device = self._see(_device_of(request.headers), now)
        if request.method == "POST":
            self._take_vote(request, device, now)
        return self._show_ballot(request)

    def _hosts(self) -> tuple[str, ...]:
        host, port = self.address
        return (f"{host}:{port}", host) if port == 80 else (f"{host}:{port}",)

    def _rates_of(self, host: str) -> _Rates:
        rates = self._rates.get(host)
        if rates is None:
            rates = self._rates[host] = _Rates()
        self._rates.move_to_end(host)
        if len(self._rates) > MAX_ADDRESSES:
            self._rates.popitem(last=False)
        return rates

    # ---- what is asked for

    def _show_page(self, request: Request, rates: _Rates, now: float) -> Reply:
        language = preferred(request.headers.get("accept-language", ""))
        headers = {"Content-Type": "text/html; charset=utf-8",
                   "Content-Security-Policy": self._page.policy, **_SAFE}
        host = request.peer[0]
        # One for which there is no room sees the page as well: only its votes do not count.
        if not self._see(_device_of(request.headers), now) \
                and rates.devices.take(now) and self._make_room(host, now):
            device = secrets.token_hex(16)
            self._devices[device] = _Device(host, now)
            headers["Set-Cookie"] = (f"{COOKIE}={device}; Path=/; Max-Age={COOKIE_S}; HttpOnly; "
                                     "SameSite=Strict")
        return Reply(200, headers, self._page.before + language.encode() + self._page.after)

    def _see(self, name: str, now: float) -> _Device | None:
        """The device of that name, which asks now; None for one that is not known.

        Raises ProtocolError where it asks too often.
        """
        device = self._devices.pop(name, None)
        if device:
            device.seen = now
            self._devices[name] = device
            if not device.requests.take(now):
                raise _too_many("too many requests of this device: wait a moment")
        return device

    def _make_room(self, host: str, now: float) -> bool:
        """Whether there is room for one more device of this address; it may take another's place.

        The place of one of the same address where that has its share, so that nobody takes those of
        others by opening the page again and again.
        """
        of_host = [name for name, device in self._devices.items() if device.host == host]
        if len(of_host) >= MAX_DEVICES_EACH:
            replaced = of_host
        elif len(self._devices) >= MAX_DEVICES:
            replaced = list(self._devices)
        else:
            return True
        ballot = self._ballot.shown()
        is_open = bool(ballot and ballot.get("open"))
        for name in replaced:
            if now - self._devices[name].seen < ABSENT_S:
                break
            if not is_open or self._ballot.answer_of(name) is None:
                del self._devices[name]
                return True
        return False

    def _give_file(self, rates: _Rates, now: float) -> Reply:
        if not rates.files.take(now) or not self._all_files.take(now):
            raise _too_many("too many downloads: wait a moment")
        return Reply(200, {"Content-Type": "application/octet-stream",
                           "Content-Disposition": 'attachment; filename="ponte.pyz"', **_SAFE},
                     self._file)

    def _show_ballot(self, request: Request) -> Reply:
        device = _device_of(request.headers)
        ballot = self._ballot.shown()
        shown: dict[str, Any] = {"question": None, "known": device in self._devices}
        if ballot:
            # Not how others vote.
            shown.update((key, ballot[key]) for key in _TOLD if key in ballot)
            shown["mine"] = self._ballot.answer_of(device)
        return Reply(200, {"Content-Type": "application/json", **_SAFE},
                     json.dumps(shown).encode())

    def _take_vote(self, request: Request, device: _Device | None, now: float) -> None:
        self._check_vote(request)
        if device is None:
            raise ProtocolError(403, "no device: open the page first")
        if not device.votes.take(now):
            raise _too_many("too many votes: wait a moment")
        question, answer = _vote_in(request.body)
        ballot = self._ballot.shown()
        if not ballot or ballot.get("id") != question:
            raise ProtocolError(409, "that question is over")
        try:
            self._ballot.vote(_device_of(request.headers), answer)
        except ValueError as error:
            raise ProtocolError(409, str(error)) from None

    def _check_vote(self, request: Request) -> None:
        """Refuses what the page of another site could make a browser send."""
        if not request.is_json:
            raise ProtocolError(415, "a vote is application/json")
        origin = request.headers.get("origin")
        if origin is not None and origin not in {f"http://{host}" for host in self._hosts()}:
            raise ProtocolError(403, "from another page")


# What is here, and by which methods.
_METHODS = {"/": "GET, HEAD", "/vote": "GET, HEAD, POST", "/ponte.pyz": "GET, HEAD"}
# What phones are told of a question.
_TOLD = ("id", "question", "answers", "open", "right")
_SAFE = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store",
         "Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": "same-origin"}


def _too_many(why: str) -> ProtocolError:
    return ProtocolError(429, why, Retry_After="2")


def _device_of(headers: Mapping[str, str]) -> str:
    """The device in the cookie; "" for none."""
    found = _DEVICE.search(headers.get("cookie", ""))
    return found[1] if found else ""


def _vote_in(body: bytes) -> tuple[int, int]:
    """The question and the answer of a vote. Raises ProtocolError."""
    try:
        if len(body) > MAX_VOTE_BYTES:
            raise ValueError
        vote = json.loads(body.decode("utf-8"))
        question, answer = vote["question"], vote["answer"]
        if type(question) is not int or type(answer) is not int:
            raise ValueError
    except (ValueError, LookupError, TypeError, RecursionError):
        raise ProtocolError(400, 'a vote is {"question": ID, "answer": 0 to 3}') from None
    return question, answer


def load_page() -> Page:
    """The page of the phones, whose script and style are named by their hashes in its policy."""
    html, style, script = (read(own_file("dashboard", "web", f"phone.{ending}"))
                           .replace(b"\r\n", b"\n") for ending in ("html", "css", "js"))
    before, after = html.split(b"{language}")
    after = after.replace(b"{style}", style).replace(b"{script}", script)
    return Page(before, after,
                f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; "
                "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")


def _hash(text: bytes) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text).digest()).decode()}'"
