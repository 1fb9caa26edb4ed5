/* The hops of a call: who sent what to whom, and what became of it.

   A *hop* is one message and its reply: the `send` of one process, the `recv` of another. Both are
   paired exactly, since the `recv` names the life and the number of its `send`. The parts of a hop:

       t0, recvT     it left; it arrived (null: nobody told so)
       replyT        its reply left
       t1, outcome   its sender settled it: "answered", "not sent" or "unknown"; null: under way
       lossT         when a link said that it lost the request or the reply of it (lostOnLink)

   What they mean is judged anew with each of them, by their times: events may come in any order.

       refused       it was not sent, and has not arrived
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

    const {textOf} = Ponte;

    /** What the facts of a hop mean, as far as they are known. */
    Ponte.judgeHop = (state, call, hop) => {
        const target = state.procs.get(hop.to);
        // A session that was given is an answer, though the call itself was not sent yet.
        const isAnswered = hop.outcome === "answered" || Ponte.isSession(hop);
        const isOver = hop.t1 !== null && !isAnswered;
        hop.told = isAnswered && hop.recvT === null;
        hop.nobodyWaits = hop.lostOnLink === "late" || isOver && hop.replyT > hop.t1;
        const isRefused = hop.outcome === "not sent" && !isAnswered
            && hop.recvT === null;
        if (target !== undefined && isRefused !== hop.refused) {
            target.refused += isRefused ? 1 : -1;
        }
        hop.refused = isRefused;
        hop.lost = lossOf(hop, isOver, target);
        if (hop.nobodyWaits || hop.lost === "late") {
            touchLate(state, call);
        }
    };

    function lossOf(hop, isOver, target) {
        if (hop.recvT === null) {
            if (hop.lostOnLink === "request") {
                return "request";
            }
            if (hop.outcome !== "unknown") {
                return "";
            }
            return target !== undefined && target.observed ? "request" : "unheard";
        }
        if (isOver && hop.recvT > hop.t1) {
            return "late";
        }
        if ((hop.lostOnLink === "reply" || hop.isCutOff) && hop.outcome !== "answered") {
            return "reply";
        }
        // A reply that says "unknown" has arrived: 502, 504, 410. Any other would have counted.
        const counts = hop.status < 500 && hop.status !== 410;
        return hop.outcome === "unknown" && hop.replyT !== null && hop.replyT <= hop.t1 && counts
            ? "reply" : "";
    }

    /** A new hop, of which nothing is known but its life and number. */
    Ponte.addHop = (call, life, n, t) => {
        const hop = {from: "", to: "", kind: "", attempt: 0, i: life, n, t0: t,
                     t1: null, outcome: null, what: "",
                     recvT: null, recvN: 0, life: 0, at: "",
                     replyT: null, replyN: 0, status: 0, why: "",
                     lostOnLink: "", lossT: null, isCutOff: false,
                     isGuess: true, begun: false, passedOn: false,
                     lost: "", nobodyWaits: false, refused: false, told: false};
        call.hops.push(hop);
        return hop;
    };

    /** The hop that began with event `n` of that life. A call has few: they are looked through. */
    Ponte.hopOf = (call, life, n) => {
        const {hops} = call;
        for (let at = hops.length - 1; at >= 0; at--) {
            if (n > 0 && hops[at].n === n && hops[at].i === life) {
                return hops[at];
            }
        }
        return undefined;
    };

    /** The hop that a process has received, and that an event of it is about: the oldest such one,
        unless the event names the number of its `recv`. */
    Ponte.hopInHand = (call, event, fits) => {
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
    };

    /** A reply leaves. Its link may have said already that it lost it. */
    Ponte.meetLoss = (proc, hop, t) => {
        if (proc.lossAhead !== null && Math.abs(t - proc.lossAhead) < LOSS_NEAR_MS) {
            hop.lostOnLink = "reply";
            hop.lossT = proc.lossAhead;
        }
        proc.lossAhead = null;
    };

    /**
     * A link says what it lost: it may name the `send` that it was about (`id`, `of`). If it does
     * not, the nearest fitting hop to `who` is meant.
     */
    Ponte.foldLoss = (state, event, t) => {
        const who = textOf(event.who);
        const what = LOSSES.has(event.what) ? event.what : "reply";
        const found = named(state, event) ?? nearest(state, who, LOSSES.get(what));
        const proc = Ponte.procOf(state, who);
        if (found !== undefined) {
            const {call, hop} = found;
            hop.lostOnLink = what;
            hop.lossT = t;
            call.changes++;
            Ponte.judgeHop(state, call, hop);
        } else if (what === "reply") {
            proc.lossAhead = t;
        }
        if (what === "reply") {
            proc.link.loses = false;
        }
        const key = event.late === true ? "held" : what;
        state.banner = Ponte.note(state, t, "bad", `log.lost.${key}`, {who});
    };

    function named(state, event) {
        const call = state.calls.get(event.id);
        const hop = call && Array.isArray(event.of)
            ? Ponte.hopOf(call, event.of[0], event.of[1]) : undefined;
        return hop && {call, hop};
    }

    // What a link may lose -> the hops that it may mean.
    const LOSSES = new Map([
        ["request", hop => hop.recvT === null && hop.t1 === null],
        ["reply", hop => hop.replyT !== null && hop.t1 === null],
        ["late", hop => hop.replyT !== null && hop.t1 !== null && hop.outcome !== "answered"],
    ]);

    /** The latest hop to `who` that `fits`, of the calls that are under way or came late. */
    function nearest(state, who, fits) {
        let found;
        for (const id of [...state.open, ...state.late]) {
            const call = state.calls.get(id);
            for (const hop of call ? call.hops : []) {
                if (hop.to === who && !hop.lostOnLink && fits(hop)
                    && (found === undefined || hop.t0 > found.hop.t0)) {
                    found = {call, hop};
                }
            }
        }
        return found;
    }

    function touchLate(state, call) {
        if (state.late[state.late.length - 1] !== call.id) {
            state.late.push(call.id);
            if (state.late.length > Ponte.KEEP.late) {
                state.late.shift();
            }
        }
    }
}
