// The width of a text, and a text cut to a width.
"use strict";
{
    globalThis.Ponte ??= {};
    // How many widths are remembered. Times and counters make new texts all day.
    const REMEMBERED = 4000;
    const widths = new Map();
    let canvas = null;
    let family = "sans-serif";

    /** The size of 1 rem in pixels: all sizes on the page follow it, also those in SVG. */
    let rem = 16;

    /** Reads font and size anew. Called when the window's size changes. */
    function refresh() {
        const style = getComputedStyle(document.documentElement);
        rem = parseFloat(style.fontSize);
        family = getComputedStyle(document.body).fontFamily;
        widths.clear();
    }

    /** The width in pixels of `string` at `size` rem and `weight`. */
    function width(string, size = 1, weight = 400) {
        const key = `${weight} ${size} ${string}`;
        let known = widths.get(key);
        if (known !== undefined) return known;
        canvas ??= document.createElement("canvas").getContext("2d");
        canvas.font = `${weight} ${size * rem}px ${family}`;
        known = canvas.measureText(string).width;
        if (widths.size > REMEMBERED) widths.clear();
        widths.set(key, known);
        return known;
    }

    /** `string`, or as much of it as fits into `room` pixels, with an ellipsis. */
    function fit(string, room, size = 1, weight = 400) {
        if (!string || width(string, size, weight) <= room) return string;
        let low = 0;
        let high = string.length;
        while (low < high) {
            const middle = (low + high + 1) >> 1;
            if (width(string.slice(0, middle) + "…", size, weight) <= room) low = middle;
            else high = middle - 1;
        }
        return string.slice(0, low).trimEnd() + "…";
    }

    Ponte.text = { width, fit, refresh, get rem() { return rem; } };
}
