"""Questions of DNS: whatever the bytes, the answer is a small one of the same number, or none.

And what a DNS server replies to us: it is refused, or it was signed with our key as it stands. And
files that may be a key: read, or refused in one line.
"""

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
from interop.dns_update import BadReply, read_reply
from interop.dns_zone import Zone
from interop.tsig import Key, read_key, verify
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


# Made by another implementation: tests/interop/test_tsig.py tells how.
_KEY = Key("ponte-key", b"0123456789abcdef0123456789abcdef")
_REQUEST_CODE = bytes.fromhex("444decb2609d8fa38e5c99d589c234afb1c7af429e5503cfc54c6a781b1b4bd1")
_SIGNED = bytes.fromhex(
    "1234a800000100000000000105706f6e7465000006000109706f6e74652d6b65790000fa00ff00000000003d0b68"
    "6d61632d7368613235360000006b49d200012c0020efb2189fd91c3711e0087483612d4ed61edb16ef29f4566b6f23"
    "7cddd9d1f258123400000000")


def check_reply_to_us(data: bytes) -> str:
    try:
        reply = read_reply(data)
    except BadReply:
        return "no reply"
    for record in reply.answers:
        assert len(record.data) <= len(data) + 2 * 255
    try:
        verdict = verify(data, reply, _KEY, _REQUEST_CODE, 1_800_000_000)
    except BadReply as bad:
        return str(bad)[:20]
    # The number in front may be another one: who asked compares it. Capitals are as small letters.
    assert not verdict.is_signed or data[2:].lower() == _SIGNED[2:].lower()
    return f"signed {verdict.is_signed}"


def check_key(data: bytes) -> str:
    try:
        key = read_key(data)
    except ValueError as error:
        assert "\n" not in str(error)
        return str(error)[:20]
    assert key.secret and name_of(key.name)
    return "a key"


TARGETS = (
    Target("dns replies", (_SIGNED, *(write_answer(read_question(write_question(
        7, name_of(name), kind)), _ZONE.answer(read_question(write_question(
            7, name_of(name), kind))), 2000)
        for name, kind in (("_greeter._tcp.ponte", SRV), ("ponte", ANY),
                           ("_services._dns-sd._udp.ponte", ANY)))),
           (b"\0", b"\xc0\x0c", b"\xc0\x00", b"\xff\xff", b"\x3f" + b"a" * 63, b"\0\xfa\0\xff",
            b"\0\x10", b"\0\x11", b"\0\x12"), check_reply_to_us),
    Target("dns keys",
           (b'key "ponte" {\n\talgorithm hmac-sha256;\n'
            b'\tsecret "1j6cCzbivYCCbsphfr0l+bLA0NtYUr82TWajKl8V+0M=";\n};\n',),
           (b"key", b'"', b"{", b"}", b";", b" ", b"algorithm", b"hmac-md5", b"secret", b"=",
            b"\xff", b"/*"), check_key),
    Target("dns", tuple(write_question(7, name_of(name), kind, udp_bytes)
                        for name, kind in (("greeter.ponte", A), ("_greeter._tcp.ponte", SRV),
                                           ("nobody.ponte", AAAA), ("ponte", ANY))
                        for udp_bytes in (0, 1232)),
           (b"\0", b"\xc0\x0c", b"\xff\xff", b"\x3f" + b"a" * 63, b"\x40", b"\0\x29",
            b"\0\0\x29\x10\0\0\0\0\0\0\0", b"\x05ponte", b"\0\1\0\1", b"\0\xff"), check_dns),
)
