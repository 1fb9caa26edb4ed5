"""The bytes of dynamic updates, and what is read of a server's replies."""

from __future__ import annotations

import struct
import unittest

from interop.dns_message import (
    HEADER,
    IS_OURS,
    IS_REPLY,
    MAX_NAME,
    PTR,
    SOA,
    SRV,
    TRUNCATED,
    A,
    Name,
    name_bytes,
    name_of,
    soa_data,
    srv_data,
)
from interop.dns_update import (
    BadReply,
    SetName,
    Sets,
    add,
    changes,
    in_messages,
    read_name,
    read_reply,
    serial_of,
    sets_of,
    united,
    write_query,
    write_update,
)
from interop.dns_zone import announced_records, service_list
from ponte.calls.endpoint import Endpoint

ORIGIN = name_of("ponte")
LISTED = service_list(ORIGIN), PTR
GREETER = name_of("_greeter._tcp.ponte")


def endpoint(service: str, instance: str, port: int = 4242) -> Endpoint:
    return Endpoint(service, instance, 1, "127.0.0.1", port, "up", ())


def sets(*endpoints: Endpoint) -> dict[SetName, frozenset[bytes]]:
    return sets_of(announced_records(ORIGIN, endpoints)[0])


def carried_out(held: Sets, operations: list[bytes]) -> dict[SetName, frozenset[bytes]]:
    """What a server holds after these operations, read from their bytes (RFC 2136, section 3.4.2).
    """
    after = dict(held)
    for operation in operations:
        name, at = read_name(operation, 0)
        kind, class_, ttl, size = struct.unpack_from("!HHIH", operation, at)
        data = operation[at + 10:]
        assert ttl == 0 and len(data) == size
        if class_ == 255:
            assert not data
            after.pop((name, kind), None)
        else:
            assert class_ == 1
            after[name, kind] = after.get((name, kind), frozenset()) | {data}
    return after


class Changes(unittest.TestCase):
    def test_a_server_holds_what_is_wanted_afterwards_also_when_it_got_it_twice(self) -> None:
        one, two, bank = (endpoint("greeter", "one"), endpoint("greeter", "two", 4243),
                          endpoint("bank", "one", 4244))
        views = ((), (one,), (one, two), (two, bank), (bank,))
        for before in views:
            for after in views:
                held, wanted = sets(*before), sets(*after)
                operations = changes(held, wanted, LISTED)
                self.assertEqual(carried_out(held, operations), wanted)
                self.assertEqual(carried_out(wanted, operations), wanted)

    def test_what_stays_is_not_written_again(self) -> None:
        held = sets(endpoint("greeter", "one"), endpoint("bank", "one"))
        wanted = sets(endpoint("greeter", "one"), endpoint("bank", "two"))
        operations = changes(held, wanted, LISTED)
        self.assertNotIn(name_bytes(GREETER) + struct.pack("!H", SRV), b"".join(operations))

    def test_who_finds_the_work_half_done_finds_all_of_it_by_the_list(self) -> None:
        """Wherever it was cut off: each service of which something stands there is in the list."""
        views = ((), (endpoint("greeter", "one"),), (endpoint("bank", "one"),))
        for before in views:
            for after in views:
                held, wanted = sets(*before), sets(*after)
                operations = changes(held, wanted, LISTED)
                for done in range(len(operations) - len(wanted.get(LISTED, ()))):
                    found = carried_out(held, operations[:done])
                    # But for the moment in which the list itself is replaced.
                    listed = found.get(LISTED, frozenset())
                    places = {name_bytes(name) for name, kind in found if kind == SRV}
                    self.assertLessEqual(places, listed, (before, after, done))

    def test_where_nothing_differs_there_is_nothing_to_do(self) -> None:
        held = sets(endpoint("greeter", "one"))
        self.assertEqual(changes(held, sets(endpoint("greeter", "one")), LISTED), [])

    def test_both_are_united_set_by_set(self) -> None:
        one, two = sets(endpoint("greeter", "one")), sets(endpoint("greeter", "two", 4243))
        self.assertEqual(united(one, two),
                         sets(endpoint("greeter", "one"), endpoint("greeter", "two", 4243)))

    def test_a_message_has_a_size_and_nothing_is_left_out(self) -> None:
        operations = [add(GREETER, SRV, srv_data(port, GREETER)) for port in range(1, 3000)]
        messages = in_messages(operations)
        self.assertGreater(len(messages), 1)
        self.assertEqual([each for message in messages for each in message], operations)
        for message in messages:
            longest = (b"a" * 63, b"b" * 63, b"c" * 63, b"d" * 61)
            self.assertEqual(len(name_bytes(longest)), MAX_NAME)
            self.assertLess(len(write_update(1, longest, message)), 65_535 - 400)

    def test_a_query_asks_nobody_to_ask_others(self) -> None:
        self.assertEqual(HEADER.unpack_from(write_query(7, GREETER, SRV)), (7, 0, 1, 0, 0, 0))


def reply(answers: bytes, count: int = 1, flags: int = IS_REPLY) -> bytes:
    """A reply to the question for GREETER, whose name begins at byte 12."""
    return (HEADER.pack(7, flags, 1, count, 0, 0) + name_bytes(GREETER) + b"\0\x21\0\1" + answers)


def record(name: bytes, kind: int, data: bytes, size: int | None = None, class_: int = 1
           ) -> bytes:
    return name + struct.pack("!HHIH", kind, class_, 0, len(data) if size is None else size) + data


ASKED = b"\xc0\x0c"
# "_tcp.ponte" and "ponte", of the question.
TCP, ZONE = b"\xc0\x15", b"\xc0\x1a"


class Replies(unittest.TestCase):
    def test_names_are_written_out_in_small_letters(self) -> None:
        found = read_reply(reply(
            record(ASKED, PTR, b"\x05_BANK" + TCP)
            + record(ASKED, SRV, struct.pack("!3H", 0, 1, 4242) + b"\x03One\x07greeter" + ZONE)
            + record(ZONE, SOA, b"\x02ns" + ZONE + b"\x02me" + ZONE
                     + struct.pack("!5I", 9, *[1] * 4))
            + record(ASKED, A, b"\x7f\0\0\1"), 4, IS_REPLY | IS_OURS | TRUNCATED | 3))
        self.assertEqual((found.number, found.code, found.is_ours, found.is_cut),
                         (7, 3, True, True))
        ptr, srv, soa, host = found.answers
        self.assertEqual((ptr.name, ptr.data), (GREETER, name_bytes(name_of("_bank._tcp.ponte"))))
        self.assertEqual(srv.data, srv_data(4242, name_of("one.greeter.ponte")))
        self.assertEqual((soa.name, soa.data, serial_of(soa.data)), (
            ORIGIN, soa_data(name_of("ns.ponte"), name_of("me.ponte"), 9)[:-20]
            + struct.pack("!5I", 9, *[1] * 4), 9))
        self.assertEqual(host.data, b"\x7f\0\0\1")

    def test_what_is_no_reply_is_refused(self) -> None:
        at = len(reply(b""))
        itself, ahead = struct.pack("!H", 0xC000 | at), struct.pack("!H", 0xC000 | at + 30)
        two = record(struct.pack("!H", 0xC000 | at + 14), A, ASKED + b"ab")
        long = b"".join(b"\x3f" + b"a" * 63 for _ in range(4))
        for name, message in {
                "empty": b"", "short": reply(b"")[:11], "a question": reply(b"", 0, 0),
                "a pointer to itself": reply(record(itself, A, b"\x7f\0\0\1")),
                "a pointer ahead": reply(record(ahead, A, b"\x7f\0\0\1") + bytes(40)),
                "a circle of two": reply(two),
                "a circle with labels": reply(record(b"\1a" + itself, A, b"1234")),
                "a label of an unknown kind": reply(record(b"\x41a\0", A, b"1234")),
                "a name that is too long": reply(record(long + b"\0", A, b"1234")),
                "a name without an end": reply(b"\x3fabc"),
                "a record that is longer than the message": reply(record(ASKED, A, b"12", 9)),
                "a name that ends before its record": reply(record(ASKED, PTR, ZONE + b"x")),
                "a name that ends behind its record":
                    reply(record(ASKED, PTR, b"\x04BANK", 2) + TCP),
                "an SOA without numbers": reply(record(ASKED, SOA, ZONE + ZONE)),
                "an SRV of two bytes": reply(record(ASKED, SRV, b"12")),
                "fewer records than it says": reply(record(ASKED, A, b"1234"), 2),
                "more bytes than it says": reply(record(ASKED, A, b"1234") + b"x"),
                }.items():
            with self.subTest(name), self.assertRaises(BadReply):
                read_reply(message)

    def test_a_long_chain_of_pointers_has_an_end(self) -> None:
        """64 KB of pointers, each to the one before: they are all read, and only once."""
        chain = b"\0" + b"".join(struct.pack("!H", 0xC000 | max(at - 2, 0))
                                 for at in range(1, 16_000, 2))
        name: Name = read_name(chain, len(chain) - 2)[0]
        self.assertEqual(name, ())

    def test_nothing_may_stand_behind_a_signature(self) -> None:
        signature = record(b"\0", 250, b"", class_=255)
        self.assertIsNotNone(read_reply(
            HEADER.pack(7, IS_REPLY, 0, 0, 0, 1) + signature).signature)
        with self.assertRaises(BadReply):
            read_reply(HEADER.pack(7, IS_REPLY, 0, 0, 0, 2) + signature + record(b"\0", A, b"1234"))
        with self.assertRaises(BadReply):
            read_reply(HEADER.pack(7, IS_REPLY, 0, 0, 0, 1) + record(b"\0", 250, b""))
        # In another section it is no signature.
        self.assertIsNone(read_reply(HEADER.pack(7, IS_REPLY, 0, 0, 1, 0) + signature).signature)


if __name__ == "__main__":
    unittest.main()
