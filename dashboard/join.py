"""`demo.py join CODE [NAME] [FILE]`: this computer takes part in the page of a class.

A server is started here, under the name of its owner, of services/kiosk.py or of an own FILE. It
beats to the gate of the class (gate.py) with the key that is in the code, and the clients on the
teacher's computer call it. It listens on the one address from which this computer reaches the
class.

Before it starts, a beat asks the gate what it thinks of us: so a wrong code, a taken name or a
network that keeps us apart is told in one line, and not by silence.

Threads: the main one; and those of the server.
"""

from __future__ import annotations

import argparse
import contextlib
import getpass
import os
import re
import secrets
import socket
import sys
import time
import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from classroom.command import add_settings, make_parser, shown
from classroom.console import Console
from classroom.keys import Echo
from classroom.language import Words
from classroom.narrow import narrowed
from classroom.roles import counters, short_counters
from classroom.screen import MAX_COLUMNS, Screen
from dashboard.caller import SERVICE
from dashboard.code import LENGTH, Invitation, WrongCode, letters_of, read_code
from dashboard.knock import Knock, is_known, knock, what_is_there
from ponte.discovery.reachable import own_host_towards
from ponte.net.address import parse_port, show
from ponte.process.characters import plain
from ponte.process.logs import start_logging
from ponte.process.options import UsageError
from ponte.process.own_files import own_file
from ponte.process.services import load_functions
from ponte.process.stopping import Stop, end_at_once_on_ctrl_c, grace
from server import Server

# Letters of a login that stand in a name.
MAX_LOGIN = 20
# Two of them follow the login: two students may have the same one.
NAME_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
# Seconds without a call after which we speak of a firewall. The class calls some server twice a
# second, so one of twenty servers waits for ten.
NO_CALL_S = 20.0
# Seconds between two looks why the class does not answer; and between two counts.
LOOK_S, COUNT_S = 2.0, 1.0
# What the class calls.
CALLED = ("hello", "buy")
EXIT_NOT_JOINED = 1


class Guest(NamedTuple):
    """What was typed: an invitation, the name of the server, its file, and its port."""

    invitation: Invitation
    name: str
    file: str
    port: int


def main(arguments: Sequence[str], words: Words) -> int:
    """Takes part until the class or Ctrl-C ends it; returns the exit code. Raises UsageError."""
    chosen = _parser(words).parse_args(arguments)
    guest = _read(chosen, words)
    end_at_once_on_ctrl_c()
    with _counting_console() as console:
        start_logging(False, "text")
        functions = load_functions(guest.file)
        missing = [name for name in CALLED if name not in functions]
        if missing:
            print(words("{file} has no {missing}: the class calls that, and will get an error",
                        file=guest.file, missing=", ".join(missing)))
        host = own_host_towards((socket.AF_INET, guest.invitation.address))
        if not host:
            raise UsageError(words("no way leads from here to {address}: is this computer in the "
                                   "network of the class?", address=guest.invitation.host))
        key = guest.invitation.key()
        _ask_to_come_in(guest, host, key, words)
        stop = Stop(chosen.until_eof)
        server = Server(SERVICE, functions, host=host, port=guest.port, name=guest.name, key=key,
                        registries=[guest.invitation.address])
        with contextlib.closing(server):
            server.start()
            return _Stay(guest, server, Knock(guest.invitation.address, key, guest.name, host),
                         words, console).run(stop)


def _ask_to_come_in(guest: Guest, host: str, key: bytes, words: Words) -> None:
    """Raises UsageError, with one line, if the class does not take us."""
    answer = knock(Knock(guest.invitation.address, key, guest.name, host))
    why = {"name": words("{name}: a name of the class's own computer: choose another NAME",
                         name=guest.name),
           "taken": words("{name} is taken in this class: choose another NAME", name=guest.name),
           "full": words("the class has no room for one more server"),
           "host": words("a router between here and the class hides {host}: no call would arrive",
                         host=host),
           "service": words("this version of Ponte does not fit the class: fetch ponte.pyz again"),
           "lease": words("this version of Ponte does not fit the class: fetch ponte.pyz again"),
           }.get(answer)
    if not answer:
        address = show(guest.invitation.address)
        why = {"nobody": words("no class is open at {address}: the code is old, or the class is "
                               "over", address=address),
               "somebody": words("the class at {address} does not know this code: it is of an "
                                 "earlier class", address=address),
               "no way": words("nothing answers at {address}: another network, or one that keeps "
                               "computers apart?",
                               address=address)}[what_is_there(guest.invitation.address)]
    if why:
        raise UsageError(why)


class _Stay:
    """From the first beat to the end: says what happens, and counts calls."""

    def __init__(self, guest: Guest, server: Server, knocking: Knock, words: Words,
                 console: Console) -> None:
        self._guest, self._server, self._knocking = guest, server, knocking
        self._words, self._console = words, console
        self._screen = Screen(console.as_it_is)
        self._joined_at = time.monotonic()
        self._counted_at = self._looked_at = 0.0
        self._is_waiting = self._spoke_of_firewall = False
        # Why it ends, where neither the user nor the system ends it.
        self._end = ""

    def run(self, stop: Stop) -> int:
        words, server = self._words, self._server
        print(words("joined as {name}, at {address} - stop with Ctrl-C", name=server.name,
                    address=show(server.address)))
        reason = stop.wait(lambda: self._look(stop))
        self._console.show("")
        if self._end:
            server.close()
            print(self._end)
        else:
            server.drain(grace(reason, 2.0))
        print(words("calls answered: {calls}", calls=self._calls()))
        return EXIT_NOT_JOINED if server.superseded.is_set() else 0

    def _look(self, stop: Stop) -> None:
        """Runs on the main thread, some times a second."""
        now = time.monotonic()
        if self._server.superseded.is_set():
            self._stop(stop, self._words("another process has the name {name} now",
                                         name=self._guest.name))
        elif self._server.silent_registries() and now - self._looked_at >= LOOK_S:
            self._looked_at = now
            self._ask_why(stop)
        elif self._is_waiting and not self._server.silent_registries():
            self._is_waiting = False
            print(self._words("the class answers again"))
        if not self._spoke_of_firewall and now - self._joined_at > NO_CALL_S and \
                not self._is_waiting and not self._calls():
            self._spoke_of_firewall = True
            print(self._words("no call has come yet: does a firewall here block port {port}?",
                              port=self._server.address[1]))
        if now - self._counted_at >= COUNT_S and self._console.rewrites:
            self._counted_at = now
            self._count()

    def _ask_why(self, stop: Stop) -> None:
        """The class does not answer: is it over?"""
        if not is_known(self._knocking, LOOK_S) and \
                what_is_there(self._guest.invitation.address) != "no way":
            self._stop(stop, self._words("the class has ended"))
            return
        if not self._is_waiting:
            self._is_waiting = True
            print(self._words("the class does not answer now; this server goes on, and waits"))

    def _stop(self, stop: Stop, why: str) -> None:
        self._end = why
        stop.set("the class")

    def _calls(self) -> int:
        requests = self._server.status()["requests"]
        return int(requests["calls"]) if isinstance(requests, dict) else 0

    def _count(self) -> None:
        status = self._server.status()
        line = counters("server", status, 0.0, self._words)
        if self._screen.fit(line) != plain(line, self._screen.encoding):
            line = short_counters("server", status, 0.0, self._words)
        self._console.show(self._screen.fit(line))


@contextlib.contextmanager
def _counting_console() -> Iterator[Console]:
    """The terminal, with a line of counters below its lines."""
    streams = sys.stdout, sys.stderr
    screen = Screen(sys.stdout)

    def fit(line: str) -> str:
        columns = screen.columns
        return line if columns == MAX_COLUMNS else narrowed(line, columns)

    console = Console(*streams, lambda line: None, rewrites=screen.can_rewrite, fit=fit)
    sys.stdout, sys.stderr = console.out, console.err
    try:
        with Echo(sys.stdin).back_in_time(stopping=console.hide):
            yield console
    finally:
        console.show("")
        sys.stdout, sys.stderr = streams


# ---- what was typed ------------------------------------------------------------------------------

def _parser(words: Words) -> argparse.ArgumentParser:
    parser = make_parser(
        words, "demo.py join", usage="%(prog)s CODE [NAME] [FILE] [--port N]",
        description=shown(words("This computer takes part in a class, with a server of its own. "
                                "CODE: see the projector.")))
    typed = parser.add_argument_group(shown(words("the words after demo.py join")))
    typed.add_argument("words", nargs="+", metavar="CODE [NAME] [FILE]", help=shown(words(
        "the code; a name for the server; a file of functions (default: services/kiosk.py)")))
    settings = add_settings(parser, words)
    settings.add_argument("--port", metavar="N", default="0", help=shown(words(
        "the port of the server (default: any free one)")))
    settings.add_argument("--until-eof", action="store_true", help=shown(words(
        "also stop when standard input ends")))
    return parser


def _read(chosen: argparse.Namespace, words: Words) -> Guest:
    """Raises UsageError for what is no code, no name or no port."""
    code, rest = _split(chosen.words)
    try:
        invitation = read_code(code)
    except WrongCode as error:
        raise UsageError({
            "length": words("{code}: a code has {length} letters and digits, and this one has "
                            "{what}", code=code, length=LENGTH, what=error.what),
            "letter": words("{code}: no code has a {what!r}", code=code, what=error.what),
            "check": words("{code}: a letter of it is wrong: compare it with the projector",
                           code=code)}[error.reason]) from None
    files = [word for word in rest if word.endswith(".py") or "/" in word or os.sep in word]
    names = [word for word in rest if word not in files]
    if len(files) > 1 or len(names) > 1:
        raise UsageError(words("after the code, give one NAME and one FILE at most"))
    name = name_of(names[0]) if names else own_name()
    if not name:
        raise UsageError(words("{name}: a name has letters or digits", name=names[0]))
    try:
        port = parse_port(chosen.port)
    except ValueError as error:
        raise UsageError(f"--port: {error}") from None
    return Guest(invitation, name, files[0] if files else own_file("services", f"{SERVICE}.py"),
                 port)


def _split(typed: Sequence[str]) -> tuple[str, list[str]]:
    """The code, which may have been typed with spaces, and the words after it."""
    for count in range(1, len(typed) + 1):
        if len(letters_of("".join(typed[:count]))) >= LENGTH:
            return " ".join(typed[:count]), [*typed[count:]]
    return typed[0], [*typed[1:]]


def own_name() -> str:
    """The login of the user, and two random letters."""
    try:
        login = getpass.getuser()
    except (OSError, KeyError, ImportError):
        # A user whom the system does not know; on Windows, no variable names one.
        login = ""
    letters = "".join(secrets.choice(NAME_LETTERS) for _ in range(2))
    return f"{name_of(login)[:MAX_LOGIN] or 'guest'}-{letters}"


def name_of(text: str) -> str:
    """A text as the name of a server: letters lose their accents, and the rest becomes hyphens.

    >>> name_of("José da Conceição"), name_of("  Łukasz@home "), name_of("日本")
    ('Jose-da-Conceicao', 'ukasz-home', '')
    """
    ascii_only = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9_]+", "-", ascii_only).strip("-")[:2 * MAX_LOGIN]
