"""Nothing leaves its box, lies over another thing, is too small or too pale: computed in the page.

Both sizes of a projector, both languages, light and dark; quiet, and in the middle of faults; with
three servers and eight; with names of forty characters.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.browser.checks import check
from tests.browser.chromium import Chromium
from tests.browser.layout import faults
from tests.browser.stage import LARGE, SMALL, Stage
from tests.system.harness import Process

# What layout.js must find in wrong.html.
FOUND = {"contrast: pale", "below16: small", "leaves: this text leaves its box",
         "overlap: lies below / lies above", "cut: this text is longer", "covered: hidden",
         "contrast: a line of div.box", "below16: half as large", "leaves: leaves it",
         "contrast: a line of svg", "cut: shorten"}
LONG = "a-server-with-a-name-of-forty-characters"


@check("layout: the check itself")
def the_check_itself(chromium: Chromium) -> None:
    """The check of the layout finds each fault of a page that has them all, and no other."""
    tab = chromium.open(Path(__file__).with_name("wrong.html").as_uri())
    found = faults(tab)
    tab.close()
    missing = [each for each in FOUND if not any(line.startswith(each) for line in found)]
    assert not missing, f"not found: {missing}"
    fine = [line for line in found if "fine" in line]
    assert not fine, fine


@check("layout: three servers")
def three_servers(chromium: Chromium) -> None:
    """Quiet and in the middle of faults, at both sizes, in both languages, light and dark."""
    with Stage(chromium) as stage:
        stage.wait("state.counters.calls > 12", "some calls")
        look_everywhere(stage, "quiet")
        stage.do("kill", "server-2")
        stage.do("freeze", "server-3")
        stage.buy(24)
        stage.wait("state.counters.unknown > 0", "something went wrong", 25)
        stage.show(stage.wait("state.order.slice().reverse().find(id => state.calls.get(id).outcome"
                              " === 'unknown')", "an unknown call"))
        look_everywhere(stage, "after faults")


@check("layout: eight servers")
def eight_servers(chromium: Chromium) -> None:
    """Eight servers, two proxies, two registries, and a name of forty characters."""
    with Stage(chromium) as stage:
        for _ in range(4):
            stage.add("add")
        stage.add("add proxy")
        stage.add("add registry")
        port = stage.state("state.procs.get('registry').port")
        guest = Process(["server.py", "services/kiosk.py", "--port", "0", "--name", LONG,
                         "--registry", f"127.0.0.1:{port}"])
        try:
            stage.wait(f"state.procs.has({LONG!r})", "the guest is on the page", 20)
            stage.wait("[...state.procs.values()].filter(p => p.role === 'server' && p.state ==="
                       " 'up').length >= 7", "all servers are up", 30)
            stage.wait("state.counters.calls > 20", "some calls", 20)
            look_everywhere(stage, "eight servers", cut_allowed=True)
        finally:
            guest.close()


def look_everywhere(stage: Stage, when: str, cut_allowed: bool = False) -> None:
    """Collects the faults of every size, language and theme; raises AssertionError with them."""
    # Each fault, and where it was seen.
    found: dict[str, list[str]] = {}
    page = stage.page
    for size in (SMALL, LARGE):
        page.resize(*size)
        for language in ("en", "pt"):
            say(stage, language)
            for theme in ("light", "dark"):
                set_theme(stage, theme)
                page.evaluate(TWO_FRAMES)
                for line in faults(page, cut_allowed=cut_allowed):
                    found.setdefault(line, []).append(f"{size[0]} {language} {theme}")
    page.resize(*SMALL)
    say(stage, "en")
    set_theme(stage, "light")
    lines = [f"{line}: {', '.join(seen)}" for line, seen in found.items()]
    assert not found, f"{when}: {len(found)} faults of layout\n" + "\n".join(lines)


TWO_FRAMES = ("new Promise(done => requestAnimationFrame(() => requestAnimationFrame("
              "() => setTimeout(done, 50))))")


def say(stage: Stage, language: str) -> None:
    """Switches the language by its button."""
    _switch(stage, "language", lambda: str(stage.page.evaluate(
        "document.documentElement.lang.slice(0, 2)")), language)


def set_theme(stage: Stage, theme: str) -> None:
    """Switches between light and dark by its button."""
    _switch(stage, "theme", lambda: str(stage.page.evaluate(
        "document.documentElement.dataset.theme ?? 'light'")), theme)


def _switch(stage: Stage, button: str, now: Callable[[], str], wanted: str) -> None:
    if now() != wanted:
        stage.press(button)
    assert now() == wanted, f"the button {button!r} did not change {now()!r} to {wanted!r}"
