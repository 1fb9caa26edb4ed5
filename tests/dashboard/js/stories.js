/* Events of made-up calls, written as a story: who does what, one event after another. */
"use strict";

const {Ponte} = require("./page.js");

/** Writes events as the collector gives them: `s` grows by one, `t` by a millisecond or as told. */
class Story {
    constructor() {
        this.events = [];
        this.t = 100;
        this.lives = new Map();
        this.numbers = new Map();
        this.tell("page", "start", {at: 1700000000, lang: "en", version: "1"});
    }

    /** The life of a process: its pid. */
    life(who) {
        if (!this.lives.has(who)) {
            this.lives.set(who, 1000 + this.lives.size);
        }
        return this.lives.get(who);
    }

    /** One event; returns it. `after`: milliseconds since the one before. */
    tell(who, kind, fields = {}, after = 1) {
        this.t += after;
        const n = (this.numbers.get(who) ?? 0) + 1;
        this.numbers.set(who, n);
        const event = {s: this.events.length + 1, p: who, i: this.life(who), n, t: this.t, k: kind,
                       ...fields};
        this.events.push(event);
        return event;
    }

    proc(who, role, state, more = {}) {
        return this.tell("laboratory", "proc", {who, role, state, pid: this.life(who), ...more});
    }

    /** A registry, a proxy, servers and a client, all up, and known to the registry. */
    cast(servers = 3, proxies = ["proxy"], registries = ["registry"]) {
        registries.forEach(name => this.proc(name, "registry", "up"));
        proxies.forEach(name => this.proc(name, "proxy", "up"));
        for (let at = 1; at <= servers; at++) {
            this.proc(`server-${at}`, "server", "up", {can: ["kill", "freeze"]});
        }
        this.proc("client", "client", "up");
        for (const registry of registries) {
            for (const who of [...proxies, ...Array.from({length: servers},
                                                         (_, at) => `server-${at + 1}`)]) {
                this.beat(who, registry);
            }
        }
        return this;
    }

    beat(who, registry, seq = 1) {
        const service = who.startsWith("proxy") ? "proxy" : "kiosk";
        this.tell(who, "beat", {seq, state: "up", to: `127.0.0.1:${this.life(registry)}`});
        this.tell(registry, "took", {who, service, seq, verdict: "ack", lease: 2, state: "up",
                                     host: "127.0.0.1"});
        this.tell(who, "acked", {seq, verdict: "ack"});
    }

    call(id, method = "buy", idem = false) {
        return this.tell("client", "call", {id, service: "kiosk", method, idem});
    }

    send(id, from, to, kind = "original", attempt = 1) {
        return this.tell(from, "send", {id, to, kind, attempt, timeout: 1});
    }

    recv(sent, who, after = 1) {
        return this.tell(who, "recv", {id: sent.id, of: [sent.i, sent.n], kind: sent.kind}, after);
    }

    run(got) {
        return this.tell(got.p, "run", {id: got.id, of: got.n, method: "buy"});
    }

    memo(got, how = "reply") {
        return this.tell(got.p, "memo", {id: got.id, of: got.n, how});
    }

    reply(got, status = 200, why = "") {
        return this.tell(got.p, "reply", {id: got.id, of: got.n, status, why});
    }

    settle(sent, outcome = "answered", what = "", after = 1) {
        return this.tell(sent.p, "settle", {id: sent.id, of: sent.n, outcome, what}, after);
    }

    done(id, outcome = "answered", by = "", why = "") {
        return this.tell("client", "done", {id, outcome, by, why});
    }

    /** A whole call through the proxy that goes well. */
    goesWell(id, server = "server-1", method = "buy") {
        this.call(id, method, method === "hello");
        const kind = method === "hello" ? "idempotent" : "original";
        const first = this.send(id, "client", "proxy", kind);
        const got = this.recv(first, "proxy");
        const second = this.send(id, "proxy", server, kind);
        const there = this.recv(second, server);
        this.run(there);
        this.reply(there);
        this.settle(second);
        this.reply(got);
        this.settle(first);
        this.done(id, "answered", server);
    }

    state() {
        return this.events.reduce(Ponte.fold, Ponte.newState());
    }
}

module.exports = {Story};
