// What happened, newest first: one line each, with the second at which it was.
"use strict";
{
    globalThis.Ponte ??= {};
    const { html, text, attribute, list, shape } = Ponte.dom;
    const root = document.documentElement;
    const place = document.getElementById("log");
    const SHAPES = { info: "info", good: "good", warn: "warn", bad: "bad" };

    // In rem: a row of one line and of two, and what stands beside its text.
    const LINE = 1.65;
    const TWO_LINES = 2.75;
    const BESIDE = 6.9;

    // Lines have no number of their own: each gets one when it is first seen.
    const numbers = new WeakMap();
    let next = 0;

    function numberOf(line) {
        if (!numbers.has(line)) numbers.set(line, ++next);
        return numbers.get(line);
    }

    function newRow({ line }) {
        const parts = { time: html("time"), form: shape(SHAPES[line.level] ?? "info"),
            text: html("span", { class: "what" }) };
        const node = html("li", { class: "row", "data-row": line.key, "data-level": line.level },
            ...Object.values(parts));
        node.parts = parts;
        return node;
    }

    /** Minutes and seconds since the start; tenths in the first ten minutes. */
    function timeOf(ms, lang) {
        const tenths = Math.floor(ms / 100);
        const seconds = Math.floor(tenths / 10);
        const two = (n) => String(n).padStart(2, "0");
        const clock = `${Math.floor(seconds / 60)}:${two(seconds % 60)}`;
        return seconds >= 600 ? clock : `${clock}${lang === "pt" ? "," : "."}${tenths % 10}`;
    }

    /** The newest lines, as many as there is height for. A long one takes two. */
    function rowsOf(state, lang) {
        const rem = Ponte.text.rem;
        const size = Ponte.size(place);
        const room = size.width - BESIDE * rem;
        let { height } = size;
        const rows = [];
        for (let at = state.log.length - 1; at >= 0; at--) {
            const line = state.log[at];
            const said = Ponte.say(lang, line.key, line.values);
            const isLong = Ponte.text.width(said, 1, line.level === "bad" ? 600 : 400) > room;
            height -= (isLong ? TWO_LINES : LINE) * rem;
            if (height < 0) break;
            rows.push({ line, said, isLong });
        }
        return rows;
    }

    /** Where older events were dropped, the title says from when on this page tells. */
    function titleOf(state, lang) {
        const { player } = Ponte;
        if (!player.dropped && !Ponte.isCut || !state.began) return Ponte.say(lang, "view.log");
        const at = new Date(state.began.at * 1000 + player.begins);
        return Ponte.say(lang, "view.log from", { time: at.toLocaleTimeString(root.lang) });
    }

    function update(state, lang) {
        text(document.getElementById("log-title"), titleOf(state, lang));
        list(place, rowsOf(state, lang), ({ line }) => numberOf(line), newRow, (node, row) => {
            const { line, said, isLong } = row;
            attribute(node, "data-long", isLong ? "true" : null);
            text(node.parts.time, timeOf(line.t, lang));
            text(node.parts.text, said);
            attribute(node.parts.text, "title", said);
        });
    }

    Ponte.views.push({ update });
}
