"""Where `--registry consul://HOST:PORT` leads: to a Consul agent in place of a registry.

Everything about Consul stands in interop/consul_registry.py. This is the one place of the core that
knows the file, and it looks for it only where a user has named such an address. Without the file,
all else works.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable, Protocol

from ponte.discovery.announcer import Announcer, Watch
from ponte.net.address import Address, ConsulAddress
from ponte.net.tls import Tls


class ConsulRegistry(Protocol):
    """What interop/consul_registry.py offers."""

    def watch_of(self, service: str, agent: Address) -> Watch:
        """What asks an agent for a service ("*": all of them)."""

    def announce_beside(self, heartbeat: Announcer, agents: Sequence[ConsulAddress],
                        on_superseded: Callable[[], None], is_serving: Callable[[], bool],
                        *, beat_s: float, tls: Tls | None) -> Announcer:
        """A heartbeat that registers at the agents what `heartbeat` announces to registries."""


def consul() -> ConsulRegistry:
    """Raises ValueError, in one line, where the file is missing."""
    try:
        from interop import consul_registry  # noqa: PLC0415
    except ImportError as error:
        raise ValueError("consul:// needs interop/consul_registry.py, which is not here "
                         f"({error}): get the whole of interop/, or name a registry as HOST:PORT"
                         ) from None
    return consul_registry


def check_consul(registries: Sequence[Address]) -> None:
    """Raises ValueError where one of these is a Consul agent, and the file is missing."""
    if any(isinstance(each, ConsulAddress) for each in registries):
        consul()


def announcer(registries: Sequence[Address], heartbeat_to: Callable[[list[Address]], Announcer],
              on_superseded: Callable[[], None], is_serving: Callable[[], bool], *,
              beat_s: float, tls: Tls | None) -> Announcer:
    """What announces a process to registries, of which some may be Consul agents.

    `heartbeat_to` makes the heartbeat to those that are not; `tls` is for agents; the others are
    the parameters of that heartbeat, as is what is raised.
    """
    agents = [each for each in registries if isinstance(each, ConsulAddress)]
    heartbeat = heartbeat_to([each for each in registries if not isinstance(each, ConsulAddress)])
    if not agents:
        return heartbeat
    return consul().announce_beside(heartbeat, agents, on_superseded, is_serving, beat_s=beat_s,
                                    tls=tls)
