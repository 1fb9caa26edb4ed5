"""The service of the live page: what it sells, it counts once."""

from __future__ import annotations

import threading
import unittest

from ponte.process.own_files import own_file
from ponte.process.services import load_functions
from ponte.rpc.dispatcher import Dispatcher


class Kiosk(unittest.TestCase):
    def setUp(self) -> None:
        """A kiosk of its own, as each server loads one."""
        self.kiosk = load_functions(own_file("services", "kiosk.py"))

    def test_it_serves_three_functions_and_only_buy_must_run_once(self) -> None:
        self.assertEqual(sorted(self.kiosk), ["buy", "hello", "sold"])
        self.assertEqual(sorted(Dispatcher(self.kiosk).idempotent), ["hello", "sold"])

    def test_it_answers_and_counts_what_it_sells(self) -> None:
        self.assertEqual((self.kiosk["hello"]("Hello"), self.kiosk["hello"]("Ana")),
                         ("World", "Hello, Ana"))
        self.assertEqual([self.kiosk["sold"]("tea"), self.kiosk["buy"]("tea"),
                          self.kiosk["buy"]("tea"), self.kiosk["buy"]("cake"),
                          self.kiosk["sold"]("tea")], [0, 1, 2, 1, 2])

    def test_sales_at_the_same_time_all_count(self) -> None:
        sellers = [threading.Thread(target=lambda: [self.kiosk["buy"]("tea") for _ in range(200)])
                   for _ in range(4)]
        for seller in sellers:
            seller.start()
        for seller in sellers:
            seller.join()
        self.assertEqual(self.kiosk["sold"]("tea"), 800)


if __name__ == "__main__":
    unittest.main()
