// The calls, newest first: number, method, the way that each took, how long, what came of it.
"use strict";
{
    globalThis.Ponte ??= {};
    const { html, text, attribute, list } = Ponte.dom;
    const place = document.getElementById("calls");

    const MARKS = { answered: "✓", fault: "!", "not sent": "✕", unknown: "?", resolved: "✓" };
    // A call that is under way for longer than this is worth looking at, in milliseconds.
    const SLOW_MS = 400;
    // For how long the page stays with a call in which something went wrong, in milliseconds.
    const STAY_MS = 15000;
    // The picture of the newest call changes only so often, in milliseconds, to be readable.
    const CALM_MS = 3000;
    // How far back the page looks for a call to show by itself.
    const LOOK_BACK = 200;

    // In rem: what stands between the parts of a row, and the least width of a method's name.
    const BESIDE = 3.2;
    const METHOD = 2.7;

    let picked = "";

    /** True for a call that shows more than one attempt that was answered. */
    function isTelling(call, T) {
        if (call.attempts > 1 || call.resolved) return true;
        return call.t1 === null ? T - call.t0 > SLOW_MS : call.outcome !== "answered";
    }

    /** The call that the diagram shows: the picked one, else the one worth looking at. */
    function shownCall(state) {
        if (picked && state.calls.has(picked)) return state.calls.get(picked);
        const T = state.t;
        const calm = Math.floor(T / CALM_MS) * CALM_MS;
        let newest = null;
        const { order } = state;
        for (let at = order.length - 1; at >= Math.max(0, order.length - LOOK_BACK); at--) {
            const call = state.calls.get(order[at]);
            if (T - (call.t1 ?? T) > STAY_MS && newest) break;
            if (isTelling(call, T) && T - (call.t1 ?? T) <= STAY_MS) return call;
            if (!newest && call.t1 !== null && call.t1 <= calm) newest = call;
        }
        return newest ?? (order.length ? state.calls.get(order[order.length - 1]) : null);
    }

    /** The attempts of a call as steps, such as "server-1 ✕" and "server-2 ✓". */
    const wayOf = (call) => Ponte.way(call).map(({ who, mark }) => `${who} ${mark}`);

    /** As many of the last steps as there is room for: what came last matters most. */
    function shortened(steps, room) {
        for (let from = 0; from < steps.length; from++) {
            const said = (from ? "… › " : "") + steps.slice(from).join(" › ");
            if (Ponte.text.width(said) <= room) return said;
        }
        return steps.length ? Ponte.text.fit(steps[steps.length - 1], room) : "";
    }

    function duration(ms, lang) {
        const [value, unit] = ms >= 1000 ? [ms / 1000, "s"] : [ms, "ms"];
        const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
        const figure = value.toFixed(unit === "ms" && digits === 2 ? 1 : digits);
        return `${lang === "pt" ? figure.replace(".", ",") : figure} ${unit}`;
    }

    /** The width of the column of numbers, in rem: that of the longest. */
    const numberWidth = (state) =>
        0.85 + 0.56 * Math.max(String(state.counters.calls).length, 2);

    function newRow() {
        const parts = {};
        const inRow = ["number", "method", "way", "time", "outcome"];
        for (const part of inRow) {
            parts[part] = html("span", { "data-part": part });
        }
        parts.outcome.append((parts.word = html("span", { class: "heard" })),
            (parts.mark = html("span")));
        const node = html("div", { class: "row call", role: "option" },
            ...inRow.map((part) => parts[part]));
        node.parts = parts;
        node.addEventListener("click", () => pick(node.call));
        node.addEventListener("keydown", (event) => {
            if (event.key !== "Enter" && event.key !== " ") return;
            event.preventDefault();
            event.stopPropagation();
            pick(node.call);
        });
        return node;
    }

    function updateRow(node, call, state, lang, shown) {
        node.call = call.id;
        attribute(node, "data-call", call.id);
        const outcome = call.resolved?.outcome && call.outcome === "unknown"
            && call.resolved.outcome !== "unknown" ? "resolved" : call.outcome ?? "open";
        const steps = wayOf(call);
        const way = steps.join(" › ");
        const word = Ponte.say(lang, `view.outcome.${outcome}`);
        text(node.parts.number, `#${call.number}`);
        text(node.parts.method, call.method);
        attribute(node.parts.way, "title", way);
        attribute(node.parts.method, "title", call.method);
        text(node.parts.time, call.t1 === null ? "" : duration(call.t1 - call.t0, lang));
        // A call that was simply answered needs no word: the space is for its way.
        const isPlain = call.outcome === "answered";
        text(node.parts.word, isPlain ? `${word} ` : "");
        text(node.parts.mark, `${isPlain ? "" : `${word} `}${MARKS[outcome] ?? "…"}`);
        const { rem, width } = Ponte.text;
        const method = Math.min(Math.max(width(call.method, 1, 650), METHOD * rem), 6 * rem);
        const free = Ponte.size(place).width - (numberWidth(state) + BESIDE) * rem - method
            - width(node.parts.mark.textContent, 1, 650);
        const room = free - Ponte.text.width(node.parts.time.textContent, 1, 650);
        // Where both do not fit, the last process goes before the time.
        const isTight = steps.length > 0 && Ponte.text.width(steps[steps.length - 1]) > room;
        if (isTight) text(node.parts.time, "");
        text(node.parts.way, shortened(steps, isTight ? free : room));
        attribute(node, "data-outcome", outcome);
        attribute(node, "data-telling", String(isTelling(call, state.t)));
        attribute(node, "aria-selected", String(call === shown));
        // One stop for Tab in the whole list; the arrows go on from there.
        attribute(node, "tabindex", call === shown ? "0" : "-1");
        attribute(node, "aria-label", `#${call.number} ${call.method}, ${way}, ${word}`);
    }

    let rows = 0;

    function update(state, lang) {
        const { height } = Ponte.size(place);
        rows = Math.max(1, Math.floor(height / (1.9 * Ponte.text.rem)));
        const shown = shownCall(state);
        view.shown = shown;
        const ids = state.order.slice(-rows).reverse();
        // A picked call that is older than the list still stands in it, as its last row.
        if (shown && !ids.includes(shown.id)) ids[ids.length - 1] = shown.id;
        // A row is a place: with many calls a second, new nodes for each would cost too much.
        list(place, [...ids.keys()], (row) => row, newRow,
            (node, row) => updateRow(node, state.calls.get(ids[row]), state, lang, shown));
        place.style.setProperty("--number", `${numberWidth(state)}rem`);
        text(document.getElementById("calls-title"), Ponte.say(lang, "view.calls"));
    }

    /** Shows this call, until another one is picked; "" follows the newest again. */
    function pick(id) {
        picked = picked === id ? "" : id;
        Ponte.redraw();
    }

    /** Picks the next older (1) or newer (-1) call. */
    function move(step) {
        const { order } = Ponte.player.state;
        const at = order.indexOf(view.shown?.id);
        const next = order[Math.min(Math.max(at - step, 0), order.length - 1)];
        if (!next) return;
        picked = next;
        const hadFocus = place.contains(document.activeElement);
        update(Ponte.player.state, Ponte.lang);
        if (hadFocus) place.querySelector("[aria-selected='true']")?.focus();
        Ponte.redraw();
    }

    const view = { shown: null, pick, move, duration, MARKS, update,
        get isPicked() { return Boolean(picked); } };
    Ponte.calls = view;
    Ponte.views.push(view);
}
