// What each registry believes: one row per instance, beside its card, with a fuse that burns down.
//
// The fuse is the lease: full when a heartbeat is taken, empty when the lease is over. Past the
// half-way mark the registry suspects the instance.
"use strict";
{
    globalThis.Ponte ??= {};
    const { svg, set, attribute, text, list, shape } = Ponte.dom;
    const { topology } = Ponte;
    const SHAPES = { up: "up", suspect: "half", expired: "bad", draining: "drain", left: "empty",
        unknown: "unknown" };
    // The least change of a fuse that an eye can see, in pixels.
    const STEP = 1;

    function newPanel(name) {
        const parts = { box: svg("rect", { class: "panel" }), name: svg("text", { class: "name" }),
            shape: shape("up", "state-shape"),
            state: svg("text", { class: "state", "data-part": "state" }) };
        const node = svg("g", { class: "process registry", "data-who": name, tabindex: "0",
            role: "button", "data-role": "registry" }, ...Object.values(parts));
        node.parts = parts;
        node.addEventListener("click", () => topology.pick(name));
        node.addEventListener("keydown", (event) => {
            if (event.key === "Enter") topology.pick(name);
        });
        return node;
    }

    function updatePanel(node, proc, lang) {
        const panel = topology.where.panels.get(proc.name);
        const rem = Ponte.text.rem;
        const { parts } = node;
        const word = Ponte.say(lang, `view.state.${proc.state}`);
        // Where both do not fit, the name goes before the word of a registry that simply runs.
        const nameWidth = Ponte.text.width(proc.name, 1.15, 650);
        const wordWidth = Ponte.text.width(word, 1, 600) + 1.35 * rem;
        const isBrief = nameWidth + wordWidth > panel.w - 1.8 * rem;
        const stateWidth = isBrief ? rem : wordWidth;
        const nameRoom = panel.w - 1.7 * rem - stateWidth;
        const isLong = nameWidth > nameRoom;
        const right = panel.x + panel.w - 0.7 * rem;
        const y = panel.y + 0.95 * rem;
        set(node, { "data-state": proc.state, "aria-pressed": String(proc.name === topology.picked),
            "aria-label": `${proc.name}: ${word}` });
        set(parts.box, { x: panel.x, y: panel.y, width: panel.w, height: panel.h, rx: 0.4 * rem });
        set(parts.name, { x: panel.x + 0.7 * rem, y,
            class: isLong ? "name long" : "name",
            text: Ponte.text.fit(proc.name, nameRoom, isLong ? 1 : 1.15, 650) });
        set(parts.state, { x: right, y, text: isBrief ? "" : word });
        set(parts.shape, { x: right - stateWidth, y: y - 0.55 * rem, width: rem, height: rem });
        parts.shape.setShape(topology.SHAPES[proc.state] ?? "unknown");
    }

    function newCell(item) {
        const parts = { title: svg("title"), shape: shape("up", "state-shape"),
            word: svg("text", { class: "state", "data-part": "belief" }),
            left: svg("text", { class: "left" }),
            track: svg("rect", { class: "fuse-track" }), fuse: svg("rect", { class: "fuse" }),
            half: svg("rect", { class: "fuse-half" }) };
        const node = svg("g", { class: "lease", "data-lease": item.who,
            "data-registry": item.registry }, ...Object.values(parts));
        node.parts = parts;
        return node;
    }

    function updateCell(node, item, state, lang) {
        const cell = topology.where.cells.get(item.registry).get(item.who);
        const rem = Ponte.text.rem;
        const { parts } = node;
        const proc = state.procs.get(item.who);
        const says = proc.registrySays.get(item.registry) ?? "unknown";
        const word = Ponte.say(lang, `view.says.${says}`);
        const lane = topology.where.lanes.has(item.who);
        const tall = topology.where.tall && cell.h > 2.4 * rem;
        const thick = tall ? 0.62 * rem : 0.28 * rem;
        const y = tall ? cell.y + cell.h * 0.29 : cell.y + (cell.h - thick) / 2 - 0.08 * rem;
        const barTop = tall ? cell.y + cell.h * 0.62 : cell.y + cell.h - thick;
        // Where a proxy's name and the word do not both fit, the shape alone says that it is up,
        // or that nothing is known of it.
        const nameRoom = cell.w - Ponte.text.width(word, 1, 600) - 2.2 * rem;
        const isBrief = lane && ["up", "unknown"].includes(says)
            && Ponte.text.width(item.who) > nameRoom;
        const name = lane ? Ponte.text.fit(item.who, isBrief ? cell.w - 1.6 * rem : nameRoom) : "";
        const wordLeft = cell.x + (lane ? Ponte.text.width(name) + 0.6 * rem : 0);
        const believes = !["unknown", "expired", "left"].includes(says);
        set(node, { "data-says": says, "data-lie": String(believes && isOver(proc)) });
        text(parts.title, `${item.who}: ${Ponte.say(lang, "view.registry says", { what: word })}`);
        set(parts.shape, { x: wordLeft, y: y - 0.55 * rem, width: rem, height: rem });
        parts.shape.setShape(SHAPES[says] ?? "unknown");
        const room = cell.x + cell.w - wordLeft - 1.35 * rem;
        const long = Ponte.say(lang, "view.says", { what: word });
        const clock = Ponte.text.width("00.0 s") + 0.6 * rem;
        const isLong = tall && Ponte.text.width(long, 1, 600) + clock <= room;
        const said = isBrief ? "" : Ponte.text.fit(isLong ? long : word, room, 1, 600);
        set(parts.word, { x: wordLeft + 1.35 * rem, y, text: said });
        set(parts.left, { x: cell.x + cell.w, y, "data-name": name });
        set(parts.track, { x: cell.x, y: barTop, width: cell.w, height: thick, rx: thick / 4 });
        set(parts.fuse, { x: cell.x, y: barTop, height: thick, rx: thick / 4 });
        const over = 0.2 * rem;
        set(parts.half, { x: cell.x + cell.w / 2 - 0.1 * rem, y: barTop - over, width: 0.2 * rem,
            height: thick + over + (tall ? over : 0) });
        parts.room = room - Ponte.text.width(said, 1, 600);
        parts.width = cell.w;
        parts.lease = state.leases.get(item.registry)?.get(item.who) ?? null;
        updateLaneName(node, lane, name, cell, y);
    }

    /** A proxy's row has no card beside it, so it says its name itself. */
    function updateLaneName(node, lane, name, cell, y) {
        if (!lane) return;
        node.parts.name ??= node.appendChild(svg("text", { class: "lane-name" }));
        set(node.parts.name, { x: cell.x, y, text: name });
    }

    const isOver = (proc) => ["killed", "ended", "gone", "frozen"].includes(proc.state);

    function update(state, lang) {
        const { registries, servers, proxies } = topology.names;
        list(topology.layers.panels, registries, (name) => name, newPanel,
            (node, name) => updatePanel(node, state.procs.get(name), lang));
        const items = [];
        for (const registry of registries) {
            for (const who of [...proxies, ...servers]) {
                items.push({ registry, who, key: `${registry} ${who}` });
            }
        }
        list(topology.layers.cells, items, (item) => item.key, newCell,
            (node, item) => updateCell(node, item, state, lang));
    }

    /** Burns the fuses down to the moment `T`, in milliseconds. */
    function frame(state, T) {
        for (const node of topology.layers.cells.childNodes) {
            const { parts } = node;
            const lease = parts.lease;
            const rest = lease ? Math.max(0, lease.leaseMs - (T - lease.t)) : 0;
            const part = lease && lease.leaseMs ? Math.min(1, rest / lease.leaseMs) : 0;
            const width = Math.round((part * parts.width) / STEP) * STEP;
            attribute(parts.fuse, "width", width);
            const left = lease ? Ponte.say(Ponte.lang, "view.seconds", {
                s: seconds(rest) }) : "";
            const fits = Ponte.text.width("00.0 s") + 4 < parts.room;
            text(parts.left, fits ? left : "");
        }
    }

    const seconds = (ms) => {
        const s = (ms / 1000).toFixed(1);
        return Ponte.lang === "pt" ? s.replace(".", ",") : s;
    };

    Ponte.views.push({ update, frame });
}
