"""Incidents: what is drawn, what passes a door, how an answer is graded and kept.

The five of them in real processes: `python3 -m tests.course.incidents`.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import socket
import tempfile
import threading
import time
import unittest
import xmlrpc.client
from pathlib import Path
from xmlrpc.server import SimpleXMLRPCServer

from course.incidents import messages, screen
from course.incidents.answer import POINTS, Answer, grade
from course.incidents.caller import Record, go_on
from course.incidents.door import Door
from course.incidents.incident import COMMANDS, KINDS, REMEDIES, Figure, Incident, Wait
from course.incidents.messages import Note
from course.incidents.running import INCIDENTS, drawn, read_state
from course.incidents.screen import Desk, Terminal
from course.incidents.start import run
from course.incidents.system import MAX_TAP_BYTES, STATE, Lines, Pages, System
from course.incidents.texts import TEXTS
from course.keyboard import Ended, Input
from course.progress import Progress
from ponte.discovery.beats import Answer as BeatAnswer
from ponte.discovery.beats import Beat, encode_answer, encode_beat
from ponte.process.options import UsageError
from tests.course.solutions import fields
from tests.windows import windows_cannot

# Seconds that a condition may take to come true.
SOON_S = 10.0
PARTS = {"registry": {"role": "registry", "door": "127.0.0.1:1", "real": "127.0.0.1:2"},
         "server-1": {"role": "server", "door": "127.0.0.1:3", "real": "127.0.0.1:4"},
         "till": {"role": "client"}}


class Made(Incident):
    """An incident whose figures are made up."""

    letter, kind, remedy = "a", "wrong_key", "2"
    proves = frozenset({"tap_registry"})

    def __init__(self) -> None:
        super().__init__(random.Random(0))
        self.who = "server-1"
        self.breaks = False

    def measure(self, pages: Pages, wait: Wait) -> tuple[Figure, Figure]:
        if self.breaks:
            raise OSError("nobody answers")
        return Figure(10, 2.5), Figure(0, 0)


RIGHT = Answer("server-1", "wrong_key", 9.0, 0, "tap_registry", "2")


class Draws(unittest.TestCase):
    def test_the_same_seed_draws_the_same_and_others_every_suspect(self) -> None:
        for letter, kind in INCIDENTS.items():
            with self.subTest(letter):
                found = [drawn(letter, f"{number}.1") for number in range(40)]
                again = [drawn(letter, f"{number}.1") for number in range(40)]
                self.assertEqual([(each.who, each.after_s) for each in found],
                                 [(each.who, each.after_s) for each in again])
                self.assertEqual(len({each.who for each in found}), 2 if letter == "d" else 3)
                self.assertEqual(len({each.after_s for each in found}), 40)
                self.assertIn(kind.kind, KINDS)
                self.assertIn(kind.remedy, REMEDIES)
                self.assertTrue(kind.proves and kind.proves <= set(COMMANDS))
        self.assertEqual(len(KINDS), 8)
        self.assertEqual(len({kind.kind for kind in INCIDENTS.values()}), 5)


class Texts(unittest.TestCase):
    def test_both_languages_have_the_same_fields(self) -> None:
        for texts in (TEXTS, messages.TEXTS):
            for key, (english, portuguese) in texts.items():
                with self.subTest(key):
                    self.assertTrue(english and portuguese)
                    self.assertEqual(fields(english), fields(portuguese))

    def test_each_incident_has_all_of_its_texts_and_can_fill_them_in(self) -> None:
        for letter in INCIDENTS:
            known = set(screen.facts(drawn(letter, "0.1")))
            for key in ("symptom", "figure1", "figure2", "story", "hint.1", "hint.2", "hint.3",
                        *(f"remedy.{key}" for key in REMEDIES)):
                self.assertLessEqual(fields(TEXTS[f"{letter}.{key}"][0]), known)
        for key in KINDS:
            self.assertIn(f"kind.{key}", TEXTS)
        for key in COMMANDS:
            self.assertIn(f"command.{key}", TEXTS)


class Grades(unittest.TestCase):
    def test_each_part_has_its_points_and_all_of_them_are_100(self) -> None:
        self.assertEqual(sum(POINTS.values()), 100)
        figures = Figure(10, 2.5), Figure(0, 0)
        self.assertTrue(grade(RIGHT, Made(), figures, 0, 0).is_all)
        for part, wrong in (("who", RIGHT._replace(who="registry")),
                            ("kind", RIGHT._replace(kind="slow")),
                            ("figure1", RIGHT._replace(figure1=13.0)),
                            ("figure2", RIGHT._replace(figure2=1.0)),
                            ("command", RIGHT._replace(command="log_name")),
                            ("remedy", RIGHT._replace(remedy="1"))):
            found = grade(wrong, Made(), figures, 0, 0)
            self.assertEqual(found.points, 100 - POINTS[part])
            self.assertEqual([each for each, right in found.right.items() if not right], [part])

    def test_a_hint_costs_10_and_a_further_try_20_and_nothing_is_below_0(self) -> None:
        figures = Figure(10, 2.5), Figure(0, 0)
        self.assertEqual(grade(RIGHT, Made(), figures, 2, 1).points, 60)
        wrong = Answer("till", "slow", 0, 5, "trace", "1")
        self.assertEqual(grade(wrong, Made(), figures, 3, 2).points, 0)


class AtTheDesk(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.progress = Progress(folder.name)
        reads, self.writes = os.pipe()
        self.addCleanup(os.close, reads)
        self.is_over = False
        self.keys = Input(lambda: self.is_over, reads)
        self.incident = Made()
        self.printed = io.StringIO()
        redirected = contextlib.redirect_stdout(self.printed)
        redirected.__enter__()
        self.addCleanup(redirected.__exit__, None, None, None)
        self.desk = Desk(Terminal("en", self.keys, self.progress), self.incident, "7.1", PARTS)

    def tearDown(self) -> None:
        with contextlib.suppress(OSError):
            os.close(self.writes)
        # Before its end of the pipe is closed, too.
        self.keys.reader.join()

    def type(self, *lines: str) -> None:
        os.write(self.writes, "".join(f"{line}\n" for line in lines).encode())

    def answer(self, *lines: str) -> tuple[int, str]:
        self.type(*lines)
        before = len(self.printed.getvalue())
        return self.desk.answer(), self.printed.getvalue()[before:]

    def test_a_right_answer_is_kept_with_its_points_and_the_story_is_told(self) -> None:
        self.assertEqual(self.desk.hint(), 0)
        # What is no number, or none of the list, is asked again.
        code, printed = self.answer("9", "x", "2", "1", "ten", "9,5", "0", "1", "2")
        self.assertEqual(code, 0)
        self.assertIn("server-1 was restarted with the key of last year", printed)
        # No terminal breaks a line in the middle of a word.
        self.assertLessEqual(max(map(len, printed.splitlines())), 100)
        entry = self.progress.last("incident", "incident-a")
        assert entry
        self.assertEqual((entry["points"], entry["hints"], entry["name"], entry["attempt"]),
                         (90, 1, "a", 1))

    def test_a_wrong_one_does_not_tell_and_the_third_one_does(self) -> None:
        for attempt in (1, 2, 3):
            code, printed = self.answer("1", "1", "10", "0", "1", "2")
            self.assertEqual(code, 1)
            self.assertRegex(printed, "\n  [✗x] who: registry\n")
            self.assertEqual("It was server-1" in printed, attempt == 3)
        code, printed = self.answer("1", "1", "10", "0", "1", "2")
        self.assertEqual([entry["what"] for entry in self.progress.entries()],
                         [*["incident"] * 3, "incident_again"])
        self.assertIn("practice, without points", printed)

    def test_who_was_told_practices_without_points_also_in_another_run(self) -> None:
        self.answer("2", "1", "10", "0", "1", "2")
        self.desk = Desk(Terminal("en", self.keys, self.progress), self.incident, "7.2", PARTS)
        code, printed = self.answer("2", "1", "10", "0", "1", "2")
        self.assertEqual((code, [entry["what"] for entry in self.progress.entries()]),
                         (0, ["incident", "incident_again"]))
        self.assertIn("practice, without points", printed)
        self.assertNotIn("of 100 points", printed)

    def test_a_new_run_takes_no_try_and_no_hint_back(self) -> None:
        self.answer("1", "1", "10", "0", "1", "2")
        self.desk.hint()
        self.desk = Desk(Terminal("en", self.keys, self.progress), self.incident, "7.2", PARTS)
        self.answer("2", "1", "10", "0", "1", "2")
        entry = self.progress.last("incident", "incident-a")
        assert entry
        self.assertEqual((entry["points"], entry["attempt"]), (70, 2))

    def test_there_are_three_hints(self) -> None:
        self.assertEqual([self.desk.hint() for _ in range(4)], [0, 0, 0, 1])
        self.assertIn("Hint 3 of 3", self.printed.getvalue())

    def test_figures_that_cannot_be_measured_cost_no_try(self) -> None:
        self.incident.breaks = True
        code, printed = self.answer("2", "1", "10", "0", "1", "2")
        self.assertEqual((code, self.progress.entries()), (1, []))
        self.assertIn("nobody answers", printed)

    def test_the_end_of_the_input_or_a_signal_ends_a_question(self) -> None:
        self.type("2")
        os.close(self.writes)
        with self.assertRaises(Ended):
            self.desk.answer()
        self.is_over = True
        with self.assertRaises(Ended):
            self.keys.wait(60.0)

    @windows_cannot("NUL counts as a terminal")
    def test_without_a_keyboard_an_incident_waits_for_a_signal(self) -> None:
        nothing = os.open(os.devnull, os.O_RDONLY)
        self.addCleanup(os.close, nothing)
        keys = Input(lambda: self.is_over, nothing)
        keys.reader.join()
        waiting = threading.Thread(target=self.obey, args=(keys,))
        waiting.start()
        waiting.join(0.3)
        self.assertTrue(waiting.is_alive())
        self.is_over = True
        waiting.join(SOON_S)
        self.assertFalse(waiting.is_alive())

    def test_the_end_of_a_pipe_ends_the_incident(self) -> None:
        os.close(self.writes)
        with self.assertRaises(Ended):
            screen._obey(self.desk, self.keys)

    def obey(self, keys: Input) -> None:
        with contextlib.suppress(Ended):
            screen._obey(self.desk, keys)


class Doors(unittest.TestCase):
    def setUp(self) -> None:
        self.notes: list[tuple[bool, Note]] = []
        self.door = Door(lambda into, note: self.notes.append((into, note)), leads_in=True)
        self.addCleanup(self.door.close)

    def kinds(self) -> list[tuple[bool, str]]:
        return [(into, note["k"]) for into, note in self.notes]

    def await_kinds(self, *wanted: tuple[bool, str]) -> None:
        deadline = time.monotonic() + SOON_S
        while self.kinds() != list(wanted) and time.monotonic() < deadline:
            time.sleep(0.005)
        self.assertEqual(self.kinds(), list(wanted))

    def test_calls_pass_in_both_directions_and_each_is_noted(self) -> None:
        with SimpleXMLRPCServer(("127.0.0.1", 0), logRequests=False) as server:
            server.register_function(lambda one, two: one + two, "add")
            self.door.target = server.socket.getsockname()[:2]
            threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
            host, port = self.door.address
            with xmlrpc.client.ServerProxy(f"http://{host}:{port}/RPC2") as proxy:
                self.assertEqual(proxy.add(2, 3), 5)
            server.shutdown()
        self.await_kinds((True, "call"), (False, "reply"))
        call, reply = self.notes[0][1], self.notes[1][1]
        self.assertEqual((call["method"], call["params"], call["id"]), ("add", "2, 3", "none"))
        self.assertEqual((reply["status"], reply["value"]), (200, "5"))

    def test_the_target_is_asked_by_its_own_address(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as target:
            self.door.target = target.getsockname()[:2]
            with socket.create_connection(self.door.address) as caller:
                caller.sendall(f"GET /status HTTP/1.1\r\nHost: 127.0.0.1:{self.door.address[1]}"
                               "\r\n\r\n".encode())
                served, _ = target.accept()
                with served:
                    self.assertIn(f"\r\nHost: 127.0.0.1:{target.getsockname()[1]}\r\n".encode(),
                                  served.recv(1000))
        # It closed its connection before it replied.
        self.await_kinds((True, "get"), (False, "cut"))

    def test_nobody_at_the_target_is_noted_and_a_door_that_closed_refuses(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as gone:
            self.door.target = gone.getsockname()[:2]
        with socket.create_connection(self.door.address) as caller:
            self.assertEqual(caller.recv(10), b"")
        self.await_kinds((True, "nobody"))
        self.door.close()
        with self.assertRaises(OSError):
            socket.create_connection(self.door.address, 1.0)

    def test_datagrams_pass_and_answers_come_back_to_their_sender(self) -> None:
        beat = encode_beat(Beat("greeter", "s", 5, seq=7, host="127.0.0.1", port=80), b"a key")
        ack = encode_answer(BeatAnswer("ack", "s", 5, 7, "e", 5), b"a key")
        with socket.socket(type=socket.SOCK_DGRAM) as registry, \
                socket.socket(type=socket.SOCK_DGRAM) as sender:
            for sock in (registry, sender):
                sock.bind(("127.0.0.1", 0))
                sock.settimeout(SOON_S)
            self.door.target = registry.getsockname()
            sender.sendto(beat, self.door.address)
            data, back = registry.recvfrom(2000)
            self.assertEqual(data, beat)
            registry.sendto(ack, back)
            self.assertEqual(sender.recv(2000), ack)
            sender.sendto(b"no beat", self.door.address)
            registry.recv(2000)
        self.assertEqual(self.kinds(), [(True, "beat"), (False, "answer"), (True, "datagram")])


class Files(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def test_a_file_that_has_become_long_begins_anew(self) -> None:
        path = os.path.join(self.folder, "x.tap")
        lines = Lines(path)
        lines.add("x" * MAX_TAP_BYTES)
        lines.add("second")
        lines.add("third")
        lines.close()
        # After its end it takes no more, and says nothing.
        lines.add("late")
        with open(path, encoding="utf-8") as file:
            self.assertEqual(file.read(), "second\nthird\n")

    def test_each_line_of_a_log_has_one_time(self) -> None:
        system = System(self.folder)
        self.addCleanup(system.close)
        code = ("import time; print('21:34:31.785 x: no registry answers'); "
                "print('x: at 127.0.0.1:1 - stop with Ctrl-C', flush=True); time.sleep(60)")
        system.cast.start("x", "-c", code, role="server").await_banner()
        with open(os.path.join(self.folder, "x.log"), encoding="utf-8") as file:
            first, second = file.read().splitlines()
        self.assertEqual(first, "21:34:31.785 x: no registry answers")
        self.assertRegex(second, r"^\d\d:\d\d:\d\d x: at 127")

    def test_the_state_of_an_incident_that_was_killed_does_not_count(self) -> None:
        self.assertIsNone(read_state(self.folder))
        system = System(self.folder)
        system.write_state(letter="a", seed="0.1", planted=True)
        state = read_state(self.folder)
        assert state
        self.assertEqual(state.incident().who, drawn("a", "0.1").who)
        left = Path(self.folder, STATE).read_bytes()
        system.close()
        self.assertIsNone(read_state(self.folder))
        Path(self.folder, STATE).write_bytes(left)
        self.assertIsNone(read_state(self.folder))
        # Somebody else has its port.
        other = System(os.path.join(self.folder, "other"))
        self.addCleanup(other.close)
        other.write_state(letter="b", seed="0.1", planted=True)
        path = Path(self.folder, "other", STATE)
        said = {**json.loads(left), "alive": json.loads(path.read_bytes())["alive"]}
        path.write_text(json.dumps(said), encoding="utf-8")
        self.assertIsNone(read_state(other.folder))

    def test_a_wrong_word_is_told(self) -> None:
        for words, why in ((("x",), "there is no incident x: there are a, b, c, d, e"),
                           (("a", "x"), "after the letter comes"), (("a", "hint"), "does not run")):
            with self.assertRaisesRegex(UsageError, why):
                run(words[0], "en", *words[1:])


class Callers(unittest.TestCase):
    def test_failures_are_counted_and_the_last_one_is_told(self) -> None:
        record, left = Record(), [1, 2, 3]

        def call() -> None:
            if left.pop() == 1:
                raise ConnectionResetError("gone")

        go_on(call, 0.0, 3, record)
        self.assertEqual((record.calls, record.failed), (3, 1))
        self.assertRegex(record.line("till"), r"^till: 3 calls, 1 failed; median \d+\.\d ms, p99 "
                                              r"\d+\.\d ms; .* ConnectionResetError: gone$")


if __name__ == "__main__":
    unittest.main()
