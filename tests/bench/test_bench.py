"""The measurements are reported correctly: percentiles, tables, the plot, and the loads."""

from __future__ import annotations

import contextlib
import functools
import io
import itertools
import socket
import unittest
import xml.etree.ElementTree as ET
from typing import ClassVar, cast
from unittest import mock

from bench import __main__ as command
from bench import load, plot, report, rounds, targets, wrk
from bench.beats import Beats, Sender, beat_of
from bench.processes import parse_ps
from ponte.calls.session import Session
from ponte.discovery.beats import decode_beat
from ponte.net.message import Reply, encode_reply

URL = "http://127.0.0.1:4180/greeter"
SESSION = "9f86d081884c7d65"
SVG = "{http://www.w3.org/2000/svg}"


class Figures(unittest.TestCase):
    def test_a_percentile_is_a_value_that_was_measured(self) -> None:
        """Nearest rank: the smallest value for which at least the share is not larger."""
        values = list(range(1, 101))
        self.assertEqual([report.percentile(values, share) for share in (0.5, 0.99, 1.0)],
                         [50, 99, 100])
        self.assertEqual(report.percentile([7.0], 0.99), 7.0)
        self.assertEqual(report.percentile([3, 1, 2], 0.5), 2)

    def test_figures_show_three_digits_that_count(self) -> None:
        self.assertEqual([report.figure(value)
                          for value in (12345.6, 99.96, 1.234, 0.01234, 0.0, -2.5, None)],
                         ["12,346", "100.0", "1.23", "0.0123", "0", "-2.50", "-"])

    def test_a_table_is_aligned_markdown(self) -> None:
        table = report.Table("Title", ("way", "calls/s"), [["direct", "1,000"], ["by proxy", "9"]])
        self.assertEqual(table.text().splitlines()[2:], ["| way      | calls/s |",
                                                         "| -------- | ------: |",
                                                         "| direct   |   1,000 |",
                                                         "| by proxy |       9 |"])

    def test_a_target_is_met_missed_or_not_measured(self) -> None:
        least = report.Target("speed", "calls speed", 2.0)
        greatest = report.Target("time", "calls time", 2.0, at_most=True)
        self.assertEqual([least.row({"calls speed": value})[-1] for value in (2.0, 1.99)],
                         ["MET", "MISSED"])
        self.assertEqual([greatest.row({"calls time": value})[-1] for value in (2.0, 2.01)],
                         ["MET", "MISSED"])
        self.assertEqual(least.row({})[-1], "not measured")

    def test_every_target_belongs_to_a_section(self) -> None:
        self.assertEqual(len(targets.table({}, command.SECTIONS).rows), len(targets.TARGETS))

    def test_rounds_take_turns(self) -> None:
        """A B A B, after a warm-up of each measure, which does not count."""
        seen: list[str] = []

        def measure(name: str, seconds: float) -> float:
            seen.append(name)
            return seconds

        plan = rounds.Plan(2, 3.0, False, lambda line: None)
        found = rounds.interleave(plan, {name: functools.partial(measure, name) for name in "AB"})
        self.assertEqual("".join(seen), "ABABAB")
        self.assertEqual(found, {"A": [3.0, 3.0], "B": [3.0, 3.0]})

    def test_what_ps_says_is_read(self) -> None:
        """For systems without /proc."""
        self.assertEqual(parse_ps("  1:02.50  2048\n"), (62.5, 2048 * 1024))
        self.assertEqual(parse_ps("01:00:01 1\n"), (3601.0, 1024))
        self.assertEqual(parse_ps(""), (None, None))


class Plot(unittest.TestCase):
    PANELS: ClassVar[dict[str, dict[str, dict[int, float]]]] = {
        "servers & more": {"direct": {1: 100.0, 8: 950.0}, "by proxy": {1: 50.0, 8: 400.0}}}

    def test_every_line_is_drawn_inside_its_panel_and_named_in_the_legend(self) -> None:
        drawing = ET.fromstring(plot.draw(self.PANELS))
        texts = ["".join(text.itertext()) for text in drawing.iter(f"{SVG}text")]
        for text in ("servers & more", "direct", "by proxy", "calls/s",
                     "connections (logarithmic)", "8"):
            self.assertIn(text, texts)
        lines = [[tuple(map(float, point.split(","))) for point in line.attrib["points"].split()]
                 for line in drawing.iter(f"{SVG}polyline")]
        direct, by_proxy = lines[:2]
        for x, y in direct + by_proxy:
            self.assertTrue(plot.LEFT <= x <= plot.LEFT + plot.WIDTH
                            and plot.TOP <= y <= plot.TOP + plot.HEIGHT)
        self.assertLess(direct[1][1], by_proxy[1][1], "more is higher")

    def test_it_can_be_read_on_light_and_on_dark(self) -> None:
        self.assertIn("prefers-color-scheme: dark", plot.draw(self.PANELS))
        self.assertNotIn("<rect", plot.draw(self.PANELS))

    def test_ticks_are_round_and_reach_the_top(self) -> None:
        self.assertEqual(plot.ticks(950), [0, 200, 400, 600, 800, 1000])
        self.assertEqual(plot.ticks(0.03)[0], 0)
        for highest in (1, 7, 12_345, 99_999):
            ticks = plot.ticks(highest)
            self.assertTrue(4 <= len(ticks) <= 8 and ticks[-1] >= highest)


class Load(unittest.TestCase):
    def test_the_end_of_a_message_is_found(self) -> None:
        whole = encode_reply(Reply(200, {"Content-Type": "text/xml"}, b"12345"))
        self.assertEqual(load.message_bytes(whole), len(whole))
        self.assertEqual(load.message_bytes(whole + b"more"), len(whole))
        self.assertEqual(load.message_bytes(whole[:20]), 0)
        self.assertEqual(load.message_bytes(b"HTTP/1.1 200 OK\r\ncontent-length:2\r\n\r\n"), 39)

    def test_the_request_is_a_call_that_counts_its_bytes(self) -> None:
        for kind in load.HEADERS:
            sent = load.request(URL, kind)
            self.assertTrue(sent.startswith(b"POST /greeter HTTP/1.1\r\n"))
            self.assertEqual((load.message_bytes(sent), b"Call-Idempotent: 1\r\n" in sent),
                             (len(sent), kind == load.IDEMPOTENT))

    def test_both_kinds_of_the_stub_differ_only_in_session_and_number(self) -> None:
        """So a ratio of them is the cost of session and number, and of nothing else."""
        idempotent = load.request(URL)
        numbers = load.Numbers(load.request(URL, load.NUMBERED, session=SESSION))
        sent = numbers.request(numbers.take())
        self.assertEqual(
            sent.replace(b"Call-Session: %b\r\nCall-Number: 1-1" % SESSION.encode(),
                         b"Call-Idempotent: 1"),
            idempotent)

    def test_a_number_goes_with_the_oldest_one_under_way(self) -> None:
        """As the stub's own sessions do it, in whatever order the calls end."""
        numbers, session = load.Numbers(load.request(URL, load.NUMBERED)), Session(SESSION)
        ours, theirs = [], []
        for place in (0, 1, 0, 0, 2, 0):
            ours.append(numbers.take())
            theirs.append(session.take())
            line = b"Call-Number: %b\r\n" % str(theirs[-1]).encode()
            self.assertIn(line, numbers.request(ours[-1]))
            if place:
                numbers.end(ours.pop(-place))
                del theirs[-place]

    def test_only_a_refusal_gives_out_a_session(self) -> None:
        for status, headers, found in ((503, {"Call-Session": SESSION}, SESSION), (503, {}, ""),
                                       (200, {"Call-Session": SESSION}, "")):
            with self.subTest(status=status, headers=headers):
                reply = encode_reply(Reply(status, headers, b"not executed"))
                self.assertEqual(load.session_in(reply), found)

    def test_what_wrk_prints_is_read(self) -> None:
        printed = ("Running 1s test @ http://127.0.0.1:1/\n  Latency     1.0ms\n"
                   '{"calls_per_s": 1234.5, "p50_ms": 0.25, "p99_ms": 1.5, "errors": 3}\n')
        self.assertEqual(wrk.parse(printed), load.Sample(1234.5, 0.25, 1.5, 3))

    def test_wrk_is_given_whole_seconds_only(self) -> None:
        self.assertFalse(wrk.takes(0.5))

    def test_a_beat_is_signed_as_a_server_signs_it(self) -> None:
        """The sender makes it from a prepared text: the datagram is the same."""
        key = b"0123456789abcdef"
        beats = iter(Beats(2, "epoch-1", key))
        sent = [decode_beat(next(beats), key) for _ in range(3)]
        wanted = [beat_of(number)._replace(seq=seq, epoch="epoch-1")
                  for number, seq in ((0, 1), (1, 1), (0, 2))]
        self.assertEqual(sent, wanted)


class Lossy:
    """A socket to a registry that loses the first few datagrams and acks all others."""

    def __init__(self, losses: int) -> None:
        self.taken: list[bytes] = []
        self._losses = losses
        self._acks = 0

    def send(self, datagram: bytes) -> None:
        if self._losses:
            self._losses -= 1
            return
        self.taken.append(datagram)
        self._acks += 1

    def recv(self, size: int) -> bytes:
        if not self._acks:
            raise TimeoutError
        self._acks -= 1
        return b'{"type":"ack"}'


class Filling(unittest.TestCase):
    def test_every_lease_beats_before_the_measurement_begins(self) -> None:
        """Also where datagrams are lost: one, all of the first window, or more."""
        for losses in (0, 1, 64, 100):
            for leases in (3, 64, 200):
                with self.subTest(losses=losses, leases=leases):
                    sock = Lossy(losses)
                    Sender(cast(socket.socket, sock),
                           itertools.cycle(b"%d" % n for n in range(leases))).fill(leases)
                    self.assertEqual(len(set(sock.taken)), leases)


class CommandLine(unittest.TestCase):
    def test_a_mistake_is_one_line_and_exit_code_2(self) -> None:
        for arguments, words in ((["nothing"], "no section 'nothing'"),
                                 (["--rounds", "0"], "rounds"),
                                 (["--seconds", "fast"], "'fast'"), (["--nothing"], "--nothing")):
            said = io.StringIO()
            with self.subTest(arguments), contextlib.redirect_stderr(said), self.assertRaises(
                SystemExit) as ended:
                command.parse(arguments)
            self.assertEqual(ended.exception.code, 2)
            self.assertEqual(len(said.getvalue().splitlines()), 1, said.getvalue())
            self.assertIn(words, said.getvalue())

    def test_a_section_that_fails_does_not_take_the_others_with_it(self) -> None:
        with mock.patch("bench.check.run", side_effect=RuntimeError("no luck")), \
                mock.patch("sys.argv",
                           ["bench", "check", "--quick"]), mock.patch("signal.signal"), \
                contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(
                    io.StringIO()) as said:
            self.assertEqual(command.main(), 1)
        self.assertIn("section check FAILED: no luck", said.getvalue())

    def test_quick_takes_less_unless_told_otherwise(self) -> None:
        quick, asked = command.parse(["--quick"]), command.parse(["--quick", "--rounds", "4",
                                                                  "calls"])
        self.assertEqual((quick.rounds, quick.sections),
                         (command.QUICK_ROUNDS, list(command.SECTIONS)))
        self.assertEqual((asked.rounds, asked.sections), (4, ["calls"]))


if __name__ == "__main__":
    unittest.main()
