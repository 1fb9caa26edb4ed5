// How long calls took: one mark each over the whole recording, on a logarithmic scale.
//
// The scrubber lies below, on the same axis: a mark stands over the moment at which its call began.
// Shapes say the outcome: a dot answered, a triangle a fault, a square not sent, a cross unknown.
"use strict";
{
    globalThis.Ponte ??= {};
    const canvas = document.getElementById("times");

    // The scale, in milliseconds. What is faster or slower stands at its edge.
    const LEAST = 0.6;
    const MOST = 20000;
    const LINES = [1, 10, 100, 1000, 10000];
    // Not drawn more often than this, in milliseconds: with many calls a drawing costs some.
    const PAUSE_MS = 250;
    // At most so many marks are drawn, the newest. More than that lie on top of each other.
    const MARKS = 8000;

    let last = 0;
    let drawn = "";
    let marks = [];

    // Colours of the theme, read once after each change of it.
    let colours = null;

    const NAMES = { answered: "--good", fault: "--bad", "not sent": "--bad", unknown: "--unknown",
        open: "--muted", line: "--rule", text: "--muted", cut: "--bad" };

    function readColours() {
        const style = getComputedStyle(document.documentElement);
        colours = { family: getComputedStyle(document.body).fontFamily };
        for (const [name, variable] of Object.entries(NAMES)) {
            colours[name] = style.getPropertyValue(variable);
        }
    }

    Ponte.theme.listen(() => {
        colours = null;
        drawn = "";
    });

    function draw(state, T) {
        const from = Ponte.player.begins;
        const to = Math.max(Ponte.player.ends, T);
        const box = Ponte.size(canvas);
        const ratio = devicePixelRatio || 1;
        const rem = Ponte.text.rem;
        if (!colours) readColours();
        if (canvas.width !== Math.round(box.width * ratio)
            || canvas.height !== Math.round(box.height * ratio)) {
            canvas.width = Math.round(box.width * ratio);
            canvas.height = Math.round(box.height * ratio);
        }
        const pen = canvas.getContext("2d");
        pen.setTransform(ratio, 0, 0, ratio, 0, 0);
        pen.clearRect(0, 0, box.width, box.height);
        const left = 3.2 * rem;
        const right = box.width - 0.55 * rem;
        const top = 0.35 * rem;
        const bottom = box.height - 0.3 * rem;
        const height = (ms) => bottom - (bottom - top)
            * Math.log(Math.min(Math.max(ms, LEAST), MOST) / LEAST) / Math.log(MOST / LEAST);
        const place = (t) => left + (right - left) * (t - from) / Math.max(to - from, 1);
        scale(pen, height, left, right, rem);
        faults(pen, state, place, top, bottom);
        marks = [];
        for (const [outcome, calls] of byOutcome(state)) {
            const r = (outcome === "answered" ? 0.2 : 0.3) * rem;
            pen.fillStyle = pen.strokeStyle = colours[outcome];
            pen.lineWidth = r * 0.65;
            pen.beginPath();
            for (const call of calls) {
                const x = place(call.t0);
                const y = height((call.t1 ?? T) - call.t0);
                trace(pen, outcome, x, y, r);
                marks.push([x, y, call.id]);
            }
            if (outcome === "unknown" || outcome === "open") pen.stroke();
            else pen.fill();
        }
    }

    /** The newest calls, grouped: all marks of one kind are drawn at once. */
    function byOutcome(state) {
        const groups = new Map();
        for (const id of state.order.slice(-MARKS)) {
            const call = state.calls.get(id);
            const outcome = call.outcome ?? "open";
            if (!groups.has(outcome)) groups.set(outcome, []);
            groups.get(outcome).push(call);
        }
        return groups;
    }

    function scale(pen, height, left, right, rem) {
        pen.font = `${rem}px ${colours.family}`;
        pen.textAlign = "right";
        pen.textBaseline = "middle";
        pen.lineWidth = 1;
        for (const ms of LINES) {
            const y = Math.round(height(ms)) + 0.5;
            pen.strokeStyle = colours.line;
            pen.beginPath();
            pen.moveTo(left, y);
            pen.lineTo(right, y);
            pen.stroke();
            pen.fillStyle = colours.text;
            // Two lines have their words: more would not stand apart.
            if (ms === 1 || ms === 1000) {
                pen.fillText(ms >= 1000 ? `${ms / 1000} s` : `${ms} ms`, left - 0.5 * rem, y);
            }
        }
    }

    /** A thin line at each moment at which a fault was let loose. */
    function faults(pen, state, place, top, bottom) {
        pen.strokeStyle = colours.cut;
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

    /** Adds the shape of one call to the path. */
    function trace(pen, outcome, x, y, r) {
        if (outcome === "answered") {
            pen.moveTo(x + r, y);
            pen.arc(x, y, r, 0, 7);
        } else if (outcome === "fault") {
            pen.moveTo(x, y - r);
            pen.lineTo(x + r, y + r);
            pen.lineTo(x - r, y + r);
        } else if (outcome === "not sent") {
            pen.rect(x - r * 0.85, y - r * 0.85, r * 1.7, r * 1.7);
        } else {
            pen.moveTo(x - r, y - r);
            pen.lineTo(x + r, y + r);
            pen.moveTo(x + r, y - r);
            pen.lineTo(x - r, y + r);
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
        const from = Ponte.player.begins;
        const to = Math.max(Ponte.player.ends, T);
        const key = [state.s, from, Math.round(to / PAUSE_MS), Ponte.size(canvas).width,
            Ponte.size(canvas).height, Ponte.text.rem,
            state.open.size ? Math.round(T / PAUSE_MS) : 0].join(" ");
        if (key === drawn) return;
        drawn = key;
        last = now;
        draw(state, T);
    }

    Ponte.views.push({ update, frame });
}
