/* A saved page: its recording is read from the page itself, when the page is whole. */
"use strict";

const assert = require("assert");
const zlib = require("zlib");
const {test} = require("./testing.js");
const {Ponte} = require("./page.js");

const can = typeof DecompressionStream === "function";

function packed(events, more = {}) {
    const data = zlib.deflateRawSync(Buffer.from(JSON.stringify(events))).toString("base64");
    return JSON.stringify({form: "deflate-raw", count: events.length, first: 7, dropped: true, data,
                           ...more});
}

test("events come back as they were, with the numbers that were left out", async () => {
    if (can) {
        const events = [{k: "call", id: "a", method: "</script><!-- é"}, {s: 9, k: "done"}];
        assert.deepStrictEqual(await Ponte.unpack(packed(events)),
            {events: [{...events[0], s: 7}, events[1]], first: 7, dropped: true, standing: []});
    }
});

test("what still holds of dropped events is given along", async () => {
    const standing = [{s: 1, k: "start"}];
    if (can) {
        assert.deepStrictEqual((await Ponte.unpack(packed([], {standing}))).standing, standing);
    }
});

test("another form is refused in one line", async () => {
    await assert.rejects(Ponte.unpack(packed([], {form: "zip"})), /zip.*deflate-raw/);
});

test("a page that is served has no recording; one not yet whole is waited for", async () => {
    const page = {readyState: "complete", getElementById: () => null};
    assert.strictEqual(await Ponte.recordingOf(page), null);
    let isWhole = false;
    const early = {
        readyState: "loading",
        addEventListener: (name, whole) => setImmediate(() => {
            isWhole = true;
            whole();
        }),
        getElementById: () => isWhole ? {textContent: packed([{k: "start"}])} : null,
    };
    if (can) {
        assert.strictEqual((await Ponte.recordingOf(early)).events.length, 1);
    }
});
