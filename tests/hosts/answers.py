"""A registry that answers from another address than the one where it was asked."""

from __future__ import annotations

import functools
import signal

from tests.hosts.lan import Host
from tests.hosts.stage import START_S, Stage
from tests.hosts.tell import Story

KEY = "a key of a test, long enough"


def second_address(keyed: str, stage: Stage) -> None:
    """The registry listens everywhere, and is asked at its host's second address.

    Its answers leave from the first one: a UDP socket at 0.0.0.0 does not know which was asked.
    """
    far, server, client = stage.hosts("far", "server", "client")
    far.ip("addr", "add", "10.214.0.200/24", "dev", "eth0")
    key = f"--key-file {stage.file('key', KEY)}" if keyed else "--insecure"
    stage.start_role(far, f"registry.py --host 0.0.0.0 {key}")
    _expect_calls(stage, f"--registry 10.214.0.200:4100 {key}", far, server, client)


def port_mapping(stage: Stage) -> None:
    """The registry is reached by port 5100 of a gate, as in a container."""
    far, gate, server, client = stage.hosts("far", "gate", "server", "client")
    stage.start_role(far, "registry.py --host 0.0.0.0 --insecure")
    mapping = stage.start(gate, "-m", "tests.hosts.port_mapping", "0.0.0.0", "5100", far.address,
                          "4100")
    stage.wait_for_line(mapping, "leads to", START_S)
    _expect_calls(stage, f"--registry {gate.address}:5100 --insecure", far, server, client)


def _expect_calls(stage: Stage, options: str, far: Host, server: Host, client: Host) -> None:
    """A server and a proxy with these options register, and stay; a client calls."""
    asked, registry = " ".join(options.split()[:2]), (far.address, 4100)
    own, role = stage.start_roles(
        (server, f"server.py services/greeter.py --name s1 {options} --host {server.address}"),
        (client, f"proxy.py --name p1 {options} --host {client.address}"))
    stage.wait_until_listed(far, registry, "greeter", "s1")
    stage.wait_until_listed(far, registry, "proxy", "p1")
    stage.wait_until_known(client, (client.address, 4180), "greeter", "s1")
    stage.expect_value(client, f"{asked} greeter hello Hello", "World")
    stage.hold(lambda: list(stage.lookup(far, registry, "greeter")) == ["s1"], 3, "s1 is listed")
    # Without its acks a sender would say that the registry is silent, and beat five times as often.
    for process in (own, role):
        stage.expect("no registry" not in process.err, f"its acks are not heard: {process.err}")
    # It leaves in order.
    own.signal(signal.SIGTERM)
    stage.expect(stage.wait_for_end(own, START_S) == 0, own.err)
    stage.wait_until_listed(far, registry, "greeter", within_s=0.5)


STORIES = [
    Story("registry-at-a-second-address", functools.partial(second_address, "")),
    Story("registry-at-a-second-address-with-a-key", functools.partial(second_address, "key")),
    Story("registry-behind-a-port-mapping", port_mapping),
]
