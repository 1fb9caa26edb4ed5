/* What a story shows is decided by the state alone: live, stepped back, and from a file. */
"use strict";

const assert = require("assert");
const {test} = require("./testing.js");
const {Ponte} = require("./page.js");

const both = text => ({en: text, pt: `${text} pt`});
const told = (what, fields = {}) => ({k: "story", p: "page", what, ...fields});
const vote = (counts, open) => ({k: "vote", p: "page", counts, voters: 0, open});
const QUESTION = told("question", {step: 1, of: 2, title: both("T"), question: both("Q?"),
                                   answers: ["a", "b", "c", "d"].map(both)});
const PROOF = told("proof", {passed: true, right: 1, proves: both("P"),
                             checks: [{holds: true, text: both("C")}]});
const STEP = [QUESTION, told("open"), vote([0, 0, 0, 0], true), vote([1, 2, 0, 0], true),
              vote([1, 2, 0, 0], false), told("close"), told("fault"),
              told("line", {at: 0.5, text: both("L"), style: ""}), PROOF];
const BEGIN = told("begin", {kind: "demo", of: 2, title: both("Story")});

/** The state after the events, each of them folded. */
function stateOf(events) {
    const state = Ponte.newState();
    events.forEach((event, index) => Ponte.fold(state, {i: 1, t: index, s: index + 1, ...event}));
    return state;
}

test("each moment of a step has its scene", () => {
    const scenes = [BEGIN, ...STEP].map((event, index, all) =>
        Ponte.storyScene(stateOf(all.slice(0, index + 1))).scene);
    assert.deepStrictEqual(scenes, ["start", "question", "question", "question", "question",
                                    "question", "question", "run", "run", "proof"]);
    assert.strictEqual(Ponte.storyScene(stateOf([])).scene, "none");
});

test("the right answer is in no state before the proof", () => {
    for (let length = 1; length < STEP.length; length++) {
        const {story} = Ponte.storyScene(stateOf([BEGIN, ...STEP.slice(0, length)]));
        assert.strictEqual(story.right, null);
        assert.deepStrictEqual(story.checks, []);
    }
    const {story, votes} = Ponte.storyScene(stateOf([BEGIN, ...STEP]));
    assert.deepStrictEqual([story.right, story.checks.length, votes.counts], [1, 1, [1, 2, 0, 0]]);
});

test("the next question begins anew, and its scene has another key", () => {
    const first = Ponte.storyScene(stateOf([BEGIN, QUESTION]));
    const second = Ponte.storyScene(stateOf([BEGIN, ...STEP, {...QUESTION, step: 2}]));
    assert.notStrictEqual(first.key, second.key);
    assert.deepStrictEqual([second.story.right, second.votes.counts, second.votes.open],
        [null, [0, 0, 0, 0], false]);
});

test("a story that is over says what was proved, and one that was ended says nothing", () => {
    const results = [{step: 1, proves: both("P"), what: "passed"}];
    const sceneOf = fields => Ponte.storyScene(stateOf([BEGIN, ...STEP, told("end", fields)])).scene;
    assert.strictEqual(sceneOf({ended: "finished", results}), "end");
    assert.strictEqual(sceneOf({ended: "stopped", results}), "none");
    assert.strictEqual(sceneOf({ended: "finished", results: []}), "none");
    assert.strictEqual(sceneOf({ended: "failed", results: [], text: both("why")}), "end");
});

test("a bar shows an answer's part of all votes", () => {
    assert.deepStrictEqual([0, 1, 2, 3].map(answer => Ponte.storyShare([1, 3, 0, 0], answer)),
        [0.25, 0.75, 0, 0]);
    assert.strictEqual(Ponte.storyShare([0, 0, 0, 0], 2), 0);
});

test("a question can be asked of processes that are up, with faults that make sense now", () => {
    const proc = (who, role, state, can) => ({k: "proc", p: "laboratory", who, role, state, pid: 7,
                                              port: 1, service: "kiosk", can});
    const choices = Ponte.storyChoices(stateOf([
        proc("registry", "registry", "up", ["kill", "freeze"]),
        proc("server-1", "server", "up", ["kill", "drain", "lose reply", "cut", "slow"]),
        proc("server-2", "server", "killed", ["start"]), proc("client", "client", "up", ["kill"]),
    ]));
    assert.deepStrictEqual(choices, [
        {who: "server-1", faults: ["kill", "drain", "lose reply", "cut", "slow"]},
        {who: "registry", faults: ["kill", "freeze"]},
        {who: Ponte.EVERYTHING, faults: ["kill"]}]);
    assert.deepStrictEqual(Ponte.storyChoices(stateOf([])), []);
});
