// Everything by keys, so that the page can be driven without a mouse or by a presenter's remote.
"use strict";
{
    globalThis.Ponte ??= {};

    // Keys that fields and menus need for themselves.
    const inField = (target) => target instanceof HTMLInputElement && target.type !== "range"
        || target instanceof HTMLSelectElement || target instanceof HTMLTextAreaElement;

    const KEYS = new Map([
        [" ", () => Ponte.transport.toggle()],
        [".", () => Ponte.transport.toggle()],
        ["ArrowLeft", () => Ponte.transport.step(-1)],
        ["ArrowRight", () => Ponte.transport.step(1)],
        ["ArrowDown", () => Ponte.calls.move(1)],
        ["ArrowUp", () => Ponte.calls.move(-1)],
        ["PageUp", () => Ponte.transport.step(-1)],
        ["PageDown", () => Ponte.transport.step(1)],
        ["End", () => Ponte.transport.goLive()],
        ["Escape", () => Ponte.calls.pick("")],
        ["+", () => Ponte.transport.faster(1)],
        ["-", () => Ponte.transport.faster(-1)],
        ["?", () => Ponte.help.toggle()],
        ["b", () => Ponte.canAct && Ponte.laboratory.burst()],
        ["a", () => Ponte.laboratory.openAdd()],
        ["p", () => Ponte.top.predict()],
        ["v", () => Ponte.top.save()],
        ["g", () => Ponte.top.switchLanguage()],
        ["u", () => Ponte.diagram.askWhat()],
        ["z", () => Ponte.diagram.zoom()],
        ["n", () => Ponte.theme.toggle()],
        ["j", () => Ponte.canAct && Ponte.openClass?.()],
        ["0", () => pickNext()],
    ]);

    /** Picks a proxy, a registry or a client: the next one with each press. */
    function pickNext() {
        const { names, picked, pick } = Ponte.topology;
        const others = [...names.proxies, ...names.registries, ...names.clients];
        if (others.length) pick(others[(others.indexOf(picked) + 1) % others.length]);
    }

    function onKey(event) {
        if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
        if (event.defaultPrevented || inField(event.target)) return;
        if (Ponte.keyHandlers.some((handler) => handler(event))) {
            event.preventDefault();
            return;
        }
        // An open dialog has its own keys; the page below it stays as it is. Language and light are
        // of the dialog, too.
        const open = document.querySelector("dialog[open]");
        const isOfAll = ["g", "n"].includes(event.key.toLowerCase());
        if (open && !isOfAll && !(open.id === "help" && event.key === "?")) return;
        // A button that has the focus is pressed by Space and Enter.
        if (event.target instanceof HTMLButtonElement && event.key === " ") return;
        const letter = event.key.length === 1 ? event.key.toLowerCase() : event.key;
        const does = KEYS.get(letter) ?? faultOf(letter) ?? serverOf(letter);
        if (!does) return;
        event.preventDefault();
        does();
    }

    function faultOf(letter) {
        const what = Ponte.faults.keys.get(letter.toUpperCase());
        return what && (() => Ponte.faults.act(what));
    }

    function serverOf(letter) {
        const name = /^[1-9]$/.test(letter) && Ponte.topology.names?.servers[letter - 1];
        return name && (() => Ponte.topology.pick(name));
    }

    addEventListener("keydown", onKey);
}
