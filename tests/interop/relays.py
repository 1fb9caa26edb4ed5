"""HAProxy and nginx as real processes, fed by `python3 -m interop.haproxy` and `interop.nginx`."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import socket
import subprocess
from collections.abc import Sequence

from interop.nginx import include_text
from ponte.net.address import Address, show
from tests.interop.ledger import SERVICE, Ledger, MakeCall
from tests.interop.peers import found
from tests.interop.told import figure, told
from tests.system.cluster import Cluster
from tests.system.harness import START_S, Process, free_port, wait_until

RESTARTS, KILLS = 3, 6


def printed(house: Cluster, *command: str) -> str:
    """What a program of Ponte prints, such as a configuration."""
    process = house.start(*command)
    assert process.wait(START_S) == 0, process.log
    return process.out


def restarts_and_kills(name: str, ledger: Ledger, call: MakeCall) -> None:
    """Callers through the relay of this name: restarts lose nothing, and kills run nothing twice.
    """
    with ledger.load(call) as load:
        ledger.restart(RESTARTS)
    summed = ledger.sum(load)
    assert summed.answered == summed.calls and not summed.double, summed
    told(name, f"{RESTARTS} restarts in order: 0 failed of {summed.calls:,}")
    figure(f"{name}, {RESTARTS} restarts: failed", f"0 of {summed.calls:,}")
    with ledger.load(call) as load:
        ledger.kill(KILLS)
    summed = ledger.sum(load)
    assert not (summed.double or summed.lost or summed.lies or summed.failed), summed
    told(name, f"{KILLS} kills: {summed.unknown} unknown of {summed.calls:,}, 0 ran twice")
    figure(f"{name}, {KILLS} kills: unknown, run twice", f"{summed.unknown}, 0 of {summed.calls:,}")


class Relay:
    """A foreign relay, in all its lives. `address` is where it takes calls."""

    def __init__(self, *command: str, address: Address) -> None:
        self.address = address
        self._command = command
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


class HaProxy(Relay):
    """HAProxy with the configuration that interop.haproxy prints; `edits` change its text."""

    def __init__(self, house: Cluster, edits: Sequence[tuple[str, str]] = (), *,
                 slots: int = 20) -> None:
        address = "127.0.0.1", free_port()
        self.socket = os.path.join(house.directory, f"haproxy-{address[1]}.sock")
        text = printed(house, "-m", "interop.haproxy", "--services", SERVICE, "--socket",
                       self.socket, "--bind", show(address), "--slots", str(slots),
                       "--print-config")
        for old, new in edits:
            assert old in text, old
            text = text.replace(old, new)
        file = house.file(f"haproxy-{address[1]}.cfg", text)
        self._house = house
        super().__init__(found("haproxy") or "haproxy", "-db", "-f", file, address=address)
        wait_until(lambda: os.path.exists(self.socket), START_S, "HAProxy takes commands")

    def keep(self) -> Process:
        """Starts what keeps it in step."""
        keeper = self._house.start("-m", "interop.haproxy", "--services", SERVICE, "--socket",
                                   self.socket, "--until-eof", *self._house.registry_option())
        keeper.wait_for_line("is in step", START_S)
        return keeper


class Nginx(Relay):
    """nginx with the configuration that interop.nginx prints; `edits` change its text."""

    def __init__(self, house: Cluster, edits: Sequence[tuple[str, str]] = ()) -> None:
        address = "127.0.0.1", free_port()
        self.include = os.path.join(house.directory, f"nginx-{address[1]}", "upstreams.conf")
        os.mkdir(os.path.dirname(self.include))
        text = printed(house, "-m", "interop.nginx", "--include", self.include, "--bind",
                       show(address), "--print-config")
        for old, new in edits:
            assert old in text, old
            text = text.replace(old, new)
        self.file = house.file(f"nginx-{address[1]}.conf", text)
        self.command = [found("nginx") or "nginx", "-c", self.file]
        self._house = house
        super().__init__(*self.command, "-g", "daemon off;", address=address)

    def start(self) -> None:
        # Without a file to include, nginx does not start.
        if not os.path.exists(self.include):
            with open(self.include, "w", encoding="utf-8") as file:
                file.write(include_text({}))
        super().start()
        wait_until(self._listens, START_S, "nginx listens")

    def _listens(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(self.address, 1.0):
            return True
        return False

    def kill(self) -> None:
        """Its workers, too: they end when the master does in order."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()

    def keep(self) -> Process:
        """Starts what keeps it in step."""
        keeper = self._house.start("-m", "interop.nginx", "--include", self.include, "--nginx",
                                   shlex.join(self.command), "--until-eof",
                                   *self._house.registry_option())
        keeper.wait_for_line("is in step", START_S)
        return keeper
