"""The table of metrics in docs/operating.md is what the pages of real processes show."""

from __future__ import annotations

import re
import unittest
import urllib.request
import xmlrpc.client
from typing import Any, Callable

from ponte.net.address import Address, show
from ponte.process.families import FAMILIES
from proxy import Proxy
from registry import Registry
from server import Server
from tests import exposition
from tests.house.pages import read
from tests.system.harness import START_S, wait_until

PAGE = "docs/operating.md"
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| ([^|]*) \| (.+) \|$", re.MULTILINE)
# Seconds.
PAGE_S = 10.0
WITHOUT_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))

# For a family: its type, its labels, and its meaning.
Rows = dict[str, tuple[str, set[str], str]]


def shown_by(address: Address) -> Rows:
    """The families on the page of a process. Those without a sample have no labels here."""
    with WITHOUT_PROXY.open(f"http://{show(address)}/metrics", timeout=PAGE_S) as reply:
        families = exposition.read(reply.read().decode())
    return {name: (family.kind,
                   {label for _, labels in family.samples for label, _ in labels} - {"le"},
                   family.help)
            for name, family in families.items()}


def told() -> Rows:
    """The rows of the table."""
    return {name: (kind, set(re.findall(r"`(\w+)`", labels)), text)
            for name, kind, labels, text in ROW.findall(read(PAGE))}


class Metrics(unittest.TestCase):
    def test_the_table_has_every_family_as_real_processes_show_it(self) -> None:
        """And no other: name, type, labels, and the words of the page itself."""
        functions: dict[str, Callable[..., Any]] = {"hello": str}
        with Registry(port=0) as registry, \
                Server("greeter", functions, registries=[registry.address]) as server, \
                Proxy(port=0, registries=[registry.address]) as proxy, \
                xmlrpc.client.ServerProxy(f"http://{show(proxy.address)}/greeter") as caller:
            wait_until(lambda: proxy.status()["services"], START_S, "the proxy knows the server")
            self.assertEqual(caller.hello("Hello"), "Hello")
            shown: Rows = {}
            for actor in (registry, proxy, server):
                shown.update(shown_by(actor.address))
        self.assertEqual(told(), shown)

    def test_each_family_has_one_row(self) -> None:
        names = [name for name, *_ in ROW.findall(read(PAGE))]
        self.assertEqual(sorted(names), sorted({family.name for families in FAMILIES.values()
                                                for family in families}))


if __name__ == "__main__":
    unittest.main()
