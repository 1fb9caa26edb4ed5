"""python3 -m interop.ddns: keeps the zone of a DNS server, such as bind's, in step with who lives.

    tsig-keygen ponte-key > ponte.key; chmod 600 ponte.key        # named.conf includes it, too
    python3 -m interop.ddns --server 127.0.0.1:5353 --zone ponte --key ponte.key

The problem: a site has its DNS server already, with caches and secondaries that all programs ask.
It knows no lease: a name stays there until somebody takes it away. So this process follows the
registries as any reader does, and writes what they say by dynamic updates (RFC 2136) that are
signed (RFC 8945). Which records there are is told in interop/dns_zone.py; all have a TTL of 0.

The rules:

1. It begins by asking the server for what an earlier life has left: the list of services leads to
   everything. What is there and is not wanted goes; what is wanted stays without a gap.
2. A set of records that differs is replaced as a whole, so an update may be sent again.
3. While no registry can know who is missing, nothing is taken away, only added.
4. Once a second it asks for the serial number of the zone. If that has changed without us, the
   server has lost something, or somebody else writes there: then rule 1 begins anew.
5. When it is stopped, it takes its records away, since nobody keeps them true any more. With
   --keep they stay for the next start. If the process is killed they stay, too, true or not, until
   the next start.

The zone should be Ponte's alone: a service replaces the addresses of a name that it has in common
with somebody else. And one such process writes to a zone: a second one, with other registries,
would take away what the first has written.

What a swap of the registry's lookup for such a server keeps: all that DNS keeps (interop/dns.py).
What it loses beside that: if this process dies, the zone names dead servers until it starts again.

Threads: one follows the registries (ponte/discovery/follower.py), one talks to the DNS server.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Sequence

from interop.dns_client import Denied, NameServer
from interop.dns_message import AAAA, PTR, SOA, SRV, SRV_TARGET_AT, A, Name, Record, name_of
from interop.dns_update import (
    SetName,
    Sets,
    changes,
    in_messages,
    read_name,
    serial_of,
    sets_of,
    united,
    write_query,
    write_update,
)
from interop.dns_zone import announced_records, service_list
from interop.tsig import read_key
from ponte.calls.endpoint import Endpoint
from ponte.discovery.directory import Directory
from ponte.discovery.leases import ALL
from ponte.net.address import Address, parse_advertised, show
from ponte.net.mishaps import Mishaps
from ponte.net.tls import Tls
from ponte.process import keys
from ponte.process.options import (
    UsageError,
    chosen_tls,
    given_by,
    reader_options,
    shown_by_argparse,
)
from ponte.process.running import begin, farewell, hold, run
from ponte.process.stopping import Stop

log = logging.getLogger("ponte.ddns")

DNS_PORT = 53
# Seconds between two looks at what the registries say, beside those at each change; and at the
# serial number of the zone. Fewer load the DNS server more.
TICK_S, LOOK_S = 0.25, 1.0
# Seconds of a pause after the server did not answer, and after it refused: its administrator has to
# do something, and each try stands in its log.
AWAY_S, DENIED_S = 1.0, 5.0


class ZoneKeeper:
    """What a server holds of a zone, and how that becomes what is wanted. For one thread.

    Its functions block, and raise Denied or OSError. After an error it knows nothing any more, and
    asks again. Attributes: `held`, the sets of ours that the server holds; None: not known.
    """

    def __init__(self, server: NameServer, origin: Name) -> None:
        self.held: dict[SetName, frozenset[bytes]] | None = None
        self._server = server
        self._origin = origin
        self._listed: SetName = service_list(origin), PTR
        self._serial = 0

    def look(self) -> dict[SetName, frozenset[bytes]]:
        """What the server holds: known from before, unless its zone was changed by others."""
        serial = self._ask_serial()
        if self.held is None or serial != self._serial:
            self.held = None
            self.held = self._read()
            self._serial = serial
        return self.held

    def write(self, wanted: Sets) -> None:
        """Makes the server hold `wanted`; after a `look`."""
        held, self.held = self.held or {}, None
        for operations in in_messages(changes(held, wanted, self._listed)):
            self._update(operations)
        self._serial = self._ask_serial()
        self.held = dict(wanted)

    def _update(self, operations: Sequence[bytes]) -> None:
        self._server.ask(lambda number: write_update(number, self._origin, operations))

    def _ask_serial(self) -> int:
        reply = self._server.ask(lambda number: write_query(number, self._origin, SOA))
        found = [record.data for record in reply.answers
                 if (record.name, record.type) == (self._origin, SOA)]
        if not reply.is_ours or not found:
            zone = b".".join(self._origin).decode()
            raise Denied("no zone", f"{show(self._server.address)} does not hold the zone {zone}: "
                                    "--zone must name one that its configuration has")
        return serial_of(found[0])

    def _read(self) -> dict[SetName, frozenset[bytes]]:
        """All sets to which the list of services leads."""
        found: list[Record] = []
        for listed in self._ask(*self._listed):
            found.append(listed)
            place, _ = read_name(listed.data, 0)
            if place[1:] != (b"_tcp", *self._origin) or not place[0].startswith(b"_"):
                continue
            service = (place[0][1:], *self._origin)
            servers = self._ask(place, SRV)
            hosts = {read_name(server.data, SRV_TARGET_AT)[0] for server in servers}
            found += servers
            for name in (service, *sorted(host for host in hosts if host[1:] == service)):
                found += [*self._ask(name, A), *self._ask(name, AAAA)]
        return sets_of(found)

    def _ask(self, name: Name, kind: int) -> list[Record]:
        reply = self._server.ask(lambda number: write_query(number, name, kind))
        return [each for each in reply.answers if (each.name, each.type) == (name, kind)]


class Pusher:
    """Keeps a zone in step with what the registries say.

    Parameters: the `server`, and the zone below whose name all names are; `registries` to follow;
    `tls` to reach them.
    """

    def __init__(self, server: Address, key_content: bytes, zone: str,
                 registries: Sequence[Address], tls: Tls | None = None) -> None:
        self.server = server
        self._closing = threading.Event()
        self._changed = threading.Event()
        self._origin = name_of(zone)
        self._keeper = ZoneKeeper(NameServer(server, read_key(key_content),
                                             goes_on=lambda: not self._is_cut_short()),
                                  self._origin)
        self._is_leaving = False
        self._looked_at = float("-inf")
        # What is wrong, as it was logged last; "" while all is well, "start" before.
        self._trouble = "start"
        self._unnamed: set[str] = set()
        self._mishaps = Mishaps(log, "a turn of the thread that writes to the DNS server")
        self._directory = Directory(ALL, registries, self._changed.set, tls)
        self._thread = threading.Thread(target=self._run, name="ponte-ddns", daemon=True)

    def start(self) -> None:
        """Begins to follow, and to write. Does not block."""
        self._directory.start()
        self._thread.start()

    def close(self) -> None:
        """Ends it; the records stay. May be called more than once."""
        self._closing.set()
        self._changed.set()
        self._directory.close()
        if self._thread.is_alive():
            self._thread.join()

    def take_away(self) -> str:
        """After `close`: takes all records away. Returns what became of them, in words."""
        self._is_leaving = True
        where = f"zone {self._zone}. at {show(self.server)}"
        try:
            held = self._keeper.look()
            if not held:
                return f"; no record of ours is in the {where}"
            self._keeper.write({})
        except (Denied, OSError) as error:
            return (f"; its records stay in the {where}, until the next start or somebody "
                    f"takes them away: {_words(self.server, error)}")
        return f"; {_count(held, 'set')} of records taken away from the {where}"

    @property
    def _zone(self) -> str:
        return b".".join(self._origin).decode()

    def _is_cut_short(self) -> bool:
        return self._closing.is_set() and not self._is_leaving

    def _run(self) -> None:
        while not self._closing.is_set():
            # Before the look, so that no change is passed over.
            self._changed.clear()
            try:
                self._turn()
            except Denied as denied:
                self._fail(denied.word, denied)
                self._closing.wait(DENIED_S)
            except OSError as error:
                self._fail("away", error)
                self._closing.wait(AWAY_S)
            except Exception as error:
                self._keeper.held = None
                self._mishaps.survive(error)
            else:
                self._changed.wait(TICK_S)

    def _turn(self) -> None:
        """Looks at the server when it is time, and writes what differs."""
        held = self._keeper.held
        if held is None or time.monotonic() - self._looked_at > LOOK_S:
            held = self._keeper.look()
            self._looked_at = time.monotonic()
        wanted = self._wanted(held)
        if wanted != held:
            began = time.monotonic()
            self._keeper.write(wanted)
            took_ms = (time.monotonic() - began) * 1000
            differing = sum(held.get(key) != wanted.get(key) for key in {**held, **wanted})
            log.info("%s: %d of %s of records written in %.1f ms", show(self.server), differing,
                     _count({**held, **wanted}, "set"), took_ms)
        if self._trouble:
            log.info("%s: the zone %s. is in step with the registries%s", show(self.server),
                     self._zone, "" if self._directory.is_complete()
                     else ", as far as they know yet")
            self._trouble = ""

    def _wanted(self, held: Sets) -> dict[SetName, frozenset[bytes]]:
        # First: the endpoints are as new as this word.
        is_complete = self._directory.is_complete()
        endpoints: Sequence[Endpoint] = self._directory.endpoints
        records, unnamed = announced_records(self._origin, endpoints)
        for name in sorted(unnamed - self._unnamed):
            log.warning("%s has no name in DNS: there, each part has 1 to 63 characters", name)
        self._unnamed = unnamed
        return sets_of(records) if is_complete else united(held, sets_of(records))

    def _fail(self, trouble: str, error: Exception) -> None:
        self._keeper.held = None
        if trouble != self._trouble and not self._closing.is_set():
            log.warning("%s; it tries again", _words(self.server, error))
            self._trouble = trouble


def _words(server: Address, error: Exception) -> str:
    """What went wrong, for a user."""
    if isinstance(error, Denied):
        return str(error)
    return f"the DNS server {show(server)} is away: {getattr(error, 'strerror', None) or error}"


def _count(things: Sets, name: str) -> str:
    return f"{len(things)} {name}{'' if len(things) == 1 else 's'}"


# ---- the process ---------------------------------------------------------------------------------

def _server(text: str) -> Address:
    """HOST or HOST:PORT."""
    address = parse_advertised(text)
    assert address
    return address[0], address[1] or DNS_PORT


def main(arguments: Sequence[str]) -> int:
    """Keeps the zone until it is stopped; returns the exit code."""
    parser = reader_options("Keeps a zone of a DNS server in step with Ponte's registries, by "
                            "signed dynamic updates.")
    parser.add_argument("--server", type=shown_by_argparse(_server), metavar="HOST[:PORT]",
                        help="the primary server of the zone (default of PORT: 53)")
    parser.add_argument("--zone", help="the zone, as the server spells it")
    parser.add_argument("--key", metavar="FILE",
                        help="the key that the server knows: what `tsig-keygen NAME` prints")
    parser.add_argument("--keep", action="store_true",
                        help="leave the records when it stops: the next start takes them over")
    chosen = parser.parse_args(arguments)
    for option in ("server", "zone", "key"):
        if getattr(chosen, option) is None:
            parser.error(f"--{option} is missing")
    begin(chosen)
    stop = Stop(chosen.until_eof)
    try:
        zone = b".".join(name_of(chosen.zone)).decode()
    except ValueError as error:
        raise UsageError(f"{given_by(chosen, '--zone')}: {error}") from None
    key_option = given_by(chosen, "--key")
    content = keys.read_key(chosen.key, key_option)
    try:
        pusher = Pusher(chosen.server, content, zone, chosen.registry,
                        chosen_tls(chosen, listens=False))
    except ValueError as error:
        raise UsageError(f"{key_option} {chosen.key}: {error}") from None
    with contextlib.closing(pusher):
        pusher.start()
        reason = hold(stop, f"ddns: keeps the zone {zone}. at {show(chosen.server)} in step")
    return farewell("ddns", reason, "; the records stay" if chosen.keep else pusher.take_away())


if __name__ == "__main__":
    run(main)
