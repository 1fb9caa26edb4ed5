// What travels between the processes: calls as numbered dots, replies as squares, beats as hearts.
//
// `Ponte.messages` says what is on its way at a moment; here it is drawn. Where the reader asked
// for no motion, each way that is in use is marked instead, and nothing moves.
"use strict";
{
    globalThis.Ponte ??= {};
    const { svg, attribute, text, set, list } = Ponte.dom;
    const { topology } = Ponte;
    // Half the width of each shape, in rem.
    const ROOM = { dot: 0.9, square: 0.9, heart: 0.6, cross: 0.9 };
    // With more messages than this on the stage no number can be read: they are small, without one.
    const READABLE = 30;
    const SMALL = 0.8;
    // Groups that are not in use are kept for the next message.
    const used = new Map();
    const free = { dot: [], square: [], heart: [], cross: [] };

    const extras = svg("g");
    const crosses = svg("g");
    topology.layers.moving.append(extras, crosses);
    const layerOf = { dot: topology.layers.moving, square: topology.layers.moving,
        heart: topology.layers.behind, cross: crosses };

    function make(shape) {
        const rem = Ponte.text.rem;
        const node = svg("g", { class: `message ${shape}` });
        node.shape = shape;
        node.rem = rem;
        if (shape === "dot" || shape === "square") {
            const h = (shape === "dot" ? 1.64 : 1.45) * rem;
            node.height = h;
            node.box = svg("rect", { rx: shape === "dot" ? h / 2 : 0.15 * rem });
            node.number = svg("text", { class: "number" });
            node.append(node.box, node.number);
        }
        if (shape === "heart") {
            node.append(svg("use", { href: "#shape-heart", x: -0.55 * rem, y: -0.55 * rem,
                width: 1.1 * rem, height: 1.1 * rem }));
        }
        if (shape === "cross") {
            node.append(svg("path", { class: "halo", d: cross(0.62 * rem) }),
                svg("path", { d: cross(0.62 * rem) }));
        }
        if (shape === "cross") {
            node.words = [0, 1].map(() => node.appendChild(svg("text", { class: "fate" })));
        }
        // What was refused or lost stands before all that still moves.
        const layer = layerOf[shape];
        layer.insertBefore(node, layer === topology.layers.moving ? crosses : null);
        return node;
    }

    const cross = (r) => `M${-r} ${-r}L${r} ${r}M${r} ${-r}L${-r} ${r}`;

    function take(message) {
        let node = used.get(message.key);
        if (node && node.shape !== message.shape) {
            release(message.key, node);
            node = undefined;
        }
        if (!node) {
            node = free[message.shape].pop();
            if (!node || node.rem !== Ponte.text.rem) {
                node?.remove();
                node = make(message.shape);
            }
            used.set(message.key, node);
            node.look = "";
            attribute(node, "visibility", null);
        }
        return node;
    }

    function release(key, node) {
        used.delete(key);
        attribute(node, "visibility", "hidden");
        free[node.shape].push(node);
    }

    function frame(state, T) {
        const still = Ponte.theme.still;
        const messages = Ponte.messages(state, T);
        const isFlood = messages.length > READABLE;
        const seen = new Set();
        const extra = new Map();
        const hot = new Set();
        const fates = [];
        for (const message of messages) {
            const whole = Ponte.wayBetween(topology.where, message.from, message.to);
            if (!whole) continue;
            const points = before(whole, ROOM[message.shape] * Ponte.text.rem);
            seen.add(message.key);
            noteExtra(extra, message, whole);
            if (still) {
                hot.add(`${message.from} ${message.to}`).add(`${message.to} ${message.from}`);
            }
            const at = still ? restAt(message) : message.at;
            const point = Ponte.along(points, at);
            const node = take(message);
            draw(node, message, isFlood, point);
            if (message.shape === "cross") drawFate(node, message, point, fates);
        }
        for (const [key, node] of used) {
            if (!seen.has(key)) release(key, node);
        }
        mark(hot);
        drawExtra(extra);
    }

    /** A message on a way that is not always there, such as from a client past the proxies. */
    function noteExtra(extra, { from, to, shape }, points) {
        if (shape === "heart" || topology.ways.has(`${from} ${to}`)
            || topology.ways.has(`${to} ${from}`)) return;
        extra.set([from, to].sort().join(" "), points);
    }

    let extraShown = "";

    function drawExtra(extra) {
        const key = [...extra.keys()].join("\n");
        if (key === extraShown) return;
        extraShown = key;
        list(extras, [...extra], ([name]) => name, () => svg("path", { class: "way extra" }),
            (node, [, points]) => attribute(node, "d", `M${points.join("L")}`));
    }

    /** The way without its last `room` pixels: what arrives stands beside the card, not on it. */
    function before(points, room) {
        const [x0, y0] = points[points.length - 2];
        const [x1, y1] = points[points.length - 1];
        const length = Math.hypot(x1 - x0, y1 - y0);
        const part = Math.max(length - room, length / 2) / (length || 1);
        return [...points.slice(0, -1), [x0 + (x1 - x0) * part, y0 + (y1 - y0) * part]];
    }

    /** Where a message stands when nothing may move: requests and replies beside each other. */
    const restAt = (message) => (message.shape === "square" ? 0.68 : message.at > 0.97 ? 1 : 0.32);

    function draw(node, message, isFlood, [x, y]) {
        node.setAttribute("transform", `translate(${x.toFixed(1)} ${y.toFixed(1)})`);
        // All else is written only when it changed: with many messages every write counts.
        const look = `${message.tone} ${message.number} ${message.word} ${isFlood} ${Ponte.lang}`;
        if (node.look === look) return;
        node.look = look;
        attribute(node, "data-tone", message.tone);
        if (node.number) size(node, isFlood ? "" : String(message.number), isFlood);
    }

    /**
     * The word above a cross: between the cards, in two lines where it is wider than that. Where
     * crosses stand close to each other, only the first has its word.
     */
    function drawFate(node, { word, number }, [x, y], fates) {
        const rem = Ponte.text.rem;
        const isBeat = number === 0;
        const isClose = fates.some((fate) => Math.abs(fate.x - x) < 5 * rem
            && Math.abs(fate.y - y) < 2.6 * rem);
        const { left, right } = roomAt(x);
        const whole = word && !isClose ? Ponte.say(Ponte.lang, `view.fate.${word}`) : "";
        const isWide = Ponte.text.width(whole, 1, 650) > right - left;
        // A beat that was lost has no room for a word where the registry is near.
        const said = isWide && isBeat ? "" : whole;
        if (said) fates.push({ x, y });
        const lines = isWide ? said.split(" ") : [said];
        const half = Math.max(...lines.map((line) => Ponte.text.width(line, 1, 650))) / 2;
        const middle = right - left < 2 * half ? (left + right) / 2
            : Math.min(Math.max(x, left + half), right - half);
        node.words.forEach((part, index) => {
            text(part, lines[index] ?? "");
            set(part, { x: (middle - x).toFixed(1),
                y: (-1.35 - 1.1 * (lines.length - 1 - index)) * rem });
        });
    }

    /** From where to where no card stands in the column of ways at `x`. */
    function roomAt(x) {
        let left = 0;
        let right = Infinity;
        for (const box of topology.where.boxes.values()) {
            if (box.x + box.w <= x) left = Math.max(left, box.x + box.w);
            else if (box.x >= x) right = Math.min(right, box.x);
            else return { left: 0, right: Infinity };
        }
        return { left: left + 3, right: right - 3 };
    }

    /** A dot with a long number is longer, not fuller. In a flood it is small, without a number. */
    function size(node, number, isFlood) {
        const rem = Ponte.text.rem;
        const width = isFlood ? SMALL * rem
            : Math.max(1.64 * rem, Ponte.text.width(number, 1, 650) + 0.6 * rem);
        const height = isFlood ? SMALL * rem : node.height;
        set(node.box, { x: -width / 2, width, y: -height / 2, height });
        text(node.number, number);
    }

    let marked = new Set();

    function mark(hot) {
        if (!hot.size && !marked.size) return;
        for (const node of topology.layers.ways.childNodes) {
            attribute(node, "data-hot", hot.has(node.getAttribute("data-way")) ? "true" : null);
        }
        marked = hot;
    }

    Ponte.views.push({ update() {}, frame });
}
