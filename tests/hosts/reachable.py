"""Which address a server registers: one that others can call. And what a role says to type next."""

from __future__ import annotations

import functools
import re
import shlex

from tests.hosts.lan import Host
from tests.hosts.stage import BANNER, START_S, Stage
from tests.hosts.tell import Story

GREETER = "services/greeter.py"
NEXT = re.compile(r"next terminal: *(?:python3?|py) (\S*demo\.py .*\S)")


def default_host_is_refused(stage: Stage) -> None:
    """A server that only this machine can reach, beside a registry on another machine."""
    far, own = stage.hosts("far", "own")
    stage.start_role(far, f"registry.py {far.open}")
    one = f"--registry {far.address}:4100"
    lines = (
        f"server.py {GREETER} {one}", f"proxy.py {one}", f"proxy.py {one} --port 0",
        f"server.py {GREETER} {one} --host 127.0.0.1", f"server.py {GREETER} {one} --host ::1",
        f"server.py {GREETER} {one} --host localhost", f"server.py {GREETER} {one} --name s1",
        f"server.py {GREETER} {one} --host 127.0.0.2 --port 5000",
        f"server.py {GREETER} {one} {own.open} --advertise 127.0.0.1",
        f"proxy.py {one} {own.open} --port 4181 --advertise 127.0.0.1:4181",
        # One registry is on this machine, but not the other.
        f"server.py {GREETER} --registry 127.0.0.1:4100,{far.address}:4100",
        f"server.py {GREETER} --registry {far.address}:4100,127.0.0.1:4100",
        f"server.py {GREETER} --registry [{far.address6}]:4100",
        # Nobody can tell whether a registry is there: it is not on this machine.
        f"server.py {GREETER} --registry 10.9.9.9:4100")
    ends = [(line, stage.start(own, *line.split(), "--until-eof")) for line in lines]
    for line, process in ends:
        stage.expect(stage.wait_for_end(process, START_S) == 2,
                     f"{line}: exit code {process.wait(1)}, not 2")
        said = process.err.strip()
        stage.expect(said.count("\n") == 0 and ("--advertise" in said or "--host 0.0.0.0" in said),
                     f"{line}: it does not say what to type: {said}")
    for service in ("greeter", "proxy"):
        stage.expect(not stage.lookup(far, (far.address, 4100), service), "one is listed")


def all_addresses(stage: Stage) -> None:
    """--host 0.0.0.0 registers the address that leads to the registry."""
    far, own, client = stage.hosts("far", "own", "client")
    # Its first address leads nowhere.
    own.ip("addr", "flush", "dev", "eth0")
    own.ip("link", "add", "other0", "type", "veth", "peer", "name", "other1")
    own.ip("addr", "add", "10.77.0.1/24", "dev", "other0")
    own.ip("link", "set", "other0", "up")
    own.ip("link", "set", "other1", "up")
    own.ip("addr", "add", f"{own.address}/24", "dev", "eth0")
    own.ip("addr", "add", f"{own.address6}/64", "dev", "eth0", "nodad")
    stage.start_role(far, "registry.py --host 0.0.0.0 --insecure")
    _expect_called(stage, (far, own, client), own.address,
                   f"--registry {far.address}:4100 --host 0.0.0.0")


def all_addresses_beside_the_registry(stage: Stage) -> None:
    """The registry is on the same machine, and asked at 127.0.0.1; the client is on another one."""
    own, client = stage.hosts("own", "client")
    stage.start_role(own, "registry.py --host 0.0.0.0 --insecure")
    _expect_called(stage, (own, own, client), own.address,
                   "--registry 127.0.0.1:4100 --host 0.0.0.0", f"{own.address}:4100")


def all_ipv6_addresses(stage: Stage) -> None:
    far, own, client = stage.hosts("far", "own", "client")
    stage.start_role(far, "registry.py --host :: --insecure")
    _expect_called(stage, (far, own, client), own.address6,
                   f"--registry [{far.address6}]:4100 --host ::")


def advertised(what: str, stage: Stage) -> None:
    """--advertise needs no port, for an address and for a name."""
    far, own, client = stage.hosts("far", "own", "client")
    for host in (far, own, client):
        host.know("own.test", own.address)
    stage.start_role(far, "registry.py --host 0.0.0.0 --insecure")
    advertise, listed = {"address": (own.address, own.address), "name": ("own.test", "own.test"),
                         "ipv6": (f"[{own.address6}]", own.address6)}[what]
    listen = "::" if what == "ipv6" else "0.0.0.0"
    _expect_called(stage, (far, own, client), listed, f"--registry {far.address}:4100 "
                   f"--host {listen} --advertise {advertise}")


def _expect_called(stage: Stage, hosts: tuple[Host, Host, Host], host: str, options: str,
                   registry: str = "") -> None:
    """A server and a proxy with these options are listed with `host`, and called.

    `hosts`: that of the registry, that of the server and the proxy, and that of the client;
    `registry`: where the client asks it, if that is another address.
    """
    far, own, client = hosts
    registry = registry or options.split()[1]
    proxy, server = (stage.start_role(own, f"{role} --insecure {options}")
                     for role in ("proxy.py --name p1", f"server.py {GREETER} --name s1"))
    for service, name in (("proxy", "p1"), ("greeter", "s1")):
        stage.wait_until_listed(far, (far.address, 4100), service, name)
        found = stage.lookup(far, (far.address, 4100), service)[name]["host"]
        stage.expect(found == host, f"{name} is listed at {found}, not {host}")
    stage.wait_until_known(client, (own.address, 4180), "greeter", "s1")
    # By the proxy, and without it.
    called = stage.run(client, f"client.py --registry {registry} greeter hello Hello --trace")
    stage.expect(called.out.strip() == "World" and "p1 at " in called.err,
                 f"by the proxy: {called.out} {called.err}")
    stage.expect(proxy.is_running and server.is_running, "one has ended")
    proxy.close()
    stage.wait_until_listed(far, (far.address, 4100), "proxy", within_s=4)
    called = stage.run(client, f"client.py --registry {registry} greeter hello Hello --trace")
    stage.expect(called.out.strip() == "World" and "s1 at " in called.err,
                 f"without the proxy: {called.out} {called.err}")


def printed_commands(listen: str, stage: Stage) -> None:
    """What each role of the demo says to type next works on the next machine, down to a client."""
    hosts = stage.hosts("first", "second", "third", "fourth", "fifth", "sixth")
    host = {"address": hosts[0].address, "everywhere": "0.0.0.0",
            "ipv6": hosts[0].address6}[listen]
    line = f"demo.py registry --host {host} --insecure"
    roles = []
    for own in hosts:
        words = shlex.split(line)
        roles.append(words[1])
        role = stage.start(own, *words, "--lang", "en",
                           *([] if roles[-1] == "client" else ["--until-eof"]))
        if roles[-1] == "client":
            stage.wait_for_line(role, r'✓ hello\("Hello"\)', START_S)
            break
        stage.wait_for_line(role, BANNER, START_S)
        line = stage.wait_for_line(role, NEXT.pattern, 3)
        line = line[line.index("demo.py"):]
        stage.expect("127.0.0.1" not in line, f"on another machine that is of no use: {line}")
    stage.expect(roles[0] == "registry" and roles[-1] == "client" and "server" in roles
                 and "proxy" in roles, f"the commands led to {roles}")


STORIES = [
    Story("default-host-is-refused", default_host_is_refused),
    Story("host-0.0.0.0", all_addresses),
    Story("host-0.0.0.0-beside-the-registry", all_addresses_beside_the_registry),
    Story("host-all-of-ipv6", all_ipv6_addresses),
    *(Story(f"advertise-{what}", functools.partial(advertised, what))
      for what in ("address", "name", "ipv6")),
    *(Story(f"printed-commands-{listen}", functools.partial(printed_commands, listen))
      for listen in ("address", "everywhere", "ipv6")),
]
