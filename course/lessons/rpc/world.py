"""A bank behind streams of bytes. Callers send their messages in pieces, cut anywhere.

The server is ours, but for the student's parser, writer and dispatcher. After each piece it takes
out what is whole, runs it, and replies. How the bytes are cut, and what the callers send, is asked
of the script. Threads: one.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, Callable

from course.explore import Script
from course.lessons.rpc.bank import ANY, FAULT, METHODS, RESULT, Bank, described, ran_of, right
from course.lessons.rpc.keeping import kept_bytes
from course.lessons.rpc.messages import Message, risky_places
from course.theirs import must_have
from course.world import SmallWorld
from ponte.net.message import ProtocolError
from ponte.net.parser import ReplyParser

# Seconds between two pieces.
PIECE_S = 0.001
# A connection is long that has carried so many bytes.
LONG_BYTES = 100_000
# Characters that are shown of a piece, and of a run; and lines of a long connection.
SHOWN, SHOWN_RUN, SHOWN_LINES = 160, 40, 6
REPLY_HEAD = "HTTP/1.1 200 OK\r\nServed-By: bank-1"
class Connection:
    """What the server has of one caller: the student's parser, and what is to come out of it."""

    def __init__(self, caller: str, messages: Sequence[Message], parser: Any) -> None:
        self.caller, self.messages, self.parser = caller, messages, parser
        # Bytes that have come; messages that are out, and their bytes.
        self.came = self.out = self.out_bytes = 0
        self.is_open = True
        # Ponte's own: the caller reads its replies with it.
        self.replies = ReplyParser()

    @property
    def next(self) -> Message | None:
        """The message that is to come out next."""
        return self.messages[self.out] if self.out < len(self.messages) else None

    @property
    def came_of_next(self) -> int:
        """How many bytes of it have come."""
        return self.came - self.out_bytes


class World(SmallWorld):
    """One run of the world with a student's file.

    Parameters: `sends`: for each caller, for each of its messages, what it may be, the usual one
    first; how many `cuts` a message may have, at risky places or `everywhere`; whether two messages
    may come `joined` in one piece; whether all comes in one `flood`, or byte by byte (`drip`);
    whether the server `reads_on` until all has come, and asks then.
    """

    def __init__(self, solution: Any, script: Script, *,
                 sends: Sequence[Sequence[Sequence[Message]]], cuts: int = 0,
                 everywhere: bool = False, joined: bool = False, flood: bool = False,
                 drip: bool = False, reads_on: bool = False) -> None:
        super().__init__(solution, script)
        self._sends, self._cuts, self._everywhere, self._joined = sends, cuts, everywhere, joined
        self._flood, self._drip, self._reads_on = flood, drip, reads_on
        check_file(solution)
        # The second one is for us: what a right dispatcher does.
        self._bank, self._twin = Bank(), Bank()
        self._connections = []
        for caller, slots in zip(("ana", "bia"), sends):
            messages = [self._chosen(caller, number, slot) for number, slot in enumerate(slots, 1)]
            self._connections.append(Connection(caller, messages, solution.Parser()))

    def run(self) -> list[str]:
        """Carries out everything; returns what was exercised. Raises Wrong."""
        for number, connection in enumerate(self._connections):
            pieces = self._pieces(connection)
            for turn, piece in enumerate(pieces):
                more = self._reads_on and turn < len(pieces) - 1
                self.at((turn * len(self._connections) + number) * PIECE_S,
                        functools.partial(self._comes, connection, piece, more))
        self.go()
        for connection in self._connections:
            self._judge_keeping(connection)
        return self.exercised

    # What the callers send, and how it is cut.

    def _chosen(self, caller: str, number: int, slot: Sequence[Message]) -> Message:
        if len(slot) == 1:
            return slot[0]
        name = self.script.choose(f"message {number} of {caller}", *(each.name for each in slot))
        found = next(each for each in slot if each.name == name)
        if found is not slot[0]:
            self.exercised.append(name)
        return found

    def _pieces(self, connection: Connection) -> list[bytes]:
        pieces: list[bytes] = []
        for message in connection.messages:
            pause = "a pause"
            if pieces and self._joined:
                pause = self.script.choose(f"before {message.name} of {connection.caller}",
                                           "a pause", "no pause")
            parts = self._cut(message)
            if pause == "no pause":
                self.exercised.append("two in one piece")
                pieces[-1] += parts.pop(0)
            pieces += parts
        if self._drip:
            self.exercised.append("byte by byte")
            return [bytes([byte]) for byte in b"".join(pieces)]
        return [b"".join(pieces)] if self._flood else pieces

    def _cut(self, message: Message) -> list[bytes]:
        """The message in its pieces. They are cut from its end on."""
        parts, rest = list[bytes](), message.data
        places = range(len(rest) - 1, 0, -1) if self._everywhere else risky_places(message)
        for number in range(self._cuts):
            options = [str(place) for place in places if place < len(rest)]
            place = self.script.choose(f"cut {number} of {message.name}", "whole", *options)
            if place == "whole":
                break
            self.exercised.append(message.place(int(place)))
            parts.insert(0, rest[int(place):])
            rest = rest[:int(place)]
        return [rest, *parts]

    # The server: ours.

    def _comes(self, connection: Connection, piece: bytes, reads_on: bool) -> None:
        if not connection.is_open:
            return
        self.say("piece", caller=connection.caller, bytes=shown(piece))
        connection.came += len(piece)
        self._ask(connection, functools.partial(connection.parser.feed, piece))
        if reads_on:
            self.say("reads_on")
            self.exercised.append("reads on")
            return
        while connection.is_open:
            found = self._ask(connection, connection.parser.next_message)
            if found is None:
                break
            self._takes(connection, found)
        if connection.is_open:
            self._judge_rest(connection)

    def _ask(self, connection: Connection, read: Callable[[], Any]) -> Any:
        """What the student's parser returns; None if it refuses what has come."""
        try:
            return read()
        except ValueError as error:
            self._refused(connection, error)
            return None
        except Exception as error:
            # If what has come is right, the line of the student's mistake says more.
            if not connection.next or not connection.next.broken:
                raise
            raise self.wrong("parser_died", name=connection.next.name,
                             error=described(error)) from error

    def _refused(self, connection: Connection, error: ValueError) -> None:
        """The parser has said that this is no message."""
        message = connection.next
        if message is None:
            raise self.wrong("refused_nothing", error=described(error))
        if not message.broken:
            raise self.wrong("refused_a_right_one", text=shown(message.text),
                             error=described(error))
        self.say("refused", caller=connection.caller)
        self.exercised.append("refused")
        connection.is_open = False

    def _judge_rest(self, connection: Connection) -> None:
        """Judges what has come, and did not come out."""
        message = connection.next
        if message and connection.came_of_next >= len(message.data):
            if message.broken:
                raise self.wrong("not_refused", name=message.name)
            raise self.wrong("missing", text=shown(message.text), length=len(message.data))

    def _judge_keeping(self, connection: Connection) -> None:
        """What is out is not kept: a connection may last for days."""
        if connection.out_bytes < LONG_BYTES:
            return
        self.exercised.append("a long connection")
        kept = kept_bytes(connection.parser)
        del self.story[SHOWN_LINES:]
        self.say("and_so_on")
        if kept > connection.out_bytes // 2:
            raise self.wrong("keeps_messages", count=connection.out, kept=kept,
                             total=connection.out_bytes)

    def _takes(self, connection: Connection, found: Any) -> None:
        """A message has come out of the parser."""
        if not is_pair(found) or not all(isinstance(each, str) for each in found):
            raise self.wrong("no_message", got=repr(found)[:SHOWN])
        head, text = found
        message = connection.next
        if message is None or connection.came_of_next <= 0:
            raise self.wrong("one_too_many", got=shown(text))
        if message.broken:
            raise self.wrong("took_no_message", name=message.name, got=shown(text))
        if connection.came_of_next < len(message.data):
            self._run_half(text)
            raise self.wrong("half", text=shown(message.text), got=shown(text),
                             came=connection.came_of_next, length=len(message.data))
        if text != message.text:
            raise self.wrong("another_text", text=shown(message.text), got=shown(text))
        if head != message.head:
            raise self.wrong("another_head", head=shown(message.head), got=shown(head))
        connection.out += 1
        connection.out_bytes += len(message.data)
        self._calls(connection, text)

    def _run_half(self, text: str) -> None:
        """Shows what comes of a part that is taken for the whole."""
        name, *params = text.split(" ")
        if name in METHODS and params:
            getattr(self._bank, name)(*params)
            self.say("runs", run=shown(ran_of(self._bank)[-1]))

    def _calls(self, connection: Connection, text: str) -> None:
        name, *params = text.split(" ")
        if not name:
            # It is a message, and no call: it comes back as it is.
            self._reply(connection, text)
            return
        kind, value = self._answer(name, params)
        self._judge_answer(name, params, kind, value)
        self._reply(connection, f"{kind} {value}")

    def _answer(self, name: str, params: list[str]) -> tuple[str, Any]:
        """What the student's dispatcher makes of a call."""
        before = len(ran_of(self._bank))
        try:
            answer = self.solution.dispatch(self._bank, name, list(params))
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            if name in METHODS and right(Bank(), name, params)[0] == RESULT:
                # The line of the student's mistake says more.
                raise
            self._say_runs(before)
            raise self.wrong("server_died", name=name, error=described(error)) from error
        self._say_runs(before)
        if not is_pair(answer) or answer[0] not in (RESULT, FAULT):
            raise self.wrong("no_answer", name=name, got=repr(answer)[:SHOWN])
        return answer[0], answer[1]

    def _say_runs(self, before: int) -> None:
        for run in ran_of(self._bank)[before:]:
            self.say("runs", run=shown(run, SHOWN_RUN))

    def _judge_answer(self, name: str, params: list[str], kind: str, value: Any) -> None:
        wanted, what = right(self._twin, name, params)
        runs, wanted_runs = ran_of(self._bank), ran_of(self._twin)
        if name not in METHODS and kind != FAULT:
            raise self.wrong("not_for_callers", name=shown(name), got=str(value)[:SHOWN])
        if name not in METHODS and runs != wanted_runs:
            raise self.wrong("ran_without_a_method", name=shown(name), run=shown(runs[-1]))
        if len(runs) > len(wanted_runs):
            raise self.wrong("ran_twice", name=name)
        if kind != wanted:
            raise self.wrong("fault_is_a_value" if wanted == FAULT else "value_is_a_fault",
                             name=name, what=repr(what), got=str(value)[:SHOWN])
        if runs != wanted_runs and wanted == RESULT:
            raise self.wrong("another_run", name=name, run=shown(wanted_runs[-1]))
        if kind == FAULT:
            self.exercised.append(FAULT)
            if not isinstance(value, str) or not value:
                raise self.wrong("no_text", name=name, got=repr(value)[:SHOWN])
        if what is ANY or value == what:
            return
        if kind == FAULT:
            raise self.wrong("another_fault", name=name, what=what, got=shown(value))
        # None and the text "None" look alike without their quotes.
        raise self.wrong("another_value", name=name, what=repr(what), got=repr(value)[:SHOWN])

    def _reply(self, connection: Connection, text: str) -> None:
        data = self.solution.write(REPLY_HEAD, text)
        if not isinstance(data, (bytes, bytearray)):
            raise self.wrong("no_bytes", got=repr(data)[:SHOWN])
        wanted, replies = text.encode(), connection.replies
        try:
            replies.feed(bytes(data))
            reply = replies.next_message()
        except ProtocolError:
            raise self.wrong("reply_cannot_be_read", bytes=shown(bytes(data))) from None
        if reply is None or replies.in_message:
            raise self.wrong("reply_length", text=text, length=len(wanted),
                             bytes=shown(bytes(data)))
        if reply.body != wanted:
            raise self.wrong("another_reply", text=text, bytes=shown(bytes(data)))
        if (reply.status, reply.headers.get("served-by")) != (200, "bank-1"):
            raise self.wrong("another_reply_head", head=shown(REPLY_HEAD), bytes=shown(bytes(data)))
        self.say("reply", caller=connection.caller, text=text)


@functools.lru_cache(maxsize=1)
def check_file(solution: Any) -> None:
    """Raises Theirs where the student's file lacks something. Once for each file: it takes long."""
    parser = must_have(solution, "Parser")()
    must_have(parser, "feed", "data")
    must_have(parser, "next_message")
    must_have(solution, "write", "head", "text")
    must_have(solution, "dispatch", "service", "name", "params")


def is_pair(found: Any) -> bool:
    return isinstance(found, (tuple, list)) and len(found) == 2


def shown(data: bytes | str, limit: int = SHOWN) -> str:
    """Bytes or a text in one line, in no language."""
    part = data[:limit + 1]
    text = repr(part)[2:-1] if isinstance(part, bytes) else repr(part)[1:-1]
    return text if len(text) <= limit else f"{text[:limit]}…"
