"""A TCP relay that can lose a reply: the network's cruellest trick, on demand.

It stands between a client and a server, and passes bytes on in both directions. After `lose_next_reply()` it
waits for the next reply, keeps it, and cuts the connection. By then the server *has* executed the call, and the
client cannot know.

    client ──request──► relay ──request──► server      the server executes
    client    ✗ cut     relay ◄───reply─── server      the client never hears of it

Threads: one that accepts; two for each connection, one a direction.

Not guaranteed: that a reply of more than one TCP segment is kept whole. Its loss is all that matters here.
"""

from __future__ import annotations

import socket
import threading
from typing import Optional, Tuple

Address = Tuple[str, int]
CONNECT_S = 5.0
CHUNK_BYTES = 64 * 1024


class Relay:
    """Relays to `target`, which may be set after the start: a server behind it has to know our address first."""

    def __init__(self) -> None:
        self.target: Optional[Address] = None
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address: Address = self._listening.getsockname()[:2]
        self._lock = threading.Lock()
        self._armed = False         # Guarded by self._lock: the next reply is to be lost.
        self._lost = 0              # Guarded by self._lock.
        threading.Thread(target=self._accept, name="relay-accept", daemon=True).start()

    @property
    def lost(self) -> int:
        """How many replies it has lost so far."""
        with self._lock:
            return self._lost

    def lose_next_reply(self) -> None:
        """The next reply of the server, on any connection, is not passed on; its connection is cut."""
        with self._lock:
            self._armed = True

    def close(self) -> None:
        """Accepts no more; connections end when one of their ends does."""
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return          # closed
            try:
                server = socket.create_connection(self.target or ("127.0.0.1", 0), CONNECT_S)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            threading.Thread(target=self._serve, args=(client, server), name="relay", daemon=True).start()

    def _serve(self, client: socket.socket, server: socket.socket) -> None:
        """One connection, until either end of it ends."""
        with client, server:
            requests = threading.Thread(target=self._pass_requests, args=(client, server), name="relay-requests",
                                        daemon=True)
            requests.start()
            self._pass_replies(client, server)
            requests.join()

    def _pass_requests(self, client: socket.socket, server: socket.socket) -> None:
        try:
            while data := client.recv(CHUNK_BYTES):
                server.sendall(data)
        except OSError:
            pass        # either end broke: so does the other
        _end(server)

    def _pass_replies(self, client: socket.socket, server: socket.socket) -> None:
        try:
            while data := server.recv(CHUNK_BYTES):
                if self._is_to_be_lost():
                    break
                client.sendall(data)
        except OSError:
            pass        # either end broke: so does the other
        _end(client)
        _end(server)

    def _is_to_be_lost(self) -> bool:
        with self._lock:
            armed, self._armed = self._armed, False
            self._lost += armed
            return armed


def _end(sock: socket.socket) -> None:
    """Ends both directions, so that whoever reads from `sock` wakes up."""
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass        # it has ended already
