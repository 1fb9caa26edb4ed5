"""TLS for the TCP ports, from the standard library's ssl: who shows which certificate, and whose are believed.

Whoever listens shows `cert`. Whoever calls checks it: it must be signed by an authority in `ca`, and be for the name or
address that was called (RFC 6125; an address stands in the certificate as an IP entry of subjectAltName). Where a
process that listens has a `ca`, it demands the same of its callers, but for the name: that is mutual TLS, and
then only those who hold a certificate can call.

    process             --tls-cert, --tls-key           --tls-ca
    registry, server    needed; shown to callers        if given: callers must show a certificate that it signed
    proxy               needed; shown to callers, and   the same, and it must have signed those of servers and
                        to servers and registries   registries
    client              if given: shown to who asks     needed: must have signed those of proxies, servers, registries

A proxy without `ca` believes the authorities of the system (the variable SSL_CERT_FILE names others). Heartbeats are
UDP: TLS has nothing to do with them, and their key still signs them (ponte/process/keys.py).

Handshakes block here; ponte/net/events.py makes its own, which do not. A failed one is a failed connect. Rule R stays
as it is: a record can be read by the other side only once it is whole, and a send that raises has not brought the last
byte of the last record to the system, so that the last byte of the request was not sent.

Not offered: TLS 1.0 and 1.1, tickets to resume sessions, revocation lists.
"""

from __future__ import annotations

import re
import socket
import ssl
import time

# What a socket that does not block raises when it cannot go on now. Those of TLS are OSErrors too: ask for these first.
WOULD_BLOCK = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
_PLACE = re.compile(r"^\[[^]]*\] | \(_ssl\.c:[0-9]+\)$")       # "[SSL: UNKNOWN_CA] unknown ca (_ssl.c:1007)"


class Tls:
    """The certificates of one process. Safe to share between threads.

    Parameters: paths of PEM files: `cert`, our certificate and those between it and its authority; `key`, its private
    key, without a password, where it is not in `cert`; `ca`, the authorities that we believe. Raises OSError (also
    ssl.SSLError) for files that cannot be read, or do not fit together.
    """

    def __init__(self, cert: str | None = None, key: str | None = None, ca: str | None = None) -> None:
        self._outgoing = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)        # checks certificates, and for whom they are
        self._incoming = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._incoming.num_tickets = 0
        self.can_listen = cert is not None
        for context in (self._outgoing, self._incoming):
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            if cert is not None:
                context.load_cert_chain(cert, key, password="")     # without one OpenSSL would ask at the terminal
            if ca is not None:
                context.load_verify_locations(ca)
        if ca is None:
            self._outgoing.load_default_certs()
        else:
            self._incoming.verify_mode = ssl.CERT_REQUIRED

    def wrap_accepted(self, sock: socket.socket) -> ssl.SSLSocket:
        """A connection that a caller has made, before its handshake. Raises OSError."""
        return self._incoming.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)

    def wrap_connected(self, sock: socket.socket, host: str) -> ssl.SSLSocket:
        """A connection that we have made to `host`, before its handshake. Raises OSError."""
        try:
            host.encode("idna")         # wrap_socket does so too, but only when it has taken the socket apart
            return self._outgoing.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
        except ValueError as error:     # a host that no certificate can be for
            raise OSError(f"{host}: {error}") from None


def shake_hands(sock: socket.socket, deadline: float) -> None:
    """Makes the handshake by `deadline` (monotonic), however slow the other side is. Raises OSError, then close it.

    The socket does not block afterwards. One without TLS is left as it is.
    """
    if isinstance(sock, ssl.SSLSocket):
        sock.settimeout(max(deadline - time.monotonic(), 0.001))        # of the whole handshake, not of its parts
        sock.do_handshake()
        sock.setblocking(False)


def why_refused(error: Exception) -> str:
    """Why one side would not speak TLS with the other, in OpenSSL's words; empty for other errors, as a lost stream."""
    if not isinstance(error, ssl.SSLError) or isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        return ""
    return f"the TLS handshake failed: {_PLACE.sub('', str(error))}"
