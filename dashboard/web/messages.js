/* What moves on the topology at a moment: numbered dots to the servers, squares back, hearts.

   Each really happened; when it is shown is schedule.js's. What was refused or lost ends with a
   cross at the place where it ended. What has arrived at a frozen process waits before it. */
"use strict";

{
    // Messages at a time. In a flood the newest are shown: more cannot be told apart.
    const MOST = 80;
    // Milliseconds for which a cross stays.
    const CROSS_MS = 900;
    // Milliseconds. Calls that began before are looked at only if they are open, or came late.
    const LOOK_BACK_MS = 8000;
    // Milliseconds for which a message is shown to wait before a process that does not take it.
    const WAIT_MS = 30000;
    // Where on its way a message ends.
    const REFUSED_AT = 0.8;
    const LOST_AT = 0.5;

    /**
     * What moves at time T, the newest last, at most a bound.
     * @param {Object} state
     * @param {number} T milliseconds on the state's clock
     * @returns {Array} of {key, shape: "dot"|"square"|"heart"|"cross", from, to, at: 0..1, id,
     *     number, tone: "ask"|"good"|"bad"|"unknown"|"beat", word: ""|"refused"|"lost"|"late"|
     *     "nobody waits"}; `key` is the same for one message at all times
     */
    Ponte.messages = (state, T) => {
        const found = [];
        for (const id of recent(state, T)) {
            const call = state.calls.get(id);
            if (call !== undefined) {
                for (const leg of Ponte.legs(call)) {
                    const message = shown(state, call, leg, T);
                    if (message !== null) {
                        found.push(message);
                    }
                }
            }
            if (found.length >= MOST) {
                break;
            }
        }
        found.length = Math.min(found.length, MOST);
        found.reverse();
        hearts(state, T, found);
        return found;
    };

    /** The ids of calls that may have something on its way, the newest first, each once. */
    function* recent(state, T) {
        const given = new Set();
        for (let at = state.order.length - 1; at >= 0; at--) {
            const call = state.calls.get(state.order[at]);
            if (call.t0 < T - LOOK_BACK_MS) {
                break;
            }
            given.add(call.id);
            yield call.id;
        }
        for (const id of [...state.late, ...state.open]) {
            if (!given.has(id)) {
                given.add(id);
                yield id;
            }
        }
    }

    function shown(state, call, leg, T) {
        const {hop, isReply, t0} = leg;
        if (T < t0) {
            return null;
        }
        const fate = isReply ? fateOfReply(hop) : fateOfRequest(hop);
        const stop = fate === "refused" ? REFUSED_AT : fate === "lost" ? LOST_AT : 1;
        const moved = (T - t0) / Ponte.STRETCH_MS;
        const target = hop.at || hop.to;
        const message = {
            key: `${call.id} ${hop.i} ${hop.n} ${hop.at} ${isReply ? "reply" : "request"}`,
            shape: isReply ? "square" : "dot",
            from: isReply ? target : hop.from || call.caller, to: isReply ? hop.from : target,
            at: Math.min(moved, stop), id: call.id, number: call.number,
            tone: isReply ? toneOf(hop) : "ask", word: "",
        };
        if (moved < stop) {
            return message;
        }
        // It has come to its end: a cross where it was lost, a wait before a target that is silent.
        if (fate !== "arrives" && fate !== "waits") {
            return moved * Ponte.STRETCH_MS < stop * Ponte.STRETCH_MS + CROSS_MS
                ? {...message, shape: "cross", tone: "bad", word: fate} : null;
        }
        const waits = !isReply && T - t0 < WAIT_MS
            && (fate === "waits" ? stillThere(state, hop) : T < leg.t1);
        return waits ? {...message, tone: hop.t1 === null ? "ask" : "unknown",
                        word: hop.t1 === null ? "" : "late"} : null;
    }

    function fateOfRequest(hop) {
        if (hop.refused) {
            return "refused";
        }
        if (hop.lostOnLink === "request") {
            return "lost";
        }
        return hop.recvT !== null || hop.told ? "arrives" : "waits";
    }

    function fateOfReply(hop) {
        return hop.nobodyWaits ? "nobody waits" : hop.lost === "reply" ? "lost" : "arrives";
    }

    /** A request waits at its target while its sender waits, and also later if it is frozen. */
    function stillThere(state, hop) {
        return hop.t1 === null || state.procs.get(hop.to)?.state === "frozen";
    }

    function toneOf(hop) {
        if (Ponte.isSession(hop) || hop.kind === "opening" && hop.outcome === null) {
            return "good";
        }
        if (hop.nobodyWaits || hop.lost === "reply") {
            return "unknown";
        }
        return hop.status === 0 || hop.status < 300 ? "good" : hop.status < 500 ? "bad" : "unknown";
    }

    function hearts(state, T, found) {
        for (const proc of state.procs.values()) {
            for (const [address, beat] of proc.beats) {
                const moved = (T - beat.t) / Ponte.STRETCH_MS;
                const to = registryAt(state, address);
                if (to === "" || moved < 0 || moved > 1 + CROSS_MS / Ponte.STRETCH_MS) {
                    continue;
                }
                const heart = {key: `${proc.name} ${address} ${beat.seq}`, shape: "heart",
                               from: proc.name, to, at: Math.min(moved, 1), id: "", number: 0,
                               tone: "beat", word: ""};
                if (moved <= 1) {
                    found.push(heart);
                } else if (!beat.acked && Ponte.isOver(state.procs.get(to))) {
                    found.push({...heart, shape: "cross", tone: "bad", word: "lost"});
                }
            }
        }
    }

    /** The registry to which beats for that "host:port" go: the one with that port, as its launcher
        says; else as was learned from its beats; else the only one. */
    function registryAt(state, address) {
        const port = Number(address.slice(address.lastIndexOf(":") + 1));
        let only = "";
        let count = 0;
        for (const proc of state.procs.values()) {
            if (proc.role === "registry") {
                if (port && proc.port === port) {
                    return proc.name;
                }
                only = proc.name;
                count++;
            }
        }
        return state.registryAt.get(address) ?? (count === 1 ? only : "");
    }
}
