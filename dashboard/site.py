r"""What the browser asks for: the page, its events, and what it may have done.

    GET  /                       the page
    GET  /web/NAME               its scripts and styles
    GET  /events?since=N&wait=S  events from number N on, as JSON; where there are none yet, after
                                 S seconds at most (a long poll, like the registry's `watch`)
    GET  /save                   the page as one file, with all events in it
    POST /do                     a command, such as {"what": "kill", "who": "server-2"}

The page can kill processes, so other pages must not be able to use it. A browser lets any page send
requests to this machine; what stops them here is this:

- `Host` must be the address of this page. A name of a foreign page that was made to lead here (DNS
  rebinding) is another one.
- A command must come with the page's own `Origin`, or with none, as programs send it; as JSON, for
  which a browser would ask first; and with the token. The token is in the fragment of the address
  that is opened: no browser sends that to anybody.
- No other page may read the answers: nothing here allows it, and `Cross-Origin-Resource-Policy`
  keeps them out of its process.
- The page runs no script but its own files (`Content-Security-Policy`).

Long polls and not server-sent events: a browser has six connections to a host, and a seventh tab
with an open stream would hang.
"""

from __future__ import annotations

import hmac
import json
import logging
import re
import secrets
import time
from collections.abc import Mapping
from typing import Any, Callable

from dashboard.ordering import read_json
from dashboard.ring import Ring
from dashboard.saved import saved_page
from dashboard.web_files import INDEX, load
from ponte.net.message import Reply, Request
from ponte.net.serving import Listener
from ponte.net.stream import DONE, Program

log = logging.getLogger("ponte.page")

HOST = "127.0.0.1"
# Bytes of a command. The longest that there is names a file.
MAX_COMMAND_BYTES = 16 * 1024
# Seconds of the longest long poll.
MAX_WAIT_S = 25.0
# Seconds between two looks whether a page that waits has gone.
LOOK_S = 0.5
# Seconds that a command may still take when the page ends.
GRACE_S = 0.5
# Bytes of chance in the token.
TOKEN_BYTES = 16
HEADERS = {
    "Content-Security-Policy":
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin"}
# Only whole numbers, and a time with a point: no sign, no exponent, no other digits.
_QUERY = re.compile(r"since=([0-9]{1,15})(?:&wait=([0-9]{1,3}(?:\.[0-9]{1,3})?))?")

# A command is given the whole object that was sent. It may block. Its ValueError is told to the
# page, in one line.
Commands = Mapping[str, Callable[[Mapping[str, Any]], object]]


class Refused(Exception):
    """A request that is not carried out: the status of the reply, a word for programs, and why.

    `values`: what the page fills into its own sentence for that word.
    """

    def __init__(self, status: int, code: str, why: str,
                 values: Mapping[str, object] | None = None) -> None:
        super().__init__(why)
        self.status, self.code, self.values = status, code, values or {}


class Site:
    """Serves the page from `start` to `close`, on the loopback address.

    Parameters: the `ring` of its events; the `commands` by name, where more may be put in later;
    the `port`, 0 for any; `replay`: nothing new will come. Raises OSError if the port is taken.

    Attributes: `address`; `token`, which a command must bring along; `url`, the address to open,
    with the token in it.

    Threads: one for each connection. All methods may be called from any.
    """

    def __init__(self, ring: Ring, commands: Commands, *, port: int = 0,
                 replay: bool = False) -> None:
        self._ring, self._commands = ring, commands
        self._files = load()
        self._replay = replay
        # A page that knows another life begins anew.
        self._life = secrets.token_hex(8)
        self.token = secrets.token_urlsafe(TOKEN_BYTES)
        # Threads, and no loop: a command may block, and keeps nobody waiting.
        self._listener = Listener(HOST, port, self._handle)
        self.address = self._listener.address
        port = self.address[1]
        # A browser leaves the port of HTTP out.
        self._hosts = {f"{name}{end}" for name in (HOST, "localhost")
                       for end in ([f":{port}", ""] if port == 80 else [f":{port}"])}
        self.url = f"http://{HOST}:{port}/#token={self.token}"

    def start(self) -> None:
        """Begins to serve."""
        self._listener.start()

    def close(self) -> None:
        """Ends the long polls, and then all connections."""
        self._ring.close()
        self._listener.close(GRACE_S)

    # Requests, on the threads of their connections.

    def _handle(self, request: Request, received_at: float,
                caller_left: Callable[[], bool]) -> Reply | Program[Reply]:
        try:
            self._check_who_asks(request)
            path, _, query = request.target.partition("?")
            if path == "/do":
                return self._do(request)
            if request.method not in ("GET", "HEAD"):
                raise Refused(405, "method", "this is read with GET")
            if path == "/events":
                return self._events(query, caller_left)
            if query:
                raise Refused(404, "path", "nothing here")
            if path == "/save":
                return self._save()
            return self._file("/web/" + INDEX if path == "/" else path)
        except Refused as error:
            return _json(error.status, {"error": str(error), "code": error.code,
                                        "values": error.values},
                         {"Allow": "GET, HEAD"} if error.status == 405 else {})

    def _check_who_asks(self, request: Request) -> None:
        """Raises Refused for a request that another page has caused."""
        host = request.headers.get("host", "").lower()
        if host not in self._hosts:
            raise Refused(421, "host", "this page has another address: see where it was started")
        # A link from elsewhere to the page itself is welcome.
        if request.method in ("GET", "HEAD") and request.target == "/":
            return
        if request.headers.get("origin", f"http://{host}") != f"http://{host}":
            raise Refused(403, "origin", "another page may not ask this")
        # What browsers of today say as well (Fetch Metadata, section 2.4). Programs do not.
        if request.headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
            raise Refused(403, "origin", "another page may not ask this")

    def _file(self, path: str) -> Reply:
        folder, name = path[:len("/web/")], path[len("/web/"):]
        if folder != "/web/" or name not in self._files:
            raise Refused(404, "path", "nothing here")
        return _reply(200, *self._files[name])

    def _save(self) -> Reply:
        """The page as one file. It takes some seconds for hours of events."""
        batch = self._ring.read(0, self._ring.next)
        page = saved_page(self._files, batch.lines, batch.first, batch.standing)
        name = time.strftime("ponte-%Y-%m-%d-%H%M.html")
        return _reply(200, "text/html; charset=utf-8", page,
                      {"Content-Disposition": f'attachment; filename="{name}"'})

    def _events(self, query: str, caller_left: Callable[[], bool]) -> Program[Reply]:
        """A program: waits until there are events, as long as the page waits for them."""
        asked = _QUERY.fullmatch(query)
        if not asked or float(asked[2] or 0) > MAX_WAIT_S:
            raise Refused(400, "query", "expected since=NUMBER&wait=SECONDS, "
                                        f"{MAX_WAIT_S:.0f} seconds at most")
        return self._poll(int(asked[1]), time.monotonic() + float(asked[2] or 0), caller_left)

    def _poll(self, since: int, deadline: float, caller_left: Callable[[], bool]) -> Program[Reply]:
        waits = self._ring.follow(since)
        if waits:
            while not waits.done() and time.monotonic() < deadline and not caller_left():
                yield waits, DONE, min(deadline, time.monotonic() + LOOK_S)
            self._ring.let_go(waits)
        batch = self._ring.read(since)
        head = json.dumps({"life": self._life, "first": batch.first, "next": batch.next,
                           "replay": self._replay}, separators=(",", ":"))
        return _reply(200, "application/json", b'%s,"standing":[%s],"events":[%s]}' % (
            head[:-1].encode("ascii"), b",".join(batch.standing), b",".join(batch.lines)))

    def _do(self, request: Request) -> Reply:
        if request.method != "POST":
            return _json(405, {"error": "commands are sent by POST", "code": "method"},
                         {"Allow": "POST"})
        if not request.is_json:
            raise Refused(415, "type", "a command is JSON: Content-Type: application/json")
        token = request.headers.get("ponte-token", "")
        # In constant time, so that nobody can guess it character by character.
        if not hmac.compare_digest(token.encode("latin-1", "replace"), self.token.encode("ascii")):
            raise Refused(401, "token", "without the token of its address, the page only shows")
        return self._carry_out(_command_in(request.body))

    def _carry_out(self, command: dict[str, Any]) -> Reply:
        name = command["what"]
        if name == "commands":
            return _json(200, {"ok": True, "commands": sorted(self._commands)})
        if name not in self._commands:
            raise Refused(404, "command", "there is no such command")
        try:
            self._commands[name](command)
        except (ValueError, OSError) as error:
            log.debug("%s was refused: %s", name, error)
            code, values = getattr(error, "code", "refused"), getattr(error, "values", {})
            raise Refused(400, str(code), " ".join(str(error).split()), values) from None
        return _json(200, {"ok": True})


def _command_in(body: bytes) -> dict[str, Any]:
    """The command in a request. Raises Refused."""
    if len(body) > MAX_COMMAND_BYTES:
        raise Refused(413, "length", f"a command of more than {MAX_COMMAND_BYTES} bytes")
    try:
        command = read_json(body.decode("utf-8"))
        # UnicodeEncodeError, a ValueError: JSON has lone surrogates, which no file, no message and
        # no event can carry.
        json.dumps(command, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        command = None
    if type(command) is not dict or type(command.get("what")) is not str:
        raise Refused(400, "body", 'expected JSON such as {"what": "kill", "who": "server-2"}')
    return command


def _json(status: int, value: Mapping[str, object],
          headers: Mapping[str, str] | None = None) -> Reply:
    return _reply(status, "application/json", json.dumps(value, default=str).encode("ascii"),
                  headers)


def _reply(status: int, content_type: str, body: bytes,
           headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(status, {"Content-Type": content_type, **HEADERS, **(headers or {})}, body)
