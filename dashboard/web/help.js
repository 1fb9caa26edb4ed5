// The help: what the shapes mean, and all keys.
"use strict";
{
    globalThis.Ponte ??= {};
    const { html, text, shape } = Ponte.dom;
    const dialog = document.getElementById("help");

    // Keys, in groups. Each has its text in the tables: "view.key." and the first key.
    const KEYS = [
        ["1 … 9", "digits"], ["0", "zero"], ["K", "kill"], ["F", "freeze"], ["T", "thaw"],
        ["D", "drain"], ["L", "lose"], ["C  M", "cut"], ["S", "slow"], ["R", "start"],
        ["U", "resolve"], ["B", "burst"], ["A", "add"],
        ["Space  .", "pause"], ["←  →", "arrows"], ["↑  ↓", "calls"], ["Esc", "escape"],
        ["End", "end"], ["+  −", "speed"], ["PgUp  PgDn", "page"],
        ["P", "predict"], ["V", "save"], ["G", "language"], ["Z", "zoom"], ["N", "night"],
        ["J", "join"], ["?", "help"],
    ];
    const SIGNS = [["dot", "dot"], ["square", "square"], ["heart", "heart"],
        ["bad", "cross"], ["half", "half"], ["unknown", "unknown"]];

    const title = html("h2");
    const keys = html("dl", { class: "keys" });
    const signs = html("ul", { class: "signs" });
    const close = html("button", { type: "button", class: "close" });
    close.addEventListener("click", () => dialog.close());
    const words = new Map([[title, "view.help"], [close, "view.close"]]);

    for (const [key, name] of KEYS) {
        const what = html("dd");
        words.set(what, `view.key.${name}`);
        keys.append(html("div", {}, html("dt", {}, ...key.split("  ").map((each) =>
            html("kbd", { text: each }))), what));
    }
    for (const [form, name] of SIGNS) {
        const what = html("span");
        words.set(what, `view.sign.${name}`);
        signs.append(html("li", {}, sign(form), what));
    }
    dialog.append(title, signs, keys, html("p", { class: "foot" }, close));

    function sign(form) {
        return Ponte.signs[form]?.() ?? shape(form);
    }

    function update(state, lang) {
        for (const [node, key] of words) text(node, Ponte.say(lang, key));
    }

    Ponte.help = {
        toggle() {
            if (dialog.open) dialog.close();
            else dialog.showModal();
        },
    };
    Ponte.views.push({ update });
}
