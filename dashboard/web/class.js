// The class joins: the address as a picture and in big type, the line for laptops, and everything
// that is open to the network, for how long, and how to end it.
"use strict";
{
    globalThis.Ponte ??= {};
    const { html, svg, text, list, attribute } = Ponte.dom;
    const dialog = document.getElementById("class");
    const chip = document.getElementById("exposed");

    // Light modules around a QR code, which a camera needs (ISO/IEC 18004, 6.3.8).
    const QUIET_ZONE = 4;

    const say = (key, values) => Ponte.say(Ponte.lang, `class.${key}`, values);
    const part = (tag, name, attributes = {}) => html(tag, { "data-part": name, ...attributes });

    const title = html("h2");
    const squares = svg("path", { fill: "#000000" });
    const code = svg("svg", { class: "qr", role: "img", "shape-rendering": "crispEdges" }, squares);
    const phones = html("h3");
    const url = part("p", "url", { class: "big" });
    const scan = html("p");
    const laptops = html("h3");
    const fetching = html("p");
    const typing = html("p");
    const line = part("p", "line", { class: "typed" });
    const windows = html("p", { class: "small" });
    const open = html("h3");
    const ports = html("ul", { class: "ports" });
    const others = html("p", { class: "small" });
    const counts = part("p", "counts", { class: "counts" });
    const over = html("p", { class: "small" });
    const end = Ponte.dom.button({ class: "chief", "data-do": "end class",
        "aria-keyshortcuts": "X" }, finish);
    // It has the focus first: Enter of a presenter's remote must not end the class.
    const hide = Ponte.dom.button({ class: "close", autofocus: true, "aria-keyshortcuts": "J" },
        () => dialog.close());
    const endWord = html("span");
    const hideWord = html("span");
    end.append(endWord, html("kbd", { text: "X" }));
    hide.append(hideWord, html("kbd", { text: "J" }));
    dialog.append(title,
        html("div", { class: "joining" }, code,
            html("div", {}, phones, url, scan, laptops, fetching, typing)),
        line, windows, open, ports, others, counts, over,
        html("p", { class: "foot" }, end, hide));

    // Whether it shall open by itself as soon as there is something to show.
    let isWanted = false;
    let shown = null;

    /** The dark modules of a QR code as one path: a stroke of squares for each run in a row. */
    function pathOf(rows) {
        const parts = [];
        rows.forEach((row, y) => {
            for (const run of row.matchAll(/1+/g)) {
                parts.push(`M${run.index} ${y}h${run[0].length}v1h-${run[0].length}z`);
            }
        });
        return parts.join("");
    }

    /** Hours and minutes, and below ten minutes, minutes and seconds. */
    function clock(ms) {
        const s = Math.max(0, Math.floor(ms / 1000));
        const two = (number) => String(number).padStart(2, "0");
        return s >= 600 ? `${Math.floor(s / 3600)} h ${two(Math.floor(s / 60) % 60)} min`
            : `${Math.floor(s / 60)}:${two(s % 60)}`;
    }

    function drawCode(rows) {
        const size = rows.length + 2 * QUIET_ZONE;
        attribute(code, "viewBox", `${-QUIET_ZONE} ${-QUIET_ZONE} ${size} ${size}`);
        attribute(squares, "d", pathOf(rows));
    }

    function here(joined) {
        return say("here", { phones: joined.devices, laptops: joined.servers });
    }

    function refused(dropped) {
        const counted = Object.entries(dropped).filter(([, count]) => count > 0);
        const count = counted.reduce((sum, [, each]) => sum + each, 0);
        return count ? say("dropped", { count,
            why: counted.map(([reason, each]) => `${reason} ${each}`).join(", ") })
            : say("none dropped");
    }

    function update(state, lang) {
        const joined = state.classroom;
        drawChip(joined, state);
        if (joined === null) {
            if (dialog.open && shown) dialog.close();
            shown = null;
            return;
        }
        if (joined.qr !== shown) {
            shown = joined.qr;
            drawCode(joined.qr);
        }
        if (isWanted && !dialog.open) dialog.showModal();
        isWanted = false;
        if (!dialog.open) return;
        const time = clock(joined.endsAt - state.t);
        text(title, say("title"));
        text(phones, say("phones"));
        text(url, joined.url);
        text(scan, say("scan"));
        text(laptops, say("laptops"));
        text(fetching, say("fetch", { url: `${joined.url}ponte.pyz` }));
        text(typing, say("type"));
        text(line, `python3 ponte.pyz join ${joined.code}`);
        text(windows, say("windows"));
        text(open, say("open"));
        list(ports, state.exposed, (each) => `${each.protocol} ${each.address}`,
            () => html("li", {}, html("strong"), html("span")), (node, each) => {
                text(node.firstChild, `${each.protocol ?? ""} ${each.address}`);
                text(node.lastChild, Ponte.pick(each.what, lang));
            });
        const more = joined.hosts.slice(1);
        others.hidden = more.length === 0;
        text(others, say("others", { hosts: more.join(", ") }));
        text(counts, [say("left", { time }), here(joined), refused(joined.dropped)].join(" · "));
        text(over, say("over"));
        over.hidden = Ponte.canAct;
        end.hidden = !Ponte.canAct;
        text(endWord, say("end"));
        text(hideWord, say("hide"));
    }

    /** What stands in the page's head as long as anything is open. */
    function drawChip(joined, state) {
        chip.hidden = joined === null;
        if (joined === null) return;
        text(chip, say("chip", { time: clock(joined.endsAt - state.t) }));
        attribute(chip, "title", say("why chip", { here: here(joined),
            address: state.exposed.map((each) => `${each.protocol} ${each.address}`).join(", ") }));
    }

    function finish() {
        Ponte.act("class", { open: false });
    }

    /** Opens the ports where nothing is open yet; shows or hides the panel where it is. */
    Ponte.openClass = async () => {
        if (dialog.open) {
            dialog.close();
        } else if (Ponte.player.state.classroom) {
            isWanted = true;
            Ponte.redraw();
        } else if (Ponte.canAct) {
            isWanted = true;
            if (await Ponte.act("class", { open: true }) === null) isWanted = false;
        }
    };

    Ponte.keyHandlers.unshift((event) => {
        const key = event.key.toLowerCase();
        if (key === "x" && Ponte.canAct && Ponte.player.state.classroom) {
            finish();
            return true;
        }
        if (!dialog.open || (key !== "j" && key !== "g")) return false;
        if (key === "j") dialog.close();
        else Ponte.theme.setLanguage(Ponte.lang === "en" ? "pt" : "en");
        return true;
    });
    chip.addEventListener("click", () => Ponte.openClass());
    chip.hidden = true;
    Ponte.views.push({ update });
}
