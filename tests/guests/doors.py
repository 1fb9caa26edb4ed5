"""The three doors of Ponte, as real processes: the server itself, and a proxy with each engine."""

from __future__ import annotations

import os
from typing import NamedTuple

from ponte.net.address import show
from ponte.net.serving import ENGINES
from tests.system.cluster import Cluster

VALUES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "values.py")


class Door(NamedTuple):
    """A way to the two services: the URLs that a guest program is given.

    `pages` has the addresses of all processes, for those that want their pages.
    """

    name: str
    greeter: str
    values: str
    pages: tuple[str, ...]


class House:
    """A registry, two servers and two proxies. `close` ends them. Attribute: `doors`."""

    def __init__(self) -> None:
        self._cluster = Cluster()
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._cluster.close()

    def _open(self) -> None:
        registry = self._cluster.start_registry()
        [greeter] = self._cluster.start_servers("services/greeter.py", "greeter-1")
        [values] = self._cluster.start_servers(VALUES, "values-1")
        proxies = {engine: self._cluster.start_proxy(f"proxy-{engine}", "--engine", engine)
                   for engine in sorted(ENGINES)}
        pages = tuple(show(process.address)
                      for process in (registry, greeter, values, *proxies.values()))
        self.doors = [Door("the server", f"http://{show(greeter.address)}/greeter",
                           f"http://{show(values.address)}/values", pages)]
        for engine, proxy in proxies.items():
            base = f"http://{show(proxy.address)}"
            self.doors.append(
                Door(f"the proxy, {engine}", f"{base}/greeter", f"{base}/values", pages))
