"""How long the script and the layout of each frame took: from the browser's own trace.

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
    """Milliseconds of script and layout in each frame of a tab, for so many seconds."""
    events = tab.traced(CATEGORIES, lambda: threading.Event().wait(seconds))
    return work_by_frame(events)


def work_by_frame(events: Iterable[dict[str, Any]]) -> list[float]:
    """Milliseconds of work between each beginning of a frame and the next, of the busiest thread.

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
    # Until where time is counted, in microseconds.
    counted = 0.0
    for event in busiest:
        if event["name"] == FRAME[0]:
            frames.append(0.0)
            continue
        end = event["ts"] + event.get("dur", 0)
        if frames:
            frames[-1] += max(end - max(event["ts"], counted), 0) / 1000
        counted = max(counted, end)
    # The last frame may not have ended.
    return frames[:-1]
