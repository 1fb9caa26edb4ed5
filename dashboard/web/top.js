// The top of the page: counters, whether this is live, the menu, and the banner.
"use strict";
{
    globalThis.Ponte ??= {};
    const { html, text, attribute, list } = Ponte.dom;
    const element = (id) => document.getElementById(id);
    const menu = element("menu");

    // In the order in which they stand. Those that are not ALWAYS there appear when they are not 0.
    const COUNTERS = ["calls", "answered", "faults", "more", "notSent", "unknown", "resolved",
        "untold", "lostEvents", "refusedEvents"];
    const ALWAYS = new Set(["calls", "answered", "more", "notSent", "unknown"]);
    // Where there is no room for all, those that are 0 go first, then the last of these. Lost
    // events are never hidden.
    const WORTH = ["lostEvents", "calls", "unknown", "answered", "notSent", "more", "resolved",
        "faults", "untold", "refusedEvents"];
    // Sizes in rem: of a figure, of the space in and beside a counter, and what stays free.
    const FIGURE = 1.35;
    const SPACE = 1.02;
    const SPARE = 0.5;

    const buttons = new Map();
    menu.addEventListener("click", Ponte.dom.blurAfterMouse, true);

    function button(name, attributes, onClick) {
        const node = html("button", { type: "button", "data-do": name, ...attributes });
        node.addEventListener("click", onClick);
        menu.append(node);
        buttons.set(name, node);
        return node;
    }

    button("predict", { class: "chief", "aria-keyshortcuts": "P" }, predict);
    button("story", {}, () => Ponte.act("story"));
    button("class", {}, () => Ponte.openClass?.());
    button("save", {}, save);
    button("language", { "aria-keyshortcuts": "G" }, switchLanguage);
    button("theme", {}, () => Ponte.theme.toggle());
    button("help", { "aria-keyshortcuts": "?" }, () => Ponte.help.toggle());

    buttons.get("theme").append(Ponte.dom.shape("half"));

    function predict() {
        if (Ponte.canAct) Ponte.story?.choose?.(Ponte.player.state);
    }

    /** Lets the browser keep the whole recording as one file. */
    function save() {
        if (!Ponte.isServed) return;
        const link = html("a", { href: "/save", download: "" });
        document.body.append(link);
        link.click();
        link.remove();
    }

    function switchLanguage() {
        Ponte.theme.setLanguage(Ponte.lang === "en" ? "pt" : "en");
    }

    function update(state, lang) {
        list(element("counters"), countersOf(state, lang), (name) => name, newCounter,
            (node, name) => {
                text(node.figure, state.counters[name]);
                text(node.word, Ponte.say(lang, `view.counter.${name}`));
                attribute(node, "title", Ponte.say(lang, `view.why counter.${name}`));
            });
        const mode = modeOf(Ponte.player);
        attribute(element("mode"), "data-mode", mode);
        text(element("mode").lastElementChild, Ponte.say(lang, `view.mode.${mode}`));
        updateMenu(lang);
        updateBanner(state, lang);
    }

    /** The counters for which there is room, in their order. */
    function countersOf(state, lang) {
        let room = Ponte.size(element("counters")).width - SPARE * Ponte.text.rem;
        const kept = new Set();
        const isZero = (name) => (name !== "calls" && !state.counters[name] ? 1 : 0);
        for (const name of [...WORTH].sort((a, b) => isZero(a) - isZero(b))) {
            const count = state.counters[name];
            if (!count && !ALWAYS.has(name)) continue;
            room -= Ponte.text.width(String(count), FIGURE, 700) + SPACE * Ponte.text.rem
                + Ponte.text.width(Ponte.say(lang, `view.counter.${name}`));
            if (room < 0 && name !== "lostEvents") break;
            kept.add(name);
        }
        return COUNTERS.filter((name) => kept.has(name));
    }

    /** The word beside the name: what of time is shown. */
    function modeOf(player) {
        if (Ponte.isAway) return "away";
        if (player.mode === "live") return "live";
        if (player.mode === "playing") return "replay";
        return player.isReplay && player.T <= player.begins ? "replay" : "paused";
    }

    function newCounter(name) {
        const node = html("li", { "data-name": name });
        node.figure = html("b", { "data-counter": name });
        node.word = html("span");
        node.append(node.figure, node.word);
        return node;
    }

    function updateMenu(lang) {
        for (const name of ["predict", "story", "class"]) buttons.get(name).hidden = !Ponte.canAct;
        const { story } = Ponte.player.state;
        buttons.get("story").hidden ||= story !== null && story.phase !== "end";
        buttons.get("class").hidden ||= !Ponte.openClass;
        buttons.get("predict").hidden ||= !Ponte.story?.choose;
        buttons.get("save").hidden = !Ponte.isServed;
        for (const [name, node] of buttons) {
            const why = Ponte.say(lang, `view.why menu.${name}`);
            attribute(node, "title", why);
            // The one with a shape says its word to those who hear the page.
            if (name === "theme") attribute(node, "aria-label", why);
            else text(node, Ponte.say(lang, `view.menu.${name}`));
        }
        text(buttons.get("language"), lang === "en" ? "PT" : "EN");
        attribute(buttons.get("language"), "lang", lang === "en" ? "pt-BR" : "en");
    }

    /** What the banner says before anything has happened. */
    function welcomeOf(state) {
        if (Ponte.player.isReplay) return "view.recording";
        const isStarting = (proc) => proc.state === "starting";
        if (!state.counters.calls && [...state.procs.values()].some(isStarting)) {
            return "view.begins";
        }
        return Ponte.canAct && !Ponte.isDemo(state) ? "view.welcome" : "view.watching";
    }

    function updateBanner(state, lang) {
        const { banner } = state;
        attribute(element("banner-row"), "data-level", banner?.level ?? "info");
        const said = banner ? Ponte.say(lang, banner.key, banner.values)
            : Ponte.say(lang, welcomeOf(state));
        text(element("banner"), said);
        attribute(element("banner"), "title", said);
    }

    Ponte.top = { predict, save, switchLanguage };
    Ponte.views.push({ update });
}
