"""python3 -m interop.dns: the servers that live, for every program that asks DNS.

    dig @127.0.0.1 -p 4153 greeter.ponte A
    dig @127.0.0.1 -p 4153 _greeter._tcp.ponte SRV

The problem: a client has to know our registry's protocol before it finds anybody. Every program
knows DNS. So this process follows the registries as any reader does, and answers what they say; the
registries do not know of it. Which names there are is told in interop/dns_zone.py.

What a swap of the registry's lookup for DNS keeps: only servers that beat are named, and one that
was killed is gone when its lease ends. What it loses: DNS has no push, so who asked before holds
his answer until he asks again (TTL is 0: at once, if he obeys). It says nothing of idempotent
functions, of lives, and of who is draining but still answers. While no registry can be reached, it
answers what was known last, as every reader does.

Threads: one for UDP, one that accepts TCP, and one for each TCP connection.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Sequence

from interop.dns_message import (
    MAX_TCP_BYTES,
    BadQuestion,
    name_of,
    read_question,
    write_answer,
)
from interop.dns_tcp import receive_message, send_message
from interop.dns_zone import Zone
from ponte.discovery.directory import Directory
from ponte.discovery.leases import ALL
from ponte.net.address import Address, is_wildcard, show
from ponte.net.datagrams import LONGEST_BYTES, listen_on_both
from ponte.net.mishaps import Mishaps
from ponte.net.stream import listen
from ponte.net.tls import Tls
from ponte.process.options import UsageError, chosen_tls, mistakes_in_one_line, reader_options
from ponte.process.running import begin, farewell, hold, run
from ponte.process.stopping import Stop

log = logging.getLogger("ponte.dns")

DEFAULT_PORT, DEFAULT_ZONE = 4153, "ponte"
# Seconds that a TCP connection may take for a question, or to take an answer.
TCP_S = 5.0
# More TCP connections at a time close the oldest (RFC 7766, section 6.2.3, lets a server do so).
MAX_CONNECTIONS = 64
# Seconds between two looks at whether the process ends; and how long an end may take.
LOOK_S = 0.25


class DnsServer:
    """Answers questions of DNS from what the registries say. Raises OSError, if it cannot listen.

    Parameters: `registries` to follow; `zone`, the name below which all names are; `port` for UDP
    and TCP, 0 for any that is free for both; `tls` to reach the registries.

    Attributes: `address`, (host, port).
    """

    def __init__(self, registries: Sequence[Address], *, host: str = "127.0.0.1",
                 port: int = DEFAULT_PORT, zone: str = DEFAULT_ZONE, tls: Tls | None = None
                 ) -> None:
        self._origin = zone
        # Who listens on all addresses has none that others could be told.
        self._own_host = "" if is_wildcard(host) else host
        self._tcp, self._udp = listen_on_both(host, port, lambda port: listen(host, port), _port_of)
        self.address: Address = self._tcp.getsockname()[:2]
        self._serial = int(time.time())
        self._is_closed = False
        # Replaced as a whole.
        self._zone = Zone(zone, (), self._serial, self._own_host)
        self._unnamed: set[str] = set()
        self._mishaps = Mishaps(log, "the answer to a question")
        # Guards the connections, the oldest first.
        self._lock = threading.Lock()
        self._connections: dict[socket.socket, None] = {}
        self._directory = Directory(ALL, registries, self._on_change, tls)
        self._threads = [threading.Thread(target=work, name=f"ponte-dns-{name}", daemon=True)
                         for name, work in (("udp", self._serve_udp), ("tcp", self._accept))]

    def start(self) -> None:
        """Begins to follow, and to answer. Does not block."""
        self._directory.start()
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Ends it. May be called more than once."""
        self._is_closed = True
        self._directory.close()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()
        self._tcp.close()
        self._udp.close()
        with self._lock:
            for connection in self._connections:
                _shut(connection)

    def _on_change(self) -> None:
        self._serial += 1
        zone = Zone(self._origin, self._directory.endpoints, self._serial, self._own_host)
        for name in sorted(zone.unnamed - self._unnamed):
            log.warning("%s has no name in DNS: there, each part has 1 to 63 characters", name)
        self._unnamed = zone.unnamed
        self._zone = zone

    def reply(self, message: bytes, max_bytes: int = 0) -> bytes:
        """The answer to a message; empty for one that gets none. `max_bytes` as in write_answer."""
        try:
            question = read_question(message)
        except BadQuestion as bad:
            return bad.reply
        found = self._zone.answer(question, self._directory.is_complete())
        return write_answer(question, found, max_bytes)

    def _serve_udp(self) -> None:
        self._udp.settimeout(LOOK_S)
        while not self._is_closed:
            # Windows reports here that somebody has closed his port.
            with contextlib.suppress(OSError):
                message, peer = self._udp.recvfrom(LONGEST_BYTES)
                answer = self._reply_to_all(message)
                if answer:
                    self._udp.sendto(answer, peer)

    def _reply_to_all(self, message: bytes, max_bytes: int = 0) -> bytes:
        """`reply`, for threads that nothing from the network shall end."""
        try:
            return self.reply(message, max_bytes)
        except Exception as error:
            self._mishaps.note(error)
            return b""

    def _accept(self) -> None:
        self._tcp.settimeout(LOOK_S)
        while not self._is_closed:
            try:
                connection, _ = self._tcp.accept()
            except OSError as error:
                if not isinstance(error, socket.timeout):
                    # Out of file descriptors, for instance.
                    time.sleep(LOOK_S)
                continue
            with self._lock:
                if len(self._connections) >= MAX_CONNECTIONS:
                    _shut(next(iter(self._connections)))
                self._connections[connection] = None
            threading.Thread(target=self._serve_tcp, args=(connection,), name="ponte-dns-peer",
                             daemon=True).start()

    def _serve_tcp(self, connection: socket.socket) -> None:
        """Answers the questions of one connection, one after another (RFC 7766)."""
        # OSError: its peer is gone, or too slow.
        with connection, contextlib.suppress(OSError):
            while not self._is_closed:
                message = receive_message(connection, time.monotonic() + TCP_S)
                answer = self._reply_to_all(message, MAX_TCP_BYTES)
                if not answer:
                    break
                send_message(connection, answer, TCP_S)
        with self._lock:
            self._connections.pop(connection, None)


def _shut(connection: socket.socket) -> None:
    """Ends a connection that another thread reads from."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _port_of(sock: socket.socket) -> int:
    port: int = sock.getsockname()[1]
    return port


# ---- the process ---------------------------------------------------------------------------------

def main(arguments: Sequence[str]) -> int:
    """Runs the DNS server until it is stopped; returns the exit code."""
    parser = reader_options("Answers DNS from what Ponte's registries say.", port=DEFAULT_PORT)
    parser.add_argument("--zone", default=DEFAULT_ZONE,
                        help="the name below which all names are (default: %(default)s)")
    chosen = parser.parse_args(arguments)
    begin(chosen)
    stop = Stop(chosen.until_eof)
    try:
        zone = b".".join(name_of(chosen.zone)).decode()
    except ValueError as error:
        raise UsageError(f"--zone: {error}") from None
    with mistakes_in_one_line(chosen):
        server = DnsServer(chosen.registry, host=chosen.host, port=chosen.port, zone=zone,
                           tls=chosen_tls(chosen, listens=False))
    with contextlib.closing(server):
        server.start()
        reason = hold(stop, f"dns: answering for {zone}. at {show(server.address)} (UDP and TCP)")
    return farewell("dns", reason)


if __name__ == "__main__":
    run(main)
