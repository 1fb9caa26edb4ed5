"""python3 -m interop.sidecar SERVICE HOST:PORT: beats for something that cannot beat itself.

    python3 -m interop.sidecar proxy 127.0.0.1:8080     HAProxy or nginx in our proxy's place
    python3 -m interop.sidecar greeter 127.0.0.1:8000   an XML-RPC server in Perl, PHP, ...

The problem: callers find only what beats, and a foreign program does not. The idea: a process
beside it, as a sidecar beside a motorcycle, announces the address of the other. Callers, and our
proxy, then call that address themselves: the sidecar is not on the way of a call.

What a foreign server loses of rule R: it has no memory of calls. The beats say so, unless
--remembers says otherwise. A call goes there once, without a session; an unknown outcome is final,
since a repeat would run again. And its replies do not say whose they are, so a stranger on its port
is not noticed.

Before each beat the sidecar opens a connection to that address, and closes it. While nobody takes
connections there, nothing is announced; afterwards a new life is. A program that is frozen looks
alive: the system goes on to accept its connections.

SIGTERM: it announces "draining", waits until callers know (LINGER_S), and announces "leaving". So
end the sidecar first, and then what it stands for.

Threads: one that looks whether the address takes connections, and those of a Heartbeat.
"""

from __future__ import annotations

import argparse
import logging
import socket
import threading
from collections.abc import Sequence
from typing import Callable

from heartbeat import BEAT_S, FIRST_ACK_S, SILENCE_S, Heartbeat, new_incarnation
from ponte.calls.endpoint import PROXY
from ponte.discovery.announcer import Announcer
from ponte.discovery.at_consul import announcer, check_consul
from ponte.discovery.beats import LEASE_S, Beat
from ponte.discovery.own_beat import check_beat_times, check_name, check_service
from ponte.discovery.reachable import advertised, default_name
from ponte.discovery.signing import Keys, keys_of
from ponte.net.address import Address, is_wildcard, show
from ponte.net.target import MAX_PATH, is_path
from ponte.net.tls import Tls
from ponte.process.departure import Departure
from ponte.process.keys import read_keys
from ponte.process.options import (
    GRACE_S,
    LINGER_S,
    add_beat_times,
    add_key_file,
    chosen_tls,
    given_by,
    mistakes_in_one_line,
    parse_address,
    reader_options,
    shown_by_argparse,
)
from ponte.process.running import begin, run, serve
from ponte.process.stopping import STEP_S, Stop, drain

log = logging.getLogger("ponte.sidecar")

# Where foreign XML-RPC servers take calls, by custom.
USUAL_PATH = "/RPC2"
# Seconds for a connection to the address. With fewer, a slow network looks like a dead server.
CONNECT_S = 1.0


def takes_connections(address: Address) -> bool:
    """Whether somebody listens there. Blocks for CONNECT_S, and while a name is looked up."""
    try:
        with socket.create_connection(address, CONNECT_S) as sock:
            # Where nobody listens, the system may choose this very port for our end: then the
            # connection leads to itself.
            return bool(sock.getsockname() != sock.getpeername())
    except OSError:
        return False


class Sidecar:
    """Announces `address` as an instance of `service`, while somebody takes connections there.

    Parameters: `path`, where calls are taken ("": where Ponte's own take them); `remembers`, what
    stands there is one process of Ponte, which answers repeats of a call from memory; `tls`, for
    Consul agents; `looks`, whether an address takes connections. The others are those of a Server.
    Raises ValueError for what no registry would accept, or others cannot reach.

    Attributes: `name`, `address`, `announced` and `departure` as those of a Server.
    """

    def __init__(self, service: str, address: Address, *, registries: Sequence[Address],
                 name: str | None = None, path: str = USUAL_PATH, remembers: bool = False,
                 key: Keys = b"", beat_s: float = BEAT_S, lease_s: float = LEASE_S,
                 tls: Tls | None = None,
                 looks: Callable[[Address], bool] = takes_connections) -> None:
        check_beat_times(beat_s, lease_s)
        check_consul(registries)
        check_address(address, registries)
        self.name = check_name(name or default_name(service, address))
        self.address = self.announced = address
        self.departure = Departure(self.name, self._leave)
        self._registries, self._keys = registries, keys_of(key)
        self._beat_s, self._tls, self._looks = beat_s, tls, looks
        self._beat = Beat(service, self.name, new_incarnation(), 0, *address, lease_s=lease_s,
                          remembers=remembers, path=path)
        # Held while it begins to announce or ends: both wait for an ack, and neither may overtake
        # the other.
        self._lock = threading.Lock()
        # Guarded by self._lock, and replaced as a whole: what announces it now.
        self._announcer: Announcer | None = None
        self._was_taken = True
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="ponte-sidecar", daemon=True)
        # What no registry would take is known before it starts.
        self._new_announcer().close()

    def start(self) -> None:
        """Looks, and announces what is there. Then it goes on by itself."""
        self.look()
        self._thread.start()

    def look(self) -> None:
        """Looks once whether the address takes connections; announces it, or that it has left."""
        is_taken = self._looks(self.address)
        with self._lock:
            if self._closing.is_set():
                return
            if is_taken and not self._announcer:
                self._begin_life()
            elif not is_taken and self._announcer:
                self._end_life(self._announcer)
            if not is_taken and self._was_taken:
                log.warning("%s: nobody takes connections at %s: not announced until somebody does",
                            self.name, show(self.address))
            elif is_taken and not self._was_taken:
                log.info("%s: %s takes connections: announced", self.name, show(self.address))
            self._was_taken = is_taken

    def drain(self, grace_s: float = GRACE_S) -> bool:
        """Lets callers choose another instance, and then leaves. It cuts no call off."""
        return self.departure.leave(grace_s)

    def close(self) -> None:
        """Ends it without a goodbye. May be called more than once."""
        self._closing.set()
        with self._lock:
            if self._announcer:
                self._announcer.close()

    def silent_registries(self) -> list[Address]:
        """The registries that have not acked a beat for SILENCE_S."""
        announces = self._announcer
        return announces.silent_registries(SILENCE_S) if announces else []

    def refusals(self) -> dict[Address, str]:
        """The registries that answer and do not take its beats, with the reason."""
        announces = self._announcer
        return announces.refusals() if announces else {}

    def _watch(self) -> None:
        while not self._closing.wait(self._beat_s):
            try:
                self.look()
            except Exception:
                # Such as a thread that the system does not give: the next turn tries again.
                log.exception("%s: a look at %s has failed", self.name, show(self.address))

    def _new_announcer(self) -> Announcer:
        step_down = self.departure.step_down
        return announcer(
            self._registries,
            lambda others: Heartbeat(self._beat, others, self._keys, step_down,
                                     beat_s=self._beat_s),
            step_down, lambda: True, beat_s=self._beat_s, tls=self._tls)

    def _begin_life(self) -> None:
        # Whoever was there before, and has gone, is not this one.
        self._beat = self._beat._replace(incarnation=new_incarnation())
        announces = self._new_announcer()
        announces.start(FIRST_ACK_S)
        self._announcer = announces

    def _end_life(self, announces: Announcer) -> None:
        self._announcer = None
        announces.announce("leaving", STEP_S)
        announces.close()

    def _leave(self, grace_s: float) -> bool:
        self._closing.set()
        with self._lock:
            announces = self._announcer
        if announces:
            drain(_Elsewhere(), announces.announce, lambda: None, grace_s=grace_s,
                  linger_s=LINGER_S)
        self.close()
        return True


class _Elsewhere:
    """Stands for a listener in `drain`: the calls are those of another process."""

    def retire(self) -> None:
        pass

    def retire_door(self) -> bool:
        return False

    def wait_until_quiet(self, timeout_s: float, *, idle_too: bool = False) -> bool:
        return True

    def close(self) -> None:
        pass


# ---- the process ---------------------------------------------------------------------------------

def check_address(address: Address, registries: Sequence[Address]) -> None:
    """Raises ValueError for an address at which callers would not find what it stands for."""
    if is_wildcard(address[0]):
        raise ValueError(f"{show(address)}: that stands for all addresses of a machine: name one "
                         "at which callers reach it")
    try:
        advertised(address, registries, None)
    except ValueError:
        raise ValueError(f"{show(address)}: only this machine can call it there, but a registry is "
                         "on another one: give the address at which others reach it") from None


def _service(text: str) -> str:
    return text if text == PROXY else check_service(text)


def _path(text: str) -> str:
    if not is_path(text):
        raise ValueError(f"{text!r} is no path: take one like {USUAL_PATH}, of {MAX_PATH} "
                         "characters at most, without spaces")
    return text


def command_line() -> argparse.ArgumentParser:
    """What reads the options of a sidecar."""
    parser = reader_options("Announces an address for a program that cannot beat itself.")
    parser.add_argument("service", type=shown_by_argparse(_service), metavar="SERVICE",
                        help="the service that callers ask for; proxy, for what relays calls")
    parser.add_argument("address", type=parse_address, metavar="HOST:PORT",
                        help="where it takes calls")
    parser.add_argument("--name", type=shown_by_argparse(check_name),
                        help="the name of this instance (default: made of service and address)")
    parser.add_argument("--path", type=shown_by_argparse(_path),
                        help=f"where it takes calls by POST (default: {USUAL_PATH}; what relays "
                             "calls takes the path of each service)")
    parser.add_argument("--remembers", action="store_true",
                        help="it is one process of Ponte, at another address: it answers a repeat "
                             "of a call from memory. Without this, nobody repeats a call whose "
                             "outcome is unknown")
    add_key_file(parser)
    add_beat_times(parser, BEAT_S, LEASE_S)
    return parser


def main(arguments: Sequence[str]) -> int:
    """Runs a sidecar until it is stopped; returns the exit code."""
    parser = command_line()
    chosen = parser.parse_args(arguments)
    is_relay = chosen.service == PROXY
    if is_relay and chosen.path:
        parser.error("--path: what stands in for the proxy gets each call at the path of its "
                     "service; leave it out")
    begin(chosen)
    stop = Stop(chosen.until_eof)
    path = "" if is_relay else chosen.path or USUAL_PATH
    with mistakes_in_one_line(chosen):
        sidecar = Sidecar(chosen.service, chosen.address, registries=chosen.registry,
                          name=chosen.name, path=path, remembers=chosen.remembers,
                          key=read_keys(chosen.key_file, given_by(chosen, "--key-file")),
                          beat_s=chosen.beat, lease_s=chosen.lease,
                          tls=chosen_tls(chosen, listens=False))
        sidecar.start()
    scheme = "https" if chosen.tls_cert or chosen.tls_ca else "http"
    banner = f"announces {chosen.service} at {scheme}://{show(sidecar.address)}{path or '/SERVICE'}"
    return serve(sidecar, stop, banner, GRACE_S)


if __name__ == "__main__":
    run(main)
