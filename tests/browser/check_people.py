"""Everybody can use it: by keys alone, without colours, without motion, on paper."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.browser.check_time import TWO_FRAMES
from tests.browser.checks import check
from tests.browser.chromium import Chromium
from tests.browser.stage import Stage
from tests.browser.tab import Tab
from tests.system.harness import wait_until

# Tab is pressed as often to go round the page once.
ROUND = 80
# What has the focus, whether it looks otherwise than without, and whether it has a name.
FOCUS = """(() => {
    const e = document.activeElement;
    if (!e || e === document.body || e === document.documentElement) return null;
    const box = e.getBoundingClientRect();
    const looks = () => [e, ...[...e.querySelectorAll("*")].slice(0, 12)].map(each => {
        const s = getComputedStyle(each);
        return [s.outlineStyle === "none" ? "" : s.outlineWidth + s.outlineColor, s.boxShadow,
            s.stroke, s.strokeWidth, s.borderColor, s.backgroundColor, s.fill].join();
    }).join();
    const focused = looks();
    e.blur();
    const blurred = looks();
    e.focus({ focusVisible: true });
    const { do: does, who, call } = e.dataset;
    const name = e.id || does || who || call || e.outerHTML.slice(0, 80);
    return { name, seen: focused !== blurred && box.width > 0
        && box.right > 0 && box.bottom > 0 && box.left < innerWidth && box.top < innerHeight,
        named: !!(e.getAttribute("aria-label") || e.title || e.textContent.trim()
            || e.getAttribute("aria-labelledby") || e.labels?.length) };
})()"""
# What moves by itself.
MOTIONS = """document.getAnimations().filter(a => a.playState === "running"
    && a.effect.getComputedTiming().duration > 1)
    .map(a => a.effect.target?.outerHTML.slice(0, 80))"""


@check("keyboard alone")
def keyboard(chromium: Chromium) -> None:
    """A whole story without a mouse: pick, kill, pause, step, live, save; the focus is seen."""
    with Stage(chromium) as stage, tempfile.TemporaryDirectory() as folder:
        page = stage.page
        page.key("2", "k")
        stage.wait_for_part("server-2", "state", "killed")
        stage.wait_for_registry("server-2", "")
        page.key("1", "f")
        stage.wait_for_part("server-1", "state", "frozen")
        page.key("t")
        stage.wait_for_part("server-1", "state", "runs")
        page.key("l")
        stage.wait("state.procs.get('server-1').link.loses || state.log.some(line => "
                   "line.key.startsWith('log.lost'))", "a reply is to be lost")
        page.key("3", "d")
        stage.wait_for_registry("server-3", "")
        page.key(".")
        stage.wait("Ponte.player.mode === 'paused'", "paused by the presenter's key")
        at = stage.state("state.s")
        page.key("ArrowLeft", "ArrowLeft")
        stage.wait(f"state.s < {at}", "stepped back")
        page.key(" ")
        stage.wait("Ponte.player.mode === 'playing'", "it plays on from there")
        page.key("End")
        stage.wait("Ponte.player.mode === 'live'", "live again")
        names = go_round(page)
        for needed in ("pause", "save", "language", "theme"):
            assert needed in names, f"Tab never reaches {needed!r}: {names[-40:]}"
        with page.downloads_to(folder):
            page.evaluate("document.querySelector('button[data-do=\"save\"]').focus()")
            page.key("Enter")
            wait_until(lambda: list(Path(folder).glob("*.html")), 15, "saved by Enter")


def go_round(page: Tab) -> list[str]:
    """Presses Tab through the page: each stop is seen, and says what it is. Returns the names."""
    names: list[str] = []
    page.evaluate("document.activeElement?.blur()")
    for _ in range(ROUND):
        page.key("Tab")
        stop = page.evaluate(FOCUS)
        if stop is None or (names and stop["name"] == names[0]):
            break
        assert stop["seen"], f"the focus on {stop['name']} is not seen"
        assert stop["named"], f"{stop['name']} has no name for a screen reader"
        names.append(stop["name"])
    return names


@check("reduced motion")
def reduced_motion(chromium: Chromium) -> None:
    """Who asks for less motion sees nothing travel, and is told the same."""
    with Stage(chromium) as stage:
        stage.page.media(prefers_reduced_motion="reduce")
        stage.page.reload()
        stage.wait("state.counters.calls > 4", "some calls")
        stage.press("burst")
        moved = stage.page.evaluate("""new Promise(done => {
            const moves = new Set(), places = new Map(), steps = new Map();
            const began = performance.now();
            const look = () => {
                for (const each of document.querySelectorAll(".layer-moving *")) {
                    const { x, y, width } = each.getBoundingClientRect();
                    const before = places.get(each);
                    // Some short steps, one frame after the other, are a journey. A node may be
                    // used again for another message: that is one step.
                    const step = before ? Math.hypot(x - before.x, y - before.y) : 0;
                    const isShort = width > 0 && step > 0.5 && step < 60;
                    steps.set(each, isShort ? (steps.get(each) ?? 0) + 1 : 0);
                    if (steps.get(each) > 3) moves.add(each.outerHTML.slice(0, 100));
                    places.set(each, { x, y });
                }
                if (performance.now() - began < 2500) requestAnimationFrame(look);
                else done([...moves].slice(0, 3));
            };
            look();
        })""")
        assert not moved, f"these travel: {moved}"
        running = stage.page.evaluate(MOTIONS)
        assert not running, f"these are animated: {running}"
        rows = stage.page.evaluate("document.querySelectorAll('[data-call]').length")
        assert rows > 3, "the calls are told as ever"


@check("grey")
def grey(chromium: Chromium) -> None:
    """Without colours each state still has a word, and each message a shape."""
    with Stage(chromium) as stage:
        stage.page.grey()
        words = {"server-1": "runs", "server-2": "killed", "server-3": "frozen"}
        stage.do("kill", "server-2")
        stage.do("freeze", "server-3")
        for who, word in words.items():
            stage.wait_for_part(who, "state", word)
        stage.press("burst")
        stage.page.wait("""["dot", "square"].every(shape =>
            document.querySelector(`.message.${shape}:not([visibility="hidden"])`))""",
                        "a dot and a square are on their way")
        stage.wait("state.counters.unknown > 0 || state.order.length > 20", "calls", 20)
        outcomes = stage.page.evaluate(
            "[...document.querySelectorAll('[data-call] [data-part=\"outcome\"]')]"
            ".map(e => e.textContent.trim())")
        assert outcomes and all(outcomes), f"an outcome without a word or sign: {outcomes}"


@check("print")
def print_it(chromium: Chromium) -> None:
    """On paper the page is light, without buttons, and nothing is cut."""
    with Stage(chromium) as stage:
        stage.wait("state.counters.calls > 8", "some calls")
        stage.press("theme")
        stage.press("pause")
        stage.page.media("print")
        stage.page.evaluate(TWO_FRAMES)
        pale = stage.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert pale in ("rgb(255, 255, 255)", "rgba(0, 0, 0, 0)"), f"paper is white, not {pale}"
        buttons = stage.page.evaluate(
            "[...document.querySelectorAll('button[data-do]')].filter(e => e.offsetWidth)"
            ".map(e => e.dataset.do)")
        assert not buttons, f"nobody can press a button on paper: {buttons}"
        assert len(stage.page.pdf()) > 10_000
