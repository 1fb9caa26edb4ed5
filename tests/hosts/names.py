"""The registry's name: it has several addresses, or another one than before, or nobody knows it."""

from __future__ import annotations

import functools
import signal

from tests.hosts.lan import IPV4_FIRST, MISSING, SILENT, SILENT_NAME_SERVER, Host, heal, part
from tests.hosts.stage import BANNER, START_S, Stage
from tests.hosts.tell import Story

GREETER = "services/greeter.py"
# Seconds in which everybody finds the registry, when the first address of its name is no good.
FIND_S = 8.0
# Seconds in which everybody finds a registry that has moved. A reader may wait for an answer of
# the old one for as long as a long poll takes.
MOVE_S = 15.0


def localhost_is_ipv6_first(stage: Stage) -> None:
    [one] = stage.hosts("one")
    _expect_order(stage, one, "localhost", "::1", "127.0.0.1")
    registry = ("127.0.0.1", 4100)
    stage.start_role(one, "registry.py")
    _expect_service_by_name(stage, one, "localhost:4100", registry)


def localhost_is_ipv4_first(stage: Stage) -> None:
    [one] = stage.hosts("one")
    one.write("gai.conf", IPV4_FIRST)
    _expect_order(stage, one, "localhost", "127.0.0.1", "::1")
    stage.start_role(one, "registry.py --host ::1")
    _expect_service_by_name(stage, one, "localhost:4100", ("::1", 4100))


def first_address(kind: str, stage: Stage) -> None:
    """The first address of the name is dead (it refuses), silent, missing, or has no route."""
    one, dead = stage.hosts("one", "dead")
    far = stage.host("far", 100)
    first = {"refuses": dead.address, "refuses-by-ipv6": dead.address6, "silent": SILENT,
             "missing": MISSING}[kind]
    one.know("registry.test", first, far.address)
    _expect_order(stage, one, "registry.test", first, far.address)
    stage.start_role(far, f"registry.py {far.open}")
    _expect_service_by_name(stage, one, "registry.test:4100", (far.address, 4100), one.address)


def _expect_service_by_name(stage: Stage, host: Host, name: str, registry: tuple[str, int],
                            listen: str = "127.0.0.1") -> None:
    """Servers, proxies of both engines and a client find the registry, all by its name.

    They listen at the address `listen` of the host.
    """
    roles = [f"server.py {GREETER} --name s1", "proxy.py --port 4180 --engine threads --name p1",
             "proxy.py --port 4181 --engine events --name p2"]
    stage.start_roles(*((host, f"{role} --registry {name} --host {listen} --insecure")
                        for role in roles))
    stage.wait_until_listed(host, registry, "greeter", "s1", within_s=FIND_S)
    stage.wait_until_listed(host, registry, "proxy", "p1", "p2", within_s=FIND_S)
    for port in (4180, 4181):
        stage.wait_until_known(host, (listen, port), "greeter", "s1", within_s=FIND_S)
    stage.expect_value(host, f"--registry {name} greeter hello Hello", "World")
    stage.hold(lambda: list(stage.lookup(host, registry, "greeter")) == ["s1"], 2.5,
               "s1 is listed")


def _expect_order(stage: Stage, host: Host, name: str, *addresses: str) -> None:
    """The story proves nothing unless the system names these addresses in this order."""
    found = stage.start(host, "-c", f"import socket; found = socket.getaddrinfo({name!r}, 1, "
                        "type=socket.SOCK_DGRAM); print(*(each[4][0] for each in found))")
    stage.wait_for_end(found, START_S)
    stage.expect(tuple(found.out.split()) == addresses,
                 f"{name} is {found.out.split()} here, and not {addresses}")


def registry_moves(how: str, stage: Stage) -> None:
    """The registry moves to another host; its name changes while it is silent."""
    old, new, server, proxy, client = hosts = stage.hosts("old", "new", "server", "proxy", "client")
    for host in hosts:
        host.know("registry.test", old.address)
    stage.start_role(old, f"registry.py {old.open}")
    named = "--registry registry.test:4100"
    one, _ = stage.start_roles((server, f"server.py {GREETER} --name s1 {named} {server.open}"),
                               (proxy, f"proxy.py --name p1 {named} {proxy.open}"))
    at_old, at_new = (old.address, 4100), (new.address, 4100)
    stage.wait_until_listed(old, at_old, "greeter", "s1")
    stage.wait_until_listed(old, at_old, "proxy", "p1")
    caller = stage.start(client, "client.py", "--registry", "registry.test:4100", "--repeat", "0",
                         "--every", "0.2", "greeter", "whoami")
    stage.wait_for_line(caller, "s1", START_S)
    # 1. It moves.
    part([old], [server, proxy, client])
    if how == "late":
        # By now everybody knows that it is silent.
        stage.pause(3)
    stage.start_role(new, f"registry.py {new.open}")
    for host in hosts:
        host.know("registry.test", new.address)
    # 2. Senders find it again.
    stage.wait_until_listed(new, at_new, "greeter", "s1", within_s=MOVE_S)
    stage.wait_until_listed(new, at_new, "proxy", "p1", within_s=MOVE_S)
    # 3. So do readers: the proxy finds a server that the old registry has never seen.
    stage.start_role(server, f"server.py {GREETER} --name s2 {named} {server.open}")
    stage.wait_until_known(proxy, (proxy.address, 4180), "greeter", "s1", "s2", within_s=MOVE_S)
    # 4. And the client: without the proxy and the server of old, only the new one is left.
    one.signal(signal.SIGTERM)
    stage.wait_for_end(one, START_S)
    part([proxy], [client])
    stage.wait_for_line(caller, r"s2\n(?:.*\n)*?s2\n", MOVE_S)
    before = caller.out.count("s2")
    #    Now and then a call tries the proxy again, and then has no time left.
    stage.wait_until(lambda: caller.out.count("s2") > before + 3, 2 * MOVE_S, "the client calls s2")
    heal([proxy], [client])


def no_name_server_command_lines(stage: Stage) -> None:
    """Nobody answers for the name of the registry: command lines end, roles start and stop."""
    [one] = stage.hosts("one")
    one.write("resolv.conf", SILENT_NAME_SERVER)
    client = stage.run_for(
        one, "client.py --registry registry.test:4100 --timeout 1 greeter hello A", 1.0)
    stage.expect(client.wait(1) == 4, f"exit code {client.wait(1)}, not 4: {client.err}")
    # Ctrl-C and SIGTERM end it, too.
    for number in (signal.SIGINT, signal.SIGTERM):
        waits = stage.start(one, "client.py", "--registry", "registry.test:4100", "--timeout", "60",
                            "greeter", "hello", "A")
        stage.pause(1)
        waits.signal(number)
        stage.wait_for_end(waits, 2)
    # Roles start, and stop in order.
    options = f"--registry registry.test:4100 {one.open} --until-eof"
    for line in (f"server.py {GREETER}", "proxy.py --engine threads", "proxy.py --engine events",
                 "registry.py", "demo.py server --lang en", "demo.py proxy --lang en"):
        role = stage.start(one, *line.split(), *options.split())
        stage.wait_for_line(role, BANNER, 5 + 2 * stage.start_s(one))
        role.signal(signal.SIGTERM)
        code = stage.wait_for_end(role, 4)
        stage.expect(code == 0, f"{line}: exit code {code}: {role.err}")


def no_name_server_second_registry(stage: Stage) -> None:
    """A second registry is given by its address: servers and proxies serve and beat meanwhile."""
    one, far = stage.hosts("one", "far")
    one.write("resolv.conf", SILENT_NAME_SERVER)
    stage.start_role(far, f"registry.py {far.open}")
    registry = (far.address, 4100)
    for i, registries in enumerate((f"registry.test:4100,{far.address}:4100",
                                    f"{far.address}:4100,registry.test:4100"), 1):
        options = f"--registry {registries} {one.open}"
        stage.start_roles((one, f"server.py {GREETER} --name s{i} {options}"),
                          (one, f"proxy.py --port 418{i} --name p{i} {options}"))
        stage.wait_until_listed(far, registry, "greeter", *(f"s{j}" for j in range(1, i + 1)))
        stage.wait_until_listed(far, registry, "proxy", *(f"p{j}" for j in range(1, i + 1)))
        client = stage.run_for(one, f"client.py --registry {registries} greeter hello Hello", 0.1)
        stage.expect(client.out.strip() == "World", f"not World: {client.out}{client.err}")
    # Look-ups go on in vain for 10 seconds each: no beat waits for them.
    def all_up() -> bool:
        return [(name, each["state"]) for service in ("greeter", "proxy")
                for name, each in sorted(stage.lookup(far, registry, service).items())] == [
                    ("s1", "up"), ("s2", "up"), ("p1", "up"), ("p2", "up")]
    stage.hold(all_up, 5, "s1, s2, p1 and p2 are up at the second registry")


def no_name_server_calls(way: str, stage: Stage) -> None:
    """A server has announced a name that nobody answers for: a call of a second takes no longer."""
    one, client, far = stage.hosts("one", "client", "far")
    one.know("server.test", one.address)
    client.write("resolv.conf", SILENT_NAME_SERVER)
    stage.start_role(far, f"registry.py {far.open}")
    registry = f"--registry {far.address}:4100"
    stage.start_role(one, f"server.py {GREETER} --name s1 {registry} {one.open} "
                     "--port 5000 --advertise server.test:5000")
    stage.wait_until_listed(far, (far.address, 4100), "greeter", "s1")
    if way != "stub":
        stage.start_role(client, f"proxy.py --engine {way} {registry} --name p1 "
                         f"{client.open}")
        stage.wait_until_listed(far, (far.address, 4100), "proxy", "p1")
        stage.wait_until_known(client, (client.address, 4180), "greeter", "s1")
    for method in ("hello Hello", "whoami"):
        # On the registry's host the name server answers, so only the proxy has to wait.
        called = stage.run_for(client if way == "stub" else far,
                               f"client.py {registry} --timeout 1 greeter {method}", 1.0)
        stage.expect(called.wait(1) in (4, 5), f"exit code {called.wait(1)}, not 4 or 5: "
                     f"{called.out}{called.err}")
    # A proxy that waits for a name serves all others meanwhile.
    if way != "stub":
        stage.start_role(one, f"server.py services/bank.py --name b1 {registry} {one.open}")
        stage.wait_until_known(client, (client.address, 4180), "bank", "b1")
        caller = stage.start(far, "client.py", *registry.split(), "--timeout", "8", "greeter",
                             "whoami")
        stage.run_for(far, f"client.py {registry} bank system.listMethods", 0.1)
        stage.wait_for_end(caller, START_S + 8)


STORIES = [
    Story("localhost-is-ipv6-first", localhost_is_ipv6_first),
    Story("localhost-is-ipv4-first", localhost_is_ipv4_first),
    *(Story(f"first-address-{kind}", functools.partial(first_address, kind))
      for kind in ("refuses", "refuses-by-ipv6", "silent", "missing")),
    *(Story(f"registry-moves-{how}", functools.partial(registry_moves, how))
      for how in ("at-once", "late")),
    Story("no-name-server-command-lines", no_name_server_command_lines),
    Story("no-name-server-second-registry", no_name_server_second_registry),
    *(Story(f"no-name-server-{way}", functools.partial(no_name_server_calls, way))
      for way in ("stub", "threads", "events")),
]
