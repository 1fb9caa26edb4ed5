/* The fold over the events of calls. What they say of a hop is hops.js's. */
"use strict";

{
    // What sends that carry no call ask for: a session, or what became of a call.
    const NO_CALL = new Set(["opening", "resolve"]);

    const {textOf: text, numberOf: number} = Ponte;

    /** Handlers by kind: (state, call, event, t). */
    Ponte.callHandlers = {
        call(state, call, event) {
            call.caller = text(event.p);
            call.service = text(event.service);
            call.method = text(event.method) || call.method;
            call.idem = typeof event.idem === "boolean" ? event.idem : call.idem;
            state.counters.untold += number(event.untold);
            Ponte.procOf(state, call.caller, "client");
        },

        done(state, call, event, t) {
            end(state, call, text(event.outcome) || "unknown", t);
            call.by = text(event.by);
            call.why = text(event.why);
        },

        resolving(state, call, event, t) {
            call.resolved = {t0: t, t1: null, outcome: "", why: ""};
        },

        resolved(state, call, event, t) {
            const outcome = text(event.outcome);
            call.resolved = {t0: call.resolved ? call.resolved.t0 : t, t1: t, outcome,
                             why: text(event.why)};
            if (outcome && outcome !== "unknown") {
                state.counters.resolved++;
            }
            const known = COUNTER.has(outcome) ? outcome : "unknown";
            Ponte.note(state, t, known === "unknown" ? "warn" : "good", `log.resolved.${known}`,
                       {number: call.number, method: call.method});
        },

        send(state, call, event, t) {
            const hop = Ponte.hopOf(call, number(event.i), number(event.n))
                ?? Ponte.addHop(call, number(event.i), number(event.n), t);
            hop.isGuess = false;
            hop.from = text(event.p);
            hop.to = text(event.to);
            hop.t0 = t;
            hop.kind = text(event.kind);
            hop.attempt = number(event.attempt);
            call.caller ||= hop.from;
            Ponte.procOf(state, hop.to);
            if (!NO_CALL.has(hop.kind)) {
                countAttempt(state, call, hop);
            }
            Ponte.judgeHop(state, call, hop);
        },

        settle(state, call, event, t) {
            // Without its `send`, which was lost or comes later, we know only who sent it.
            const hop = Ponte.hopOf(call, number(event.i), number(event.of))
                ?? Ponte.addHop(call, number(event.i), number(event.of), t);
            hop.from ||= text(event.p);
            hop.t1 = t;
            hop.outcome = text(event.outcome);
            hop.what = text(event.what);
            Ponte.judgeHop(state, call, hop);
        },

        recv(state, call, event, t) {
            const [life, n] = Array.isArray(event.of) ? event.of.map(number) : [0, 0];
            const name = text(event.p);
            const sent = Ponte.hopOf(call, life, n);
            let hop = sent;
            if (sent === undefined || sent.recvT !== null) {
                // A stranger sent it; or its way led through a process that tells nothing, and
                // that has sent it on more than once.
                hop = Ponte.addHop(call, life, n, t);
                hop.from = sent === undefined ? "" : sent.from;
            }
            hop.recvT = t;
            hop.recvN = number(event.n);
            hop.life = number(event.i);
            hop.at = name;
            hop.kind ||= text(event.kind);
            Ponte.judgeHop(state, call, hop);
        },

        run(state, call, event, t) {
            const hop = work(call, event, t, "run", "");
            call.method ||= text(event.method);
            if (hop) {
                hop.begun = true;
            }
            Ponte.procOf(state, text(event.p)).ran++;
        },

        memo(state, call, event, t) {
            const hop = work(call, event, t, "memory", text(event.how));
            if (hop) {
                hop.begun = true;
            }
            Ponte.procOf(state, text(event.p)).fromMemory++;
        },

        reply(state, call, event, t) {
            const hop = Ponte.hopInHand(call, event, candidate => candidate.replyT === null);
            if (hop === undefined) {
                return;
            }
            hop.replyT = t;
            hop.replyN = number(event.n);
            hop.status = number(event.status);
            hop.why = text(event.why);
            // Nobody was there any more to take it.
            hop.isCutOff = hop.status === 0 && hop.why === "cut off";
            for (const work of call.works) {
                if (work.hop === hop && work.t1 === null) {
                    work.t1 = t;
                }
            }
            Ponte.meetLoss(Ponte.procOf(state, text(event.p)), hop, t);
            Ponte.judgeHop(state, call, hop);
            // A call of which no caller tells ends with the reply to its first message.
            if (hop.from === "" && call.hops[0] === hop) {
                end(state, call, outcomeOf(hop.status), t);
                call.by = hop.at;
                call.why = hop.why;
            }
        },
    };

    /** An attempt counts unless it only passes on what has just come. */
    function countAttempt(state, call, sent) {
        for (const hop of call.hops) {
            if (hop.at === sent.from && hop.life === sent.i && !hop.passedOn
                && !NO_CALL.has(hop.kind)) {
                hop.passedOn = true;
                return;
            }
        }
        if (++call.attempts > 1) {
            state.counters.more++;
        }
    }

    /** A process works on what it has received: it runs, or answers from memory. */
    function work(call, event, t, kind, how) {
        const hop = Ponte.hopInHand(call, event, candidate => !candidate.begun);
        call.works.push({who: text(event.p), life: number(event.i), kind, how, t0: t, t1: null,
                         hop: hop ?? null, n: number(event.n)});
        return hop;
    }

    function outcomeOf(status) {
        return status === 200 ? "answered" : status === 503 ? "not sent"
            : status >= 500 || status === 410 ? "unknown" : "fault";
    }

    const COUNTER = new Map([["answered", "answered"], ["fault", "faults"],
                             ["not sent", "notSent"], ["unknown", "unknown"]]);

    function end(state, call, outcome, t) {
        if (call.t1 !== null) {
            return;
        }
        call.t1 = t;
        call.outcome = COUNTER.has(outcome) ? outcome : "unknown";
        state.counters[COUNTER.get(call.outcome)]++;
        state.open.delete(call.id);
        if (call.outcome === "unknown" || call.outcome === "not sent") {
            Ponte.note(state, t, "bad", `log.call.${call.outcome}`,
                       {number: call.number, method: call.method});
        }
    }
}
