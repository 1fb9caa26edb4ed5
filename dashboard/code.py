"""The code of a class: what a laptop needs to join in, short enough to be typed. Pure.

    R2M-025-0GB-R93-8NK-RKA-YDR

It carries the address and the port of the gate (gate.py), and the secret of the class, 52 bits, in
the 32 letters and digits of Crockford (crockford.com/base32.html): I, L and O are read as 1, 1 and
0, and there is no U. Case, spaces and hyphens do not matter. The last character checks the others.

The key that signs the beats of the class is made of the secret, and slowly (PBKDF2, RFC 8018):
somebody who has recorded a signed beat, and tries all secrets, would need 2 ** 52 times as long.
Each class has a new secret, and forgets it at its end: so an old code is worth nothing.
"""

from __future__ import annotations

import hashlib
import secrets
import socket
from typing import NamedTuple

from ponte.net.address import Address

LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
# What people type in place of a letter that looks like it.
_LOOKALIKES = str.maketrans("ILO", "110")
# Letters in a code, and how they stand on the projector.
LENGTH, GROUP = 21, 3
# More bits would make a longer code; with fewer, a few graphics cards could try all secrets during
# a lesson (with the rounds below).
SECRET_BITS = 52
# Some 0.1 s on a laptop. With more, a slow computer waits; with fewer, it is quicker to guess.
ROUNDS = 200_000
# x^5 + x^2 + 1: with it, the numbers below 32 are a field, in which 2 takes all values but 0.
_FIELD = 0b100101


class WrongCode(ValueError):
    """A text that is no code: `reason` is "length", "letter" or "check"; `what`, how many letters
    it has, or which one is in no code.
    """

    def __init__(self, reason: str, what: object = "") -> None:
        super().__init__(f"{reason} {what}".strip())
        self.reason, self.what = reason, what


class Invitation(NamedTuple):
    """Where the gate of a class is (an IPv4 address), and the secret of the class.

    >>> invitation = Invitation("192.168.1.20", 4190, 0x123456789ABCD)
    >>> invitation.code()
    'R2M-025-0GB-R93-8NK-RKA-YDR'
    >>> read_code("r2mO25 ogb r93-8nkrka-ydr") == invitation
    True
    """

    host: str
    port: int
    secret: int

    @property
    def address(self) -> Address:
        return self.host, self.port

    def code(self) -> str:
        """What is shown, and typed."""
        number = (int.from_bytes(self._place(), "big") << SECRET_BITS) | self.secret
        values = [number >> 5 * at & 31 for at in range(LENGTH - 2, -1, -1)]
        letters = "".join(LETTERS[value] for value in [*values, _check(values)])
        return "-".join(letters[at:at + GROUP] for at in range(0, LENGTH, GROUP))

    def key(self) -> bytes:
        """The key of the class. Takes a moment (ROUNDS)."""
        return hashlib.pbkdf2_hmac("sha256", self.secret.to_bytes(7, "big"),
                                   b"ponte class " + self._place(), ROUNDS)

    def _place(self) -> bytes:
        return socket.inet_aton(self.host) + self.port.to_bytes(2, "big")


def new_invitation(host: str, port: int) -> Invitation:
    """An invitation with a new secret. `host` is an IPv4 address."""
    return Invitation(host, port, secrets.randbits(SECRET_BITS))


def read_code(text: str) -> Invitation:
    """The invitation in a code, as somebody has typed it. Raises WrongCode."""
    letters = letters_of(text)
    strange = next((letter for letter in letters if letter not in LETTERS), None)
    if strange is not None:
        raise WrongCode("letter", strange)
    if len(letters) != LENGTH:
        raise WrongCode("length", len(letters))
    *values, check = map(LETTERS.index, letters)
    if _check(values) != check:
        raise WrongCode("check")
    number = 0
    for value in values:
        number = number << 5 | value
    place, secret = divmod(number, 1 << SECRET_BITS)
    host, port = divmod(place, 1 << 16)
    if port == 0:
        raise WrongCode("check")
    return Invitation(socket.inet_ntoa(host.to_bytes(4, "big")), port, secret)


def letters_of(text: str) -> str:
    """The letters of a typed code: capitals, without what stands between them."""
    return "".join(text.upper().split()).replace("-", "").translate(_LOOKALIKES)


def _check(values: list[int]) -> int:
    """The value after the others that makes them, as a polynomial at 2, zero in the field of 32.

    Each place has another factor. So one wrong letter is always noticed, and so are two that have
    changed places.
    """
    total = 0
    for value in [*values, 0]:
        total = total << 1 ^ (total >> 4) * _FIELD ^ value
    return total
