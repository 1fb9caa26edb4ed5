/* When each message of a call is shown. A hop takes a millisecond, and no eye can follow that.

   So each is stretched to at least STRETCH_MS, and what comes after it waits: a proxy is shown to
   send on when the request is shown to arrive. The order stays the real one, and nothing is shown
   before it happened. The page says that hops are stretched. */
"use strict";

{
    // Milliseconds that a message is shown to move. Shorter, and nobody can follow it; longer, and
    // the picture of a call through a proxy lags behind what has happened.
    Ponte.STRETCH_MS = 350;

    // A call's legs are made anew only when it has changed.
    const made = new WeakMap();

    /**
     * The legs of a call: {hop, isReply, t0, t1}; the last two are the shown times, t1 null while
     * the message has not arrived (it waits before its target, or is lost).
     * @returns {Array} in the order in which they are shown to leave
     */
    Ponte.legs = call => {
        let known = made.get(call);
        if (known === undefined || known.changes !== call.changes) {
            known = {changes: call.changes, legs: schedule(call)};
            made.set(call, known);
        }
        return known.legs;
    };

    function schedule(call) {
        const legs = [];
        // Process and life -> the shown time from which it may act.
        const ready = new Map();
        const asked = new Map();
        const answered = new Map();
        for (const {t, what, hop} of moments(call)) {
            const sender = `${hop.from} ${hop.i}`;
            const target = `${hop.at || hop.to} ${hop.life}`;
            if (what === "send") {
                const t0 = Math.max(t, ready.get(sender) ?? 0);
                const leg = {hop, isReply: false, t0, t1: null};
                if (hop.recvT !== null) {
                    leg.t1 = Math.max(hop.recvT, t0 + Ponte.STRETCH_MS);
                }
                asked.set(hop, leg);
                legs.push(leg);
            } else if (what === "recv") {
                ready.set(target, Math.max(ready.get(target) ?? 0, asked.get(hop).t1));
            } else if (what === "reply") {
                const t0 = Math.max(t, ready.get(target) ?? 0);
                const leg = {hop, isReply: true, t0, t1: t0 + Ponte.STRETCH_MS};
                answered.set(hop, leg);
                legs.push(leg);
            } else {
                const leg = answered.get(hop) ?? asked.get(hop);
                // A reply that arrived is waited for, and so is a refusal; a lost one is not.
                const shown = hop.lost ? t : Math.max(t, leg.t1 ?? leg.t0 + Ponte.STRETCH_MS);
                ready.set(sender, Math.max(ready.get(sender) ?? 0, shown));
            }
        }
        return legs.sort((one, other) => one.t0 - other.t0);
    }

    const RANK = {send: 0, recv: 1, reply: 2, settle: 3};

    /** What happened to the hops of a call, in the order of time. */
    function moments(call) {
        const all = [];
        for (const hop of call.hops) {
            all.push({t: hop.t0, what: "send", hop});
            if (hop.recvT !== null) {
                all.push({t: Math.max(hop.t0, hop.recvT), what: "recv", hop});
            }
            if (hop.replyT !== null) {
                all.push({t: Math.max(hop.t0, hop.replyT), what: "reply", hop});
            }
            if (hop.t1 !== null) {
                all.push({t: Math.max(hop.t0, hop.t1), what: "settle", hop});
            }
        }
        return all.sort((one, other) => one.t - other.t || RANK[one.what] - RANK[other.what]);
    }
}
