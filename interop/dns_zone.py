"""The names of a zone, and what each of them is: made anew from each list of endpoints. Pure.

    greeter.ponte.                      A, AAAA   the addresses of the service
    _greeter._tcp.ponte.                SRV       port and host of each instance (RFC 2782)
    server-1.greeter.ponte.             A, AAAA   the host that such an SRV record names
    _services._dns-sd._udp.ponte.       PTR       the services that there are (RFC 6763)
    ponte.                              SOA, NS

Only instances that are up are named; where all are suspect, they are named, as callers would try
them last. Draining ones are left out.

Three answers look alike, and mean different things. *There is no such name* (NXDOMAIN): no instance
lives. *The name has no such record* (NOERROR and nothing): ask for another type. *I do not know*
(SERVFAIL): no registry has answered yet. An asker may give up after the first, not after the last.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from interop.dns_message import (
    AAAA,
    ANY,
    NOERROR,
    NS,
    NXDOMAIN,
    PTR,
    REFUSED,
    SERVFAIL,
    SOA,
    SRV,
    SRV_TARGET_AT,
    A,
    Answers,
    Name,
    Question,
    Record,
    host_record,
    name_bytes,
    name_of,
    soa_data,
    srv_data,
)
from ponte.calls.endpoint import Endpoint


def announced_records(origin: Name, endpoints: Iterable[Endpoint]) -> tuple[list[Record], set[str]]:
    """The records of all services, one service after the other; and what cannot be a name of DNS.

    >>> records, _ = announced_records(name_of("ponte"), [
    ...     Endpoint("greeter", "one", 1, "127.0.0.1", 4242, "up", ())])
    >>> [(b".".join(record.name).decode(), record.type) for record in records]
    [('one.greeter.ponte', 1), ('greeter.ponte', 1), ('_greeter._tcp.ponte', 33), \
('_services._dns-sd._udp.ponte', 12)]
    """
    found: list[Record] = []
    unnamed = set()
    for service, instances in _by_service(endpoints).items():
        for endpoint in _best(instances):
            try:
                found += _announce(origin, service, endpoint)
            except ValueError:
                unnamed.add(f"{service}/{endpoint.instance}")
    return list(dict.fromkeys(found)), unnamed


def service_list(origin: Name) -> Name:
    """The name whose PTR records list the services (RFC 6763, section 9)."""
    return (b"_services", b"_dns-sd", b"_udp", *origin)


def _announce(origin: Name, service: str, endpoint: Endpoint) -> list[Record]:
    """The records of one instance. Raises ValueError where one of its names cannot be one of DNS.
    """
    below = ".".join(label.decode() for label in origin)
    name = name_of(f"{service}.{below}")
    place = name_of(f"_{service}._tcp.{below}")
    host = name_of(f"{endpoint.instance}.{service}.{below}")
    of_host = host_record(host, endpoint.host)
    if not of_host:
        # It announced a name: the resolver of the asker knows its address.
        host = name_of(endpoint.host)
    return [*([of_host, of_host._replace(name=name)] if of_host else []),
            Record(place, SRV, srv_data(endpoint.port, host)),
            Record(service_list(origin), PTR, name_bytes(place))]


class Zone:
    """All names below `origin`, such as "ponte", as of one list of endpoints. Immutable.

    Parameters: `serial`, a number that grows with each new list; `own_host`, the address of the DNS
    server itself, empty where that is not one address.

    Attributes: `unnamed`, what cannot be a name of DNS.

    >>> zone = Zone("ponte", [Endpoint("greeter", "one", 1, "127.0.0.1", 4242, "up", ())])
    >>> [record.data.hex() for record in zone.records[name_of("greeter.ponte")]]
    ['7f000001']
    """

    def __init__(self, origin: str, endpoints: Iterable[Endpoint], serial: int = 1,
                 own_host: str = "") -> None:
        self.origin = name_of(origin)
        self.records: dict[Name, list[Record]] = {}
        server = (b"ns", *self.origin)
        self.soa = Record(self.origin, SOA,
                          soa_data(server, (b"hostmaster", *self.origin), serial))
        self._add(self.soa)
        self._add(Record(self.origin, NS, name_bytes(server)))
        own = host_record(server, own_host)
        if own:
            self._add(own)
        announced, self.unnamed = announced_records(self.origin, endpoints)
        for record in announced:
            self._add(record)
        # RFC 8020: a name that has names below it is there, too.
        for name in list(self.records):
            for start in range(1, len(name) - len(self.origin)):
                self.records.setdefault(name[start:], [])
        # The addresses of a host, by the target of an SRV record that names it.
        self._hosts = {name_bytes(name): [each for each in records if each.type in (A, AAAA)]
                       for name, records in self.records.items()}

    def _add(self, record: Record) -> None:
        known = self.records.setdefault(record.name, [])
        if record not in known:
            known.append(record)

    def answer(self, question: Question, is_complete: bool = True) -> Answers:
        """What is answered to a question. The first record is another one each time, so that who
        takes the first does not always take the same server.

        `is_complete`: a service without an endpoint here does not exist (Directory.is_complete).
        """
        name = question.name
        if name[-len(self.origin):] != self.origin:
            return Answers(REFUSED)
        here = self.records.get(name)
        if here is None:
            if not is_complete:
                return Answers(SERVFAIL)
            return Answers(NXDOMAIN, authority=[self.soa])
        # RFC 8482: who asks for anything gets the records of one type.
        kind = here[0].type if question.type == ANY and here else question.type
        found = [record for record in here if record.type == kind]
        if not found:
            return Answers(NOERROR, authority=[self.soa])
        turn = question.number % len(found)
        found = found[turn:] + found[:turn]
        return Answers(NOERROR, found, additional=self._hosts_of(found))

    def _hosts_of(self, records: Sequence[Record]) -> list[Record]:
        """The addresses of the hosts that SRV records name, so that nobody has to ask again."""
        hosts = [host for record in records if record.type == SRV
                 for host in self._hosts.get(record.data[SRV_TARGET_AT:], ())]
        return list(dict.fromkeys(hosts))


def _by_service(endpoints: Iterable[Endpoint]) -> dict[str, list[Endpoint]]:
    """The endpoints of each service. DNS knows no capital letters: of two services whose names
    differ in those alone, the first has the name, so that nobody is led to the wrong one.
    """
    spelled: dict[str, str] = {}
    services: dict[str, list[Endpoint]] = {}
    for endpoint in sorted(endpoints):
        service = endpoint.service
        if spelled.setdefault(service.lower(), service) == service:
            services.setdefault(service, []).append(endpoint)
    return services


def _best(instances: Sequence[Endpoint]) -> list[Endpoint]:
    """Those that are up; where none is, those that are suspect."""
    up = [each for each in instances if each.state == "up"]
    return up or [each for each in instances if each.state == "suspect"]
