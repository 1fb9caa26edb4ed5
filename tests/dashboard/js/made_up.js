/* Made-up calls: any hops in any order, with events lost, late, twice, or of another life. */
"use strict";

const {Story} = require("./stories.js");

const KINDS = ["idempotent", "opening", "original", "repeat", "plain", "resolve", "unheard-of"];
const OUTCOMES = ["answered", "not sent", "unknown", "unknown", "something else"];
const STATES = ["killed", "starting", "up", "frozen", "up", "draining", "gone"];

/** A story of one call that the seed makes up, with up to `most` messages. */
module.exports.madeUp = (random, most = 9) => {
    const proxies = ["proxy", "proxy-2"].slice(random.below(3));
    const story = new Story().cast(1 + random.below(8), proxies);
    const servers = [...story.lives.keys()].filter(name => /^(server|proxy)/.test(name));
    const long = "a-very-long-name-of-a-server-that-somebody-typed-in";
    const names = random.chance(0.1) ? [...servers, long, "ana", "<b>"] : servers;
    if (random.chance(0.95)) {
        story.call("id", "buy", random.chance(0.5));
    }
    const pause = () => {
        story.t += random.chance(0.15) ? random.below(6000) : random.next() * 3;
    };
    const sent = [];
    const waiting = [];
    for (let left = random.below(most + 1); left > 0; left--) {
        const from = random.chance(0.4) ? "client" : random.pick(names);
        const one = story.send("id", from, random.pick(names), random.pick(KINDS), random.below(4));
        sent.push(one);
        waiting.push(...afterwards(story, one, random));
        if (random.chance(0.15)) {
            story.proc(random.pick(names), "server", random.pick(STATES));
        }
        while (waiting.length && random.chance(0.6)) {
            pause();
            waiting.splice(random.below(Math.min(3, waiting.length)), 1)[0]();
        }
        pause();
    }
    for (const step of waiting) {
        pause();
        step();
    }
    if (random.chance(0.7)) {
        story.done("id", random.pick([...OUTCOMES, "fault"]), random.pick(names));
    }
    if (random.chance(0.2)) {
        // Some events were lost, or stand in another order.
        story.events = story.events.filter(() => random.chance(0.85));
    }
    if (random.chance(0.1)) {
        story.events.reverse();
    }
    return story;
};

/** What may follow a message, as steps to do later. */
function afterwards(story, sent, random) {
    const steps = [];
    if (random.chance(0.8)) {
        steps.push(() => {
            const got = story.recv(sent, random.chance(0.9) ? sent.to : "server-1", 0);
            if (random.chance(0.5)) {
                random.chance(0.6) ? story.run(got)
                    : story.memo(got, random.pick(["reply", "wait"]));
            }
            if (random.chance(0.8)) {
                story.reply(got, random.pick([200, 200, 503, 504, 410, 400]), "");
            }
        });
    }
    if (random.chance(0.85)) {
        steps.splice(random.below(2), 0, () => {
            story.settle(sent, random.pick(OUTCOMES), "in so many words", 0);
        });
    }
    if (random.chance(0.1)) {
        steps.push(() => story.tell("laboratory", "lost",
            {who: sent.to, what: random.pick(["reply", "request", "late"])}));
    }
    return steps;
}
