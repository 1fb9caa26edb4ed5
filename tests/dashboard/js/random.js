/* A random source with a seed (mulberry32, Tommy Ettinger), so that a failure can be made again. */
"use strict";

module.exports.randomOf = seed => {
    let state = seed >>> 0;
    const next = () => {
        state = state + 0x6d2b79f5 >>> 0;
        let mixed = Math.imul(state ^ state >>> 15, state | 1);
        mixed ^= mixed + Math.imul(mixed ^ mixed >>> 7, mixed | 61);
        return ((mixed ^ mixed >>> 14) >>> 0) / 4294967296;
    };
    return {
        next,
        below: most => Math.floor(next() * most),
        pick: list => list[Math.floor(next() * list.length)],
        chance: share => next() < share,
    };
};
