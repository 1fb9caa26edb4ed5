"""A Chromium of its own: no window, a new profile, nothing that speaks to the world by itself."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from types import TracebackType

from tests.browser.pipe import Message, Pipe
from tests.browser.tab import Tab

# The names of Chromium's command, Debian's first.
COMMANDS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ("--headless=new", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--disable-default-apps", "--disable-extensions", "--disable-breakpad",
         "--no-default-browser-check", "--no-proxy-server", "--mute-audio", "--hide-scrollbars",
         "--password-store=basic", "--use-mock-keychain", "--disable-dev-shm-usage",
         # A page that no window shows must not be slowed down: checks open two at a time.
         "--disable-renderer-backgrounding", "--disable-background-timer-throttling",
         "--disable-backgrounding-occluded-windows",
         # The same letters on every machine: no smoothing by the colours of a screen.
         "--disable-lcd-text", "--force-color-profile=srgb", "--font-render-hinting=none",
         "--disable-features=Translate,OptimizationHints,MediaRouter,AutofillServerCommunication",
         "--remote-debugging-pipe")
# Seconds for the keeper to end everything.
STOP_S = 20.0


def find() -> str:
    """The path of Chromium; "" where there is none."""
    return next(filter(None, map(shutil.which, COMMANDS)), "")


class Chromium:
    """One running Chromium. Threads: the one that reads its answers."""

    def __init__(self) -> None:
        folder = tempfile.mkdtemp(prefix="ponte-browser-")
        sandbox = ["--no-sandbox"] if sys.platform != "win32" and os.geteuid() == 0 else []
        to_browser, from_browser = os.pipe(), os.pipe()
        ends = to_browser[0], from_browser[1]
        command = [find(), *FLAGS, *sandbox, f"--user-data-dir={folder}/profile", "about:blank"]
        self._keeper = subprocess.Popen(
            [sys.executable, "-S", "-m", "tests.browser.keeper", *map(str, ends), folder, *command],
            pass_fds=ends, stdin=subprocess.PIPE, start_new_session=True)
        for end in ends:
            os.close(end)
        self._lock = threading.Lock()
        # Guarded by self._lock: the tabs, by the names of their sessions.
        self._tabs: dict[str, Tab] = {}
        self._pipe = Pipe(from_browser[0], to_browser[1], self._hand_on)
        self.version: str = self._pipe.call("Browser.getVersion")["product"]

    def __enter__(self) -> Chromium:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def open(self, url: str = "about:blank", width: int = 1280, height: int = 720) -> Tab:
        """A new tab, in a browser context of its own: nothing is shared with other tabs."""
        context = self._pipe.call("Target.createBrowserContext",
                                  disposeOnDetach=True)["browserContextId"]
        target = self._pipe.call("Target.createTarget", url="about:blank", width=width,
                                 height=height, newWindow=True,
                                 browserContextId=context)["targetId"]
        session = self._pipe.call("Target.attachToTarget", targetId=target,
                                  flatten=True)["sessionId"]
        tab = Tab(self._pipe, session, target, context)
        with self._lock:
            self._tabs[session] = tab
        tab.prepare(width, height)
        if url != "about:blank":
            tab.go(url)
        return tab

    def close(self) -> None:
        """Ends it, and returns when no process and no folder of it is left."""
        assert self._keeper.stdin
        self._keeper.stdin.close()
        self._pipe.close()
        self._keeper.wait(STOP_S)

    def _hand_on(self, message: Message) -> None:
        with self._lock:
            tab = self._tabs.get(message.get("sessionId", ""))
        if tab:
            tab.take(message)
