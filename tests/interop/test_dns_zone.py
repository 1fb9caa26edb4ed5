"""Which names a zone has, and the three answers that look alike."""

from __future__ import annotations

import unittest
from collections.abc import Sequence

from interop.dns_message import (
    AAAA,
    ANY,
    NOERROR,
    NXDOMAIN,
    PTR,
    REFUSED,
    SERVFAIL,
    SOA,
    SRV,
    A,
    Answers,
    name_bytes,
    name_of,
    read_question,
    srv_data,
    write_question,
)
from interop.dns_zone import Zone
from ponte.calls.endpoint import Endpoint


def server(instance: str, port: int = 4242, *, service: str = "greeter", state: str = "up",
           host: str = "10.0.0.7") -> Endpoint:
    return Endpoint(service, instance, 1, host, port, state, ())


def asked(endpoints: Sequence[Endpoint], name: str, kind: int, *, number: int = 0,
          is_complete: bool = True) -> Answers:
    question = read_question(write_question(number, name_of(name), kind))
    return Zone("ponte", endpoints).answer(question, is_complete)


def data(found: Answers) -> list[bytes]:
    return sorted(record.data for record in found.answers)


class Named(unittest.TestCase):
    def test_an_instance_is_found_with_its_port_and_its_address(self) -> None:
        endpoints = [server("one", 1), server("two", 2, host="10.0.0.8")]
        found = asked(endpoints, "_greeter._tcp.ponte", SRV)
        self.assertEqual(data(found), [srv_data(1, name_of("one.greeter.ponte")),
                                       srv_data(2, name_of("two.greeter.ponte"))])
        self.assertEqual([(each.name, each.data[-1]) for each in found.additional],
                         [(name_of("one.greeter.ponte"), 7), (name_of("two.greeter.ponte"), 8)])
        self.assertEqual(data(asked(endpoints, "two.greeter.ponte", A)), [bytes([10, 0, 0, 8])])

    def test_the_addresses_of_a_service_are_each_named_once(self) -> None:
        endpoints = [server("one", 1), server("two", 2), server("three", 3, host="::1")]
        self.assertEqual(data(asked(endpoints, "greeter.ponte", A)), [bytes([10, 0, 0, 7])])
        self.assertEqual(data(asked(endpoints, "greeter.ponte", AAAA)), [bytes(15) + b"\1"])

    def test_the_first_is_another_one_each_time(self) -> None:
        endpoints = [server("one", 1), server("two", 2), server("three", 3)]
        firsts = {asked(endpoints, "_greeter._tcp.ponte", SRV, number=number).answers[0]
                  for number in range(3)}
        self.assertEqual(len(firsts), 3)

    def test_suspects_are_named_where_nobody_is_up_and_draining_ones_never(self) -> None:
        suspect, drains = server("one", 1, state="suspect"), server("two", 2, state="draining")
        up = server("three", 3)
        for endpoints, ports in (([suspect, drains, up], [3]), ([suspect, drains], [1]),
                                 ([drains], [])):
            found = asked(endpoints, "_greeter._tcp.ponte", SRV)
            self.assertEqual([int.from_bytes(each[4:6], "big") for each in data(found)], ports)

    def test_services_are_listed(self) -> None:
        found = asked([server("one"), server("a", service="bank")],
                      "_services._dns-sd._udp.ponte", PTR)
        self.assertEqual(data(found), [name_bytes(name_of("_bank._tcp.ponte")),
                                       name_bytes(name_of("_greeter._tcp.ponte"))])

    def test_a_server_that_announces_a_name_is_named_by_it(self) -> None:
        endpoints = [server("one", 1, host="box.example.org")]
        found = asked(endpoints, "_greeter._tcp.ponte", SRV)
        self.assertEqual(data(found), [srv_data(1, name_of("box.example.org"))])
        self.assertEqual(found.additional, [])
        # There is such a name, only no address of it here.
        self.assertEqual(asked(endpoints, "one.greeter.ponte", A).code, NXDOMAIN)

    def test_the_dns_server_itself_has_an_address_where_it_listens_on_one(self) -> None:
        name = name_of("ns.ponte")
        zone = Zone("ponte", (), own_host="10.0.0.7")
        self.assertEqual([each.data for each in zone.records[name]], [bytes([10, 0, 0, 7])])
        self.assertNotIn(name, Zone("ponte", ()).records)

    def test_names_with_dots_are_names(self) -> None:
        found = asked([server("a.b", 1, service="c.d")], "_c.d._tcp.ponte", SRV)
        self.assertEqual(data(found), [srv_data(1, name_of("a.b.c.d.ponte"))])

    def test_what_is_too_long_for_dns_is_told_and_hides_no_other(self) -> None:
        zone = Zone("ponte", [server("x" * 64), server("one", 1)])
        self.assertEqual(zone.unnamed, {"greeter/" + "x" * 64})
        self.assertIn(name_of("one.greeter.ponte"), zone.records)

    def test_two_services_that_dns_cannot_tell_apart_are_not_mixed(self) -> None:
        found = asked([server("one", 1, service="Bank"), server("two", 2, service="bank")],
                      "_bank._tcp.ponte", SRV)
        self.assertEqual(data(found), [srv_data(1, name_of("one.bank.ponte"))])


class NotNamed(unittest.TestCase):
    def test_nobody_is_no_such_name(self) -> None:
        found = asked([server("one")], "nobody.ponte", A)
        self.assertEqual((found.code, [each.type for each in found.authority]), (NXDOMAIN, [SOA]))

    def test_another_type_is_no_such_record(self) -> None:
        for name in ("greeter.ponte", "_tcp.ponte", "_udp.ponte", "_dns-sd._udp.ponte"):
            found = asked([server("one")], name, AAAA)
            self.assertEqual((found.code, list(found.answers), [each.type for each in
                             found.authority]), (NOERROR, [], [SOA]), name)

    def test_who_does_not_know_all_says_no_to_nobody(self) -> None:
        found = asked([server("one")], "nobody.ponte", A, is_complete=False)
        self.assertEqual((found.code, list(found.authority)), (SERVFAIL, []))
        self.assertEqual(asked([server("one")], "greeter.ponte", A, is_complete=False).code,
                         NOERROR)

    def test_names_of_others_are_refused(self) -> None:
        for name in ("example.org", "org", "xponte", "ponte.org"):
            self.assertEqual(asked([server("one")], name, A).code, REFUSED)

    def test_any_gets_the_records_of_one_type(self) -> None:
        found = asked([server("one")], "ponte", ANY)
        self.assertEqual([each.type for each in found.answers], [SOA])

    def test_a_later_list_has_a_later_number(self) -> None:
        serials = [Zone("ponte", (), serial).soa.data[-20:-16] for serial in (1, 2)]
        self.assertEqual(serials, [b"\0\0\0\1", b"\0\0\0\2"])


if __name__ == "__main__":
    unittest.main()
