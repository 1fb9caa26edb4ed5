"""The swap: a third guided story. Each part of Ponte is replaced by its industrial peer.

    python3 demo.py swap

It is docs/interop.md, told by itself: "Hello" → "World" by DNS, HAProxy, nginx, Consul, bind, gRPC,
and a server in Perl. In each step a server is killed, too. The peers are real programs; what is
Ponte's beside them are processes of interop/. A step whose program is missing is passed over.
"""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Sequence
from typing import Callable

from classroom import story
from classroom.language import Words
from classroom.stage import Skipped, Stage
from classroom.swap_scene import (
    CALL_S,
    GONE_S,
    KEPT,
    KILLED,
    READY_S,
    ask,
    beside,
    call,
    free_ports,
    greeter,
    is_open,
    lose_a_server,
    need,
    ports_of,
    show_run,
    start_keeper,
    start_servers,
    who_answers,
)
from ponte.net.address import show
from ponte.process.own_files import DEMO, FOLDER, own_file

PLACE = "_greeter._tcp.ponte"
# The lines of a name server that a zone of its own needs.
ZONE = ("$TTL 0\n@ SOA ns.ponte. nobody.ponte. 1 3600 600 86400 0\n@ NS ns.ponte.\n"
        "ns A 127.0.0.1\n")


def run(words: Words, *, auto: bool) -> int:
    """Tells the swap; returns the exit code, as story.run does."""
    return story.run(words, auto=auto,
                     plot=story.Plot(f"{DEMO} swap", _introduce, STEPS, _hand_on))


def _introduce(stage: Stage) -> None:
    screen, words = stage.screen, stage.words
    screen.line(words("PONTE: each part swapped for its industrial peer"), style="title")
    screen.line(words("Seven steps with real programs, as far as this computer has them."))
    screen.line()
    picture = words("client ───►  proxy  ───►  server\n"
                    "gRPC        HAProxy       Perl\n"
                    "             nginx\n"
                    "   └─ who? ─► registry ◄──┘\n"
                    "             DNS  bind  Consul")
    for line in picture.splitlines():
        screen.line(line, lead="    ")


def _hand_on(stage: Stage) -> None:
    stage.screen.line(stage.words("Your turn: docs/interop.md has every command, and a table of "
                                  "what each swap loses."))


# ---- 1 DNS ---------------------------------------------------------------------------------------

def by_dns(stage: Stage) -> None:
    stage.predict("ASK BY DNS",
                  "A program knows DNS, and nothing of Ponte. A server dies. What does it hear?",
                  "DNS FINDS IT → ONLY WHO LIVES")
    need(stage, "dig", package="bind9-dnsutils")
    start_servers(stage)
    dns = start_keeper(stage, "interop.dns", "--port", "0").await_banner()
    asking = ("dig", "@127.0.0.1", "-p", str(dns.address[1]), "+short", PLACE, "SRV")
    live = ports_of((KEPT, KILLED), stage)
    stage.until(lambda: _ports(ask(*asking)) == live, READY_S)
    named = _ports(show_run(stage, *asking))
    stage.check(named == live, "dig was told exactly the ports that live: {ports}",
                ports=_shown(named))
    value = call(("127.0.0.1", (named or [1])[0]), "hello", "Hello")
    stage.check(value == "World", "Hello → {value}, where DNS has led", value=value)
    gone = stage.cast[KILLED].address[1]
    gone_s = lose_a_server(stage, lambda: gone in _ports(ask(*asking)))
    stage.check_limit(gone_s < GONE_S,
                      "{name} is out of DNS, {gone_s:.1f} s after kill -9",
                      name=KILLED, gone_s=gone_s)


def _ports(printed: str) -> list[int]:
    """The ports in what `dig +short` prints of SRV records, sorted."""
    words = [line.split() for line in printed.splitlines()]
    return sorted(int(line[2]) for line in words if len(line) == 4 and line[2].isdigit())


def _shown(numbers: Sequence[object]) -> str:
    return ", ".join(map(str, numbers)) or "-"


# ---- 2, 3 relays ---------------------------------------------------------------------------------

def by_haproxy(stage: Stage) -> None:
    stage.predict("HAPROXY IN OUR PROXY'S PLACE", "HAProxy is never told by its configuration who "
                  "lives. Who answers through it?", "HAPROXY RELAYS IT → NO CALL TO THE DEAD")
    need(stage, "haproxy", package="haproxy")
    start_servers(stage)
    folder, port = stage.cast.folder(), free_ports(1)[0]
    socket, file = os.path.join(folder, "haproxy.sock"), os.path.join(folder, "haproxy.cfg")
    _write(file, _printed(stage, "interop.haproxy", "--services", "greeter", "--socket", socket,
                          "--bind", f"127.0.0.1:{port}", "--print-config"))
    with beside(stage, "haproxy", "-f", "haproxy.cfg"):
        start_keeper(stage, "interop.haproxy", "--services", "greeter", "--socket", socket)
        _relays(stage, port, "HAProxy")


def by_nginx(stage: Stage) -> None:
    stage.predict("NGINX IN OUR PROXY'S PLACE",
                  "nginx reads a file and cannot be told. How does it learn who lives?",
                  "NGINX RELAYS IT → A NEW FILE AT EACH CHANGE")
    need(stage, "nginx", package="nginx")
    start_servers(stage)
    folder, port = stage.cast.folder(), free_ports(1)[0]
    file = os.path.join(folder, "nginx.conf")
    include = os.path.join(folder, "upstreams.conf")
    _write(file, _printed(stage, "interop.nginx", "--bind", f"127.0.0.1:{port}", "--include",
                          include, "--print-config").replace(f'"{FOLDER}{os.sep}',
                                                             f'"{folder}{os.sep}'))
    start_keeper(stage, "interop.nginx", "--include", include, "--nginx", f"nginx -c {file}")
    stage.until(lambda: os.path.exists(include), READY_S)
    dead = f":{stage.cast[KILLED].address[1]} "
    with beside(stage, "nginx", "-c", file, "-g", "daemon off;"):
        _relays(stage, port, "nginx")
        # nginx passes over a dead server by itself, so its answers do not show who told it.
        is_out = stage.until(lambda: dead not in _read(include), GONE_S)
        stage.check_limit(is_out, "the file of servers names {name} no more", name=KILLED)


def _printed(stage: Stage, *words: str) -> str:
    """The configuration that a process of ours prints."""
    return stage.cast.run("-m", *words).stdout


def _write(file: str, text: str) -> None:
    with open(file, "w", encoding="utf-8") as opened:
        opened.write(text)


def _read(file: str) -> str:
    with open(file, encoding="utf-8") as opened:
        return opened.read()


def _relays(stage: Stage, port: int, relay: str) -> None:
    """Both servers answer through a relay; then one is killed."""
    address = ("127.0.0.1", port)
    stage.until(lambda: is_open(port) and who_answers(address) == {KEPT, KILLED}, READY_S)
    names = sorted(who_answers(address))
    stage.check(names == [KEPT, KILLED], "through {program} these answered: {names}", program=relay,
                names=_shown(names))
    value = call(address, "hello", "Hello")
    stage.check(value == "World", "Hello → {value}, through {program}", value=value, program=relay)
    gone_s = lose_a_server(stage, lambda: who_answers(address) != {KEPT})
    stage.check_limit(gone_s < GONE_S,
                      "{gone_s:.1f} s after kill -9 every call goes to the other one",
                      gone_s=gone_s)


# ---- 4 Consul ------------------------------------------------------------------------------------

def by_consul(stage: Stage) -> None:
    stage.predict("CONSUL IN OUR REGISTRY'S PLACE", "No registry of ours is asked. A server dies "
                  "without a word. Does Consul find out?", "CONSUL KNOWS IT → LEASES THERE, TOO")
    need(stage, "consul", package="consul")
    start_servers(stage)
    http, server, serf = free_ports(3)
    place = f"consul://127.0.0.1:{http}"
    with beside(stage, "consul", "agent", "-dev", "-log-level=err", f"-http-port={http}",
                f"-server-port={server}", f"-serf-lan-port={serf}", "-serf-wan-port=-1",
                "-dns-port=-1", "-grpc-port=-1"):
        stage.until(lambda: bool(_consul(http, "/v1/status/leader")), READY_S)
        for name in ("server-3", KILLED):
            if name in stage.cast.names():
                stage.cast[name].leave()
            stage.cast.start(name, "server.py", greeter(), "--name", name, "--registry", place
                             ).await_banner()
        stage.until(lambda: _passing(http) == [KILLED, "server-3"], READY_S)
        passing = _passing(http)
        stage.check(passing == [KILLED, "server-3"], "Consul's list of who is well: {names}",
                    names=_shown(passing))
        ended = stage.cast.run("client.py", "greeter", "hello", "Hello", "--registry", place)
        stage.check(ended.stdout.strip() == "World", "Hello → {value}, found by Consul alone",
                    value=ended.stdout.strip() or ended.stderr.strip())
        gone_s = lose_a_server(stage, lambda: KILLED in _passing(http))
        stage.check_limit(gone_s < GONE_S,
                          "{name} is off Consul's list, {gone_s:.1f} s after kill -9",
                          name=KILLED, gone_s=gone_s)
        stage.cast["server-3"].leave()


def _consul(port: int, path: str) -> object:
    """The JSON that an agent answers; None while it does not."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{port}{path}", timeout=CALL_S) as reply:
            return json.load(reply)
    except (OSError, ValueError):
        return None


def _passing(port: int) -> list[str]:
    """The instances of greeter that are well, as Consul has it."""
    entries = _consul(port, "/v1/health/service/greeter?passing")
    return sorted(entry["Service"]["ID"].rpartition(":")[2]
                  for entry in (entries if isinstance(entries, list) else ()))


# ---- 5 bind --------------------------------------------------------------------------------------

def by_bind(stage: Stage) -> None:
    stage.predict("TELL THE DNS SERVER OF THE HOUSE", "bind knows no leases. Who takes a dead "
                  "server out of its zone?", "BIND KNOWS IT → BY SIGNED UPDATES")
    need(stage, "named", "tsig-keygen", package="bind9")
    need(stage, "dig", package="bind9-dnsutils")
    start_servers(stage)
    folder, port = stage.cast.folder(), free_ports(1)[0]
    key = os.path.join(folder, "ponte.key")
    with open(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w",
              encoding="utf-8") as file:
        file.write(ask("tsig-keygen", "ponte-key") + "\n")
    _write(os.path.join(folder, "ponte.db"), ZONE)
    _write(os.path.join(folder, "named.conf"), f'include "{key}";\n'
           f'options {{ directory "{folder}"; listen-on port {port} {{ 127.0.0.1; }}; '
           "listen-on-v6 { none; }; pid-file none; session-keyfile none; recursion no; "
           "notify no; };\ncontrols { };\n"
           'zone "ponte" { type primary; file "ponte.db"; '
           "update-policy { grant ponte-key zonesub ANY; }; };\n")
    asking = ("dig", "@127.0.0.1", "-p", str(port), "+short", "+tries=1", "+time=1", PLACE, "SRV")
    with beside(stage, "named", "-f", "-4", "-c", "named.conf"):
        start_keeper(stage, "interop.ddns", "--server", f"127.0.0.1:{port}", "--zone", "ponte",
                     "--key", key)
        live = ports_of((KEPT, KILLED), stage)
        stage.until(lambda: _ports(ask(*asking)) == live, READY_S)
        held = _ports(show_run(stage, *asking))
        stage.check(held == live, "bind's zone holds exactly who lives: {ports}",
                    ports=_shown(held))
        value = call(("127.0.0.1", (held or [1])[0]), "hello", "Hello")
        stage.check(value == "World", "Hello → {value}, where bind has led", value=value)
        gone = stage.cast[KILLED].address[1]
        gone_s = lose_a_server(stage, lambda: gone in _ports(ask(*asking)))
        stage.check_limit(gone_s < GONE_S,
                          "{name} is out of bind's zone, {gone_s:.1f} s after kill -9",
                          name=KILLED, gone_s=gone_s)
        stage.cast["interop.ddns"].leave()


# ---- 6 gRPC --------------------------------------------------------------------------------------

def by_grpc(stage: Stage) -> None:
    stage.predict("TWO PROTOCOLS, ONE PORT", "grpcurl has never heard of the greeter. How does it "
                  "know what hello takes?", "GRPC CALLS IT → THE SERVER TELLS ITS TYPES")
    need(stage, "grpcurl", package="grpcurl")
    start_servers(stage)
    cast = stage.cast
    server = cast.start("server-4", "-m", "interop.grpc", "serve", greeter(), "--name", "server-4",
                        "--registry", show(cast["registry"].address)).await_banner()
    place = show(server.address)
    show_run(stage, "grpcurl", "-plaintext", place, "describe", "ponte.greeter.Greeter.hello")
    said = show_run(stage, "grpcurl", "-plaintext", "-d", '{"text": "Hello"}', place,
               "ponte.greeter.Greeter/hello")
    stage.check('"value": "World"' in said, "grpcurl: Hello → {value}",
                value=" ".join(said.split()))
    value = call(server.address, "hello", "Hello")
    stage.check(value == "World", "Python's own client, at the same port: Hello → {value}",
                value=value)
    server.kill()
    stage.tell("kill -9 {name}", name="server-4", style="strong")
    ended = cast.run("-m", "interop.grpc", "call", place, "greeter", "hello", "Hello")
    # 4: not executed, as with client.py.
    stage.check(ended.returncode == 4, "our client of gRPC: {line}",
                line=ended.stderr.strip().rpartition("hello: ")[2])


# ---- 7 Perl --------------------------------------------------------------------------------------

def by_perl(stage: Stage) -> None:
    stage.predict("A SERVER IN PERL", "A server in Perl knows nothing of heartbeats. It dies. Who "
                  "tells the registry?", "PERL ANSWERS IT → A SIDECAR BEATS")
    script = own_file("tests", "interop", "foreign", "server.pl")
    need(stage, "perl", "make_method", package="librpc-xml-perl")
    if not os.path.exists(script):
        raise Skipped(stage.words("this copy of Ponte has no tests/: the server is there"))
    start_servers(stage)
    cast, port = stage.cast, free_ports(1)[0]
    for name in (KEPT, KILLED):
        cast[name].leave()
    stage.until(lambda: not cast.lookup("greeter"), READY_S)
    with beside(stage, "perl", script, str(port), cast.folder()):
        stage.until(lambda: is_open(port), READY_S)
        start_keeper(stage, "interop.sidecar", "greeter", f"127.0.0.1:{port}", "--path", "/RPC2")
        stage.until(lambda: len(cast.lookup("greeter")) == 1, READY_S)
        ended = cast.run("client.py", "greeter", "hello", "Hello", "--registry",
                         show(cast["registry"].address))
        stage.check(ended.stdout.strip() == "World, in Perl", "Hello → {value}",
                    value=ended.stdout.strip() or ended.stderr.strip())
    stage.tell("the server in Perl has ended, and cannot say so", style="strong")
    began = stage.elapsed_s()
    gone = stage.until(lambda: not cast.lookup("greeter"), READY_S)
    stage.check_limit(gone, "its sidecar has noticed: out of lookup after {gone_s:.1f} s",
                      gone_s=stage.elapsed_s() - began)


STEPS: Sequence[Callable[[Stage], None]] = (by_dns, by_haproxy, by_nginx, by_consul, by_bind,
                                            by_grpc, by_perl)
