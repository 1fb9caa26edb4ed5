/* The words of the diagram: which ones stand at its arrows and bars, and where each may stand.

   Whether a place is free is space-labels.js's to say. */
"use strict";

{
    // Of words that compete for room, the first ones win.
    const WORTH = ["refused", "lost", "nobody waits", "late", "not arrived", "no answer", "unknown",
                   "run", "memory", "told", "repeat", "session", "resolve"];

    /** Places the words of arrows and bars; of each word one first, then all others. */
    Ponte.spaceWords = (page, {events, arrows, bars, r, cross}) => {
        const {room, lines, top, bottom, left, high, say} = page;
        const places = new Ponte.LabelPlaces({x0: left, y0: top, x1: room.width, y1: bottom},
                                             room.measure, high);
        events.forEach(({x, y, r: half}) => places.block(x - half, y - half, x + half, y + half));
        bars.forEach(({x, y, width, height}) =>
            places.block(x, y - height / 2, x + width, y + height / 2));
        lines.forEach(({x0, x1, y}) => places.avoid(x0, y, x1, y));
        const wanted = [];
        for (const arrow of arrows) {
            places.avoid(arrow.x0, arrow.y0, arrow.x1, arrow.y1);
            if (arrow.ends === "cross") {
                const {x1: x, y1: y} = arrow;
                places.block(x - cross, y - cross, x + cross, y + cross);
            } else if (arrow.ends === "arrow") {
                blockHead(places, arrow, cross);
            }
            if (arrow.word) {
                wanted.push({word: arrow.word, kind: arrow.kind,
                             spots: wide => besideArrow(arrow, wide, high, cross)});
            }
        }
        for (const bar of bars) {
            wanted.push({word: bar.kind, kind: bar.kind,
                         spots: wide => besideBar(bar, wide, high, r)});
        }
        const turns = new Map();
        for (const want of wanted) {
            want.turn = turns.get(want.word) ?? 0;
            turns.set(want.word, want.turn + 1);
        }
        wanted.sort((one, other) => Math.min(one.turn, 1) - Math.min(other.turn, 1)
            || WORTH.indexOf(one.word) - WORTH.indexOf(other.word));
        for (const {word, kind, spots} of wanted) {
            const text = say(`diagram.${word}`);
            places.place({text, kind}, spots(room.measure(text)));
        }
        return {labels: places.placed, leftOut: places.leftOut};
    };

    /** The head of an arrow is a filled shape, some two crosses long: no word is read on it. */
    function blockHead(places, {x0, y0, x1, y1}, cross) {
        const share = Math.min(1, cross / (Math.hypot(x1 - x0, y1 - y0) || 1));
        const [x, y] = [x1 + share * (x0 - x1), y1 + share * (y0 - y1)];
        places.block(x - cross, y - cross, x + cross, y + cross);
    }

    /** Beside the end of an arrow if that is a cross, else along it. */
    function besideArrow({x0, y0, x1, y1, ends}, wide, high, cross) {
        const spots = [];
        const around = (x, y, near) => spots.push(
            {x: x + wide / 2 + near, y}, {x: x - wide / 2 - near, y},
            {x, y: y - high / 2 - near}, {x, y: y + high / 2 + near},
            {x: x + wide / 2 + near, y: y - high / 2}, {x: x + wide / 2 + near, y: y + high / 2},
            {x: x - wide / 2 - near, y: y - high / 2}, {x: x - wide / 2 - near, y: y + high / 2});
        if (ends === "cross") {
            around(x1, y1, cross + 3);
        }
        for (const share of [0.5, 0.35, 0.65, 0.2, 0.8]) {
            around(x0 + share * (x1 - x0), y0 + share * (y1 - y0), 5);
        }
        return spots;
    }

    function besideBar({x, y, width, height}, wide, high, r) {
        const middle = x + width / 2;
        const spots = [];
        for (const off of [Math.max(height / 2, r) + 2, height / 2 + 2]) {
            for (const shift of [0, wide / 2, -wide / 2]) {
                spots.push({x: middle + shift, y: y + off + high / 2},
                           {x: middle + shift, y: y - off - high / 2});
            }
        }
        return spots;
    }
}
