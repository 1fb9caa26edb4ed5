"""The bytes of DNS: reads a question, and writes its answer (RFC 1035, RFC 6891). Pure.

The problem: over UDP nobody proves who he is. A small question with a false address of its sender
makes a server send a large answer to a victim. So an answer over UDP is never larger than the
asker says he takes, nor than MAX_UDP_BYTES; what does not fit is left out, and `TC` tells a true
asker to come back over TCP.

A name may end with a pointer to where it stood before. Whoever follows pointers in bytes of a
stranger can be led in circles. Here nobody needs to: a question has nothing before it to point at,
and the records behind it are passed over.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Sequence
from typing import NamedTuple

# A name: its labels in small letters, without the empty one at its end.
Name = tuple[bytes, ...]

A, NS, SOA, PTR, TXT, AAAA, SRV, OPT, ANY = 1, 2, 6, 12, 16, 28, 33, 41, 255
INTERNET = 1
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED, BADVERS = 0, 1, 2, 3, 4, 5, 16
# RFC 1035, section 2.3.4: bytes in a label, in a name with all lengths, in an answer over UDP to
# somebody who does not say how much he takes.
MAX_LABEL, MAX_NAME, PLAIN_UDP_BYTES = 63, 255, 512
MAX_UDP_BYTES = 4096
MAX_TCP_BYTES = 65_535
HEADER = struct.Struct("!6H")
# Where the host stands in the data of an SRV record: behind priority, weight and port.
SRV_TARGET_AT = 6
# Bits of the second word of a header.
IS_REPLY, OPCODE, IS_OURS, TRUNCATED, RECURSION = 0x8000, 0x7800, 0x0400, 0x0200, 0x0100
# A pointer to the name of the question, which begins behind the header.
_ASKED = struct.pack("!H", 0xC000 | HEADER.size)


class Record(NamedTuple):
    """What a name is: `data` are the bytes of a record of `type`. Nothing may be kept: TTL is 0."""

    name: Name
    type: int
    data: bytes


class Question(NamedTuple):
    """A question that can be answered.

    `number` is its id; `asked`, the bytes of its question, which an answer repeats; `udp_bytes`,
    the largest answer that its sender takes over UDP; `has_edns`, whether he speaks EDNS.
    """

    number: int
    flags: int
    asked: bytes
    name: Name
    type: int
    udp_bytes: int
    has_edns: bool


class Answers(NamedTuple):
    """What is answered: records of the name that was asked for, of the zone, and helpful ones."""

    code: int
    answers: Sequence[Record] = ()
    authority: Sequence[Record] = ()
    additional: Sequence[Record] = ()


class BadQuestion(ValueError):
    """Bytes that are no question to answer; `reply` says so to their sender, if it is not empty."""

    def __init__(self, why: str, reply: bytes = b"") -> None:
        super().__init__(why)
        self.reply = reply


def read_question(message: bytes) -> Question:
    """The question in a message. Raises BadQuestion.

    >>> question = read_question(write_question(7, (b"greeter", b"ponte"), A))
    >>> question.number, question.name, question.type, question.udp_bytes
    (7, (b'greeter', b'ponte'), 1, 512)
    """
    if len(message) < HEADER.size:
        raise BadQuestion("shorter than a header")
    number, flags, questions, answers, authority, additional = HEADER.unpack_from(message)
    if flags & IS_REPLY:
        # Two servers that answer each other's answers would never end.
        raise BadQuestion("an answer")
    if flags & OPCODE:
        raise BadQuestion("no query", _refusal(number, flags, NOTIMP))
    try:
        if questions != 1:
            raise ValueError(f"{questions} questions")
        name, at = _read_name(message, HEADER.size)
        kind, class_ = struct.unpack_from("!HH", message, at)
        end = at + 4
        asked = message[HEADER.size:end]
        edns = _read_edns(message, end, answers + authority + additional)
    except (ValueError, struct.error, IndexError) as error:
        raise BadQuestion(str(error), _refusal(number, flags, FORMERR)) from None
    udp_bytes, version = edns or (PLAIN_UDP_BYTES, 0)
    question = Question(number, flags, asked, name, kind,
                        min(max(udp_bytes, PLAIN_UDP_BYTES), MAX_UDP_BYTES), edns is not None)
    if version:
        raise BadQuestion("a later version of EDNS", write_answer(question, Answers(BADVERS)))
    if class_ not in (INTERNET, ANY):
        raise BadQuestion("not of the internet", write_answer(question, Answers(REFUSED)))
    return question


def _refusal(number: int, flags: int, code: int) -> bytes:
    return HEADER.pack(number, IS_REPLY | flags & (OPCODE | RECURSION) | code, 0, 0, 0, 0)


def _read_name(message: bytes, at: int) -> tuple[Name, int]:
    """The name that begins at `at`, and where it ends."""
    labels = []
    begin = at
    while message[at]:
        length = message[at]
        if length > MAX_LABEL:
            raise ValueError("a pointer in a question")
        label = message[at + 1:at + 1 + length]
        at += 1 + length
        if at >= len(message) or at - begin >= MAX_NAME:
            raise ValueError("a name without an end")
        labels.append(label.lower())
    return tuple(labels), at + 1


def _read_edns(message: bytes, at: int, records: int) -> tuple[int, int] | None:
    """(the bytes that the asker takes over UDP, version of EDNS); None where there is no OPT."""
    found = None
    for _ in range(records):
        name_at = at
        while message[at]:
            if message[at] >= 0xC0:
                at += 1
                break
            if message[at] > MAX_LABEL:
                raise ValueError("a label of an unknown kind")
            at += 1 + message[at]
        at += 1
        kind, class_, ttl, length = struct.unpack_from("!HHIH", message, at)
        at += 10 + length
        if at > len(message):
            raise ValueError("a record without an end")
        if kind == OPT:
            if found or message[name_at]:
                raise ValueError("two OPT records, or one with a name")
            found = class_, ttl >> 16 & 0xFF
    return found


def write_question(number: int, name: Name, kind: int, udp_bytes: int = 0,
                   flags: int = RECURSION) -> bytes:
    """The message of a question; with `udp_bytes` it speaks EDNS."""
    return (HEADER.pack(number, flags, 1, 0, 0, 1 if udp_bytes else 0) + name_bytes(name)
            + struct.pack("!HH", kind, INTERNET)
            + (struct.pack("!BHHIH", 0, OPT, udp_bytes, 0, 0) if udp_bytes else b""))


def write_answer(question: Question, found: Answers, max_bytes: int = 0) -> bytes:
    """The message of an answer, of `max_bytes` at most; 0 stands for what the asker takes by UDP.

    What does not fit is left out from behind: first what only helps, then the records of the
    zone, then answers. Only the lack of answers sets TC, since then the asker has to come again.
    """
    max_bytes = max_bytes or question.udp_bytes
    # RFC 6891, section 6.1.3: the upper eight bits of a code stand in the OPT record.
    opt = struct.pack("!BHHBBHH", 0, OPT, MAX_UDP_BYTES, found.code >> 4, 0, 0, 0)
    edns = opt if question.has_edns else b""
    room = max_bytes - HEADER.size - len(question.asked) - len(edns)
    written: list[list[bytes]] = []
    for records in (found.answers, found.authority, found.additional):
        fitting = []
        for record in records:
            data = _record_bytes(record, question.name)
            if len(data) > room:
                # Nothing behind it, so that no section is shown with a gap.
                room = 0
                break
            room -= len(data)
            fitting.append(data)
        written.append(fitting)
    answers, authority, additional = written
    flags = (IS_REPLY | question.flags & RECURSION | found.code & 0xF
             | (IS_OURS if found.code in (NOERROR, NXDOMAIN) else 0)
             | (TRUNCATED if len(answers) < len(found.answers) else 0))
    return b"".join([
        HEADER.pack(question.number, flags, 1, len(answers), len(authority),
                    len(additional) + bool(edns)),
        question.asked, *answers, *authority, *additional, edns])


def _record_bytes(record: Record, asked: Name) -> bytes:
    name = _ASKED if record.name == asked and asked else name_bytes(record.name)
    return name + struct.pack("!HHIH", record.type, INTERNET, 0, len(record.data)) + record.data


def name_bytes(name: Name) -> bytes:
    """A name as it stands in a message. It is never compressed: RFC 2782 forbids it in SRV.

    >>> name_bytes((b"greeter", b"ponte"))
    b'\\x07greeter\\x05ponte\\x00'
    """
    return b"".join(bytes([len(label)]) + label for label in name) + b"\0"


def name_of(text: str) -> Name:
    """The name that a text writes, as in "greeter.ponte". Raises ValueError for none.

    >>> name_of("Greeter.Ponte.")
    (b'greeter', b'ponte')
    """
    labels = tuple(label.encode("ascii").lower() for label in text.rstrip(".").split("."))
    if not all(0 < len(label) <= MAX_LABEL for label in labels):
        raise ValueError(f"{text!r} is no name of DNS: each part has 1 to {MAX_LABEL} characters")
    if len(name_bytes(labels)) > MAX_NAME:
        raise ValueError(f"{text!r} is no name of DNS: it has more than {MAX_NAME} characters")
    return labels


def host_record(name: Name, host: str) -> Record | None:
    """The A or AAAA record of an address; None for a host that is a name."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    return Record(name, A if address.version == 4 else AAAA, address.packed)


def srv_data(port: int, target: Name) -> bytes:
    """The data of an SRV record: priority 0, weight 1 (RFC 2782)."""
    return struct.pack("!HHH", 0, 1, port) + name_bytes(target)


def soa_data(server: Name, contact: Name, serial: int) -> bytes:
    """The data of an SOA record. Its last number, 0 s, says how long a "no" is kept (RFC 2308)."""
    return (name_bytes(server) + name_bytes(contact)
            + struct.pack("!5I", serial % 2 ** 32, 3600, 600, 86_400, 0))
