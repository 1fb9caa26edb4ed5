// What the page asks the laboratory to do: POST /do, with the token of the address.
"use strict";
{
    globalThis.Ponte ??= {};
    // How long a refusal stays on the page, in milliseconds: two lines of reading.
    const SHOWN_MS = 6000;
    const token = new URLSearchParams(location.hash.slice(1)).get("token");
    let hiding = 0;

    function show(line) {
        const box = document.getElementById("refusal");
        Ponte.dom.text(box, line);
        box.hidden = !line;
        clearTimeout(hiding);
        if (line) hiding = setTimeout(() => show(""), SHOWN_MS);
    }

    /** Why a command was refused: in the page's language, where its code is known. */
    function reasonOf({ code, error, values }, fields) {
        const key = `refused.${code}`;
        const isKnown = Ponte.words[Ponte.lang][key] !== undefined;
        return isKnown ? Ponte.say(Ponte.lang, key, { why: error, ...fields, ...values }) : error;
    }

    /**
     * Sends one command. Returns a promise of the answer, or of null when it was refused;
     * the reason of a refusal is then shown on the page.
     */
    async function act(what, fields = {}) {
        if (!Ponte.canAct) return null;
        try {
            const answer = await fetch("/do", {
                method: "POST",
                headers: { "Content-Type": "application/json", "Ponte-Token": token },
                body: JSON.stringify({ what, ...fields }),
            });
            const body = await answer.json();
            if (answer.ok) {
                show("");
                return body;
            }
            show(reasonOf(body, fields) || `${answer.status}`);
        } catch (error) {
            show(Ponte.say(Ponte.lang, "no answer", { why: error.message }));
        }
        return null;
    }

    /** Asks once what this page may do. Without its token, and where there is nothing to do (beside
     *  processes that others have started), it only shows. */
    async function probe() {
        if (!Ponte.canAct) return;
        try {
            const answer = await fetch("/do", {
                method: "POST",
                headers: { "Content-Type": "application/json", "Ponte-Token": token },
                body: JSON.stringify({ what: "commands" }),
            });
            if (answer.status === 401 || !(await answer.json()).commands.length) Ponte.readOnly();
        } catch {
            // No answer says nothing about the token. live.js shows that nobody answers.
        }
    }

    Ponte.probe = probe;
    Ponte.act = act;
    Ponte.refuse = show;
    /** False: no buttons. There is no token, or this is a recording. */
    Ponte.canAct = Boolean(token) && location.protocol !== "file:";
    Ponte.readOnly = () => {
        Ponte.canAct = false;
        document.documentElement.dataset.readonly = "true";
        Ponte.redraw?.();
    };
}
