/* The player: live, pause, step, scrub and replay show the same state as a fresh fold. */
"use strict";

const assert = require("assert");
const {test} = require("./testing.js");
const {Ponte} = require("./page.js");
const {Story} = require("./stories.js");
const {randomOf} = require("./random.js");
const {sample} = require("./sample.js");

// Milliseconds of the processor that scrubbing back over an hour at two calls a second may take. It
// takes some 100 on a quiet machine; a busy one takes several times as long.
const BOUND_MS = 1500;

const fresh = events => events.reduce(Ponte.fold, Ponte.newState());

function playerOf(events, options) {
    const player = new Ponte.Player(options);
    player.add(events, 0);
    return player;
}

test("scrubbing back and forth gives the state of a fresh fold", () => {
    const events = sample();
    const player = playerOf(events);
    const random = randomOf(3);
    for (let round = 0; round < 12; round++) {
        const position = random.below(events.length + 1);
        player.seek(position);
        assert.deepStrictEqual(player.state, fresh(events.slice(0, position)));
    }
    player.live();
    assert.deepStrictEqual(player.state, fresh(events));
});

test("live follows what comes; paused stays, and live again is where all is", () => {
    const events = sample();
    const player = playerOf(events.slice(0, 500));
    assert.strictEqual(player.position, 500);
    player.pause();
    player.add(events.slice(500), 10);
    assert.strictEqual(player.position, 500);
    assert.deepStrictEqual(player.state, fresh(events.slice(0, 500)));
    player.live();
    assert.strictEqual(player.position, events.length);
    assert.strictEqual(player.mode, "live");
});

test("what still holds of older events is there from the start, and after going back", () => {
    const standing = [{s: 3, t: 10, k: "proc", p: "page", who: "server-1", role: "server",
                       state: "up", pid: 7}];
    const events = sample().slice(100, 200);
    const player = new Ponte.Player();
    player.base(standing);
    assert.strictEqual(player.state.procs.get("server-1").pid, 7);
    player.add(events, 0);
    const whole = fresh([...standing, ...events]);
    assert.deepStrictEqual(player.state, whole);
    player.seek(50);
    player.live();
    assert.deepStrictEqual(player.state, whole);
    assert.strictEqual(player.end, events.length);
});

test("a step stops at what matters, and back is where it came from", () => {
    const events = sample();
    const player = playerOf(events, {isReplay: true});
    const dull = new Set(["beat", "acked", "took"]);
    const stops = [];
    for (let at = 0; at < 60; at++) {
        player.step(1);
        assert(!dull.has(player.event.k));
        stops.push(player.position);
    }
    for (let at = 58; at >= 0; at--) {
        player.step(-1);
        assert.strictEqual(player.position, stops[at]);
    }
    player.step(1, true);
    assert.strictEqual(player.position, stops[0] + 1);
});

test("a step beyond either end stays there", () => {
    const player = playerOf(sample().slice(0, 30), {isReplay: true});
    player.seek(0);
    player.step(-1);
    assert.strictEqual(player.position, 0);
    player.seek(1e9);
    player.step(1);
    assert.strictEqual(player.position, 30);
    player.seek(NaN);
    assert.strictEqual(player.position, 0);
});

test("a step to a message shows it on its way", () => {
    const story = new Story();
    story.goesWell("a");
    const player = playerOf(story.events, {isReplay: true});
    const seen = story.events.map(() => {
        player.step(1, true);
        return Ponte.messages(player.state, player.T).map(one =>
            `${player.event.k} ${one.shape} ${one.from}>${one.to} ${one.at}`).pop();
    });
    assert(seen.includes("send dot client>proxy 0.5"), seen.join("\n"));
    assert(seen.includes("reply square server-1>proxy 0.5"), seen.join("\n"));
});

test("a replay goes on with the clock, at its speed, and stops at the end", () => {
    const events = sample();
    const player = playerOf(events, {isReplay: true});
    assert.strictEqual(player.mode, "paused");
    player.play(2);
    player.tick(1000);
    player.tick(6000);
    assert.strictEqual(player.T, 10000);
    const due = events.findIndex(event => event.t > 10000);
    assert.deepStrictEqual(player.state, fresh(events.slice(0, due)));
    player.tick(1e7);
    assert.strictEqual(player.mode, "paused");
    assert.strictEqual(player.position, events.length);
    player.play();
    assert.strictEqual(player.position, 0);
});

test("the live page that plays an old moment comes back to live at the end", () => {
    const player = playerOf(sample());
    player.seek(5);
    player.play(1);
    player.tick(0);
    player.tick(1e7);
    player.tick(2e7);
    assert.strictEqual(player.mode, "live");
});

test("a moment is found by its time", () => {
    const events = sample();
    const player = playerOf(events, {isReplay: true});
    player.seekTime(7000);
    assert.deepStrictEqual(player.state, fresh(events.filter(event => event.t <= 7000)));
    player.seekTime(-1);
    assert.strictEqual(player.position, 0);
    player.seekTime(1e12);
    assert.strictEqual(player.position, events.length);
});

test("live, the moment runs on between events, and never back behind them", () => {
    const player = new Ponte.Player();
    player.add([{k: "x", s: 1, t: 1000}], 50);
    assert.strictEqual(player.tick(80), 1030);
    player.add([{k: "x", s: 2, t: 1010}], 100);
    assert.strictEqual(player.tick(100), 1050);
    player.add([{k: "x", s: 3, t: 2000}], 110);
    assert.strictEqual(player.tick(110), 2000);
});

test("an empty player, and one that begins anew", () => {
    const player = new Ponte.Player();
    assert.deepStrictEqual([player.begins, player.ends, player.end, player.event], [0, 0, 0, null]);
    player.step(1);
    player.play();
    player.tick(5);
    player.clear();
    player.add(sample().slice(0, 9), 0);
    assert.strictEqual(player.position, 9);
    player.clear();
    assert.deepStrictEqual(player.state, Ponte.newState());
});

/** An hour at two calls a second: the real recording again and again. */
function anHour(count) {
    const events = [];
    const base = sample();
    const lasts = base[base.length - 1].t + 100;
    for (let round = 0; events.length < count; round++) {
        for (const event of base) {
            events.push({...event, s: events.length + 1, t: event.t + round * lasts,
                         ...event.id && {id: `${event.id} ${round}`}});
        }
    }
    events.length = count;
    return events;
}

test("scrubbing back over 172,000 events is quick", () => {
    const player = playerOf(anHour(172000));
    const times = [1, 2].map(back => {
        // Time of the processor: other tests run beside this one.
        const began = process.cpuUsage();
        player.seek(player.end - back);
        return process.cpuUsage(began).user / 1e3;
    });
    const best = Math.min(...times);
    console.log(`      ${best.toFixed(0)} ms, ${(best * 1000 / 172000).toFixed(2)} us an event`);
    assert(best < BOUND_MS, `${best} ms`);
});

test("of very many events the oldest are let go, and what is shown stays the same", () => {
    const events = sample();
    const player = new Ponte.Player({most: 1000});
    player.add(events.slice(0, 900), 0);
    player.add(events.slice(900), 0);
    assert.strictEqual(player.dropped, events.length - 1000);
    assert.strictEqual(player.end, events.length);
    assert.deepStrictEqual(player.state, fresh(events));
    player.seek(player.dropped + 10);
    assert.deepStrictEqual(player.state, fresh(events.slice(0, player.dropped + 10)));
    player.seek(0);
    assert.strictEqual(player.position, player.dropped);
    player.live();
    assert.deepStrictEqual(player.state, fresh(events));
});

test("what is paused is not let go under the eyes of the class", () => {
    const events = sample();
    const player = new Ponte.Player({most: 100});
    player.add(events.slice(0, 50), 0);
    player.pause();
    player.add(events.slice(50, 150), 0);
    assert(player.dropped <= 50);
    assert.deepStrictEqual(player.state, fresh(events.slice(0, 50)));
});

test("who pauses for very long is taken along, so that memory has a bound", () => {
    const events = sample();
    const player = new Ponte.Player({most: 100});
    player.add(events.slice(0, 50), 0);
    player.pause();
    for (let at = 50; at < 600; at += 50) {
        player.add(events.slice(at, at + 50), 0);
        assert(player.events.length <= 250);
    }
    assert.strictEqual(player.mode, "paused");
    assert.deepStrictEqual(player.state, fresh(events.slice(0, player.position)));
});
