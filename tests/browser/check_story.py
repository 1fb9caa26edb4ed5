"""The story by a presenter's keys, a question about any fault, and the class with its phones."""

from __future__ import annotations

import urllib.error
import urllib.request

from tests.browser.check_time import TWO_FRAMES
from tests.browser.checks import check
from tests.browser.chromium import Chromium
from tests.browser.layout import expect_sound, faults
from tests.browser.stage import CAST, LARGE, SMALL, Stage
from tests.browser.tab import Tab

# Seconds for a step of the story: some wait for a lease.
STEP_S = 60.0
# The sheet of a question is open, and a key counts as a hand.
TAKES_HANDS = ("[...document.querySelectorAll('dialog[open] .answer .press')]"
               ".some(button => !button.hidden)")
# The buttons of the answers on a phone.
ANSWERS = "[...document.querySelectorAll('button[aria-pressed]')].filter(b => b.offsetWidth)"
# A phone in a hand.
PHONE = (390, 844)
# How many steps are gone through.
STEPS = 2


@check("story")
def story(chromium: Chromium) -> str:
    """By the presenter's keys alone: question, votes, fault, and a proof that the events bear out.

    Nothing of it leaves its box at both sizes, in both languages.
    """
    with Stage(chromium, "--story", cast=()) as stage:
        told: list[str] = []
        for step in range(1, STEPS + 1):
            stage.wait(f"state.story?.step === {step} && state.story.phase === 'open'"
                       , f"question {step} is open", STEP_S)
            stage.page.wait(TAKES_HANDS, "the question is shown, and takes hands")
            title = stage.state("Ponte.pick(state.story.question, 'en')")
            assert title in stage.page.text("body"), f"the question is to be read: {title!r}"
            sound(stage, f"question {step}")
            stage.press_key("a", "a", "b")
            stage.wait("state.votes.counts.join() === '2,1,0,0'", "three hands are counted")
            stage.press_key(".")
            stage.wait("state.story.phase === 'proof'", "a proof", STEP_S)
            proof = stage.state("state.story")
            assert proof["passed"], f"step {step}: {proof['checks']}"
            assert all(each["holds"] for each in proof["checks"])
            stage.page.evaluate(TWO_FRAMES)
            text = stage.page.text("body")
            for each in proof["checks"]:
                assert each["text"]["en"] in text, f"the proof is to be read: {each['text']['en']}"
            right = stage.state("Ponte.pick(state.story.answers[state.story.right], 'en')")
            assert right in text, "which answer came true"
            sound(stage, f"proof {step}")
            ran = stage.state("[...state.calls.values()].flatMap(call => call.works)"
                              ".filter(work => work.kind === 'run').length")
            told.append(f"{len(proof['checks'])} proofs, {ran} runs seen")
            stage.press_key("PageDown")
        return "; ".join(told)


def sound(stage: Stage, where: str) -> None:
    """The dialog's layout at both sizes, in both languages."""
    wrong: list[str] = []
    for size in (SMALL, LARGE):
        stage.page.resize(*size)
        for language in ("en", "pt"):
            stage.page.evaluate(f"Ponte.theme.setLanguage('{language}')")
            stage.page.evaluate(TWO_FRAMES)
            stage.page.wait("document.getAnimations().every(each => each.playState !== 'running')",
                            "nothing fades any more")
            root = "dialog[open]" if stage.page.evaluate(
                "!!document.querySelector('dialog[open]')") else "body"
            wrong += [f"{where}, {size[0]}x{size[1]}, {language}: {line}"
                      for line in faults(stage.page, root)]
    stage.page.resize(*SMALL)
    stage.page.evaluate("Ponte.theme.setLanguage('en')")
    assert not wrong, "\n".join(wrong)


@check("predict")
def predict(chromium: Chromium) -> None:
    """A question about a kill: the votes are counted, the fault happens, one answer came true."""
    with Stage(chromium) as stage:
        stage.wait("state.counters.calls > 3", "some calls")
        assert stage.page.evaluate(
            "Ponte.act('predict', { fault: 'kill', who: 'server-2' }).then(Boolean)")
        stage.wait("state.story?.phase === 'open'", "the question is open")
        stage.page.wait(TAKES_HANDS, "the question is shown, and takes hands")
        stage.press_key("b", "b", "d")
        stage.wait("state.votes.counts.join() === '0,2,0,1'", "three hands are counted")
        assert stage.status("server-2")["state"] == "up", "nothing happens before the votes"
        stage.press_key(".")
        stage.wait("state.procs.get('server-2').state === 'killed'", "then it is killed", 20)
        stage.wait("state.story.phase === 'proof' && Number.isInteger(state.story.right)",
                   "and an answer came true", STEP_S)
        stage.wait_for_registry("server-2", "")


@check("class: phones")
def phones(chromium: Chromium) -> None:
    """Phones vote: one device has one vote, which it can move; what is exposed is on the page."""
    with Stage(chromium, "--class", "127.0.0.1", cast=CAST) as stage:
        exposed = stage.wait("state.exposed?.length && state.exposed", "what is exposed is told")
        url = stage.wait("state.classroom?.url", "the address for the phones is told")
        stage.page.wait("document.querySelector('#exposed').textContent.trim()",
                        "the header says that ports are open")
        phone, other = (a_phone(stage, url) for _ in range(2))
        expect_sound(phone, "the phone's page without a question")
        stage.page.evaluate("Ponte.act('predict', { fault: 'kill', who: 'server-2' })")
        stage.wait("state.story?.phase === 'open'", "the question is open")
        for device, answer in ((phone, 1), (other, 2)):
            device.wait(f"{ANSWERS}.length === 4", "four answers")
            expect_sound(device, "the phone's page with a question")
            tap(device, answer)
        stage.wait("state.votes.counts.join() === '0,1,1,0'", "two phones have voted")
        phone.reload()
        phone.wait(f"{ANSWERS}.length === 4", "four answers again")
        phone.wait("document.querySelector('[aria-pressed=\"true\"]')", "it knows its vote")
        tap(phone, 2)
        stage.wait("state.votes.counts.join() === '0,0,2,0' && state.votes.voters === 2",
                   "the vote was moved, and not added")
        # Nothing of the lecturer's page is to be had there.
        for path in ("events?since=0", "do", "save", "status"):
            refused(url, path)
        assert stage.page.evaluate("Ponte.act('class', { open: false }).then(Boolean)")
        stage.wait("!state.exposed?.length", "nothing is exposed any more")
        for each in exposed:
            assert each["address"] and each["what"]["en"] and each["what"]["pt"], each
        for device in (phone, other):
            device.wait("document.body.innerText.length > 10", "the phone says what is")
            device.forgive()


def a_phone(stage: Stage, url: str) -> Tab:
    """A phone that has opened the address."""
    tab = stage.open("about:blank", PHONE)
    tab.resize(*PHONE, phone=True)
    tab.go(url)
    return tab


def tap(phone: Tab, answer: int) -> None:
    """Taps an answer with a finger."""
    x, y = phone.evaluate("(b => [b.x + b.width / 2, b.y + b.height / 2])"
                          f"({ANSWERS}[{answer}].getBoundingClientRect())")
    phone.call("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": x, "y": y}])
    phone.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])


def refused(url: str, path: str) -> None:
    """The phones' port does not answer that."""
    base = url.partition("#")[0].rstrip("/")
    try:
        with urllib.request.urlopen(f"{base}/{path}", timeout=5) as answer:
            raise AssertionError(f"{path}: {answer.status} at the phones' port")
    except urllib.error.HTTPError as error:
        assert error.code in (403, 404, 405), f"{path}: {error.code}"
        error.close()
