"""Which process may send a datagram: one that has the key. Pure.

A process may have several keys, so that a key can be changed while all goes on: it signs with the
first one, and takes what any of them has signed. Process by process gets the new key beside the old
one, and then the new key alone.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
from collections.abc import Sequence
from typing import Union

# One key, or several: the first one signs. An empty one stands for no key.
Keys = Union[bytes, Sequence[bytes]]


def keys_of(key: Keys) -> tuple[bytes, ...]:
    """All keys of a process, at least one. Raises ValueError for what is no key.

    >>> keys_of(b"new"), keys_of([b"new", b"old"]), keys_of([])
    ((b'new',), (b'new', b'old'), (b'',))
    """
    keys = tuple(key) or (b"",) if isinstance(key, (list, tuple)) else (key,)
    # An empty one among others would let everybody in.
    if not all(isinstance(each, bytes) for each in keys) or (len(keys) > 1 and b"" in keys):
        raise ValueError("key: give bytes, or a list of bytes of which none is empty")
    return keys


def sign(line: bytes, key: bytes) -> bytes:
    """The HMAC of a line (RFC 2104), in hexadecimal digits; empty where no key is set."""
    if not key:
        return b""
    signature = _keyed(key).copy()
    signature.update(line)
    return signature.hexdigest().encode()


def signer_of(line: bytes, signature: bytes, keys: Sequence[bytes]) -> bytes | None:
    """The one of the keys that has signed a line so; None if it is none of them."""
    for key in keys:
        if hmac.compare_digest(signature, sign(line, key)):
            return key
    return None


@functools.lru_cache(maxsize=8)
def _keyed(key: bytes) -> hmac.HMAC:
    """The HMAC of nothing yet: so the key is hashed once, and not for every datagram."""
    return hmac.new(key, digestmod=hashlib.sha256)
