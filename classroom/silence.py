"""Step 9: a bank falls silent. Did the deposits of its customers run, and who can know?

Three customers deposit coins, which the bank counts for a while:

    ana     the bank is frozen while it counts her coins
    bia     sends her deposit to the frozen bank
    caio    the bank is killed while it counts his coins

Threads: one for each deposit, beside the main one.
"""

from __future__ import annotations

import threading
import time
from typing import Any, Callable
from xmlrpc.client import Fault

from classroom.cast import CAN_FREEZE, FREEZES_BY, THAWS_BY, Actor
from classroom.stage import CALL_TIMEOUT_S, Answers, Stage
from client import CallError, Client, NotSent, OutcomeUnknown

CENTS = 100
UNKNOWN = OutcomeUnknown.__name__
# How long we wait for what should have happened long before, in seconds.
PATIENCE_S = 10.0


class Told:
    """What the caller of `call` is told: `value`, or `error`, and after how many milliseconds."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self.value: Any = None
        self.error: Exception | None = None
        began = time.perf_counter()
        try:
            self.value = call()
        except (CallError, Fault) as error:
            self.error = error
        self.took_ms = (time.perf_counter() - began) * 1000

    def __str__(self) -> str:
        """The value, or the name of the error."""
        return type(self.error).__name__ if self.error else str(self.value)

    def resolve(self) -> Told:
        """Asks what came of the call. What that tells."""
        return Told(self.error.resolve) if isinstance(self.error, OutcomeUnknown) else self


class Deposit:
    """One deposit of coins, on a thread of its own, which the constructor starts.

    Attribute: `was_seen`, set by the main thread: it has seen that the bank runs the deposit.
    """

    def __init__(self, bank: Client, account: str) -> None:
        self._bank = bank
        self._account = account
        self.was_seen = False
        # Written by the thread, and read after its end.
        self._told: Told | None = None
        self._thread = threading.Thread(target=self._run, name=f"deposit-{account}", daemon=True)
        self._thread.start()

    def told(self) -> Told:
        """What its caller is told. Waits for that."""
        self._thread.join()
        assert self._told
        return self._told

    def _run(self) -> None:
        self._told = Told(lambda: self._bank.deposit_coins(self._account, CENTS))


# ---- 9 silence -> unknown -----------------------------------------------------------------------

def silence(stage: Stage) -> None:
    """The bank has its own registry and no proxy, as in step 7."""
    stage.predict("A BANK FALLS SILENT",
                  "A bank freezes during one deposit, before a second, and dies during a third. "
                  "Which ran?", "SILENCE → UNKNOWN, AND WHO CAN KNOW",
                  Answers("All: the bank was there for each of them",
                          "None: no caller got an answer",
                          "The first; not the second; the third, nobody knows",
                          "Nobody can know it of any of them", right=2))
    registry = stage.cast.start_registry("bank-registry")
    bank = stage.cast.start_server("bank-2", "bank", registry).await_banner()
    with Client("bank", registries=[registry.address], timeout_s=CALL_TIMEOUT_S) as client:
        if CAN_FREEZE:
            _freeze(stage, client, bank)
        else:
            stage.tell("this system has no SIGSTOP to freeze a process with, "
                       "and we do not fake it")
        _kill(stage, client, bank)


def _freeze(stage: Stage, client: Client, bank: Actor) -> None:
    # 1. One deposit is running when the bank freezes. The other one comes later.
    ana = _running_deposit(stage, client, bank, "ana")
    stage.tell("{signal} {name} (process {pid}): frozen", style="failed", signal=FREEZES_BY,
               name=bank.name, pid=bank.pid)
    bank.freeze()
    bia = Deposit(client, "bia")
    stage.tell("bia: deposit_coins({cents}) goes to the frozen bank", cents=CENTS)
    # 2. Both callers wait, and give up.
    ana_told, bia_told = ana.told(), bia.told()
    _tell(stage, "ana", ana_told)
    _tell(stage, "bia", bia_told)
    # 3. The bank goes on, and is asked what came of the deposits.
    bank.thaw()
    stage.tell("{signal} {name}: it continues as if nothing had happened", signal=THAWS_BY,
               name=bank.name)
    ana_resolved, bia_resolved = ana_told.resolve(), bia_told.resolve()
    _tell_resolved(stage, "ana", ana_resolved)
    _tell_resolved(stage, "bia", bia_resolved)
    # 4. Is that true?
    runs = int(bank.status()["requests"]["calls"])
    stage.until(lambda: bool(client.endpoints), PATIENCE_S)
    ana_has, bia_has = Told(lambda: client.balance("ana")), Told(lambda: client.balance("bia"))

    stage.check(ana.was_seen and str(ana_told) == str(bia_told) == UNKNOWN and runs == 1,
                "frozen: {told} after {ana_ms:.0f} and {bia_ms:.0f} ms "
                "(the timeout is {timeout_ms:.0f} ms); executions: {runs}",
                told=ana_told, ana_ms=ana_told.took_ms, bia_ms=bia_told.took_ms,
                timeout_ms=CALL_TIMEOUT_S * 1000, runs=runs)
    stage.check(ana_resolved.value == ana_has.value == CENTS,
                "ana: resolve told {told} after {took_ms:.1f} ms; the balance is {balance}",
                told=ana_resolved, took_ms=ana_resolved.took_ms, balance=ana_has)
    stage.check(str(bia_resolved) == NotSent.__name__ and bia_has.value == 0,
                "bia: resolve told {told} after {took_ms:.1f} ms; the balance is {balance}",
                told=bia_resolved, took_ms=bia_resolved.took_ms, balance=bia_has)


def _kill(stage: Stage, client: Client, bank: Actor) -> None:
    caio = _running_deposit(stage, client, bank, "caio")
    stage.tell("kill -9 {name} (process {pid})", style="failed", name=bank.name, pid=bank.pid)
    bank.kill()
    told = caio.told()
    _tell(stage, "caio", told)
    resolved = told.resolve()
    _tell_resolved(stage, "caio", resolved)

    stage.check(caio.was_seen and str(told) == str(resolved) == UNKNOWN,
                "killed: {told}; resolve told the same after {took_ms:.1f} ms: "
                "the only process that knew is dead", told=told, took_ms=resolved.took_ms)


def _running_deposit(stage: Stage, client: Client, bank: Actor, account: str) -> Deposit:
    """Starts a deposit, and waits until the bank counts the coins."""
    deposit = Deposit(client, account)
    deposit.was_seen = stage.until(lambda: bool(bank.status()["running"]), PATIENCE_S)
    if deposit.was_seen:
        stage.tell("{account}: deposit_coins({cents}) is running: {name} counts the coins",
                   account=account, cents=CENTS, name=bank.name)
    return deposit


def _tell(stage: Stage, account: str, told: Told) -> None:
    stage.tell("{account}: deposit_coins({cents}) → {told}, after {took_ms:.0f} ms",
               account=account, cents=CENTS, told=told, took_ms=told.took_ms)


def _tell_resolved(stage: Stage, account: str, told: Told) -> None:
    """What `resolve` told, and what that means."""
    if isinstance(told.error, NotSent):
        stage.tell("{account}: resolve() → {told}: it has not run, and it never will",
                   style="passed", account=account, told=told)
    elif isinstance(told.error, CallError):
        stage.tell("{account}: resolve() → {told}: nobody can know", style="strong",
                   account=account, told=told)
    else:
        stage.tell("{account}: resolve() → {told}: it has run", style="passed",
                   account=account, told=told)
