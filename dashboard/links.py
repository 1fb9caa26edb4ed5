"""The link in front of a server: it loses a reply, is cut, or is slow, at a click.

    caller  →  Link  →  server

The server announces the link's address as its own. Its heartbeats do not go through the link: so a
registry says "up" of a server that no call reaches, which is a lesson of its own.

    lose the next reply   the connection is closed in the place of the reply to the next call; the
                          opening of a session, a resolve, or a page is no call
    cut                   silence: what is sent stays in the link, both ways, until it is mended;
                          then it arrives late, as with a network that sends a lost packet again
    slow                  a pause before each message, each way

    frozen server       the ends of its callers' connections are lost, as when a caller's machine
                        or a router on the way fails. A server that sees them does not begin what
                        nobody waits for. Here it begins: that it runs once is the work of its
                        memory alone, which is what a class shall see

A link must not change what a caller is told when the server dies. A port where nobody listens
refuses: the call is NotSent, and safe to repeat. A link that listens on would turn that into
OutcomeUnknown. So it stops listening when its server dies. Each life of a server has a link of its
own, at a new address, as a server that starts again has a new port.

Threads: those of the relay; all methods may be called from any.
"""

from __future__ import annotations

import re
import threading
from typing import Any, Callable

from lab.fates import HEALTHY, Fate
from lab.relayed import HELD, NOBODY_WAITS
from lab.tcp_relay import TcpRelay
from ponte.net.address import Address
from ponte.process.shared_clock import shared_s

# The longest pause of a slow link, in milliseconds. Longer looks like a cut one.
MAX_SLOW_MS = 10_000
# The connection is closed before any byte of the reply.
LOST_REPLY = Fate(cut_reply_at=0)
SILENT = Fate(hold_request=True, hold_reply=True)

_HEAD = re.compile(rb"[A-Z]+ \S+ HTTP/1\.[01]\r\n")
_NO_CALL = re.compile(rb"\r\n(?:call-session: *new|call-resolve: *1) *\r\n", re.IGNORECASE)
# W3C Trace Context; the parent id is the pid of the sender, and the number of its event `send`.
_TRACE = re.compile(rb"\r\ntraceparent: *00-([0-9a-f]{32})-([0-9a-f]{8})([0-9a-f]{8})-",
                    re.IGNORECASE)
_METHOD = re.compile(rb"<methodName>\s*([^<\s]+)\s*</methodName>")
# What may stand there. A lone surrogate has no bytes.
_NAME = re.compile("[^<>&\\s\ud800-\udfff]+")


def begins_message(data: bytes) -> bool:
    """Whether a request begins here; False for the rest of a long one."""
    return bool(_HEAD.match(data))


def is_call(data: bytes, method: str = "") -> bool:
    """Whether a request carries a call: of `method`, or of any where that is empty.

    >>> is_call(b"POST /kiosk HTTP/1.1\\r\\nCall-Number: 1-1\\r\\n\\r\\n")
    True
    >>> is_call(b"POST /kiosk HTTP/1.1\\r\\nCall-Session: new\\r\\n\\r\\n")
    False
    >>> is_call(b"GET /status HTTP/1.1\\r\\n\\r\\n")
    False
    """
    head = data.partition(b"\r\n\r\n")[0] + b"\r\n"
    if not head.startswith(b"POST /") or head.startswith(b"POST /-/") or _NO_CALL.search(head):
        return False
    found = _METHOD.search(data)
    return not method or (found is not None and found[1] == method.encode())


def trace_of(data: bytes) -> dict[str, Any]:
    """To which call a request belongs: `id` of its trace, and `of`, the event that sent it.

    >>> head = b"POST / HTTP/1.1\\r\\ntraceparent: 00-%b-0000001100000002-01\\r\\n"
    >>> trace_of(head % (b"a" * 32))
    {'id': 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'of': [17, 2]}
    >>> trace_of(b"POST / HTTP/1.1\\r\\n")
    {}
    """
    found = _TRACE.search(data)
    if not found:
        return {}
    return {"id": found[1].decode().lower(), "of": [int(found[2], 16), int(found[3], 16)]}


def loss(who: str, request: bytes, direction: str, why: str) -> dict[str, Any]:
    """The event of a message that did not arrive, as a relay before `who` tells of it.

    Its `what` is "request" or "reply", with `late` where it may arrive after all; or "late", for
    a reply that came when nobody waited any more.
    """
    event = {"k": "lost", "p": "laboratory", "t": shared_s(), "who": who,
             "what": "late" if why == NOBODY_WAITS else direction, **trace_of(request)}
    return {**event, "late": True} if why == HELD else event


class Link:
    """A link to one life of the server `who`. It listens at once, and carries from `open` on.

    `tell` is given the events `lost`; it runs on the threads of the relay, and must not block.

    Attributes, to read: `address`; `is_cut`; `slow_ms`, 0 where it is not slow; `loses`, whether it
    will lose the reply of the next call.
    """

    def __init__(self, who: str, tell: Callable[[dict[str, Any]], None]) -> None:
        self._who, self._tell = who, tell
        self._lock = threading.Lock()
        # Guarded by self._lock, as are the three attributes: the method whose reply will be lost.
        self._victim = ""
        self.is_cut = self.loses = False
        self.slow_ms = 0
        self._relay = TcpRelay()
        # Callers can learn of the server before we know its port: until then they wait.
        self._relay.freeze()
        self._relay.fate_of = self._fate_of
        self._relay.on_loss = self._on_loss
        self.address = self._relay.address

    def open(self, target: Address) -> None:
        """Carries what callers send to the server, which listens at `target`."""
        self._relay.target = target
        self._relay.thaw()

    def lose_reply(self, method: str = "") -> None:
        """Loses the reply of the next call; of `method`, where one is given.

        Raises ValueError for what is no name of a method.
        """
        if method and not _NAME.fullmatch(method):
            raise ValueError(f"{method!r:.80} is no name of a method")
        with self._lock:
            self.loses, self._victim = True, method

    def slow(self, ms: int) -> None:
        """Waits for so many milliseconds before each message, both ways; 0: not any more.

        Raises ValueError for what is no such time.
        """
        if type(ms) is not int or not 0 <= ms <= MAX_SLOW_MS:
            raise ValueError(f"{ms!r} is no delay: take 0 to {MAX_SLOW_MS} milliseconds")
        with self._lock:
            self.slow_ms = ms

    def cut(self) -> None:
        """From now on nothing passes, and nothing is refused."""
        with self._lock:
            self.is_cut = True
        # Also replies to what was sent before.
        self._relay.give(SILENT)

    def mend(self) -> None:
        """Passes everything on from now on, first what was held: that arrives late."""
        with self._lock:
            self.is_cut, self.slow_ms = False, 0
        self._relay.deliver_late()
        self._relay.give(HEALTHY)

    def freeze(self) -> None:
        """The server is frozen now: from here on the ends of connections are lost on the way.

        So it does not learn that its callers have gone, and begins what they have sent.
        """
        self._relay.keeps_ends = True

    def thaw(self) -> None:
        """The server goes on: new ends arrive. Those that were lost stay lost."""
        self._relay.keeps_ends = False

    def refuse(self) -> None:
        """The server dies now: new connections are refused, and open ones end with it."""
        self._relay.refuse()

    def close(self) -> None:
        """Closes all connections."""
        self._relay.close()

    def _fate_of(self, data: bytes) -> Fate | None:
        if not begins_message(data):
            return None
        with self._lock:
            if self.is_cut:
                return SILENT
            if self.loses and is_call(data, self._victim):
                self.loses = False
                return LOST_REPLY
            return Fate(delay_s=self.slow_ms / 1000) if self.slow_ms else HEALTHY

    def _on_loss(self, request: bytes, direction: str, why: str) -> None:
        self._tell(loss(self._who, request, direction, why))
