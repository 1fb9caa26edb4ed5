"""Strangers: processes that have taken the port of a server that died.

For one lease after a server's death readers still name its address, and meanwhile the system may
give the port to another process. A caller then talks to a stranger:

    python3 -m lab.strangers 404 --port 4711

    200, 403, 404, 500, ...    a web server: it answers every request with this status, and with a
                               body that a careless caller takes for the value of its call
    silent                     it accepts connections, reads, and says nothing
    garbage                    it answers with bytes that are no HTTP

One more kind needs no code: a Ponte server of another service (server.py with another file).

Ends with Ctrl-C, and with --until-eof when its standard input ends.
"""

from __future__ import annotations

import argparse
import os
import socketserver
import sys
import threading
from http.server import BaseHTTPRequestHandler
from xmlrpc.client import dumps

from ponte.net.address import show
from ponte.process.characters import write_any
from ponte.process.options import PYTHON
from ponte.process.typed import here

VALUE = "the value of a stranger"
GARBAGE = b"SSH-2.0-OpenSSH_9.2p1\r\n\x00\x01\x02 not a reply at all\r\n\r\n"
# What the web server answers: an XML-RPC response of somebody else.
BODY = dumps((VALUE,), methodresponse=True).encode()
CHUNK_BYTES = 65536


class _Web(BaseHTTPRequestHandler):
    """A plain web server, as far as a caller of another service can see."""

    protocol_version = "HTTP/1.1"
    server_version = "SomebodyElse/1.0"
    status = 200

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(self.status)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    do_GET = do_POST

    def log_message(self, format: str, *args: object) -> None:
        """What it is asked is of no interest."""


class _Silent(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        while self.request.recv(CHUNK_BYTES):
            pass


class _Garbage(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        if self.request.recv(CHUNK_BYTES):
            self.request.sendall(GARBAGE)


class Stranger(socketserver.ThreadingTCPServer):
    """A stranger of a kind on a port of this machine, 0 = any. Serve it on a thread."""

    # The port was in use a moment ago.
    allow_reuse_address = os.name == "posix"
    daemon_threads = True

    def __init__(self, kind: str, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), handler(kind))

    def handle_error(self, request: object, client_address: object) -> None:
        """A caller that goes away is no news."""


KINDS = {"silent": _Silent, "garbage": _Garbage}


def handler(kind: str) -> type[socketserver.BaseRequestHandler]:
    """The handler of a kind. Raises ValueError for a kind that there is not."""
    if kind in KINDS:
        return KINDS[kind]
    if kind.isdigit() and 200 <= int(kind) <= 599:
        return type("_WebOfOneStatus", (_Web,), {"status": int(kind)})
    raise ValueError(f"{kind!r}: take a status such as 404, or one of {', '.join(KINDS)}")


def _kind(text: str) -> str:
    handler(text)
    return text


def main() -> None:
    parser = argparse.ArgumentParser(prog=f"{PYTHON} -m lab.strangers", description=here(__doc__),
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", type=_kind, help="see above")
    parser.add_argument("--port", type=int, default=0, help="0 = any (default)")
    parser.add_argument("--until-eof", action="store_true", help="end when standard input ends")
    chosen = parser.parse_args()
    with Stranger(chosen.kind, chosen.port) as server:
        print(f"a stranger is listening on {show(server.server_address[:2])}", flush=True)
        if not chosen.until_eof:
            server.serve_forever()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sys.stdin.read()


if __name__ == "__main__":
    write_any(sys.stdout, sys.stderr)
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
