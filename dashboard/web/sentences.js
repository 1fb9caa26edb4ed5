/* What rule R decided for a call, and why, in a sentence or two (ponte/calls/rule.py).

   Each attempt is not sent, answered or unknown. Not sent: any other may be asked. Answered: final.
   Unknown: it may have run; what is idempotent may be asked elsewhere, all else only there again,
   with the same number. The sentence names the step that decided. */
"use strict";

{
    // What the settle of an opening says that worked (ponte/calls/hop.py).
    const GAVE_SESSION = "gave a session";

    /**
     * The attempts of a call, in their order: without those that the next hop passed on, and
     * without requests that carried no call, unless the call got no further because of one.
     */
    Ponte.attemptsOf = call => call.hops.filter(hop => {
        if (hop.passedOn || hop.kind === "resolve" || !(hop.at || hop.to)) {
            return false;
        }
        return hop.kind !== "opening" || hop.outcome !== null && !Ponte.isSession(hop);
    });

    /** Whether a hop asked for a session, and got one. */
    Ponte.isSession = hop => hop.kind === "opening"
        && (hop.outcome === "answered" || hop.what === GAVE_SESSION);

    /** What an attempt came to. A request for a session cannot run, whatever became of it. */
    const outcomeOf = hop => hop.kind === "opening" ? "not sent" : hop.outcome;

    /**
     * The way of a call, for its row: [{who, mark}] with "✓" answered, "✕" not sent, "?" unknown,
     * "…" under way. Attempts in a row that came to the same at one process are one step.
     */
    Ponte.way = call => {
        const steps = [];
        for (const hop of Ponte.attemptsOf(call)) {
            const step = {who: hop.at || hop.to, mark: MARKS.get(outcomeOf(hop)) ?? "…"};
            const last = steps[steps.length - 1];
            if (!last || last.who !== step.who || last.mark !== step.mark) {
                steps.push(step);
            }
        }
        return steps;
    };

    const MARKS = new Map([["answered", "✓"], ["not sent", "✕"], ["unknown", "?"]]);

    /** What rule R decided and why, as one text. */
    Ponte.explain = (call, lang) => Ponte.explanation(call)
        .map(({key, values}) => Ponte.say(lang, key, values)).join(" ");

    /** The same as its parts: {key, values} of the tables of words. */
    Ponte.explanation = call => {
        const parts = [];
        const add = (key, values = {}) => parts.push({key: `explain.${key}`, values});
        const attempts = Ponte.attemptsOf(call);
        const unknown = attempts.filter(hop => outcomeOf(hop) === "unknown");
        addRefused(attempts, add);
        if (unknown.length) {
            addUnknown(call, attempts, unknown, add);
        }
        addEnd(call, attempts, unknown, parts, add);
        addLater(call, add);
        if (call.gaps) {
            add("gap", {count: call.gaps});
        }
        return parts;
    };

    const names = hops => [...new Set(hops.map(hop => hop.at || hop.to))].join(", ");

    /** Attempts that cannot have run. */
    function addRefused(attempts, add) {
        const refused = attempts.filter((hop, index) => outcomeOf(hop) === "not sent"
            && !isAgain(attempts, index));
        // At the end of the only way nothing follows: the end of the sentence says it all.
        if (refused.length === attempts.length) {
            return;
        }
        const say = (key, hops) => hops.length && add(key, {who: names(hops)});
        say("refused", refused.filter(hop => hop.refused));
        say("opening", refused.filter(hop => hop.outcome === "unknown"));
        say("declined", refused.filter(hop => !hop.refused && hop.outcome === "not sent"));
    }

    /** Whether an attempt repeats one that may have run, at the same process. */
    const isAgain = (attempts, index) => attempts.slice(0, index).some(hop =>
        outcomeOf(hop) === "unknown"
        && (hop.at || hop.to) === (attempts[index].at || attempts[index].to));

    /** Attempts that may have run, and who may be asked next. */
    function addUnknown(call, attempts, unknown, add) {
        const who = names(unknown);
        if (unknown.some(hop => hop.kind === "plain")) {
            add("unknown.plain", {who});
        } else if (isIdempotent(call, unknown)) {
            const others = attempts.some(hop => !unknown.includes(hop)
                && !unknown.some(one => (one.at || one.to) === (hop.at || hop.to)));
            add(others || call.t1 === null ? "unknown.idempotent" : "unknown.alone", {who});
        } else {
            add("unknown.once", {who});
            if (attempts.some((hop, index) => outcomeOf(hop) === "not sent"
                && isAgain(attempts, index))) {
                add("again.refused");
            }
        }
    }

    function isIdempotent(call, hops) {
        return call.idem ?? hops.every(hop => hop.kind === "idempotent");
    }

    /** What the call came to. */
    function addEnd(call, attempts, unknown, parts, add) {
        const by = call.by || names(attempts.filter(hop => hop.outcome === "answered"));
        if (call.t1 === null) {
            const waits = attempts.filter(hop => hop.outcome === null);
            add(waits.length ? "waits" : "begun", {who: names(waits)});
        } else if (call.outcome === "fault") {
            add("fault", {by: by || "?"});
        } else if (call.outcome === "not sent") {
            add(attempts.length ? "notSent" : "nobody", {who: names(attempts)});
        } else if (call.outcome === "unknown") {
            add(isIdempotent(call, attempts) ? "end.idempotent" : "end.unknown");
        } else if (!parts.length) {
            add(by ? "one" : "answered", {by});
        } else {
            add(endOfRepeat(call, attempts, unknown), {by});
        }
    }

    /** How the attempt that was answered came to its reply. */
    function endOfRepeat(call, attempts, unknown) {
        const last = attempts.filter(hop => hop.outcome === "answered").pop();
        const work = call.works.filter(one => one.hop === last).pop();
        if (!unknown.length || !last || !work || isIdempotent(call, attempts)) {
            return "then.answered";
        }
        if (work.kind === "run") {
            return "then.ran";
        }
        return work.how === "wait" ? "then.waited" : "then.memory";
    }

    /** What came after the end: a request that arrived late, and what `resolve` was told. */
    function addLater(call, add) {
        const late = call.hops.filter(hop => hop.lost === "late" && !hop.passedOn
            && hop.kind !== "opening" && hop.kind !== "resolve");
        const works = call.works.filter(work => late.includes(work.hop));
        if (works.some(work => work.kind === "run")) {
            add("late.ran", {who: names(late)});
        } else if (late.length && !works.length && late.every(hop => hop.status === 503)) {
            add("late.refused", {who: names(late)});
        } else if (late.length) {
            add("late", {who: names(late)});
        }
        if (call.resolved) {
            const outcome = call.resolved.t1 === null ? "waits" : call.resolved.outcome;
            add(`resolved.${RESOLVED.has(outcome) ? outcome : "unknown"}`);
        }
    }

    const RESOLVED = new Set(["waits", "answered", "fault", "not sent", "unknown"]);
}
