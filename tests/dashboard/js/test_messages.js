/* What moves on the topology: dots, squares, hearts, crosses; slow enough for an eye. */
"use strict";

const assert = require("assert");
const {test} = require("./testing.js");
const {Ponte} = require("./page.js");
const {Story} = require("./stories.js");
const {madeUp} = require("./made_up.js");
const {randomOf} = require("./random.js");
const {sample} = require("./sample.js");

const STRETCH = Ponte.STRETCH_MS;

/** What is seen of the calls, moment after moment: "dot client>proxy". */
function film(state, until = state.t + 8000, step = 50) {
    const seen = [];
    for (let T = 0; T <= until; T += step) {
        for (const {shape, from, to, word, id} of Ponte.messages(state, T)) {
            const frame = `${shape} ${from}>${to}${word ? ` ${word}` : ""}`;
            if (id && seen[seen.length - 1] !== frame) {
                seen.push(frame);
            }
        }
    }
    return seen;
}

test("a call of two milliseconds is seen: dots there, squares back, one after another", () => {
    const story = new Story();
    story.goesWell("a");
    const state = story.state();
    assert.deepStrictEqual(film(state), ["dot client>proxy", "dot proxy>server-1",
                                         "square server-1>proxy", "square proxy>client"]);
    const legs = Ponte.legs(state.calls.get("a"));
    assert(legs.every(leg => leg.t1 - leg.t0 >= STRETCH));
    legs.slice(1).forEach((leg, at) => assert(leg.t0 >= legs[at].t1, "two hops at once"));
});

test("nothing is shown before it happened", () => {
    for (let seed = 1; seed <= 100; seed++) {
        for (const call of madeUp(randomOf(seed)).state().calls.values()) {
            for (const {hop, isReply, t0, t1} of Ponte.legs(call)) {
                assert(t0 >= (isReply ? hop.replyT : hop.t0));
                assert(isReply || t1 === null || t1 >= hop.recvT);
            }
        }
    }
});

test("a message has its number and its colour, and moves from 0 to 1", () => {
    const story = new Story();
    story.goesWell("a");
    const state = story.state();
    const [{t0}] = Ponte.legs(state.calls.get("a"));
    const at = share => Ponte.messages(state, t0 + share * STRETCH)[0];
    assert.deepStrictEqual([0, 0.25, 0.5].map(share => at(share).at), [0, 0.25, 0.5]);
    const {number, tone, shape, key} = at(0.5);
    assert.deepStrictEqual([number, tone, shape], [1, "ask", "dot"]);
    assert.strictEqual(key, at(0).key);
});

test("a refused attempt ends with a cross before its target, and the next one follows", () => {
    const story = new Story();
    story.call("a");
    story.settle(story.send("a", "client", "server-1"), "not sent", "refused");
    const sent = story.send("a", "client", "server-2");
    story.reply(story.recv(sent, "server-2"));
    story.settle(sent);
    const frames = film(story.state());
    assert.deepStrictEqual(frames.slice(0, 2), ["dot client>server-1",
                                                "cross client>server-1 refused"]);
    assert(frames.includes("dot client>server-2") && frames.includes("square server-2>client"));
});

test("a lost reply ends with a cross half-way, and a late one where nobody waits", () => {
    const story = new Story();
    story.call("a");
    const sent = story.send("a", "client", "server-1");
    const got = story.recv(sent, "server-1");
    story.reply(got);
    story.tell("laboratory", "lost", {who: "server-1", what: "reply"});
    story.settle(sent, "unknown", "closed");
    assert.deepStrictEqual(film(story.state()), ["dot client>server-1", "square server-1>client",
                                                 "cross server-1>client lost"]);
    const other = new Story();
    other.call("a");
    const late = other.send("a", "client", "server-1");
    other.settle(late, "unknown", "timed out", 900);
    other.reply(other.recv(late, "server-1", 3000));
    const frames = film(other.state());
    assert.strictEqual(frames[frames.length - 1], "cross server-1>client nobody waits");
});

test("what comes late is shown, however long after its call", () => {
    const story = new Story();
    story.call("a");
    const sent = story.send("a", "client", "server-1");
    story.settle(sent, "unknown", "timed out", 900);
    story.done("a", "unknown");
    story.reply(story.recv(sent, "server-1", 60000));
    const shapes = Ponte.messages(story.state(), story.t + 100).map(one => one.shape);
    assert(shapes.includes("square"), shapes.join());
});

test("a request waits before a frozen process, also when its caller has given up", () => {
    const story = new Story();
    story.proc("server-1", "server", "frozen");
    story.call("a");
    const sent = story.send("a", "client", "server-1");
    const waits = () => Ponte.messages(story.state(), story.t + 2000).filter(one => one.at === 1);
    assert.deepStrictEqual(waits().map(one => one.tone), ["ask"]);
    story.settle(sent, "unknown", "timed out", 900);
    assert.deepStrictEqual(waits().map(one => [one.tone, one.word]), [["unknown", "late"]]);
    story.proc("server-1", "server", "killed");
    assert.deepStrictEqual(waits(), []);
});

test("hearts go to the registry whose address the beat names", () => {
    const story = new Story();
    story.proc("registry", "registry", "up", {port: 4001});
    story.proc("registry-2", "registry", "up", {port: 4002});
    story.tell("server-1", "beat", {seq: 1, state: "up", to: "127.0.0.1:4002"});
    const hearts = Ponte.messages(story.state(), story.t + STRETCH / 2);
    assert.deepStrictEqual(hearts.map(({shape, from, to, at}) => [shape, from, to, at]),
                           [["heart", "server-1", "registry-2", 0.5]]);
});

test("the address of a registry is learned from the beat that it took", () => {
    const story = new Story().cast(1, ["proxy"], ["registry", "registry-2"]);
    const at = new Map(story.state().registryAt);
    for (const name of ["registry", "registry-2"]) {
        assert.strictEqual(at.get(`127.0.0.1:${story.life(name)}`), name);
    }
});

test("a beat to a registry that is dead ends with a cross", () => {
    const story = new Story();
    story.proc("registry", "registry", "up", {port: 4001});
    story.proc("registry", "registry", "killed", {port: 4001});
    story.tell("server-1", "beat", {seq: 1, state: "up", to: "127.0.0.1:4001"});
    const shapes = T => Ponte.messages(story.state(), story.t + T).map(one => one.shape);
    assert.deepStrictEqual([shapes(100), shapes(STRETCH + 100), shapes(5000)],
                           [["heart"], ["cross"], []]);
});

test("in a flood, at most a bound of messages, and the newest ones", () => {
    const story = new Story();
    for (let at = 0; at < 500; at++) {
        story.call(`${at}`);
        story.send(`${at}`, "client", "server-1");
    }
    const found = Ponte.messages(story.state(), story.t + 100);
    assert.strictEqual(found.length, 80);
    assert.strictEqual(found[found.length - 1].number, 500);
    for (let at = 0; at < 200; at++) {
        story.send("499", "client", "server-1");
    }
    assert(Ponte.messages(story.state(), story.t + 100).length <= 80);
});

test("messages of a real recording: each at 0 to 1, each key once, at any moment", () => {
    const state = sample().reduce(Ponte.fold, Ponte.newState());
    for (let T = 0; T < state.t + 3000; T += 170) {
        const found = Ponte.messages(state, T);
        assert(found.every(one => one.at >= 0 && one.at <= 1 && one.from && one.to));
        assert.strictEqual(new Set(found.map(one => one.key)).size, found.length);
    }
});
