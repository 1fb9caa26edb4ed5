"""What the callers of the bank send: right messages, strange ones that are right, and broken ones.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

# The limits that the lesson names.
MAX_HEAD_BYTES, MAX_TEXT_BYTES = 1000, 10_000

START = "POST /bank HTTP/1.1"
USUAL = START + "\r\nContent-Length: {length}"
_END = b"\r\n\r\n"


class Message(NamedTuple):
    """A message: what is different in it, its bytes, its head and its text.

    `broken`: its bytes are no message, and with the last of them that can be known.
    """

    name: str
    data: bytes
    head: str
    text: str
    broken: bool = False

    def place(self, offset: int) -> str:
        """What stands where the bytes are cut."""
        if offset <= len(self.head.encode()):
            return "cut in the head"
        if offset < self.data.index(_END) + len(_END):
            return "cut in the empty line"
        if self.data[offset] & 0xC0 == 0x80:
            return "cut in a character"
        return "cut in the text"


@functools.cache
def risky_places(message: Message) -> list[int]:
    """Where a careless parser may take a part for the whole: the last place first."""
    size, head = len(message.data), message.data.find(_END)
    if head < 0:
        return [MAX_HEAD_BYTES // 2, 1]
    text = range(head + len(_END), size)
    in_characters = [offset for offset in text if message.data[offset] & 0xC0 == 0x80]
    # In the digits of a length that stands last, the part is a length, too.
    # And what looks like the beginning of a message may stand in a text.
    found = {size - 1, *in_characters, *text[:2], message.data.find(START.encode(), 1), head + 2,
             head - 1, 1}
    return sorted((place for place in found if 0 < place < size), reverse=True)


def call(text: str, name: str = "", head: str = USUAL) -> Message:
    """A right message."""
    head = head.format(length=len(text.encode()))
    return Message(name or text, head.encode() + _END + text.encode(), head, text)


def no_message(name: str, head: str, text: bytes = b"deposit 100") -> Message:
    """Bytes that have the form of a message, and are none."""
    return Message(name, head.encode() + _END + text, head, repr(text), True)


LONGEST = call("note " + (MAX_TEXT_BYTES - 5) * "x", "the longest text")
DEPOSIT, MORE = call("deposit 100"), call("deposit 20")
GREET, ASK = call("greet José"), call("greet Zoé")

# What a head may look like.
STRANGE_HEADS = tuple(call("deposit 100", name, START + lines) for name, lines in (
    ("small letters", "\r\ncontent-length: {length}"),
    ("large letters", "\r\nCONTENT-LENGTH: {length}"),
    ("no space", "\r\nContent-Length:{length}"),
    ("more spaces", "\r\nContent-Length:   {length}  "),
    ("zeros in front", "\r\nContent-Length: 00{length}"),
    ("a header before", "\r\nHost: bank:4180\r\nContent-Length: {length}"),
    ("a header behind", "\r\nContent-Length: {length}\r\nHost: bank:4180"),
    ("a header of nearly that name", "\r\nX-Content-Length: 3\r\nContent-Length: {length}"),
    ("a header of nearly that name behind",
     "\r\nContent-Length: {length}\r\nX-Content-Length: 3"),
    ("a name that begins alike", "\r\nContent-Length-Was: 3\r\nContent-Length: {length}"),
    ("a name that begins alike behind", "\r\nContent-Length: {length}\r\nContent-Length-Was: 3"),
    ("a value that looks alike", "\r\nUser-Agent: content-length: 3\r\nContent-Length: {length}"),
    # With its empty line it has MAX_HEAD_BYTES.
    ("a long header", "\r\nContent-Length: {length}\r\nCookie: "
     + (MAX_HEAD_BYTES - len(START + "\r\nContent-Length: 11\r\nCookie: \r\n\r\n")) * "x"),
))
LONGEST_HEAD = STRANGE_HEADS[-1]
# What a text may look like.
STRANGE_TEXTS = (
    call("note a\r\n\r\nb"),
    call("note Content-Length: 3\r\n\r\nabc"),
    call("note POST /bank HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"),
    call("note \r\n"),
    call(" ", "a space"),
    call("", "an empty text"),
    LONGEST,
)

# Calls that become faults, or whose value is nothing; and of methods that are easily missed.
FAULTS = tuple(map(call, ("withdraw 999", "deposit x", "remind", "total", "stop", "deposit",
                          "deposit 1 2", "transfer 5", "audit", "deposit 0", "pay_back 5",
                          "plan", "inherited")))
# Names that a caller must not reach.
CLOSED = tuple(map(call, ("_empty", "__class__", "__dir__", "book.clear", "deposit.__func__",
                          "deposit.__self__._empty", "owner", "book", "Deposit 5",
                          "deposit()", "audit()", "str x", "Parser",
                          "aud", "udit", "vault", "\tdeposit 5", "audit\t")))

BROKEN = (
    no_message("no length", START),
    no_message("no length, but a header", START + "\r\nHost: bank:4180"),
    no_message("a length behind a bare line feed", START + "\r\nX-Note: a\nContent-Length: 11"),
    no_message("a length behind another line end", START + "\r\nX-Note: a\x85Content-Length: 11"),
    no_message("length -1", START + "\r\nContent-Length: -1", b""),
    no_message("length -11", START + "\r\nContent-Length: -11"),
    no_message("length +11", START + "\r\nContent-Length: +11"),
    no_message("length 1_1", START + "\r\nContent-Length: 1_1"),
    no_message("length 11, 11", START + "\r\nContent-Length: 11, 11"),
    no_message("length 1 1", START + "\r\nContent-Length: 1 1"),
    no_message("length 0x0b", START + "\r\nContent-Length: 0x0b"),
    no_message("length 11.0", START + "\r\nContent-Length: 11.0"),
    no_message("length of other digits", START + "\r\nContent-Length: \u0661\u0661"),
    no_message("length eleven", START + "\r\nContent-Length: eleven"),
    no_message("no digits", START + "\r\nContent-Length: "),
    no_message("two lengths", START + "\r\nContent-Length: 11\r\nContent-Length: 10"),
    no_message("two equal lengths", START + "\r\nContent-Length: 11\r\ncontent-length: 11"),
    no_message("text too long", START + f"\r\nContent-Length: {MAX_TEXT_BYTES + 1}", b""),
    no_message("text far too long", START + "\r\nContent-Length: 10000000000", b""),
    no_message("no UTF-8", START + "\r\nContent-Length: 10", b"greet Jos\xe9"),
    no_message("a head without end", START + "\r\nCookie: " + 2 * MAX_HEAD_BYTES * "x", b"")
    ._replace(data=f"{START}\r\nCookie: {2 * MAX_HEAD_BYTES * 'x'}".encode()),
    no_message("a long head", START + "\r\nContent-Length: 11\r\nCookie: "
               + 2 * MAX_HEAD_BYTES * "x"),
    # Without its empty line it has one byte more.
    no_message("a head that is just too long", START + "\r\nContent-Length: 11\r\nCookie: "
               + (MAX_HEAD_BYTES + 1 - len(START + "\r\nContent-Length: 11\r\nCookie: ")) * "x"),
)
