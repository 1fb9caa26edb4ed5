/* What a story shows now: decided from the state alone, so that it is the same live, in a replay and
   in a saved file. Pure. */
"use strict";

globalThis.Ponte ??= {};

{
    const OF_A_PHASE = {begin: "start", question: "question", open: "question", close: "question",
                        fault: "run", proof: "proof", end: "end"};

    /**
     * The scene of a story: "none"; "start" (its processes start); "question"; "run" (the fault is
     * let loose); "proof"; "end".
     * @param {Object} state as fold.js makes it
     * @returns {{scene: string, key: string, story: Object|null, votes: Object}} `key` is another
     *     one for each scene of each step
     */
    Ponte.storyScene = (state) => {
        const {story} = state;
        const votes = state.votes ?? {counts: [0, 0, 0, 0], voters: 0, open: false};
        let scene = story ? OF_A_PHASE[story.phase] ?? "none" : "none";
        if (scene === "end" && !hasSomethingToSay(story)) {
            scene = "none";
        }
        return {scene, key: scene === "none" ? "" : `${story.kind} ${story.step} ${scene}`, story,
                votes};
    };

    /** Whether the demo's steps are played: its own processes are here, nobody acts on them. */
    Ponte.isDemo = ({story}) => story?.kind === "demo" && story.phase !== "end";

    /** Whether the end has a list of what was proved, or a reason. */
    function hasSomethingToSay(story) {
        return story.ended === "failed" || (story.ended === "finished" && story.results.length > 0);
    }

    /** The part of all votes that an answer has, from 0 to 1. */
    Ponte.storyShare = (counts, answer) =>
        counts[answer] / Math.max(1, counts.reduce((sum, count) => sum + count, 0));

    // Which faults a question can be about, by the role of the process (questions.py).
    const FAULTS = {server: ["kill", "freeze", "drain", "lose reply", "cut", "slow"],
                    proxy: ["kill", "freeze", "drain"], registry: ["kill", "freeze"]};
    Ponte.EVERYTHING = "everything";

    /** The processes about which a question can be asked now, each with its faults. */
    Ponte.storyChoices = (state) => {
        const choices = [];
        for (const role of ["server", "proxy", "registry"]) {
            for (const proc of state.procs.values()) {
                const faults = FAULTS[role].filter((what) => proc.can.includes(what));
                if (proc.role === role && proc.state === "up" && !proc.owner && faults.length > 0) {
                    choices.push({who: proc.name, faults});
                }
            }
        }
        return choices.length === 0 ? []
            : [...choices, {who: Ponte.EVERYTHING, faults: ["kill"]}];
    };
}
