"""The bytes of a dynamic update (RFC 2136), and of what a DNS server replies. Pure.

The problem: an update whose reply is lost may have been carried out, or not. So it must do no harm
to send it again. The idea: it never says "one more" or "one less". It replaces whole sets: all
records of one name and type are deleted, and those that shall be there are added, in one message,
which the server carries out as a whole or not at all (RFC 2136, section 3.4.2.7).

Names in a reply may end with pointers to names that stand before (RFC 1035, section 4.1.4). A
stranger could make them a circle. So a pointer is followed only if it points further back than
everything that was read of this name, and a name has 255 bytes at most.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from interop.dns_message import (
    HEADER,
    INTERNET,
    IS_OURS,
    IS_REPLY,
    MAX_LABEL,
    MAX_NAME,
    NS,
    PTR,
    SOA,
    SRV,
    SRV_TARGET_AT,
    TRUNCATED,
    Name,
    Record,
    name_bytes,
    write_question,
)

# The kinds of requests.
QUERY, UPDATE = 0, 5
TSIG = 250
# Codes that an update may be answered with, beside those of every question: section 2.2.
NOTAUTH, NOTZONE = 9, 10
# Bytes of an update without its signature: so many fit with it into what every server takes over
# UDP (512 bytes), or over TCP.
SIGNATURE_BYTES = 400
MAX_UPDATE_BYTES = 65_535 - SIGNATURE_BYTES
_CLASS_ANY = 255
# The bytes before a name in the data of a record, and behind it (SOA has two names).
_NAME_AT = {NS: 0, PTR: 0, SRV: SRV_TARGET_AT}

# The records of one name and type.
SetName = tuple[Name, int]
Sets = Mapping[SetName, frozenset[bytes]]


class Signature(NamedTuple):
    """The record with the signature of a reply, which begins at `at`."""

    name: Name
    at: int
    data: bytes


class Reply(NamedTuple):
    """What a server replies. `code` without what a signature says.

    `is_ours`: the server holds the zone that was asked for; `is_cut`: it must be asked over TCP.
    """

    number: int
    opcode: int
    code: int
    is_ours: bool
    is_cut: bool
    answers: Sequence[Record]
    signature: Signature | None


class BadReply(ValueError):
    """Bytes that are no reply to what was asked."""


# ---- requests ------------------------------------------------------------------------------------

def write_query(number: int, name: Name, kind: int) -> bytes:
    """The question for the records of a name, to the server that holds it: no other is asked."""
    return write_question(number, name, kind, flags=0)


def write_update(number: int, zone: Name, operations: Sequence[bytes]) -> bytes:
    """The message that carries out these operations, one after the other, in a zone.

    >>> write_update(7, (b"ponte",), [delete_set((b"a", b"ponte"), 1)]).hex()
    '00072800000100000001000005706f6e74650000060001016105706f6e746500000100ff000000000000'
    """
    return (HEADER.pack(number, UPDATE << 11, 1, 0, len(operations), 0) + name_bytes(zone)
            + struct.pack("!HH", SOA, INTERNET) + b"".join(operations))


def delete_set(name: Name, kind: int) -> bytes:
    """The operation after which a name has no record of this type: section 2.5.2."""
    return name_bytes(name) + struct.pack("!HHIH", kind, _CLASS_ANY, 0, 0)


def add(name: Name, kind: int, data: bytes) -> bytes:
    """The operation after which a name has this record, too, not to be kept: section 2.5.1."""
    return name_bytes(name) + struct.pack("!HHIH", kind, INTERNET, 0, len(data)) + data


def sets_of(records: Iterable[Record]) -> dict[SetName, frozenset[bytes]]:
    """The records, by name and type, in their order."""
    found: dict[SetName, frozenset[bytes]] = {}
    for record in records:
        key = record.name, record.type
        found[key] = found.get(key, frozenset()) | {record.data}
    return found


def united(one: Sets, other: Sets) -> dict[SetName, frozenset[bytes]]:
    """All records of both."""
    return {key: one.get(key, frozenset()) | other.get(key, frozenset())
            for key in {**one, **other}}


def changes(held: Sets, wanted: Sets, listed: SetName) -> list[bytes]:
    """The operations that make `wanted` of what a server holds: sets that differ are replaced.

    The set `listed` leads to all others. So it is there before them, and shrinks after them: who
    finds the work half done can find all of it.
    """
    added = wanted.get(listed, frozenset()) - held.get(listed, frozenset())
    operations = [add(*listed, data) for data in sorted(added)]
    for key in {**wanted, **held}:
        if key != listed and held.get(key) != wanted.get(key):
            operations += _replace(key, wanted)
    if held.get(listed) != wanted.get(listed):
        operations += _replace(listed, wanted)
    return operations


def _replace(key: SetName, wanted: Sets) -> list[bytes]:
    return [delete_set(*key), *(add(*key, data) for data in sorted(wanted.get(key, ())))]


def in_messages(operations: Sequence[bytes], max_bytes: int = MAX_UPDATE_BYTES
                ) -> list[list[bytes]]:
    """The operations in their order, cut into as few messages as can be.

    >>> in_messages([b"aaa", b"bb", b"c"], 5 + 289)
    [[b'aaa', b'bb'], [b'c']]
    """
    # The header, and the name of the zone.
    room = max_bytes - HEADER.size - MAX_NAME - 22
    messages: list[list[bytes]] = []
    size = room
    for operation in operations:
        if size + len(operation) > room:
            messages.append([])
            size = 0
        messages[-1].append(operation)
        size += len(operation)
    return messages


# ---- replies -------------------------------------------------------------------------------------

def read_reply(message: bytes) -> Reply:
    """What a server replies. Raises BadReply.

    Names in the data of its records are written out, and in small letters.
    """
    try:
        return _read_reply(message)
    except (ValueError, struct.error, IndexError) as error:
        raise BadReply(f"its reply cannot be read: {error}") from None


def _read_reply(message: bytes) -> Reply:
    number, flags, questions, *counts = HEADER.unpack_from(message)
    if not flags & IS_REPLY:
        raise ValueError("it is a question")
    at = HEADER.size
    for _ in range(questions):
        _, at = read_name(message, at)
        at += 4
    answers: list[Record] = []
    signature = None
    for section, count in enumerate(counts):
        for _ in range(count):
            if signature:
                raise ValueError("a record behind the signature")
            begin = at
            name, at = read_name(message, at)
            kind, class_, ttl, size = struct.unpack_from("!HHIH", message, at)
            at += 10
            if at + size > len(message):
                raise ValueError("a record without an end")
            if kind == TSIG and section == 2:
                if (class_, ttl) != (_CLASS_ANY, 0):
                    raise ValueError("a signature of another class")
                signature = Signature(name, begin, message[at:at + size])
            elif section == 0 and class_ == INTERNET:
                answers.append(Record(name, kind, _written_out(message, at, kind, size)))
            at += size
    if at != len(message):
        raise ValueError("bytes behind its end")
    return Reply(number, flags >> 11 & 0xF, flags & 0xF, bool(flags & IS_OURS),
                 bool(flags & TRUNCATED), answers, signature)


def _written_out(message: bytes, at: int, kind: int, size: int) -> bytes:
    """The data of a record, without pointers in its names."""
    end = at + size
    if kind == SOA:
        server, at = read_name(message, at)
        contact, at = read_name(message, at)
        if end - at != 20:
            raise ValueError("an SOA record of another length")
        return name_bytes(server) + name_bytes(contact) + message[at:end]
    if kind not in _NAME_AT:
        return message[at:end]
    before = message[at:at + _NAME_AT[kind]]
    name, name_end = read_name(message, at + len(before))
    if name_end != end:
        raise ValueError("a name that ends elsewhere than its record")
    return before + name_bytes(name)


def read_name(message: bytes, at: int) -> tuple[Name, int]:
    """The name that begins at `at`, and where it ends there. Raises ValueError, IndexError."""
    labels: list[bytes] = []
    size, end, lowest = 1, 0, at
    while message[at]:
        length = message[at]
        if length >= 0xC0:
            target = (length & 0x3F) << 8 | message[at + 1]
            # Each one goes further back, so there is an end.
            if target >= lowest:
                raise ValueError("a pointer that does not point back")
            end = end or at + 2
            at = lowest = target
            continue
        if length > MAX_LABEL:
            raise ValueError("a label of an unknown kind")
        size += 1 + length
        if size > MAX_NAME or at + 1 + length >= len(message):
            raise ValueError("a name without an end")
        labels.append(message[at + 1:at + 1 + length].lower())
        at += 1 + length
    return tuple(labels), end or at + 1


def serial_of(soa: bytes) -> int:
    """The number in the data of an SOA record that grows with each change of the zone."""
    return int.from_bytes(soa[-20:-16], "big")
