r"""RPC: framing and dispatch. How a call comes out of a stream of bytes, and runs.

A stream carries bytes, not messages: one message may arrive in several pieces, and two in one
piece. So each message says where it ends. That is *framing*:

    POST /bank HTTP/1.1\r\n     the head: its lines end in \r\n, and in nothing else
    Content-Length: 11\r\n      how many bytes the text has
    \r\n                        an empty line ends the head
    deposit 100                 the text, in UTF-8

Further headers may stand in the head: they are passed over. The name of a header is in small or in
large letters, and spaces may stand around its value. A message has one Content-Length, of the
digits 0 to 9 alone. A text has at most MAX_TEXT_BYTES. A head has at most MAX_HEAD_BYTES: count it
with its empty line or without, both are right.

*Dispatch* is what comes then: the name in the call is looked up, and the method runs. Whatever it
raises becomes a fault: the caller is told, and the server lives on.
"""

import re

MAX_HEAD_BYTES, MAX_TEXT_BYTES = 1000, 10_000

RESULT, FAULT = "result", "fault"


class Parser:
    """Reads the messages of one connection. Keeps nothing of a message that is out."""

    def __init__(self):
        self.buffer = b""       # what has come, and is in no message yet

    def feed(self, data):
        """Takes the bytes that have come: a piece of any length. More may come before the next
        message is asked for.
        """
        self.buffer += data

    def next_message(self):
        """The next message as (head, text), or None while it is not all there.

        The head is without its last \\r\\n and the empty line. Raises ValueError if the next
        bytes cannot become a message: at the latest when a wrong head is whole, when a head or the
        length that it tells is too large, or when a wrong text is whole. Then nobody knows where
        another message begins, and the connection is closed. What was whole before these bytes has
        come out first.
        """
        head, end, rest = self.buffer.partition(b"\r\n\r\n")
        if len(head) > MAX_HEAD_BYTES:
            raise ValueError("the head is too long")
        if not end:
            return None
        length = length_of(head.decode("latin-1"))
        if len(rest) < length:
            return None
        self.buffer = rest[length:]
        return head.decode("latin-1"), rest[:length].decode("utf-8")


def length_of(head):
    lines = [line.partition(":") for line in head.split("\r\n")]
    found = [value.strip() for name, _, value in lines if name.lower() == "content-length"]
    if len(found) != 1 or not re.fullmatch("[0-9]+", found[0]):
        raise ValueError("there must be one Content-Length, of digits")
    if int(found[0]) > MAX_TEXT_BYTES:
        raise ValueError("the text is too long")
    return int(found[0])


def write(head, text):
    """The bytes of a message. `head` comes without Content-Length and the empty line."""
    data = text.encode("utf-8")
    head += f"\r\nContent-Length: {len(data)}\r\n\r\n"
    return head.encode("latin-1") + data


def dispatch(service, name, params):
    """Runs the method `name` of the object `service`. Never raises.

    (RESULT, what the method has returned); (FAULT, "ValueError: not a number") if it has raised
    that, or whatever else; (FAULT, a text) without a run, if there is no method of exactly that
    name, or if its name begins with _: that is private. An inherited method is a method, too. A
    property is none: to read it would already run it.
    """
    if name.startswith("_") or not callable(getattr(type(service), name, None)):
        return FAULT, f"there is no method {name}"
    try:
        return RESULT, getattr(service, name)(*params)
    except BaseException as error:
        return FAULT, f"{type(error).__name__}: {error}"
