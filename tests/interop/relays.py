"""HAProxy and nginx as real processes, fed by `python3 -m interop.haproxy` and `interop.nginx`."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence

from ponte.net.address import Address, show
from tests.interop.ledger import SERVICE
from tests.interop.peers import found
from tests.system.cluster import Cluster
from tests.system.harness import START_S, Process, free_port, wait_until


def printed(house: Cluster, *command: str) -> str:
    """What a program of Ponte prints, such as a configuration."""
    process = house.start(*command)
    assert process.wait(START_S) == 0, process.log
    return process.out


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
        super().__init__(found("haproxy") or "haproxy", "-db", "-f", file, address=address)
        wait_until(lambda: os.path.exists(self.socket), START_S, "HAProxy takes commands")

    def keep(self, house: Cluster) -> Process:
        """Starts what keeps it in step."""
        keeper = house.start("-m", "interop.haproxy", "--services", SERVICE, "--socket",
                             self.socket, "--until-eof", *house.registry_option())
        keeper.wait_for_line("is in step", START_S)
        return keeper
