"""Pictures of what a recording does not show: a question with its buttons, and a class that joins.
"""

from __future__ import annotations

import os

from tests.browser.check_story import ANSWERS, STEP_S, a_phone, tap
from tests.browser.check_time import TWO_FRAMES
from tests.browser.chromium import Chromium
from tests.browser.smaller import picture_of
from tests.browser.stage import Stage


def take_live(chromium: Chromium, folder: str) -> None:
    """Opens a page to the network that this machine is in, for some seconds."""
    def take(name: str, phone: bool = False) -> None:
        tab = device if phone else stage.page
        tab.evaluate(TWO_FRAMES)
        picture_of(tab, os.path.join(folder, name))

    with Stage(chromium, "--class") as stage:
        url = stage.wait("state.classroom?.url", "the address for the phones is told")
        stage.wait("state.counters.calls > 8", "some calls")
        stage.press_key("j")
        stage.page.wait("document.querySelector('dialog#class[open]')", "the panel is open")
        take("class.png")
        stage.press_key("j")
        device = a_phone(stage, url)
        assert stage.page.evaluate(
            "Ponte.act('predict', { fault: 'lose reply', who: 'server-2' }).then(Boolean)")
        stage.wait("state.story?.phase === 'open'", "the question is open")
        stage.page.wait("document.querySelector('dialog#question[open]')", "it is shown")
        device.wait(f"{ANSWERS}.length === 4", "four answers on the phone")
        tap(device, 1)
        stage.press_key("a", "b", "b", "b", "b", "c", "c", "d")
        stage.wait("state.votes.counts.join() === '1,5,2,1'", "all votes are counted")
        take("question.png")
        take("phone.png", phone=True)
        stage.press_key(".")
        stage.wait("state.story.phase === 'proof'", "a proof", STEP_S)
        stage.page.wait("document.getAnimations().every(each => each.playState !== 'running')",
                        "nothing fades any more")
        take("proof.png")
        device.close()
        stage.tabs.remove(device)
