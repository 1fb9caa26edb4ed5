// The choice of a free prediction: a process, and what shall happen to it.
"use strict";
{
    globalThis.Ponte ??= {};
    const { html, text, attribute, list, button } = Ponte.dom;
    const KEYS = { kill: "K", freeze: "F", drain: "D", "lose reply": "L", cut: "C", slow: "S" };

    const title = html("h2");
    const who = html("div", { class: "choices", role: "group" });
    const what = html("div", { class: "choices", role: "group" });
    const whoTitle = html("p");
    const whatTitle = html("p");
    const sheet = html("div", { class: "story-sheet story-choose" }, title, whoTitle, who, whatTitle,
        what);
    let picked = "";
    let choices = [];

    const chosen = () => choices.find((choice) => choice.who === picked) ?? choices[0];

    function pick(name) {
        picked = name;
        draw(Ponte.player.state, Ponte.lang);
    }

    /** Asks the question about a fault of the picked process. */
    function ask(fault) {
        if (chosen()?.faults.includes(fault)) Ponte.act("predict", { fault, who: chosen().who });
    }

    function draw(state, lang) {
        choices = Ponte.storyChoices(state);
        text(title, Ponte.say(lang, "story.choose"));
        text(whoTitle, Ponte.say(lang, "story.who"));
        text(whatTitle, Ponte.say(lang, "story.what"));
        list(who, choices, (choice) => choice.who,
            (choice) => button({ "data-who": choice.who }, () => pick(choice.who)),
            (node, choice) => {
                text(node, choice.who === Ponte.EVERYTHING ? Ponte.say(lang, "story.everything")
                    : choice.who);
                attribute(node, "aria-pressed", choice === chosen() ? "true" : "false");
            });
        list(what, chosen()?.faults ?? [], (fault) => fault, newFault, (node, fault) => {
            text(node.words, Ponte.say(lang, `story.do.${fault}`));
        });
    }

    function newFault(fault) {
        const node = button({ "data-fault": fault, "aria-keyshortcuts": KEYS[fault] },
            () => ask(fault));
        node.words = html("span");
        node.append(node.words, html("kbd", { text: KEYS[fault], "aria-hidden": "true" }));
        return node;
    }

    /** The keys of the page pick a process and a fault here, too; whether one was meant. */
    function onKey(event) {
        const fault = Object.keys(KEYS).find((name) => KEYS[name] === event.key.toUpperCase());
        if (fault) {
            ask(fault);
            return true;
        }
        const choice = /^[1-9]$/.test(event.key) ? choices[event.key - 1] : null;
        if (choice) pick(choice.who);
        return Boolean(choice);
    }

    // The registry is picked when nobody has picked anything, and servers have more faults.
    Ponte.storyChoose = {
        node: sheet, draw, onKey,
        first: () => who.querySelector("[aria-pressed=true]") ?? sheet.parentNode,
        begin(state) {
            picked = state.procs.get(Ponte.topology.picked)?.role === "registry" ? ""
                : Ponte.topology.picked;
            draw(state, Ponte.lang);
        },
    };
}
