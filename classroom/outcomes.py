"""Steps 7 and 8: a reply is lost, and then everything. What is the caller told, and is it true?

Each step predicts, shows what happens, and adds the checks of its proof.
"""

from __future__ import annotations

import time
from xmlrpc.client import Fault, ServerProxy

from classroom.cast import Actor
from classroom.stage import CALL_TIMEOUT_S, SERVERS, Answers, Stage
from client import CallError, Client, NotSent, Trace
from lab.tcp_relay import Fate, TcpRelay
from ponte.net.address import show

CENTS = 100
# The request passes, the server runs the call, and no byte of its reply comes back.
LOST_REPLY = Fate(cut_reply_at=0)
# How long we wait for what should have happened long before, in seconds.
PATIENCE_S = 10.0


# ---- 7 a lost reply -> no double execution ------------------------------------------------------

def lost_reply(stage: Stage) -> None:
    """The bank has its own registry and no proxy: so the client's trace shows every attempt."""
    stage.predict("A REPLY IS LOST",
                  "deposit({cents}) runs, but its reply is lost, and the client tries again. "
                  "The balance?", "A LOST REPLY → NO DOUBLE EXECUTION",
                  Answers("0: no answer, no deposit",
                          "100, with any client",
                          "200, with any client",
                          "200 with xmlrpc.client, 100 with Ponte", right=3), cents=CENTS)
    cast, relay = stage.cast, stage.relay("bank-1")
    registry = cast.start_registry("bank-registry")
    bank = cast.start_server("bank-1", "bank", registry, advertise=relay.address).await_banner()
    relay.target = bank.address
    stage.until(lambda: "bank-1" in cast.lookup("bank", "bank-registry"), PATIENCE_S)
    stage.tell("bank-1 stands behind a relay at {address}, which will lose replies",
               address=show(relay.address))
    attempts: list[Trace] = []
    with ServerProxy(f"http://{show(relay.address)}/bank") as stock, \
            Client("bank", registries=[registry.address], on_attempt=attempts.append) as ponte:
        # The first call of a client also asks for a session. No reply to that is to be lost here.
        ponte.deposit("caio", CENTS)
        attempts.clear()
        stock_runs = _deposit_with_stock(stage, relay, stock, bank)
        ponte_runs = _deposit_with_ponte(stage, relay, ponte, bank, attempts)
        attempts_made = len(attempts)
        ana, bia = ponte.balance("ana"), ponte.balance("bia")
    relay.close()

    stage.check(relay.cuts == 2, "the relay lost {lost} replies, one for each client",
                lost=relay.cuts)
    stage.check(stock_runs == 2 and ana == 2 * CENTS,
                "xmlrpc.client: 1 call, executions: {runs}; "
                "the balance of ana is {balance}, not {cents}",
                runs=stock_runs, balance=ana, cents=CENTS)
    stage.check(ponte_runs == 1 and bia == CENTS and attempts_made == 2,
                "Ponte: 1 call, {attempts} attempts, executions: {runs}; "
                "the balance of bia is {balance}",
                attempts=attempts_made, runs=ponte_runs, balance=bia)


def _deposit_with_stock(stage: Stage, relay: TcpRelay, stock: ServerProxy, bank: Actor) -> int:
    """Python's own client makes a deposit, and the reply is lost. How often the bank ran it."""
    before = _requests(bank)["calls"]
    relay.arm(LOST_REPLY)
    try:
        value: object = stock.deposit("ana", CENTS)
    except (OSError, Fault) as error:
        value = f"{type(error).__name__}: {error}"
    stage.say(f'xmlrpc.client: deposit("ana", {CENTS}) → {value}', style="failed")
    if isinstance(value, int):
        stage.tell("its caller saw one call, one value, and no error")
    return _requests(bank)["calls"] - before


def _deposit_with_ponte(stage: Stage, relay: TcpRelay, ponte: Client, bank: Actor,
                        attempts: list[Trace]) -> int:
    """Ponte's client makes a deposit, and the reply is lost. How often the bank ran it."""
    before = _requests(bank)
    relay.arm(LOST_REPLY)
    try:
        value: object = ponte.deposit("bia", CENTS)
    except (CallError, Fault) as error:
        value = f"{type(error).__name__}: {error}"
    for number, trace in enumerate(attempts, 1):
        stage.tell("Ponte attempt {number}: {what} ({took_ms:.1f} ms)", number=number,
                   what=trace.what, took_ms=trace.took_s * 1000)
    after = _requests(bank)
    if after["repeats"] > before["repeats"]:
        stage.tell("bank-1 knew the call's number: it sent the first reply again, and ran nothing")
    stage.say(f'Ponte: deposit("bia", {CENTS}) → {value}', style="passed")
    return after["calls"] - before["calls"]


def _requests(bank: Actor) -> dict[str, int]:
    """What the bank counts: calls that it ran, and repeats that it answered from memory."""
    return {name: int(count) for name, count in bank.status()["requests"].items()}


# ---- 8 everything down, and back up -------------------------------------------------------------

def everything_down(stage: Stage) -> None:
    stage.predict("EVERYTHING DIES",
                  "Registry, proxy and all servers die at once. "
                  "What does the client say, and when?", "EVERYTHING DOWN → AN HONEST ERROR",
                  Answers("Nothing: it waits until somebody is back",
                          "At once: the call has not run",
                          "After its timeout: the call may have run",
                          "It answers from its memory", right=1))
    # So that the client has open connections to processes that are about to die.
    stage.client.hello("Hello")
    registry_port = stage.cast["registry"].address[1]
    names = stage.cast.names()
    stage.cast.kill_all()
    stage.tell("kill -9 for {count} processes: {names}", style="failed",
               count=len(names), names=", ".join(names))

    began = time.perf_counter()
    error = _call(stage)
    took_s = time.perf_counter() - began
    name, meaning, attempts = (
        (type(error).__name__, error.meaning, error.attempts) if error else ("?", "?", ()))
    stage.tell('client: hello("Hello") → {error}: {meaning}, after {took_ms:.0f} ms',
               style="strong", error=name, meaning=meaning, took_ms=took_s * 1000)
    for number, trace in enumerate(attempts, 1):
        stage.say(f"{number}. {trace}")

    stage.tell("everything starts again; the client was not restarted")
    restarted_at = time.perf_counter()
    _start_everything(stage, registry_port)
    value = _call_until_answered(stage)
    back_s = time.perf_counter() - restarted_at
    stage.say(f'client: hello("Hello") → {value}', style="passed")

    reached = [trace for trace in attempts if not trace.what.startswith("connect")]
    stage.check(isinstance(error, NotSent) and meaning in str(error) and not reached,
                '{error} says "{meaning}": {attempts} endpoints tried, none of them reached',
                error=name, meaning=meaning, attempts=len(attempts))
    stage.check_limit(error is not None and took_s < CALL_TIMEOUT_S,
                      "the error came after {took_ms:.0f} ms; "
                      "the call's timeout is {timeout_ms:.0f} ms",
                      took_ms=took_s * 1000, timeout_ms=CALL_TIMEOUT_S * 1000)
    stage.check_limit(value == "World",
                      'the same client got "{value}" again, {back_s:.2f} s after the new start',
                      value=value, back_s=back_s)


def _call(stage: Stage) -> CallError | None:
    try:
        stage.client.hello("Hello")
        return None
    except CallError as error:
        return error


def _start_everything(stage: Stage, registry_port: int) -> None:
    """The registry starts where the client knows it; all others start on any port."""
    registry = stage.cast.start_registry(port=registry_port)
    actors = [stage.cast.start_server(name, "greeter", registry) for name in SERVERS]
    for actor in [*actors, stage.cast.start_proxy("proxy-1", registry)]:
        actor.await_banner()


def _call_until_answered(stage: Stage) -> object:
    """The value of the first call that is answered; "?" if none is."""
    values: list[object] = []

    def answered() -> bool:
        try:
            values.append(stage.client.hello("Hello"))
        except NotSent:
            return False
        return True

    stage.until(answered, PATIENCE_S)
    return values[-1] if values else "?"
