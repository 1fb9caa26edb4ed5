/* A recording of real processes: some 20 s with faults, trimmed (tests/dashboard/sample.jsonl). */
"use strict";

const fs = require("fs");
const path = require("path");

module.exports.sample = () => fs.readFileSync(
    process.env.PONTE_SAMPLE ?? path.join(__dirname, "..", "sample.jsonl"), "utf8")
    .split("\n").filter(Boolean).map(line => JSON.parse(line));
