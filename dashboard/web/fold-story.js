/* The fold over a story's events: question, vote, fault, what came true, proof.

   The story's own file draws it (story.js). A question begins anew: what was told of the step
   before is over. */
"use strict";

{
    // What each event may tell, and what it is before.
    const OF_A_STORY = {kind: "demo", step: 0, of: 0, results: [], ended: ""};
    const OF_A_STEP = {title: null, question: null, answers: [], lines: [], checks: [],
                       passed: null, right: null, proves: null, text: null};
    const FIELDS = [...Object.keys(OF_A_STORY), ...Object.keys(OF_A_STEP)];
    // Lines of one step that are kept.
    const KEEP_LINES = 200;

    Ponte.foldStory = (state, event) => {
        const phase = typeof event.what === "string" ? event.what : "";
        if (phase === "begin" || state.story === null) {
            state.story = {phase, ...OF_A_STORY, ...fresh()};
        }
        const {story} = state;
        if (phase === "line") {
            story.lines.push({at: event.at ?? 0, text: event.text ?? "", style: event.style ?? ""});
            story.lines.splice(0, story.lines.length - KEEP_LINES);
            return;
        }
        story.phase = phase;
        if (phase === "question") {
            Object.assign(story, fresh());
            state.votes = {counts: [0, 0, 0, 0], voters: 0, open: false};
        }
        for (const field of FIELDS) {
            if (event[field] !== undefined) {
                story[field] = event[field];
            }
        }
    };

    function fresh() {
        return {...OF_A_STEP, answers: [], lines: [], checks: []};
    }
}
