/* What rule R decided, in words: each path has its sentence, in both languages. */
"use strict";

const assert = require("assert");
const {test} = require("./testing.js");
const {Ponte} = require("./page.js");
const {Story} = require("./stories.js");
const {sample} = require("./sample.js");

/** The keys of the sentence about a call that `tell` tells. */
function told(tell, outcome, {idem = false, by = ""} = {}) {
    const story = new Story().cast();
    story.call("a", idem ? "hello" : "buy", idem);
    tell(story);
    if (outcome) {
        story.done("a", outcome, by);
    }
    const call = story.state().calls.get("a");
    for (const lang of ["en", "pt"]) {
        assert(!/[{}]|explain\./.test(Ponte.explain(call, lang)), Ponte.explain(call, lang));
    }
    return Ponte.explanation(call).map(({key}) => key.replace("explain.", ""));
}

/** An attempt from the client: what becomes of it. */
function attempt(story, to, outcome, kind = "original", work = "") {
    const sent = story.send("a", "client", to, kind);
    if (outcome !== "refused") {
        const got = story.recv(sent, to);
        if (work) {
            work === "run" ? story.run(got) : story.memo(got, work);
        }
        if (outcome !== "unknown") {
            story.reply(got, outcome === "declined" ? 503 : 200);
        }
    }
    story.settle(sent, {refused: "not sent", declined: "not sent"}[outcome] ?? outcome);
    return sent;
}

test("one attempt, answered", () => {
    assert.deepStrictEqual(told(story => attempt(story, "server-1", "answered"), "answered",
                                {by: "server-1"}), ["one"]);
});

test("not sent, then another", () => {
    assert.deepStrictEqual(told(story => {
        attempt(story, "server-1", "refused");
        attempt(story, "server-2", "declined");
        attempt(story, "server-3", "answered");
    }, "answered", {by: "server-3"}), ["refused", "declined", "then.answered"]);
});

test("unknown and idempotent: another is asked, or the only one again", () => {
    const kind = "idempotent";
    assert.deepStrictEqual(told(story => {
        attempt(story, "server-1", "unknown", kind);
        attempt(story, "server-2", "answered", kind);
    }, "answered", {idem: true, by: "server-2"}), ["unknown.idempotent", "then.answered"]);
    assert.deepStrictEqual(told(story => {
        attempt(story, "server-1", "unknown", kind);
        attempt(story, "server-1", "answered", kind);
    }, "answered", {idem: true, by: "server-1"}), ["unknown.alone", "then.answered"]);
});

test("unknown and to run once: only there again, and what that found", () => {
    for (const [work, end] of [["reply", "then.memory"], ["wait", "then.waited"],
                               ["run", "then.ran"]]) {
        assert.deepStrictEqual(told(story => {
            attempt(story, "server-1", "unknown");
            attempt(story, "server-1", "answered", "repeat", work);
        }, "answered", {by: "server-1"}), ["unknown.once", end]);
    }
});

test("a server that remembers nothing is asked once", () => {
    assert.deepStrictEqual(told(story => attempt(story, "server-1", "unknown", "plain"), "unknown"),
                           ["unknown.plain", "end.unknown"]);
});

test("the ends: fault, not sent, nobody known, unknown", () => {
    assert.deepStrictEqual(told(story => attempt(story, "server-1", "answered"), "fault",
                                {by: "server-1"}), ["fault"]);
    assert.deepStrictEqual(told(story => {
        attempt(story, "server-1", "refused");
        attempt(story, "server-2", "refused");
    }, "not sent"), ["notSent"]);
    assert.deepStrictEqual(told(() => {}, "not sent"), ["nobody"]);
    assert.deepStrictEqual(told(story => attempt(story, "server-1", "unknown"), "unknown"),
                           ["unknown.once", "end.unknown"]);
    assert.deepStrictEqual(told(story => attempt(story, "server-1", "unknown", "idempotent"),
                                "unknown", {idem: true}), ["unknown.alone", "end.idempotent"]);
});

test("under way: begun, or waiting for somebody", () => {
    assert.deepStrictEqual(told(() => {}), ["begun"]);
    assert.deepStrictEqual(told(story => story.send("a", "client", "server-1")), ["waits"]);
});

test("a repeat that is refused says nothing of the first attempt", () => {
    assert.deepStrictEqual(told(story => {
        attempt(story, "server-1", "unknown");
        attempt(story, "server-1", "refused", "repeat");
    }, "unknown"), ["unknown.once", "again.refused", "end.unknown"]);
});

test("a request for a session that works is not told of; one that fails is", () => {
    assert.deepStrictEqual(told(story => {
        const opening = story.send("a", "client", "server-1", "opening");
        story.reply(story.recv(opening, "server-1"), 503);
        story.settle(opening, "not sent", "gave a session");
        attempt(story, "server-1", "answered");
    }, "answered", {by: "server-1"}), ["one"]);
    assert.deepStrictEqual(told(story => {
        attempt(story, "server-1", "refused", "opening");
        attempt(story, "server-2", "unknown", "opening");
        attempt(story, "server-3", "answered");
    }, "answered", {by: "server-3"}), ["refused", "opening", "then.answered"]);
});

test("what came late, and what resolve was told", () => {
    const late = status => story => {
        const sent = story.send("a", "client", "server-1");
        story.settle(sent, "unknown", "timed out");
        story.done("a", "unknown");
        const got = story.recv(sent, "server-1");
        if (status === 200) {
            story.run(got);
        }
        story.reply(got, status);
    };
    const begin = ["unknown.once", "end.unknown"];
    assert.deepStrictEqual(told(late(200)), [...begin, "late.ran"]);
    assert.deepStrictEqual(told(late(503)), [...begin, "late.refused"]);
    for (const outcome of ["answered", "fault", "not sent", "unknown"]) {
        assert.deepStrictEqual(told(story => {
            attempt(story, "server-1", "unknown");
            story.done("a", "unknown");
            story.tell("client", "resolving", {id: "a"});
            story.tell("client", "resolved", {id: "a", outcome});
        }), [...begin, `resolved.${outcome}`]);
    }
});

test("a picture that lacks events says so", () => {
    assert.deepStrictEqual(told(story => {
        story.tell("proxy", "gap", {lost: 2});
        attempt(story, "server-1", "answered");
    }, "answered", {by: "server-1"}), ["one", "gap"]);
});

test("the way of a call: who was asked, and what each came to", () => {
    const story = new Story().cast();
    story.call("a");
    attempt(story, "server-1", "refused");
    attempt(story, "server-2", "unknown");
    attempt(story, "server-2", "unknown", "repeat");
    attempt(story, "server-3", "answered");
    story.send("a", "client", "server-1");
    const way = Ponte.way(story.state().calls.get("a"));
    assert.strictEqual(way.map(({who, mark}) => `${who} ${mark}`).join(" › "),
                       "server-1 ✕ › server-2 ? › server-3 ✓ › server-1 …");
});

test("every call of a real recording has a whole sentence in both languages", () => {
    const state = sample().reduce(Ponte.fold, Ponte.newState());
    for (const call of state.calls.values()) {
        for (const lang of ["en", "pt"]) {
            const sentence = Ponte.explain(call, lang);
            assert(/^[^{}]+\.$/.test(sentence) && !sentence.includes("explain."), sentence);
        }
    }
});
