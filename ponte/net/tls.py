"""TLS for the TCP ports, from the standard library's ssl: who shows a certificate to whom.

A process that listens shows its certificate, `cert`. A process that connects checks it: an
authority in `ca` must have signed it, and it must be for the name or address that was called (RFC
6125; an address is an IP entry of subjectAltName in the certificate). If a listening process has a
`ca`, its callers must show a certificate that this authority signed, for any name. This is mutual
TLS: only processes with a certificate can call.

    process             --tls-cert, --tls-key         --tls-ca
    registry, server    needed; shown to callers      if given: must have signed those of callers
    proxy               needed; shown to callers,     if given: must have signed those of callers,
                        servers and registries        servers and registries
    client              if given: shown on request    needed: must have signed those of proxies,
                                                      servers and registries

A proxy without `ca` accepts the authorities of the system (the variable SSL_CERT_FILE names
others). Heartbeats are UDP, without TLS: they are signed with a key (ponte/process/keys.py).

A failed handshake is a failed connect. Rule R holds with TLS, too: the other side can read a record
only when it is whole. If a send raises, the last byte of the last record was not given to the
system, so the last byte of the request was not sent.

Not offered: TLS 1.0 and 1.1, tickets to resume sessions, revocation lists.
"""

from __future__ import annotations

import hashlib
import re
import socket
import ssl

from ponte.net.stream import READ, WRITE, Program, Waitable

# What is cut off an error of OpenSSL, such as "[SSL: UNKNOWN_CA] unknown ca (_ssl.c:1007)".
_PLACE = re.compile(r"^\[[^]]*\] | \(_ssl\.c:[0-9]+\)$")


class Tls:
    """The certificates of one process. Safe to share between threads.

    Two are equal if their files had the same contents: clients that use them share connections.

    Parameters, all paths of PEM files: `cert`, the certificate of this process and those between it
    and its authority; `key`, its private key, without a password, if it is not in `cert`; `ca`, the
    authorities whose certificates are accepted. Raises OSError (also ssl.SSLError) for files that
    cannot be read, or that do not belong together.
    """

    def __init__(self, cert: str | None = None, key: str | None = None,
                 ca: str | None = None) -> None:
        # A context of this kind checks certificates, and the names in them.
        self._outgoing = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._incoming = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._incoming.num_tickets = 0
        self.can_listen = cert is not None
        for context in (self._outgoing, self._incoming):
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            if cert is not None:
                # Without a password here, OpenSSL would ask for one at the terminal.
                context.load_cert_chain(cert, key, password="")
            if ca is not None:
                context.load_verify_locations(ca)
        if ca is None:
            self._outgoing.load_default_certs()
        else:
            self._incoming.verify_mode = ssl.CERT_REQUIRED
        self._contents = tuple(path and _digest(path) for path in (cert, key, ca))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tls) and self._contents == other._contents

    def __hash__(self) -> int:
        return hash(self._contents)

    def offer_http_2(self) -> None:
        """From now on, callers may choose HTTP/2 in their handshake (ALPN, RFC 7301), and what is
        called is asked for it. So what calls by HTTP/1.1 needs another object.
        """
        self._incoming.set_alpn_protocols(["h2", "http/1.1"])
        self._outgoing.set_alpn_protocols(["h2"])

    def wrap_accepted(self, sock: socket.socket) -> ssl.SSLSocket:
        """Wraps a connection that a caller has made, before its handshake. Raises OSError."""
        return self._incoming.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)

    def wrap_connected(self, sock: socket.socket, host: str) -> ssl.SSLSocket:
        """Wraps a connection that was made to `host`, before its handshake. Raises OSError."""
        try:
            # wrap_socket encodes the name, too; but by then it has detached the socket.
            host.encode("idna")
            return self._outgoing.wrap_socket(sock, server_hostname=host,
                                              do_handshake_on_connect=False)
        except ValueError as error:
            # No certificate can be for such a host.
            raise OSError(f"{host}: {error}") from None


def check_tls(tls: object) -> None:
    """Raises ValueError for what is neither a Tls nor None."""
    if tls is not None and not isinstance(tls, Tls):
        raise ValueError(f"tls: {tls!r:.80} is no Tls(...) of ponte.net.tls, and not None")


def _digest(path: str) -> bytes:
    """Stands for the content of a file, which may be secret."""
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).digest()


def shake_hands(stream: Waitable, deadline: float) -> Program[None]:
    """A program: makes the TLS handshake of a stream, if it has one. Raises OSError: then close it.
    """
    sock = stream.socket
    while isinstance(sock, ssl.SSLSocket):
        try:
            sock.do_handshake()
            return
        except ssl.SSLWantReadError:
            events = READ
        except ssl.SSLWantWriteError:
            events = WRITE
        if not (yield stream, events, deadline):
            raise socket.timeout("timed out")


def why_refused(error: Exception) -> str:
    """Why a handshake failed, in OpenSSL's words; empty for other errors, such as a lost stream."""
    end_of_stream = ssl.SSLEOFError, ssl.SSLZeroReturnError
    if not isinstance(error, ssl.SSLError) or isinstance(error, end_of_stream):
        return ""
    return f"the TLS handshake failed: {_PLACE.sub('', str(error))}"
