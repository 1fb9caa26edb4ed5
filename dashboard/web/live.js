// Fetches events from the page's own server by long polls, while the tab is seen.
"use strict";
{
    globalThis.Ponte ??= {};
    // How long the server may hold a poll open, in seconds. Under the usual 30 s of middleboxes.
    const WAIT_S = 20;
    // After a failed poll: first and longest pause, in milliseconds.
    const FIRST_PAUSE_MS = 250;
    const LONGEST_PAUSE_MS = 4000;

    const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

    /** Resolves when the tab is seen. A hidden tab asks for nothing. */
    function seen() {
        if (!document.hidden) return Promise.resolve();
        return new Promise((done) => {
            document.addEventListener("visibilitychange", function look() {
                if (document.hidden) return;
                document.removeEventListener("visibilitychange", look);
                done();
            });
        });
    }

    /** An error of the page itself is no error of the server: it is thrown where it is seen. */
    function taken(page, { events, standing = [], first, replay }) {
        try {
            page.take(events, { standing, isCut: first > 1, isReplay: Boolean(replay) });
        } catch (error) {
            setTimeout(() => {
                throw error;
            });
        }
    }

    /**
     * Polls for ever.
     * @param {{take, restart, reach}} page
     *   take(events, {standing, isCut, isReplay}): new events, after what still holds of those that
     *   were dropped; restart(): the server lives anew, or has dropped events that we have not
     *   seen; reach(isThere): whether the server answers
     */
    async function follow(page) {
        let life = null;
        let since = 0;
        let pause = FIRST_PAUSE_MS;
        for (;;) {
            await seen();
            const stop = new AbortController();
            const onHide = () => document.hidden && stop.abort();
            document.addEventListener("visibilitychange", onHide);
            try {
                const answer = await fetch(`/events?since=${since}&wait=${WAIT_S}`,
                    { signal: stop.signal, cache: "no-store" });
                if (!answer.ok) throw new Error(`status ${answer.status}`);
                const answered = await answer.json();
                const { life: now, first, next } = answered;
                page.reach(true);
                pause = FIRST_PAUSE_MS;
                const changed = life !== null && now !== life;
                if (changed || since && since < first) {
                    page.restart();
                    // Another life of the server begins at its own first event.
                    since = changed ? 0 : first;
                    life = now;
                    if (changed) continue;
                }
                life = now;
                since = next;
                taken(page, answered);
            } catch (error) {
                if (error.name !== "AbortError") {
                    page.reach(false);
                    await sleep(pause);
                    pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
                }
            } finally {
                document.removeEventListener("visibilitychange", onHide);
            }
        }
    }

    Ponte.follow = follow;
}
