"""Steps 5 and 6: a server fails, and no call does.

Each step predicts, shows what happens, and adds the checks of its proof.
"""

from __future__ import annotations

import time

from classroom.cast import CAN_FREEZE, FREEZES_BY, THAWS_BY
from classroom.load import CallRecord, Load, failed, slowest_s
from classroom.stage import Answers, Skipped, Stage

CALLERS = 8
# Calls to see before and after something happens.
SAMPLE = 100
# Within this time a killed server must be out of lookup, in seconds: the 2 s of its lease, and the
# time until the registry looks at its leases.
DEAD_S = 2.5
# The same for a frozen server.
FROZEN_S = 3.0
# Within this time a server that was thawed must be back in lookup, in seconds: one beat.
BACK_S = 1.0
# A call that took longer has waited for the frozen server, in seconds.
SLOW_S = 0.25
# How long we wait for what should have happened long before, in seconds.
PATIENCE_S = 10.0


# ---- 5 kill -> fallback -------------------------------------------------------------------------

def kill(stage: Stage) -> None:
    victim = "server-2"
    stage.predict("A SERVER DIES",
                  "{callers} callers never pause. {name} dies by kill -9. How many calls fail?",
                  "KILL → FALLBACK",
                  Answers("All, until the proxy learns of it",
                          "A third, until its lease expires",
                          "Only those that it is running",
                          "None", right=3), callers=CALLERS, name=victim)
    cast, retries_before = stage.cast, _proxy_retries(stage)
    with Load(stage.client.whoami, CALLERS) as load:
        stage.until(lambda: load.count() >= SAMPLE, PATIENCE_S)
        stage.tell("{callers} callers; {count} calls so far, answered by {names}",
                   callers=CALLERS, count=load.count(), names=_names(load.records()))

        killed_at = time.perf_counter()
        cast[victim].kill()
        dead_at = time.perf_counter()
        stage.tell("kill -9 {name} (process {pid})", at=killed_at, style="failed",
                   name=victim, pid=cast[victim].pid)
        gone = stage.until(lambda: victim not in cast.lookup("greeter"), PATIENCE_S)
        gone_s = time.perf_counter() - killed_at
        enough = load.count() + SAMPLE
        stage.until(lambda: load.count() >= enough, PATIENCE_S)

    calls = load.records()
    # In flight at the kill, or sent after it, until the proxy had learned of it: the proxy counts
    # both alike, and so do we.
    stage.tell("attempts that failed at the kill or just after: {retries}; "
               "each was made again elsewhere", retries=_proxy_retries(stage) - retries_before)
    stage.tell("{name} starts again, as a new process", name=victim)
    cast.start_server(victim, "greeter", cast["registry"]).await_banner()
    stage.until(lambda: victim in cast.lookup("greeter"), PATIENCE_S)

    after = [call for call in calls if call.began > dead_at]
    stage.check_limit(not failed(calls),
                      "{calls} calls, {failed} failed; the slowest took {slowest_ms:.0f} ms",
                      calls=len(calls), failed=len(failed(calls)),
                      slowest_ms=slowest_s(calls) * 1000)
    stage.check(bool(after) and victim not in {call.answered_by for call in after},
                "{count} of them came after the kill; all were answered by {names}",
                count=len(after), names=_names(after))
    stage.check_limit(gone and gone_s <= DEAD_S,
                      "{name} left lookup {gone_s:.2f} s after its death (at most {limit_s:.1f} s)",
                      name=victim, gone_s=gone_s, limit_s=DEAD_S)


def _proxy_retries(stage: Stage) -> int:
    return int(stage.cast["proxy-1"].status()["requests"]["retries"])


def _names(calls: list[CallRecord]) -> str:
    """The servers that answered."""
    return ", ".join(sorted({call.answered_by for call in calls if call.answered_by})) or "?"


# ---- 6 freeze -> suspicion ----------------------------------------------------------------------

def freeze(stage: Stage) -> None:
    victim = "server-3"
    stage.predict("A SERVER FREEZES", "{name} is frozen, not killed: connected, but silent. "
                                      "What happens to its calls?",
                  "FREEZE → SUSPICION",
                  Answers("They wait until it thaws",
                          "They fail with an error",
                          "They wait a while, then another server answers",
                          "They go elsewhere at once: the registry knows", right=2),
                  name=victim)
    if not CAN_FREEZE:
        raise Skipped(stage.words("this system has no SIGSTOP to freeze a process with, "
                                  "and we do not fake it"))
    cast = stage.cast

    def state() -> str:
        return str(cast.lookup("greeter").get(victim, {}).get("state", "gone"))

    with Load(stage.client.whoami, CALLERS) as load:
        stage.until(lambda: load.count() >= SAMPLE, PATIENCE_S)
        stage.tell("{signal} {name} (process {pid}): frozen", style="failed", signal=FREEZES_BY,
                   name=victim, pid=cast[victim].pid)
        cast[victim].freeze()
        frozen_at = time.perf_counter()
        stage.until(lambda: state() != "up", PATIENCE_S)
        suspect_s = time.perf_counter() - frozen_at
        gone = stage.until(lambda: state() == "gone", PATIENCE_S)
        gone_s = time.perf_counter() - frozen_at
        during = [call for call in load.records() if call.ended > frozen_at]
        slow = [call for call in during if call.took_s > SLOW_S]
        stage.tell("{count} calls waited for it, gave up, and were answered by other servers: "
                   "{slowest_ms:.0f} ms at most",
                   count=len(slow), slowest_ms=slowest_s(slow) * 1000)

        thawed_at = time.perf_counter()
        cast[victim].thaw()
        stage.tell("{signal} {name}: it continues as if nothing had happened", at=thawed_at,
                   signal=THAWS_BY, name=victim)
        back = stage.until(lambda: state() == "up", PATIENCE_S)
        back_s = time.perf_counter() - thawed_at
        answers = stage.until(lambda: _has_answered(victim, load.records(), since=thawed_at),
                              PATIENCE_S)
    if answers:
        stage.tell("{name} answers calls again", name=victim)

    all_failed = failed(load.records())
    by_victim = [call for call in during
                 if call.began > frozen_at and call.answered_by == victim]
    stage.check_limit(gone and suspect_s < gone_s <= FROZEN_S,
                      "suspect after {suspect_s:.2f} s, out of lookup after {gone_s:.2f} s "
                      "(at most {limit_s:.1f} s)",
                      suspect_s=suspect_s, gone_s=gone_s, limit_s=FROZEN_S)
    stage.check_limit(not all_failed,
                      "{calls} calls during the freeze, {failed} failed; "
                      "the slowest took {slowest_ms:.0f} ms", calls=len(during),
                      failed=len(all_failed), slowest_ms=slowest_s(during) * 1000)
    stage.check(not by_victim,
                "calls that began during the freeze and were answered by {name}: {count}",
                name=victim, count=len(by_victim))
    stage.check_limit(back and back_s <= BACK_S and answers,
                      "back in lookup {back_s:.2f} s after {signal} (at most {limit_s:.1f} s), "
                      "and answering", back_s=back_s, signal=THAWS_BY, limit_s=BACK_S)


def _has_answered(name: str, calls: list[CallRecord], since: float) -> bool:
    """Whether a server has answered a call that began after `since`."""
    return any(call.answered_by == name and call.began > since for call in reversed(calls))
