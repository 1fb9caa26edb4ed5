/* The fold over the events of calls: who sent what to whom, and what became of it.

   A *hop* is one message and its reply: the `send` of one process, the `recv` of another. Both are
   paired exactly, since the `recv` names the life and the number of its `send`. The parts of a hop:

       t0, recvT     it left; it arrived (null: nobody told so)
       replyT        its reply left
       t1, outcome   its sender settled it: "answered", "not sent" or "unknown"; null: under way
       lost          "request"  it has not arrived, and its sender has given up
                     "unheard"  the same, but its target tells nothing: perhaps it arrived
                     "reply"    the reply left, and has not arrived
                     "late"     it arrived after its sender had given up
       nobodyWaits   its reply left after its sender had given up
       told          its sender says "answered", and its target has told nothing of it */
"use strict";

{
    // Milliseconds. A link tells of a loss about when the reply tells that it leaves.
    const LOSS_NEAR_MS = 250;
    // What sends that carry no call ask for: a session, or what became of a call.
    const NO_CALL = new Set(["opening", "resolve"]);

    const text = value => typeof value === "string" ? value : "";
    const number = value => typeof value === "number" ? value : 0;

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
            Ponte.note(state, t, outcome === "unknown" ? "warn" : "good",
                       `log.resolved.${outcome || "unknown"}`, {number: call.number});
        },

        send(state, call, event, t) {
            const hop = newHop(text(event.p), text(event.to), number(event.i), number(event.n), t);
            hop.kind = text(event.kind);
            hop.attempt = number(event.attempt);
            hop.timeoutMs = number(event.timeout) * 1000;
            call.hops.push(hop);
            call.caller ||= hop.from;
            Ponte.procOf(state, hop.to);
            if (!NO_CALL.has(hop.kind)) {
                countAttempt(state, call, hop);
            }
        },

        settle(state, call, event, t) {
            const hop = hopOf(call, number(event.i), number(event.of));
            if (hop === undefined) {
                return;
            }
            hop.t1 = t;
            hop.outcome = text(event.outcome);
            hop.what = text(event.what);
            hop.told = hop.outcome === "answered" && hop.recvT === null;
            const target = state.procs.get(hop.to);
            if (hop.outcome === "unknown" && !hop.lost) {
                hop.lost = lossOf(hop, target);
            } else if (hop.outcome === "not sent" && hop.recvT === null) {
                hop.refused = true;
                target.refused++;
            }
        },

        recv(state, call, event, t) {
            const name = text(event.p);
            const proc = Ponte.procOf(state, name);
            const of = Array.isArray(event.of) ? event.of : null;
            let hop = of ? hopOf(call, number(of[0]), number(of[1])) : undefined;
            if (hop === undefined || hop.recvT !== null) {
                // A stranger sent it; or its way led through a process that tells nothing, which
                // has sent it on more than once.
                const from = hop === undefined ? "" : hop.from;
                hop = newHop(from, name, of ? number(of[0]) : 0, of ? number(of[1]) : 0, t);
                hop.isGuess = true;
                call.hops.push(hop);
            }
            hop.recvT = t;
            hop.recvN = number(event.n);
            hop.life = number(event.i);
            hop.at = name;
            hop.kind ||= text(event.kind);
            hop.told = false;
            if (hop.t1 !== null && hop.outcome !== "answered") {
                hop.lost = "late";
                touchLate(state, call);
            }
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
            const proc = Ponte.procOf(state, text(event.p));
            const hop = inHand(call, event, hop => hop.replyT === null);
            if (hop === undefined) {
                return;
            }
            hop.replyT = t;
            hop.replyN = number(event.n);
            hop.status = number(event.status);
            hop.why = text(event.why);
            for (const done of call.works) {
                if (done.hop === hop && done.t1 === null) {
                    done.t1 = t;
                }
            }
            if (hop.t1 !== null && hop.outcome !== "answered") {
                hop.nobodyWaits = true;
                touchLate(state, call);
            } else if (proc.lossAhead && t - proc.lossAhead.t < LOSS_NEAR_MS) {
                hop.lost = proc.lossAhead.what;
                hop.lostT = proc.lossAhead.t;
            }
            proc.lossAhead = null;
            // A call of which no caller tells ends with the reply to its first message.
            if (hop.isGuess && hop.from === "" && call.hops[0] === hop) {
                end(state, call, outcomeOf(hop.status), t);
                call.by = hop.at;
                call.why = hop.why;
            }
        },
    };

    /** A link says what it lost. It knows no calls: the nearest fitting hop to `who` is meant. */
    Ponte.foldLoss = (state, event, t) => {
        const who = text(event.who);
        const what = text(event.what);
        const proc = Ponte.procOf(state, who);
        const hop = nearestHop(state, who, candidate =>
            what === "request" ? candidate.recvT === null && candidate.outcome === null
                : what === "late" ? candidate.replyT !== null && candidate.t1 !== null
                    : candidate.replyT !== null && candidate.t1 === null);
        if (hop === undefined) {
            proc.lossAhead = {t, what: what === "late" ? "late" : what};
        } else if (what === "late") {
            hop.nobodyWaits = true;
        } else {
            hop.lost = what === "request" ? "request" : "reply";
            hop.lostT = t;
        }
        proc.link.loses = false;
        const key = what === "request" || what === "late" ? `log.lost.${what}` : "log.lost.reply";
        state.banner = Ponte.note(state, t, "bad", key, {who});
    };

    function newHop(from, to, life, n, t) {
        return {from, to, kind: "", attempt: 0, timeoutMs: 0, i: life, n, t0: t, t1: null,
                outcome: null, what: "", recvT: null, recvN: 0, life: 0, at: "", replyT: null,
                replyN: 0, status: 0, why: "", lost: "", lostT: null, nobodyWaits: false,
                refused: false, told: false, isGuess: false, begun: false, passedOn: false};
    }

    /** The hop that began with event `n` of that life. A call has few: they are looked through. */
    function hopOf(call, life, n) {
        const {hops} = call;
        for (let at = hops.length - 1; at >= 0; at--) {
            if (hops[at].n === n && hops[at].i === life && n > 0) {
                return hops[at];
            }
        }
        return undefined;
    }

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

    /** What is lost of a hop that is settled as unknown. */
    function lossOf(hop, target) {
        if (hop.recvT === null) {
            return target !== undefined && target.observed ? "request" : "unheard";
        }
        // A reply that says "unknown" has arrived: 502, 504, 410. Another one would have counted.
        const counts = hop.status === 200 || hop.status >= 400 && hop.status < 500
            && hop.status !== 410;
        return hop.replyT !== null && counts ? "reply" : "";
    }

    /** A process works on what it has received: it runs, or answers from memory. */
    function work(call, event, t, kind, how) {
        const hop = inHand(call, event, candidate => !candidate.begun);
        call.works.push({who: text(event.p), life: number(event.i), kind, how, t0: t, t1: null,
                         hop: hop ?? null, n: number(event.n)});
        return hop;
    }

    /** The hop that a process has received, and that an event of it is about: the oldest such one,
        unless the event names the number of its `recv`. */
    function inHand(call, event, fits) {
        const {p, i, of} = event;
        let oldest;
        for (const hop of call.hops) {
            if (hop.at === p && hop.life === i) {
                if (typeof of === "number" && of === hop.recvN) {
                    return hop;
                }
                if (oldest === undefined && fits(hop)) {
                    oldest = hop;
                }
            }
        }
        return oldest;
    }

    /** The latest hop to `who`, of a call that is under way or has come late, that `fits`. */
    function nearestHop(state, who, fits) {
        let nearest;
        for (const id of [...state.open, ...state.late]) {
            const call = state.calls.get(id);
            for (const hop of call ? call.hops : []) {
                if (hop.to === who && !hop.lost && fits(hop)
                    && (nearest === undefined || hop.t0 > nearest.t0)) {
                    nearest = hop;
                }
            }
        }
        return nearest;
    }

    function touchLate(state, call) {
        if (state.late[state.late.length - 1] !== call.id) {
            state.late.push(call.id);
            if (state.late.length > Ponte.KEEP.late) {
                state.late.shift();
            }
        }
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
    }
}
