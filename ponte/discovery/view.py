"""What the answers of several registries mean together. Pure.

The problem: registries do not talk to each other. A server may reach one of them and not another,
so their answers differ, and the one that lacks a server may be wrong. Or the server has left, and
the one that still names it is wrong.

The rules, for each instance:

1. The union: it is enough that one registry names the instance.
2. The higher incarnation wins. Of equal ones, the one that does not remember calls wins: a caller
   that believes the opposite could take its reply for that of a stranger, and ask another server.
3. Of those that are still equal, "draining" wins over "up", and "up" over "suspect": a server says
   itself that it drains, and "suspect" only means that one registry hears nothing.
4. A tombstone overrides an equal or lower incarnation.

And for each registry:

5. Its answer replaces its earlier one. While it is warming up, its answer only adds to it.
6. While another registry answers, the last answer of a silent one is used for KEEP_S seconds more.
   While no registry answers, the view stays as it is: calls go on.
7. A registry whose answer had ended so may have been frozen, and may name servers that have died
   meanwhile. For TRIAL_S after its return, its answer is not used beside that of another one.
"""

from __future__ import annotations

from collections.abc import Iterable

from ponte.calls.endpoint import Endpoint
from ponte.discovery.lookup import LookupResult
from ponte.net.address import Address

# Seconds for which the last answer of a silent registry is used while another one answers. Longer
# keeps servers that have gone; shorter forgets servers that only the silent registry can hear. With
# the time in which a follower notices a frozen registry, this is less than two leases.
KEEP_S = 1.5

# Seconds. A lease is over by then, also one that a registry has extended by the time of its freeze.
TRIAL_S = 2.5

# By rule 3, the state that stands later in this list wins.
_WEIGHTS = ("suspect", "up", "draining")

# Service and instance.
_Key = tuple[str, str]


class View:
    """The endpoints that several registries name. Not thread-safe; `now` is a time in seconds.

    >>> a, b = ("10.0.0.1", 4100), ("10.0.0.2", 4100)
    >>> server = Endpoint("greeter", "server-1", 1, "127.0.0.1", 41234, "up", idempotent=())
    >>> view = View()
    >>> view.hear_answer(a, LookupResult("greeter", 3, "boot-7", False, [server], left=[]))
    >>> view.hear_answer(b, LookupResult("greeter", 9, "boot-8", False, [], left=[]))
    >>> [endpoint.instance for endpoint in view.endpoints(now=0.0)]     # one registry is enough
    ['server-1']
    >>> view.note_silence(a, now=0.0)
    >>> view.endpoints(now=KEEP_S)                                      # b goes on answering
    ()
    """

    def __init__(self) -> None:
        # For each registry that has ever answered: the endpoints that it named, the incarnations
        # of the tombstones, and whether it was warming up.
        self._named: dict[Address, dict[_Key, Endpoint]] = {}
        self._left: dict[Address, dict[_Key, int]] = {}
        self._warming: dict[Address, bool] = {}
        # When a registry that does not answer was found silent.
        self._silent_since: dict[Address, float] = {}
        # The registries whose last answer is used no more; and those of them that answer again,
        # since when: None until the next look.
        self._ended: set[Address] = set()
        self._back_since: dict[Address, float | None] = {}

    def hear_answer(self, registry: Address, answer: LookupResult) -> None:
        """Takes the answer of a registry to lookup or watch."""
        named = {(endpoint.service, endpoint.instance): endpoint for endpoint in answer.endpoints}
        left = {(tomb.service, tomb.instance): tomb.incarnation for tomb in answer.left}
        if answer.warming:
            named = {**self._named.get(registry, {}), **named}
        self._named[registry], self._left[registry] = named, left
        self._warming[registry] = answer.warming
        self._silent_since.pop(registry, None)
        if registry in self._ended:
            self._ended.discard(registry)
            self._back_since[registry] = None

    def note_silence(self, registry: Address, now: float) -> None:
        """Notes that a registry does not answer."""
        self._silent_since.setdefault(registry, now)

    def is_complete(self) -> bool:
        """Whether a registry that was not warming up has answered.

        Only then does a service without an endpoint not exist.
        """
        return not all(self._warming.values())

    def endpoints(self, now: float) -> tuple[Endpoint, ...]:
        """All endpoints, sorted."""
        # 1. The registries whose answers are used. While none answers, time stands still.
        if self._named.keys() <= self._silent_since.keys():
            now = max(self._silent_since.values(), default=now)
        used = [registry for registry in self._named
                if now - self._silent_since.get(registry, now) < KEEP_S]
        self._ended.update(self._named.keys() - used)
        # 2. The union of what they name. One that is on trial adds nothing to what another knows.
        on_trial = self._on_trial(now)
        others = [registry for registry in used if registry not in on_trial]
        if all(self._warming[registry] for registry in others):
            others = used
        merged: dict[_Key, Endpoint] = {}
        for registry in others:
            for key, endpoint in self._named[registry].items():
                if key not in merged or _weight(endpoint) > _weight(merged[key]):
                    merged[key] = endpoint
        # 3. Without the instances that left.
        for registry in used:
            for key, incarnation in self._left[registry].items():
                if key in merged and merged[key].incarnation <= incarnation:
                    del merged[key]
        return tuple(sorted(merged.values()))

    def _on_trial(self, now: float) -> set[Address]:
        """The registries that answer again after a long silence."""
        self._back_since = {registry: now if since is None else since
                            for registry, since in self._back_since.items()
                            if since is None or now - since < TRIAL_S}
        return set(self._back_since)


def changes(before: Iterable[Endpoint], after: Iterable[Endpoint]) -> dict[str, list[Endpoint]]:
    """The services whose endpoints are others after a change: each with its endpoints now.

    The list of a service that has lost its last endpoint is empty.

    >>> a, b = (Endpoint(service, "server-1", 1, "127.0.0.1", 4242, "up", idempotent=())
    ...         for service in ("bank", "greeter"))
    >>> changes([a, b], [a, b._replace(state="draining")]).keys()
    dict_keys(['greeter'])
    >>> changes([a, b], [b])
    {'bank': []}
    """
    differing = set(before).symmetric_difference(after)
    changed: dict[str, list[Endpoint]] = {endpoint.service: [] for endpoint in sorted(differing)}
    for endpoint in after:
        if endpoint.service in changed:
            changed[endpoint.service].append(endpoint)
    return changed


def _weight(endpoint: Endpoint) -> tuple[int, bool, int]:
    """Of two endpoints for the same instance, the one with the higher weight is used."""
    return endpoint.incarnation, not endpoint.remembers, _WEIGHTS.index(endpoint.state)
