/* The pure half of the page, loaded as the browser does it: classic scripts, one after another. */
"use strict";

const fs = require("fs");
const path = require("path");
const vm = require("vm");

const WEB = path.join(__dirname, "..", "..", "..", "dashboard", "web");

// The scripts before the first one that needs a document (dom.js), in the order of index.html.
const INDEX = fs.readFileSync(path.join(WEB, "index.html"), "utf8");
const ALL = [...INDEX.matchAll(/<script src="\/web\/([\w-]+)\.js"/g)].map(found => found[1]);
const SCRIPTS = ALL.slice(0, ALL.indexOf("dom"));

for (const name of SCRIPTS) {
    const file = path.join(WEB, `${name}.js`);
    vm.runInThisContext(fs.readFileSync(file, "utf8"), {filename: file});
}

module.exports = {Ponte: globalThis.Ponte, SCRIPTS, WEB};
