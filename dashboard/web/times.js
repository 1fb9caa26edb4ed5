// How long calls took: one mark each over the whole recording, on a logarithmic scale.
//
// The scrubber lies below, on the same axis: a mark stands over the moment at which its call began.
// Shapes say the outcome: a dot answered, a triangle a fault, a square not sent, a cross unknown.
"use strict";
{
    globalThis.Ponte ??= {};
    const canvas = document.getElementById("times");

    // The scale, in milliseconds. What is faster or slower stands at its edge.
    const LEAST = 0.5;
    const MOST = 20000;
    const LINES = [1, 10, 100, 1000, 10000];
    // Not drawn more often than this, in milliseconds: with many calls a drawing costs some.
    const PAUSE_MS = 250;
    // At most so many marks are drawn, the newest. More than that lie on top of each other.
    const MARKS = 3000;

    let last = 0;
    let drawn = "";
    let marks = [];

    const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name);

    function draw(state, T) {
        const { begins: from, ends: to } = Ponte.player;
        const box = canvas.getBoundingClientRect();
        const ratio = devicePixelRatio || 1;
        const rem = Ponte.text.rem;
        if (canvas.width !== Math.round(box.width * ratio)
            || canvas.height !== Math.round(box.height * ratio)) {
            canvas.width = Math.round(box.width * ratio);
            canvas.height = Math.round(box.height * ratio);
        }
        const pen = canvas.getContext("2d");
        pen.setTransform(ratio, 0, 0, ratio, 0, 0);
        pen.clearRect(0, 0, box.width, box.height);
        const left = 4.2 * rem;
        const right = box.width - 0.55 * rem;
        const top = 0.5 * rem;
        const bottom = box.height - 0.45 * rem;
        const height = (ms) => bottom - (bottom - top)
            * Math.log(Math.min(Math.max(ms, LEAST), MOST) / LEAST) / Math.log(MOST / LEAST);
        const place = (t) => left + (right - left) * (t - from) / Math.max(to - from, 1);
        scale(pen, height, left, right, rem);
        faults(pen, state, place, top, bottom);
        marks = [];
        const colours = { answered: colour("--good"), fault: colour("--bad"),
            "not sent": colour("--bad"), unknown: colour("--unknown"), open: colour("--muted") };
        for (const id of state.order.slice(-MARKS)) {
            const call = state.calls.get(id);
            const outcome = call.outcome ?? "open";
            const x = place(call.t0);
            const y = height((call.t1 ?? T) - call.t0);
            pen.fillStyle = pen.strokeStyle = colours[outcome];
            mark(pen, outcome, x, y, outcome === "answered" ? 0.2 * rem : 0.3 * rem);
            marks.push([x, y, id]);
        }
    }

    function scale(pen, height, left, right, rem) {
        pen.font = `${rem}px ${getComputedStyle(canvas).fontFamily}`;
        pen.textAlign = "right";
        pen.textBaseline = "middle";
        pen.lineWidth = 1;
        for (const ms of LINES) {
            const y = Math.round(height(ms)) + 0.5;
            pen.strokeStyle = colour("--rule");
            pen.beginPath();
            pen.moveTo(left, y);
            pen.lineTo(right, y);
            pen.stroke();
            pen.fillStyle = colour("--muted");
            // Every second line has its words: they stand apart at 16 px, too.
            if (ms === 1 || ms === 100 || ms === 10000) {
                pen.fillText(ms >= 1000 ? `${ms / 1000} s` : `${ms} ms`, left - 0.5 * rem, y);
            }
        }
    }

    /** A thin line at each moment at which a fault was let loose. */
    function faults(pen, state, place, top, bottom) {
        pen.strokeStyle = colour("--bad");
        pen.lineWidth = 1;
        pen.setLineDash([3, 3]);
        for (const line of state.log) {
            if (!line.key.startsWith("log.fault.")) continue;
            const x = Math.round(place(line.t)) + 0.5;
            pen.beginPath();
            pen.moveTo(x, top - 4);
            pen.lineTo(x, bottom + 6);
            pen.stroke();
        }
        pen.setLineDash([]);
    }

    function mark(pen, outcome, x, y, r) {
        pen.beginPath();
        if (outcome === "answered") {
            pen.arc(x, y, r, 0, 7);
            pen.fill();
        } else if (outcome === "fault") {
            pen.moveTo(x, y - r);
            pen.lineTo(x + r, y + r);
            pen.lineTo(x - r, y + r);
            pen.fill();
        } else if (outcome === "not sent") {
            pen.fillRect(x - r * 0.85, y - r * 0.85, r * 1.7, r * 1.7);
        } else {
            pen.lineWidth = r * 0.65;
            pen.moveTo(x - r, y - r);
            pen.lineTo(x + r, y + r);
            pen.moveTo(x + r, y - r);
            pen.lineTo(x - r, y + r);
            pen.stroke();
        }
    }

    canvas.addEventListener("click", (event) => {
        const box = canvas.getBoundingClientRect();
        const [x, y] = [event.clientX - box.left, event.clientY - box.top];
        let best = null;
        let least = Ponte.text.rem ** 2;
        for (const [mx, my, id] of marks) {
            const far = (mx - x) ** 2 + (my - y) ** 2;
            if (far < least) [best, least] = [id, far];
        }
        if (best) Ponte.calls.pick(best);
    });

    function update(state, lang) {
        Ponte.dom.attribute(canvas, "aria-label", Ponte.say(lang, "view.times", {
            count: state.order.length }));
    }

    function frame(state, T, now) {
        if (now - last < PAUSE_MS) return;
        const { begins: from, ends: to } = Ponte.player;
        const key = [state.s, from, Math.round(to / PAUSE_MS), canvas.clientWidth,
            canvas.clientHeight, document.documentElement.dataset.theme, Ponte.text.rem,
            state.open.size ? Math.round(T / PAUSE_MS) : 0].join(" ");
        if (key === drawn) return;
        drawn = key;
        last = now;
        draw(state, T);
    }

    Ponte.views.push({ update, frame });
}
