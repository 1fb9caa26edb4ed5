// What happened, newest first: one line each, with the second at which it was.
"use strict";
{
    globalThis.Ponte ??= {};
    const { html, text, attribute, list, shape } = Ponte.dom;
    const place = document.getElementById("log");
    const SHAPES = { info: "info", good: "good", warn: "warn", bad: "bad" };

    // Lines have no number of their own: each gets one when it is first seen.
    const numbers = new WeakMap();
    let next = 0;

    function numberOf(line) {
        if (!numbers.has(line)) numbers.set(line, ++next);
        return numbers.get(line);
    }

    function newRow(line) {
        const parts = { time: html("time"), form: shape(SHAPES[line.level] ?? "info"),
            text: html("span", { class: "what" }) };
        const node = html("li", { class: "row", "data-row": line.key, "data-level": line.level },
            ...Object.values(parts));
        node.parts = parts;
        return node;
    }

    function update(state, lang) {
        text(document.getElementById("log-title"), Ponte.say(lang, "view.log"));
        const rows = Math.max(1, Math.floor(place.clientHeight / (1.65 * Ponte.text.rem)));
        list(place, state.log.slice(-rows).reverse(), numberOf, newRow, (node, line) => {
            const said = Ponte.say(lang, line.key, line.values);
            const s = (line.t / 1000).toFixed(1);
            text(node.parts.time, lang === "pt" ? s.replace(".", ",") : s);
            text(node.parts.text, said);
            attribute(node.parts.text, "title", said);
        });
    }

    Ponte.views.push({ update });
}
