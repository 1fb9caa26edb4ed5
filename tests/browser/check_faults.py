"""Every fault is clicked, and what the page then says is held against what the processes say."""

from __future__ import annotations

from tests.browser.checks import check
from tests.browser.chromium import Chromium
from tests.browser.stage import Stage
from tests.system.harness import wait_until

VICTIM = "server-2"
# Milliseconds after the click. The lease is two seconds long, and burns down after the last beat.
KILLED_MS, EXPIRED_MS = 500, 2500
# Times that a fault is let loose until the call that meets it is one of `buy`.
TRIES = 8
# Seconds within which a call meets a dead server, if any does.
MEETS_S = 4.0
# Purchases at once: enough that several meet each server.
BUYS = 24


@check("kill", alone=True)
def kill(chromium: Chromium) -> str:
    """kill -9: "killed" beside "registry says up" at once, expired later, the call on its way."""
    with Stage(chromium) as stage:
        page = stage.page
        stage.pick(VICTIM)
        told = stage.watch({
            "killed": f"part({VICTIM!r}, 'state').includes('killed')"
                      f" && part({VICTIM!r}, 'belief').includes('up')",
            "expired": f"part({VICTIM!r}, 'belief').includes('expired')"})
        button = f'button[data-do="kill"][data-who="{VICTIM}"]'
        page.wait(f"document.querySelector({button!r})?.offsetWidth", "there is a button")
        page.click(button)
        stage.press("burst")
        times = told()
        assert times["killed"] <= KILLED_MS, f"'killed' beside 'up' after {times['killed']} ms"
        assert times["expired"] <= EXPIRED_MS, f"'expired' after {times['expired']} ms"
        stage.wait_for_registry(VICTIM, "")
        met = refused_call(stage, VICTIM)
        stage.show(met)
        way = page.text(f'[data-call="{met}"] [data-part="way"]')
        assert VICTIM in way and way.count("server-") >= 2, f"both attempts are shown: {way!r}"
        stage.wait_for_arrow("refused")
        assert stage.state("state.counters.unknown + state.counters.notSent") == 0
        return f"killed after {times['killed']:.0f} ms, expired after {times['expired']:.0f} ms"


@check("start again")
def start_again(chromium: Chromium) -> None:
    """A killed server starts again: another process of that name, and the registry has it."""
    with Stage(chromium) as stage:
        before = stage.state(f"state.procs.get({VICTIM!r}).pid")
        stage.do("kill", VICTIM)
        stage.wait_for_part(VICTIM, "state", "killed")
        stage.wait_for_registry(VICTIM, "")
        stage.do("start", VICTIM)
        stage.wait(f"(p => p.state === 'up' && p.pid !== {before})(state.procs.get({VICTIM!r}))",
                   "another process is up")
        stage.wait_for_part(VICTIM, "belief", "up")
        stage.wait_for_registry(VICTIM, "up")
        assert stage.status(VICTIM)["instance"] == VICTIM


@check("freeze, buy, thaw")
def freeze_buy_thaw(chromium: Chromium) -> None:
    """Freeze, buy, thaw: one run, an arrow that comes late, unknown, and later resolved."""
    with Stage(chromium) as stage:
        # The proxy must have sessions there: a first call to a frozen server is not even sent.
        stage.buy(BUYS)
        stage.wait(f"state.procs.get({VICTIM!r}).ran > 3", "it has run calls", 20)
        stage.do("freeze", VICTIM)
        stage.wait_for_part(VICTIM, "state", "frozen")
        stage.buy(BUYS)
        met = stage.wait(call_with(f"hops.some(h => h.to === {VICTIM!r})", "call.method === 'buy'",
                                   "call.outcome === 'unknown'"),
                         "a buy that may have run has the outcome unknown", 20)
        stage.wait_for_part(VICTIM, "belief", "expired")
        stage.show(met)
        stage.do("thaw", VICTIM)
        stage.wait_for_part(VICTIM, "state", "runs")
        stage.wait(f"(c => c.hops.some(h => h.lost === 'late'))(state.calls.get({met!r}))",
                   "what was lost came late")
        stage.wait_for_arrow("late")
        runs = stage.wait(f"(c => c.works.filter(w => w.kind === 'run').length)"
                          f"(state.calls.get({met!r}))", "the late one ran")
        assert runs == 1, f"one run, not {runs}"
        stage.page.wait("document.querySelectorAll('#diagram [data-bar=\"run\"]').length === 1",
                        "one bar says that it ran")
        stage.resolve(met)
        stage.wait(f"(c => c.resolved?.outcome === 'answered')(state.calls.get({met!r}))",
                   "the unknown is resolved")
        stage.wait_for_registry(VICTIM, "up")
        held_against_sales(stage)


@check("lose a reply")
def lose_reply(chromium: Chromium) -> None:
    """The reply to a buy is lost: it ran once, and the repeat is answered from memory."""
    with Stage(chromium) as stage:
        for _ in range(TRIES):
            before = stage.state("state.s")
            stage.do("lose reply", VICTIM)
            met = stage.wait(call_with(f"hops.some(h => h.to === {VICTIM!r} && h.lost === 'reply'"
                                       f" && h.t0 > {stage.state('state.t')} - 60000)",
                                       "call.outcome !== null",
                                       f"call.events.some(e => e.s > {before})"),
                             "a call whose reply was lost")
            if stage.state(f"state.calls.get({met!r}).method") == "buy":
                break
        else:
            raise AssertionError("no buy met the fault")
        call = f"state.calls.get({met!r})"
        kinds = stage.state(f"{call}.works.map(work => work.kind)")
        assert kinds == ["run", "memory"], f"one run, one answer from memory: {kinds}"
        assert stage.state(f"{call}.outcome") == "answered"
        stage.show(met)
        stage.wait_for_arrow("lost")
        for kind in ("run", "memory"):
            stage.page.wait(f"document.querySelectorAll('#diagram [data-bar=\"{kind}\"]').length"
                            " === 1", f"the diagram has one bar {kind!r}")
        held_against_sales(stage)


@check("drain")
def drain(chromium: Chromium) -> None:
    """A drained server finishes and leaves: no call fails, and page and registry say the same."""
    with Stage(chromium) as stage:
        stage.do("drain", VICTIM)
        stage.page.wait(f"(e => /drain|ended|left/.test(e.textContent))"
                        f"(document.querySelector('[data-role][data-who=\"{VICTIM}\"]'))",
                        "the page says that it drains")
        stage.wait_for_registry(VICTIM, "")
        stage.wait(f"['ended', 'gone'].includes(state.procs.get({VICTIM!r}).state)", "it has ended")
        calls = stage.state("state.counters.calls")
        stage.wait(f"state.counters.answered > {calls + 3}", "calls go on")
        failed = stage.state("[...state.calls.values()].filter(call => call.outcome !== null"
                             " && call.outcome !== 'answered').map(call => call.why)")
        assert not failed, f"calls failed: {failed}"


@check("cut and mend")
def cut_and_mend(chromium: Chromium) -> None:
    """A cut link: the registry says up of a server that no call reaches; mended, calls go on."""
    with Stage(chromium) as stage:
        stage.do("cut", VICTIM)
        stage.wait(f"state.procs.get({VICTIM!r}).link.cut", "the page knows of the cut")
        stage.press("burst")
        stage.wait(call_with(f"hops.some(h => h.to === {VICTIM!r} && h.outcome === 'unknown')"),
                   "a call met the cut", 20)
        assert stage.registered()[VICTIM] == "up" == stage.status(VICTIM)["state"]
        assert "up" in stage.part(VICTIM, "belief")
        stage.do("mend", VICTIM)
        ran = stage.state(f"state.procs.get({VICTIM!r}).ran")
        stage.wait(f"!state.procs.get({VICTIM!r}).link.cut"
                   f" && state.procs.get({VICTIM!r}).ran > {ran} + 1", "calls reach it again", 20)


@check("slow")
def slow(chromium: Chromium) -> None:
    """A slow link: calls over it take longer on the page, and others do not."""
    with Stage(chromium) as stage:
        stage.do("slow", VICTIM)
        pause = stage.wait(f"state.procs.get({VICTIM!r}).link.slowMs", "the page knows how slow")
        stage.wait(call_with(f"call.by === {VICTIM!r}", f"call.t1 - call.t0 >= {pause}"),
                   "a call took longer")
        quick = stage.wait(call_with("['server-1', 'server-3'].includes(call.by)",
                                     f"call.t1 - call.t0 < {pause}"), "others are as quick as ever")
        assert quick


@check("burst")
def burst(chromium: Chromium) -> None:
    """A burst: every call of it is counted, and the servers count the same runs."""
    with Stage(chromium) as stage:
        stage.press("burst")
        stage.wait("state.counters.calls + state.counters.untold > 25", "the burst is counted")
        stage.wait("state.open.size === 0", "all are answered")
        counters = stage.state("state.counters")
        assert counters["answered"] + counters["faults"] >= counters["calls"] - 1, counters
        assert not counters["lostEvents"], counters
        # Calls that go on would change the counts between two looks.
        assert stage.page.evaluate("Ponte.act('rate', { per_s: 0 }).then(Boolean)")
        held_against_counts(stage)


@check("more processes")
def more_processes(chromium: Chromium) -> None:
    """A fourth server, a second proxy and a second registry join at a click, and take part."""
    with Stage(chromium) as stage:
        stage.add("add")
        stage.wait("state.procs.get('server-4')?.state === 'up'", "a fourth server is up",
                   30)
        stage.wait_for_registry("server-4", "up")
        stage.wait("state.procs.get('server-4').ran > 0", "calls reach it", 20)
        stage.add("add proxy")
        stage.wait("[...state.procs.values()].filter(p => p.role === 'proxy' && p.state === 'up')"
                   ".length === 2", "two proxies are up", 30)
        stage.add("add registry")
        second = stage.wait("[...state.procs.values()].find(p => p.role === 'registry'"
                            " && p.state === 'up' && p.name !== 'registry')?.name",
                            "two registries are up", 30)
        stage.wait(f"state.leases.get({second!r})?.size >= 4", "all servers beat to the second, too"
                   , 20)
        wait_until(lambda: len(stage.registered(second)) >= 4, 10, "the second registry has them")
        known = stage.registered(second)
        for who in ("server-1", "server-4"):
            assert known[who] == "up", known
            page_says = stage.page.evaluate(
                f"[...document.querySelectorAll('[data-lease=\"{who}\"]')]"
                ".map(e => e.dataset.registry)")
            assert sorted(page_says) == sorted(["registry", second]), page_says


def call_with(*conditions: str) -> str:
    """An expression: the id of the newest call that fulfils all conditions over `call`, `hops`."""
    return ("(state.order.slice().reverse().find(id => { const call = state.calls.get(id);"
            f" const hops = call.hops; return {' && '.join(conditions)}; }}))")


def refused_call(stage: Stage, victim: str) -> str:
    """The id of a call that a dead server refused and another answered.

    The server is killed already. Its callers may all have heard of that before they called: then it
    starts again, and is killed anew.
    """
    met = call_with(f"hops.some(h => h.to === {victim!r} && h.refused)",
                    "call.outcome === 'answered'")
    for _ in range(TRIES):
        try:
            return str(stage.wait(met, "a call met the dead server", MEETS_S))
        except AssertionError:
            stage.do("start", victim)
            stage.wait_for_part(victim, "belief", "up", 20)
            stage.wait(f"state.procs.get({victim!r}).ran > 0", "it runs calls", 20)
            stage.do("kill", victim)
            stage.press("burst")
    raise AssertionError("no call met the dead server")


def held_against_sales(stage: Stage) -> None:
    """Each run of `buy` that the page has seen was one sale, as the servers themselves count."""
    servers = [f"server-{n}" for n in (1, 2, 3)]
    runs = ("Object.fromEntries([...state.calls.values()].filter(call => call.method === 'buy')"
            ".flatMap(call => call.works.filter(work => work.kind === 'run'))"
            ".reduce((sums, work) => sums.set(work.who, (sums.get(work.who) ?? 0) + 1),"
            " new Map()))")

    def same() -> bool:
        page = stage.state(runs)
        return all(page.get(who, 0) == stage.sold_in_all(who) for who in servers)
    wait_until(same, 10, f"runs on the page {stage.state(runs)}, sales by the servers "
                         f"{[stage.sold_in_all(who) for who in servers]}")


def held_against_counts(stage: Stage) -> None:
    """The page's `ran` of each server is what the server counts itself."""
    def same() -> bool:
        return all(stage.state(f"state.procs.get({who!r}).ran")
                   == stage.status(who)["requests"]["calls"] for who in ("server-1", "server-3"))
    wait_until(same, 10, "the page's runs are those that the servers count")
