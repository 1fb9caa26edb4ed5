// The topology: clients, proxies and servers as cards, and the ways between them.
//
// A card tells the truth: what the laboratory knows of the process. What a registry believes is
// drawn in the same row by leases.js. Nodes are kept; the layout is new only when names change.
"use strict";
{
    globalThis.Ponte ??= {};
    const { svg, set, attribute, text, list } = Ponte.dom;

    // More rows than this are not readable on a projector: the rest is counted in one line.
    const ROWS = 8;
    // The shape beside the word of each true state.
    const SHAPES = { up: "up", starting: "empty", frozen: "frozen", draining: "drain",
        killed: "bad", ended: "empty", gone: "empty", unknown: "unknown" };

    const stage = document.getElementById("stage");
    const layers = {};
    // Beats to a second registry pass behind the first one: so `behind` comes before the panels.
    for (const name of ["behind", "panels", "ways", "cards", "cells", "moving"]) {
        const kind = name === "behind" ? "layer-moving layer-behind" : `layer-${name}`;
        layers[name] = svg("g", { class: kind });
        stage.append(layers[name]);
    }
    const more = svg("text", { class: "more" });
    stage.append(more);

    const view = { stage, layers, where: null, names: null, ways: new Set(), picked: "", update };
    let shown = "";
    let chosen = "";

    /** The processes of a role that are there, in the order of their names. */
    function namesOf(state, role) {
        const names = [];
        for (const proc of state.procs.values()) {
            if (proc.role === role && isSeen(proc)) names.push(proc.name);
        }
        // Those of the class come after the laboratory's own, whose digits then stay theirs.
        const owner = (name) => (state.procs.get(name).owner ? 1 : 0);
        return names.sort((a, b) => owner(a) - owner(b)
            || a.localeCompare(b, "en", { numeric: true }));
    }

    /** False for what is over for good: none can start it again, no registry believes in it. */
    function isSeen(proc) {
        if (proc.forgotten) return false;
        if (proc.state !== "gone" || proc.can.includes("start")) return true;
        return [...proc.registrySays.values()].some((says) => says === "up" || says === "suspect");
    }

    /** Servers that live come first when there are more than can be shown. */
    function serversOf(state) {
        const all = namesOf(state, "server");
        if (all.length <= ROWS) return { servers: all, hidden: 0 };
        const isOver = (name) => ["killed", "ended", "gone"].includes(state.procs.get(name).state);
        const lives = all.filter((name) => !isOver(name));
        const kept = new Set([...lives, ...all].slice(0, ROWS));
        kept.delete([...kept][ROWS]);
        return { servers: all.filter((name) => kept.has(name)), hidden: all.length - kept.size };
    }

    function update(state, lang) {
        const { servers, hidden } = serversOf(state);
        const names = { servers, proxies: namesOf(state, "proxy"),
            clients: namesOf(state, "client"), registries: namesOf(state, "registry") };
        const size = Ponte.size(stage);
        // While the diagram has its place, the topology is laid out all the same.
        const box = { width: size.width || 800, height: size.height || 240 };
        const key = JSON.stringify([names, box.width, box.height, Ponte.text.rem]);
        if (key !== shown) {
            shown = key;
            view.names = names;
            view.where = Ponte.places({ width: box.width, height: box.height - (hidden ? 20 : 0),
                rem: Ponte.text.rem }, names);
        }
        const { where } = view;
        const picked = [...servers, ...names.proxies, ...names.registries, ...names.clients];
        // Until somebody picks another one it is the first server; where nobody can act, none.
        const isIdle = !Ponte.canAct || Ponte.isDemo(state);
        view.picked = isIdle ? "" : picked.includes(chosen) ? chosen : servers[0] ?? "";
        attribute(stage, "data-tall", String(where.tall));
        const page = stage.closest(".page");
        const rows = servers.length + names.proxies.length;
        attribute(page, "data-rows", rows > 7 ? "many" : rows > 4 ? "some" : "few");
        attribute(page, "data-registries", names.registries.length);
        const ways = waysOf(state, names);
        view.ways = new Set(ways.map((way) => way.key));
        list(layers.ways, ways, (way) => way.key, newWay,
            (node, way) => updateWay(node, way, state));
        const cards = [...names.clients, ...names.proxies, ...servers];
        list(layers.cards, cards, (name) => name, newCard, (node, name) =>
            updateCard(node, state.procs.get(name), servers.indexOf(name), lang));
        const last = where.boxes.get(servers[servers.length - 1]);
        text(more, hidden ? Ponte.say(lang, "view.more servers", { count: hidden }) : "");
        if (last) set(more, { x: last.x, y: last.y + last.h + 1.15 * Ponte.text.rem });
    }

    /** Every way on which something can travel. */
    function waysOf(state, names) {
        const ways = [];
        const callers = names.proxies.length ? names.proxies : names.clients;
        if (names.proxies.length) {
            for (const from of names.clients) {
                for (const to of names.proxies) ways.push({ from, to, kind: "call" });
            }
        }
        for (const from of callers) {
            for (const to of names.servers) ways.push({ from, to, kind: "call" });
        }
        // Beats to a second registry are seen as hearts only: its ways would cross the first one.
        for (const to of names.registries.slice(0, 1)) {
            for (const from of [...names.servers, ...names.proxies]) {
                ways.push({ from, to, kind: "beat" });
            }
        }
        for (const way of ways) way.key = `${way.from} ${way.to}`;
        return ways;
    }

    function newWay() {
        const parts = { line: svg("path", { class: "way" }),
            mark: Ponte.dom.shape("cut", "link-mark") };
        const node = svg("g", {}, parts.line, parts.mark);
        node.parts = parts;
        return node;
    }

    function updateWay(node, way, state) {
        const { line, mark } = node.parts;
        const points = Ponte.wayBetween(view.where, way.from, way.to);
        const { link } = state.procs.get(way.to);
        const rem = Ponte.text.rem;
        const fault = way.kind === "beat" ? "" : link.cut ? "cut" : link.slowMs ? "slow" : "";
        attribute(line, "d", `M${points.map((point) => point.map((n) => n.toFixed(1))).join("L")}`);
        set(node, { "data-kind": way.kind, "data-way": way.key, "data-fault": fault });
        // The mark stands at the server's card: the ways of all proxies end there.
        const [x, y] = points[points.length - 1];
        set(mark, { x: x - 1.7 * rem, y: y - 0.6 * rem, width: 1.2 * rem, height: 1.2 * rem,
            class: `shape link-mark ${fault ? "" : "none"}` });
        if (fault) mark.setShape(fault);
    }

    function newCard(name) {
        const parts = {
            title: svg("title"), box: svg("rect", { class: "card" }),
            key: svg("text", { class: "key" }), name: svg("text", { class: "name" }),
            shape: Ponte.dom.shape("up", "state-shape"),
            state: svg("text", { class: "state", "data-part": "state" }),
            ran: svg("text", { class: "ran", "data-part": "ran" }),
            link: svg("text", { class: "link", "data-part": "link" }),
        };
        const node = svg("g", { class: "process", "data-who": name, tabindex: "0", role: "button" },
            ...Object.values(parts));
        node.addEventListener("click", () => pick(name));
        node.addEventListener("keydown", (event) => {
            if (event.key !== "Enter" && event.key !== " ") return;
            event.preventDefault();
            event.stopPropagation();
            pick(name);
        });
        node.parts = parts;
        return node;
    }

    function updateCard(node, proc, row, lang) {
        const { where } = view;
        const box = where.boxes.get(proc.name);
        const rem = Ponte.text.rem;
        const parts = node.parts;
        const isServer = row >= 0;
        const wide = isServer && !where.tall;
        const word = Ponte.say(lang, `view.state.${proc.state}`);
        const believed = [...proc.registrySays.values()]
            .map((says) => Ponte.say(lang, "view.registry says", {
                what: Ponte.say(lang, `view.says.${says}`) })).join(", ");
        set(node, { "data-role": proc.role, "data-state": proc.state,
            "aria-pressed": String(proc.name === view.picked),
            "aria-label": [proc.name, word, believed].filter(Boolean).join("; ") });
        set(parts.box, { x: box.x, y: box.y, width: box.w, height: box.h, rx: 0.4 * rem });
        text(parts.title, `${proc.name}: ${word}`);
        const link = linkOf(proc, lang);
        // A server that tells nothing has no figures here.
        const tells = proc.observed || !proc.owner;
        const ran = isServer && tells ? ranOf(proc, lang, Boolean(link)) : "";
        text(parts.title, [proc.name, proc.owner, word].filter(Boolean).join(", "));
        if (isServer) {
            serverCard(parts, proc, box, row, { word, ran, link, wide });
        } else {
            smallCard(parts, proc, box, word);
        }
        parts.shape.setShape(SHAPES[proc.state] ?? "unknown");
    }

    /** A server: name and state; below, where there is room, what it did and how its link is. */
    function serverCard(parts, proc, box, row, { word, ran, link, wide }) {
        const rem = Ponte.text.rem;
        const pad = 0.7 * rem;
        const first = wide ? box.y + box.h / 2 : box.y + box.h * 0.3;
        const second = box.y + box.h * 0.73;
        const size = wide ? 1 : 1.15;
        const stateWidth = Ponte.text.width(word, 1, 600) + 1.35 * rem;
        let room = box.w - 2 * pad - stateWidth - 0.4 * rem;
        // The digit that picks it, where there is room for its whole name beside it.
        const beside = 1.05 * rem;
        const hasDigit = Ponte.text.width(proc.name, size, 650) <= room - beside
            || Ponte.text.width(proc.name, size, 650) > room;
        if (hasDigit) room -= beside;
        const left = box.x + pad + (hasDigit ? beside : 0);
        set(parts.key, { x: box.x + pad, y: first, text: hasDigit ? String(row + 1) : "" });
        const ranWidth = Ponte.text.width(ran) + 0.5 * rem;
        const fits = !wide || Ponte.text.width(proc.name, size, 650) + ranWidth < room;
        if (wide && fits) room -= ranWidth;
        set(parts.name, { x: left, y: first, text: Ponte.text.fit(proc.name, room, size, 650) });
        set(parts.state, { x: box.x + box.w - pad, y: first, text: word });
        set(parts.shape, { x: box.x + box.w - pad - stateWidth, y: first - 0.55 * rem,
            width: rem, height: rem });
        // What is wrong with its link goes before what it did.
        const linkRoom = box.w - 2 * pad;
        const both = Ponte.text.width(ran) + 0.8 * rem + Ponte.text.width(link, 1, 600);
        const isTight = both > linkRoom;
        set(parts.ran, wide
            ? { x: box.x + box.w - pad - stateWidth - 0.5 * rem, y: first, text: fits ? ran : "",
                "text-anchor": "end" }
            : { x: box.x + pad, y: second, text: link && isTight ? "" : ran,
                "text-anchor": "start" });
        set(parts.link, { x: box.x + box.w - pad, y: second,
            text: wide ? "" : Ponte.text.fit(link, linkRoom, 1, 600) });
    }

    /** A client or a proxy: its name, and its state below. */
    function smallCard(parts, proc, box, word) {
        const rem = Ponte.text.rem;
        const middle = box.x + box.w / 2;
        const stateWidth = Ponte.text.width(word, 1, 600) + 1.35 * rem;
        set(parts.name, { x: middle, y: box.y + box.h * 0.34, "text-anchor": "middle",
            text: Ponte.text.fit(proc.name, box.w - 0.8 * rem, 1.15, 650) });
        set(parts.state, { x: middle + stateWidth / 2, y: box.y + box.h * 0.72, text: word });
        set(parts.shape, { x: middle - stateWidth / 2, y: box.y + box.h * 0.72 - 0.55 * rem,
            width: rem, height: rem });
    }

    /** How many calls ran here, and where there is room, how many were answered from memory. */
    function ranOf(proc, lang, isBrief) {
        if (!view.where.tall) return String(proc.ran);
        const ran = Ponte.say(lang, "view.ran", { count: proc.ran });
        if (!proc.fromMemory || isBrief) return ran;
        const memory = Ponte.say(lang, "view.from memory", { count: proc.fromMemory });
        const room = view.where.boxes.get(proc.name).w - 1.4 * Ponte.text.rem;
        // Where both do not fit, the number of runs stands without its word.
        const both = `${ran} · ${memory}`;
        return Ponte.text.width(both) <= room ? both : `${proc.ran} · ${memory}`;
    }

    function linkOf(proc, lang) {
        const { link } = proc;
        if (link.cut) return Ponte.say(lang, "view.link cut");
        if (link.slowMs) return Ponte.say(lang, "view.link slow", { ms: link.slowMs });
        return link.loses ? Ponte.say(lang, "view.link loses") : "";
    }

    /**
     * Makes a process the one that the fault bar and the keys act on. It holds at once, not from the
     * next frame on: a key that follows fast must not meet the process that was picked before.
     */
    function pick(name) {
        chosen = name;
        if (view.picked) view.picked = name;
        Ponte.redraw();
    }

    view.pick = pick;
    view.SHAPES = SHAPES;
    Ponte.topology = view;
    Ponte.views.push(view);
}
