"""One page in Chromium: what a person does with it, and what the browser says about it."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

from tests.browser.keyboard import key_of
from tests.browser.pipe import BrowserError, Message, Pipe

# Seconds within which a page has loaded, and within which a condition holds if nothing is said.
LOAD_S, WAIT_S = 20.0, 10.0
# Milliseconds between two looks at a condition in the page.
POLL_MS = 10


class Tab:
    """One tab. `problems` has a line for each error that its page has made.

    Errors are: an exception that nobody caught, a line of console.error, a violation of the
    Content-Security-Policy, and a request that failed or got a 4xx or 5xx.
    """

    def __init__(self, pipe: Pipe, session: str, target: str, context: str) -> None:
        self._pipe = pipe
        self._session = session
        self._target = target
        self._context = context
        self._changed = threading.Condition()
        # Guarded by self._changed: lines of errors; the URL of each request by its number; how
        # often a page has loaded; the trace, and whether it is whole.
        self._problems: list[str] = []
        self._requests: dict[str, str] = {}
        self._loads = 0
        self._trace: list[Message] = []
        self._traced = False

    def prepare(self, width: int, height: int) -> None:
        """Lets the browser tell what happens in the tab, and gives the page its size."""
        for domain in ("Page", "Runtime", "Log", "Network", "Performance"):
            self.call(f"{domain}.enable")
        # Every page believes that it is the one in front.
        self.call("Emulation.setFocusEmulationEnabled", enabled=True)
        self.resize(width, height)

    def call(self, method: str, within_s: float = 40.0, **params: Any) -> Message:
        """A command of the protocol to this tab."""
        return self._pipe.call(method, self._session, within_s, **params)

    # What is to be seen.

    @property
    def problems(self) -> list[str]:
        with self._changed:
            return list(self._problems)

    @property
    def requests(self) -> list[str]:
        """The URLs that it has asked for, oldest first."""
        with self._changed:
            return list(self._requests.values())

    def forgive(self) -> None:
        """Forgets the errors so far: they were meant to happen."""
        with self._changed:
            self._problems.clear()

    def forget_requests(self) -> None:
        with self._changed:
            self._requests.clear()

    def evaluate(self, expression: str, within_s: float = 40.0) -> Any:
        """The value of a JavaScript expression; of a promise, what it becomes.

        Raises BrowserError with the text of the exception if it throws one.
        """
        answer = self.call("Runtime.evaluate", within_s, expression=expression, returnByValue=True,
                           awaitPromise=True, userGesture=True)
        if "exceptionDetails" in answer:
            raise BrowserError(text_of(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def wait(self, condition: str, what: str, within_s: float = WAIT_S) -> Any:
        """Waits in the page until a JavaScript expression is true, and returns its value.

        Raises AssertionError with `what` if it is not within the time.
        """
        value = self.evaluate(
            f"new Promise(resolve => {{ const end = performance.now() + {within_s * 1000};"
            f"const look = () => {{ let value = null;"
            f"try {{ value = ({condition}); }} catch (error) {{ value = null; }}"
            "if (value instanceof Node) value = true;"
            f"if (value || performance.now() > end) resolve(value || null);"
            f"else setTimeout(look, {POLL_MS}); }}; look(); }})", within_s + 30)
        if not value:
            raise AssertionError(f"not within {within_s:g} s: {what}")
        return value

    def text(self, selector: str = "body") -> str:
        """The text of an element as it is shown; "" where there is none."""
        value = self.evaluate(f"document.querySelector({json.dumps(selector)})?.innerText ?? "
                              f"document.querySelector({json.dumps(selector)})?.textContent ?? ''")
        return str(value)

    def screenshot(self, path: str) -> None:
        """Writes what is to be seen as a PNG file."""
        picture = self.call("Page.captureScreenshot", format="png")["data"]
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
        with open(path, "wb") as file:
            file.write(base64.b64decode(picture))

    def pdf(self) -> bytes:
        """The page as its printer would get it."""
        return base64.b64decode(self.call("Page.printToPDF", landscape=True,
                                          preferCSSPageSize=True)["data"])

    def metrics(self) -> dict[str, float]:
        """The counters of the browser: ScriptDuration, LayoutDuration and others, in seconds."""
        return {each["name"]: each["value"]
                for each in self.call("Performance.getMetrics")["metrics"]}

    def traced(self, categories: str, meanwhile: Callable[[], object]) -> list[Message]:
        """The events of the browser's own trace while `meanwhile` runs."""
        with self._changed:
            self._trace, self._traced = [], False
        self.call("Tracing.start", transferMode="ReportEvents",
                  traceConfig={"includedCategories": categories.split(",")})
        meanwhile()
        self.call("Tracing.end")
        with self._changed:
            assert self._changed.wait_for(lambda: self._traced, LOAD_S), "the trace has no end"
            return self._trace

    # What a person does.

    def go(self, url: str) -> None:
        """Opens a URL, and returns when it has loaded."""
        with self._changed:
            before = self._loads
        answer = self.call("Page.navigate", url=url)
        if answer.get("errorText"):
            raise BrowserError(f"{url}: {answer['errorText']}")
        self._await_load(before, url)

    def reload(self) -> None:
        with self._changed:
            before = self._loads
        self.call("Page.reload")
        self._await_load(before, "reload")

    def key(self, *names: str) -> None:
        """Presses keys one after another, as a keyboard does."""
        for name in names:
            key = key_of(name)
            common: Message = {"key": key.key, "code": key.code, "modifiers": key.modifiers,
                      "windowsVirtualKeyCode": key.number}
            down = {"type": "keyDown", "text": key.text} if key.text else {"type": "rawKeyDown"}
            for event in ({**common, **down}, {**common, "type": "keyUp"}):
                self.call("Input.dispatchKeyEvent", **event)

    def type(self, text: str) -> None:
        """Types a text into what has the focus."""
        self.call("Input.insertText", text=text)

    def click(self, selector: str) -> None:
        """Clicks the middle of an element by the mouse; what covers it would be clicked instead.

        Raises AssertionError if it is not there, not to be seen, or if something else covers it.
        """
        found = self.evaluate(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            "if (!e) return 'is not there';"
            "e.scrollIntoView({block: 'nearest', inline: 'nearest'});"
            "const b = e.getBoundingClientRect(); if (!b.width || !b.height) return 'has no size';"
            "const x = b.x + b.width / 2, y = b.y + b.height / 2;"
            "const top = document.elementFromPoint(x, y);"
            "if (!top || !(e.contains(top) || top.contains(e)))"
            " return 'is covered by ' + (top ? top.outerHTML.slice(0, 80) : 'nothing');"
            "if (e.disabled) return 'is disabled'; return [x, y]; })()")
        if isinstance(found, str):
            raise AssertionError(f"{selector} {found}")
        self.click_at(*found)

    def click_at(self, x: float, y: float) -> None:
        """Moves the mouse to a point of the page, and clicks."""
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def set_value(self, selector: str, value: str) -> None:
        """Gives an input a value, and tells the page as the browser would."""
        self.evaluate(f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
                      f"e.value = {json.dumps(value)};"
                      "for (const kind of ['input', 'change'])"
                      " e.dispatchEvent(new Event(kind, {bubbles: true})); })()")

    # How it is shown.

    def resize(self, width: int, height: int, phone: bool = False) -> None:
        """Gives the page a size in CSS pixels; of a phone, also fingers."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=2 if phone else 1, mobile=phone)
        self.call("Emulation.setTouchEmulationEnabled", enabled=phone)

    def media(self, kind: str = "", **features: str) -> None:
        """Says what it is shown on ("print"), and what the person prefers.

        A feature is prefers_reduced_motion="reduce", prefers_color_scheme="dark".
        """
        self.call("Emulation.setEmulatedMedia", media=kind, features=[
            {"name": name.replace("_", "-"), "value": value} for name, value in features.items()])

    def grey(self, on: bool = True) -> None:
        """Shows the page as a person sees it who sees no colours."""
        self.call("Emulation.setEmulatedVisionDeficiency",
                  type="achromatopsia" if on else "none")

    @contextlib.contextmanager
    def downloads_to(self, folder: str) -> Iterator[None]:
        """Lets the page save files into a folder."""
        where: Message = {"browserContextId": self._context}
        self._pipe.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=folder,
                        **where)
        try:
            yield
        finally:
            self._pipe.call("Browser.setDownloadBehavior", behavior="deny", **where)

    def close(self) -> None:
        self._pipe.call("Target.closeTarget", targetId=self._target)

    # What the browser tells, in the thread that reads.

    def take(self, message: Message) -> None:
        """Notes an event of this tab."""
        params = message.get("params", {})
        with self._changed:
            if message["method"] == "Page.loadEventFired":
                self._loads += 1
                self._changed.notify_all()
            elif message["method"] == "Tracing.dataCollected":
                self._trace += params["value"]
            elif message["method"] == "Tracing.tracingComplete":
                self._traced = True
                self._changed.notify_all()
            elif message["method"] == "Network.requestWillBeSent":
                self._requests[params["requestId"]] = params["request"]["url"]
            else:
                self._problems += problems_in(message["method"], params)

    def _await_load(self, before: int, what: str) -> None:
        with self._changed:
            if not self._changed.wait_for(lambda: self._loads > before, LOAD_S):
                raise BrowserError(f"{what}: not loaded within {LOAD_S:.0f} s")


def problems_in(method: str, params: Message) -> list[str]:
    """The line of an event that tells an error; nothing of others."""
    if method == "Runtime.exceptionThrown":
        return [f"exception: {text_of(params['exceptionDetails'])}"]
    if method == "Runtime.consoleAPICalled" and params["type"] in ("error", "assert"):
        values = [str(each.get("value", each.get("description", ""))) for each in params["args"]]
        return [f"console.{params['type']}: {' '.join(values)}"]
    if method == "Log.entryAdded" and params["entry"]["level"] == "error":
        entry = params["entry"]
        return [f"{entry['source']}: {entry['text']} {entry.get('url', '')}".strip()]
    return []


def text_of(details: Message) -> str:
    """One line of an exception: its text, and where it was thrown."""
    thrown = details.get("exception", {})
    text = thrown.get("description") or thrown.get("value") or details.get("text", "")
    return f"{text} ({details.get('url', '')}:{details.get('lineNumber', 0) + 1})"
