// What travels between the processes: calls as numbered dots, replies as squares, beats as hearts.
//
// `Ponte.messages` says what is on its way at a moment; here it is drawn. Where the reader asked
// for no motion, each way that is in use is marked instead, and nothing moves.
"use strict";
{
    globalThis.Ponte ??= {};
    const { svg, attribute, text, set } = Ponte.dom;
    const { topology } = Ponte;
    // Groups that are not in use are kept for the next message.
    const used = new Map();
    const free = { dot: [], square: [], heart: [], cross: [] };

    function make(shape) {
        const rem = Ponte.text.rem;
        const node = svg("g", { class: `message ${shape}` });
        node.shape = shape;
        node.rem = rem;
        if (shape === "dot") node.append(svg("circle", { r: 0.82 * rem }));
        if (shape === "square") {
            node.append(svg("rect", { x: -0.8 * rem, y: -0.7 * rem, width: 1.6 * rem,
                height: 1.4 * rem, rx: 0.15 * rem }));
        }
        if (shape === "heart") {
            node.append(svg("use", { href: "#shape-heart", x: -0.55 * rem, y: -0.55 * rem,
                width: 1.1 * rem, height: 1.1 * rem }));
        }
        if (shape === "cross") {
            node.append(svg("path", { class: "halo", d: cross(0.62 * rem) }),
                svg("path", { d: cross(0.62 * rem) }));
        }
        if (shape === "dot" || shape === "square") {
            node.number = node.appendChild(svg("text", { class: "number" }));
        }
        if (shape === "cross") node.word = node.appendChild(svg("text", { class: "fate" }));
        topology.layers.moving.append(node);
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
        const seen = new Set();
        const hot = new Set();
        for (const message of messages) {
            const points = Ponte.way(topology.where, message.from, message.to);
            if (!points) continue;
            seen.add(message.key);
            if (still) {
                hot.add(`${message.from} ${message.to}`).add(`${message.to} ${message.from}`);
            }
            draw(take(message), message, Ponte.along(points, still ? restAt(message) : message.at));
        }
        for (const [key, node] of used) {
            if (!seen.has(key)) release(key, node);
        }
        mark(hot);
    }

    /** Where a message stands when nothing may move: requests and replies beside each other. */
    const restAt = (message) => (message.shape === "square" ? 0.68 : message.at > 0.97 ? 1 : 0.32);

    function draw(node, message, [x, y]) {
        attribute(node, "transform", `translate(${x.toFixed(1)} ${y.toFixed(1)})`);
        attribute(node, "data-tone", message.tone);
        if (node.number) text(node.number, message.number ?? "");
        if (node.word) {
            text(node.word, message.word
                ? Ponte.say(Ponte.lang, `view.fate.${message.word}`) : "");
            set(node.word, { y: 1.5 * Ponte.text.rem });
        }
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
