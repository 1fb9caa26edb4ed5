/* The state of the page is a fold over events: the state at any moment is all events up to it.

   So live, pause, step back, scrub and replay are one code path, and a recording shows what the
   class saw. Nothing here looks at a clock or at the page. The events are those of the collector:
   `s` number, `t` milliseconds, `p` who, `i` its life, `n` its number, `k` kind (docs/page.md).

   An event of a kind that we do not know, or without its fields, changes and stops nothing. */
"use strict";

{
    const calls = new Map(Object.entries(Ponte.callHandlers));
    const procs = new Map(Object.entries(Ponte.procHandlers));
    // Kinds by which a process shows what it is, if nobody told.
    const ROLES = new Map([["call", "client"], ["done", "client"], ["run", "server"],
                           ["took", "registry"], ["lease", "registry"]]);
    // Who tells of others: the launcher, its links, the collector and the page's side.
    const TELLERS = new Set(["proc", "fault", "lost", "gap", "start", "story", "vote",
                             "exposed", "bad", "recording"]);

    /**
     * Takes one event into the state, which it changes and returns.
     * @param {Object} state of Ponte.newState
     * @param {Object} event
     */
    Ponte.fold = (state, event) => {
        if (event === null || typeof event !== "object") {
            return state;
        }
        const {k} = event;
        if (typeof event.s === "number") {
            state.s = event.s;
        }
        const t = Number.isFinite(event.t) ? event.t : state.t;
        if (t > state.t) {
            state.t = t;
        }
        const ofCall = calls.get(k);
        if (ofCall !== undefined) {
            if (typeof event.id === "string" && event.id) {
                seen(state, event, t);
                const call = Ponte.callOf(state, event.id, t);
                if (call.events.length < Ponte.KEEP.eventsOfACall) {
                    call.events.push(event);
                }
                call.changes++;
                ofCall(state, call, event, t);
            }
            return state;
        }
        const ofProc = procs.get(k);
        if (ofProc !== undefined) {
            if (!TELLERS.has(k)) {
                seen(state, event, t);
            }
            ofProc(state, event, t);
        }
        return state;
    };

    /** A process has told something itself: it is observed, and lives. */
    function seen(state, event, t) {
        const {p, i} = event;
        if (typeof p !== "string" || !p) {
            return;
        }
        const proc = Ponte.procOf(state, p, ROLES.get(event.k) ?? "");
        proc.observed = true;
        if (typeof i === "number" && Ponte.isNewLife(proc, i)) {
            if (proc.role === "registry") {
                // Another life of a registry begins with an empty table.
                Ponte.forgetBelief(state, p);
            }
            if (!proc.toldByLaunch) {
                proc.pid = i;
                Ponte.changeProc(proc, t, "up", i);
            }
        }
    }
}
