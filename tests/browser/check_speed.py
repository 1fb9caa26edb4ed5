"""How quick the page is: measured in the browser, and told.

A machine that is busy is slower. A loop of known length says how much, and the limits are that much
wider: what is measured is the page, and not its neighbours.
"""

from __future__ import annotations

import statistics

from tests.browser.checks import check
from tests.browser.chromium import Chromium
from tests.browser.stage import LARGE, Stage
from tests.browser.tab import Tab
from tests.browser.tracing import frames_of

# Milliseconds: script and layout of a frame at the median; from a click to the picture.
FRAME_MS, CLICK_MS = 8.0, 250.0
# Milliseconds that the loop takes on an idle machine of 2024; and the loop.
LOOP_MS = 12.0
LOOP = """(() => { const times = []; for (let round = 0; round < 7; round++) {
    const began = performance.now(); let sum = 0;
    for (let n = 0; n < 6e6; n++) sum = (sum * 31 + n) | 0;
    window.kept = sum; times.push(performance.now() - began); }
    return times.sort((a, b) => a - b)[3]; })()"""
# Calls a second, and seconds of it; a burst of so many calls on top.
RATE_PER_S, FLOOD_S, BURST, BURSTS = 50, 4.0, 100, 10
# Pairs of clicks.
CLICKS = 6


@check("a flood", alone=True)
def flood(chromium: Chromium) -> str:
    """50 calls a second and a burst of 1,000: a frame's script and layout take 8 ms at most."""
    with Stage(chromium, size=LARGE) as stage:
        page = stage.page
        assert page.evaluate(f"Ponte.act('rate', {{ per_s: {RATE_PER_S} }}).then(Boolean)")
        stage.wait("state.counters.calls + state.counters.untold > 80", "the flood has begun", 20)
        slower = slowness(page)
        steady = frames_of(page, FLOOD_S)
        page.evaluate(f"void [...Array({BURSTS})].map(() => Ponte.act('burst', {{ count: {BURST} "
                      "}))")
        wild = frames_of(page, FLOOD_S)
        stage.wait("state.counters.calls + state.counters.untold > 1100", "the burst is counted",
                   30)
        told = []
        for name, frames in (("steady", steady), ("burst", wild)):
            assert len(frames) > 20, f"{name}: only {len(frames)} frames: nothing moves"
            median = statistics.median(frames)
            told.append(f"{name} {median:.1f} ms (p95 {quantile(frames, 0.95):.1f}, "
                        f"{len(frames) / FLOOD_S:.0f} frames/s)")
            assert median <= FRAME_MS * slower, f"{told}, the machine is {slower:.1f} x slower"
        return ", ".join(told) + f"; machine {slower:.1f} x"


@check("click to picture", alone=True)
def click_to_picture(chromium: Chromium) -> str:
    """From a click to the picture of what it did: 250 ms at the median."""
    with Stage(chromium) as stage:
        stage.wait("state.counters.calls > 2", "some calls")
        stage.pick("server-1")
        slower = slowness(stage.page)
        times = []
        for _ in range(CLICKS):
            for what, word in (("freeze", "frozen"), ("thaw", "runs")):
                button = f'button[data-do="{what}"][data-who="server-1"]'
                stage.page.wait(f"document.querySelector('{button}')", f"a button {what!r}")
                told = stage.watch({"seen": f"part('server-1', 'state').includes('{word}')"})
                stage.page.click(button)
                times.append(told()["seen"])
        median = statistics.median(times)
        assert median <= CLICK_MS * slower, f"{median:.0f} ms at the median of {sorted(times)}"
        return (f"median {median:.0f} ms, worst {max(times):.0f} ms of {len(times)}; "
                f"machine {slower:.1f} x")


def slowness(page: Tab) -> float:
    """How many times longer a loop takes here than on an idle machine; 1 at least, 6 at most."""
    return min(max(float(page.evaluate(LOOP)) / LOOP_MS, 1.0), 6.0)


def quantile(values: list[float], part: float) -> float:
    return sorted(values)[min(int(len(values) * part), len(values) - 1)]
