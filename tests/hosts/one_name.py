"""Two processes of one name on two hosts: default names, a younger one, a partition that heals."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable

from ponte.net.address import Address
from tests.hosts.lan import Host, heal, part
from tests.hosts.stage import FIND_S, START_S, Stage, freeze, thaw
from tests.hosts.tell import Story
from tests.system.harness import Process

GREETER = "services/greeter.py"
PAIRS = 8
# Seconds until a younger process is known everywhere, and the elder has ended: a sender finds a
# registry again within a beat or two, and then drains for a second or two.
WIN_S = 8.0
# Seconds for which a call goes on, when its server is the elder one; and for which it may take.
CALL_S, CALLED_S = 2.0, 20.0
# Prints when it begins, goes on until a file is there, and says by its return who has run it.
SLOW = """
    import os
    import time


    def slow(file: str) -> int:
        print("it runs", flush=True)
        while not os.path.exists(file):
            time.sleep(0.05)
        return os.getpid()
"""


def default_names(listen: str, stage: Stage) -> None:
    """Servers and proxies on two hosts, each with the same port and without a name."""
    far, one, two, client = stage.hosts("far", "one", "two", "client")
    stage.start_role(far, f"registry.py {far.open}")
    registry = f"--registry {far.address}:4100"
    roles = stage.start_roles(*(
        (host, f"{role} {registry} --insecure --host {listen or host.address}")
        for host in (one, two)
        for role in ("proxy.py", f"server.py {GREETER} --port 5000")))

    def both_listed() -> bool:
        return all(sorted(each["host"] for each in stage.lookup(
            far, (far.address, 4100), service).values()) == [one.address, two.address]
            for service in ("proxy", "greeter")) and all(role.is_running for role in roles)
    stage.wait_until(both_listed, FIND_S, "both hosts have a proxy and a server in the list")
    stage.hold(both_listed, 3, "both hosts have a proxy and a server in the list")
    stage.expect_value(client, f"{registry} greeter hello Hello", "World")


def roles_before_the_registry(stage: Stage) -> None:
    """Three servers of the demo are started before the registry: each has a name of its own."""
    [one] = stage.hosts("one")
    servers = stage.start_roles(*[(one, "demo.py server --lang en")] * 3)
    stage.start_role(one, "demo.py registry --lang en")

    def all_listed() -> bool:
        return (len(stage.lookup(one, ("127.0.0.1", 4100), "greeter")) == 3
                and all(server.is_running for server in servers))
    stage.wait_until(all_listed, FIND_S, "three servers are listed, and run")
    stage.hold(all_listed, 3, "three servers are listed, and run")


def partition_heals(seen: str, stage: Stage) -> None:
    """Eight names, each on both sides of a partition; it heals, and the younger process wins.

    `seen`: "by-two" registries, one on each side; or "by-three", of which the third one has seen
    all elders before it was cut off from the left side, too. Some of the processes are proxies.
    """
    left, right, third = stage.hosts("left", "right", "third")
    hosts = [left, right] if seen == "by-two" else [left, right, third]
    stage.start_roles(*((host, f"registry.py {host.open}") for host in hosts))
    part([left], [right])
    # 1. The elders: of the first half on the left side, of the others on the right one.
    elders = _start_all(stage, hosts, [left, right])
    if seen == "by-three":
        _wait_for_all(stage, third)
        part([left], [third])
    # 2. The younger ones, on the other side.
    younger = _start_all(stage, hosts, [right, left])
    for host in hosts:
        _wait_for_all(stage, host)
    stage.expect(all(each.is_running for each in elders[:PAIRS // 2]),
                 "the partition is none: an elder has heard of its younger process")
    # 3. It heals.
    heal([left], hosts[1:])
    began = time.monotonic()
    stage.wait_until(lambda: all(not one.is_running or not other.is_running
                                 for one, other in zip(elders, younger)), WIN_S,
                     "one process of each pair has ended")
    wins = sum(each.is_running for each in younger)
    stage.expect(wins == PAIRS, f"the younger process wins {wins} of {PAIRS} times")
    for elder in elders:
        _expect_loud_end(stage, elder, WIN_S)
    # 4. All registries know the younger ones, and go on to.
    addresses = {f"n{i}": _address(each) for i, each in enumerate(younger)}

    def all_know() -> bool:
        return all({name: (each["host"], each["port"]) for name, each in stage.lookup(
            host, (host.address, 4100), "*").items()} == addresses for host in hosts)
    stage.wait_until(all_know, WIN_S - (time.monotonic() - began),
                     "all registries know the younger ones")
    stage.hold(all_know, 2, "all registries know the younger ones")


def _start_all(stage: Stage, registries: list[Host], sides: list[Host]) -> list[Process]:
    """One process of each name: the first half on the first side, the others on the second."""
    lines = []
    for i in range(PAIRS):
        host = sides[i * 2 // PAIRS]
        # Of the registries, the near one is named first by some, and last by others.
        order = registries[::-1] if i % 2 else registries
        named = ",".join(f"{each.address}:4100" for each in order)
        role = "proxy.py --port 0" if i % 4 == 3 else f"server.py {GREETER}"
        lines.append((host, f"{role} --name n{i} --registry {named} {host.open}"))
    return stage.start_roles(*lines)


def _wait_for_all(stage: Stage, host: Host) -> None:
    stage.wait_until_listed(host, (host.address, 4100), "*", *(f"n{i}" for i in range(PAIRS)))


def _address(server: Process) -> Address:
    """Where a server listens, by its banner."""
    found = server.wait_for_line(r"http://([\d.]+):(\d+)/", START_S)
    return found[1], int(found[2])


def _expect_loud_end(stage: Stage, elder: Process, within_s: float) -> None:
    code = stage.wait_for_end(elder, within_s)
    stage.expect(code == 1, f"the elder ends with exit code {code}, not 1: {elder.err}")
    stage.expect("younger" in elder.err, f"the elder does not say why it ends: {elder.err}")


def three_of_one_name(stage: Stage) -> None:
    """Three hosts, each alone with its registry, and a process of one name on each; it heals."""
    hosts = stage.hosts("one", "two", "three")
    stage.start_roles(*((host, f"registry.py {host.open}") for host in hosts))
    named = ",".join(f"{host.address}:4100" for host in hosts)
    cuts = [(hosts[:1], hosts[1:]), (hosts[1:2], hosts[2:])]
    for left, right in cuts:
        part(left, right)
    first, youngest, second = (hosts[i] for i in (0, 1, 2))
    elders = [stage.start_role(host, f"server.py {GREETER} --name n0 --registry {named} "
                               f"{host.open}") for host in (first, second)]
    winner = stage.start_role(youngest, f"server.py {GREETER} --name n0 --registry {named} "
                              f"{youngest.open}")
    for host in hosts:
        stage.wait_until_listed(host, (host.address, 4100), "greeter", "n0")
    for left, right in cuts:
        heal(left, right)
    for elder in elders:
        _expect_loud_end(stage, elder, WIN_S)

    def all_know() -> bool:
        return winner.is_running and all(
            [each["host"] for each in stage.lookup(host, (host.address, 4100), "greeter").values()]
            == [youngest.address] for host in hosts)
    stage.wait_until(all_know, WIN_S, "all registries know the youngest one")
    stage.hold(all_know, 2, "all registries know the youngest one")


def elder_slept(stage: Stage) -> None:
    """A process is frozen; a younger one of its name starts elsewhere; the elder goes on."""
    far, one, two = stage.hosts("far", "one", "two")
    stage.start_role(far, f"registry.py {far.open}")
    line = f"server.py {GREETER} --name n0 --registry {far.address}:4100"
    elder = stage.start_role(one, f"{line} {one.open}")
    stage.wait_until_listed(far, (far.address, 4100), "greeter", "n0")
    freeze(elder)
    stage.wait_until_listed(far, (far.address, 4100), "greeter")
    younger = stage.start_role(two, f"{line} {two.open}")
    stage.wait_until_listed(far, (far.address, 4100), "greeter", "n0")
    thaw(elder)

    def younger_listed() -> bool:
        return younger.is_running and [each["host"] for each in stage.lookup(
            far, (far.address, 4100), "greeter").values()] == [two.address]
    stage.hold(younger_listed, 2, "the younger process is listed")
    _expect_loud_end(stage, elder, WIN_S)
    stage.expect(younger_listed(), "the younger process is not listed")


def call_on_the_elder(engine: str, stage: Stage) -> None:
    """A younger process takes the name while a call runs on the elder, for two seconds more."""
    far, one, two, client = stage.hosts("far", "one", "two", "client")
    slow = stage.file("slow.py", SLOW)
    stage.start_role(far, f"registry.py {far.open}")
    registry = f"--registry {far.address}:4100"
    line = f"server.py {slow} --name s1 --engine {engine} {registry}"
    elder = stage.start_role(one, f"{line} {one.open}")
    _call_while(stage, client, registry, elder,
                lambda: stage.start_role(two, f"{line} {two.open}"))
    # The next call runs on the younger one.
    called = stage.run(client, f"client.py {registry} slow slow {slow}")
    stage.expect(called.wait(1) == 0 and called.out.strip() != str(elder.pid), called.err)


def call_while_it_heals(stage: Stage) -> None:
    """The same where the two meet only when a partition heals; and the call is made by a proxy."""
    left, right, client = stage.hosts("left", "right", "client")
    slow = stage.file("slow.py", SLOW)
    stage.start_roles(*((host, f"registry.py {host.open}") for host in (left, right)))
    both = f"--registry {left.address}:4100,{right.address}:4100"
    part([left, client], [right])
    elder = stage.start_role(left, f"server.py {slow} --name s1 {both} {left.open}")
    stage.start_role(client, f"proxy.py --name p1 {both} {client.open}")
    stage.wait_until_known(client, (client.address, 4180), "slow", "s1")
    stage.start_role(right, f"server.py {slow} --name s1 {both} {right.open}")
    stage.wait_until_listed(right, (right.address, 4100), "slow", "s1")
    _call_while(stage, client, both, elder, lambda: heal([left, client], [right]))


def _call_while(stage: Stage, client: Host, registry: str, elder: Process,
                act: Callable[[], object]) -> None:
    """Calls the elder, and acts while the call runs: it must get its value."""
    file = os.path.join(stage.directory, "the call may end")
    call = stage.start(client, "client.py", *registry.split(), "--timeout", str(CALLED_S), "slow",
                       "slow", file)
    stage.wait_for_line(elder, "it runs", START_S)
    act()
    stage.pause(CALL_S)
    stage.expect(elder.is_running, f"the elder does not wait for its call: {elder.err}")
    stage.file("the call may end", "")
    code = stage.wait_for_end(call, CALLED_S)
    stage.expect(code == 0 and call.out.strip() == str(elder.pid),
                 f"the call on the elder is cut: exit code {code}: {call.err}")
    _expect_loud_end(stage, elder, WIN_S)


STORIES = [
    Story("default-names-of-two-hosts", functools.partial(default_names, "")),
    Story("default-names-of-two-hosts-0.0.0.0", functools.partial(default_names, "0.0.0.0")),
    Story("roles-before-the-registry", roles_before_the_registry),
    *(Story(f"partition-heals-seen-{seen}", functools.partial(partition_heals, seen))
      for seen in ("by-two", "by-three")),
    *(Story(f"call-on-the-elder-{engine}", functools.partial(call_on_the_elder, engine))
      for engine in ("threads", "events")),
    Story("three-of-one-name", three_of_one_name),
    Story("elder-slept", elder_slept),
    Story("call-while-a-partition-heals", call_while_it_heals),
]
