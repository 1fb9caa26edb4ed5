"""python3 -m interop.haproxy: keeps HAProxy in step with the servers that live.

    python3 -m interop.haproxy --services greeter --print-config > haproxy.cfg
    haproxy -f haproxy.cfg
    python3 -m interop.haproxy --services greeter

The problem: HAProxy knows the servers of its configuration, and ours come and go. The idea: each
backend has *slots*, servers without an address that are out of service (`server-template`). This
process follows the registries as any reader does, and gives the slots their addresses over
HAProxy's runtime socket. HAProxy never loads its configuration again, so no connection ends.

    up         a slot with its address, ready
    draining   the same slot, drain: nothing new goes there, and calls that run go on
    gone       the slot is out of service (maint), and free for another server

Twice a second it asks HAProxy for its slots (`show servers state`). If they are not as they should
be, since HAProxy was started anew for instance, they are set again; if they are, nothing is sent.

What a swap of our proxy for HAProxy keeps: a call goes to servers that live, none is lost in a
restart in order, and none runs twice, as long as HAProxy repeats only what has not been sent
(`retry-on conn-failure`, in the configuration that is printed; other settings of it run calls
twice: python3 -m tests.interop retries). Its 503 then says the truth: Not-Executed. What it loses:
HAProxy has no memory of calls, so a call whose server died is unknown, and cannot be resolved. And
when it closes a kept connection that a call is on its way on, some clients send the call again by
themselves, such as xmlrpc.client: with those, `option httpclose`.

Source: HAProxy's management guide, section 9.3 (Unix socket commands); its configuration manual.

Threads: one that talks to HAProxy, and one that follows each registry.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Union

from interop.upstreams import Keeper, Trouble, Upstream, Upstreams
from ponte.discovery.own_beat import check_service
from ponte.net.address import Address, parse_address, show
from ponte.net.tls import Tls
from ponte.process import options
from ponte.process.options import chosen_tls, reader_options, shown_by_argparse
from ponte.process.running import begin, farewell, hold, run
from ponte.process.stopping import Stop

log = logging.getLogger("ponte.haproxy")

# Servers that a backend has room for, unless --slots says otherwise.
SLOTS = 20
# Where calls come in, and where HAProxy is told what to do, unless the user says otherwise.
BIND: Address = ("127.0.0.1", 8080)
SOCKET = "ponte-haproxy.sock"
# Seconds between two looks at the slots; and for HAProxy to answer.
LOOK_S, ANSWER_S = 0.5, 2.0
# HAProxy takes a line of 16 KB, and answers one backend of 1,000 servers with 200 KB.
COMMANDS_A_LINE, MAX_ANSWER_BYTES = 50, 4_000_000
# HAProxy binds the path of its socket with some characters more, and the system takes 108 bytes.
MAX_PATH_BYTES = 97
# Rounds of commands for one backend in one turn.
MAX_ROUNDS = 3
# Bits of srv_admin_state: out of service for any reason, and drain. (0x04 only says that the
# configuration began with "disabled".)
MAINT, DRAIN = 0x01 | 0x02 | 0x20 | 0x40, 0x08 | 0x10

# A path of a Unix socket, or an address.
Runtime = Union[str, Address]


# ---- what is said: pure

class Slot(NamedTuple):
    """A server of HAProxy's configuration; `state` is "ready", "drain" or "maint"."""

    name: str
    host: str
    port: int
    state: str


def slots_of(answer: str) -> list[Slot]:
    """The slots in the answer to `show servers state BACKEND`. Raises Trouble for any other text.

    >>> slots_of("1\\n# be_name srv_name srv_addr srv_admin_state srv_port\\n"
    ...          "greeter slot1 127.0.0.1 0 4242\\ngreeter slot2 127.0.0.1 5 1\\n")
    [Slot(name='slot1', host='127.0.0.1', port=4242, state='ready'), \
Slot(name='slot2', host='127.0.0.1', port=1, state='maint')]
    """
    lines = answer.strip().splitlines()
    try:
        names = lines[1].lstrip("# ").split()
        rows = [dict(zip(names, line.split())) for line in lines[2:] if line.strip()]
        return [Slot(row["srv_name"], row["srv_addr"], int(row["srv_port"]),
                     _state(int(row["srv_admin_state"]))) for row in rows]
    except (IndexError, KeyError, ValueError):
        raise Trouble(f"HAProxy does not show its servers: {answer.strip()!r:.200}") from None


def _state(bits: int) -> str:
    return "maint" if bits & MAINT else "drain" if bits & DRAIN else "ready"


def commands(backend: str, slots: Sequence[Slot], wanted: Sequence[Upstream],
             *, is_complete: bool) -> tuple[list[str], int]:
    """What makes the slots of a backend be as `wanted`; and how many servers find no slot.

    `is_complete`: a server that is not wanted has gone. First come the servers that take calls.

    >>> slots = [Slot("slot1", "127.0.0.1", 4242, "ready"), Slot("slot2", "0.0.0.0", 1, "maint")]
    >>> commands("greeter", slots, [Upstream("127.0.0.1", 4243)], is_complete=True)
    (['set server greeter/slot2 addr 127.0.0.1 port 4243', 'set server greeter/slot2 state ready', \
'set server greeter/slot1 state maint'], 0)
    """
    in_use = {(slot.host, slot.port): slot for slot in slots if slot.state != "maint"}
    kept = {each[:2] for each in wanted}
    free = [slot for slot in slots if slot.state == "maint"]
    told, left = [], []
    waiting = 0
    for each in sorted(wanted, key=lambda each: each.drains):
        state = "drain" if each.drains else "ready"
        slot = in_use.get(each[:2])
        if slot:
            if slot.state != state:
                told.append(_set(backend, slot, f"state {state}"))
        elif free:
            slot = free.pop(0)
            told += [_set(backend, slot, f"addr {each.host} port {each.port}"),
                     _set(backend, slot, f"state {state}")]
        else:
            waiting += not each.drains
    if is_complete:
        left = [_set(backend, slot, "state maint") for address, slot in in_use.items()
                if address not in kept]
    return told + left, waiting


def _set(backend: str, slot: Slot, what: str) -> str:
    return f"set server {backend}/{slot.name} {what}"


def configuration(services: Sequence[str], bind: Address, runtime: Runtime, slots: int) -> str:
    """A whole configuration of HAProxy to begin with."""
    where = f"unix@{os.path.abspath(runtime)} mode 600" if isinstance(runtime, str) \
        else show(runtime)
    # HAProxy takes 64 words in a line: so each service has lines of its own.
    known = "\n".join(f"    acl is-known path /{service} /{service}/" for service in services)
    ways = "\n".join(f"    use_backend {service} if {{ path /{service} /{service}/ }}"
                     for service in services)
    backends = "".join(f"""
backend {service}
    balance roundrobin
    server-template slot 1-{slots} 127.0.0.1:1 disabled
""" for service in services)
    return f"""\
# HAProxy in the place of Ponte's proxy. interop.haproxy fills the slots.
global
    stats socket {where} level admin

defaults
    mode http
    timeout connect 1s
    timeout client 75s
    timeout server 60s
    timeout http-request 30s
    # Only what has not been sent may be sent again. With empty-response, for instance, calls run
    # twice. And only with conn-failure is the 503 below true.
    retry-on conn-failure
    retries 3
    option redispatch 1
    http-error status 503 content-type text/plain string "no live server\\n" hdr Not-Executed 1

frontend ponte
    bind {show(bind)}
{known}
    http-request return status 404 content-type text/plain string "no such service\\n" \
hdr Not-Executed 1 unless is-known
{ways}
{backends}"""


# ---- the talk with HAProxy

def ask(runtime: Runtime, line: str) -> str:
    """HAProxy's answer to a line of commands. Blocks for ANSWER_S at most; raises OSError."""
    deadline = time.monotonic() + ANSWER_S
    with _connect(runtime) as sock:
        sock.sendall(f"{line}\n".encode())
        answer = b""
        while len(answer) < MAX_ANSWER_BYTES:
            sock.settimeout(max(deadline - time.monotonic(), 0.001))
            piece = sock.recv(65_536)
            if not piece:
                return answer.decode("utf-8", "replace")
            answer += piece
    raise Trouble("HAProxy's answer has no end")


@contextlib.contextmanager
def _connect(runtime: Runtime) -> Iterator[socket.socket]:
    if not isinstance(runtime, str):
        with socket.create_connection(runtime, ANSWER_S) as sock:
            yield sock
    elif sys.platform == "win32":
        raise Trouble(f"--socket {runtime}: this system has no Unix sockets: take HOST:PORT")
    else:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(ANSWER_S)
            sock.connect(runtime)
            yield sock


class Slots:
    """The slots of one HAProxy: a turn of a Keeper. For one thread."""

    def __init__(self, runtime: Runtime, services: Sequence[str]) -> None:
        self._runtime, self._services = runtime, services
        self._waiting: dict[str, int] = {}

    def keep(self, servers: Upstreams, is_complete: bool) -> None:
        """Makes HAProxy's slots be as these servers. Raises Trouble or OSError."""
        for service in self._services:
            wanted = servers.get(service, ())
            told, waiting = self._missing(service, wanted, is_complete)
            # A slot that becomes free in the first round is taken in the second one.
            for _ in range(MAX_ROUNDS):
                if not told:
                    break
                answer = self._tell(told)
                log.info("haproxy: %s: %d commands", service, len(told))
                before, (told, waiting) = told, self._missing(service, wanted, is_complete)
                if told == before:
                    raise Trouble(f"HAProxy did not do {told[0]!r}: {answer.strip()!r:.200}")
            if waiting and waiting != self._waiting.get(service):
                log.warning("haproxy: %s has no slot for %d of its servers: more --slots for a new "
                            "configuration", service, waiting)
            self._waiting[service] = waiting

    def _tell(self, told: Sequence[str]) -> str:
        """HAProxy's answer to these commands."""
        return "".join(ask(self._runtime, ";".join(told[start:start + COMMANDS_A_LINE]))
                       for start in range(0, len(told), COMMANDS_A_LINE))

    def _missing(self, service: str, wanted: Sequence[Upstream],
                 is_complete: bool) -> tuple[list[str], int]:
        answer = ask(self._runtime, f"show servers state {service}")
        if "find backend" in answer:
            raise Trouble(f"HAProxy has no backend {service}: its configuration needs one "
                          "(--print-config shows it)")
        return commands(service, slots_of(answer), wanted, is_complete=is_complete)


# ---- the process ---------------------------------------------------------------------------------

def services_in(text: str) -> tuple[str, ...]:
    """The services in `a,b`. Raises ValueError."""
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    return tuple(map(check_service, names))


def _runtime(text: str) -> Runtime:
    # A path may have a colon, too.
    if ":" in text and "/" not in text:
        return parse_address(text)
    path = os.path.abspath(text)
    if not text or any(not char.isprintable() or char in " ,\"'\\#" for char in text):
        raise ValueError(f"{text!r} is neither HOST:PORT nor a path that HAProxy takes")
    if len(os.fsencode(path)) > MAX_PATH_BYTES:
        raise ValueError(f"{path} is longer than {MAX_PATH_BYTES} bytes, which no socket can be: "
                         "take a folder that is nearer to the root")
    return text


def _shown(runtime: Runtime) -> str:
    return runtime if isinstance(runtime, str) else show(runtime)


def command_line() -> argparse.ArgumentParser:
    """What reads the options."""
    parser = reader_options("Keeps HAProxy in step with the servers that Ponte's registries name.")
    parser.add_argument("--services", type=shown_by_argparse(services_in), metavar="NAME[,NAME]",
                        help="the services that HAProxy relays: a backend for each")
    parser.add_argument("--socket", type=shown_by_argparse(_runtime), default=SOCKET,
                        metavar="PATH|HOST:PORT",
                        help="HAProxy's runtime socket (default: %(default)s)")
    parser.add_argument("--print-config", action="store_true",
                        help="print a whole configuration of HAProxy, and end")
    parser.add_argument("--bind", type=options.parse_address, default=show(BIND),
                        metavar="HOST:PORT",
                        help="in that configuration: where HAProxy takes calls (default: "
                             "%(default)s)")
    parser.add_argument("--slots", type=options.count, default=SLOTS, metavar="N",
                        help="in that configuration: servers that a service has room for (default: "
                             "%(default)s)")
    return parser


def keeper(runtime: Runtime, services: Sequence[str], registries: Sequence[Address],
           tls: Tls | None = None) -> Keeper:
    """What keeps HAProxy in step, not started."""
    return Keeper(log, f"HAProxy at {_shown(runtime)}", Slots(runtime, services).keep, registries,
                  tick_s=LOOK_S, tls=tls)


def main(arguments: Sequence[str]) -> int:
    """Keeps HAProxy in step until it is stopped; returns the exit code."""
    parser = command_line()
    chosen = parser.parse_args(arguments)
    if not chosen.services:
        parser.error("--services is missing: name those that HAProxy relays")
    if chosen.print_config:
        print(configuration(chosen.services, chosen.bind, chosen.socket, chosen.slots), end="")
        return 0
    begin(chosen)
    stop = Stop(chosen.until_eof)
    tls = chosen_tls(chosen, listens=False)
    with contextlib.closing(keeper(chosen.socket, chosen.services, chosen.registry, tls)) as keeps:
        keeps.start()
        reason = hold(stop, f"haproxy: keeps {', '.join(chosen.services)} in step at "
                            f"{_shown(chosen.socket)}")
    return farewell("haproxy", reason)


if __name__ == "__main__":
    run(main)
