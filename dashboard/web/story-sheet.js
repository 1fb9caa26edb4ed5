// The sheet of a question: four answers with their votes, and later what came true.
"use strict";
{
    globalThis.Ponte ??= {};
    const { html, text, attribute, list, shape, button } = Ponte.dom;
    const LETTERS = ["A", "B", "C", "D"];

    const place = html("p", { class: "story-place" });
    const title = html("h2");
    const answers = html("ol", { class: "answers" });
    const voters = html("p", { class: "story-voters" });
    const reason = html("p", { class: "story-reason" });
    const checks = html("ul", { class: "checks" });
    const skip = button({ "data-do": "skip" }, () => Ponte.act("skip"));
    const end = button({ "data-do": "end story" }, () => Ponte.act("end story"));
    const go = button({ class: "chief", "data-do": "next" }, () => Ponte.story.goOn());
    const close = button({ "data-do": "close" }, () => Ponte.story.dismiss());
    const foot = html("div", { class: "foot" }, close, end, skip, go);
    const sheet = html("div", { class: "story-sheet" }, place, title, answers, voters, reason,
        checks, foot);

    /** One answer: letter, text, bar, and a count between minus and plus. */
    function newAnswer({ index }) {
        const letter = LETTERS[index];
        const node = html("li", { class: "answer", "data-answer": letter });
        node.mark = shape("good", "mark");
        node.words = html("span", { class: "answer-text" });
        node.fill = html("span");
        node.less = button({ class: "press" }, () => Ponte.story.press(index, -1));
        node.more = button({ class: "press" }, () => Ponte.story.press(index, 1));
        text(node.less, "−");
        text(node.more, "+");
        node.count = html("b", { "data-part": "count" });
        node.append(html("b", { class: "letter", text: letter }), node.words, node.mark,
            html("span", { class: "bar" }, node.fill), node.less, node.count, node.more);
        return node;
    }

    function newCheck() {
        const node = html("li");
        node.mark = shape("good");
        node.words = html("span");
        node.append(node.mark, node.words);
        return node;
    }

    /** Writes a line of a proof: its sign, its sentence, and what else was seen. */
    function drawCheck(node, check, lang) {
        attribute(node, "class", check.holds ? "holds" : "fails");
        node.mark.setShape(check.holds ? "good" : "bad");
        const excuse = check.excuse ? ` (${Ponte.pick(check.excuse, lang)})` : "";
        text(node.words, Ponte.pick(check.text, lang) + excuse);
    }

    function drawAnswers(scene, lang, canPress) {
        const { story, votes } = scene;
        const rows = scene.scene === "end" ? []
            : story.answers.map((answer, index) => ({ answer, index }));
        list(answers, rows, (row) => row.index, newAnswer, (node, { answer, index }) => {
            const isRight = scene.scene === "proof" && story.right === index;
            attribute(node, "class", isRight ? "answer right" : "answer");
            attribute(node.mark, "class", isRight ? "shape mark" : "shape mark away");
            node.fill.style.width = `${100 * Ponte.storyShare(votes.counts, index)}%`;
            text(node.words, Ponte.pick(answer, lang));
            text(node.count, votes.counts[index]);
            for (const [press, key] of [[node.less, "less"], [node.more, "more"]]) {
                press.hidden = !canPress;
                attribute(press, "aria-label",
                    Ponte.say(lang, `story.${key}`, { letter: LETTERS[index] }));
            }
        });
        answers.hidden = rows.length === 0;
        // Where nobody voted, what came true has no bars.
        attribute(answers, "data-empty", scene.scene === "proof" && !votes.voters ? "true" : null);
    }

    function drawChecks(scene, lang) {
        const { story } = scene;
        let lines = [];
        if (scene.scene === "proof") lines = story.checks;
        else if (scene.scene === "end") lines = story.results.map(resultLine);
        list(checks, lines.map((line, index) => ({ line, index })), (row) => row.index, newCheck,
            (node, { line }) => drawCheck(node, line, lang));
        checks.hidden = lines.length === 0;
    }

    /** A step in the sum. */
    function resultLine(result) {
        const both = (lang) => `${result.step} · ${Ponte.pick(result.proves, lang)}: ${
            Ponte.say(lang, `story.result.${result.what}`)}`;
        return { holds: result.what !== "failed", text: { en: both("en"), pt: both("pt") } };
    }

    function titleOf({ scene, story }, lang) {
        if (scene === "proof") {
            const how = story.passed === null ? "skipped" : story.passed ? "holds" : "fails";
            return Ponte.say(lang, `story.${how}`);
        }
        if (scene !== "end") return Ponte.pick(story.question, lang);
        return Ponte.say(lang, story.ended === "failed" ? "story.failed" : "story.sum");
    }

    function placeOf({ scene, story }, lang) {
        if (scene === "end") return "";
        const step = story.of > 1 ? `${story.step}/${story.of} · ` : "";
        return step + Ponte.pick(scene === "proof" ? story.question : story.title, lang);
    }

    /** Writes the scene on the sheet. `canAct`: with its buttons. */
    function draw(scene, lang, canAct) {
        const { story, votes } = scene;
        attribute(sheet, "data-scene", scene.scene);
        text(place, placeOf(scene, lang));
        text(title, titleOf(scene, lang));
        drawAnswers(scene, lang, canAct && votes.open && scene.scene === "question");
        text(voters, votes.voters && scene.scene !== "end"
            ? Ponte.say(lang, "story.votes", { voters: votes.voters }) : "");
        text(reason, scene.scene === "question" ? "" : Ponte.pick(story.text, lang));
        drawChecks(scene, lang);
        close.hidden = canAct;
        go.hidden = !canAct;
        skip.hidden = !canAct || scene.scene !== "question" || story.kind !== "demo";
        end.hidden = !canAct || scene.scene === "end";
        text(close, Ponte.say(lang, "story.close"));
        text(skip, Ponte.say(lang, "story.skip"));
        text(end, Ponte.say(lang, story.kind === "demo" ? "story.end" : "story.leave"));
        text(go, goesBy(scene, lang));
    }

    /** What the button says that goes on. */
    function goesBy({ scene, story }, lang) {
        if (scene === "question") return Ponte.say(lang, "story.go");
        if (scene === "end") return Ponte.say(lang, "story.close");
        return Ponte.say(lang, story.step < story.of ? "story.next" : "story.done");
    }

    Ponte.storySheet = { node: sheet, go, draw, goesBy };
}
