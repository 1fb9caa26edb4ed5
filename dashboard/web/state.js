/* The state of the page: what is known at one moment. Plain data, made by the fold over events.

   Nothing here is drawn, and nothing looks at a clock. Times are milliseconds since the page began.
   Names come from outside, so they are keys of Maps, never of objects. */
"use strict";

{
    // How many things are kept, newest last. More makes a long recording heavier.
    Ponte.KEEP = {calls: 20000, log: 300, eventsOfACall: 300, changesOfAProcess: 200, late: 40,
                  lives: 50};

    /** What an event says in a field, if it is a text; if it is a number. */
    Ponte.textOf = value => typeof value === "string" ? value : "";
    Ponte.numberOf = value => typeof value === "number" ? value : 0;

    /** The state before the first event. */
    Ponte.newState = () => ({
        // The number and the time of the latest event; and what the `start` event told.
        s: 0, t: 0, began: null,
        // Name -> process.
        procs: new Map(),
        // Registry -> Map of instance -> lease {service, t, leaseMs, state, verdict, seq}.
        leases: new Map(),
        // "host:port" -> the name of the registry that is there.
        registryAt: new Map(),
        // Trace id -> call; and the ids, newest last.
        calls: new Map(), order: [],
        // Ids of calls that have not ended; and of calls of which something came late, newest last.
        open: new Set(), late: [],
        counters: {calls: 0, answered: 0, faults: 0, more: 0, notSent: 0, unknown: 0, resolved: 0,
                   untold: 0, lostEvents: 0, refusedEvents: 0},
        // Events that are missing among the numbers of their processes.
        gaps: 0,
        // {t, level: "info"|"good"|"warn"|"bad", key, values, times}, newest last; the banner is
        // such a line.
        log: [], banner: null,
        // What the page's side tells: null as long as there is none.
        story: null, votes: null, exposed: null, classroom: null,
        // Datagrams that were no events: {total, why: {reason: count}, dropped}.
        bad: null,
    });

    /**
     * The process of that name; a new one is made, about which nothing is known.
     *
     * Truth is `state`: what the launcher says of it, "unknown" if it says nothing. Belief is
     * `registrySays`: what each registry says. `observed`: it has told something itself.
     */
    Ponte.procOf = (state, name, role = "") => {
        let proc = state.procs.get(name);
        if (proc === undefined) {
            proc = {
                name, role: role || "server", isGuess: !role, service: "", life: 0,
                state: "unknown", registrySays: new Map(), observed: false, toldByLaunch: false,
                pid: 0, port: 0, can: [], owner: "",
                ran: 0, fromMemory: 0, refused: 0,
                link: {cut: false, slowMs: 0, loses: false},
                lastBeat: null,
                // Registry's address -> {t, seq, acked}; a beat that moves is drawn from it.
                beats: new Map(),
                // {t, state, life}: each change of its true state; what a diagram shades.
                history: [],
                // The lives that have been seen; and when its link lost a reply of which no call
                // is known yet.
                lives: [],
                lossAhead: null,
            };
            // An event without a name is about nobody: what it says is not kept.
            if (name) {
                state.procs.set(name, proc);
            }
        } else if (role && proc.isGuess) {
            proc.role = role;
            proc.isGuess = false;
        }
        return proc;
    };

    /** Whether this life of a process is one that was not seen before; it is noted. */
    Ponte.isNewLife = (proc, life) => {
        if (life === proc.life || proc.lives.includes(life)) {
            return false;
        }
        proc.life = life;
        proc.lives.push(life);
        if (proc.lives.length > Ponte.KEEP.lives) {
            proc.lives.shift();
        }
        return true;
    };

    /** Notes a change of the true state of a process. */
    Ponte.changeProc = (proc, t, now, life) => {
        const last = proc.history[proc.history.length - 1];
        proc.state = now;
        if (last === undefined || last.state !== now || last.life !== life) {
            proc.history.push({t, state: now, life});
            if (proc.history.length > Ponte.KEEP.changesOfAProcess) {
                proc.history.shift();
            }
        }
    };

    /** The call of that trace id; the first event of an unknown id makes it. */
    Ponte.callOf = (state, id, t) => {
        let call = state.calls.get(id);
        if (call === undefined) {
            call = {
                number: ++state.counters.calls, id, service: "", method: "", idem: null,
                // Who calls; "" if the call came from a process that tells nothing.
                caller: "", t0: t, t1: null,
                outcome: null, by: "", why: "", resolved: null,
                hops: [], events: [], changes: 0,
                // Attempts that were not passed on by the next hop; {who, life, kind, how, t0, t1,
                // hop} of each run and each answer from memory.
                attempts: 0, works: [],
                // Events that were lost while it was under way: its picture may lack something.
                gaps: 0,
            };
            state.calls.set(id, call);
            state.order.push(id);
            state.open.add(id);
            forgetOldest(state);
        }
        return call;
    };

    function forgetOldest(state) {
        // In blocks: to take the first one off a long array costs as much as to take many.
        const {calls} = Ponte.KEEP;
        if (state.order.length > calls * 1.1) {
            for (const id of state.order.splice(0, state.order.length - calls)) {
                state.calls.delete(id);
                state.open.delete(id);
            }
        }
    }

    // Milliseconds in which a line that repeats the one before is counted instead.
    Ponte.SAME_MS = 1500;

    /** A line for "what happened"; `times`: how often in a row. */
    Ponte.note = (state, t, level, key, values) => {
        const last = state.log[state.log.length - 1];
        if (last !== undefined && last.key === key && t - last.t < Ponte.SAME_MS
            && last.values.who === values.who && last.values.number === values.number) {
            last.times++;
            return last;
        }
        const line = {t, level, key, values, times: 1};
        state.log.push(line);
        if (state.log.length > Ponte.KEEP.log * 1.1) {
            state.log.splice(0, state.log.length - Ponte.KEEP.log);
        }
        return line;
    };
}
