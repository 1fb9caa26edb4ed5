"""Questions of DNS: whatever the bytes, the answer is a small one of the same number, or none."""

from __future__ import annotations

from interop.dns_message import (
    AAAA,
    ANY,
    HEADER,
    IS_REPLY,
    MAX_TCP_BYTES,
    SRV,
    A,
    BadQuestion,
    name_of,
    read_question,
    write_answer,
    write_question,
)
from interop.dns_zone import Zone
from ponte.calls.endpoint import Endpoint
from tests.fuzz.mutate import Target

_ZONE = Zone("ponte", [Endpoint("greeter", f"server-{number}", 1, "127.0.0.1", 4000 + number, "up",
                                ()) for number in range(100)], own_host="127.0.0.1")


def check_dns(data: bytes) -> str:
    try:
        question = read_question(data)
    except BadQuestion as bad:
        if bad.reply:
            # It is not larger than what it answers, but for the OPT record that it has.
            assert len(bad.reply) <= max(len(data), HEADER.size) + 11
            check_reply(data, bad.reply)
        return str(bad)[:20]
    found = _ZONE.answer(question)
    small = write_answer(question, found)
    assert len(small) <= question.udp_bytes
    check_reply(data, small)
    check_reply(data, write_answer(question, found, MAX_TCP_BYTES))
    return f"code {found.code}"


def check_reply(data: bytes, reply: bytes) -> None:
    assert reply[:2] == data[:2] and HEADER.unpack_from(reply)[1] & IS_REPLY


TARGETS = (
    Target("dns", tuple(write_question(7, name_of(name), kind, udp_bytes)
                        for name, kind in (("greeter.ponte", A), ("_greeter._tcp.ponte", SRV),
                                           ("nobody.ponte", AAAA), ("ponte", ANY))
                        for udp_bytes in (0, 1232)),
           (b"\0", b"\xc0\x0c", b"\xff\xff", b"\x3f" + b"a" * 63, b"\x40", b"\0\x29",
            b"\0\0\x29\x10\0\0\0\0\0\0\0", b"\x05ponte", b"\0\1\0\1", b"\0\xff"), check_dns),
)
