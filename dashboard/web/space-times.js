/* The times of the diagram: below its lines, and above the pauses that were cut short. */
"use strict";

{
    // Pixels between two times.
    const PAD = 10;

    /** Times below the lines: of the first and the last event, of those after a gap, then of others
        where there is room. */
    Ponte.spaceTicks = ({events, call, axis, room, high, lang}) => {
        const taken = [];
        const found = [];
        const edges = axis.gaps.map(gap => gap.x + gap.width);
        const worth = event => event === events[0] ? 0 : event === events[events.length - 1] ? 1
            : edges.some(x => Math.abs(x - event.x) < 0.5) ? 2 : 3;
        for (const event of [...events].sort((one, other) => worth(one) - worth(other))) {
            const text = Ponte.time(event.t - call.t0, lang);
            const half = room.measure(text) / 2;
            const textX = Math.max(half, Math.min(event.x, room.width - half));
            // The same time twice would tell nothing.
            const isFree = !found.some(other => other.text === text)
                && !taken.some(other => Math.abs(other.x - textX) < other.half + half + PAD);
            if (isFree) {
                taken.push({x: textX, half});
                found.push({x: event.x, textX, y: room.height - high / 2, text});
            }
        }
        return found;
    };

    /** Pauses that were cut short, with their true length above them. */
    Ponte.spaceGaps = ({axis, room, r, top, bottom, high, lang}) => {
        const taken = [];
        const longest = [...axis.gaps].sort((one, other) => other.ms - one.ms);
        const texts = new Map();
        for (const gap of longest) {
            const text = Ponte.time(gap.ms, lang);
            const half = room.measure(text) / 2;
            const x = Math.max(half, Math.min(gap.x + gap.width / 2, room.width - half));
            const isFree = !taken.some(other => Math.abs(other.x - x) < other.half + half + PAD);
            if (isFree) {
                taken.push({x, half});
            }
            texts.set(gap, {text: isFree ? text : "", textX: x});
        }
        return axis.gaps.map(gap => {
            const trim = Math.min(r + 2, gap.width / 3);
            return {x: gap.x + trim, width: gap.width - 2 * trim, y0: top, y1: bottom,
                    textY: high / 2, ...texts.get(gap)};
        });
    };

    /** A time as people read it: "0.3 ms", "24 ms", "1.25 s"; with a comma in Portuguese. */
    Ponte.time = (ms, lang) => {
        const [value, unit] = ms >= 1000 ? [ms / 1000, "s"] : [Math.max(0, ms), "ms"];
        const digits = unit === "s" ? value < 10 ? 2 : 1 : value < 10 ? 1 : 0;
        const text = value.toFixed(digits);
        return `${lang === "pt" ? text.replace(".", ",") : text} ${unit}`;
    };
}
