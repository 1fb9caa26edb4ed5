/* The fold over what is open to a class: which ports, the code, for how long, and who is there. */
"use strict";

{
    const {textOf: text, numberOf: number} = Ponte;
    const texts = value => (Array.isArray(value) ? value.map(text).filter(Boolean) : []);

    function classroomOf(event, t) {
        const dropped = event.dropped !== null && typeof event.dropped === "object"
            ? Object.entries(event.dropped).map(([reason, count]) => [reason, number(count)]) : [];
        return {code: text(event.code), url: text(event.url), qr: texts(event.qr),
                hosts: texts(event.hosts), devices: number(event.devices),
                servers: number(event.servers), endsAt: t + number(event.left_s) * 1000,
                dropped: Object.fromEntries(dropped)};
    }

    Ponte.foldClass = (state, event, t) => {
        const list = Array.isArray(event.list) ? event.list : [];
        const isNews = (state.exposed === null) !== (list.length === 0);
        state.exposed = list.length ? list : null;
        state.classroom = list.length ? classroomOf(event, t) : null;
        if (isNews) {
            const [level, key] = list.length ? ["warn", "log.class opened"]
                : ["info", "log.class ended"];
            Ponte.note(state, t, level, key, {address: text(list[0]?.address)});
        }
    };
}
