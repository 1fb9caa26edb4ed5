/* The space and the time of one call, as geometry: a line for each process, time to the right.

   Pure: it is given the room and a way to measure text, and returns where everything stands. The
   order of events is space-events.js's, their places from left to right are space-axis.js's, words
   and times are space-words.js's and space-times.js's. Here all of it comes together.

   Unlike other tools, it draws a message that never arrived: refused, lost, late, or one that
   nobody waits for any more. Those are what the picture is about. */
"use strict";

{
    // Pixels where text has 16. The largest circle, with room for two digits, and one that still
    // has room for one; half of a cross.
    const RADIUS = 12;
    const SMALLEST = 7;
    const CROSS = 6;
    // Pixels between a name and its line; and at the right edge.
    const PAD = 10;
    // A name takes at most this share of the width, and is cut short else.
    const NAMES_SHARE = 0.24;
    // Lines of processes that took no part are drawn, too, while there are no more lines than this,
    // and this many pixels for each.
    const CALM = 5;
    const CALM_ROW = 36;
    // The most lines, and the most messages to begin with. More cannot be told apart.
    const MOST_LINES = 12;
    const MOST_HOPS = 40;
    // Pixels between two lines below which circles would touch.
    const LEAST_ROW = 17;

    /**
     * Where everything of a call's diagram stands.
     *
     * @param {Object} call
     * @param {{width, height, procs: Map, measure: function(string): number, lang?: string,
     *     now?: number, textHeight?: number, scale?: number}} room `procs` of the state; `now`:
     *     state.t; `scale`: how many times 16 pixels the page's text has
     * @returns {Object} of
     *     lines: {who, y, x0, x1, text, textX, told, dead: [{x0, x1}], frozen: [{x0, x1}]};
     *     events: {n, x, y, r, who, what, key, values}; n 0: no number, told by another process;
     *     arrows: {x0, y0, x1, y1, kind, ends: "arrow"|"cross"|"open", told, word};
     *     bars: {x, y, width, height, kind: "run"|"memory", who};
     *     labels: {x, y, text, anchor, kind, width, height}; x and y are its middle;
     *     r, cross: the radius of a circle, and half of a cross;
     *     marks: {x, y, who, state} where a process changed;
     *     ticks: {x, textX, y, text}; gaps: {x, width, y0, y1, text, textX, textY} (text "": no
     *     room for it); omitted: how many messages are left out; leftOut: labels without a place
     */
    Ponte.layout = (call, room) => {
        const lang = room.lang ?? "en";
        const say = (key, values) => Ponte.say(lang, key, values);
        const scale = room.scale ?? 1;
        const high = room.textHeight ?? 18 * scale;
        const now = Math.max(room.now ?? call.t1 ?? call.t0, call.t0);
        const all = call.hops.filter(hop => hop.at || hop.to);
        let hops = fewerLines(fewest(all, MOST_HOPS), room, high);
        for (;;) {
            const page = {call, room, lang, say, high, scale, now, hops, all};
            const drawn = draw(page);
            if (drawn !== null || hops.length <= 1) {
                return drawn ?? draw({...page, hops: []});
            }
            hops = fewest(hops, hops.length - 1);
        }
    };

    /** The first ones and the last ones: those in the middle are left out. */
    function fewest(hops, most) {
        const first = Math.ceil(most / 3);
        return hops.length <= most ? hops
            : [...hops.slice(0, first), ...hops.slice(hops.length - (most - first))];
    }

    /** The hops of as many processes as there is height for. */
    function fewerLines(hops, room, high) {
        const most = Math.min(MOST_LINES, Math.floor((room.height - 2 * (high + 6)) / LEAST_ROW));
        const names = new Set();
        return hops.filter(hop => {
            const both = [hop.from, hop.at || hop.to].filter(name => !names.has(name));
            if (names.size + both.length > most) {
                return false;
            }
            both.forEach(name => names.add(name));
            return true;
        });
    }

    function draw(page) {
        const {room, hops, high, scale} = page;
        const {events, arrows} = Ponte.spaceEvents(hops, page.now);
        const lines = linesOf(page);
        const top = high + 6;
        const bottom = room.height - high - 6;
        const row = placeLines(lines, top, bottom, high, scale);
        const left = Math.max(0, ...lines.map(line => room.measure(line.text))) + PAD * scale;
        const most = Math.max(SMALLEST, Math.min(RADIUS * scale, row / 2 - 2));
        const axis = Ponte.spaceAxis(events, {x0: left + most + 2,
                                              x1: room.width - Math.max(most, CROSS * scale) - PAD,
                                              step: 2 * most + 4});
        if (axis === null) {
            return null;
        }
        const r = Math.min(most, axis.step / 2 - 1);
        Object.assign(page, {events, arrows, lines, row, r, axis, top, bottom, left});
        page.lineOf = new Map(lines.map(line => [line.who, line]));
        placeEnds(page);
        for (const line of lines) {
            Object.assign(line, {x0: left, x1: room.width - 2, textX: left - PAD * scale / 2},
                          stretches(page, line));
        }
        const picture = {
            lines, events: circles(page), arrows: arrows.map(arrow => shaft(page, arrow)),
            bars: bars(page), marks: marks(page), r, cross: CROSS * scale,
            omitted: page.all.length - hops.length,
        };
        return {...picture, ...Ponte.spaceWords(page, picture), ticks: Ponte.spaceTicks(page),
                gaps: Ponte.spaceGaps(page)};
    }

    /** Lines one below the other; below the last one there is room for a word, if it is to be had.
        Returns the distance of two lines. */
    function placeLines(lines, top, bottom, high, scale) {
        const edge = RADIUS * scale + 4;
        const rowFor = below => (bottom - top - edge - below) / Math.max(1, lines.length - 1);
        const row = rowFor(edge + high) >= CALM_ROW * scale * 0.8 ? rowFor(edge + high)
            : Math.min(rowFor(edge), (bottom - top) / lines.length);
        lines.forEach((line, at) => {
            line.y = lines.length === 1 ? (top + bottom) / 2 : top + edge + row * at;
        });
        return lines.length === 1 ? bottom - top : row;
    }

    /** The processes that took part, from the callers down to the servers. */
    function linesOf({room, hops, call, say, high, scale}) {
        const names = new Set(hops.flatMap(hop => [hop.from, hop.at || hop.to]));
        if (call.caller) {
            names.add(call.caller);
        }
        const servers = [...room.procs.values()].filter(proc => proc.role !== "registry"
            && proc.role !== "client" && !names.has(proc.name) && !Ponte.isOver(proc));
        if (names.size + servers.length <= CALM
            && (room.height - 2 * high) / (names.size + servers.length) >= CALM_ROW * scale) {
            servers.forEach(proc => names.add(proc.name));
        }
        const depth = {client: 0, proxy: 1, server: 2};
        const rank = who => who === "" ? -1 : who === call.caller ? 0
            : depth[room.procs.get(who)?.role] ?? 2;
        const inOrder = [...names].sort((one, other) => rank(one) - rank(other)
            || byName(one, other));
        return inOrder.map(who => ({
            who, told: who === "" || room.procs.get(who)?.observed !== true,
            text: cut(who || say("diagram.stranger"), room.width * NAMES_SHARE, room.measure)}));
    }

    /** server-2 before server-10. A collator would do so, too, but takes 0.3 s when first used. */
    function byName(one, other) {
        const [left, right] = [one, other].map(name => name.split(/(\d+)/));
        for (let at = 0; at < Math.min(left.length, right.length); at++) {
            if (left[at] !== right[at]) {
                return at % 2 ? left[at] - right[at] : left[at] < right[at] ? -1 : 1;
            }
        }
        return left.length - right.length;
    }

    function cut(text, wide, measure) {
        if (measure(text) <= wide) {
            return text;
        }
        const letters = [...text];
        while (letters.length > 1 && measure(`${letters.join("")}…`) > wide) {
            letters.pop();
        }
        return `${letters.join("")}…`;
    }

    /** The ends of messages that reached no line stand between the lines. */
    function placeEnds({events, arrows, lineOf, row}) {
        for (const event of events) {
            event.y = lineOf.get(event.who)?.y ?? 0;
        }
        for (const {from, to, kind, hop} of arrows) {
            if (to.what === "end") {
                const back = from.what === "reply" || from.what === "told";
                const target = lineOf.get(back ? hop.from : hop.at || hop.to).y;
                const way = Math.sign(target - from.y);
                const rows = Math.round(Math.abs(target - from.y) / row);
                const lost = (Math.floor(rows / 2) + 0.5) * row;
                // A process that sends to itself has the end above its line.
                to.y = way === 0 ? from.y - RADIUS
                    : kind === "lost" ? from.y + way * lost : target - way * row / 2;
            }
        }
    }

    const DEAD = new Set(["killed", "ended", "gone", "starting"]);

    /** Where a process was dead or frozen while the call was under way. */
    function stretches(page, line) {
        const found = {dead: [], frozen: []};
        const history = page.room.procs.get(line.who)?.history ?? [];
        const last = Math.max(page.call.t0, ...page.events.map(event => event.t));
        const edge = page.room.width - 2;
        history.forEach(({t, state}, at) => {
            const kind = state === "frozen" ? found.frozen : DEAD.has(state) ? found.dead : null;
            const until = history[at + 1]?.t ?? Infinity;
            // What happened after the call is not of this picture.
            const isOfCall = until > page.call.t0 && (t <= last || page.call.t1 === null);
            if (kind !== null && isOfCall) {
                const x0 = t <= page.call.t0 ? page.left : page.axis.xOf(t);
                const x1 = until > last ? edge : Math.min(page.axis.xOf(until), edge);
                if (x1 > x0) {
                    kind.push({x0, x1});
                }
            }
        });
        return found;
    }

    function marks({room, lines, call, axis, events}) {
        const last = Math.max(call.t0, ...events.map(event => event.t));
        return lines.flatMap(({who, y}) => (room.procs.get(who)?.history ?? [])
            .filter(({t}) => t > call.t0 && t <= last)
            .map(({t, state}) => ({x: axis.xOf(t), y, who, state})));
    }

    function circles({events, call, lang, r}) {
        return events.filter(event => event.what !== "end").map(event => ({
            n: event.what === "told" ? 0 : event.number, x: event.x, y: event.y,
            r: event.what === "told" ? r / 2 : r, who: event.who, what: event.what,
            key: `event.${event.what}`,
            values: {who: event.who, other: otherOf(event),
                     time: Ponte.time(event.t - call.t0, lang)},
        }));
    }

    function otherOf({who, hop}) {
        return who === hop.from ? hop.at || hop.to : hop.from;
    }

    /** An arrow from the edge of one circle to the edge of the other. */
    function shaft({r}, {from, to, kind, word, ends, hop}) {
        const long = Math.hypot(to.x - from.x, to.y - from.y) || 1;
        const begin = (from.what === "told" ? r / 2 : r) / long;
        const end = (to.what === "end" ? 0 : to.what === "told" ? r / 2 : r) / long;
        const at = share => ({x: from.x + share * (to.x - from.x),
                              y: from.y + share * (to.y - from.y)});
        const [a, b] = [at(Math.min(begin, 0.45)), at(1 - Math.min(end, 0.45))];
        return {x0: a.x, y0: a.y, x1: b.x, y1: b.y, kind, ends, word, told: hop.told};
    }

    /** What a process did with what it had received. */
    function bars({call, hops, events, lineOf, axis, r, room}) {
        const height = Math.min(12, r);
        const drawn = call.works.filter(work => lineOf.has(work.who) && hops.includes(work.hop));
        return drawn.map(work => {
            const of = what => events.find(event => event.hop === work.hop && event.what === what);
            const [begin, end] = [of("recv"), of("reply")];
            const x1 = end ? end.x - r : Math.min(axis.xOf(work.t1 ?? Infinity), room.width - 2);
            const x = Math.max(begin.x + r, Math.min(axis.xOf(work.t0), x1 - r));
            return {x, y: lineOf.get(work.who).y, width: Math.max(2, x1 - x), height,
                    kind: work.kind, who: work.who};
        });
    }
}
