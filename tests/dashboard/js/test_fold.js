/* The fold: the traps that a study of the page met, each as a story; and events of any shape. */
"use strict";

const assert = require("assert");
const {test} = require("./testing.js");
const {Ponte} = require("./page.js");
const {Story} = require("./stories.js");
const {madeUp} = require("./made_up.js");
const {randomOf} = require("./random.js");
const {sample} = require("./sample.js");

const hopsOf = (story, id = "a") => story.state().calls.get(id).hops;

test("a call that goes well: numbers, way, counters, who ran it", () => {
    const story = new Story().cast();
    story.goesWell("a", "server-2");
    story.goesWell("b", "server-1", "hello");
    const state = story.state();
    const call = state.calls.get("a");
    assert.deepStrictEqual([call.number, state.calls.get("b").number], [1, 2]);
    assert.deepStrictEqual([call.method, call.idem, call.caller], ["buy", false, "client"]);
    assert.deepStrictEqual([call.outcome, call.by], ["answered", "server-2"]);
    assert.deepStrictEqual(call.hops.map(hop => [hop.from, hop.at, hop.outcome, hop.lost]),
        [["client", "proxy", "answered", ""], ["proxy", "server-2", "answered", ""]]);
    assert.strictEqual(state.procs.get("server-2").ran, 1);
    assert.deepStrictEqual(state.order, ["a", "b"]);
    assert.strictEqual(state.open.size, 0);
    assert.deepStrictEqual({...state.counters}, {calls: 2, answered: 2, faults: 0, more: 0,
        notSent: 0, unknown: 0, resolved: 0, untold: 0, lostEvents: 0, refusedEvents: 0});
});

test("what the kernel dropped counts as lost, also where no gap shows it; what is refused is shown",
    () => {
        const state = Ponte.newState();
        Ponte.fold(state, {k: "gap", p: "server-1", i: 7, lost: 3});
        assert.strictEqual(state.counters.lostEvents, 3);
        Ponte.fold(state, {k: "bad", p: "page", total: 5, dropped: 8, why: {"no JSON": 5}});
        assert.strictEqual(state.counters.lostEvents, 8);
        assert.strictEqual(state.counters.refusedEvents, 5);
        Ponte.fold(state, {k: "gap", p: "server-1", i: 7, lost: 6});
        assert.strictEqual(state.counters.lostEvents, 9);
    });

test("a refused attempt is one more attempt, and its target has refused it", () => {
    const story = new Story().cast();
    story.call("a");
    const first = story.send("a", "client", "proxy");
    const got = story.recv(first, "proxy");
    const refused = story.send("a", "proxy", "server-1");
    story.settle(refused, "not sent", "connection refused");
    const second = story.send("a", "proxy", "server-2");
    story.reply(story.recv(second, "server-2"));
    story.settle(second);
    story.reply(got);
    story.settle(first);
    const state = story.state();
    assert.deepStrictEqual(state.calls.get("a").hops.map(hop => hop.refused), [false, true, false]);
    assert.strictEqual(state.procs.get("server-1").refused, 1);
    assert.strictEqual(state.counters.more, 1);
});

test("a session from a server that tells nothing itself was not refused", () => {
    const story = new Story().cast();
    story.call("a");
    story.settle(story.send("a", "client", "server-1", "opening"), "not sent", "gave a session");
    const state = story.state();
    const [hop] = state.calls.get("a").hops;
    assert.deepStrictEqual([hop.refused, hop.told], [false, true]);
    assert.strictEqual(state.procs.get("server-1").refused, 0);
});

test("a call through a proxy is one attempt, and a request for a session is none", () => {
    const story = new Story().cast();
    story.call("a");
    const opening = story.send("a", "client", "proxy", "opening");
    story.reply(story.recv(opening, "proxy"), 503, "not executed: it needs a session");
    story.settle(opening, "not sent", "gave a session");
    const first = story.send("a", "client", "proxy");
    story.recv(first, "proxy");
    story.recv(story.send("a", "proxy", "server-1"), "server-1");
    assert.strictEqual(story.state().counters.more, 0);
    assert.strictEqual(story.state().calls.get("a").attempts, 1);
});

test("attempts that overlap are told apart by the number of their send", () => {
    const story = new Story().cast();
    story.call("a");
    const first = story.send("a", "client", "server-1");
    const second = story.send("a", "client", "server-2");
    story.settle(second, "answered");
    story.settle(first, "unknown");
    assert.deepStrictEqual(hopsOf(story).map(hop => hop.outcome), ["unknown", "answered"]);
});

test("works go to the request that they are about, also with several in hand", () => {
    const story = new Story().cast();
    story.call("a");
    const [first, second] = [story.send("a", "client", "server-1"),
                             story.send("a", "client", "server-1", "repeat")];
    const [one, other] = [story.recv(first, "server-1"), story.recv(second, "server-1")];
    story.run(one);
    story.memo(other, "wait");
    story.reply(other);
    story.reply(one);
    const call = story.state().calls.get("a");
    assert.deepStrictEqual(call.works.map(work => [work.kind, call.hops.indexOf(work.hop)]),
                           [["run", 0], ["memory", 1]]);
    assert(call.hops[1].replyT < call.hops[0].replyT);
});

test("without `of`, works go to the oldest request in hand", () => {
    const story = new Story().cast();
    story.call("a");
    const [first, second] = [story.send("a", "client", "server-1"),
                             story.send("a", "client", "server-1", "repeat")];
    [first, second].forEach(sent => story.recv(sent, "server-1"));
    for (const kind of ["run", "reply", "memo", "reply"]) {
        story.tell("server-1", kind, {id: "a", status: 200});
    }
    const call = story.state().calls.get("a");
    assert.deepStrictEqual(call.works.map(work => call.hops.indexOf(work.hop)), [0, 1]);
    assert(call.hops[0].replyT < call.hops[1].replyT);
});

test("after a thaw a request is late, and nobody waits for its reply", () => {
    const story = new Story().cast();
    story.proc("server-1", "server", "frozen");
    story.call("a");
    const sent = story.send("a", "client", "server-1");
    story.settle(sent, "unknown", "reply: timed out", 900);
    story.done("a", "unknown");
    assert.strictEqual(hopsOf(story)[0].lost, "request");
    const got = story.recv(sent, "server-1", 2000);
    story.run(got);
    story.reply(got);
    const [hop] = hopsOf(story);
    assert.deepStrictEqual([hop.lost, hop.nobodyWaits], ["late", true]);
    assert.deepStrictEqual(story.state().late, ["a"]);
    assert.strictEqual(story.state().counters.unknown, 1);
});

test("late is judged by the times, not by the order in which events come", () => {
    const story = new Story().cast();
    story.call("a");
    const sent = story.send("a", "client", "server-1");
    const got = story.recv(sent, "server-1");
    story.reply(got);
    story.settle(sent, "not sent");
    const [reply, settle] = story.events.splice(-2);
    story.events.push(settle, reply);
    const [hop] = hopsOf(story);
    assert.deepStrictEqual([hop.lost, hop.nobodyWaits], ["", false]);
});

test("a reply left, and its caller does not know: it was lost", () => {
    const story = new Story().cast();
    story.call("a");
    const sent = story.send("a", "client", "server-1");
    story.reply(story.recv(sent, "server-1"));
    story.settle(sent, "unknown", "connection closed");
    assert.strictEqual(hopsOf(story)[0].lost, "reply");
});

test("a 504 that the caller got is no lost reply", () => {
    for (const status of [502, 504, 410]) {
        const story = new Story().cast();
        story.call("a");
        const sent = story.send("a", "client", "proxy");
        story.reply(story.recv(sent, "proxy"), status);
        story.settle(sent, "unknown", `HTTP ${status}`);
        assert.strictEqual(hopsOf(story)[0].lost, "");
    }
});

test("a reply that was cut off was lost", () => {
    const story = new Story().cast();
    story.call("a");
    const sent = story.send("a", "client", "server-1");
    story.reply(story.recv(sent, "server-1"), 0, "cut off");
    assert.strictEqual(hopsOf(story)[0].lost, "reply");
});

test("a link that names no call means the nearest one; one that does means that one", () => {
    for (const named of [false, true]) {
        const story = new Story().cast();
        const replies = ["a", "b"].map(id => {
            story.call(id);
            const sent = story.send(id, "client", "server-1");
            story.reply(story.recv(sent, "server-1"));
            return sent;
        });
        const [sent] = replies;
        story.tell("laboratory", "lost", {who: "server-1", what: "reply",
                                          ...named && {id: "a", of: [sent.i, sent.n]}});
        const lost = ["a", "b"].map(id => hopsOf(story, id)[0].lost);
        assert.deepStrictEqual(lost, named ? ["reply", ""] : ["", "reply"]);
        assert.strictEqual(story.state().banner.key, "log.lost.reply");
    }
});

test("a link that tells of the loss before the reply is told means it all the same", () => {
    const story = new Story().cast();
    story.call("a");
    const sent = story.send("a", "client", "server-1");
    const got = story.recv(sent, "server-1");
    story.tell("laboratory", "lost", {who: "server-1", what: "reply"});
    story.reply(got);
    assert.strictEqual(hopsOf(story)[0].lost, "reply");
});

test("a process that is told brings the state of its link, also where no fault was told", () => {
    const story = new Story().cast();
    const told = (more) => {
        story.tell("laboratory", "proc", {who: "server-1", role: "server", state: "up", ...more});
        return {...story.state().procs.get("server-1").link};
    };
    assert.deepStrictEqual(told({cut: true, slow_ms: 300}), {cut: true, slowMs: 300, loses: false});
    assert.deepStrictEqual(told({}), {cut: true, slowMs: 300, loses: false});
    assert.deepStrictEqual(told({cut: false, slow_ms: 0}), {cut: false, slowMs: 0, loses: false});
});

test("a message that a cut link held is late when it arrives, and not lost if in time", () => {
    for (const gaveUp of [false, true]) {
        const story = new Story().cast();
        story.call("a");
        const sent = story.send("a", "client", "server-1");
        story.tell("laboratory", "lost", {who: "server-1", what: "request", late: true, id: "a",
                                          of: [sent.i, sent.n]});
        if (gaveUp) {
            story.settle(sent, "unknown", "timed out");
        }
        assert.strictEqual(hopsOf(story)[0].lost, "request");
        story.recv(sent, "server-1");
        assert.strictEqual(hopsOf(story)[0].lost, gaveUp ? "late" : "");
    }
});

test("a server that tells nothing: its answers are told by the proxy, silence is unheard", () => {
    const story = new Story().cast(0);
    story.call("a");
    story.settle(story.send("a", "proxy", "ana"), "answered");
    story.settle(story.send("a", "proxy", "bia"), "unknown");
    const [answered, silent] = hopsOf(story);
    assert.deepStrictEqual([answered.told, silent.told, silent.lost], [true, false, "unheard"]);
    const ana = story.state().procs.get("ana");
    assert.deepStrictEqual([ana.observed, ana.state, ana.role], [false, "unknown", "server"]);
});

test("a call that passes a process which tells nothing arrives where it arrives", () => {
    const story = new Story().cast();
    story.call("a");
    const sent = story.send("a", "client", "a-silent-proxy");
    story.recv(sent, "server-1");
    story.recv(sent, "server-2");
    assert.deepStrictEqual(hopsOf(story).map(hop => [hop.from, hop.at]),
                           [["client", "server-1"], ["client", "server-2"]]);
});

test("a call of a stranger ends with the reply that it gets", () => {
    const story = new Story().cast();
    const got = story.tell("server-1", "recv", {id: "a", kind: "plain"});
    story.run(got);
    story.reply(got);
    const call = story.state().calls.get("a");
    assert.deepStrictEqual([call.outcome, call.by, call.caller, call.method],
                           ["answered", "server-1", "", "buy"]);
});

test("two lives of one name: the new one is counted on, the old one's word changes nothing", () => {
    const story = new Story().cast();
    story.goesWell("a");
    const old = story.life("server-1");
    story.proc("server-1", "server", "killed");
    story.lives.set("server-1", 7777);
    story.proc("server-1", "server", "starting");
    story.proc("server-1", "server", "up");
    story.goesWell("b");
    story.lives.set("server-1", old);
    story.tell("server-1", "beat", {seq: 9, state: "up", to: "127.0.0.1:1"});
    const proc = story.state().procs.get("server-1");
    assert.deepStrictEqual([proc.life, proc.pid, proc.ran], [7777, 7777, 2]);
    assert.deepStrictEqual(proc.history.map(({state, life}) => [state, life]),
                           [["up", old], ["killed", old], ["starting", 7777], ["up", 7777]]);
});

test("truth beside belief: killed, and the registry says up, suspect, expired", () => {
    const story = new Story().cast();
    story.tell("laboratory", "fault", {who: "server-1", what: "kill"});
    story.proc("server-1", "server", "killed");
    const seen = () => {
        const proc = story.state().procs.get("server-1");
        return [proc.state, proc.registrySays.get("registry")];
    };
    assert.deepStrictEqual(seen(), ["killed", "up"]);
    assert.strictEqual(story.state().banner.key, "banner.kill");
    for (const what of ["suspect", "expired"]) {
        story.tell("registry", "lease", {who: "server-1", service: "kiosk", what});
        assert.deepStrictEqual(seen(), ["killed", what]);
        assert.strictEqual(story.state().banner.key, `log.lease.${what}`);
    }
    assert(!story.state().leases.get("registry").has("server-1"));
});

test("two registries believe each its own; one that dies believes nothing", () => {
    const story = new Story().cast(2, ["proxy"], ["registry", "registry-2"]);
    story.tell("registry", "lease", {who: "server-1", service: "kiosk", what: "suspect"});
    const says = () => [...story.state().procs.get("server-1").registrySays];
    assert.deepStrictEqual(says(), [["registry", "suspect"], ["registry-2", "up"]]);
    story.proc("registry", "registry", "killed");
    assert.deepStrictEqual(says(), [["registry-2", "up"]]);
    assert(!story.state().leases.has("registry"));
});

test("another life of a registry, of which no launcher tells, begins with an empty table", () => {
    const story = new Story();
    story.beat("server-1", "registry");
    story.lives.set("registry", 8888);
    story.tell("registry", "lease", {who: "server-2", service: "kiosk", what: "up"});
    assert.deepStrictEqual([...story.state().procs.get("server-1").registrySays], []);
});

test("only a beat that was accepted renews a lease", () => {
    const story = new Story().cast();
    const took = verdict => story.tell("registry", "took", {who: "server-1", service: "kiosk",
        seq: 2, verdict, lease: 2, state: "up", host: "127.0.0.1"});
    const lease = () => story.state().leases.get("registry").get("server-1");
    took("superseded");
    const {t} = lease();
    assert(t < story.t);
    assert.strictEqual(lease().verdict, "superseded");
    took("ack");
    assert.deepStrictEqual([lease().t, lease().leaseMs], [story.t, 2000]);
});

test("draining is a state of both sides, and ends with a goodbye", () => {
    const story = new Story().cast();
    story.tell("laboratory", "fault", {who: "server-1", what: "drain"});
    story.proc("server-1", "server", "draining");
    story.tell("registry", "lease", {who: "server-1", service: "kiosk", what: "draining"});
    const drains = story.state().procs.get("server-1");
    assert.strictEqual(drains.registrySays.get("registry"), "draining");
    story.tell("registry", "lease", {who: "server-1", service: "kiosk", what: "left"});
    story.proc("server-1", "server", "ended");
    const proc = story.state().procs.get("server-1");
    assert.deepStrictEqual([proc.state, proc.registrySays.get("registry")], ["ended", "left"]);
});

test("a caller that dies leaves its call open, and a server that never closes as it was", () => {
    const story = new Story().cast();
    story.call("a");
    story.recv(story.send("a", "client", "server-1"), "server-1");
    story.proc("client", "client", "killed");
    const state = story.state();
    assert.strictEqual(state.calls.get("a").outcome, null);
    assert(state.open.has("a"));
});

test("a call ends once, and a line that repeats the one before is counted", () => {
    const story = new Story().cast();
    story.call("a");
    story.done("a", "unknown");
    story.done("a", "unknown");
    for (let again = 0; again < 3; again++) {
        story.tell("laboratory", "lost", {who: "server-1", what: "request"});
    }
    const state = story.state();
    assert.strictEqual(state.counters.unknown, 1);
    assert.strictEqual(state.log[state.log.length - 1].times, 3);
});

test("whatever changes a call is counted as a change, so that it is drawn anew", () => {
    const story = new Story().cast();
    story.call("a");
    const sent = story.send("a", "client", "server-1");
    const {changes} = story.state().calls.get("a");
    assert.strictEqual(changes, 2);
    story.tell("laboratory", "lost", {who: "server-1", what: "request", id: "a",
                                      of: [sent.i, sent.n]});
    assert.strictEqual(story.state().calls.get("a").changes, changes + 1);
});

test("lost events are counted, and marked at the calls under way", () => {
    const story = new Story().cast();
    story.goesWell("a");
    story.call("b");
    story.tell("proxy", "gap", {lost: 3});
    const state = story.state();
    assert.strictEqual(state.counters.lostEvents, 3);
    assert.deepStrictEqual(["a", "b"].map(id => state.calls.get(id).gaps), [0, 3]);
});

test("what a link does is known until it is mended", () => {
    const story = new Story().cast();
    const fault = (what, more = {}) => story.tell("laboratory", "fault",
                                                  {who: "server-1", what, ...more});
    const link = () => ({...story.state().procs.get("server-1").link});
    fault("slow", {ms: 400});
    fault("cut");
    fault("lose reply");
    assert.deepStrictEqual(link(), {cut: true, slowMs: 400, loses: true});
    fault("mend");
    assert.deepStrictEqual(link(), {cut: false, slowMs: 0, loses: true});
});

test("an outcome that is resolved stays unknown, and says what was learned", () => {
    const story = new Story().cast();
    story.call("a");
    story.done("a", "unknown");
    story.tell("client", "resolving", {id: "a"});
    story.tell("client", "resolved", {id: "a", outcome: "not sent"});
    const state = story.state();
    assert.deepStrictEqual([state.calls.get("a").outcome, state.calls.get("a").resolved.outcome],
                           ["unknown", "not sent"]);
    assert.deepStrictEqual([state.counters.unknown, state.counters.resolved], [1, 1]);
});

test("a question of a story begins anew, and a vote is the latest one", () => {
    const story = new Story();
    const tell = (what, more) => story.tell("page", "story", {what, ...more});
    tell("begin", {of: 9, kind: "demo"});
    tell("question", {step: 1, question: {en: "How often?"}, answers: [1, 2, 3, 4]});
    tell("line", {at: 0.1, text: {en: "one"}});
    story.tell("page", "vote", {counts: [1, 0, 2, 0], voters: 3, open: true});
    tell("proof", {passed: true, checks: [{holds: true}], right: 1});
    let state = story.state();
    assert.deepStrictEqual([state.story.phase, state.story.of, state.story.lines.length,
                            state.story.right, state.votes.voters], ["proof", 9, 1, 1, 3]);
    tell("question", {step: 2});
    state = story.state();
    assert.deepStrictEqual([state.story.step, state.story.lines, state.story.checks,
                            state.story.right, state.votes.voters], [2, [], [], null, 0]);
});

test("a process that is to be forgotten is marked, until it is told again", () => {
    const story = new Story().cast(1);
    story.proc("server-1", "server", "gone", {forget: true});
    assert(story.state().procs.get("server-1").forgotten);
    story.proc("server-1", "server", "starting");
    assert(!story.state().procs.get("server-1").forgotten);
});

test("events of any kind, with any fields or none, never throw", () => {
    const random = randomOf(17);
    const kinds = [...new Set(sample().map(event => event.k)), "vote", "story", "exposed", "gap",
                   "bad", "recording", "new", "__proto__", "constructor", "", 7, null];
    const fields = ["s", "t", "p", "i", "n", "id", "of", "to", "who", "what", "role", "state",
                    "pid", "kind", "outcome", "status", "seq", "lease", "verdict", "counts", "list",
                    "can", "lost", "why", "method", "service", "text", "link", "idem", "untold"];
    const values = [undefined, null, 0, -1, 1e99, NaN, "", "server-1", "__proto__", [], [1], [1, 2],
                    {}, {en: "x"}, true, "a", ["a", {}], "up", "reply"];
    const state = Ponte.newState();
    for (let round = 0; round < 20000; round++) {
        const event = {k: random.pick(kinds)};
        for (let left = random.below(12); left > 0; left--) {
            event[random.pick(fields)] = random.pick(values);
        }
        Ponte.fold(state, event);
    }
    [null, undefined, 7, "x", []].forEach(event => Ponte.fold(state, event));
    assert.strictEqual({}.polluted, undefined);
    Ponte.messages(state, state.t);
});

test("made-up calls never throw, in any order", () => {
    for (let seed = 1; seed <= 200; seed++) {
        const state = madeUp(randomOf(seed)).state();
        for (const call of state.calls.values()) {
            assert(Ponte.explain(call, "en"));
            assert(Array.isArray(Ponte.way(call)));
        }
    }
});

test("a flood leaves a bound of calls, of lines, and of events of one call", () => {
    const keep = {...Ponte.KEEP};
    Ponte.KEEP.calls = 100;
    try {
        const story = new Story();
        for (let at = 0; at < 300; at++) {
            story.call(`id ${at}`);
        }
        for (let at = 0; at < keep.eventsOfACall + 50; at++) {
            story.send("id 299", "client", "server-1");
        }
        const state = story.state();
        assert(state.calls.size <= 110 && state.order.length === state.calls.size);
        assert(state.open.size <= 110);
        assert.strictEqual(state.counters.calls, 300);
        assert.strictEqual(state.calls.get("id 299").events.length, keep.eventsOfACall);
    } finally {
        Object.assign(Ponte.KEEP, keep);
    }
});

test("a real recording: what the processes did is what the page says", () => {
    const state = sample().reduce(Ponte.fold, Ponte.newState());
    const {counters} = state;
    assert.strictEqual(counters.calls, counters.answered + counters.faults + counters.notSent
        + counters.unknown + state.open.size);
    const runs = sample().filter(event => event.k === "run").length;
    assert.strictEqual([...state.procs.values()].reduce((sum, proc) => sum + proc.ran, 0), runs);
    const lost = [...state.calls.values()].flatMap(call => call.hops.map(hop => hop.lost));
    for (const kind of ["reply", "late"]) {
        assert(lost.includes(kind), `no hop is ${kind}`);
    }
    assert(counters.resolved >= 1 && counters.more >= 1);
});
