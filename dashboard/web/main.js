// The page as a whole: takes events, folds them, and lets every view draw what changed.
//
// One loop of animation frames. A view's `update` runs when the state, the language or the size
// changed; its `frame` runs in each frame, for what burns or travels.
"use strict";
{
    globalThis.Ponte ??= {};
    // Figures and rows are written at most so often, in ms; what a fault changed, at once.
    const UPDATE_MS = 100;
    const root = document.documentElement;

    // With reduced motion only what changed is drawn, and fuses burn in steps of this, in ms.
    const CALM_FRAME_MS = 250;

    Ponte.player = new Ponte.Player();
    let isAway = false;
    let dirty = true;
    let drawnState = null;
    let drawnS = -1;
    let drawnBanner = null;
    let drawnProcs = 0;
    let lastFrame = 0;
    let lastUpdate = -Infinity;
    let languageChosen = false;

    /** Draws everything anew in the next frame. */
    Ponte.redraw = () => {
        dirty = true;
    };

    function measure() {
        Ponte.text.refresh();
        dirty = true;
    }

    function take(events, { standing = [], isCut = false, isReplay = false }) {
        if (isReplay && !Ponte.player.isReplay) {
            Ponte.readOnly();
            Ponte.player = new Ponte.Player({ isReplay });
        }
        const isFirst = Ponte.player.end === 0;
        Ponte.isCut ||= isCut;
        if (standing.length && isFirst) Ponte.player.base(standing);
        Ponte.player.add(events, performance.now());
        if (isReplay && isFirst) Ponte.player.seekTime(beginningOf(events));
        dirty = true;
        const start = [...standing, ...events].find((event) => event.k === "start");
        if (start?.lang && !languageChosen) chooseLanguage(start.lang);
    }

    /** When a recording begins to be worth looking at: at its first call. */
    function beginningOf(events) {
        return (events.find((event) => event.k === "call") ?? events[0])?.t ?? 0;
    }

    function restart() {
        Ponte.player.clear();
        Ponte.isCut = false;
        dirty = true;
    }

    function chooseLanguage(lang) {
        languageChosen = true;
        Ponte.theme.setLanguage(String(lang).startsWith("pt") ? "pt" : "en");
    }

    function onFrame(now) {
        requestAnimationFrame(onFrame);
        if (Ponte.theme.still && !dirty && now - lastFrame < CALM_FRAME_MS
            && Ponte.player.state.s === drawnS) return;
        lastFrame = now;
        draw(now);
    }

    /** One frame. The time that it takes is kept, so that tests can hold it against a bound. */
    function draw(now) {
        const begun = performance.now();
        const { player } = Ponte;
        const T = player.tick(now);
        const { state } = player;
        const isNew = state !== drawnState || state.s !== drawnS;
        const isNews = state.banner !== drawnBanner || state.procs.size !== drawnProcs;
        if (dirty || isNews || isNew && now - lastUpdate >= UPDATE_MS) {
            lastUpdate = now;
            for (const view of Ponte.views) view.update(state, Ponte.lang);
            dirty = false;
            drawnState = state;
            drawnS = state.s;
            drawnBanner = state.banner;
            drawnProcs = state.procs.size;
        }
        for (const view of Ponte.views) view.frame?.(state, T, now);
        Ponte.frameMs = performance.now() - begun;
    }

    Ponte.theme.listen(measure);
    addEventListener("resize", measure);
    document.fonts?.ready.then(measure);

    function begin() {
        measure();
        if (!Ponte.canAct) root.dataset.readonly = "true";
        const fragment = new URLSearchParams(location.hash.slice(1));
        if (fragment.get("lang")) chooseLanguage(fragment.get("lang"));
        if (fragment.get("theme")) Ponte.theme.setTheme(fragment.get("theme"));
        Ponte.isServed = !document.getElementById("recording");
        Ponte.probe();
        if (!Ponte.isServed) {
            Ponte.readOnly();
            Ponte.recordingOf(document).then(({ events, standing, dropped }) =>
                take(events, { standing, isCut: dropped, isReplay: true }));
        } else {
            Ponte.follow({ take, restart,
                reach: (isThere) => {
                    if (isAway !== !isThere) Ponte.redraw();
                    isAway = !isThere;
                    root.dataset.connection = isThere ? "there" : "gone";
                } });
        }
        requestAnimationFrame(onFrame);
    }

    Object.defineProperty(Ponte, "isAway", { get: () => isAway });
    begin();
}
