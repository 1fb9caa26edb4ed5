"""The page is a fold over events: pause, step, scrub, save and replay show the same."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.browser.checks import check
from tests.browser.chromium import Chromium
from tests.browser.stage import Stage
from tests.browser.tab import Tab
from tests.system.harness import wait_until

# All that the state knows, as one text: Maps and Sets included; the picture of it beside.
STATE = """JSON.stringify(Ponte.player.state, (key, value) => key === "hop" ? undefined
    : value instanceof Map ? [...value] : value instanceof Set ? [...value] : value)"""
# What stands still: moving things are left out, and what a clock on the wall would change.
PICTURE = """(() => { const copy = document.body.cloneNode(true);
    const LIVE = `.layer-moving,script,#scrubber,[data-part="clock"]`;
    for (const each of copy.querySelectorAll(LIVE)) {
        each.remove();
    }
    return copy.innerHTML; })()"""
ROWS = ("[...document.querySelectorAll('[data-call]')].map(row => "
        "row.textContent.trim().replace(/\\s+/g, ' '))")
TWO_FRAMES = ("new Promise(done => requestAnimationFrame(() => requestAnimationFrame("
              "() => setTimeout(done, 50))))")
# Buttons that do something to a process, or to what the class sees.
ACTS = ("kill", "freeze", "thaw", "drain", "start", "lose reply", "cut", "slow", "burst", "faster",
        "open add", "predict", "story", "class")
SCRUBBER = "input#scrubber"


@check("scrubbing")
def scrubbing(chromium: Chromium) -> None:
    """Paused and moved back and forth, the page shows the same picture at the same moment."""
    with Stage(chromium) as stage:
        stage.do("lose reply", "server-1")
        stage.wait("state.counters.calls > 10", "some calls")
        stage.press_key(" ")
        stage.wait("Ponte.player.mode === 'paused'", "paused by the space bar")
        last = int(stage.page.evaluate(f"+document.querySelector('{SCRUBBER}').max"))
        seen = {}
        for at in (last // 4, last // 2, last, last // 3):
            seen[at] = moved_to(stage.page, at)
        for at in sorted(seen, reverse=True):
            again = moved_to(stage.page, at)
            for what, one, two in zip(("state", "picture"), seen[at], again):
                assert one == two, f"another {what} at {at}: {first_difference(one, two)}"
        # Steps are moments, too.
        moved_to(stage.page, last // 2)
        stage.press_key("ArrowRight")
        before = picture(stage.page)
        stage.press_key("ArrowRight", "ArrowRight", "ArrowLeft", "ArrowLeft")
        for what, one, two in zip(("state", "picture"), before, picture(stage.page)):
            assert one == two, f"two steps forth and back: {what} {first_difference(one, two)}"
        counted = stage.state("state.s")
        stage.press("live")
        stage.wait(f"Ponte.player.mode === 'live' && state.s > {counted}", "live again")


@check("save, offline")
def save(chromium: Chromium) -> str:
    """The saved page opens from disk without any request, and shows the same rows."""
    with Stage(chromium) as stage, tempfile.TemporaryDirectory() as folder:
        stage.do("lose reply", "server-1")
        stage.do("kill", "server-2")
        stage.wait("state.counters.calls > 12", "some calls")
        stage.press_key(" ")
        rows = stage.page.evaluate(f"{TWO_FRAMES}.then(() => {ROWS})")
        at = stage.state("state.s")
        file = saved_by_click(stage, folder)
        copy = opened(stage, file)
        stage.wait(f"Ponte.player.end >= {at}", "the copy has all events", tab=copy)
        moved_to_event(copy, at)
        assert copy.evaluate(ROWS) == rows, f"{copy.evaluate(ROWS)} != {rows}"
        asked = [url for url in copy.requests if not url.startswith(("data:", "blob:"))]
        assert asked == [file.as_uri()], f"requests leave the saved page: {asked}"
        assert not copy.problems, copy.problems
        no_buttons(copy)
        copy.key("ArrowLeft")
        assert stage.state("state.s", copy) < at, "it steps"
        return f"{len(file.read_bytes()) / 1000:.0f} kB"


@check("record, replay")
def record_and_replay(chromium: Chromium) -> None:
    """--record writes what --replay shows: the same calls, and nothing can be done to it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "lesson.jsonl"
        with Stage(chromium, "--record", str(file)) as stage:
            stage.do("lose reply", "server-1")
            stage.wait("state.counters.calls > 8", "some calls")
            stage.press_key(" ")
            at = stage.state("state.s")
            rows = stage.page.evaluate(f"{TWO_FRAMES}.then(() => {ROWS})")
        with Stage(chromium, "--replay", str(file), cast=()) as stage:
            stage.page.wait(f"+document.querySelector('{SCRUBBER}').max > 20", "it is there")
            moved_to_event(stage.page, at)
            again = stage.page.evaluate(ROWS)
            assert again == rows, f"{again} != {rows}"
            no_buttons(stage.page)


def picture(tab: Tab) -> tuple[str, str]:
    """The state and the document, as texts."""
    tab.evaluate(TWO_FRAMES)
    return str(tab.evaluate(STATE)), str(tab.evaluate(PICTURE))


def moved_to(tab: Tab, at: int) -> tuple[str, str]:
    """Moves the scrubber; returns the picture there."""
    tab.set_value(SCRUBBER, str(at))
    return picture(tab)


def moved_to_event(tab: Tab, s: int) -> None:
    """Shows the state after event `s`."""
    tab.evaluate(f"Ponte.player.seek({s}); Ponte.redraw()")
    tab.evaluate(TWO_FRAMES)
    assert int(tab.evaluate("Ponte.player.state.s")) == s, f"event {s} is not there"


def saved_by_click(stage: Stage, folder: str) -> Path:
    """Presses Save; returns the file when it is whole."""
    with stage.page.downloads_to(folder):
        stage.press("save")
        return wait_until(lambda: list(Path(folder).glob("*.html")), 15, "the saved file")[0]


def opened(stage: Stage, file: Path) -> Tab:
    """The saved file in a tab of its own, from disk."""
    tab = stage.open("about:blank")
    tab.go(file.as_uri())
    tab.wait("globalThis.Ponte?.player", "the saved page runs")
    return tab


def no_buttons(tab: Tab) -> None:
    """Nothing can be done to what is over."""
    left = tab.evaluate("[...document.querySelectorAll('button[data-do]')]"
                        ".filter(e => e.offsetWidth).map(e => e.dataset.do)")
    left = [each for each in left if each in ACTS]
    assert not left, f"buttons that can do nothing: {left}"
    assert tab.evaluate("document.documentElement.dataset.readonly") == "true"


def first_difference(one: str, two: str) -> str:
    """Where two texts part."""
    at = next((n for n, (a, b) in enumerate(zip(one, two)) if a != b), min(len(one), len(two)))
    return f"...{one[max(at - 60, 0):at + 60]!r} / ...{two[max(at - 60, 0):at + 60]!r}"
