"""Pages that come late, two at a time, without a token, or after their server has gone."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from tests.browser.check_time import ROWS, TWO_FRAMES, no_buttons, opened, saved_by_click
from tests.browser.checks import check
from tests.browser.chromium import Chromium
from tests.browser.stage import Stage
from tests.browser.tab import Tab

# Names that want to be more than names: markup, the end of a script, quotes, marks that turn the
# direction of writing.
EVIL = ("</script><script>window.evil=1</script>", "<img src=x onerror=window.evil=1>",
        "\u202eturned\u202c", "\"'`&amp;${1}", "__proto__", "constructor")


@check("no token")
def no_token(chromium: Chromium) -> None:
    """Without the token of the address the page shows everything, and offers nothing."""
    with Stage(chromium) as stage:
        guest = stage.open(stage.base + "/")
        stage.wait("state.counters.calls > 2", "it shows calls", tab=guest)
        no_buttons(guest)
        guest.key("2", "k")
        guest.evaluate(TWO_FRAMES)
        assert stage.status("server-2")["state"] == "up"
        wrong = stage.open(stage.base + "/#token=wrong")
        stage.wait("state.counters.calls > 2", "it shows calls", tab=wrong)
        no_buttons(wrong)
        for tab in (guest, wrong):
            # A refused question whether it may is no error of the page.
            left = [line for line in tab.problems if "401" not in line]
            assert not left, left
            tab.forgive()


@check("two pages, and a late one")
def two_pages(chromium: Chromium) -> None:
    """Two pages show the same, and one that is opened late shows everything since the start."""
    with Stage(chromium) as stage:
        stage.do("kill", "server-2")
        stage.wait("state.counters.calls > 8", "some calls")
        late = stage.open(stage.address)
        stage.wait("state.counters.calls > 8", "the late page has all calls", tab=late)
        stage.press("pause")
        at = stage.state("state.s")
        stage.wait(f"state.s >= {at}", "the late page is as far", tab=late)
        first = "[...state.calls.values()].slice(0, 8).map(call => [call.number, call.id, call.by])"
        assert stage.state(first) == stage.state(first, late)
        late.wait("document.querySelector('[data-who=\"server-2\"] [data-part=\"state\"]')"
                  "?.textContent.includes('killed')", "the late page knows who was killed")
        # What one page does, the other shows.
        late.key("2")
        late.key("r")
        stage.press("live")
        stage.wait("state.procs.get('server-2').state === 'up'", "started from the other page", 15)


@check("the server side goes")
def server_side_gone(chromium: Chromium) -> None:
    """When nobody answers the page says so; when a new one stands there, it finds back."""
    with Stage(chromium) as stage:
        port = stage.base.rsplit(":", 1)[1]
        page = stage.page
        stage.wait("state.counters.calls > 2", "some calls")
        stage.process.stop()
        stage.process.wait(15)
        page.wait("document.documentElement.dataset.connection === 'gone'",
                  "the page says that nobody answers", 15)
        assert page.evaluate("document.querySelectorAll('[data-call]').length") > 0, "rows stay"
        page.forgive()
        with Stage(chromium, "--port", port) as again:
            page.wait("document.documentElement.dataset.connection !== 'gone'"
                      " && Ponte.player.state.counters.calls > 1", "the page finds back", 20)
            assert again.state("state.procs.size") == page.evaluate("Ponte.player.state.procs.size")
        page.forgive()


@check("foreign names")
def foreign_names(chromium: Chromium) -> None:
    """Names with markup, quotes and turned letters are shown as text, live and saved."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "evil.jsonl"
        write_recording(file)
        with Stage(chromium, "--replay", str(file), cast=()) as stage:
            stage.page.wait("Ponte.player.end > 20", "the recording")
            stay_text(stage.page)
            copy = opened(stage, saved_by_click(stage, folder))
            stay_text(copy)


def stay_text(page: Tab) -> None:
    """Each evil name is to be read on the page, and has done nothing."""
    page.evaluate(TWO_FRAMES)  # The scrubber learns its end when it is drawn.
    page.set_value("#scrubber", str(page.evaluate("document.querySelector('#scrubber').max")))
    page.evaluate(TWO_FRAMES)
    text = str(page.evaluate("document.body.textContent"))
    for name in EVIL:
        assert name in text, f"{name!r} is not shown"
    assert page.evaluate("window.evil") is None
    assert page.evaluate("({}).evil === undefined && document.images.length") == 0
    assert len(page.evaluate(ROWS)) >= len(EVIL)


def write_recording(file: Path) -> None:
    """A recording where instances, services and methods have evil names."""
    events: list[dict[str, object]] = [{"k": "start", "at": 1_790_000_000, "lang": "en"}]
    for number, name in enumerate(EVIL):
        who, life = name, 100 + number
        call = f"{number:032x}"
        events += [
            {"k": "proc", "p": "page", "who": who, "role": "server", "state": "up", "pid": life,
             "port": 1, "service": name, "can": ["kill"], "owner": name},
            {"k": "took", "p": "registry", "i": 1, "who": who, "service": name, "seq": 1,
             "verdict": "ack", "lease": 2.0, "state": "up", "host": "127.0.0.1"},
            {"k": "lease", "p": "registry", "i": 1, "who": who, "service": name, "what": "up"},
            {"k": "call", "p": "client", "i": 2, "n": 10 * number + 1, "id": call, "service": name,
             "method": name, "idem": False},
            {"k": "send", "p": "client", "i": 2, "n": 10 * number + 2, "id": call, "to": who,
             "kind": "original", "attempt": 1, "timeout": 1.0},
            {"k": "recv", "p": who, "i": life, "n": 1, "id": call, "of": [2, 10 * number + 2],
             "kind": "original"},
            {"k": "run", "p": who, "i": life, "n": 2, "id": call, "method": name},
            {"k": "reply", "p": who, "i": life, "n": 3, "id": call, "status": 400, "why": name},
            {"k": "settle", "p": "client", "i": 2, "n": 10 * number + 3, "id": call,
             "of": 10 * number + 2, "outcome": "answered", "what": name},
            {"k": "done", "p": "client", "i": 2, "n": 10 * number + 4, "id": call,
             "outcome": "fault", "by": who, "why": name}]
    lines = ['{"ponte":"recording","form":1,"at":1790000000.0}']
    lines += [json.dumps({"s": s, "t": 10.0 * s, **event}) for s, event in enumerate(events, 1)]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
