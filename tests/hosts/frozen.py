"""One of two registries hangs; and processes that slept, and blame nobody for it."""

from __future__ import annotations

import functools
import re
import time

from tests.hosts.lan import part
from tests.hosts.stage import START_S, Stage, freeze, thaw
from tests.hosts.tell import Story
from tests.system.harness import Process

GREETER = "services/greeter.py"
# Seconds after which a dead server is gone everywhere: two leases, and the time of our looks.
GONE_S = 4.0 + 0.4
# Seconds of each sleep: the first one is longer than two leases, all are longer than the patience
# with a registry. And the seconds between two of them, in which a beat is acked.
SLEEPS_S, AWAKE_S = (4.5, 2.0, 2.0), 0.15
# Seconds after a sleep in which a process might blame somebody.
BLAME_S = 3.0
# What a process says of a registry that does not answer.
BLAME = re.compile(r"(?i)no registry|registr\w*\b.*\b(silent|not answer|cannot be|timed out)")


def one_registry_hangs(which: int, how: str, stage: Stage) -> None:
    """One of two registries hangs, and a server dies: it is gone for readers within two leases."""
    registries = one, two = stage.hosts("one", "two")
    servers, proxies, client = (stage.host(name, number) for number, name in
                                enumerate(("servers", "proxies", "client"), 19))
    roles = stage.start_roles(*((host, f"registry.py {host.open}") for host in registries))
    both = f"--registry {one.address}:4100,{two.address}:4100"
    dead, _, *_ = stage.start_roles(
        *((servers, f"server.py {GREETER} --name {name} {both} {servers.open}")
          for name in ("s1", "s2")),
        *((proxies, f"proxy.py --engine {engine} --port {port} --name p-{engine} {both} "
                    f"{proxies.open}") for port, engine in ((4180, "threads"), (4181, "events"))))
    watcher = stage.start(client, "-m", "tests.hosts.watcher", "greeter", f"{one.address}:4100",
                          f"{two.address}:4100")
    stage.wait_for_line(watcher, "knows: p-events p-threads s1 s2\n", START_S)
    ports = (4180, 4181)
    for port in ports:
        stage.wait_until_known(proxies, (proxies.address, port), "greeter", "s1", "s2")
    # 1. One registry hangs.
    if how == "is-cut-off":
        part([registries[which]], [servers, proxies, client])
    else:
        freeze(roles[which])
    if how == "hangs-for-long":
        # Readers and senders have noticed it.
        stage.pause(3)
    # 2. A server dies. Who knows it still, and for how long?
    dead.close()
    began = time.monotonic()
    gone_s: dict[str, float] = {}

    def look() -> bool:
        if _last(watcher) == "knows: p-events p-threads s2":
            gone_s.setdefault("client", time.monotonic() - began)
        for port in ports:
            known = stage.servers_of_proxy(proxies, (proxies.address, port), "greeter")
            if known == ["s2"]:
                gone_s.setdefault(f"proxy at {port}", time.monotonic() - began)
            stage.expect(known is None or "s2" in known, "a proxy has lost a server that lives")
        stage.expect("s2" in _last(watcher) and "p-events p-threads" in _last(watcher),
                     f"the client has lost who lives: {_last(watcher)}")
        return len(gone_s) == 1 + len(ports) or time.monotonic() - began > GONE_S
    stage.wait_until(look, 20, "a dead server is gone")
    stage.expect(len(gone_s) == 1 + len(ports), f"a dead server is not gone within {GONE_S:g} s; "
                 f"it is gone for: {gone_s}")
    # 3. Those that live stay, and a client that starts now finds them.
    stage.expect_value(client, f"{both} greeter whoami", "s2")
    stage.hold(look, 3, "who lives is known")


def _last(watcher: Process) -> str:
    return watcher.out.splitlines()[-1]


def who_slept_blames_nobody(who: str, stage: Stage) -> None:
    """A process is frozen again and again for longer than a lease: it blames no registry."""
    one, two, host = stage.hosts("one", "two", "host")
    registries = stage.start_roles((one, f"registry.py {one.open}"),
                                   (two, f"registry.py {two.open}"))
    both = f"--registry {one.address}:4100,{two.address}:4100"
    server, threads, events = stage.start_roles(
        (host, f"server.py {GREETER} --name s1 {both} {host.open}"),
        (host, f"proxy.py --engine threads --name p1 {both} {host.open}"),
        (host, f"proxy.py --engine events --port 4181 --name p2 {both} {host.open}"))
    client = stage.start(host, "client.py", *both.split(), "--repeat", "0", "--every", "0.1",
                         "greeter", "hello", "Hello")
    stage.wait_for_line(client, "(World\n){3}", START_S)
    sleepers = {"server": [server], "proxies": [threads, events], "client": [client],
                "everybody": [*registries, server, threads, events, client]}[who]
    said = {process: len(process.log) for process in sleepers}
    for sleep_s in SLEEPS_S:
        for process in sleepers:
            freeze(process)
        stage.pause(sleep_s)
        for process in sleepers:
            thaw(process)
        stage.pause(AWAKE_S)
    stage.pause(BLAME_S)
    for process in sleepers:
        stage.expect(process.is_running, "who slept has ended")
        blame = BLAME.search(process.log[said[process]:])
        stage.expect(not blame, f"who slept blames a registry: {blame and blame.group()}")
    # All is as before.
    for registry in (one, two):
        address = (registry.address, 4100)
        stage.wait_until_listed(registry, address, "greeter", "s1")
        stage.wait_until_listed(registry, address, "proxy", "p1", "p2")
    if who == "everybody":
        for process in registries:
            stage.expect("greeter/s1" not in process.out.partition("greeter/s1")[2],
                         "a registry that slept has given up a server")
    before = client.out.count("World")
    stage.wait_until(lambda: client.out.count("World") > before, 3, "the client goes on")


STORIES = [
    *(Story(f"{'second' if which else 'first'}-registry-{how}",
            functools.partial(one_registry_hangs, which, how))
      for which, how in ((0, "hangs"), (1, "hangs"), (0, "hangs-for-long"), (1, "is-cut-off"))),
    *(Story(f"who-slept-blames-nobody-{who}", functools.partial(who_slept_blames_nobody, who))
      for who in ("server", "proxies", "client", "everybody")),
]
