// Looks, frame by frame, from the next press of the mouse on, when conditions come true in the page.
// CONDITIONS is replaced by lines of `name: (state, part) => expression`.
// window.watched becomes { name: milliseconds from the event of the mouse to the frame after }.
(() => {
    const part = (who, name) => [...document.querySelectorAll(
        `[${name === "belief" ? "data-lease" : "data-who"}="${who}"] [data-part="${name}"]`)]
        .map(e => e.textContent).join(" ");
    const waiting = new Map(Object.entries({ CONDITIONS }));
    const times = {};
    const LONGEST_MS = 20000;
    window.watched = new Promise(resolve => {
        addEventListener("pointerdown", event => {
            const began = event.timeStamp;
            const look = now => {
                for (const [name, holds] of waiting) {
                    if (holds(Ponte.player.state, part)) {
                        waiting.delete(name);
                        requestAnimationFrame(() => { times[name] = performance.now() - began; });
                    }
                }
                if (waiting.size && now - began < LONGEST_MS) requestAnimationFrame(look);
                else requestAnimationFrame(() => setTimeout(() => resolve(times)));
            };
            requestAnimationFrame(look);
        }, { once: true, capture: true });
    });
})()
