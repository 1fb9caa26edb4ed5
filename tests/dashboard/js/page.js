/* The pure half of the page, loaded as the browser does it: classic scripts, one after another. */
"use strict";

const fs = require("fs");
const path = require("path");
const vm = require("vm");

const WEB = path.join(__dirname, "..", "..", "..", "dashboard", "web");

// In the order of index.html.
const SCRIPTS = ["say", "words-en", "words-pt", "state", "hops", "fold-calls", "fold-procs",
                 "fold-story", "fold", "schedule", "messages", "space-events", "space-axis",
                 "space-labels", "spacetime", "sentences", "player", "saved",
                 "story-scene"];

for (const name of SCRIPTS) {
    const file = path.join(WEB, `${name}.js`);
    vm.runInThisContext(fs.readFileSync(file, "utf8"), {filename: file});
}

module.exports = {Ponte: globalThis.Ponte, SCRIPTS, WEB};
