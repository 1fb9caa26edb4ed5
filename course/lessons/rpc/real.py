"""The student's file inside Ponte's own server, called by Python's own client over real sockets. On
the way stands a relay that cuts the requests into pieces.

    python3 -m course.lessons.rpc.real FILE
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from types import ModuleType
from typing import Any, Callable, NamedTuple
from unittest import mock
from xml.parsers.expat import ExpatError
from xmlrpc.client import Fault, ProtocolError, ResponseError, ServerProxy, Transport

from course.lessons.rpc.bank import FAULT, Bank
from course.lessons.rpc.world import check_file
from course.theirs import Theirs
from course.worker import load
from ponte.net import message, parser
from ponte.net.address import Address
from ponte.net.reply_writer import ReplyWriter
from ponte.process.characters import write_any
from ponte.rpc.dispatcher import Dispatcher, Prepared, Writer
from ponte.rpc.instance import methods_of
from ponte.rpc.marshal import APPLICATION_ERROR, CONTENT_TYPE, decode_result, encode_call
from server import Server

# What is deposited, and as much more as the student's personal number says; what two callers add
# to it; and what is missing when somebody asks for more.
AMOUNT, ONE, MISSING = 100, 1, 7
# Seconds: a caller waits so long for a reply; one that has sent two calls in one piece, so long for
# each; and the relay, for the server to take a piece.
CALL_S, TOGETHER_S, PIECE_S = 2.0, 0.5, 0.5
NAME = "José"
# How many bytes of a deposit come later than the others.
LATE_BYTES = 60
RECEIVE_BYTES = 65536


class Seen(NamedTuple):
    """What the callers of the bank were told, each in words: of a deposit of this `amount`, in two
    pieces; of two further deposits, `together` in one piece; of a greeting that was cut in its head
    and in a letter; of a withdrawal that must fail; and of a call of what is private. Then the
    balance; and the seconds of the deposit.
    """

    amount: int
    deposit: str
    together: str
    greeting: str
    withdrawal: str
    private: str
    balance: int
    took_s: float


def see(solution: ModuleType, personal: int = 0) -> Seen:
    """Calls a bank that is served with a student's file."""
    check_file(solution)
    amount, bank, taken = AMOUNT + personal, Bank(), Taken()
    with _served_with(solution, bank, taken), \
            Server("bank", methods_of(bank), registries=[], name="bank-1") as server:
        def told(cut: Cut, method: str, *params: Any) -> str:
            with contextlib.closing(Knife(server.address, cut, taken)) as knife:
                return _told(knife.address, method, params)

        began = time.perf_counter()
        deposit = told(_late_end, "deposit", amount)
        took_s = time.perf_counter() - began
        together = _told_together(server.address)
        greeting = told(_in_head_and_letter, "greet", NAME)
        withdrawal = told(_whole, "withdraw", bank.balance + MISSING)
        private = told(_whole, "_empty")
        return Seen(amount, deposit, together, greeting, withdrawal, private, bank.balance, took_s)


def is_right(seen: Mapping[str, Any]) -> bool:
    """Whether the calls ran, and what must be a fault was one."""
    one, two = seen["amount"] + ONE, seen["amount"] + ONE + ONE
    return bool(seen["deposit"] == str(seen["amount"]) and seen["together"] == f"{one}, {two}"
                and seen["greeting"] == f"Olá, {NAME}!"
                and seen["withdrawal"] == f"NoMoney: {MISSING} are missing"
                and seen["private"] != "empty" and seen["balance"] == two)


# ---- the caller ----------------------------------------------------------------------------------

class _Patient(Transport):
    """Python's own transport, but that it does not wait for ever."""

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        connection = super().make_connection(host)
        connection.timeout = CALL_S
        return connection


def _told(address: Address, method: str, params: Sequence[Any]) -> str:
    """What a caller is told: a value, the text of a fault, or a word of the lesson's texts."""
    try:
        with ServerProxy(f"http://{address[0]}:{address[1]}/bank", _Patient()) as proxy:
            return str(getattr(proxy, method)(*params))
    except Fault as fault:
        return str(fault.faultString)
    except ProtocolError as error:
        return f"{error.errcode} {error.errmsg}"
    except (ExpatError, ResponseError):
        return "half a reply"
    except (OSError, http.client.HTTPException):
        return "no reply"


def _told_together(address: Address) -> str:
    """What a caller is told of two calls that it sends in one piece. Python's own client cannot."""
    call = message.encode_request("POST", "/bank", {"Host": "bank", "Content-Type": CONTENT_TYPE},
                                  encode_call("deposit", (ONE,)))
    told, replies = list[str](), parser.ReplyParser()
    with contextlib.suppress(OSError, message.ProtocolError), \
            socket.create_connection(address, TOGETHER_S) as connection:
        connection.sendall(call + call)
        while len(told) < len((call, call)):
            reply = replies.next_message()
            if reply:
                told.append(_told_by(reply))
                continue
            data = connection.recv(RECEIVE_BYTES)
            if not data:
                break
            replies.feed(data)
    return ", ".join(told) or "no reply"


def _told_by(reply: message.Reply) -> str:
    try:
        return str(decode_result(reply.body))
    except Fault as fault:
        return str(fault.faultString)


# ---- the student's file inside Ponte -------------------------------------------------------------

@contextlib.contextmanager
def _served_with(solution: ModuleType, bank: Bank, taken: Taken) -> Iterator[None]:
    """Puts the student's parts in the places of Ponte's."""
    with mock.patch("ponte.net.serving.RequestParser", _parser_of(solution, taken)), \
            mock.patch("ponte.net.serving.ReplyWriter", _writer_of(solution)), \
            mock.patch("server.Dispatcher", _dispatcher_of(solution, bank)):
        yield


def _parser_of(solution: ModuleType, taken: Taken) -> type[parser.RequestParser]:

    class TheirParser(parser.RequestParser):
        """Cuts as the student's does. What is in the head, Ponte reads."""

        def __init__(self, peer: Address) -> None:
            super().__init__(peer)
            self._theirs = solution.Parser()

        def feed(self, data: bytes) -> None:
            self._theirs.feed(data)
            self.in_message = True
            taken.add(len(data))

        def next_message(self) -> message.Request | None:
            try:
                found = self._theirs.next_message()
            except ValueError as error:
                raise message.ProtocolError(400, str(error)) from None
            if found is None:
                return None
            head, text = found
            return self._message(self._parse_head(f"{head}\r\n"), text.encode())

    return TheirParser


def _writer_of(solution: ModuleType) -> type[ReplyWriter]:

    class TheirWriter(ReplyWriter):
        """Frames as the student's `write` does."""

        def write(self, reply: message.Reply) -> bytes:
            head = message.head_of(super().write(reply)).decode()
            lines = [line for line in head.split("\r\n")
                     if line and not line.startswith("Content-Length:")]
            written: bytes = solution.write("\r\n".join(lines), reply.body.decode())
            return written

    return TheirWriter


def _dispatcher_of(solution: ModuleType, bank: Bank) -> type[Dispatcher]:

    class TheirDispatcher(Dispatcher):
        """Runs calls as the student's `dispatch` does. What is in the XML, Ponte reads."""

        def _prepared(self, decode: Callable[[], tuple[str, tuple[Any, ...]]], promised: bool,
                      writer: Writer) -> Prepared:
            try:
                name, params = decode()
            except Fault as fault:
                return "", (), partial(self._fault, fault, writer)
            return name, params, lambda: self._theirs(name, params, writer)

        def _theirs(self, name: str, params: tuple[Any, ...], writer: Writer) -> bytes:
            kind, value = solution.dispatch(bank, name, list(params))
            if kind == FAULT:
                return self._fault(Fault(APPLICATION_ERROR, str(value)), writer)
            return self._encode(name, value, writer)

    return TheirDispatcher


# ---- the relay -----------------------------------------------------------------------------------

# A request, in the pieces in which it shall come.
Cut = Callable[[bytes], Sequence[bytes]]


def _whole(request: bytes) -> list[bytes]:
    return [request]


def _late_end(request: bytes) -> list[bytes]:
    return [request[:-LATE_BYTES], request[-LATE_BYTES:]]


def _in_head_and_letter(request: bytes) -> list[bytes]:
    head, letter = request.index(b"Content-Length") + 7, request.index(NAME.encode()) + 4
    return [request[:head], request[head:letter], request[letter:]]


class Taken:
    """How many bytes the server has taken, from all of its callers."""

    def __init__(self) -> None:
        self.total = 0
        self._changed = threading.Condition()

    def add(self, count: int) -> None:
        with self._changed:
            self.total += count
            self._changed.notify_all()

    def wait_for(self, total: int) -> None:
        """Blocks until so many are taken, for PIECE_S at most."""
        with self._changed:
            self._changed.wait_for(lambda: self.total >= total, PIECE_S)


class Knife:
    """A relay for one caller: its request reaches the server in the pieces that `cut` makes of it.

    A piece is sent when the server has taken the one before. Two threads, one for each direction.
    """

    def __init__(self, target: Address, cut: Cut, taken: Taken) -> None:
        self._cut, self._taken = cut, taken
        self._far = socket.create_connection(target)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address: Address = self._listener.getsockname()[:2]
        self._near: socket.socket | None = None
        threading.Thread(target=self._carry, daemon=True).start()

    def close(self) -> None:
        """Ends both connections."""
        for each in (self._listener, self._near, self._far):
            if each:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
                each.close()

    def _carry(self) -> None:
        with contextlib.suppress(OSError):
            near, _ = self._listener.accept()
            self._near = near
            # A caller that tries again is not let in a second time.
            self._listener.close()
            threading.Thread(target=self._carry_replies, args=(near,), daemon=True).start()
            # Ponte's own parser knows where the request ends.
            whole, request = parser.RequestParser(), b""
            while whole.next_message() is None:
                data = near.recv(RECEIVE_BYTES)
                if not data:
                    return
                whole.feed(data)
                request += data
            total = self._taken.total
            for piece in self._cut(request):
                self._far.sendall(piece)
                total += len(piece)
                self._taken.wait_for(total)

    def _carry_replies(self, near: socket.socket) -> None:
        with contextlib.suppress(OSError):
            data = self._far.recv(RECEIVE_BYTES)
            while data:
                near.sendall(data)
                data = self._far.recv(RECEIVE_BYTES)
            near.shutdown(socket.SHUT_RDWR)


if __name__ == "__main__":
    write_any(sys.stdout, sys.stderr)
    try:
        print(*see(load(sys.argv[1])))
    except Theirs as error:
        sys.exit(str(error))
