// Where every process stands on the topology. Pure: sizes in, boxes out; no DOM.
//
// Four columns: clients, proxies, servers, registries. What a registry believes about a server
// stands in the row of that server, so that truth and belief are read side by side.
"use strict";
{
    globalThis.Ponte ??= {};

    // All in rem. Columns at the width of 55 rem; a wider stage gives its rest to the ways.
    const LARGE = { client: 5.5, proxy: 7.4, server: 13, registry: 12.8, two: 20.5 };
    // Where the stage is narrower than this, its columns are, too: `two` is of two registries.
    const NARROW = 48;
    const SMALL = { client: 5.2, proxy: 6.6, server: 11.2, registry: 9.4, two: 15 };
    // The least that a row of one line needs, and from where on a row has two lines.
    const LINE = 1.42;
    const TWO_LINES = 2.5;
    const TALLEST = 4.7;
    const FEW = 4;
    const GAP = 0.55;
    const HEAD = 1.85;

    /**
     * Places processes on a stage.
     * @param {{width, height, rem}} stage  in pixels
     * @param {{clients, proxies, servers, registries}} names  lists of names, in their order
     * @returns {{boxes: Map, cells: Map, panels: Map, tall: boolean, columns: object}}
     *   boxes: name → {x, y, w, h}; panels: registry → its box;
     *   cells: registry → name → its row
     */
    function places(stage, names) {
        const rem = stage.rem;
        const { width, height } = stage;
        const edge = 2;
        const isNarrow = width < NARROW * rem;
        const columns = isNarrow ? SMALL : LARGE;
        const registries = names.registries.length > 1 ? columns.two : columns.registry;
        const panelWidth = registries * rem;
        const registryLeft = width - edge - panelWidth;
        const taken = (columns.client + columns.proxy + columns.server + registries) * rem;
        const rest = width - 2 * edge - taken;
        const way = Math.max(rest, 0);
        const clientLeft = edge;
        const proxyLeft = clientLeft + columns.client * rem + way * 0.33;
        const serverLeft = proxyLeft + columns.proxy * rem + way * 0.43;

        const rows = rowsOf(stage, names);
        const boxes = new Map();
        for (const [name, row] of rows.servers) {
            boxes.set(name, { x: serverLeft, y: row.y, w: columns.server * rem, h: row.h });
        }
        const middle = rows.top + (rows.bottom - rows.top) / 2;
        const lowest = height - edge;
        stack(boxes, names.proxies, { x: proxyLeft, w: columns.proxy * rem, middle, lowest, rem });
        stack(boxes, names.clients,
            { x: clientLeft, w: columns.client * rem, middle, lowest, rem });

        const cells = new Map();
        const panels = new Map();
        const each = panelWidth / Math.max(names.registries.length, 1);
        names.registries.forEach((registry, index) => {
            const x = registryLeft + index * each;
            const between = index + 1 < names.registries.length ? 0.5 * rem : 0;
            const panel = { x, y: edge, w: each - between,
                h: rows.bottom + 0.25 * rem - edge };
            panels.set(registry, panel);
            boxes.set(registry, panel);
            const inside = new Map();
            for (const [name, row] of [...rows.proxies, ...rows.servers]) {
                inside.set(name, { x: x + 0.7 * rem, y: row.y, w: panel.w - 1.4 * rem, h: row.h });
            }
            cells.set(registry, inside);
        });
        const proxies = names.proxies.map((name) => boxes.get(name));
        return { boxes, proxies, cells, panels, lanes: rows.proxies, tall: rows.tall, top: rows.top,
            columns: { clientLeft, proxyLeft, serverLeft, registryLeft }, middle, rem };
    }

    /** The rows of the proxies' leases (thin, on top) and of the servers. */
    function rowsOf(stage, names) {
        const rem = stage.rem;
        const top = HEAD * rem;
        const bottom = stage.height - 0.4 * rem;
        const count = Math.max(names.servers.length, 1);
        const lanes = names.proxies.length;
        // Where there are few rows, those of proxies are as high as those of servers.
        if (lanes + count <= FEW) return evenRows(stage, names, { top, bottom });
        const laneHeight = (lanes + count > 9 ? 1.3 : LINE) * rem;
        const room = bottom - top - lanes * (laneHeight + 0.15 * rem);
        const least = LINE * rem;
        const gap = Math.min(GAP * rem, Math.max(2, (room - count * least) / count));
        const h = Math.min(TALLEST * rem, (room - gap * (count - 1)) / count);
        const proxies = new Map();
        names.proxies.forEach((name, index) =>
            proxies.set(name, { y: top + index * (laneHeight + 0.15 * rem), h: laneHeight }));
        const begin = top + lanes * (laneHeight + 0.15 * rem) + (lanes ? 0.1 * rem : 0);
        const servers = new Map();
        names.servers.forEach((name, index) =>
            servers.set(name, { y: begin + index * (h + gap), h }));
        return { proxies, servers, tall: h >= TWO_LINES * rem, top: begin,
            bottom: begin + count * h + (count - 1) * gap };
    }

    function evenRows({ rem }, { proxies, servers }, { top, bottom }) {
        const count = proxies.length + Math.max(servers.length, 1);
        const gap = GAP * rem;
        const h = Math.min(TALLEST * rem, (bottom - top - gap * (count - 1)) / count);
        const row = (index) => ({ y: top + index * (h + gap), h });
        const begin = proxies.length;
        return { proxies: new Map(proxies.map((name, index) => [name, row(index)])),
            servers: new Map(servers.map((name, index) => [name, row(begin + index)])),
            tall: h >= TWO_LINES * rem, top: row(begin).y, bottom: row(count - 1).y + h };
    }

    /** Puts boxes of one column one below the other, around `middle`, above `lowest`. */
    function stack(boxes, names, { x, w, middle, lowest, rem }) {
        const h = (names.length > 2 ? 2.7 : 3.6) * rem;
        const gap = (names.length > 2 ? 0.6 : 1) * rem;
        const whole = names.length * h + (names.length - 1) * gap;
        const top = Math.min(middle - whole / 2, lowest - whole);
        names.forEach((name, index) => boxes.set(name, { x, y: top + index * (h + gap), w, h }));
    }

    /** The points of the way from one process to another, or null if one is not on the stage. */
    function way(where, from, to) {
        const start = where.boxes.get(from);
        const end = where.boxes.get(to);
        if (!start || !end) return null;
        if (where.panels.has(to)) return wayOfBeat(where, from, to, start);
        if (where.panels.has(from)) return wayOfBeat(where, to, from, end).reverse();
        if (start.x < end.x) return past(where, right(start), left(end));
        if (start.x > end.x) return past(where, right(end), left(start)).reverse();
        return [right(start), right(end)];
    }

    /** A straight way; one that leads past the proxies goes above them. */
    function past({ proxies, rem }, from, to) {
        const between = proxies.filter((box) => box.x > from[0] && box.x + box.w < to[0]);
        if (!between.length) return [from, to];
        const y = Math.min(...between.map((box) => box.y)) - 1.1 * rem;
        return [from, [between[0].x, y], [between[0].x + between[0].w, y], to];
    }

    /** A server's beat goes straight to its row; a proxy's goes up and along the row on top. */
    function wayOfBeat(where, who, registry, box) {
        const cell = where.cells.get(registry).get(who);
        const panel = where.panels.get(registry);
        if (!cell) return [right(box), left(panel)];
        const y = cell.y + cell.h / 2;
        if (!where.lanes.has(who)) return [right(box), [panel.x, y]];
        const lane = [...where.lanes.keys()].indexOf(who);
        const x = box.x + box.w / 2 + (lane - (where.lanes.size - 1) / 2) * 1.4 * where.rem;
        return [[x, box.y], [x, y], [panel.x, y]];
    }

    const right = (box) => [box.x + box.w, box.y + box.h / 2];
    const left = (box) => [box.x, box.y + box.h / 2];

    /** The point at `part` (0 to 1) of a way. */
    function along(points, part) {
        const lengths = [];
        let whole = 0;
        for (let i = 1; i < points.length; i++) {
            const [[ax, ay], [bx, by]] = [points[i - 1], points[i]];
            lengths.push(Math.hypot(bx - ax, by - ay));
            whole += lengths[i - 1];
        }
        let rest = Math.min(Math.max(part, 0), 1) * whole;
        for (let i = 0; i < lengths.length; i++) {
            if (rest <= lengths[i] || i === lengths.length - 1) {
                const f = lengths[i] ? rest / lengths[i] : 0;
                const [ax, ay] = points[i];
                const [bx, by] = points[i + 1];
                return [ax + (bx - ax) * f, ay + (by - ay) * f];
            }
            rest -= lengths[i];
        }
        return points[0];
    }

    Object.assign(Ponte, { places, along, wayBetween: way });
}
