/* The player: which moment the page shows. Live, pause, step, scrub and replay are one code path.

   It holds all events, and the state that is the fold of the first `position` of them. Forward, it
   folds on. Back, it folds from the start: an event costs less than a microsecond, so an hour at
   two calls a second takes about a tenth of a second, and no state is ever undone. */
"use strict";

{
    // Events that are held. Some 300 MB of a browser's memory; older ones are folded and let go.
    const MOST_EVENTS = 300000;
    // Kinds at which a step does not stop, unless every event is asked for.
    const BACKGROUND = new Set(["beat", "acked", "took", "gap", "bad", "vote", "exposed"]);

    Ponte.Player = class {
        /**
         * @param {{isReplay?: boolean, most?: number}} [options] isReplay: no more events come than
         *     are added, and it begins at the first one; else it begins live. most: events held
         */
        constructor({isReplay = false, most = MOST_EVENTS} = {}) {
            this.isReplay = isReplay;
            this._most = most;
            this.clear();
        }

        /** Forgets everything: the collector has begun anew. */
        clear() {
            this.events = [];
            /** How many events were let go; `position` counts them, too. */
            this.dropped = 0;
            this.position = 0;
            this.state = Ponte.newState();
            /** "live": follows what comes; "paused"; "playing": goes on at `speed`. */
            this.mode = this.isReplay ? "paused" : "live";
            this.speed = 1;
            /** The moment that is shown, in milliseconds on the clock of the events. */
            this.T = 0;
            this._lead = -Infinity;
            this._last = null;
            // The fold of the events that were let go.
            this._base = null;
        }

        /**
         * Begins with what still holds of events that are not to be had any more: before `add`.
         * @param {Array} standing the last of each kind, such as the state of each process
         */
        base(standing) {
            this._base = Ponte.newState();
            for (const event of standing) {
                Ponte.fold(this._base, event);
            }
            this.state = structuredClone(this._base);
        }

        /** How many events there are, with those that were let go. */
        get end() {
            return this.dropped + this.events.length;
        }

        /** The time of the first event that can be shown, and of the last one. */
        get begins() {
            return this.events.length ? this.events[0].t ?? 0 : 0;
        }

        get ends() {
            return this.events.length ? this.events[this.events.length - 1].t ?? 0 : 0;
        }

        /**
         * Takes events that have come.
         * @param {Array} events in their order
         * @param {number} [now] the clock of the page, in milliseconds
         */
        add(events, now) {
            for (const event of events) {
                this.events.push(event);
            }
            if (events.length && now !== undefined) {
                // The events' clock runs ahead of ours by the most that was ever seen: what was
                // seen less had been on its way for longer.
                this._lead = Math.max(this._lead, this.ends - now);
            }
            if (this.mode === "live") {
                this._foldTo(this.end);
            }
            if (this.events.length > this._most * 2) {
                // Paused for very long: what is shown moves on, or memory would grow for ever.
                this._foldTo(Math.max(this.position, this.end - this._most));
            }
            if (this.events.length > this._most * 1.1) {
                this._letGo(this.events.length - this._most);
            }
        }

        /**
         * A frame: what is shown moves on with the page's clock.
         * @param {number} now milliseconds
         * @returns {number} T, the moment that is shown
         */
        tick(now) {
            const passed = this._last === null ? 0 : Math.max(0, now - this._last);
            this._last = now;
            if (this.mode === "live") {
                this.T = Math.max(this.state.t, Number.isFinite(this._lead) ? now + this._lead : 0);
            } else if (this.mode === "playing") {
                this.T += passed * this.speed;
                this._foldWhile(event => !(event.t > this.T));
                if (this.position === this.end && this.T > this.ends + 4 * Ponte.STRETCH_MS) {
                    this.mode = this.isReplay ? "paused" : "live";
                }
            }
            return this.T;
        }

        /** Stops at what is shown. */
        pause() {
            this.mode = "paused";
        }

        /** Goes on from what is shown; from the start if that is the end of a recording. */
        play(speed = this.speed) {
            if (this.isReplay && this.position === this.end) {
                this.seek(this.dropped);
            }
            this.speed = speed;
            this.mode = "playing";
        }

        /** Shows what comes, as it comes. */
        live() {
            this._foldTo(this.end);
            this.T = this.state.t;
            this.mode = this.isReplay ? "paused" : "live";
        }

        /** Shows the state after the first `position` events, and stops there. */
        seek(position) {
            this.mode = "paused";
            this._foldTo(Math.max(this.dropped, Math.min(Math.round(position) || 0, this.end)));
            this.T = this._shownTime();
        }

        /** Shows a moment; times are those of the events. */
        seekTime(t) {
            // Events may be a little out of order in time: the first one that is later decides.
            let low = 0;
            let high = this.events.length;
            while (low < high) {
                const middle = (low + high) >> 1;
                if (this.events[middle].t <= t) {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            this.mode = "paused";
            this._foldTo(this.dropped + low);
            this.T = Math.max(t, this.state.t);
        }

        /**
         * One step on or back.
         * @param {number} by 1 or -1
         * @param {boolean} [every] also stops at beats and the like
         */
        step(by, every = false) {
            let to = this.position;
            do {
                to += by;
            } while (to > this.dropped && to < this.end && !every
                     && BACKGROUND.has(this.events[to - 1 - this.dropped].k));
            this.seek(to);
        }

        /** The event that was folded last, or null. */
        get event() {
            return this.events[this.position - this.dropped - 1] ?? null;
        }

        _foldTo(position) {
            if (position < this.position) {
                this.position = this.dropped;
                this.state = this._base === null ? Ponte.newState() : structuredClone(this._base);
            }
            const {events, state, dropped} = this;
            for (let at = this.position - dropped; at < position - dropped; at++) {
                Ponte.fold(state, events[at]);
            }
            this.position = position;
        }

        _foldWhile(isDue) {
            let to = this.position;
            while (to < this.end && isDue(this.events[to - this.dropped])) {
                to++;
            }
            this._foldTo(to);
        }

        /** The oldest events are folded into the base, and forgotten; what is shown stays. */
        _letGo(count) {
            const most = Math.min(count, this.position - this.dropped);
            this._base ??= Ponte.newState();
            for (const event of this.events.splice(0, most)) {
                Ponte.fold(this._base, event);
            }
            this.dropped += most;
        }

        /** When the latest event is seen best: its message half-way, or just where it arrived. */
        _shownTime() {
            const {event, state} = this;
            const call = state.calls.get(event?.id);
            const hop = call && call.hops.find(one => event.k === "send"
                ? one.n === event.n && one.i === event.i
                : event.k === "settle" ? one.n === event.of && one.i === event.i
                    : one.at === event.p && one.life === event.i
                        && (event.k === "reply" ? one.replyN : one.recvN) === event.n);
            if (!hop) {
                return state.t;
            }
            const isAnswer = event.k === "reply" || event.k === "settle" && hop.replyT !== null;
            const leg = Ponte.legs(call).find(one => one.hop === hop && one.isReply === isAnswer);
            const share = event.k === "send" || event.k === "reply" ? 0.5 : 1;
            return leg ? Math.max(state.t, leg.t0 + share * Ponte.STRETCH_MS) : state.t;
        }
    };
}
