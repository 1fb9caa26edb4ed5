// Time: pause, a step back or forth, the scrubber over everything since the start, the speed.
"use strict";
{
    globalThis.Ponte ??= {};
    const { html, text, attribute, shape } = Ponte.dom;
    const place = document.getElementById("transport");
    const scrubber = document.getElementById("scrubber");
    // The clock shows tenths of a second, and nothing is written in between.
    const TENTH_MS = 100;
    let written = "";
    let at = "";
    const SPEEDS = [0.1, 0.25, 0.5, 1, 2, 5];

    function button(name, form, key, onClick) {
        const node = html("button", { type: "button", "data-do": name, "aria-keyshortcuts": key });
        if (form) node.append((node.icon = shape(form)));
        node.addEventListener("click", onClick);
        place.append(node);
        return node;
    }

    const back = button("back", "back", "ArrowLeft", () => step(-1));
    const pause = button("pause", "pause", "Space", () => toggle());
    const forth = button("step", "step", "ArrowRight", () => step(1));
    const live = button("live", "", "End", () => goLive());
    const speed = html("select", { "data-do": "speed" });
    for (const each of SPEEDS) speed.append(html("option", { value: each, text: `${each}×` }));
    speed.value = "1";
    speed.addEventListener("change", () => setSpeed(Number(speed.value)));
    const clock = html("output", { class: "clock", "data-part": "clock" });
    place.append(speed, clock);
    place.addEventListener("click", Ponte.dom.blurAfterMouse, true);

    function toggle() {
        const { player } = Ponte;
        if (isRunning()) player.pause();
        else player.play();
        Ponte.redraw();
    }

    /** True while time goes on. */
    const isRunning = () => Ponte.player.mode !== "paused";

    function step(direction) {
        Ponte.player.step(direction);
        Ponte.redraw();
    }

    function goLive() {
        Ponte.player.live();
        Ponte.redraw();
    }

    function setSpeed(value) {
        Ponte.player.speed = value;
        speed.value = String(value);
        Ponte.redraw();
    }

    function faster(direction) {
        const at = SPEEDS.indexOf(Number(speed.value)) + direction;
        setSpeed(SPEEDS[Math.min(Math.max(at, 0), SPEEDS.length - 1)]);
    }

    scrubber.addEventListener("input", () => {
        Ponte.player.seekTime(Number(scrubber.value));
        Ponte.redraw();
    });

    function update(state, lang) {
        const { player } = Ponte;
        const running = isRunning();
        pause.icon.setShape(running ? "pause" : "start");
        // At the start of a recording this is what to press.
        const isFirst = player.isReplay && !running && player.T <= player.begins;
        attribute(pause, "class", isFirst ? "chief" : null);
        say(back, lang, "view.back");
        say(forth, lang, "view.step");
        say(pause, lang, running ? "view.pause" : "view.play");
        text(live, Ponte.say(lang, !player.isReplay ? "view.go live" : "view.go end"));
        attribute(live, "aria-pressed", String(player.mode === "live"));
        attribute(speed, "aria-label", Ponte.say(lang, "view.speed"));
        attribute(speed, "title", Ponte.say(lang, "view.speed"));
        attribute(scrubber, "aria-label", Ponte.say(lang, "view.scrubber"));
        // Live is as fast as life: another speed is for what was recorded.
        speed.disabled = player.mode === "live";
    }

    function say(node, lang, key) {
        const said = Ponte.say(lang, key);
        attribute(node, "aria-label", said);
        attribute(node, "title", said);
    }

    function frame(state, T) {
        const from = Ponte.player.begins;
        const to = Math.max(Ponte.player.ends, T);
        const shown = [from, to, T].map((t) => Math.floor(t / TENTH_MS));
        if (String(shown) === written && scrubber.value === at) return;
        written = String(shown);
        attribute(scrubber, "min", Math.floor(from));
        attribute(scrubber, "max", Math.ceil(to));
        scrubber.value = String(Math.round(T));
        at = scrubber.value;
        const said = timeOf(T);
        attribute(scrubber, "aria-valuetext", said);
        text(clock, `${said} / ${timeOf(to)}`);
    }

    function timeOf(ms) {
        const tenths = Math.max(0, Math.floor(ms / 100));
        const seconds = String(Math.floor(tenths / 10) % 60).padStart(2, "0");
        const comma = Ponte.lang === "pt" ? "," : ".";
        return `${Math.floor(tenths / 600)}:${seconds}${comma}${tenths % 10}`;
    }

    Ponte.transport = { toggle, step, goLive, faster };
    Ponte.views.push({ update, frame });
}
