// The faults of the picked process: one bar of buttons, each with its key.
"use strict";
{
    globalThis.Ponte ??= {};
    const { html, text, list, shape, attribute } = Ponte.dom;
    const bar = document.getElementById("faults");

    // Command → its key and shape, in the order in which they stand.
    const FAULTS = new Map([
        ["kill", ["K", "bad"]], ["freeze", ["F", "frozen"]], ["thaw", ["T", "up"]],
        ["drain", ["D", "drain"]], ["lose reply", ["L", "lost"]], ["cut", ["C", "cut"]],
        ["mend", ["M", "good"]], ["slow", ["S", "slow"]], ["start", ["R", "start"]],
    ]);
    // Milliseconds that a slow link takes more for each message, there and back. Much longer than
    // any call, and twice this is shorter than a proxy waits: so the call is answered, but late.
    const SLOW_MS = 400;

    const whom = html("strong", { class: "whom" });
    const buttons = html("span", { class: "buttons" });
    const hint = html("span", { class: "hint" });
    bar.append(whom, buttons, hint);
    bar.addEventListener("click", Ponte.dom.blurAfterMouse, true);

    /** The faults that can be let loose now on a process. */
    function faultsOf(proc) {
        if (!proc || !Ponte.canAct) return [];
        // A link that is slow already is mended, not made slow again.
        const isSlow = proc.link.slowMs && proc.can.includes("mend");
        return [...FAULTS.keys()].filter((what) => proc.can.includes(what)
            && !(isSlow && what === "slow"));
    }

    function act(what) {
        const who = Ponte.topology.picked;
        const proc = Ponte.player.state.procs.get(who);
        if (!faultsOf(proc).includes(what)) return;
        Ponte.act(what, what === "slow" ? { who, ms: SLOW_MS } : { who });
    }

    function newButton(item) {
        const [key, form] = FAULTS.get(item.what);
        const words = html("span");
        const node = html("button", { type: "button", "data-do": item.what },
            shape(form), words, html("kbd", { text: key, "aria-hidden": "true" }));
        node.words = words;
        node.addEventListener("click", () => act(item.what));
        return node;
    }

    function update(state, lang) {
        const who = Ponte.topology.picked;
        const proc = state.procs.get(who);
        const faults = faultsOf(proc).map((what) => ({ what }));
        attribute(bar, "aria-label", Ponte.say(lang, "view.faults"));
        bar.hidden = !Ponte.canAct || Ponte.isDemo(state);
        text(whom, who);
        attribute(whom, "title", who);
        list(buttons, faults, (item) => item.what, newButton, (node, item) => {
            const [key] = FAULTS.get(item.what);
            text(node.words, Ponte.say(lang, `view.do.${item.what}`));
            attribute(node, "data-who", who);
            attribute(node, "aria-keyshortcuts", key);
            const why = Ponte.say(lang, `view.why.${item.what}`, { who, ms: SLOW_MS });
            attribute(node, "title", why);
        });
        text(hint, faults.length || !who ? "" : Ponte.say(lang, "view.no faults"));
    }

    Ponte.faults = { act, keys: new Map([...FAULTS].map(([what, [key]]) => [key, what])) };
    Ponte.views.push({ update });
}
