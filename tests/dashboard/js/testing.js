/* Runs tests one after another: `node test_fold.js`. Node 16 has no runner of its own. */
"use strict";

const tests = [];

module.exports.test = (name, body) => tests.push({name, body});

setImmediate(async () => {
    let failed = 0;
    for (const {name, body} of tests) {
        try {
            await body();
            console.log(`ok    ${name}`);
        } catch (error) {
            failed++;
            console.log(`FAIL  ${name}\n${error.stack}`);
        }
    }
    console.log(`${tests.length} tests, ${failed} failed`);
    process.exitCode = failed ? 1 : 0;
});
