"""Steps 5 to 8: while things break. Each observes, tells what it saw, and adds the checks of its proof."""

from __future__ import annotations

import time
from xmlrpc.client import Fault, ServerProxy

from classroom.cast import CAN_FREEZE, Actor
from classroom.load import CallRecord, Load, failed, slowest_s
from classroom.stage import CALL_TIMEOUT_S, SERVERS, Skipped, Stage
from client import CallError, Client, NotSent, Trace
from lab.tcp_relay import Fate, TcpRelay
from ponte.net.address import show

CALLERS = 8
SAMPLE = 100            # calls to see before and after something happens
DEAD_S = 2.5            # a killed server is out of lookup by then: its lease, and the registry's next look
FROZEN_S = 3.0          # and so is a frozen one
BACK_S = 1.0            # one that thawed is back by then: one beat
SLOW_S = 0.25           # a call that took longer has waited for the frozen server
PATIENCE_S = 10.0       # how long we watch for something that should have come long ago
CENTS = 100
LOST_REPLY = Fate(cut_reply_at=0)


# ---- 5 kill -> fallback ---------------------------------------------------------------------------------

def kill(stage: Stage) -> None:
    cast, victim = stage.cast, "server-2"
    retries_before = _proxy_retries(stage)
    with Load(stage.client.whoami, CALLERS) as load:
        stage.until(lambda: load.count() >= SAMPLE, PATIENCE_S)
        stage.tell("kill.load", callers=CALLERS, count=load.count(), names=_names(load.seen))
        killed_at = time.monotonic()
        cast[victim].kill()
        stage.tell("kill.kill", at=killed_at, name=victim, pid=cast[victim].pid, style="failed")
        dead_at = time.monotonic()
        gone = stage.until(lambda: victim not in cast.lookup("greeter"), PATIENCE_S)
        gone_s = time.monotonic() - killed_at
        enough = load.count() + SAMPLE
        stage.until(lambda: load.count() >= enough, PATIENCE_S)
    calls = load.seen
    flying = sum(call.began <= killed_at < call.ended for call in calls)
    stage.tell("kill.retries", flying=flying, retries=_proxy_retries(stage) - retries_before)
    _start_again(stage, victim)
    after = [call for call in calls if call.began > dead_at]
    stage.check(not failed(calls), "kill.failed", calls=len(calls), failed=len(failed(calls)),
                slowest_ms=slowest_s(calls) * 1000)
    stage.check(bool(after) and victim not in {call.by for call in after}, "kill.others", count=len(after),
                names=_names(after))
    stage.check(gone and gone_s <= DEAD_S, "kill.gone", name=victim, gone_s=gone_s, limit_s=DEAD_S)


def _proxy_retries(stage: Stage) -> int:
    return int(stage.cast["proxy-1"].status()["requests"]["retries"])


def _start_again(stage: Stage, name: str) -> None:
    stage.tell("kill.again", name=name)
    stage.cast.start_server(name, "greeter", stage.cast["registry"]).await_banner()
    stage.until(lambda: name in stage.cast.lookup("greeter"), PATIENCE_S)


def _names(calls: list[CallRecord]) -> str:
    return ", ".join(sorted({call.by for call in calls if call.by})) or "?"


# ---- 6 freeze -> suspicion ------------------------------------------------------------------------------

def freeze(stage: Stage) -> None:
    if not CAN_FREEZE:
        raise Skipped(stage.words("freeze.windows"))
    cast, victim = stage.cast, "server-3"

    def state() -> str:
        return str(cast.lookup("greeter").get(victim, {}).get("state", "gone"))

    with Load(stage.client.whoami, CALLERS) as load:
        stage.until(lambda: load.count() >= SAMPLE, PATIENCE_S)
        stage.tell("freeze.freeze", name=victim, pid=cast[victim].pid, style="failed")
        cast[victim].freeze()
        frozen_at = time.monotonic()
        stage.until(lambda: state() != "up", PATIENCE_S)
        suspect_s = time.monotonic() - frozen_at
        gone = stage.until(lambda: state() == "gone", PATIENCE_S)
        gone_s = time.monotonic() - frozen_at
        during = [call for call in load.seen if call.ended > frozen_at]
        _tell_slow(stage, during)
        thawed_at = time.monotonic()
        cast[victim].thaw()
        stage.tell("freeze.thaw", at=thawed_at, name=victim)
        back = stage.until(lambda: state() == "up", PATIENCE_S)
        back_s = time.monotonic() - thawed_at
        answers = stage.until(lambda: _answered_since(load.seen, victim, thawed_at), PATIENCE_S)
    if answers:
        stage.tell("freeze.answers", name=victim)
    by_victim = [call for call in during if call.began > frozen_at and call.by == victim]
    stage.check(gone and suspect_s < gone_s <= FROZEN_S, "freeze.suspect", suspect_s=suspect_s, gone_s=gone_s,
                limit_s=FROZEN_S)
    stage.check(not failed(load.seen), "freeze.failed", calls=len(during), failed=len(failed(load.seen)),
                slowest_ms=slowest_s(during) * 1000)
    stage.check(not by_victim, "freeze.others", name=victim, count=len(by_victim))
    stage.check(back and back_s <= BACK_S and answers, "freeze.back", back_s=back_s, limit_s=BACK_S)


def _tell_slow(stage: Stage, calls: list[CallRecord]) -> None:
    slow = [call for call in calls if call.took_s > SLOW_S]
    stage.tell("freeze.slow", count=len(slow), slowest_ms=slowest_s(slow) * 1000)


def _answered_since(calls: list[CallRecord], name: str, since: float) -> bool:
    return any(call.by == name and call.began > since for call in reversed(calls))


# ---- 7 a lost reply -> no double execution --------------------------------------------------------------

def lost_reply(stage: Stage) -> None:
    """The bank has a registry of its own and no proxy, so that the client's trace shows every attempt."""
    cast, relay = stage.cast, TcpRelay()
    registry = cast.start_registry("bank-registry")
    bank = cast.start_server("bank-1", "bank", registry, advertise=relay.address).await_banner()
    relay.target = bank.address
    stage.until(lambda: "bank-1" in cast.lookup("bank", "bank-registry"), PATIENCE_S)
    stage.tell("lost.relay", address=show(relay.address))
    attempts: list[Trace] = []
    with ServerProxy(f"http://{show(relay.address)}/bank") as stock, \
            Client("bank", registries=[registry.address], on_attempt=attempts.append) as ponte:
        stock_runs = _deposit_with_stock(stage, relay, stock, bank)
        ponte_runs = _deposit_with_ponte(stage, relay, ponte, bank, attempts)
        tried = len(attempts)
        ana, bia = ponte.balance("ana"), ponte.balance("bia")
    relay.close()
    stage.check(relay.cuts == 2, "lost.cut", lost=relay.cuts)
    stage.check(stock_runs == 2 and ana == 2 * CENTS, "lost.twice", runs=stock_runs, balance=ana, cents=CENTS)
    stage.check(ponte_runs == 1 and bia == CENTS and tried == 2, "lost.once", runs=ponte_runs, attempts=tried,
                balance=bia)


def _deposit_with_stock(stage: Stage, relay: TcpRelay, stock: ServerProxy, bank: Actor) -> int:
    """One deposit of Python's own client, whose reply is lost; how often the bank ran it."""
    before = _requests(bank)["calls"]
    relay.arm(LOST_REPLY)
    try:
        value: object = stock.deposit("ana", CENTS)
    except (OSError, Fault) as error:
        value = f"{type(error).__name__}: {error}"
    stage.tell("lost.stock", cents=CENTS, value=value, style="failed")
    if isinstance(value, int):
        stage.tell("lost.silent")
    return _requests(bank)["calls"] - before


def _deposit_with_ponte(stage: Stage, relay: TcpRelay, ponte: Client, bank: Actor, attempts: list[Trace]) -> int:
    """The same with Ponte's."""
    before = _requests(bank)
    relay.arm(LOST_REPLY)
    try:
        value: object = ponte.deposit("bia", CENTS)
    except (CallError, Fault) as error:
        value = f"{type(error).__name__}: {error}"
    for number, trace in enumerate(attempts, 1):
        stage.tell("lost.attempt", number=number, what=trace.what, took_ms=trace.took_s * 1000)
    after = _requests(bank)
    if after["repeats"] > before["repeats"]:
        stage.tell("lost.memory")
    stage.tell("lost.ponte", cents=CENTS, value=value, style="passed")
    return after["calls"] - before["calls"]


def _requests(bank: Actor) -> dict[str, int]:
    """What the bank counts: calls that it ran, and repeats that it answered from memory."""
    return {name: int(count) for name, count in bank.status()["requests"].items()}


# ---- 8 everything down, and back up ---------------------------------------------------------------------

def everything_down(stage: Stage) -> None:
    stage.client.hello("Hello")         # so that connections to the victims are open
    port = stage.cast["registry"].address[1]
    names = stage.cast.names()
    stage.cast.kill_all()
    stage.tell("down.kill", count=len(names), names=", ".join(names), style="failed")
    began = time.monotonic()
    error = _call(stage)
    took_s = time.monotonic() - began
    _tell_error(stage, error, took_s)
    stage.tell("down.again")
    again_at = time.monotonic()
    _start_everything(stage, port)
    value = _call_until_answered(stage)
    back_s = time.monotonic() - again_at
    stage.tell("down.world", value=value, style="passed")
    reached = [trace for trace in error.attempts if not trace.what.startswith("connect")] if error else []
    stage.check(isinstance(error, NotSent) and error.meaning in str(error) and not reached, "down.honest",
                error=type(error).__name__, meaning=error.meaning if error else "?",
                attempts=len(error.attempts) if error else 0)
    stage.check(error is not None and took_s < CALL_TIMEOUT_S, "down.soon", took_ms=took_s * 1000,
                timeout_ms=CALL_TIMEOUT_S * 1000)
    stage.check(value == "World", "down.back", value=value, back_s=back_s)


def _call(stage: Stage) -> CallError | None:
    try:
        stage.client.hello("Hello")
        return None
    except CallError as error:
        return error


def _tell_error(stage: Stage, error: CallError | None, took_s: float) -> None:
    told = f"{type(error).__name__}: {error.meaning}" if error else "?"
    stage.tell("down.call", error=told, took_ms=took_s * 1000, style="strong")
    for number, trace in enumerate(error.attempts if error else (), 1):
        stage.tell("down.attempt", number=number, attempt=trace)


def _start_everything(stage: Stage, port: int) -> None:
    """The registry comes back where the client knows it; all others on any port."""
    registry = stage.cast.start_registry(port=port)
    actors = [stage.cast.start_server(name, "greeter", registry) for name in SERVERS]
    for actor in [*actors, stage.cast.start_proxy("proxy-1", registry)]:
        actor.await_banner()


def _call_until_answered(stage: Stage) -> object:
    values: list[object] = []

    def answered() -> bool:
        try:
            values.append(stage.client.hello("Hello"))
        except NotSent:
            return False
        return True

    stage.until(answered, PATIENCE_S)
    return values[-1] if values else "?"
