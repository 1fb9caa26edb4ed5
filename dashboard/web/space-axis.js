/* Where events stand from left to right: in their order, by time as far as there is room.

   Three rules: an event never stands left of one that happened before it; circles of one line keep
   a distance; and a pause longer than most is cut short. Where that is done a gap is marked, with
   its true length. Distances tell the order and hint at time; the times below tell it. */
"use strict";

{
    // A pause is cut at this many times the median pause.
    const LONG = 4;
    // Milliseconds. A shorter pause is never marked.
    const SHORT_MS = 1;
    // How far distances may shrink before messages are left out.
    const TIGHTEST = 0.62;
    // A cross stands between the lines, so it keeps this share of a step from what is beside it.
    const BESIDE_CROSS = 0.72;

    /**
     * Gives each event its `x`.
     * @param {Array} events in their order, each with `before` (space-events.js)
     * @param {{x0, x1, step}} room `step`: the distance wished between circles of one line
     * @returns {{step, gaps: [{x, width, ms}], xOf: function(t)}|null} the step that was possible;
     *     null if there is no room for so many events
     */
    Ponte.spaceAxis = (events, room) => {
        const {wishes, cuts} = pauses(events);
        const wide = room.x1 - room.x0;
        let step = room.step;
        // 1. Tighten until all of it fits without any time.
        while (place(events, step, 0, wishes, cuts) > wide) {
            step *= 0.94;
            if (step < room.step * TIGHTEST) {
                return null;
            }
        }
        // 2. Give the rest of the room to time: the largest scale that still fits.
        let low = 0;
        let high = wide / Math.max(Number.MIN_VALUE, Math.max(0, ...wishes));
        for (let round = 0; round < 24 && Number.isFinite(high); round++) {
            const middle = (low + high) / 2;
            if (place(events, step, middle, wishes, cuts) > wide) {
                high = middle;
            } else {
                low = middle;
            }
        }
        place(events, step, low, wishes, cuts);
        for (const event of events) {
            event.x += room.x0;
        }
        return {step, gaps: gapsOf(events, cuts), xOf: scaleOf(events, room)};
    };

    /** What each pause before an event asks for, in milliseconds, and which ones are cut. */
    function pauses(events) {
        const lengths = events.map((event, at) =>
            at === 0 ? 0 : Math.max(0, event.t - events[at - 1].t));
        const positive = lengths.filter(length => length > 0).sort((one, other) => one - other);
        const median = positive[Math.floor(positive.length / 2)] ?? 0;
        const limit = Math.max(LONG * median, SHORT_MS);
        return {wishes: lengths.map(length => Math.min(length, limit)),
                cuts: lengths.map(length => length > limit * 1.5 ? length : 0)};
    }

    /** Places events for a scale (pixels a millisecond); returns where the last one stands. */
    function place(events, step, scale, wishes, cuts) {
        let latest = 0;
        events.forEach((event, at) => {
            const isBesideCross = at > 0 && (event.what === "end" || events[at - 1].what === "end");
            let x = latest + Math.max(wishes[at] * scale + (cuts[at] ? step : 0),
                                      isBesideCross ? BESIDE_CROSS * step : 0);
            for (const one of event.before) {
                x = Math.max(x, one.x + distance(one, event, step));
            }
            event.x = x;
            latest = x;
        });
        return latest;
    }

    function distance(one, event, step) {
        // A bar stands between a request and its reply.
        return one.what === "recv" && event.what === "reply" && one.hop === event.hop
            ? step * 1.6 : step;
    }

    function gapsOf(events, cuts) {
        const gaps = [];
        events.forEach((event, at) => {
            if (cuts[at]) {
                const x = events[at - 1].x;
                gaps.push({x, width: event.x - x, ms: cuts[at]});
            }
        });
        return gaps;
    }

    /** Time to x, straight between events; what is outside stands at the edge. */
    function scaleOf(events, room) {
        const points = [];
        for (const {t, x} of [...events].sort((one, other) => one.t - other.t)) {
            points.push({t, x: Math.max(x, points.length ? points[points.length - 1].x : x)});
        }
        return t => {
            if (!points.length || t < points[0].t) {
                return room.x0;
            }
            for (let at = 1; at < points.length; at++) {
                const [left, right] = [points[at - 1], points[at]];
                if (t <= right.t) {
                    const share = right.t > left.t ? (t - left.t) / (right.t - left.t) : 1;
                    return left.x + share * (right.x - left.x);
                }
            }
            return room.x1;
        };
    }
}
