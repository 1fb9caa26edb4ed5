"""Asks one DNS server, signed: over UDP, again where a datagram is lost, or over TCP.

The problem: UDP loses datagrams, and anybody can send one that looks like a reply. So a request is
sent again a few times, as the same bytes, which is harmless where they are idempotent. A reply
counts only if it is signed with our key for this very request. What comes unsigned is passed over;
if nothing better comes, it is told as the best guess at what is wrong.

A request that is larger than a datagram of DNS, or whose reply is, goes over TCP.

Threads: a `NameServer` is for one thread at a time. `ask` blocks.
"""

from __future__ import annotations

import secrets
import socket
import time
from typing import Callable

from interop.dns_message import (
    FORMERR,
    NOERROR,
    NOTIMP,
    NXDOMAIN,
    PLAIN_UDP_BYTES,
    REFUSED,
    SERVFAIL,
)
from interop.dns_tcp import receive_message, send_message
from interop.dns_update import NOTAUTH, NOTZONE, BadReply, Reply, read_reply
from interop.tsig import BADKEY, BADSIG, BADTIME, Key, Verdict, sign, verify
from ponte.net.address import Address, show
from ponte.net.datagrams import LONGEST_BYTES
from ponte.net.names import Place, look_up
from ponte.net.threads import wait_for

# Seconds to wait for a reply after each sending. More of them outlast more losses; all together
# delay the word that the server is away.
TRIES_S = (0.25, 0.5, 1.0, 1.0)
# Seconds for everything over TCP, and to look the name of the server up.
TCP_S, LOOK_UP_S = 5.0, 2.0

# What the server says, by the number of its word: its name, and what to do. Numbers from 16 on are
# those of signatures.
_WORDS = {
    FORMERR: ("FORMERR", "it cannot read the message: is it a server that takes updates?"),
    SERVFAIL: ("SERVFAIL", "it failed by itself: its log says why (for instance, it cannot write "
               "its journal, or takes fewer records of one name: max-records-per-type)"),
    NXDOMAIN: ("NXDOMAIN", "there is no such zone: --zone must name one that it holds"),
    NOTIMP: ("NOTIMP", "it takes no updates: give the address of the primary server"),
    REFUSED: ("REFUSED", "it does not let this key do that to this zone: is --zone one that it "
              "holds, and has it a line as "
              "`update-policy {{ grant {key} zonesub ANY; }};`?"),
    NOTAUTH: ("NOTAUTH", "it is not the primary server of that zone: --zone must name one that it "
              "holds, as its configuration spells it"),
    NOTZONE: ("NOTZONE", "a name is not in that zone: --zone must name the zone itself, not a name "
              "in it"),
    BADSIG: ("BADSIG", "its key \"{key}\" has another secret: give the file that it has"),
    BADKEY: ("BADKEY", "it knows no key \"{key}\": put the content of that file into its "
             "configuration, or give the file that it has"),
    BADTIME: ("BADTIME", "its clock is {ahead} ours, and may differ by 300 s: set both"),
}


class Denied(Exception):
    """The server has answered, and did not do what it was asked. `word`: such as "BADKEY"."""

    def __init__(self, word: str, text: str) -> None:
        super().__init__(text)
        self.word = word


class Silent(OSError):
    """No reply came that counts."""


class NameServer:
    """A DNS server at `address`, with which we share a `key`.

    `now` tells the seconds since 1970; `goes_on` ends the wait for a reply when it is false.
    """

    def __init__(self, address: Address, key: Key, now: Callable[[], float] = time.time,
                 goes_on: Callable[[], bool] = lambda: True) -> None:
        self.address = address
        self._key = key
        self._now = now
        self._goes_on = goes_on

    def ask(self, write: Callable[[int], bytes]) -> Reply:
        """The reply to the message that `write` makes for a number: NOERROR, or NXDOMAIN.

        Raises Denied for another one, and OSError where none comes.
        """
        request, code = sign(write(secrets.randbelow(0x1_0000)), self._key, int(self._now()))
        error: OSError = Silent("no address")
        for place in wait_for(look_up(self.address, time.monotonic() + LOOK_UP_S)):
            try:
                if len(request) <= PLAIN_UDP_BYTES:
                    reply = self._over_udp(place, request, code)
                    if not reply.is_cut:
                        return reply
                return self._over_tcp(place, request, code)
            except OSError as failed:
                error = failed
        raise error

    def _over_udp(self, place: Place, request: bytes, code: bytes) -> Reply:
        family, address = place
        guess: Exception = Silent("it does not answer")
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            # From now on the system passes on what comes from there alone.
            sock.connect(address)
            for wait_s in TRIES_S:
                if not self._goes_on():
                    break
                sock.send(request)
                deadline = time.monotonic() + wait_s
                while time.monotonic() < deadline:
                    sock.settimeout(max(deadline - time.monotonic(), 0.001))
                    try:
                        return self._checked(sock.recv(LONGEST_BYTES), request, code)
                    except socket.timeout:
                        break
                    except _Unsigned as unsigned:
                        guess = unsigned.denied
                    except BadReply as bad:
                        guess = Silent(f"none of its replies counts: {bad}")
                if isinstance(guess, Denied):
                    # To send it again brings the same word.
                    break
        raise guess

    def _over_tcp(self, place: Place, request: bytes, code: bytes) -> Reply:
        family, address = place
        deadline = time.monotonic() + TCP_S
        with socket.socket(family, socket.SOCK_STREAM) as sock:
            sock.settimeout(TCP_S)
            sock.connect(address)
            send_message(sock, request, max(deadline - time.monotonic(), 0.001))
            try:
                return self._checked(receive_message(sock, deadline), request, code)
            except _Unsigned as unsigned:
                raise unsigned.denied from None
            except BadReply as bad:
                raise Silent(f"its reply does not count: {bad}") from None

    def _checked(self, message: bytes, request: bytes, code: bytes) -> Reply:
        """The reply in a message. Raises Denied, _Unsigned, BadReply."""
        reply = read_reply(message)
        if message[:2] != request[:2] or reply.opcode != request[2] >> 3 & 0xF:
            raise BadReply("it belongs to another request")
        try:
            verdict = verify(message, reply, self._key, code, int(self._now()))
        except BadReply:
            if reply.signature or reply.code in (NOERROR, NXDOMAIN):
                raise
            raise _Unsigned(self._denied(reply.code)) from None
        if not verdict.is_signed:
            raise _Unsigned(self._denied(verdict.error))
        if verdict.error:
            raise self._denied(verdict.error, verdict)
        if reply.code not in (NOERROR, NXDOMAIN):
            raise self._denied(reply.code)
        return reply

    def _denied(self, number: int, verdict: Verdict | None = None) -> Denied:
        word, text = _WORDS.get(number, (f"code {number}", "it says nothing more"))
        ahead_s = verdict.server_time - int(self._now()) if verdict else 0
        ahead = f"{abs(ahead_s)} s {'ahead of' if ahead_s > 0 else 'behind'}"
        return Denied(word, f"{show(self.address)} refuses ({word}): "
                            f"{text.format(key=self._key.name, ahead=ahead)}")


class _Unsigned(Exception):
    """A refusal that anybody could have sent."""

    def __init__(self, denied: Denied) -> None:
        super().__init__(str(denied))
        self.denied = denied
