/* The fold over the events of processes: what is true of them, and what each registry believes.

   The launcher tells the truth (`proc`, `fault`). Beats and leases tell what others believe. */
"use strict";

{
    const {textOf: text, numberOf: number} = Ponte;

    // States in which a process is not there: it believes nothing, and no line is drawn for it.
    const OVER = new Set(["killed", "ended", "gone"]);
    Ponte.isOver = proc => OVER.has(proc.state);

    // What a registry says of a lease, after the words of its log.
    const SAYS = new Map([["up", "up"], ["back", "up"], ["suspect", "suspect"],
                          ["expired", "expired"], ["draining", "draining"], ["left", "left"]]);
    // States that beats announce.
    const ANNOUNCED = new Map([["up", "up"], ["draining", "draining"], ["leaving", "left"]]);
    const LEVEL = {up: "good", suspect: "warn", expired: "bad", draining: "warn", left: "info"};

    // What the kernel has dropped is seen as a gap, once a later event of that process has come.
    function countLost(state) {
        state.counters.lostEvents = Math.max(state.gaps, state.bad === null ? 0 : state.bad.dropped);
    }

    /** Handlers by kind: (state, event, t). */
    Ponte.procHandlers = {
        start(state, event) {
            state.began = {at: number(event.at), lang: text(event.lang)};
        },

        gap(state, event, t) {
            const lost = number(event.lost);
            state.gaps += lost;
            countLost(state);
            for (const id of state.open) {
                state.calls.get(id).gaps += lost;
            }
            Ponte.note(state, t, "warn", "log.gap", {who: text(event.p), count: lost});
        },

        proc(state, event, t) {
            const name = text(event.who);
            if (!name) {
                return;
            }
            const proc = Ponte.procOf(state, name, text(event.role));
            const before = proc.state;
            proc.role = text(event.role) || proc.role;
            proc.toldByLaunch = true;
            proc.forgotten = event.forget === true;
            proc.pid = number(event.pid) || proc.pid;
            proc.port = number(event.port) || proc.port;
            proc.service = text(event.service) || proc.service;
            proc.owner = text(event.owner) || proc.owner;
            proc.can = Array.isArray(event.can) ? event.can.filter(text) : proc.can;
            const now = text(event.state) || "unknown";
            if (proc.pid && Ponte.isNewLife(proc, proc.pid)) {
                proc.link = {cut: false, slowMs: 0, loses: false};
            }
            // A page that is opened late has only the last of these, and no fault before it.
            if (typeof event.cut === "boolean") {
                proc.link.cut = event.cut;
                proc.link.slowMs = number(event.slow_ms);
            }
            Ponte.changeProc(proc, t, now, proc.pid);
            if (OVER.has(now) && !OVER.has(before)) {
                over(state, proc, now, t);
            }
        },

        fault(state, event, t) {
            const who = text(event.who);
            const what = text(event.what);
            const proc = Ponte.procOf(state, who);
            const key = FAULTS.get(what);
            if (key === undefined) {
                return;
            }
            if (what === "cut" || what === "mend") {
                proc.link.cut = what === "cut";
            }
            if (what === "slow" || what === "mend") {
                proc.link.slowMs = what === "slow" ? number(event.ms) : 0;
            }
            if (what === "lose reply") {
                proc.link.loses = true;
            }
            const [level, word] = key;
            const values = {who, ms: number(event.ms), count: number(event.count)};
            state.banner = Ponte.note(state, t, level, word, values);
            // Truth beside belief: nobody has told the registry yet.
            const believer = [...proc.registrySays].find(([, says]) => says === "up");
            if (believer !== undefined && (what === "kill" || what === "freeze")) {
                state.banner = {t, level, key: `banner.${what}`,
                                values: {...values, registry: believer[0]}};
            }
        },

        lost(state, event, t) {
            Ponte.foldLoss(state, event, t);
        },

        beat(state, event, t) {
            const proc = Ponte.procOf(state, text(event.p));
            const to = text(event.to);
            proc.lastBeat = {t, seq: number(event.seq), acked: false, to};
            proc.beats.set(to, proc.lastBeat);
        },

        acked(state, event) {
            const proc = Ponte.procOf(state, text(event.p));
            const seq = number(event.seq);
            for (const beat of proc.beats.values()) {
                if (beat.seq === seq && !beat.acked) {
                    beat.acked = true;
                    beat.verdict = text(event.verdict);
                    return;
                }
            }
        },

        took(state, event, t) {
            const registry = Ponte.procOf(state, text(event.p), "registry");
            const who = text(event.who);
            const service = text(event.service);
            const verdict = text(event.verdict);
            const proc = Ponte.procOf(state, who, roleOf(service));
            proc.service = service || proc.service;
            learnAddress(state, registry, proc, number(event.seq));
            const leases = leasesOf(state, registry.name);
            const says = ANNOUNCED.get(text(event.state)) ?? "up";
            // Only a beat that was accepted renews a lease.
            if (verdict === "ack" || verdict === "") {
                leases.set(who, {service, t, leaseMs: number(event.lease) * 1000, state: says,
                                 verdict: "ack", seq: number(event.seq), host: text(event.host)});
                proc.registrySays.set(registry.name, says);
                if (says === "left") {
                    leases.delete(who);
                }
            } else if (leases.has(who)) {
                leases.get(who).verdict = verdict;
            }
        },

        lease(state, event, t) {
            const registry = Ponte.procOf(state, text(event.p), "registry");
            const who = text(event.who);
            const what = text(event.what);
            const proc = Ponte.procOf(state, who, roleOf(text(event.service)));
            const says = SAYS.get(what);
            if (says === undefined) {
                return;
            }
            const before = proc.registrySays.get(registry.name);
            proc.registrySays.set(registry.name, says);
            const leases = leasesOf(state, registry.name);
            if (says === "expired" || says === "left") {
                leases.delete(who);
            } else if (leases.has(who)) {
                leases.get(who).state = says;
            }
            const line = Ponte.note(state, t, LEVEL[says], `log.lease.${what}`,
                                    {who, registry: registry.name});
            if (says !== "up" || before === "suspect" || before === "expired") {
                state.banner = line;
            }
        },

        bad(state, event) {
            state.bad = {total: number(event.total), dropped: number(event.dropped),
                         why: typeof event.why === "object" ? event.why ?? {} : {}};
            state.counters.refusedEvents = state.bad.total;
            countLost(state);
        },

        recording(state, event, t) {
            if (event.what === "stopped") {
                state.banner = Ponte.note(state, t, "bad", "log.recording.stopped",
                                          {why: text(event.why)});
            }
        },

        story(state, event) {
            Ponte.foldStory(state, event);
        },

        vote(state, event) {
            state.votes = {counts: Array.isArray(event.counts) ? event.counts.map(number) : [],
                           voters: number(event.voters), open: event.open === true};
        },

        exposed(state, event, t) {
            Ponte.foldClass(state, event, t);
        },
    };

    // What was let loose -> how bad it is, and its key in the tables of words.
    const FAULTS = new Map([
        ["kill", ["bad", "log.fault.kill"]], ["freeze", ["bad", "log.fault.freeze"]],
        ["thaw", ["good", "log.fault.thaw"]], ["drain", ["warn", "log.fault.drain"]],
        ["start", ["good", "log.fault.start"]], ["lose reply", ["bad", "log.fault.lose"]],
        ["cut", ["bad", "log.fault.cut"]], ["mend", ["good", "log.fault.mend"]],
        ["slow", ["warn", "log.fault.slow"]], ["burst", ["info", "log.fault.burst"]],
    ]);

    /** A process is no more. A registry that is dead believes nothing; calls of a dead client stay
        without an end. */
    function over(state, proc, now, t) {
        if (proc.role === "registry") {
            Ponte.forgetBelief(state, proc.name);
        }
        if (now !== "killed" && !proc.forgotten) {
            Ponte.note(state, t, "info", `log.proc.${now}`, {who: proc.name});
        }
    }

    /** What a registry believed is gone with its life. */
    Ponte.forgetBelief = (state, registry) => {
        state.leases.delete(registry);
        for (const proc of state.procs.values()) {
            proc.registrySays.delete(registry);
        }
    };

    function leasesOf(state, registry) {
        let leases = state.leases.get(registry);
        if (leases === undefined) {
            leases = new Map();
            state.leases.set(registry, leases);
        }
        return leases;
    }

    function roleOf(service) {
        return service === "" ? "" : service === "proxy" ? "proxy" : "server";
    }

    /** A registry took the beat that a process has just sent: so it is at the beat's address. */
    function learnAddress(state, registry, proc, seq) {
        let found;
        for (const [to, beat] of proc.beats) {
            if (beat.seq === seq && !state.registryAt.has(to)) {
                if (found !== undefined) {
                    // Two beats have that number: it may be the other one.
                    return;
                }
                found = to;
            }
        }
        if (found !== undefined) {
            state.registryAt.set(found, registry.name);
        }
    }
}
