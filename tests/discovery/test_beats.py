"""The datagrams of heartbeats: which are believed, and what is read from them."""

from __future__ import annotations

import json
import math
import random
import unittest
from collections.abc import Iterator
from typing import Any, Callable

from ponte.discovery.beat_reader import BeatReader
from ponte.discovery.beats import (
    MAX_DATAGRAM_BYTES,
    MAX_INTEGER,
    MAX_NAME,
    OPTIONAL,
    Answer,
    BadDatagram,
    Beat,
    decode_answer,
    decode_beat,
    encode_answer,
    encode_beat,
)
from ponte.discovery.own_beat import check_name, check_service
from ponte.discovery.signing import Keys, keys_of
from ponte.net.target import MAX_PATH

BEAT = Beat("greeter", "server-1", 1_700_000_000_000, 7, "127.0.0.1", 41234, "up", 2.0,
            ("hello", "whoami"), "9f86d081")
ANSWER = Answer("ack", "server-1", 1_700_000_000_000, 7, "9f86d081", 1_700_000_000_000)
KEY = b"a key of 16 bytes"


def reason(datagram: bytes, key: Keys = b"") -> str:
    """Why a datagram is dropped; "" if it is a beat. A reader that knows its sender must agree."""
    expected = result_of(lambda: decode_beat(datagram, key))
    reader = reader_that_knows(BEAT, key)
    assert result_of(lambda: reader.read(datagram)) == expected, datagram
    return expected if isinstance(expected, str) else ""


def result_of(read: Callable[[], Beat]) -> Beat | str:
    """The beat that is read, or the reason why it is dropped."""
    try:
        return read()
    except BadDatagram as error:
        return error.reason


def reader_that_knows(beat: Beat, key: Keys = b"") -> BeatReader:
    """A reader that has read the beat before this one."""
    reader = BeatReader(key)
    reader.read(encode_beat(beat._replace(seq=beat.seq - 1), keys_of(key)[0]))
    return reader


def beat_with(**fields: Any) -> bytes:
    """An unsigned beat with some fields replaced, right or wrong."""
    return b"\n" + json.dumps({"v": 1, "type": "beat", **BEAT._asdict(), **fields}).encode()


class BeatDatagrams(unittest.TestCase):
    """One datagram: a line with the signature, and a line of JSON."""

    def test_a_beat_survives_the_wire(self) -> None:
        """With addresses of both families, names of hosts, and methods in any language."""
        for beat in (BEAT,
                     BEAT._replace(host="::1", state="draining"),
                     BEAT._replace(host="server.example", epoch=""),
                     BEAT._replace(idempotent=()),
                     BEAT._replace(idempotent=("sauda\u00e7\u00e3o", "a.b"))):
            for key in (b"", KEY):
                with self.subTest(beat=beat, key=key):
                    self.assertEqual(decode_beat(encode_beat(beat, key), key), beat)

    def test_it_can_be_read_in_a_packet_dump(self) -> None:
        """The signature in hexadecimal, empty without a key; then one line of JSON."""
        signature, line = encode_beat(BEAT).split(b"\n")
        self.assertEqual(signature, b"")
        self.assertEqual(json.loads(line)["instance"], "server-1")
        self.assertRegex(encode_beat(BEAT, KEY).split(b"\n")[0], b"^[0-9a-f]{64}$")

    def test_a_beat_never_exceeds_the_datagram(self) -> None:
        """Too many idempotent names are a ValueError at the sender, not a beat that is dropped."""
        names = tuple(f"method_number_{number}" for number in range(100))
        with self.assertRaises(ValueError):
            encode_beat(BEAT._replace(idempotent=names))
        for count in range(100):
            try:
                datagram = encode_beat(BEAT._replace(idempotent=names[:count]))
            except ValueError:
                break
            self.assertLessEqual(len(datagram), MAX_DATAGRAM_BYTES)
        self.assertGreater(count, 30)

    def test_what_is_no_valid_beat_is_dropped_with_a_reason(self) -> None:
        """Each row: a datagram, and the word under which it is counted."""
        without_port = {name: value for name, value in BEAT._asdict().items() if name != "port"}
        for datagram, why in (
                (b"", "not JSON"),
                (b"garbage", "signature"),
                (b"x" * (MAX_DATAGRAM_BYTES + 1), "too long"),
                (b"\n", "not JSON"),
                (b"\n{", "not JSON"),
                (b"\n\xff\xfe\xfa", "not JSON"),
                (b"\n" + b"[" * 1100, "not JSON"),
                (b"\n[]", "fields"),
                (b"\n7", "fields"),
                (b"\n{}", "fields"),
                (b"\n" + json.dumps({"v": 1, "type": "beat", **without_port}).encode(), "fields"),
                *[(beat_with(remembers=value), "types")
                  for value in (0, 1, 1.0, "true", None, [True])],
                *[(beat_with(path=value), "types") for value in (0, None, True, ["/RPC2"])],
                *[(beat_with(path=value), "path")
                  for value in ("RPC2", " /", "/a b", "/a\r\nX: y", "/a\0", "/\u00e9", "/a#b",
                                "http://a/RPC2", "/" + "a" * MAX_PATH)],
                (beat_with(path="/" + "a" * (MAX_PATH - 1)), ""),
                (beat_with(path="/cgi/xmlrpc.php?site=1&a=%2F"), ""),
                (beat_with(service="registry"), "name"),
                (beat_with(type="ack"), "fields"),
                (beat_with(type=None), "fields"),
                (beat_with(v=2), "version"),
                (beat_with(v=None), "version"),
                (beat_with(v="1"), "version"),
                (beat_with(v=True), "version"),
                (beat_with(v=1.0), "version"),
                (beat_with(idempotent="hello"), "types"),
                (beat_with(idempotent=None), "types"),
                (beat_with(idempotent={}), "types"),
                *[(beat_with(**{field: name}), "name")
                  for field in ("service", "instance")
                  for name in ("", "a" * (MAX_NAME + 1), "a\n", "a b", "a/b", ".a", "\u00e9", 7,
                               None, ["a"])],
                *[(beat_with(idempotent=[name]), "method")
                  for name in ("", "a" * (MAX_NAME + 1), "a b", "a\0", "a-b", 7, None, ["a"])],
                *[(beat_with(**{field: number}), "number")
                  for field in ("incarnation", "seq", "port")
                  for number in (0, -1, 1.0, "1", True, None, MAX_INTEGER + 1, math.nan)],
                (beat_with(port=65536), "address"),
                (beat_with(port=70_000), "address"),
                *[(beat_with(host=host), "address")
                  for host in ("", "0.0.0.0", "::", "224.0.0.1", "ff02::1", "a b", "a\n", "a" * 254,
                               7, None, ["::1"])],
                (beat_with(state="asleep"), "state"),
                (beat_with(state=["up"]), "state"),
                (beat_with(epoch=7), "state"),
                *[(beat_with(lease_s=lease_s), "lease")
                  for lease_s in (0, -1, 0.05, 61, 1e6, math.nan, math.inf, "2", None, True,
                                  10 ** 400)]):
            with self.subTest(datagram=datagram[:200]):
                self.assertEqual(reason(datagram), why)

    def test_a_host_that_cannot_be_looked_up_is_no_address(self) -> None:
        """With an empty or overlong label, the resolver raises UnicodeError at every call."""
        for host in ("a..b", ".a", "a" * 64, "255.255.255.255"):
            with self.subTest(host):
                self.assertEqual(reason(beat_with(host=host)), "address")

    def test_an_address_in_another_spelling_is_none(self) -> None:
        """A resolver takes "0" for 0.0.0.0, and "0xe0000001" for a multicast group."""
        for host in ("0", "00", "0x0", "0.0", "0.0.0.0.", "0xe0000001", "3758096385", "224.1",
                     "a.1", "::ffff:0.0.0.0", "::ffff:224.0.0.1"):
            with self.subTest(host):
                self.assertEqual(reason(beat_with(host=host)), "address")

    def test_a_name_with_numbers_in_it_is_an_address(self) -> None:
        """No name of a host ends in a number, but a number may stand elsewhere in it."""
        for host in ("a1", "1a", "x0.example", "127.0.0.1", "::ffff:127.0.0.1", "node-7",
                     "face.b00c"):
            with self.subTest(host):
                self.assertEqual(decode_beat(beat_with(host=host)).host, host)

    def test_only_utf_8_is_read(self) -> None:
        """The JSON module alone would take UTF-16 and UTF-32 too."""
        line = beat_with()[1:].decode()
        for encoding in ("utf-16", "utf-16-be", "utf-32"):
            with self.subTest(encoding):
                self.assertEqual(reason(b"\n" + line.replace(" ", "").encode(encoding)), "not JSON")

    def test_only_the_key_opens_a_datagram(self) -> None:
        """All others are dropped before they are parsed."""
        signed = encode_beat(BEAT, KEY)
        for name, datagram, key in (
                ("unsigned", encode_beat(BEAT), KEY),
                ("signed with another key", signed, KEY[:-1] + b"?"),
                ("signed, where no key is set", signed, b""),
                ("cut off", signed[:-1], KEY),
                ("without its signature", signed[64:], KEY),
                ("a signature in capitals", signed[:64].upper() + signed[64:], KEY),
                ("a wrong signature", b"0" * 64 + signed[64:], KEY)):
            with self.subTest(name):
                self.assertEqual(reason(datagram, key), "signature")

    def test_a_change_of_one_byte_is_noticed(self) -> None:
        """Wherever it is: in the signature, in the line, or between them."""
        signed = encode_beat(BEAT, KEY)
        for position in range(len(signed)):
            changed = signed[:position] + bytes([signed[position] ^ 1]) + signed[position + 1:]
            self.assertEqual(reason(changed, KEY), "signature", position)

    def test_the_signature_is_hmac_sha256_of_the_line(self) -> None:
        """Checked against the result of openssl: other programs must be able to sign a beat."""
        answer = Answer("ack", "a", 1, 2, "e", 3)
        signature, line = encode_answer(answer, b"k" * 16).split(b"\n")
        self.assertEqual(line, b'{"v":1,"type":"ack","instance":"a","incarnation":1,"seq":2,'
                               b'"epoch":"e","newest":3}')
        self.assertEqual(signature,
                         b"ab40015022eb2d300f7fe088da16ee086e2f7bebcee9517ba7d8dede2f5a5be0")

    def test_mutations_of_a_good_beat_are_taken_or_dropped(self) -> None:
        """Seeded fuzzing: no other error than BadDatagram is raised."""
        rng = random.Random(5)
        good = encode_beat(BEAT)
        for _ in range(3000):
            mutant = bytearray(good)
            for _ in range(rng.randrange(1, 6)):
                position = rng.randrange(len(mutant))
                junk = bytes(rng.choices(b'\0"{}[]:,0-9.eE\n\xff', k=rng.randrange(3)))
                mutant[position:position + rng.randrange(3)] = junk
            reason(bytes(mutant))


class MixedVersions(unittest.TestCase):
    """Servers and registries are upgraded one after the other, in any order.

    `OLD` is the datagram of BEAT as the version without `remembers` sends it, and the only form in
    which that version reads it: it drops datagrams with fewer fields, or more.
    """

    OLD = (b'\n{"v":1,"type":"beat","service":"greeter","instance":"server-1",'
           b'"incarnation":1700000000000,"seq":7,"host":"127.0.0.1","port":41234,"state":"up",'
           b'"lease_s":2.0,"idempotent":["hello","whoami"],"epoch":"9f86d081"}')

    def with_more(self, more: bytes) -> bytes:
        """The old datagram, with these fields behind the others."""
        return self.OLD[:-1] + b"," + more + b"}"

    def test_an_old_registry_reads_a_new_server(self) -> None:
        """Byte by byte it is what an old server sends."""
        self.assertEqual(encode_beat(BEAT), self.OLD)

    def test_a_new_registry_reads_an_old_server(self) -> None:
        """A field that is not there means that the server remembers, as all servers of Ponte do."""
        self.assertEqual(decode_beat(self.OLD), BEAT)
        self.assertIs(decode_beat(self.OLD).remembers, True)

    def test_only_what_does_not_remember_says_so(self) -> None:
        """An old registry drops it, with the word "fields": it could not hand it on."""
        foreign = BEAT._replace(remembers=False)
        self.assertEqual(encode_beat(foreign), self.with_more(b'"remembers":false'))
        self.assertEqual(decode_beat(encode_beat(foreign)), foreign)
        self.assertEqual(decode_beat(self.with_more(b'"remembers":true')), BEAT)

    def test_fields_of_a_later_version_are_passed_over(self) -> None:
        """Wherever they stand, whatever they hold; the others are checked as ever."""
        for more in (b'"paths":["/RPC2"]', b'"self":1', b'"cls":{"seq":9}', b'"zone":["seq",8]'):
            for datagram in (self.with_more(more), self.OLD[:2] + more + b"," + self.OLD[2:]):
                with self.subTest(datagram):
                    self.assertEqual(reason(datagram), "")
                    self.assertEqual(decode_beat(datagram), BEAT)
                    self.assertEqual(reason(datagram.replace(b'"port":41234', b'"port":"1"')),
                                     "number")
                    self.assertEqual(reason(datagram.replace(b'"port"', b'"Port"')), "fields")
        self.assertEqual(reason(self.with_more(b'"zone":1,"remembers":1')), "types")

    def test_only_who_takes_calls_elsewhere_says_where(self) -> None:
        """A registry of the version before passes it over."""
        foreign = BEAT._replace(path="/RPC2")
        self.assertEqual(encode_beat(foreign), self.with_more(b'"path":"/RPC2"'))
        self.assertEqual(decode_beat(encode_beat(foreign)), foreign)
        self.assertEqual(decode_beat(self.with_more(b'"path":""')), BEAT)

    def test_every_field_but_the_optional_ones_is_required(self) -> None:
        for missing in Beat._fields:
            fields = {name: value for name, value in BEAT._asdict().items() if name != missing}
            line = json.dumps({"v": 1, "type": "beat", **fields}).encode()
            self.assertEqual(reason(b"\n" + line), "" if missing in OPTIONAL else "fields")

    def test_a_sender_reads_the_answer_of_a_later_registry(self) -> None:
        """It passes over the fields that it does not know: else it would never be acked."""
        line = encode_answer(ANSWER)
        self.assertEqual(decode_answer(line[:-1] + b',"peers":["10.0.0.2:4100"]}'), ANSWER)
        for name in Answer._fields:
            with self.subTest(name), self.assertRaisesRegex(BadDatagram, "fields"):
                decode_answer(line.replace(f'"{name}":'.encode(), b'"other":'))


class AnswerDatagrams(unittest.TestCase):
    """What a registry answers to a beat."""

    def test_an_answer_survives_the_wire(self) -> None:
        """Of all three types, signed and unsigned."""
        for kind in ("ack", "epoch", "superseded"):
            for key in (b"", KEY):
                answer = ANSWER._replace(type=kind)
                self.assertEqual(decode_answer(encode_answer(answer, key), key), answer)

    def test_an_answer_is_shorter_than_its_beat(self) -> None:
        """An attacker gains nothing by a forged sender: also with the shortest beat."""
        for incarnation in (1, MAX_INTEGER):
            beat = Beat("a", "a", incarnation, 1, "a", 1, "up", 1)
            for key in (b"", KEY):
                answer = Answer("superseded", "a", incarnation, 1, "0" * 16, MAX_INTEGER)
                self.assertLess(len(encode_answer(answer, key)), len(encode_beat(beat, key)))

    def test_what_is_no_answer_is_dropped(self) -> None:
        """One wrong datagram must not stop the beat thread, which trusts the types."""
        rows: list[dict[str, Any]] = [
            {"v": 2},
            {"type": 7},
            {"instance": []},
            {"incarnation": "x"},
            {"seq": "7"},
            {"seq": None},
            {"epoch": 7},
            {"epoch": None},
            {"epoch": "e" * 1000},
            {"newest": "x"},
            {"newest": None},
            {"newest": -1},
            {"newest": MAX_INTEGER + 1},
            *[{field: number} for field in ("incarnation", "seq", "newest")
              for number in (math.inf, -math.inf, math.nan, 10 ** 400, 7.0, True, [7], {"7": 7})],
            *[{field: text} for field in ("type", "instance", "epoch")
              for text in ("", "\U0001f600" * 64, "a b", "a\n", "\u00e9", "\ud800", "a" * 65,
                           ["a"], {"a": "a"}, True)],
        ]
        for row in rows:
            with self.subTest(row=row), self.assertRaises(BadDatagram):
                decode_answer(b"\n" + json.dumps({"v": 1, **ANSWER._asdict(), **row}).encode())

    def test_what_is_no_datagram_of_an_answer_is_dropped(self) -> None:
        """Empty, garbage, a beat, or signed where no key is set."""
        for datagram in (b"", b"garbage", encode_beat(BEAT), encode_answer(ANSWER, KEY)):
            with self.subTest(datagram=datagram), self.assertRaises(BadDatagram):
                decode_answer(datagram)


class Lies(unittest.TestCase):
    """A registry, or a server, that lies in one field or in several: structured fuzzing."""

    VALUES: tuple[Any, ...] = (
        None, True, False, 0, 1, -1, 7.0, 1e300, math.inf, -math.inf, math.nan, 10 ** 400,
        MAX_INTEGER, MAX_INTEGER + 1, "", "7", "up", "ack", "a" * 65, "\U0001f600" * 64, "\ud800",
        "\0", [], [[]], ["a", ["b"]], {}, {"a": {"b": []}}, [[[[[[[[1]]]]]]]])

    def lies(self, message: Beat | Answer, kind: dict[str, Any]) -> Iterator[bytes]:
        """Datagrams with one field replaced, removed or doubled, and then with several."""
        fields = {"v": 1, **kind, **message._asdict()}
        rng = random.Random(7)
        for name in fields:
            for value in self.VALUES:
                yield b"\n" + json.dumps({**fields, name: value}).encode()
                line = json.dumps(fields)[:-1] + f', "{name}": {json.dumps(value)}}}'
                yield b"\n" + line.encode()
            yield b"\n" + json.dumps({**fields, name: 0}).replace(" 0", " " + "[" * 900).encode()
            yield b"\n" + json.dumps({other: fields[other]
                                      for other in fields if other != name}).encode()
        for _ in range(500):
            names = rng.sample(sorted(fields), rng.randrange(2, 5))
            lie = {name: rng.choice(self.VALUES) for name in names}
            yield b"\n" + json.dumps({**fields, **lie}).encode()

    def test_an_answer_is_taken_or_dropped(self) -> None:
        """What is taken goes into the next beat, which is a good one then."""
        taken = 0
        for datagram in self.lies(ANSWER, {}):
            try:
                answer = decode_answer(datagram)
            except BadDatagram:
                continue
            taken += 1
            self.assertEqual(decode_answer(encode_answer(answer)), answer)
            beat = BEAT._replace(epoch=answer.epoch, incarnation=answer.newest)
            self.assertEqual(decode_beat(encode_beat(beat)), beat)
        self.assertGreater(taken, 20)

    def test_a_beat_is_taken_or_dropped(self) -> None:
        """And an answer to what is taken is a good one."""
        taken = 0
        for datagram in self.lies(BEAT, {"type": "beat"}):
            if not reason(datagram):
                taken += 1
                found = decode_beat(datagram)
                answer = Answer("ack", found.instance, found.incarnation, found.seq, "e1",
                                found.incarnation)
                self.assertEqual(decode_answer(encode_answer(answer)), answer)
        self.assertGreater(taken, 20)


class SeveralKeys(unittest.TestCase):
    """A key can be changed without a stop."""

    def test_the_beat_of_any_of_the_keys_is_read(self) -> None:
        """The reader says which one it was, for the answer."""
        reader = BeatReader([b"new", b"old"])
        for key in (b"old", b"new", b"new", b"old"):
            self.assertEqual(decode_beat(encode_beat(BEAT, key), [b"new", b"old"]), BEAT)
            self.assertEqual(reader.read(encode_beat(BEAT, key)), BEAT)
            self.assertEqual(reader.key, key)
        for key in (b"", b"other"):
            for keys in ([b"new", b"old"], [b"new"], (b"old", b"new")):
                self.assertEqual(reason(encode_beat(BEAT, key), keys), "signature")
        answer = encode_answer(ANSWER, b"old")
        self.assertEqual(decode_answer(answer, [b"new", b"old"]), ANSWER)
        with self.assertRaisesRegex(BadDatagram, "signature"):
            decode_answer(answer, [b"new"])

    def test_what_is_no_key_is_an_error_at_once(self) -> None:
        """An empty one among others would let everybody in."""
        for wrong in (None, "text", ["text"], [b"", b"key"], [b"key", None], 7):
            with self.subTest(wrong), self.assertRaisesRegex(ValueError, "^key: give bytes"):
                keys_of(wrong)  # type: ignore[arg-type]
        self.assertEqual([keys_of(key) for key in (b"", b"key", (), [b"key"])],
                         [(b"",), (b"key",), (b"",), (b"key",)])


class Names(unittest.TestCase):
    """What can name a service or an instance."""

    def test_a_good_name_comes_back(self) -> None:
        """Letters, digits, and some signs between them."""
        for name in ("a", "_", "server-1", "a.b_c", "7", "a" * MAX_NAME):
            self.assertEqual(check_name(name), name)

    def test_a_bad_name_is_an_error_that_says_what_is_allowed(self) -> None:
        """ValueError."""
        for name in ("", "-a", ".a", "a b", "a/b", "a\n", "\u00e9", "a" * (MAX_NAME + 1)):
            with self.subTest(name), self.assertRaisesRegex(ValueError, "letters, digits"):
                check_name(name)
            with self.subTest(name), self.assertRaisesRegex(ValueError, "letters, digits"):
                check_service(name)

    def test_the_names_of_ponte_s_own_processes_are_taken(self) -> None:
        """One line says what to do. An instance may have such a name: nobody asks for it."""
        for name, why in (("proxy", "proxies announce it"),
                          ("registry", "registries answer at POST /registry")):
            with self.assertRaises(ValueError) as caught:
                check_service(name)
            self.assertEqual(str(caught.exception),
                             f"'{name}' is taken: {why}; rename the file of the service, "
                             f"for instance to {name}_service.py")
            self.assertEqual(check_name(name), name)
            self.assertEqual(check_service(f"{name}_service"), f"{name}_service")

    def test_a_registry_takes_what_proxies_announce(self) -> None:
        """It cannot tell a proxy from what stands in for one. Nobody announces a registry."""
        self.assertEqual(reason(beat_with(service="proxy")), "")
        self.assertEqual(reason(beat_with(service="registry")), "name")
        self.assertEqual(reason(beat_with(instance="registry")), "")


if __name__ == "__main__":
    unittest.main()
