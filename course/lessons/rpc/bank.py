"""The service of the lesson, and what a right dispatcher answers to its callers."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Sequence
from typing import Any

RESULT, FAULT = "result", "fault"
# What callers may call.
METHODS = frozenset(("deposit", "withdraw", "greet", "note", "audit", "remind", "stop", "total",
                     "pay_back", "plan", "inherited"))


class NoMoney(Exception):
    """More was asked for than there is."""


class Book:
    """A part of the bank that is not for callers."""

    def __init__(self, ran: list[str]) -> None:
        self._ran = ran

    def clear(self) -> str:
        self._ran.append("book.clear()")
        return "empty"


class Service:
    """What the bank inherits. `_ran`: what has run, as it is shown."""

    def __init__(self) -> None:
        self._ran: list[str] = []

    def inherited(self) -> str:
        self._ran.append("inherited()")
        return "from Service"


class Bank(Service):
    """The service."""

    owner = "ana"

    def __init__(self) -> None:
        super().__init__()
        self.balance = 0
        self.book = Book(self._ran)

    def deposit(self, amount: str) -> int:
        self._ran.append(f"deposit({amount})")
        self.balance += int(amount)
        return self.balance

    def withdraw(self, amount: str) -> int:
        self._ran.append(f"withdraw({amount})")
        if int(amount) > self.balance:
            raise NoMoney(f"{int(amount) - self.balance} are missing")
        self.balance -= int(amount)
        return self.balance

    def pay_back(self, amount: str) -> int:
        self._ran.append(f"pay_back({amount})")
        self.balance += int(amount)
        return self.balance

    def greet(self, name: str) -> str:
        self._ran.append(f"greet({name})")
        return f"Olá, {name}!"

    def note(self, *words: str) -> str:
        self._ran.append(f"note({' '.join(words)})")
        return "noted"

    def audit(self) -> None:
        self._ran.append("audit()")

    def remind(self) -> Any:
        self._ran.append("remind()")
        # A mistake of the author: nobody has set it.
        return getattr(self, "letters")  # noqa: B009

    def total(self) -> Any:
        self._ran.append("total()")
        # Another one: a number and a text.
        return sum((self.balance, self.owner))

    @property
    def vault(self) -> str:
        self._ran.append("property vault")
        return "open"

    def plan(self) -> None:
        self._ran.append("plan()")
        raise NotImplementedError

    def stop(self) -> None:
        self._ran.append("stop()")
        raise SystemExit("the bank closes")

    def _empty(self) -> str:
        self._ran.append("_empty()")
        self.balance = 0
        return "empty"


def ran_of(bank: Bank) -> list[str]:
    """What has run."""
    return bank._ran


# Any text will do for this fault.
ANY = object()


def right(bank: Bank, name: str, params: Sequence[str]) -> tuple[str, Any]:
    """What a right dispatcher answers."""
    # A dispatcher may count the parameters before it calls.
    if name not in METHODS or not takes(name, len(params)):
        return FAULT, ANY
    try:
        return RESULT, getattr(bank, name)(*params)
    except BaseException as error:
        return FAULT, described(error) if str(error) else ANY


@functools.cache
def takes(name: str, count: int) -> bool:
    """Whether a method can be called with so many parameters."""
    try:
        inspect.signature(getattr(Bank(), name)).bind(*range(count))
    except TypeError:
        return False
    return True


def described(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
