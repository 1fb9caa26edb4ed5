// Nodes of the page: made once, kept, and written only where something changed.
// Text enters through textContent alone, so a name can never become markup.
"use strict";
{
    globalThis.Ponte ??= {};
    const SVG = "http://www.w3.org/2000/svg";

    /** Sets attributes; `text` is the text, null and false take an attribute away. */
    function set(node, attributes) {
        for (const [name, value] of Object.entries(attributes)) {
            if (name === "text") text(node, value);
            else attribute(node, name, value);
        }
        return node;
    }

    /** Writes one attribute, unless it has this value already. */
    function attribute(node, name, value) {
        const cache = (node.ponteAttributes ??= {});
        if (cache[name] === value) return;
        cache[name] = value;
        if (value === null || value === undefined || value === false) node.removeAttribute(name);
        else node.setAttribute(name, value === true ? "" : String(value));
    }

    /** Writes the text of a node, unless it says this already. */
    function text(node, value) {
        const wanted = value === null || value === undefined ? "" : String(value);
        if (node.ponteText === wanted) return node;
        node.ponteText = wanted;
        node.textContent = wanted;
        return node;
    }

    function html(tag, attributes = {}, ...children) {
        const node = set(document.createElement(tag), attributes);
        node.append(...children);
        return node;
    }

    function svg(tag, attributes = {}, ...children) {
        const node = set(document.createElementNS(SVG, tag), attributes);
        node.append(...children);
        return node;
    }

    /** A button with a command's word and, if it has one, its key. */
    function button(attributes, onClick) {
        const node = html("button", { type: "button", ...attributes });
        node.addEventListener("click", onClick);
        return node;
    }

    /**
     * A button that was pressed by mouse gives the focus back: else the next Space, which is to
     * pause, would press it again. One that was pressed by a key keeps it.
     */
    function blurAfterMouse(event) {
        if (event.detail > 0) event.target.closest("button")?.blur();
    }

    /** A shape from the table in index.html, the size of the text beside it. */
    function shape(name, className = "") {
        const use = svg("use", { href: `#shape-${name}` });
        const node = svg("svg", { class: `shape ${className}`, viewBox: "0 0 16 16",
            "aria-hidden": "true" }, use);
        node.setShape = (other) => attribute(use, "href", `#shape-${other}`);
        return node;
    }

    /**
     * Keeps one node a key under `parent`, in the order of `items`.
     * `make(item)` gives a new node; `update(node, item, index)` writes what changed.
     * Nodes that stay are never moved out of the page, so focus and hover stay, too.
     */
    function list(parent, items, key, make, update) {
        const nodes = (parent.ponteNodes ??= new Map());
        const wanted = new Set(items.map(key));
        for (const [name, node] of nodes) {
            if (wanted.has(name)) continue;
            node.remove();
            nodes.delete(name);
        }
        let place = parent.firstChild;
        items.forEach((item, index) => {
            const name = key(item);
            let node = nodes.get(name);
            if (!node) nodes.set(name, (node = make(item)));
            if (node === place) place = place.nextSibling;
            else parent.insertBefore(node, place);
            update(node, item, index);
        });
    }

    Ponte.dom = { set, attribute, text, html, svg, button, shape, list, blurAfterMouse };
    Ponte.views ??= [];
    Ponte.keyHandlers ??= [];
}
