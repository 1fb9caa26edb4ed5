// The space and time of one call. `Ponte.layout` says where everything is; this file draws it.
"use strict";
{
    globalThis.Ponte ??= {};
    const { html, svg, set, attribute, text, list, shape } = Ponte.dom;
    const place = document.getElementById("diagram");
    const title = document.getElementById("diagram-title");
    const sentence = document.getElementById("sentence");
    const bubble = document.getElementById("event-text");

    // The least height of a line with its circles, in rem.
    const LINE = 2.1;

    const layers = {};
    for (const name of ["gaps", "lines", "bars", "arrows", "labels", "events", "ticks"]) {
        layers[name] = svg("g", { class: `layer-${name}` });
        place.append(layers[name]);
    }
    const number = (value) => Number(value.toFixed(1));
    let drawn = "";
    let pointed = null;

    /** The sizes that the layout has to know: of text in pixels, and of the things it places. */
    function sizes(call, state) {
        const box = Ponte.size(place);
        return { width: box.width, height: box.height, procs: procsOf(call, state, box.height),
            now: state.t,
            textHeight: 1.15 * Ponte.text.rem, scale: Ponte.text.rem / 16,
            measure: (string) => Ponte.text.width(string, 1, 600), lang: Ponte.lang };
    }

    /** The processes that get a line: where there is little height, only those that took part. */
    function procsOf(call, state, height) {
        const lines = Math.floor(height / (LINE * Ponte.text.rem)) - 1;
        if (state.procs.size <= lines) return state.procs;
        const took = new Set([call.caller, ...call.hops.flatMap((hop) => [hop.from, hop.to])]);
        return new Map([...state.procs].filter(([name]) => took.has(name)));
    }

    function update(state, lang) {
        const call = Ponte.calls.shown;
        const box = Ponte.size(place);
        const values = call && { number: call.number, method: call.method };
        text(title, call ? Ponte.say(lang, "view.call", values)
            : Ponte.say(lang, "view.space and time of none"));
        const name = call ? "view.space and time" : "view.space and time of none";
        attribute(place, "aria-label", Ponte.say(lang, name, values ?? {}));
        attribute(larger, "title", Ponte.say(lang, "view.zoom"));
        attribute(larger, "aria-label", Ponte.say(lang, "view.zoom"));
        resolve.hidden = !Ponte.canAct || !isOpen(call);
        text(word, Ponte.say(lang, "view.do.resolve"));
        attribute(resolve, "title", Ponte.say(lang, "view.key.resolve"));
        // A line shows where its process was frozen or dead, so those changes count, too.
        const key = call ? [call.id, call.events.length, call.hops.length, call.works.length,
            call.t1, call.resolved?.t1, call.gaps, lang, box.width, box.height, Ponte.text.rem,
            historyOf(state)].join(" ") : `none ${lang}`;
        if (key === drawn) return;
        drawn = key;
        const said = call ? Ponte.explain(call, lang) : Ponte.say(lang, "view.no call yet");
        text(sentence, said);
        attribute(sentence, "title", said);
        point(null);
        draw(call ? Ponte.layout(call, sizes(call, state)) : null, lang);
    }

    function historyOf(state) {
        let changes = 0;
        for (const proc of state.procs.values()) changes += proc.history?.length ?? 0;
        return `${state.procs.size}:${changes}`;
    }

    const indexed = (items) => (items ?? []).map((item, index) => ({ ...item, index }));
    const byIndex = (item) => item.index;

    function draw(layout, lang) {
        const all = (name) => indexed(layout?.[name]);
        list(layers.gaps, all("gaps"), byIndex, () => group("gap", "rect", "text"), drawGap);
        list(layers.lines, all("lines"), byIndex, newLine, drawLine);
        list(layers.bars, all("bars"), byIndex, () => group("bar", "rect"), drawBar);
        list(layers.arrows, all("arrows"), byIndex, () => group("arrow", "line", "path"),
            drawArrow);
        list(layers.labels, all("labels"), byIndex, () => group("label", "text"), (node, label) => {
            attribute(node, "data-label", label.kind);
            set(node.text, { x: label.x, y: label.y, text: label.text });
        });
        list(layers.events, all("events"), byIndex, newEvent, (node, event) =>
            drawEvent(node, event, lang));
        list(layers.ticks, all("ticks"), byIndex, () => group("tick", "line", "text"), drawTick);
    }

    function group(name, ...tags) {
        const node = svg("g", { class: name });
        for (const tag of tags) node.append((node[tag] = svg(tag)));
        return node;
    }

    function drawGap(node, gap) {
        set(node.rect, { x: gap.x, y: gap.y0, width: gap.width, height: gap.y1 - gap.y0 });
        set(node.text, { x: gap.textX, y: gap.textY, text: gap.text });
    }

    function newLine() {
        const node = group("lifeline", "path", "text");
        node.stretches = node.insertBefore(svg("g"), node.text);
        return node;
    }

    /** The line of a process, other where it was dead or frozen. */
    function drawLine(node, line) {
        attribute(node, "data-told", line.told ? "true" : null);
        attribute(node.path, "d", solid(line));
        set(node.text, { x: line.textX, y: line.y, text: line.text });
        const stretches = indexed([...line.dead.map((each) => ({ ...each, kind: "dead" })),
            ...line.frozen.map((each) => ({ ...each, kind: "frozen" }))]);
        list(node.stretches, stretches, byIndex, () => svg("line"), (part, each) =>
            set(part, { "data-stretch": each.kind, x1: each.x0, x2: each.x1, y1: line.y,
                y2: line.y }));
    }

    /** The line where its process lived: the stretches in which it was dead are left out. */
    function solid({ x0, x1, y, dead }) {
        const parts = [];
        let from = x0;
        for (const each of [...dead].sort((a, b) => a.x0 - b.x0)) {
            if (each.x0 > from) parts.push(`M${from} ${y}H${each.x0}`);
            from = Math.max(from, each.x1);
        }
        if (x1 > from) parts.push(`M${from} ${y}H${x1}`);
        return parts.join("");
    }

    function drawBar(node, bar) {
        attribute(node, "data-bar", bar.kind);
        set(node.rect, { x: bar.x, y: bar.y - bar.height / 2, width: bar.width,
            height: bar.height, rx: 3 });
    }

    /** An arrow; one that never arrived ends with a cross, one under way is open. */
    function drawArrow(node, arrow) {
        const rem = Ponte.text.rem;
        const { x0, y0, x1: x, y1: y, kind, ends } = arrow;
        const length = Math.hypot(x - x0, y - y0) || 1;
        const [dx, dy] = [(x - x0) / length, (y - y0) / length];
        const size = Math.min(0.75 * rem, length * 0.6);
        const isPoint = ends === "arrow";
        attribute(node, "data-arrow", kind);
        attribute(node, "data-told", arrow.told ? "true" : null);
        set(node.line, { x1: number(x0), y1: number(y0), x2: number(x - (isPoint ? dx * size : 0)),
            y2: number(y - (isPoint ? dy * size : 0)) });
        const r = 0.4 * rem;
        const [px, py] = [-dy * size * 0.45, dx * size * 0.45];
        const [bx, by] = [x - dx * size, y - dy * size];
        const point = `M${x} ${y}L${bx + px} ${by + py}L${bx - px} ${by - py}Z`;
        const cross = `M${x - r} ${y - r}L${x + r} ${y + r}M${x + r} ${y - r}L${x - r} ${y + r}`;
        set(node.path, { d: isPoint ? point : ends === "cross" ? cross : "",
            class: isPoint ? "point" : "cross" });
    }

    function drawTick(node, tick) {
        set(node.line, { x1: tick.x, x2: tick.x, y1: tick.y - 0.95 * Ponte.text.rem,
            y2: tick.y - 0.65 * Ponte.text.rem });
        set(node.text, { x: tick.textX, y: tick.y, text: tick.text });
    }

    function newEvent() {
        const node = group("event", "circle", "text");
        set(node, { role: "img" });
        node.addEventListener("keydown", (key) => {
            const way = { ArrowRight: "nextSibling", ArrowLeft: "previousSibling" }[key.key];
            if (!way) return;
            key.preventDefault();
            key.stopPropagation();
            node[way]?.focus();
        });
        node.addEventListener("mouseenter", () => point(node));
        node.addEventListener("focus", () => point(node));
        node.addEventListener("mouseleave", () => point(null));
        node.addEventListener("blur", () => point(null));
        return node;
    }

    function drawEvent(node, event, lang) {
        node.said = Ponte.say(lang, event.key, event.values);
        const n = event.n || "";
        // One stop for Tab in all events; the arrows go on from there.
        set(node, { tabindex: event.index ? "-1" : "0", "data-event": event.n,
            "aria-label": `${n} ${node.said}`,
            transform: `translate(${number(event.x)} ${number(event.y)})` });
        set(node.circle, { r: number(event.r) });
        set(node.text, { text: n, class: event.n > 9 ? "two" : "" });
        node.at = [event.x, event.y];
    }

    /** Shows the text of an event beside it, or of none. */
    function point(node) {
        pointed = node;
        bubble.hidden = !node;
        if (!node) return;
        const box = Ponte.size(place);
        text(bubble, node.said);
        const width = bubble.offsetWidth;
        const height = bubble.offsetHeight;
        const [x, y] = node.at;
        const above = y - height - 0.9 * Ponte.text.rem;
        bubble.style.left = `${Math.min(Math.max(x - width / 2, 0), box.width - width)}px`;
        bubble.style.top = `${above >= 0 ? above : y + 0.9 * Ponte.text.rem}px`;
    }

    /** Gives the diagram the place of the topology, or gives it back. */
    function zoom() {
        const page = place.closest(".page");
        page.dataset.zoom = page.dataset.zoom ? "" : "diagram";
        Ponte.redraw();
    }

    const larger = html("button", { type: "button", class: "zoom", "data-do": "zoom",
        "aria-keyshortcuts": "Z" }, shape("zoom"));
    larger.addEventListener("click", zoom);
    const word = html("span");
    const resolve = html("button", { type: "button", class: "resolve", "data-do": "resolve",
        "aria-keyshortcuts": "U" }, shape("unknown"), word,
        html("kbd", { text: "U", "aria-hidden": "true" }));
    resolve.addEventListener("click", askWhat);
    title.before(larger, resolve);
    title.parentNode.addEventListener("click", Ponte.dom.blurAfterMouse, true);

    /** True for a call of which nobody knows yet what became of it. */
    const isOpen = (call) => call?.outcome === "unknown" && !(call.resolved?.outcome
        && call.resolved.outcome !== "unknown");

    /** Lets the caller ask what became of the shown call. */
    function askWhat() {
        const call = Ponte.calls.shown;
        if (isOpen(call)) Ponte.act("resolve", { id: call.id });
    }

    Ponte.diagram = { zoom, askWhat, get pointed() { return pointed; } };
    Ponte.views.push({ update });
}
