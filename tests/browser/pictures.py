"""Makes what the documents show: the saved page of a scripted run, and pictures of it.

The pictures are made from the saved page, so they show what really happened in that run, and can be
made again. Only what a recording does not show is taken from a live page (live_pictures.py).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

from tests.browser.check_faults import call_with, refused_call
from tests.browser.check_time import TWO_FRAMES, saved_by_click
from tests.browser.chromium import Chromium
from tests.browser.live_pictures import take_live
from tests.browser.smaller import picture_of
from tests.browser.stage import LARGE, SMALL, Stage
from tests.browser.tab import Tab
from tests.system.harness import ROOT

# The saved page that the documents carry.
LESSON = Path(ROOT, "docs", "page", "lesson.html")


class Picture(NamedTuple):
    """A picture: its file, at which moment (an expression over `state`, in milliseconds), which
    call is shown (an expression for its id, or ""), size, language and theme.
    """

    file: str
    moment: str
    call: str = ""
    size: tuple[int, int] = SMALL
    language: str = "en"
    theme: str = "light"


def at_fault(what: str, later_ms: int) -> str:
    """The moment so long after the first fault of a kind."""
    return (f"(state.log.find(line => line.key === 'log.fault.{what}')?.t"
            f" ?? state.t) + {later_ms}")


UNKNOWN = call_with("call.outcome === 'unknown'", "hops.some(h => h.lost === 'late')")
LOST = call_with("call.method === 'buy'", "hops.some(h => h.lost === 'reply')",
                 "hops.every(h => h.lost !== 'late')", "call.works.some(w => w.kind === 'memory')")
REPLIES_LOST = ("[...state.calls.values()].flatMap(call => call.hops)"
                ".filter(hop => hop.lost === 'reply').length")
REFUSED = call_with("hops.some(h => h.refused)", "call.outcome === 'answered'")
PICTURES = (
    Picture("page.png", "state.calls.get(state.lookedFor)?.t1 + 250", LOST, LARGE),
    Picture("page.pt-BR.png", "state.calls.get(state.lookedFor)?.t1 + 250", LOST, LARGE, "pt"),
    Picture("kill.png", at_fault("kill", 900), REFUSED),
    Picture("lose.png", "state.calls.get(state.lookedFor)?.t1 + 250", LOST),
    Picture("thaw.png", at_fault("thaw", 500), UNKNOWN),
    Picture("thaw.pt-BR.png", at_fault("thaw", 500), UNKNOWN, language="pt"),
    Picture("dark.png", at_fault("kill", 900), REFUSED, theme="dark"),
)


def record(chromium: Chromium, file: str) -> None:
    """A lesson with each fault, saved as one page. It takes about a minute."""
    with Stage(chromium) as stage, tempfile.TemporaryDirectory() as folder:
        stage.wait("state.counters.calls > 8", "some calls")
        lesson(stage)
        stage.wait("state.open.size < 3", "calls have ended")
        saved = saved_by_click(stage, folder)
        os.makedirs(os.path.dirname(os.path.abspath(file)), exist_ok=True)
        shutil.copyfile(saved, file)
    print(f"{file}: {os.path.getsize(file) / 1000:.0f} kB")


def lesson(stage: Stage) -> None:
    """What a lecturer would do, one fault after the other."""
    stage.press("burst")
    stage.wait("state.counters.answered > 35", "every server was called")
    stage.do("kill", "server-2")
    stage.press("burst")
    refused_call(stage, "server-2")
    stage.wait_for_part("server-2", "belief", "expired")
    stage.do("start", "server-2")
    stage.wait_for_part("server-2", "belief", "up")
    pause(stage)
    # The client says hello and buys in turn: it may be either whose reply is lost.
    for _ in range(8):
        lost = stage.state(REPLIES_LOST)
        stage.do("lose reply", "server-1")
        stage.wait(f"{REPLIES_LOST} > {lost}", "a reply was lost")
        with contextlib.suppress(AssertionError):
            stage.wait(LOST, "a buy was answered from memory", 2)
            break
    else:
        raise AssertionError("no buy was answered from memory")
    pause(stage)
    stage.buy(24)
    stage.wait("state.procs.get('server-3').ran > 12", "sessions are there", 20)
    stage.do("freeze", "server-3")
    stage.buy(24)
    stage.wait(call_with("call.outcome === 'unknown'"), "an unknown call", 20)
    stage.wait_for_part("server-3", "belief", "expired")
    stage.do("thaw", "server-3")
    stage.wait(UNKNOWN, "the late one came")
    stage.wait_for_part("server-3", "belief", "up")
    pause(stage)
    stage.do("slow", "server-1")
    stage.wait(call_with("call.by === 'server-1'", "call.t1 - call.t0 > 300"), "a slow call")
    stage.do("mend", "server-1")
    stage.do("cut", "server-2")
    stage.press("burst")
    stage.wait(call_with("hops.some(h => h.to === 'server-2' && h.outcome === 'unknown')"),
               "a call met the cut", 20)
    stage.do("mend", "server-2")
    pause(stage)
    stage.do("drain", "server-3")
    stage.wait("['ended', 'gone'].includes(state.procs.get('server-3').state)", "it has ended")
    stage.do("start", "server-3")
    stage.wait_for_part("server-3", "belief", "up")


def pause(stage: Stage) -> None:
    """Some calls in which nothing happens: so each fault has a picture of its own."""
    calls = stage.state("state.counters.calls")
    stage.wait(f"state.counters.calls >= {calls + 5}", "some quiet calls")


def take(chromium: Chromium, folder: str) -> None:
    """Makes the pictures from the saved page, and some of a live one."""
    for picture in PICTURES:
        tab = chromium.open("about:blank", *picture.size)
        tab.go(LESSON.as_uri())
        tab.wait("globalThis.Ponte?.player?.ends > 1000", "the lesson is there")
        show(tab, picture)
        picture_of(tab, os.path.join(folder, picture.file))
        tab.close()
    take_live(chromium, folder)


def show(tab: Tab, picture: Picture) -> None:
    """Moves the page to the moment, and picks the call."""
    if picture.language == "pt":
        tab.key("g")
    if picture.theme == "dark":
        tab.key("n")
    # At the end, everything is known.
    tab.evaluate("Ponte.player.seek(Ponte.player.end)")
    call = tab.evaluate(f"(state => {picture.call or 'null'})(Ponte.player.state)")
    moment = picture.moment.replace("state.lookedFor", repr(call))
    at = tab.evaluate(f"(state => {moment})(Ponte.player.state)")
    tab.evaluate(f"Ponte.player.seekTime({at})")
    if call:
        tab.evaluate(f"Ponte.calls.pick({call!r})")
    tab.evaluate("Ponte.redraw()")
    tab.evaluate(TWO_FRAMES)


