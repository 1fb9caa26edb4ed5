/* The events and the messages of one call, in happened-before order. Pure; no geometry yet.

   An event happens at one process. One event happened before another if both are of one process
   and it came first, or if it sent the message that the other received, or by a chain of such
   steps. Its number is Lamport's: one more than the highest one of the events just before it.

   L. Lamport: "Time, Clocks, and the Ordering of Events in a Distributed System" (1978). */
"use strict";

{
    /**
     * @param {Array} hops of a call (fold-calls.js)
     * @param {number} now milliseconds; the end of what is under way
     * @returns {{events: Array, arrows: Array}} events in their order: {who, t, what, hop, number};
     *     `what` is "send", "recv", "reply", "settle" (its reply has arrived), "gave up", "told"
     *     (it is known by another's word alone), "end" (a message ends here, on no line: `who` is
     *     "", `band` names its two lines). Arrows: {from, to (events), kind, word, hop, ends:
     *     "arrow"|"cross"|"open"}; kinds "ask", "late", "answered", "unknown", "refused", "lost",
     *     "nobody waits".
     */
    Ponte.spaceEvents = (hops, now) => {
        const events = [];
        const arrows = [];
        const sent = new Map();
        for (const hop of hops) {
            addHop({events, arrows, sent, now}, hop);
        }
        return {events: inOrder(events, arrows), arrows};
    };

    const WORD_OF_KIND = new Map([["repeat", "repeat"], ["opening", "session"],
                                  ["resolve", "resolve"]]);

    function addHop(page, hop) {
        const sender = hop.from;
        const target = hop.at || hop.to;
        const at = (who, t, what) => {
            const event = {who, t, what, hop, number: 0, band: ""};
            page.events.push(event);
            return event;
        };
        const arrow = (from, to, kind, word, ends = "arrow") => {
            page.arrows.push({from, to, kind, word, ends, hop});
        };
        // A message that reaches no line ends between the lines of both.
        const end = t => Object.assign(at("", t, "end"), {band: `${sender}\n${target}`});

        // 1. It leaves. One message may arrive twice, if its way led through a silent process.
        const key = `${sender} ${hop.i} ${hop.n}`;
        let send = hop.n ? page.sent.get(key) : undefined;
        if (send === undefined) {
            send = at(sender, hop.t0, sender ? "send" : "told");
            page.sent.set(key, send);
        }
        const word = WORD_OF_KIND.get(hop.kind) ?? "";

        // 2. It arrives, or not.
        let last = send;
        if (hop.recvT !== null) {
            last = at(target, hop.recvT, "recv");
            arrow(send, last, hop.lost === "late" ? "late" : "ask",
                  hop.lost === "late" ? "late" : word);
        } else if (hop.told) {
            last = at(target, (hop.t0 + hop.t1) / 2, "told");
            arrow(send, last, "ask", word);
        } else if (hop.refused) {
            arrow(send, end(hop.t1), "refused", "refused", "cross");
        } else if (hop.lost) {
            const lost = hop.lost === "unheard" ? "no answer"
                : hop.lostOnLink ? "lost" : "not arrived";
            arrow(send, end(hop.lossT ?? hop.t0), "lost", lost, "cross");
        } else {
            arrow(send, end(hop.t1 ?? hop.t0), "ask", word, "open");
        }

        // 3. Its sender gives up, without a reply.
        const replied = hop.replyT !== null || hop.told;
        const arrives = replied && hop.t1 !== null && !hop.nobodyWaits && hop.lost !== "reply";
        if (hop.t1 !== null && !arrives && !hop.refused) {
            at(sender, hop.t1, "gave up");
        }

        // 4. The reply leaves, and arrives, or not.
        if (!replied) {
            return;
        }
        const reply = hop.told ? last : at(target, hop.replyT, "reply");
        if (arrives) {
            arrow(reply, at(sender, Math.max(hop.t1, hop.replyT ?? hop.t1), "settle"),
                  ...kindOfReply(hop));
        } else if (hop.nobodyWaits) {
            arrow(reply, end(hop.replyT), "nobody waits", "nobody waits", "cross");
        } else if (hop.lost === "reply") {
            arrow(reply, end(hop.lossT ?? hop.replyT), "lost", "lost", "cross");
        } else if (sender) {
            arrow(reply, end(hop.replyT), "answered", "", "open");
        } else {
            // A stranger asked: we see that its reply leaves, and no more.
            const kind = hop.status === 200 ? "answered" : "unknown";
            arrow(reply, at("", hop.replyT, "told"), kind, "");
        }
    }

    function kindOfReply(hop) {
        if (hop.told || hop.outcome === "answered" || Ponte.isSession(hop)) {
            return ["answered", hop.told ? "told" : ""];
        }
        return hop.outcome === "unknown" ? ["unknown", "unknown"] : ["refused", "refused"];
    }

    /** Sorts by time, but never an event before one that happened before it; numbers them. */
    function inOrder(events, arrows) {
        events.sort((one, other) => one.t - other.t);
        const before = new Map(events.map(event => [event, []]));
        const latest = new Map();
        for (const event of events) {
            const line = lineOf(event);
            if (latest.has(line)) {
                before.get(event).push(latest.get(line));
            }
            latest.set(line, event);
        }
        for (const {from, to} of arrows) {
            before.get(to).push(from);
        }
        const order = [];
        const done = new Set();
        const waiting = [...events];
        while (waiting.length) {
            // If clocks contradict the messages, the earliest by its clock goes first.
            const ready = waiting.findIndex(event => before.get(event).every(one => done.has(one)));
            const [event] = waiting.splice(Math.max(ready, 0), 1);
            event.number = 1 + Math.max(0, ...before.get(event).map(one => one.number));
            event.before = before.get(event).filter(one => done.has(one));
            done.add(event);
            order.push(event);
        }
        return order;
    }

    /** Events on one line keep their distance: those of a process, or ends between two. */
    function lineOf(event) {
        return event.what === "end" ? `end ${event.band}` : `at ${event.who}`;
    }
}
