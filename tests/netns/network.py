"""Network namespaces, and a router in user space between them.

    namespace "servers"  --TUN--+
    namespace "proxies"  --TUN--+-- Network: one thread, which forwards packets as the weather says
    namespace "callers"  --TUN--+

A TUN device hands IP packets to whoever holds its file: what a process in the namespace sends, the
relay reads; what the relay writes, the namespace receives. Needs root on Linux.
"""

from __future__ import annotations

import heapq
import itertools
import os
import random
import select
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence

from tests.netns.namespaces import (
    NoNamespaces,
    ip,
    name_of,
    need_root,
    remove,
    remove_leftovers,
)
from tests.netns.weather import CALM, Weather, deliveries

# From linux/if_tun.h: make a device; it carries IP packets, without a head of its own.
TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
# Longer than any packet.
PACKET_BYTES = 4096
# How soon the thread sees a change, in seconds.
POLL_S = 0.05


class Network:
    """Namespaces by place, such as "servers", and the relay between them. `close` removes all.

    Attributes: `weather`, by (from, to), which any thread may replace as a whole; to read:
    `addresses` and `namespaces` by place, `counts` of packets.

    Raises NoNamespaces where this machine allows none.
    """

    def __init__(self, places: Sequence[str], rng: random.Random) -> None:
        self.weather: dict[tuple[str, str], Weather] = {}
        self.counts: Counter[str] = Counter()
        self.addresses = {place: f"10.213.{i}.2" for i, place in enumerate(places, 1)}
        self.namespaces = {place: name_of(place) for place in places}
        self._place_of = {_packed(address): place for place, address in self.addresses.items()}
        self._rng = rng
        self._devices: dict[str, int] = {}
        # Packets by the time of their arrival; the number keeps those of one time in order.
        self._under_way: list[tuple[float, int, str, bytes]] = []
        self._numbers = itertools.count()
        self._closed = False
        self._thread = threading.Thread(target=self._relay, daemon=True)
        need_root()
        if not os.path.exists("/dev/net/tun"):
            raise NoNamespaces("there is no /dev/net/tun")
        remove_leftovers()
        try:
            for place in places:
                self._devices[place] = self._open(place)
        except BaseException:
            self._remove()
            raise
        self._thread.start()

    @property
    def directions(self) -> list[tuple[str, str]]:
        """Every (from, to) of two places."""
        return [(a, b) for a in self.addresses for b in self.addresses if a != b]

    @property
    def under_way(self) -> int:
        """How many packets have not arrived yet."""
        return len(self._under_way)

    def close(self) -> None:
        """Ends the relay, and removes namespaces and devices."""
        self._closed = True
        self._thread.join()
        self._remove()

    def _open(self, place: str) -> int:
        """Makes a namespace with a device, whose file it returns."""
        if sys.platform == "win32":
            raise NoNamespaces("Windows has none")
        # Windows has no such module.
        import fcntl  # noqa: PLC0415
        name, address = self.namespaces[place], self.addresses[place]
        ip("netns", "add", name)
        device = f"pt{os.getpid() % 100_000}{place[0]}"
        file = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(file, TUNSETIFF, struct.pack("16sH", device.encode(), IFF_TUN | IFF_NO_PI))
        ip("link", "set", device, "netns", name)
        ip("-n", name, "link", "set", "lo", "up")
        ip("-n", name, "addr", "add", f"{address}/24", "dev", device)
        ip("-n", name, "link", "set", device, "up")
        ip("-n", name, "route", "add", "default", "dev", device)
        return file

    def _remove(self) -> None:
        while self._devices:
            os.close(self._devices.popitem()[1])
        for name in self.namespaces.values():
            remove(name)

    def _relay(self) -> None:
        """Reads packets, and writes those whose time has come."""
        places = {file: place for place, file in self._devices.items()}
        while not self._closed:
            # 1. Wait for a packet, or until one has to arrive.
            wait_s = POLL_S
            if self._under_way:
                wait_s = min(max(self._under_way[0][0] - time.monotonic(), 0.0), POLL_S)
            readable, _, _ = select.select(list(places), [], [], wait_s)
            # 2. What happens to each?
            for file in readable:
                self._draw(places[file], os.read(file, PACKET_BYTES))
            # 3. Those that arrive now.
            now = time.monotonic()
            while self._under_way and self._under_way[0][0] <= now:
                _, _, place, packet = heapq.heappop(self._under_way)
                self._deliver(place, packet)

    def _draw(self, source: str, packet: bytes) -> None:
        target = self._place_of.get(packet[16:20])
        # Only IPv4 between our places: the kernel also asks for routers and the like.
        if packet[0] >> 4 != 4 or target is None:
            return
        weather = self.weather.get((source, target), CALM)
        arrivals = deliveries(self._rng, weather, time.monotonic())
        self.counts["sent"] += 1
        self.counts["lost"] += not arrivals
        self.counts["duplicated"] += len(arrivals) > 1
        for arrival in arrivals:
            heapq.heappush(self._under_way, (arrival, next(self._numbers), target, packet))

    def _deliver(self, place: str, packet: bytes) -> None:
        try:
            os.write(self._devices[place], packet)
        except OSError:
            # The device is full, or just going away: one more packet that is lost.
            self.counts["lost"] += 1


def _packed(address: str) -> bytes:
    return bytes(int(part) for part in address.split("."))
