"""The live page as a lecturer starts it, with one tab that shows it, and the processes themselves.

Nothing here waits for a time: a check waits for what the page shows, or for what a process says.
"""

from __future__ import annotations

import json
import re
import urllib.request
import xmlrpc.client
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from tests.browser.chromium import Chromium
from tests.browser.tab import Tab
from tests.system.harness import Process, wait_until

# Seconds: for demo.py to print its address; for all its processes to be seen on the page.
ADDRESS_S, CAST_S = 20.0, 40.0
# How the page's address looks in what demo.py prints.
ADDRESS = r"http://(?:127\.0\.0\.1|localhost):\d+/\S*"
# Who plays, without options.
CAST = ("registry", "server-1", "server-2", "server-3", "proxy", "client")
HTTP_S = 5.0
# What the page's caller buys.
ITEMS = ("coffee",)
WATCH = Path(__file__).with_name("watch.js").read_text(encoding="utf-8")
TWO_FRAMES = ("new Promise(done => requestAnimationFrame(() => requestAnimationFrame("
              "() => done())))")
# The sizes of a projector, old and new.
SMALL, LARGE = (1280, 720), (1920, 1080)


def place_of(who: str, part: str) -> str:
    """The selector of a part: truth stands in the box of a process, belief in its lease."""
    box = "data-lease" if part == "belief" else "data-who"
    return f'[{box}="{who}"] [data-part="{part}"]'


class Stage:
    """One run of `demo.py page`, and its page in a tab of its own."""

    def __init__(self, chromium: Chromium, *options: str, size: tuple[int, int] = SMALL,
                 cast: tuple[str, ...] = CAST) -> None:
        self.chromium = chromium
        self.tabs: list[Tab] = []
        self.process = Process(["demo.py", "page", "--no-browser", *options],
                               {"LANG": "en_US.UTF-8", "LC_ALL": ""})
        try:
            self.address = self.process.wait_for_line(ADDRESS, ADDRESS_S)[0]
            self.page = self.open(self.address, size)
            if cast:
                self.wait(f"{json.dumps(cast)}.every(name => state.procs.get(name)?.state"
                          " === 'up')", "the whole cast is up", CAST_S)
            # Keys act on what is drawn, and the state is known a frame before that.
            self.page.evaluate(TWO_FRAMES)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        problems = [line for tab in self.tabs for line in tab.problems]
        self.close()
        if error is None and problems:
            raise AssertionError("the browser tells of errors:\n" + "\n".join(problems))

    def open(self, url: str, size: tuple[int, int] = SMALL) -> Tab:
        """Another tab."""
        tab = self.chromium.open(url, *size)
        self.tabs.append(tab)
        return tab

    def close(self) -> None:
        """Ends the tabs and all processes."""
        for tab in self.tabs:
            tab.close()
        self.process.stop()
        try:
            self.process.wait(15)
        finally:
            self.process.close()

    @property
    def base(self) -> str:
        """The address without its token."""
        parts = urlsplit(self.address)
        return f"{parts.scheme}://{parts.netloc}"

    # What the page knows, and what it shows.

    def state(self, expression: str, tab: Tab | None = None) -> Any:
        """The value of an expression over `state`, the state that the page shows."""
        return (tab or self.page).evaluate(f"(state => ({expression}))(Ponte.player.state)")

    def wait(self, condition: str, what: str, within_s: float = 10.0, tab: Tab | None = None
             ) -> Any:
        """Waits until a condition over `state` holds; returns its value."""
        return (tab or self.page).wait(f"(state => ({condition}))(Ponte.player.state)", what,
                                       within_s)

    def part(self, who: str, part: str) -> str:
        """What is said of a process: "state", "ran"; "belief" is what the registry says."""
        return self.page.text(place_of(who, part))

    def wait_for_part(self, who: str, part: str, word: str, within_s: float = 10.0) -> None:
        """Waits until a word is said of a process."""
        self.page.wait(f"[...document.querySelectorAll('{place_of(who, part)}')]"
                       f".some(e => e.textContent.includes({json.dumps(word)}))",
                       f"{who}: {part} {word!r}", within_s)

    # What the lecturer does.

    def pick(self, who: str) -> None:
        """Picks a process by a click on its box."""
        self.page.click(f'[data-role][data-who="{who}"]')

    def do(self, what: str, who: str) -> None:
        """Lets a fault loose, by two clicks."""
        self.pick(who)
        button = f'button[data-do="{what}"][data-who="{who}"]'
        self.page.wait(f"document.querySelector({json.dumps(button)})?.offsetWidth",
                       f"{who} has a button {what!r}")
        self.page.click(button)

    def press(self, what: str) -> None:
        """Clicks a button that belongs to no process."""
        self.page.click(f'button[data-do="{what}"]:not([data-who])')

    def press_key(self, *names: str) -> None:
        self.page.key(*names)

    def add(self, what: str) -> None:
        """Adds a process: "add" (a server), "add proxy", "add registry"."""
        button = f'dialog[open] button[data-do="{what}"]'
        there = f"document.querySelector({json.dumps(button)})?.offsetWidth"
        self.press("open add")
        try:
            self.page.wait(there, "the dialog is open", 1)
        except AssertionError:
            # What joins moves the button away from under the mouse, as it does for a person.
            self.press("open add")
        self.page.wait(there, "the dialog is open")
        self.page.click(button)

    def show(self, call: str) -> None:
        """Picks a call, by a click on its row, and waits for its picture.

        A call that is older than all rows is picked by the script of the page.
        """
        row = f'[data-call="{call}"]'
        if self.page.evaluate(f"!!document.querySelector({json.dumps(row)})"):
            self.page.click(row)
        # A new call moves the rows, perhaps under the mouse that is about to click.
        selected = f"document.querySelector({json.dumps(row)})?.getAttribute('aria-selected')"
        if self.page.evaluate(f"{TWO_FRAMES}.then(() => {selected})") != "true":
            self.page.evaluate(f"Ponte.calls.pick({json.dumps(call)})")
            self.page.wait(f"document.querySelector({json.dumps(row)})", "a picked call has a row")
        self.page.wait("document.querySelector('#diagram [data-event]')", "the call has a picture")

    def wait_for_arrow(self, kind: str) -> None:
        """Waits until the diagram has an arrow of that kind."""
        self.page.wait(f"document.querySelector('#diagram [data-arrow=\"{kind}\"]')",
                       f"the diagram has an arrow {kind!r}")

    def buy(self, count: int) -> None:
        """Lets the client buy so many times at once; the button mixes buy and hello."""
        assert self.page.evaluate(
            f"Ponte.act('burst', {{ count: {count}, method: 'buy' }}).then(Boolean)")

    def resolve(self, call: str) -> None:
        """Asks what became of an unknown call that is shown."""
        self.page.click('button[data-do="resolve"]')

    def watch(self, conditions: dict[str, str]) -> Callable[[], dict[str, float]]:
        """Waits in the page, frame by frame, from the next press of the mouse on.

        Each condition is an expression over `state` and `part(who, name)`, the text of a part of a
        box. Returns a function that waits for all of them, and returns for each the milliseconds
        from the event of the mouse to the frame after the one in which it came true.
        """
        self.page.evaluate(WATCH.replace("CONDITIONS", ", ".join(
            f"{json.dumps(name)}: (state, part) => {condition}"
            for name, condition in conditions.items())))

        def told() -> dict[str, float]:
            times: dict[str, float] = self.page.evaluate("window.watched")
            missing = set(conditions) - set(times)
            assert not missing, f"never came true after the click: {', '.join(missing)}"
            return times
        return told

    # What the processes themselves say.

    def status(self, who: str) -> dict[str, Any]:
        """What the process answers to GET /status: it is asked, not the page."""
        port = self.state(f"state.procs.get({json.dumps(who)}).port")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/status", timeout=HTTP_S) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def registered(self, registry: str = "registry") -> dict[str, str]:
        """Each instance that the registry has, and its state there."""
        return {each["instance"]: each["state"] for each in self.status(registry)["endpoints"]}

    def wait_for_registry(self, who: str, state: str, within_s: float = 10.0) -> None:
        """Waits until the registry itself says that; "" for an instance that it does not have."""
        wait_until(lambda: self.registered().get(who, "") == state, within_s,
                   f"the registry says {state!r} of {who}")

    def sold(self, who: str, item: str) -> int:
        """How many of an item a server has sold: it is asked, not the page."""
        port = self.state(f"state.procs.get({json.dumps(who)}).port")
        with xmlrpc.client.ServerProxy(f"http://127.0.0.1:{port}/kiosk") as server:
            return int(str(server.sold(item)))

    def sold_in_all(self, who: str) -> int:
        """All sales of a server, of every item that the page's caller buys."""
        return sum(self.sold(who, item) for item in ITEMS)

    def printed(self, pattern: str) -> list[str]:
        """What demo.py has printed that matches."""
        return re.findall(pattern, self.process.log)
