"""How much the script and the layout of each frame cost: from the browser's own trace.

What counts is the processor time of the page's thread: so a neighbour that takes the processor away
does not count.

Source: the Trace Event Format of Chromium; the categories are those of its DevTools' timeline.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

from tests.browser.tab import Tab

CATEGORIES = "devtools.timeline,disabled-by-default-devtools.timeline,devtools.timeline.frame"
# What the main thread does in script, and to know where everything is.
WORK = frozenset({"FunctionCall", "EvaluateScript", "FireAnimationFrame", "RunMicrotasks",
                  "EventDispatch", "TimerFire", "MinorGC", "MajorGC", "UpdateLayoutTree", "Layout",
                  "PrePaint", "v8.callFunction"})
# Where a frame begins: its name and phase.
FRAME = ("AnimationFrame", "b")


def frames_of(tab: Tab, seconds: float) -> list[float]:
    """Milliseconds of script and layout in each frame of a tab, for so many seconds: of processor
    time.
    """
    events = tab.traced(CATEGORIES, lambda: threading.Event().wait(seconds))
    return work_by_frame(events)


def work_by_frame(events: Iterable[dict[str, Any]]) -> list[float]:
    """Milliseconds of work from each beginning of a frame to the next, in the busiest thread.

    Work inside other work counts once.
    """
    threads: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for event in events:
        kind = event.get("name"), event.get("ph")
        if kind == FRAME or (kind[0] in WORK and kind[1] == "X"):
            threads.setdefault((event["pid"], event["tid"]), []).append(event)
    busiest = max(threads.values(), key=len, default=[])
    busiest.sort(key=lambda event: float(event["ts"]))
    frames: list[float] = []
    # Until when work is counted, in microseconds of the wall's clock.
    counted = 0.0
    for event in busiest:
        if event["name"] == FRAME[0]:
            frames.append(0.0)
            continue
        if frames and event["ts"] >= counted:
            frames[-1] += event.get("tdur", 0) / 1000
        counted = max(counted, event["ts"] + event.get("dur", 0))
    # The last frame may not have ended.
    return frames[:-1]
