"""Callables of every make: what is inside, whether they are marked, what can be learned of them."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import unittest
from collections.abc import AsyncIterator, Iterator
from typing import Any, Callable

from ponte.rpc.dispatcher import Dispatcher, idempotent
from ponte.rpc.layers import is_marked, layers, name_of, why_not_plain
from ponte.rpc.marshal import encode_call, encode_result
from ponte.rpc.method import Method
from ponte.rpc.signature import MAX_REST


def price(item: str, count: int = 1) -> int:
    """What it costs."""
    return len(item) * count


async def pay(cents: int) -> int:
    return cents


def rows() -> Iterator[int]:
    yield 1


async def ticks() -> AsyncIterator[int]:
    yield 1


def logged(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*params: Any) -> Any:
        print(function)
        return function(*params)
    return wrapper


def run_now(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*params: Any) -> Any:
        return asyncio.run(function(*params))
    return wrapper


def listed(function: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator that collects without the name of a function."""
    @functools.wraps(function)
    def collecting(*params: Any) -> list[Any]:
        return [str(each) for each in function(*params)]
    return collecting


def collected(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*params: Any) -> Any:
        return list(function(*params))
    return wrapper


class Shop:
    """A shop."""

    def price(self, item: str) -> float:
        """What it costs here."""
        return len(item)

    @idempotent
    def stock(self) -> int:
        return 3

    async def pay(self) -> int:
        return 3

    @staticmethod
    def open(hour: int) -> bool:
        return hour > 9

    @classmethod
    def name(cls) -> str:
        return cls.__name__

    def __call__(self, item: str) -> bytes:
        return item.encode()


class Teller:
    """Can be called, and documents only itself."""

    @idempotent
    def __call__(self, *cents: int) -> int:
        return sum(cents)


class AsyncTeller:
    async def __call__(self) -> int:
        return 1


class Marks(unittest.TestCase):
    def test_a_mark_is_seen_through_every_layer(self) -> None:
        """It may stand on the innermost function, on the outermost layer, and between."""
        shop = Shop()
        marked = idempotent(lambda: 1)
        for function in (
                marked, functools.partial(marked), functools.lru_cache(marked), logged(marked),
                shop.stock, functools.lru_cache(shop.stock), functools.partial(shop.stock),
                functools.partial(functools.partial(logged(functools.lru_cache(shop.stock)))),
                Teller(), functools.partial(Teller()), idempotent(functools.partial(price)),
                idempotent(functools.lru_cache(price)), idempotent(shop.price),
                logged(idempotent(logged(price))), idempotent(shop), idempotent(len),
                staticmethod(marked)):
            with self.subTest(function):
                self.assertTrue(is_marked(function))
                if callable(function):
                    self.assertTrue(Method.of(function, "f").is_idempotent)

    def test_without_a_mark_none_is_seen(self) -> None:
        shop = Shop()
        for function in (price, functools.partial(price), functools.lru_cache(price), shop.price,
                         logged(price), len, AsyncTeller(), Shop.open, Shop.name):
            with self.subTest(function):
                self.assertFalse(is_marked(function))

    def test_a_mark_changes_nothing_else(self) -> None:
        """Where an object cannot carry it, a function around that object does."""
        shop = Shop()
        marked = idempotent(shop.price)
        self.assertEqual(marked("pen"), 3)
        self.assertFalse(is_marked(shop.price))
        method = Method.of(marked)
        self.assertEqual((method.usage(), method.types()), ("1", [["double", "string"]]))
        self.assertEqual(name_of(marked), "price")

    def test_layers_that_turn_in_a_circle_end(self) -> None:
        def circle() -> None:
            pass
        circle.__wrapped__ = circle  # type: ignore[attr-defined]
        self.assertLess(len(list(layers(circle))), 1000)
        self.assertFalse(is_marked(circle))


class Learned(unittest.TestCase):
    """How many parameters, of which types, and what a callable says of itself."""

    def test_parameters_types_and_help(self) -> None:
        shop = Shop()
        shop_price = [["double", "string"]]
        both = [["int", "string"], ["int", "string", "int"]]
        told = [["int"] * (count + 1) for count in range(MAX_REST + 1)]
        for function, usage, types, text in (
                (functools.partial(price, "pen"), "0 to 1", [["int"], ["int", "int"]],
                 "What it costs."),
                (functools.partial(price, count=3), "1", [["int", "string"]], "What it costs."),
                (functools.lru_cache(price), "1 to 2", both, "What it costs."),
                (shop.price, "1", shop_price, "What it costs here."),
                (functools.partial(shop.price, "pen"), "0", [["double"]], "What it costs here."),
                (logged(price), "1 to 2", both, "What it costs."),
                (shop.open, "1", [["boolean", "int"]], ""), (shop.name, "0", [["string"]], ""),
                (shop, "1", [["base64", "string"]], "A shop."),
                (Teller(), "0 or more", told, "Can be called, and documents only itself."),
                (functools.partial(lambda: 1), "0", None, "")):
            with self.subTest(function):
                method = Method.of(function, "f")
                self.assertEqual((method.usage(), method.types(), method.help()),
                                 (usage, types, text))

    def test_a_decorator_that_names_its_parameters_is_believed(self) -> None:
        """It may add a parameter, or leave one out. One with *args takes what the next takes."""
        @functools.wraps(price)
        def of_pens(count: int = 1) -> int:
            return price("pen", count)

        @functools.wraps(price)
        def counted(item: str, count: int, note: str) -> int:
            return price(item, count) if note else 0

        class Till:
            @logged
            def pay(self, cents: int) -> int:
                return cents

            @functools.wraps(price)
            def price(self, item: str) -> int:
                return price(item)

        explicit = logged(price)
        explicit.__signature__ = inspect.Signature()  # type: ignore[attr-defined]
        for function, usage, types in (
                (of_pens, "0 to 1", [["int"], ["int", "int"]]),
                (logged(of_pens), "0 to 1", [["int"], ["int", "int"]]),
                (logged(logged(of_pens)), "0 to 1", [["int"], ["int", "int"]]),
                (functools.lru_cache(of_pens), "0 to 1", [["int"], ["int", "int"]]),
                (functools.partial(of_pens, 2), "0", [["int"]]),
                (counted, "3", None),
                (Till().pay, "1", [["int", "int"]]), (Till().price, "1", [["int", "string"]]),
                (explicit, "0", None)):
            with self.subTest(function):
                method = Method.of(function, "f")
                self.assertEqual((method.usage(), method.types()), (usage, types))
        self.assertEqual(Dispatcher([of_pens]).dispatch(encode_call("price", ())),
                         encode_result(price("pen")))

    def test_a_partial_that_leaves_a_keyword_is_refused(self) -> None:
        """`item` has a name now, so that `count` needs one, too."""
        def sell(item: str, count: int) -> int:
            return count
        with self.assertRaisesRegex(ValueError, "sell_pens needs a keyword argument"):
            Method.of(functools.partial(sell, item="pen"), "sell_pens")


class Plain(unittest.TestCase):
    """Whether a call runs the body of a function."""

    def test_what_would_not_run_is_found_behind_every_layer(self) -> None:
        shop = Shop()
        for inner, kind in ((pay, "an async function"), (shop.pay, "an async function"),
                            (AsyncTeller(), "an async function"), (rows, "a generator"),
                            (ticks, "an async generator"),
                            (contextlib.contextmanager(rows), "a generator")):
            for function in (inner, functools.partial(inner), logged(inner),
                             functools.lru_cache(inner), functools.partial(logged(inner)),
                             idempotent(functools.partial(inner))):
                with self.subTest(function):
                    self.assertRegex(why_not_plain(function), f"^is {kind}: serve a")

    def test_what_runs_is_served(self) -> None:
        """Also a decorator that runs the async function, or collects what is yielded."""
        shop = Shop()
        for function in (price, shop.price, shop, Teller(), functools.partial(price), logged(price),
                         run_now(pay), functools.partial(run_now(pay)), logged(run_now(pay)),
                         collected(rows), listed(rows), lambda: pay(1), len):
            with self.subTest(function):
                self.assertEqual(why_not_plain(function), "")


if __name__ == "__main__":
    unittest.main()
