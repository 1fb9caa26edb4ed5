/* The diagram of space and time: what is drawn, and that nothing collides or leaves its box. */
"use strict";

const assert = require("assert");
const {test} = require("./testing.js");
const {Ponte} = require("./page.js");
const {Story} = require("./stories.js");
const {madeUp} = require("./made_up.js");
const {randomOf} = require("./random.js");
const {sample} = require("./sample.js");

// The boxes of the diagram at 1280x720 and at 1920x1080, and one that is nearly too small.
const BOXES = [{width: 790, height: 250}, {width: 1190, height: 400}, {width: 560, height: 190}];
const LANGUAGES = ["en", "pt"];
// Made-up calls; more find more: PONTE_SEEDS=5000 node test_spacetime.js.
const SEEDS = Number(process.env.PONTE_SEEDS ?? 100);

/** About as wide as 16 px of a sans serif: wider than it, so that what fits here fits there. */
const measure = text => [...text].length * 8.6;

function layouts(call, state, boxes = BOXES) {
    return boxes.flatMap(box => LANGUAGES.map(lang => ({box, lang, picture: Ponte.layout(call, {
        ...box, lang, measure, procs: state.procs, now: state.t})})));
}

const around = ({x, y, width, height}) => ({x0: x - width / 2, x1: x + width / 2,
                                            y0: y - height / 2, y1: y + height / 2});
const meet = (one, other) => one.x0 < other.x1 - 0.01 && other.x0 < one.x1 - 0.01
    && one.y0 < other.y1 - 0.01 && other.y0 < one.y1 - 0.01;

/** Everything that must be true of any picture. */
function check({box, lang, picture}) {
    const inside = ({x0, y0, x1, y1}, what) => {
        if (!(x0 >= -0.01 && y0 >= -0.01 && x1 <= box.width + 0.01 && y1 <= box.height + 0.01)) {
            assert.fail(`${what} leaves the box: ${[x0, y0, x1, y1]} of ${box.width}x${box.height} `
                        + lang);
        }
    };
    // 1. Words: in the box, and not on each other, on a circle or on a cross.
    const words = picture.labels.map(around);
    words.forEach((word, at) => {
        inside(word, picture.labels[at].text);
        words.slice(at + 1).forEach(other => assert(!meet(word, other), "two words collide"));
        for (const {x, y, r} of picture.events) {
            assert(!meet(word, {x0: x - r, x1: x + r, y0: y - r, y1: y + r}), "a word on a circle");
        }
        for (const {x1: x, y1: y} of picture.arrows.filter(arrow => arrow.ends === "cross")) {
            assert(!meet(word, {x0: x - 5, x1: x + 5, y0: y - 5, y1: y + 5}), "a word on a cross");
        }
    });
    // 2. Circles, crosses, bars and names are in the box.
    for (const {x, y, r} of picture.events) {
        inside({x0: x - r, y0: y - r, x1: x + r, y1: y + r}, "a circle");
    }
    for (const {x0, y0, x1, y1} of picture.arrows) {
        inside({x0: Math.min(x0, x1), y0: Math.min(y0, y1), x1: Math.max(x0, x1) + 5,
                y1: Math.max(y0, y1)}, "an arrow");
    }
    for (const {x, y, width, height} of picture.bars) {
        inside({x0: x, x1: x + width, y0: y - height / 2, y1: y + height / 2}, "a bar");
    }
    for (const {text, textX, y, x0, x1, dead, frozen} of picture.lines) {
        inside({x0: textX - measure(text), x1: textX, y0: y - 8, y1: y + 8}, `the name ${text}`);
        for (const stretch of [...dead, ...frozen]) {
            assert(stretch.x0 >= x0 - 0.01 && stretch.x1 <= x1 + 0.01 && stretch.x0 < stretch.x1);
        }
    }
    // 3. Circles of one line do not collide, and stand in the order of their numbers.
    const lines = new Map(picture.lines.map(line => [line.who, []]));
    picture.events.forEach(event => lines.get(event.who).push(event));
    for (const row of lines.values()) {
        row.sort((one, other) => one.x - other.x);
        row.slice(1).forEach((event, at) => {
            assert(event.x - row[at].x >= event.r + row[at].r - 0.01, "two circles collide");
            assert(!event.n || !row[at].n || event.n > row[at].n, "numbers out of order");
        });
    }
    // 4. An arrow leads to the right.
    for (const {x0, x1} of picture.arrows) {
        assert(x1 > x0 - 0.01, "an arrow leads back in time");
    }
    // 5. Rows of times do not collide, and no time stands below twice.
    const below = picture.ticks.map(tick => tick.text);
    assert.strictEqual(new Set(below).size, below.length, "the same time twice");
    for (const row of [picture.ticks, picture.gaps.filter(gap => gap.text)]) {
        const texts = row.map(({text, textX}) => ({x0: textX - measure(text) / 2,
                                                   x1: textX + measure(text) / 2, y0: 0, y1: 1}));
        texts.forEach((one, at) => {
            assert(one.x0 >= -0.01 && one.x1 <= box.width + 0.01, "a time leaves the box");
            texts.slice(at + 1).forEach(other => assert(!meet(one, other), "two times collide"));
        });
    }
    assert(!JSON.stringify(picture).includes("null"), "a number that is none");
}

function checkAll(call, state) {
    layouts(call, state).forEach(check);
}

test("any made-up call is drawn without a collision, in its box", () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
        const state = madeUp(randomOf(seed), seed % 10 === 0 ? 60 : 9).state();
        for (const call of state.calls.values()) {
            try {
                checkAll(call, state);
            } catch (error) {
                error.message += ` (seed ${seed})`;
                throw error;
            }
        }
    }
});

test("every call of a real recording is drawn without a collision, in its box", () => {
    const state = sample().reduce(Ponte.fold, Ponte.newState());
    for (const call of state.calls.values()) {
        // Most are the same: a call through the proxy that goes well.
        const all = layouts(call, state, call.hops.length === 2 ? BOXES.slice(0, 1) : BOXES);
        all.forEach(check);
        for (const {box, picture} of all) {
            assert(picture.omitted === 0 || box === BOXES[2]);
        }
    }
});

test("while a real call is under way, it can be drawn at each of its events", () => {
    const state = Ponte.newState();
    for (const event of sample().slice(0, 700)) {
        Ponte.fold(state, event);
        const call = state.calls.get(event.id);
        if (call) {
            check(layouts(call, state, BOXES.slice(0, 1))[0]);
        }
    }
});

function kinds(story, id = "a") {
    const state = story.state();
    checkAll(state.calls.get(id), state);
    const {picture} = layouts(state.calls.get(id), state)[2];
    return {arrows: picture.arrows.map(arrow => arrow.kind),
            bars: picture.bars.map(bar => bar.kind), 
            words: picture.labels.map(label => label.text), picture};
}

test("a call that goes well: four arrows, eight events in happened-before order, one run", () => {
    const story = new Story().cast();
    story.goesWell("a");
    const {arrows, bars, words, picture} = kinds(story);
    assert.deepStrictEqual(arrows, ["ask", "answered", "ask", "answered"]);
    assert.deepStrictEqual(picture.events.map(event => event.n), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert.deepStrictEqual(bars, ["run"]);
    assert.deepStrictEqual(words, ["runs"]);
});

test("events that know nothing of each other may have the same number", () => {
    const story = new Story().cast();
    story.call("a");
    const [one, other] = ["server-1", "server-2"].map(to => story.send("a", "client", to));
    [story.recv(other, "server-2"), story.recv(one, "server-1")].forEach(got => story.reply(got));
    const {picture} = kinds(story);
    const numbers = who => picture.events.filter(event => event.who === who).map(event => event.n);
    assert.deepStrictEqual(numbers("client"), [1, 2]);
    assert.deepStrictEqual(numbers("server-1"), [2, 3]);
    assert.deepStrictEqual(numbers("server-2"), [3, 4]);
});

test("a clock that contradicts the messages does not turn an arrow round", () => {
    const story = new Story().cast();
    story.call("a");
    const sent = story.send("a", "client", "server-1");
    const got = story.recv(sent, "server-1", -30);
    story.reply(got);
    story.t += 40;
    story.settle(sent);
    kinds(story);
});

test("a refused attempt ends with a cross, and the lifeline of the dead is dotted", () => {
    const story = new Story().cast();
    story.proc("server-1", "server", "killed");
    story.call("a");
    const first = story.send("a", "client", "server-1");
    story.settle(first, "not sent", "connection refused");
    const second = story.send("a", "client", "server-2");
    story.reply(story.recv(second, "server-2"));
    story.settle(second);
    const {arrows, words, picture} = kinds(story);
    assert.deepStrictEqual(arrows, ["refused", "ask", "answered"]);
    assert(words.includes("refused"));
    assert.strictEqual(picture.lines.find(line => line.who === "server-1").dead.length, 1);
    assert.strictEqual(picture.lines.find(line => line.who === "server-2").dead.length, 0);
});

test("a line is dotted to its end while its process is dead, and later lives are not drawn", () => {
    const story = new Story().cast();
    story.proc("server-1", "server", "killed");
    story.goesWell("a", "server-2");
    story.proc("server-2", "server", "frozen");
    story.t += 500;
    story.proc("server-1", "server", "up");
    const {picture} = kinds(story);
    const line = who => picture.lines.find(one => one.who === who);
    const [{x0, x1}] = line("server-1").dead;
    assert.deepStrictEqual([x0, x1], [line("server-1").x0, line("server-1").x1]);
    assert.deepStrictEqual(line("server-2").frozen, []);
});

test("a word takes the free place that the fewest lines cross", () => {
    const places = new Ponte.LabelPlaces({x0: 0, y0: 0, x1: 100, y1: 100}, () => 10, 10);
    places.avoid(0, 20, 100, 20);
    places.block(40, 40, 60, 60);
    places.place({text: "a"}, [{x: 50, y: 50}, {x: 2, y: 80}, {x: 50, y: 20}, {x: 50, y: 80}]);
    places.place({text: "b"}, [{x: 50, y: 50}]);
    assert.deepStrictEqual(places.placed.map(({x, y}) => [x, y]), [[50, 80]]);
    assert.deepStrictEqual(places.leftOut.map(label => label.text), ["b"]);
});

test("a lost reply ends with a cross on its way; the repeat is answered from memory", () => {
    const story = new Story().cast();
    story.call("a");
    const first = story.send("a", "client", "server-1");
    const got = story.recv(first, "server-1");
    story.run(got);
    story.reply(got);
    story.tell("laboratory", "lost", {who: "server-1", what: "reply"});
    story.settle(first, "unknown", "connection closed");
    const second = story.send("a", "client", "server-1", "repeat");
    const again = story.recv(second, "server-1");
    story.memo(again);
    story.reply(again);
    story.settle(second);
    const {arrows, bars, words} = kinds(story);
    assert.deepStrictEqual(arrows, ["ask", "lost", "ask", "answered"]);
    assert.deepStrictEqual(bars, ["run", "memory"]);
    for (const word of ["lost", "runs", "memory", "repeat"]) {
        assert(words.includes(word), `${word} is not among ${words}`);
    }
});

test("after a thaw: the late arrows, nobody waits, one run, and the frozen stretch", () => {
    const story = thaw();
    const {arrows, bars, words, picture} = kinds(story);
    assert.deepStrictEqual(arrows, ["late", "nobody waits", "late", "nobody waits"]);
    assert.deepStrictEqual(bars, ["run", "memory"]);
    for (const word of ["late", "nobody waits", "runs", "memory"]) {
        assert(words.includes(word), `${word} is not among ${words}`);
    }
    assert.strictEqual(picture.lines.find(line => line.who === "server-1").frozen.length, 1);
    assert(picture.gaps.length >= 1);
    assert(picture.gaps.every(gap => gap.width > picture.r / 2));
    assert(picture.gaps.some(gap => gap.text));
});

function thaw() {
    const story = new Story().cast();
    story.proc("server-1", "server", "frozen");
    story.call("a");
    const first = story.send("a", "client", "server-1");
    story.settle(first, "unknown", "reply: timed out", 600);
    const second = story.send("a", "client", "server-1", "repeat");
    story.settle(second, "unknown", "reply: timed out", 500);
    story.done("a", "unknown");
    story.proc("server-1", "server", "up");
    story.t += 3000;
    const got = story.recv(first, "server-1");
    story.run(got);
    story.reply(got);
    const again = story.recv(second, "server-1");
    story.memo(again);
    story.reply(again);
    return story;
}

test("a 504 that the caller got is no lost reply", () => {
    const story = new Story().cast();
    story.call("a");
    const sent = story.send("a", "client", "proxy");
    const got = story.recv(sent, "proxy");
    story.reply(got, 504, "unknown outcome: reply: timed out");
    story.settle(sent, "unknown", "HTTP 504 unknown outcome: reply: timed out");
    assert.deepStrictEqual(kinds(story).arrows, ["ask", "unknown"]);
});

test("a server that tells nothing is drawn by the word of the proxy", () => {
    const story = new Story().cast(0);
    story.call("a");
    const sent = story.send("a", "proxy", "ana");
    story.settle(sent);
    const {arrows, picture} = kinds(story);
    assert.deepStrictEqual(arrows, ["ask", "answered"]);
    assert(picture.arrows.every(arrow => arrow.told));
    assert(picture.lines.find(line => line.who === "ana").told);
    assert(!picture.lines.find(line => line.who === "proxy").told);
});

test("a call of a stranger has a line for the stranger", () => {
    const story = new Story().cast(1);
    const got = story.tell("server-1", "recv", {id: "a", kind: "plain"});
    story.run(got);
    story.reply(got);
    const {picture} = kinds(story);
    assert.strictEqual(picture.lines[0].who, "");
    assert.strictEqual(picture.lines[0].text, "a stranger");
});

test("of many processes, those are drawn that took part; of few, all that live", () => {
    const names = (servers, id = "a") => {
        const story = new Story().cast(servers);
        story.goesWell(id);
        return kinds(story).picture.lines.map(line => line.who);
    };
    assert.deepStrictEqual(names(3), ["client", "proxy", "server-1", "server-2", "server-3"]);
    assert.deepStrictEqual(names(8), ["client", "proxy", "server-1"]);
});

test("of very many messages the first and the last are drawn, and how many are left out", () => {
    const story = new Story().cast(1);
    story.call("a");
    for (let at = 0; at < 60; at++) {
        story.reply(story.recv(story.send("a", "client", "server-1"), "server-1"));
    }
    const {picture} = kinds(story);
    assert(picture.omitted > 20 && picture.events.length > 10);
    assert.strictEqual(picture.arrows.length, 2 * (60 - picture.omitted));
});

test("the longest name is cut, never the diagram", () => {
    const story = new Story().cast(1);
    story.call("a");
    story.settle(story.send("a", "client", "x".repeat(200)));
    const {picture} = kinds(story);
    assert(picture.lines.some(line => line.text.endsWith("…")));
});

test("times are read as people write them", () => {
    assert.deepStrictEqual([0.04, 3.21, 24.4, 999, 1250, 61000].map(ms => Ponte.time(ms, "en")),
                           ["0.0 ms", "3.2 ms", "24 ms", "999 ms", "1.25 s", "61.0 s"]);
    assert.strictEqual(Ponte.time(1250, "pt"), "1,25 s");
});
