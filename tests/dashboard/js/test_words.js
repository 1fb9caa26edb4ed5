/* The words of the page: both languages have the same keys and fields, and no key is missing. */
"use strict";

const assert = require("assert");
const fs = require("fs");
const path = require("path");
const {test} = require("./testing.js");
const {Ponte, WEB} = require("./page.js");

const sources = fs.readdirSync(WEB).filter(name => name.endsWith(".js"))
    .map(name => ({name, text: fs.readFileSync(path.join(WEB, name), "utf8")}));

const fields = text => (text.match(/\{\w+\}/g) ?? []).sort();

test("both languages have the same keys, and each text the same fields", () => {
    const {en, pt} = Ponte.words;
    assert.deepStrictEqual(Object.keys(pt).sort(), Object.keys(en).sort());
    for (const key of Object.keys(en)) {
        assert.deepStrictEqual(fields(pt[key]), fields(en[key]), key);
        assert(pt[key].trim() && en[key].trim(), key);
    }
});

test("whatever is said by a key that stands in the source, has words", () => {
    const rooms = new Set(Object.keys(Ponte.words.en).map(key => key.split(".")[0]));
    for (const {name, text} of sources) {
        for (const [, key] of text.matchAll(/"([a-z]+\.[a-z][\w. ]*)"/g)) {
            // One that ends with a dot is the beginning of several.
            const isKey = rooms.has(key.split(".")[0]) && !key.endsWith(".");
            assert(!isKey || key in Ponte.words.en, `${name}: ${key}`);
        }
        const ofSentences = name === "sentences.js" ? text.matchAll(/\badd\("([\w. ]+)"/g) : [];
        for (const [, key] of ofSentences) {
            assert(`explain.${key}` in Ponte.words.en, `${name}: explain.${key}`);
        }
    }
});

test("a key is said with its fields; what is missing is said as it is", () => {
    assert.strictEqual(Ponte.say("en", "log.lease.up", {who: "a", registry: "r"}), "r: a is up");
    assert.strictEqual(Ponte.say("pt", "log.lease.up", {who: "{registry}", registry: "r"}),
                       "r: {registry} está no ar");
    assert.strictEqual(Ponte.say("en", "log.lease.up", {}), "{registry}: {who} is up");
    assert.strictEqual(Ponte.say("xx", "diagram.lost"), "lost");
    assert.strictEqual(Ponte.say("en", "no such key"), "no such key");
    assert.strictEqual(Ponte.pick({en: "one", pt: "um"}, "pt"), "um");
    assert.strictEqual(Ponte.pick(null, "pt"), "");
});
