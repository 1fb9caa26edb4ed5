"""A services file by the command line: what its author reads in the log, and pools of processes."""

from __future__ import annotations

import sys
import unittest
import xmlrpc.client
from typing import Any

from tests.system.cluster import SystemTest
from tests.system.harness import Process

SOURCE = """\
import functools
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from math import sqrt

from server import current_call, idempotent


class Account:
    def deposit(self, cents):
        return cents


@functools.lru_cache(maxsize=None)
@idempotent
def square(number):
    return number * number


deposit = Account().deposit
pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))


def in_another(method, number):
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(1, context) as other:
        return other.submit(square, number).result(20)


def buy(item):
    return {"pen": 3}[item]


def whoami():
    return [*current_call().address]
"""
LINE_OF_BUY = SOURCE.splitlines().index('    return {"pen": 3}[item]') + 1
METHODS = ("spawn",) if sys.platform == "win32" else ("spawn", "forkserver")


class ServicesFile(SystemTest):
    server: Process

    @classmethod
    def setUpClass(cls) -> None:
        cluster = cls.share_cluster()
        cluster.start_registry()
        path = cluster.file("my_shop.py", SOURCE)
        cls.server = cluster.start_server(path, "shop-1", "--verbose")

    def call(self, method: str, *params: Any) -> Any:
        host, port = self.server.address
        with xmlrpc.client.ServerProxy(f"http://{host}:{port}") as shop:
            return getattr(shop, method)(*params)

    def test_other_processes_find_its_functions(self) -> None:
        """Those of a pool are started anew, and import the file by its name."""
        for method in METHODS:
            with self.subTest(method):
                self.assertEqual(self.call("in_another", method, 7), 49)

    def test_what_it_binds_is_served_and_the_rest_is_told(self) -> None:
        self.assertEqual(self.call("deposit", 5), 5)
        self.assertEqual(self.call("square", 5), 25)
        self.server.wait_for_line(r"my_shop: not served: sqrt \(imported\), Account \(a class\)", 3)

    def test_the_log_has_the_line_of_what_it_raised(self) -> None:
        with self.assertRaisesRegex(xmlrpc.client.Fault, "KeyError: 'boat'"):
            self.call("buy", "boat")
        self.server.wait_for_line(
            rf"buy raised KeyError: 'boat' \(my_shop.py, line {LINE_OF_BUY}\)", 3)
        self.server.wait_for_line(rf'    File ".*my_shop.py", line {LINE_OF_BUY}, in buy', 3)

    def test_the_log_has_a_line_for_each_call(self) -> None:
        host, port = self.call("whoami")
        self.server.wait_for_line(rf"{host}:{port} whoami: value \([0-9.]+ ms\)", 3)


if __name__ == "__main__":
    unittest.main()
