"""The command line: the options that all processes share, and errors that fit in one line.

A user's mistake is not a bug, so it does not end in a traceback. It is a `UsageError`: one line
that says what is wrong and what to type. ponte/process/running.py prints it and exits with code 2.

Every option of every process can also be an environment variable: PONTE_PORT for --port. The
command line wins.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
import socket
import sys
from collections.abc import Iterator, Sequence
from typing import Callable, NamedTuple, NoReturn, Protocol, TypeVar

from ponte.net import address
from ponte.net.address import (
    Address,
    ConsulAddress,
    check_host,
    parse_advertised,
    parse_registries,
    show,
)
from ponte.net.checks import (
    SECONDS_EXPECTED,
    SECONDS_OR_NONE,
    check_seconds,
    check_seconds_or_none,
)
from ponte.net.serving import ENGINES
from ponte.net.tls import Tls
from ponte.process.logs import FORMS
from ponte.process.observe import parse_observer
from ponte.process.own_files import DEMO, IN_ARCHIVE

EXIT_USAGE = 2
DEFAULT_REGISTRIES: Sequence[Address] = (("127.0.0.1", 4100),)
# Where a Consul agent listens by default.
CONSUL_PORT = 8500
# Seconds that running calls get to finish after SIGTERM. With more, a deployment waits longer for
# an old process; with fewer, more calls are cut off.
GRACE_S = 10.0
# Seconds that a draining process serves on at least, also while no connection is open: for callers
# who learn late that it drains. With more, every stop takes longer.
LINGER_S = 0.5
# The name of the interpreter, as users type it.
PYTHON = "python" if sys.platform == "win32" else "python3"
# What the environment variable of a flag may say, in any case.
SWITCHES = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}

T = TypeVar("T")


class UsageError(Exception):
    """A mistake that only the user can correct. The text says, in one line, what to do."""


# ---- the environment -----------------------------------------------------------------------------

class Variable(NamedTuple):
    """An option that the environment gives: the name of the variable, and its text."""

    name: str
    text: str


class SupportsWrite(Protocol):
    """Where help is printed."""

    def write(self, text: str, /) -> object: ...


def program_name() -> str:
    """How a user types the command that runs now: "server.py", or "python3 -m interop.dns"."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    # An archive is a module of this name, too.
    if spec is None or spec.name == "__main__":
        return os.path.basename(sys.argv[0])
    return f"{PYTHON} -m {spec.name.removesuffix('.__main__')}"


class Parser(argparse.ArgumentParser):
    """A parser that takes each of its options from the environment, too.

    The variable of --max-connections is PONTE_MAX_CONNECTIONS. One that is empty counts as not set.
    A wrong one that is used raises UsageError, which names the variable.
    """

    def error(self, message: str) -> NoReturn:
        """A mistake in one line, as all others. The base class would print all options before it.
        """
        # Where it cannot be written, the exit code must do.
        with contextlib.suppress(OSError):
            print(f"{self.prog}: {message} (--help shows all options)", file=sys.stderr, flush=True)
        self.exit(EXIT_USAGE)

    def parse_known_args(  # type: ignore[override]
            self, args: Sequence[str] | None = None,
            namespace: argparse.Namespace | None = None) -> tuple[argparse.Namespace, list[str]]:
        """The arguments, as in the base class."""
        # argparse sets a default only where the namespace has no value yet. So what is still a
        # Variable afterwards was not on the command line.
        given = {option.dest: Variable(name, os.environ[name])
                 for name, option in self._variables().items() if os.environ.get(name)}
        chosen, rest = super().parse_known_args(args, argparse.Namespace(
            **{**given, **vars(namespace or argparse.Namespace())}))
        chosen.from_environment = {dest: variable for dest, variable in given.items()
                                   if getattr(chosen, dest) is variable}
        options = {option.dest: option for option in self._actions}
        for dest, variable in chosen.from_environment.items():
            setattr(chosen, dest, _value_of(options[dest], variable))
        return chosen, rest

    def print_help(self, file: SupportsWrite | None = None) -> None:
        """As in the base class, which passes over an output that cannot be written."""
        stream = file or sys.stdout
        # None: it was closed when the process began.
        if stream:
            stream.write(self.format_help())

    def format_help(self) -> str:
        self.epilog = ("Each option can also be an environment variable: "
                       f"{', '.join(self._variables())}. For an option without a value it is 1 or "
                       "0. The command line wins.")
        return super().format_help()

    def _variables(self) -> dict[str, argparse.Action]:
        """The options by the names of their variables. Without --help, which stores no value."""
        return {_variable(option.option_strings[-1]): option for option in self._actions
                if option.option_strings and option.default != argparse.SUPPRESS}


def _variable(option: str) -> str:
    """
    >>> _variable("--max-connections")
    'PONTE_MAX_CONNECTIONS'
    """
    return "PONTE_" + option.lstrip("-").replace("-", "_").upper()


def _value_of(option: argparse.Action, variable: Variable) -> object:
    """The value of an option that the environment gives. Raises UsageError."""
    name, text = variable
    if option.nargs == 0:
        if text.strip().lower() not in SWITCHES:
            raise UsageError(f"{name}: {text!r} is neither 1 (or true, yes) nor 0 (or false, no)")
        return option.const if SWITCHES[text.strip().lower()] else option.default
    try:
        value: object = option.type(text) if callable(option.type) else text
    except (argparse.ArgumentTypeError, TypeError, ValueError) as error:
        raise UsageError(f"{name}: {error}") from None
    if option.choices is not None and value not in option.choices:
        raise UsageError(f"{name}: {text!r} is not one of {', '.join(map(str, option.choices))}")
    return value


def given_by(chosen: argparse.Namespace, option: str) -> str:
    """How the user gave an option such as "--key-file": its own name, or that of its variable."""
    dest = option.lstrip("-").replace("-", "_")
    return _variable(option) if dest in vars(chosen).get("from_environment", ()) else option


# ---- the options ---------------------------------------------------------------------------------

def options(description: str, *, port: int | None = None, beats: bool = False,
            cores: str = "one") -> Parser:
    """A parser with the options that all processes share.

    `port` is the default of --port, None for a process that does not listen; `beats`: the process
    sends beats to registries; `cores` is the default of --cores.
    """
    parser = Parser(prog=program_name(), description=description)
    if port is not None:
        _add_listening(parser, port)
        parser.add_argument("--insecure", action="store_true",
                            help="listen beyond this machine without a key: "
                                 "everybody on the network can register servers")
        _add_running(parser, cores)
    if beats:
        parser.add_argument("--name",
                            help="the name of this instance (default: made of service and port)")
        parser.add_argument("--advertise", type=advertised, metavar="HOST[:PORT]",
                            help="the address at which others reach this process (default: the one "
                                 "listened on; without PORT, the port listened on)")
        parser.add_argument("--grace", type=seconds, default=GRACE_S, metavar="SECONDS",
                            help="how long running calls may go on after SIGTERM "
                                 "(default: %(default)s)")
        parser.add_argument("--linger", type=seconds_or_none, metavar="SECONDS",
                            help="how long it goes on serving, at least, when registries know that "
                                 f"it stops, for callers who learn it late: 0 to half of --grace "
                                 f"(default: {LINGER_S}, or half of --grace)")
    _add_registries(parser)
    add_key_file(parser)
    _add_tls_and_logs(parser)
    return parser


def reader_options(description: str, *, port: int | None = None, cores: str = "one") -> Parser:
    """A parser for a process that only reads the registries, until it is stopped.

    As `options`, but without a key: that signs beats, and such a process sends none.
    """
    parser = Parser(prog=program_name(), description=description)
    if port is not None:
        _add_listening(parser, port)
    _add_running(parser, cores)
    _add_registries(parser)
    _add_tls_and_logs(parser)
    return parser


def _add_listening(parser: Parser, port: int) -> None:
    parser.add_argument("--host", type=_host, default="127.0.0.1",
                        help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=port,
                        help="port to listen on, 0 = any (default: %(default)s)")


def _add_running(parser: Parser, cores: str) -> None:
    parser.add_argument("--cores", choices=("one", "all"), default=cores,
                        help="one: all threads stay on one processor core, which is quicker "
                             "for plain Python; all: the system decides "
                             "(default: %(default)s; has an effect on Linux only)")
    parser.add_argument("--until-eof", action="store_true",
                        help="also stop when standard input ends")


def _add_registries(parser: Parser) -> None:
    parser.add_argument("--registry", type=parse_addresses, metavar="HOST:PORT[,HOST:PORT]",
                        default=",".join(map(show, DEFAULT_REGISTRIES)),
                        help="where the registries are; consul://HOST:PORT for a Consul agent "
                             "(default: %(default)s)")


def _add_tls_and_logs(parser: Parser) -> None:
    parser.add_argument("--tls-cert", metavar="FILE",
                        help="the certificate that this process shows: TLS on TCP ports")
    parser.add_argument("--tls-key", metavar="FILE",
                        help="its private key (default: in the same file)")
    parser.add_argument("--tls-ca", metavar="FILE",
                        help="the authority that must have signed the certificates of the others")
    parser.add_argument("--log", choices=FORMS, default=FORMS[0],
                        help="the form of log lines. text: time and message; full: also date, "
                             "level and logger; json: one JSON object a line (default: "
                             "%(default)s)")
    parser.add_argument("--verbose", action="store_true", help="log every call")
    parser.add_argument("--observe", type=_observer, metavar="[NAME@]HOST:PORT",
                        help="tell what happens here, as it happens, to a watcher on this machine")


def add_key_file(parser: argparse.ArgumentParser) -> None:
    """Adds --key-file, for a process that beats."""
    parser.add_argument("--key-file", metavar="FILE[,FILE]",
                        help="the key that signs heartbeats, the same in every process; while a "
                             "key is changed, NEW,OLD: signs with the first, and accepts both")


def add_engine(parser: argparse.ArgumentParser, default: str) -> None:
    """Adds the options of a process that serves callers: --engine and --max-connections."""
    parser.add_argument("--engine", choices=sorted(ENGINES), default=default,
                        help="a thread for each connection, or one loop that serves all "
                             "(default: %(default)s)")
    limits = ", ".join(f"{engine.max_connections} with {name}" for name, engine in ENGINES.items())
    parser.add_argument("--max-connections", type=count, metavar="N",
                        help=f"more than these get a 503 (default: {limits})")


def add_beat_times(parser: argparse.ArgumentParser, beat_s: float, lease_s: float) -> None:
    """Adds --beat and --lease, with these defaults."""
    parser.add_argument("--beat", type=seconds, default=beat_s, metavar="SECONDS",
                        help="the time between two heartbeats (default: %(default)s)")
    parser.add_argument("--lease", type=seconds, default=lease_s, metavar="SECONDS",
                        help="after so long without a heartbeat, registries take this process for "
                             "dead: three beats at least (default: %(default)s)")


# ---- the types of options: text in, value out, or an error that argparse shows -------------------

def shown_by_argparse(parse: Callable[[str], T]) -> Callable[[str], T]:
    """The type of an option: `parse`, whose ValueError becomes the message that argparse shows."""
    def type_of_option(text: str) -> T:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None
    return type_of_option


_host = shown_by_argparse(check_host)
# HOST or HOST:PORT; HOST:PORT; HOST:PORT[,HOST:PORT...]. Nothing is looked up.
advertised = shown_by_argparse(parse_advertised)
parse_address = shown_by_argparse(address.parse_address)
parse_addresses = shown_by_argparse(parse_registries)
_observer = shown_by_argparse(parse_observer)
_port = shown_by_argparse(address.parse_port)


def seconds(text: str) -> float:
    """A duration in seconds: more than zero, and a day at most.

        >>> seconds("0.5")
        0.5
        >>> seconds("-1")
        Traceback (most recent call last):
        argparse.ArgumentTypeError: '-1' is not a time: take a number of seconds, more than 0, \
at most 86,400
    """
    try:
        return check_seconds("", float(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time: {SECONDS_EXPECTED}") from None


def seconds_or_none(text: str) -> float:
    """The same, but it may be 0.

        >>> seconds_or_none("0")
        0.0
    """
    try:
        return check_seconds_or_none("", float(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time: {SECONDS_OR_NONE}") from None


def count(text: str) -> int:
    """A whole number, 1 or more.

        >>> count("12")
        12
        >>> count("0")
        Traceback (most recent call last):
        argparse.ArgumentTypeError: '0' is not a count: take a whole number, 1 or more
    """
    if not text.isascii() or not text.isdigit() or not 0 < len(text) < 10 or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a count: take a whole number, 1 or more")
    return int(text)


# ---- after parsing -------------------------------------------------------------------------------

def chosen_tls(chosen: argparse.Namespace, *, listens: bool = True) -> Tls | None:
    """The certificates that the command line names; None where it names none.

    Raises UsageError where a file is missing or cannot be used. `listens`: the process has a port.
    """
    cert, key, ca = chosen.tls_cert, chosen.tls_key, chosen.tls_ca
    if not (cert or key or ca):
        return None
    if not cert and (listens or key):
        raise UsageError("--tls-cert: name the certificate, too: "
                         "a process that listens with TLS must show one")
    for option, path in (("--tls-cert", cert), ("--tls-key", key), ("--tls-ca", ca)):
        if path and not os.path.isfile(path):
            raise UsageError(f"{given_by(chosen, option)} {path}: no such file")
    try:
        return Tls(cert, key, ca)
    except OSError as error:
        files = ", ".join(path for path in (cert, key, ca) if path)
        raise UsageError(f"--tls-cert, --tls-key, --tls-ca: {files}: "
                         f"{error.strerror or error}") from None


def chosen_linger(chosen: argparse.Namespace) -> float:
    """What --linger says, in seconds. Raises UsageError if it leaves too little of --grace."""
    linger_s: float | None = chosen.linger
    if linger_s is None:
        return LINGER_S
    if linger_s > chosen.grace / 2:
        raise UsageError(f"{given_by(chosen, '--linger')} {linger_s:g}: more than half of --grace, "
                         f"which is {chosen.grace:g}: the calls that run then need their time, "
                         "too; take less, or more of --grace")
    return linger_s


def port_error(error: OSError, host: str, port: int, host_option: str = "--host") -> UsageError:
    """The line for a port that the process cannot listen on; `host_option` gave the host."""
    if isinstance(error, socket.gaierror):
        return UsageError(f"{host_option} {host}: {error.strerror}")
    if error.errno == errno.EADDRNOTAVAIL:
        return UsageError(f"{host_option} {host}: this machine has no such address")
    return UsageError(f"cannot listen on {show((host, port))}: {error.strerror or error} - choose "
                      "another port with --port (0 = any free one), or stop the process that has "
                      "this one")


@contextlib.contextmanager
def mistakes_in_one_line(chosen: argparse.Namespace) -> Iterator[None]:
    """For the start of a process: where the choice of the user is impossible, raises UsageError.

    An OSError means that the process cannot listen there; a ValueError has a text for the user. The
    line also names the variables that are used: what is wrong may stand in one of them.
    """
    names = [variable.name for variable in vars(chosen).get("from_environment", {}).values()]
    used = f" (from the environment: {', '.join(names)})" if names else ""
    try:
        yield
    except OSError as error:
        told = port_error(error, chosen.host, chosen.port, given_by(chosen, "--host"))
        raise UsageError(f"{told}{used}") from None
    except ValueError as error:
        raise UsageError(f"{error}{used}") from None


def start_command(role: str, registries: Sequence[Address] = DEFAULT_REGISTRIES) -> str:
    """What a user types to start a registry or a server: for errors that say what to do.

    In a lesson, where this program is demo.py or the archive, that is `python3 demo.py registry`.
    `registries`: where its callers look for it. A registry is started at the first of them.
    """
    if role == "registry" and isinstance(registries[0], ConsulAddress):
        port = registries[0].port
        return "consul agent -dev" + (f" -http-port={port}" if port != CONSUL_PORT else "")
    program = os.path.basename(sys.argv[0])
    file = " services/FILE.py" if role == "server" else ""
    in_lesson = program.startswith("demo.py") or IN_ARCHIVE
    command = f"{DEMO} {role}" if in_lesson else f"{role}.py{file}"
    return " ".join([PYTHON, command, *_found_at(role, registries)])


def _found_at(role: str, registries: Sequence[Address]) -> list[str]:
    """The options with which callers that know these registries find a role."""
    (host, port), (usual_host, usual_port) = registries[0], DEFAULT_REGISTRIES[0]
    if role == "registry":
        return [*(["--host", host] if host not in (usual_host, "localhost") else []),
                *(["--port", str(port)] if port != usual_port else [])]
    is_usual = tuple(registries) == tuple(DEFAULT_REGISTRIES)
    return [] if is_usual else ["--registry", ",".join(map(show, registries))]
