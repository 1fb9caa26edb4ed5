// A story on the page: which sheet is open, the slim bar below the banner, and the keys.
//
// Who may act, on a live page, gets a dialog. A page that only shows, live or from a recording, gets
// the same sheet as a note that leaves the rest of the page usable.
"use strict";
{
    globalThis.Ponte ??= {};
    const { html, text, attribute, shape, button } = Ponte.dom;
    const dialog = document.getElementById("question");
    const note = html("aside", { id: "story-note", class: "sheet" });
    const bar = document.getElementById("story-bar");
    const LETTERS = "ABCD";
    const NEXT = ["Enter", ".", "PageDown", "ArrowRight", " "];

    // The keys of a presenter's remote that go on.
    const REMOTE = [".", "PageDown"];

    let scene = { scene: "none", key: "" };
    // The scene that was closed by a key or a button, the one whose `next` was sent, and whether
    // the choice of a prediction is open.
    let dismissed = "";
    let sent = "";
    let isChoosing = false;
    let isFirst = true;

    const step = html("b");
    const line = html("span", { class: "story-line" });
    const mark = shape("start");
    const show = button({ "data-do": "show" }, () => { dismissed = ""; Ponte.redraw(); });
    const next = button({ class: "chief", "data-do": "next" }, goOn);
    const end = button({ "data-do": "end story" }, () => Ponte.act("end story"));
    bar.append(mark, step, line, show, next, end);
    document.body.append(note);
    dialog.append(Ponte.storyChoose.node);

    const canAct = () => Ponte.canAct && Ponte.player.mode === "live";
    // While a step runs there is nothing to go on to: an impatient press must not stop the time.
    const isRunning = () => Ponte.canAct && scene.scene !== "none" && scene.scene !== "end"
        && (!hasSheet() || Ponte.player.mode !== "live");
    const hasSheet = () => ["question", "proof", "end"].includes(scene.scene);
    const isOpen = () => hasSheet() && dismissed !== scene.key;

    /** From the votes to the fault, from the proof to the next question. Once for each scene. */
    async function goOn() {
        if (scene.scene === "end") {
            dismissed = scene.key;
            Ponte.redraw();
        } else if (hasSheet() && sent !== scene.key) {
            sent = scene.key;
            if (await Ponte.act("next") === null) sent = "";
        }
    }

    function press(answer, delta) {
        if (canAct() && scene.votes.open) Ponte.act("vote", { answer, delta });
    }

    /** Opens the choice of a prediction, or the sheet that was closed. */
    function choose(state) {
        if (scene.scene !== "none" && scene.scene !== "end") dismissed = "";
        else {
            isChoosing = true;
            Ponte.storyChoose.begin(state);
        }
        Ponte.redraw();
    }

    function update(state, lang) {
        const before = scene;
        scene = Ponte.storyScene(state);
        if (scene.key !== before.key) {
            // A page that comes later need not see the sum of a story that is over.
            dismissed = isFirst && scene.scene === "end" ? scene.key : "";
            sent = "";
            if (scene.scene !== "none" && scene.scene !== "end") isChoosing = false;
        }
        isFirst = false;
        if (isChoosing) Ponte.storyChoose.draw(state, lang);
        if (hasSheet()) Ponte.storySheet.draw(scene, lang, canAct());
        place();
        drawBar(lang);
    }

    /** The sheet in the dialog or in the note; both closed where there is none. */
    function place() {
        const isModal = canAct() && (isChoosing || isOpen());
        const isNote = !canAct() && isOpen();
        Ponte.storyChoose.node.hidden = !isChoosing;
        Ponte.storySheet.node.hidden = isChoosing || !isOpen();
        const home = isNote ? note : dialog;
        if (Ponte.storySheet.node.parentNode !== home) home.append(Ponte.storySheet.node);
        note.hidden = !isNote;
        if (isModal && !dialog.open) {
            dialog.showModal();
            mainButton().focus();
        } else if (!isModal && dialog.open) dialog.close();
        // A key or a click on another place must not lose the way on.
        if (isModal && !dialog.contains(document.activeElement)) mainButton().focus();
    }

    /** The button with which most will go on. */
    function mainButton() {
        return isChoosing ? Ponte.storyChoose.first() : Ponte.storySheet.go;
    }

    function drawBar(lang) {
        const { story } = scene;
        // It stays behind an open sheet, so that the page below does not move.
        bar.hidden = scene.scene === "none" || scene.scene === "end";
        if (bar.hidden) return;
        attribute(bar, "data-scene", scene.scene);
        mark.setShape({ proof: story.passed === false ? "bad" : "good", question: "unknown" }[
            scene.scene] ?? "start");
        text(step, `${story.of > 1 && story.step ? `${story.step}/${story.of} · ` : ""}${
            Ponte.pick(story.title, lang)}`);
        text(line, lineOf(story, lang));
        show.hidden = !hasSheet() || isOpen();
        next.hidden = show.hidden || !canAct();
        end.hidden = !canAct();
        text(show, Ponte.say(lang, "story.show"));
        text(next, Ponte.storySheet.goesBy(scene, lang));
        text(end, Ponte.say(lang, story.kind === "demo" ? "story.end" : "story.leave"));
    }

    function lineOf(story, lang) {
        if (scene.scene === "start") return Ponte.say(lang, "story.starts");
        if (scene.scene === "question") return Ponte.pick(story.question, lang);
        const last = story.lines[story.lines.length - 1];
        if (last) return Ponte.pick(last.text, lang);
        return story.kind === "demo" ? Ponte.say(lang, "story.runs")
            : Ponte.pick(story.question, lang);
    }

    dialog.addEventListener("cancel", (event) => {
        event.preventDefault();
        dismiss();
    });

    function dismiss() {
        if (isChoosing) isChoosing = false;
        else dismissed = scene.key;
        Ponte.redraw();
    }

    /** Keys of the teacher and of a presenter's remote; whether one was meant for the story. */
    function onKey(event) {
        if (event.key === "Escape" && (isOpen() || isChoosing)) {
            dismiss();
            return true;
        }
        if (REMOTE.includes(event.key) && isRunning()) {
            // Who looked back comes to the present by the same key.
            if (Ponte.player.mode !== "live") Ponte.transport.goLive();
            return true;
        }
        if (!canAct()) return false;
        if (isChoosing) return Ponte.storyChoose.onKey(event);
        if (!hasSheet()) return false;
        const isPress = ["Enter", " "].includes(event.key)
            && event.target instanceof HTMLButtonElement;
        if (NEXT.includes(event.key) && !isPress) {
            goOn();
            return true;
        }
        const answer = event.key.length === 1 ? LETTERS.indexOf(event.key.toUpperCase()) : -1;
        if (answer < 0 || !isOpen() || scene.scene !== "question") return false;
        press(answer, event.shiftKey ? -1 : 1);
        return true;
    }

    Ponte.keyHandlers.unshift(onKey);
    Ponte.views.push({ update });
    Ponte.story = { choose, press, goOn, dismiss };
}
