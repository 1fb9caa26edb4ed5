// The legend of the topology: what each shape is, and that hops are stretched.
"use strict";
{
    globalThis.Ponte ??= {};
    const { html, svg, text, shape, attribute } = Ponte.dom;

    /** The sign of a call on its way, as a picture of one line's height. */
    function dot() {
        return svg("svg", { class: "shape message dot", viewBox: "0 0 16 16",
            "aria-hidden": "true" }, svg("circle", { cx: 8, cy: 8, r: 7 }));
    }

    function square() {
        return svg("svg", { class: "shape message square", viewBox: "0 0 16 16",
            "aria-hidden": "true" }, svg("rect", { x: 1, y: 1, width: 14, height: 14 }));
    }

    const heart = () => shape("heart", "beat");

    const place = document.getElementById("legend");
    const words = new Map([[document.getElementById("topology-title"), "view.topology"]]);
    for (const [sign, key] of [[dot, "view.legend.call"], [square, "view.legend.reply"],
        [heart, "view.legend.beat"]]) {
        const word = html("span");
        words.set(word, key);
        place.append(html("span", {}, sign(), word));
    }
    const note = html("p");
    words.set(note, "view.stretched");
    place.append(note);

    function update(state, lang) {
        const s = (Ponte.STRETCH_MS / 1000).toFixed(2);
        const values = { s: lang === "pt" ? s.replace(".", ",") : s };
        for (const [node, key] of words) text(node, Ponte.say(lang, key, values));
        attribute(note, "title", Ponte.say(lang, "view.why stretched", values));
    }

    Ponte.signs = { dot, square, heart };
    Ponte.views.push({ update });
}
