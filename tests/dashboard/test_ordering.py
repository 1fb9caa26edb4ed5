"""Events in the order of their times; what is missing; and what other programs may send."""

from __future__ import annotations

import json
import unittest
import unittest.mock
from typing import Any

from dashboard import missing, ordering
from dashboard.missing import MAX_LEAP, MISSING_S
from dashboard.ordering import HOLD_S, Ordering

BEGAN = 100.0
# Long after every event of a test: all of them are released.
LATER = BEGAN + 50


def datagram(number: int, at: float, who: str = "server-1", pid: int = 7, **fields: Any) -> bytes:
    return json.dumps({"p": who, "i": pid, "n": number, "t": BEGAN + at, "k": "run", **fields},
                      separators=(",", ":")).encode()


class Case(unittest.TestCase):
    def setUp(self) -> None:
        self.ordering = Ordering(BEGAN)

    def take(self, *datagrams: bytes, now: float = 10.0, port: int = 0) -> None:
        for each in datagrams:
            self.ordering.take(each, BEGAN + now, ("127.0.0.1", port))

    def released(self, until: float = LATER - BEGAN) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.ordering.release(BEGAN + until)]


class Order(Case):
    def test_events_go_on_in_the_order_of_their_times(self) -> None:
        self.take(datagram(1, 1.5), datagram(1, 1.25, "proxy", 8), datagram(2, 2, "proxy", 8))
        self.assertEqual([(1250, "proxy"), (1500, "server-1"), (2000, "proxy")],
                         [(event["t"], event["p"]) for event in self.released()])

    def test_an_event_is_held_until_others_have_had_their_time(self) -> None:
        self.take(datagram(1, 1.0))
        self.assertEqual(BEGAN + 1.0 + HOLD_S, self.ordering.due())
        self.assertEqual([], self.released(1.0 + HOLD_S / 2))
        self.assertEqual(1, len(self.released(1.0 + HOLD_S * 1.01)))
        self.assertEqual([], self.released())

    def test_times_are_milliseconds_since_the_page_began(self) -> None:
        self.take(datagram(1, 1.2345678))
        self.assertEqual(1234.568, self.released()[0]["t"])

    def test_a_late_event_is_not_dropped_and_keeps_its_time(self) -> None:
        self.take(datagram(1, 5))
        self.released()
        self.take(datagram(1, 2, "proxy", 8))
        self.assertEqual([2000], [event["t"] for event in self.released()])

    def test_what_waits_is_bounded(self) -> None:
        with unittest.mock.patch.object(ordering, "MAX_HELD", 3):
            self.take(*(datagram(number, 9) for number in range(1, 6)))
            self.assertEqual(2, len(self.released(0)))

    def test_an_event_of_the_page_is_sorted_among_the_others(self) -> None:
        self.take(datagram(1, 2))
        self.ordering.add({"k": "fault", "p": "page", "t": BEGAN + 1, "who": "server-1"})
        self.assertEqual(["fault", "run"], [event["k"] for event in self.released()])

    def test_the_fields_of_an_event_go_on_as_they_came(self) -> None:
        for fields in ({"id": "4bf9", "of": [1, 2]}, {"why": 'a "quote", \\ and </script>'},
                       {"why": "ação"}, {"x": [5, "t", None]}, {"x": ["t"]}, {"why": "t"},
                       {"why": '"t":7'}):
            with self.subTest(fields):
                self.setUp()
                self.take(datagram(1, 1, **fields))
                (event,) = self.released()
                self.assertEqual({"p": "server-1", "i": 7, "n": 1, "t": 1000, "k": "run", **fields},
                                 event)

    def test_an_event_is_one_line_of_ascii_however_it_was_written(self) -> None:
        self.take(datagram(1, 1, why="ação"),
                  '{"p":"a","i":8,"n":1,"t":101.0,"k":"run","why":"ação"}'.encode(),
                  b'{ "p": "a",\n"i": 9, "n": 1, "t": 101.0, "k": "run" }',
                  b'{"p":"a",\n"i":10,"n":1,"t":101.0,"k":"run"}',
                  b'{"p":"b","i":5,"n":1,"k":"run","\\u0074":101.5}',
                  b'{"p":"b","i":6,"n":1,"k":"run","t":1,"t":101.5}')
        lines = self.ordering.release(LATER)
        self.assertEqual(6, len(lines))
        for line in lines:
            self.assertTrue(line.isascii() and line.isprintable() and line.startswith('{"'), line)
            self.assertIn(json.loads(line)["t"], (1000, 1500))

    def test_every_line_is_one_object_that_all_readers_understand_alike(self) -> None:
        """Whatever is written around an event, or twice in it."""
        body = '"p":"a","i":9,"n":1,"t":101.0,"k":"run"'
        # How it can be written, and whether it is an event.
        for text, is_event in (
                (f"{{{body}}}", True), (f" {{{body}}}", True), (f"\n\t\r {{{body}}}", True),
                (f"{{ {body}}}", True), (f"{{\t{body}}}", True), (f"{{{body}}} ", True),
                (f"{{{body}}}\n", True), (f"{{{body} }}", True), (f"{{{body},\n\"x\":1}}", True),
                (f"\ufeff{{{body}}}", False), (f"x{{{body}}}", False), (f"{{{body}}}x", False),
                (f"{{{body}}}{{{body}}}", False), (f"{{{body},}}", False), (f"[{{{body}}}]", False),
                (f"\0{{{body}}}", False), (f"{{{body}}}\0", False), (f"\u00a0{{{body}}}", False),
                *((f"{{{body},{twice}}}", True) for twice in (
                    '"k":"run"', '"p":"a"', '"n":1', '"i":9', '"t":101.0', '"t" :101.0',
                    '"x":1,"x":2', '"x" :1,"x":2', '"k" : "run"', '"why":":a","k" :"run"',
                    '"why":":a","t"  :101.0', '"\\u006b":"run"', '"\\u0074":101.0')),
                *((f"{{{twice},{body}}}", True) for twice in (
                    '"k":"lost"', '"k":["lost"]', '"p":{}', '"n":-7', '"t":1e300', '"t":"t"',
                    '"k" :"proc"', '"why":":","t" :7', '"\\u006b":"proc"')),
                *((f"{{{body},{number}}}", False) for number in (
                    '"s":7', '"s" :7', '"\\u0073":7', '"s":1,"s":2', '"s":null')),
                (f'{{"s":7,{body}}}', False),
                *((f'{{{body},"x":{value}}}', True) for value in (
                    "-0", "-0.0", "1e300", "-1E+30", "9" * 300, "[]", "[1,2]", '"{"', '"[["',
                    '"\\ud800"', '"\\udfff\\ud800"', '"\u2028\u2029"', '"\\u2028"', '"\x7f"',
                    '"\\u0000"', '" a"', '":"', '"\\""', '"a\\\\"', "null", "true")),
                *((f'{{{body},"x":{value}}}', False) for value in (
                    "NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 400, "9" * 5000,
                    "-" + "9" * 400, "{}", "[[]]", "[{}]", '{"t":5}', '{"s":5}',
                    "[" * 900 + "]" * 900,
                    '{"a":' * 900 + "1" + "}" * 900, "01", "+1", ".5", "'a'", '"\n"'))):
            with self.subTest(text[:120]):
                self.setUp()
                self.take(text.encode())
                lines = self.ordering.release(LATER)
                self.assertEqual(int(is_event), len(lines), dict(self.ordering.bad))
                self.assertEqual(int(not is_event), sum(self.ordering.bad.values()))
                for line in lines:
                    self.assertTrue(line.isascii() and line.isprintable(), line)
                    self.assertTrue(line.startswith('{"') and line.endswith("}"), line)
                    pairs: list[tuple[str, Any]] = json.loads(line, object_pairs_hook=list)
                    names = [name for name, _ in pairs]
                    self.assertEqual(sorted(set(names)), sorted(names))
                    event = dict(pairs)
                    self.assertEqual(["a", 9, 1, 1000, "run"], [event[name] for name in "pintk"])

    def test_what_our_processes_send_is_not_written_anew(self) -> None:
        """It would take as long as all the rest."""
        with unittest.mock.patch.object(ordering, "_encode", side_effect=AssertionError):
            self.take(datagram(1, 1, id="4bf9", of=[1, 2], kind="original", why="a: b, c"))
            self.assertEqual(1, len(self.released()))


class Missing(Case):
    def gaps(self, until: float = LATER - BEGAN) -> list[tuple[str, int, int]]:
        return [(event["p"], event["i"], event["lost"]) for event in self.released(until)
                if event["k"] == "gap"]

    def test_a_number_that_is_missing_becomes_a_gap(self) -> None:
        self.take(datagram(1, 1), datagram(4, 2))
        self.assertEqual([], self.gaps(10 + MISSING_S / 2))
        self.assertEqual([("server-1", 7, 2)], self.gaps(10 + MISSING_S * 1.01))
        self.assertEqual([], self.gaps())

    def test_a_number_that_comes_a_little_later_is_not_lost(self) -> None:
        self.take(datagram(1, 1), datagram(4, 1), datagram(3, 1), datagram(2, 1))
        self.assertEqual(4, len(self.released()))
        self.assertEqual({}, dict(self.ordering.bad))

    def test_the_middle_of_a_stretch_may_come(self) -> None:
        self.take(datagram(1, 1), datagram(7, 1), datagram(4, 1))
        self.assertEqual([("server-1", 7, 4)], self.gaps())

    def test_the_same_number_again_is_left_out(self) -> None:
        self.take(datagram(1, 1), datagram(2, 1), datagram(1, 1), datagram(2, 1))
        self.assertEqual(2, len(self.released()))
        self.assertEqual({"twice": 2}, dict(self.ordering.bad))

    def test_a_process_counts_once_for_all_its_names(self) -> None:
        """A server whose function calls tells as the server and as the client in it."""
        self.take(datagram(1, 1), datagram(2, 1, "client"), datagram(3, 1))
        self.assertEqual([], self.gaps())

    def test_of_a_process_that_we_started_the_first_events_can_be_lost(self) -> None:
        self.ordering.add({"k": "proc", "who": "server-1", "state": "starting", "pid": 7,
                           "t": BEGAN + 0.5})
        self.take(datagram(3, 1))
        self.assertEqual([("server-1", 7, 2)], self.gaps())

    def test_one_that_was_attached_to_begins_where_it_is(self) -> None:
        self.take(datagram(30, 1), datagram(31, 1))
        self.assertEqual([], self.gaps())
        self.ordering.add({"k": "proc", "who": "proxy", "state": "up", "pid": 8, "told": 20,
                           "t": BEGAN + 0.5})
        self.take(datagram(22, 1, "proxy", 8))
        self.assertEqual([("proxy", 8, 1)], self.gaps())

    def test_a_pid_that_is_given_again_is_another_life(self) -> None:
        self.take(datagram(1, 1), datagram(9, 1), now=1)
        self.ordering.add({"k": "proc", "who": "server-2", "state": "starting", "pid": 7,
                           "t": BEGAN + 5})
        self.take(datagram(1, 6, "server-2"), datagram(2, 6, "server-2"))
        self.assertEqual([], self.gaps())
        self.assertEqual({}, dict(self.ordering.bad))

    def test_stretches_and_lives_are_bounded(self) -> None:
        self.take(*(datagram(number, 1) for number in range(1, 1000, 2)))
        # Those beyond the bound are given up at once.
        self.assertEqual([("server-1", 7, 499 - missing.MAX_STRETCHES)], self.gaps(10))
        self.assertEqual([("server-1", 7, missing.MAX_STRETCHES)],
                         self.gaps(10 + MISSING_S * 1.01))
        with unittest.mock.patch.object(missing, "MAX_LIVES", 10):
            for pid in range(30):
                self.take(datagram(1, 1, pid=pid), datagram(3, 1, pid=pid))
            self.assertEqual(10, len(self.ordering._numbers._lives))
            self.assertEqual(10, len(self.gaps()))

    def test_there_is_something_to_wait_for_while_a_number_is_missing(self) -> None:
        self.take(datagram(1, 1), datagram(3, 1))
        self.released(5)
        self.assertEqual(BEGAN + 10 + MISSING_S, self.ordering.due())
        self.released()
        self.assertEqual(float("inf"), self.ordering.due())


class Lies(Case):
    def test_what_is_no_event_is_counted_by_its_reason(self) -> None:
        good = {"p": "a", "i": 1, "n": 1, "t": BEGAN, "k": "run"}
        for reason, sent in (
                ("too long", json.dumps({**good, "x": "y" * ordering.MAX_BYTES}).encode()),
                ("not JSON", b"hello"), ("not JSON", b"\xff\xfe"), ("not JSON", b"[" * 8000),
                ("not JSON", b'{"p":"a","i":1,"n":1,"t":NaN,"k":"run"}'),
                ("not JSON", b'{"p":"a","i":1,"n":1,"t":100.0,"k":"run","x":1e999}'),
                ("not JSON", b'{"p":"a","i":1,"n":1,"t":100.0,"k":"run","x":-Infinity}'),
                ("not an object", b"[1]"), ("not an object", b"7"), ("field missing", b"{}"),
                *(("field missing", json.dumps({key: value for key, value in good.items()
                                                if key != left_out}).encode())
                  for left_out in good),
                *((reason, json.dumps({**good, key: value}).encode()) for reason, key, value in (
                    ("kind", "k", "nothing"), ("kind", "k", 7), ("kind", "k", ["run"]),
                    ("name", "p", ""), ("name", "p", "x" * 65), ("name", "p", None),
                    ("number", "i", "1"), ("number", "i", True), ("number", "i", -1),
                    ("number", "n", 0), ("number", "n", 1.5), ("number", "n", 10 ** 30),
                    ("time", "t", "now"), ("time", "t", True), ("time", "t", None),
                    ("time", "t", BEGAN - 100), ("time", "t", BEGAN + 1e6), ("time", "t", 1e300)))):
            with self.subTest(reason, sent=sent[:80]):
                self.setUp()
                self.take(sent)
                self.assertEqual({reason: 1}, dict(self.ordering.bad))
                self.assertEqual([], self.released())

    def test_nobody_else_says_what_the_page_says(self) -> None:
        for kind in ("proc", "fault", "lost", "story", "vote", "exposed", "start", "gap", "bad",
                     "recording"):
            self.take(datagram(1, 1, k=kind))
        self.assertEqual({"kind": 10}, dict(self.ordering.bad))
        self.assertEqual([], self.released())

    def test_a_number_that_leaps_is_no_loss_of_millions(self) -> None:
        self.take(datagram(1, 1), datagram(MAX_LEAP + 9, 1), datagram(MAX_LEAP + 10, 1))
        self.assertEqual(["run"] * 3, [event["k"] for event in self.released()])

    def test_a_forged_number_takes_nothing_from_who_tells_the_truth(self) -> None:
        """Neither a leap, nor numbers that are still to come."""
        for forged in (900_001, MAX_LEAP, 2 ** 40 - 1, 2, 3, 4):
            with self.subTest(forged):
                self.setUp()
                self.take(datagram(1, 1), port=5001)
                self.take(datagram(forged, 2, why="forged"), port=6666)
                self.released(10 + 2 * MISSING_S)
                for number in range(2, 6):
                    self.take(datagram(number, 11), now=11, port=5001)
                events = self.released()
                self.assertEqual([2, 3, 4, 5], [event["n"] for event in events])
                self.assertEqual({}, dict(self.ordering.bad))

    def test_who_is_announced_is_heard_also_where_a_liar_speaks_first(self) -> None:
        self.ordering.add({"k": "proc", "who": "server-1", "state": "starting", "pid": 7,
                           "t": BEGAN + 0.5})
        self.take(datagram(900_000, 1), port=6666)
        self.take(datagram(1, 2), datagram(2, 2), datagram(4, 2), port=5001)
        events = self.released()
        self.assertEqual([1, 2, 4], [event["n"] for event in events
                                     if event["k"] == "run" and event["n"] < 900_000])
        self.assertIn(1, [event["lost"] for event in events if event["k"] == "gap"])

    def test_announcements_are_bounded(self) -> None:
        with unittest.mock.patch.object(missing, "MAX_LIVES", 10):
            for pid in range(30):
                self.ordering.add({"k": "proc", "who": "x", "state": "starting", "pid": pid,
                                   "t": BEGAN})
            self.assertEqual(10, len(self.ordering._numbers._announced))


if __name__ == "__main__":
    unittest.main()
