/* A saved page carries its recording in itself: JSON, deflated, in base64, in a script of data.

   Nothing is fetched, and no script of the file runs on data: the browser inflates it. The scripts
   of a saved file stand at the end of its body, so that the recording is there when they run; the
   page waits for the whole document all the same. */
"use strict";

{
    /**
     * The recording of this page, if it is a saved one.
     * @param {Document} page
     * @returns {Promise<{events: Array, first: number, dropped: boolean, standing: Array}|null>}
     */
    Ponte.recordingOf = async page => {
        if (page.readyState === "loading") {
            await new Promise(whole => page.addEventListener("DOMContentLoaded", whole));
        }
        const element = page.getElementById("recording");
        return element === null ? null : Ponte.unpack(element.textContent);
    };

    /**
     * The events in the text of the script of data.
     * @param {string} text {"form", "count", "first", "dropped", "standing", "data"}
     *     (dashboard/saved.py)
     */
    Ponte.unpack = async text => {
        const {form, first = 1, dropped = false, standing = [], data} = JSON.parse(text);
        if (form !== "deflate-raw") {
            throw new Error(`a recording in the form ${form}: this page knows deflate-raw only`);
        }
        const packed = Uint8Array.from(atob(data), letter => letter.charCodeAt(0));
        const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream(form));
        const events = JSON.parse(await new Response(stream).text());
        events.forEach((event, at) => {
            event.s ??= first + at;
        });
        return {events, first, dropped, standing};
    };
}
