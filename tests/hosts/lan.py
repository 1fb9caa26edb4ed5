"""Hosts at one switch: a network namespace for each, and one more for the switch.

    namespace "one"  eth0 --+
    namespace "two"  eth0 --+-- bridge, in the namespace of the switch
    namespace "six"  eth0 --+

Nothing of this is in the namespace of the machine itself. Each host has its own /etc/hosts and
/etc/resolv.conf, which only the programs on it see (enter.py). Needs root on Linux.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import socket
import threading
from collections.abc import Sequence

from ponte.net.address import Address
from tests.netns.namespaces import ip, name_of, remove

# From linux/sched.h: a network namespace.
CLONE_NEWNET = 0x40000000
# The hosts of a LAN are 10.214.0.N and fd14::N.
NETWORK, NETWORK6 = "10.214.0", "fd14::"
# Packets to this hardware address get lost: nobody has it.
NOBODY = "02:00:00:00:00:66"
# An address at this LAN that is silent: each packet to it gets lost, and nothing is ever answered.
# It has more bits in common with the hosts 17 to 31 than any other host, so a look-up names it
# first (RFC 6724, rule 9).
SILENT = f"{NETWORK}.16"
# An address at this LAN that no host has: the system says so, but only after 3 seconds.
MISSING = f"{NETWORK}.15"
# Names are looked up in the file first, as on most machines. The name server is not there, which
# the system says at once.
FILES = {"hosts": "127.0.0.1 localhost\n::1 localhost\n", "resolv.conf": "nameserver 127.0.0.1\n",
         "nsswitch.conf": "hosts: files dns\n", "gai.conf": ""}
# For resolv.conf: a name server that never answers. The system gives up after 10 seconds.
SILENT_NAME_SERVER = f"nameserver {SILENT}\noptions timeout:5 attempts:2\n"
# For gai.conf: IPv4 addresses before IPv6 addresses.
IPV4_FIRST = "precedence ::ffff:0:0/96 100\n"


class Host:
    """One host: its namespace, and a folder with its files of /etc.

    Attributes: `name`, `address` and `address6`, `namespace`, `etc`; and `open`, the options with
    which a role listens at its address.
    """

    def __init__(self, name: str, number: int, namespace: str, etc: str) -> None:
        self.name, self.namespace, self.etc = name, namespace, etc
        self.address, self.address6 = f"{NETWORK}.{number}", f"{NETWORK6}{number}"
        self.open = f"--host {self.address} --insecure"
        os.mkdir(etc)
        for file, text in FILES.items():
            self.write(file, text)

    def write(self, file: str, text: str) -> None:
        """Replaces a file of its /etc, such as "resolv.conf", also for programs that run."""
        # The same file, with another content: the programs have it mounted.
        handle = os.open(os.path.join(self.etc, file), os.O_RDWR | os.O_CREAT, 0o644)
        try:
            os.write(handle, text.encode())
            os.ftruncate(handle, len(text.encode()))
        finally:
            os.close(handle)

    def know(self, name: str, *addresses: str) -> None:
        """From now on `name` has these addresses here, in this order."""
        self.write("hosts", FILES["hosts"] + "".join(f"{each} {name}\n" for each in addresses))

    def ip(self, *arguments: str) -> str:
        """The command `ip`, on this host."""
        return ip("-n", self.namespace, *arguments)

    def connect(self, address: Address, timeout_s: float) -> socket.socket:
        """A TCP connection from this host. Raises OSError."""
        made: list[socket.socket | OSError] = []
        # A socket belongs to the namespace of the thread that has made it.
        thread = threading.Thread(target=lambda: made.append(self._connect(address, timeout_s)))
        thread.start()
        thread.join()
        if isinstance(made[0], OSError):
            raise made[0]
        return made[0]

    def _connect(self, address: Address, timeout_s: float) -> socket.socket | OSError:
        try:
            with open(f"/run/netns/{self.namespace}", "rb") as namespace:
                if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), "cannot enter the namespace")
            return socket.create_connection(address, timeout_s)
        except OSError as error:
            return error


class Lan:
    """A switch and its hosts. `close` removes all. Raises NoNamespaces where there can be none.

    `directory` is for the files of the hosts.
    """

    _numbers = itertools.count(1)

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._prefix = f"h{next(self._numbers)}"
        self._namespaces: list[str] = []
        try:
            self._switch = self._add("switch")
            ip("-n", self._switch, "link", "add", "br0", "type", "bridge")
            ip("-n", self._switch, "link", "set", "br0", "up")
        except BaseException:
            self.close()
            raise

    def add_host(self, name: str, number: int) -> Host:
        """A new host: 10.214.0.`number`."""
        host = Host(name, number, self._add(name), os.path.join(self._directory, f"etc-{name}"))
        ip("-n", self._switch, "link", "add", name, "type", "veth",
           "peer", "name", "eth0", "netns", host.namespace)
        ip("-n", self._switch, "link", "set", name, "master", "br0", "up")
        host.ip("link", "set", "lo", "up")
        host.ip("addr", "add", f"{host.address}/24", "dev", "eth0")
        host.ip("addr", "add", f"{host.address6}/64", "dev", "eth0", "nodad")
        host.ip("link", "set", "eth0", "up")
        # As on most machines; but there is no router.
        host.ip("route", "add", "default", "via", f"{NETWORK}.254")
        _lose(host, SILENT)
        return host

    def close(self) -> None:
        """Removes the namespaces, and with them everything in them."""
        while self._namespaces:
            remove(self._namespaces.pop())

    def _add(self, name: str) -> str:
        namespace = name_of(f"{self._prefix}{name}")
        self._namespaces.append(namespace)
        ip("netns", "add", namespace)
        return namespace


def part(left: Sequence[Host], right: Sequence[Host]) -> None:
    """From now on nothing passes between these hosts, and nothing says so."""
    for one in left:
        for other in right:
            for host, far in ((one, other), (other, one)):
                _lose(host, far.address)
                _lose(host, far.address6)


def heal(left: Sequence[Host], right: Sequence[Host]) -> None:
    """Undoes `part`."""
    for one in left:
        for other in right:
            for host, far in ((one, other), (other, one)):
                host.ip("neigh", "del", far.address, "dev", "eth0")
                host.ip("neigh", "del", far.address6, "dev", "eth0")


def _lose(host: Host, address: str) -> None:
    """Packets from `host` to `address` go to nobody."""
    host.ip("neigh", "replace", address, "lladdr", NOBODY, "dev", "eth0", "nud", "permanent")
