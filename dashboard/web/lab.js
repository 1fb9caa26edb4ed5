// What the whole laboratory does: a burst of calls, how many calls a second, more processes.
"use strict";
{
    globalThis.Ponte ??= {};
    const { html, text, attribute, shape } = Ponte.dom;
    const place = document.getElementById("laboratory");
    const dialog = document.getElementById("add");

    // Calls in one burst: enough that every server gets some before a lease is over.
    const BURST = 30;
    // Calls a second that can be chosen.
    const RATES = [0, 1, 2, 5, 10, 20, 50];

    let rate = 2;

    const words = new Map();

    function labelled(key, attributes, onClick, ...children) {
        const label = html("span");
        const node = html("button", { type: "button", ...attributes }, ...children, label);
        node.addEventListener("click", onClick);
        words.set(label, key);
        return node;
    }

    const rateWord = html("output", { class: "rate", "data-part": "rate" });
    const slower = html("button", { type: "button", text: "−", "data-do": "slower" });
    const faster = html("button", { type: "button", text: "+", "data-do": "faster" });
    slower.addEventListener("click", () => change(-1));
    faster.addEventListener("click", () => change(1));
    place.addEventListener("click", Ponte.dom.blurAfterMouse, true);
    place.append(
        labelled("view.do.burst", { "data-do": "burst", "aria-keyshortcuts": "B" }, burst),
        html("span", { class: "stepper" }, slower, rateWord, faster),
        labelled("view.do.add", { "data-do": "open add", "aria-keyshortcuts": "A" }, openAdd));

    function burst() {
        Ponte.act("burst", { count: BURST });
    }

    async function change(step) {
        const at = RATES.findIndex((each) => each >= rate);
        const next = RATES[Math.min(Math.max((at < 0 ? 2 : at) + step, 0), RATES.length - 1)];
        if (await Ponte.act("rate", { per_s: next })) {
            rate = next;
            Ponte.redraw();
        }
    }

    const file = html("input", { type: "text", id: "service-file", value: "kiosk",
        spellcheck: "false", autocomplete: "off" });
    const fileLabel = html("label", { for: "service-file" });
    const title = html("h2");
    const close = html("button", { type: "button", class: "close" });
    close.addEventListener("click", () => dialog.close());
    words.set(fileLabel, "view.service file").set(title, "view.add title").set(close, "view.close");
    file.addEventListener("keydown", (event) => {
        if (event.key === "Enter") add("add", { file: file.value.trim() });
    });
    dialog.append(title,
        html("div", { class: "field" }, fileLabel, file,
            labelled("view.do.add server", { "data-do": "add", class: "chief" },
                () => add("add", { file: file.value.trim() }), shape("start"))),
        html("div", { class: "choices" },
            labelled("view.do.add proxy", { "data-do": "add proxy" }, () => add("add proxy")),
            labelled("view.do.add registry", { "data-do": "add registry" },
                () => add("add registry"))),
        html("p", { class: "foot" }, close));

    async function add(what, fields = {}) {
        dialog.close();
        await Ponte.act(what, fields);
    }

    function openAdd() {
        if (Ponte.canAct && !dialog.open) dialog.showModal();
    }

    function update(state, lang) {
        place.hidden = !Ponte.canAct || Ponte.isDemo(state);
        for (const [node, key] of words) text(node, Ponte.say(lang, key, { count: BURST }));
        text(rateWord, Ponte.say(lang, "view.per second", { count: rate }));
        attribute(slower, "aria-label", Ponte.say(lang, "view.slower"));
        attribute(faster, "aria-label", Ponte.say(lang, "view.faster"));
    }

    Ponte.laboratory = { burst, openAdd, change };
    Ponte.views.push({ update });
}
