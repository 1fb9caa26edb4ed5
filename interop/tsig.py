"""Signatures of DNS messages: TSIG, with HMAC-SHA256 (RFC 8945). Pure.

The problem: whoever may change a zone can lead every caller anywhere. So a server takes an update
only from somebody who knows a secret, and signs its reply, since a stranger could deny the update,
or claim it.

The idea: the last record of a message holds a code that is made of the message, the time and the
secret. The code of a reply is made of that of the request, too: so it belongs to no other one.

A server that knows no such key, or another secret, cannot sign what it says about that. Anybody
could have said it. So `verify` tells what is signed from what is not; who asked goes on waiting for
a signed reply (section 5.4), and shows the unsigned word to people only.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import struct
from typing import NamedTuple

from interop.dns_message import HEADER, name_bytes, name_of
from interop.dns_update import TSIG, BadReply, Reply, read_name

# What may go wrong with a signature: section 3.
BADSIG, BADKEY, BADTIME = 16, 17, 18
# Seconds by which the clocks of both sides may differ (section 10). More lets a message that
# somebody has recorded be used for longer.
FUDGE_S = 300
ALGORITHM = name_of("hmac-sha256")
# Bytes of a whole signature. RFC 8945 allows shorter ones; a server that is asked with a whole one
# answers with a whole one.
MAC_BYTES = 32
_ANY_CLASS = 255
_KEY_FILE = re.compile(rb"""\s* key \s+ (?P<quote>"?)(?P<name>[^"\s{}]+)(?P=quote) \s* \{
    \s* algorithm \s+ "?(?P<algorithm>[\w.-]+)"? \s* ;
    \s* secret \s+ (?P<mark>"?)(?P<secret>[^"\s;]*)(?P=mark) \s* ;
    \s* \} \s* ; \s*""", re.VERBOSE)
EXPECTED = "expected what `tsig-keygen NAME` prints: " \
    'key "NAME" { algorithm hmac-sha256; secret "..."; };'


class Key(NamedTuple):
    """A secret that we share with a server, and the name by which the server knows it."""

    name: str
    secret: bytes

    def __repr__(self) -> str:
        """Without the secret, so that no log shows it."""
        return f"Key({self.name!r})"


class Verdict(NamedTuple):
    """What a signature says. `is_signed`: that it comes from who knows the secret.

    `error` is 0, BADSIG, BADKEY, BADTIME or another number; `server_time`, with BADTIME, the clock
    of the server in seconds since 1970.
    """

    is_signed: bool
    error: int
    server_time: int = 0


def read_key(content: bytes) -> Key:
    """The key in a file, as tsig-keygen prints it. Raises ValueError with one line.

    >>> read_key(b'key "ponte" { algorithm hmac-sha256; secret "c2VjcmV0"; };').secret
    b'secret'
    """
    found = _KEY_FILE.fullmatch(content)
    if not found:
        raise ValueError(f"this is no key of DNS: {EXPECTED}")
    algorithm = found["algorithm"].decode().lower().rstrip(".")
    if algorithm != "hmac-sha256":
        raise ValueError(f"its algorithm is {algorithm}, and only hmac-sha256 can be used: make a "
                         "key with `tsig-keygen -a hmac-sha256 NAME`")
    try:
        name = found["name"].decode("ascii").rstrip(".")
        name_of(name)
    except ValueError:
        raise ValueError(f"its name is no name of DNS: {EXPECTED}") from None
    try:
        secret = base64.b64decode(found["secret"], validate=True)
    except binascii.Error:
        secret = b""
    if not secret:
        raise ValueError(f"its secret is not written in Base64: {EXPECTED}")
    return Key(name, secret)


def sign(message: bytes, key: Key, now: int) -> tuple[bytes, bytes]:
    """(the message with a signature, its code). `now` are seconds since 1970.

    The message has no signature yet. Its reply is checked with that code.
    """
    number, flags, *counts, additional = HEADER.unpack_from(message)
    code = _code(key, [message, _variables(key, now, FUDGE_S, 0, b"")])
    data = (name_bytes(ALGORITHM) + _times(now, FUDGE_S) + struct.pack("!H", len(code)) + code
            + struct.pack("!HHH", number, 0, 0))
    record = (name_bytes(name_of(key.name))
              + struct.pack("!HHIH", TSIG, _ANY_CLASS, 0, len(data)) + data)
    head = HEADER.pack(number, flags, *counts, additional + 1)
    return head + message[HEADER.size:] + record, code


def verify(message: bytes, reply: Reply, key: Key, request_code: bytes, now: int) -> Verdict:
    """What the signature of a reply says; `reply` is what was read from the `message`.

    Raises BadReply for one that has no signature, or one that is not right.
    """
    found = reply.signature
    if not found:
        raise BadReply("it has no signature")
    try:
        algorithm, at = read_name(found.data, 0)
        high, low, fudge, size = struct.unpack_from("!HIHH", found.data, at)
        code = found.data[at + 10:at + 10 + size]
        at += 10 + size
        number, error, other_size = struct.unpack_from("!HHH", found.data, at)
        other = found.data[at + 6:]
    except (struct.error, IndexError, ValueError):
        raise BadReply("its signature cannot be read") from None
    if len(other) != other_size:
        raise BadReply("its signature cannot be read")
    if not code and error in (BADSIG, BADKEY):
        return Verdict(False, error)
    if found.name != name_of(key.name) or algorithm != ALGORITHM:
        raise BadReply("it is signed with another key")
    signed_at = high << 32 | low
    *start, additional = HEADER.unpack_from(message)
    start[0] = number
    unsigned = HEADER.pack(*start, additional - 1) + message[HEADER.size:found.at]
    expected = _code(key, [struct.pack("!H", len(request_code)), request_code, unsigned,
                           _variables(key, signed_at, fudge, error, other)])
    if not hmac.compare_digest(expected, code):
        raise BadReply("its signature is wrong")
    if error == BADTIME:
        # Section 5.2.3: its own clock, in six bytes; the time signed is that of the request.
        return Verdict(True, error, int.from_bytes(other, "big"))
    if abs(now - signed_at) > fudge:
        raise BadReply("it was signed too long ago, or the clocks differ")
    return Verdict(True, error)


def _code(key: Key, parts: list[bytes]) -> bytes:
    return hmac.new(key.secret, b"".join(parts), hashlib.sha256).digest()


def _variables(key: Key, signed_at: int, fudge: int, error: int, other: bytes) -> bytes:
    """What is signed beside the message: section 4.3.3. The class is ANY, and the TTL 0."""
    return (name_bytes(name_of(key.name)) + struct.pack("!HI", _ANY_CLASS, 0)
            + name_bytes(ALGORITHM) + _times(signed_at, fudge)
            + struct.pack("!HH", error, len(other)) + other)


def _times(signed_at: int, fudge: int) -> bytes:
    return struct.pack("!HIH", signed_at >> 32, signed_at & 0xFFFF_FFFF, fudge)
