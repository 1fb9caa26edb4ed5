/* Where words stand in the diagram: never on each other, on a circle or a cross, or out of the box.

   Words come in the order of their worth. Each has places where it may stand; the first one that is
   free and crossed by the fewest lines is taken. A word without a free place is left out: the look
   of its arrow still tells it, and the page says it when it is pointed at. */
"use strict";

{
    /**
     * @param {{x0, y0, x1, y1}} box that no word leaves
     * @param {function(string): number} measure the width of a text, in pixels
     * @param {number} high the height of a line of text
     */
    Ponte.LabelPlaces = class {
        constructor(box, measure, high) {
            this._box = box;
            this._measure = measure;
            this._high = high;
            // Rectangles that are taken; segments that a word should not stand on.
            this._taken = [];
            this._lines = [];
            /** Words that have a place: {x, y, text, anchor, ...what was given}; and all others. */
            this.placed = [];
            this.leftOut = [];
        }

        /** Nothing may stand on this rectangle. */
        block(x0, y0, x1, y1) {
            this._taken.push({x0, y0, x1, y1});
        }

        /** Words avoid this segment if they can. */
        avoid(x0, y0, x1, y1) {
            this._lines.push({x0, y0, x1, y1});
        }

        /**
         * Places one word, if there is room.
         * @param {{text: string}} label
         * @param {Array<{x, y}>} places for its middle, the best first
         * @returns {boolean} whether it has a place
         */
        place(label, places) {
            const wide = this._measure(label.text);
            let best = null;
            for (const {x, y} of places) {
                const area = {x0: x - wide / 2, y0: y - this._high / 2,
                              x1: x + wide / 2, y1: y + this._high / 2};
                if (!this._isFree(area)) {
                    continue;
                }
                const crossed = this._lines.reduce((sum, line) => sum + crosses(line, area), 0);
                if (best === null || crossed < best.crossed) {
                    best = {area, crossed, x, y};
                }
                if (crossed === 0) {
                    break;
                }
            }
            if (best === null) {
                this.leftOut.push(label);
                return false;
            }
            this._taken.push(best.area);
            this.placed.push({...label, x: best.x, y: best.y, anchor: "middle", width: wide,
                              height: this._high});
            return true;
        }

        _isFree(area) {
            const {x0, y0, x1, y1} = this._box;
            return area.x0 >= x0 && area.y0 >= y0 && area.x1 <= x1 && area.y1 <= y1
                && !this._taken.some(other => overlap(area, other));
        }
    };

    function overlap(one, other) {
        return one.x0 < other.x1 && other.x0 < one.x1 && one.y0 < other.y1 && other.y0 < one.y1;
    }

    /** Whether a segment meets a rectangle (Liang and Barsky, 1984). */
    function crosses(line, area) {
        const dx = line.x1 - line.x0;
        const dy = line.y1 - line.y0;
        let enters = 0;
        let leaves = 1;
        for (const [step, room] of [[-dx, line.x0 - area.x0], [dx, area.x1 - line.x0],
                                    [-dy, line.y0 - area.y0], [dy, area.y1 - line.y0]]) {
            if (step === 0 && room < 0) {
                return false;
            }
            if (step < 0) {
                enters = Math.max(enters, room / step);
            } else if (step > 0) {
                leaves = Math.min(leaves, room / step);
            }
        }
        return enters <= leaves;
    }
}
