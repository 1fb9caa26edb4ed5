"""Lesson 1: what its naive server does, its words, and the student's file inside Ponte's server."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

from course.lessons.rpc import messages, real
from course.lessons.rpc.check import CHECKS
from course.lessons.rpc.world import World
from course.rung import Rung
from course.shelf import Lesson
from course.theirs import Theirs
from course.worker import check as check_of_worker
from course.worker import load
from ponte.net import message as ponte_message
from tests.course.solutions import module_of, verdict

LESSON = Lesson(1, "rpc")
REFERENCE = Path(LESSON.file("reference.py")).read_text(encoding="utf-8")
PARSER = REFERENCE[REFERENCE.index("class Parser"):REFERENCE.index("def write")]
DISPATCH = REFERENCE[REFERENCE.index("def dispatch"):]

# Right ones that are written in another way: a machine of states, byte after byte; a
# pattern; a generator, which pauses where more bytes are needed.
BY_STATES = '''
class Parser:
    def __init__(self):
        self.head, self.body, self.missing = bytearray(), bytearray(), None
        self.waiting, self.trouble = [], None

    def feed(self, data):
        for byte in data:
            if self.trouble:
                return
            try:
                self.one(byte)
            except ValueError as error:
                self.trouble = error

    def one(self, byte):
        if self.missing is None:
            self.head.append(byte)
            if len(self.head) > MAX_HEAD_BYTES + 4:
                raise ValueError("long")
            if not self.head.endswith(b"\\r\\n\\r\\n"):
                return
            self.missing = length_of(self.head[:-4].decode("latin-1"))
        else:
            self.body.append(byte)
            self.missing -= 1
        if not self.missing:
            self.waiting.append((self.head[:-4].decode("latin-1"), self.body.decode()))
            self.head, self.body, self.missing = bytearray(), bytearray(), None

    def next_message(self):
        if self.waiting:
            return self.waiting.pop(0)
        if self.trouble:
            raise self.trouble
        return None

def length_of(head):
    found = []
    for line in head.split("\\r\\n")[1:]:
        name, _, value = line.partition(":")
        if name.casefold() == "content-length":
            found.append(value.strip(" \\t"))
    [value] = found
    if not value or set(value) - set("0123456789") or int(value) > MAX_TEXT_BYTES:
        raise ValueError(value)
    return int(value)

'''
BY_A_PATTERN = '''
LENGTH = re.compile(r"\\r\\ncontent-length:[ \\t]*([^\\r]*?)[ \\t]*(?=\\r\\n)", re.I)

class Parser:
    def __init__(self):
        self.parts, self.length = [b""], None

    def feed(self, data):
        self.parts.append(data)

    def next_message(self):
        data = b"".join(self.parts)
        self.parts = [data]
        end = data.find(b"\\r\\n\\r\\n")
        if end > MAX_HEAD_BYTES or (end < 0 and len(data) > MAX_HEAD_BYTES + 3):
            raise ValueError
        if end < 0:
            return None
        head = data[:end].decode("latin-1")
        found = LENGTH.findall(head + "\\r\\n")
        if len(found) != 1 or not found[0].isdecimal():
            raise ValueError
        length = int(found[0])
        if length > MAX_TEXT_BYTES:
            raise ValueError
        if len(data) < end + 4 + length:
            return None
        self.parts = [data[end + 4 + length:]]
        return [head, str(data[end + 4:end + 4 + length], "utf-8")]

'''
BY_A_GENERATOR = '''
class Parser:
    def __init__(self):
        self.waiting, self.trouble, self.reading = [], None, self.read()
        next(self.reading)

    def feed(self, data):
        try:
            self.reading.send(data)
        except ValueError as error:
            self.trouble = error

    def next_message(self):
        if self.trouble and not self.waiting:
            raise self.trouble
        return self.waiting.pop(0) if self.waiting else None

    def read(self):
        data = b""
        while True:
            while b"\\r\\n\\r\\n" not in data:
                if len(data) > MAX_HEAD_BYTES + 4:
                    raise ValueError
                data += yield
            head, _, data = data.partition(b"\\r\\n\\r\\n")
            if len(head) > MAX_HEAD_BYTES:
                raise ValueError
            length = length_of(head.decode("latin-1"))
            while len(data) < length:
                data += yield
            self.waiting.append((head.decode("latin-1"), data[:length].decode()))
            data = data[length:]

''' + BY_STATES[BY_STATES.index("def length_of"):]
BY_ITS_CLASS = '''
import inspect

def dispatch(service, name, params):
    methods = dict(inspect.getmembers(type(service), lambda each: inspect.isfunction(each)
                                      and each.__name__[0] != "_"))
    try:
        method = methods[name]
        inspect.signature(method).bind(service, *params)
    except (KeyError, TypeError):
        return "fault", "no"
    try:
        value = method(service, *params)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return "fault", ": ".join((error.__class__.__name__, str(error)))
    return "result", value
'''


def verdict_of(text: str) -> tuple[str, str]:
    return verdict(CHECKS, module_of(text))


class Verdicts(unittest.TestCase):
    def test_the_naive_one_runs_a_tenth_of_a_deposit(self) -> None:
        wrong = CHECKS["c1"].run(load(LESSON.file("start.py"))).wrong
        assert wrong
        self.assertEqual((wrong.key, wrong.values["got"]), ("half", "deposit 10"))
        self.assertEqual(LESSON.story(wrong.story, "en"), [
            r"   0.000 s  ana → server: POST /bank HTTP/1.1\r\nContent-Length: 11\r\n\r\n"
            "deposit 10",
            "   0.000 s  server: deposit(10) RUNS"])

    def test_right_ones_of_another_kind_pass(self) -> None:
        for old, new in ((PARSER, BY_STATES), (PARSER, BY_A_PATTERN), (PARSER, BY_A_GENERATOR),
                         (DISPATCH, BY_ITS_CLASS)):
            with self.subTest(new):
                self.assertEqual(verdict_of(REFERENCE.replace(old, new)), ("", ""))

    def test_every_schedule_is_run_before_a_student_is_bored(self) -> None:
        solution = module_of(REFERENCE)
        for name, check in CHECKS.items():
            with self.subTest(name):
                self.assertLess(check.run(solution).runs, 2000)

    def test_one_message_is_cut_at_each_of_its_bytes(self) -> None:
        whole, byte_by_byte = 1, 1
        read_on = 1 + len(messages.risky_places(messages.DEPOSIT))
        self.assertEqual(CHECKS["c1"].run(module_of(REFERENCE)).runs,
                         whole + len(messages.DEPOSIT.data[1:]) + read_on + byte_by_byte)

    def test_a_check_without_a_case_says_that_it_says_nothing(self) -> None:
        check = Rung(World, ({"sends": (((messages.DEPOSIT,),),)},), 1, ("cut in the text",))
        wrong = check.run(module_of(REFERENCE)).wrong
        assert wrong
        self.assertEqual((wrong.key, wrong.values), ("vacuous", {"missing": "cut in the text"}))


class Files(unittest.TestCase):
    def test_what_is_no_message_is_told(self) -> None:
        old = 'return head.decode("latin-1"), rest[:length].decode("utf-8")'
        for new in ("True", "rest", "head, rest[:length]", "'a', 'b', 'c'", "()", "0"):
            with self.subTest(new):
                self.assertEqual(verdict_of(REFERENCE.replace(old, f"return {new}")),
                                 ("c1", "no_message"))

    def test_what_is_no_answer_is_told(self) -> None:
        old = "return RESULT, getattr(service, name)(*params)"
        for new in ("getattr(service, name)(*params)", "None", "'ok', 1", "RESULT", "True, 1",
                    "[], 1"):
            with self.subTest(new):
                self.assertEqual(verdict_of(REFERENCE.replace(old, f"return {new}")),
                                 ("c1", "no_answer"))

    def test_what_is_no_reply_is_told(self) -> None:
        old = '    return head.encode("latin-1") + data\n'
        for new, says in (("None", "no_bytes"), ("head", "no_bytes"), ("b''", "reply_length"),
                          ("data", "reply_cannot_be_read"),
                          ("head.encode() + data + b'x'", "reply_length"),
                          ("head.encode()", "reply_length"),
                          ("head.encode() + data[::-1]", "another_reply"),
                          ("head.replace('bank-1', 'x').encode() + data", "another_reply_head")):
            with self.subTest(new):
                self.assertEqual(verdict_of(REFERENCE.replace(old, f"    return {new}\n")),
                                 ("c1", says))

    def test_what_a_file_lacks_is_told_as_the_student_s(self) -> None:
        for old, new, lacks in (
                ("class Parser:", "class X:", "no Parser"), ("def feed(", "def x(", "no feed"),
                ("def next_message(self)", "def next_message(self, x)", "must take no parameters"),
                ("def write(head, text)", "def write(text)", "write must take 2"),
                ("def dispatch(service, name, params)", "def dispatch(name, params)",
                 "dispatch must take 3")):
            with self.subTest(lacks), self.assertRaisesRegex(Theirs, lacks):
                CHECKS["c1"].run(module_of(REFERENCE.replace(old, new)))

    def test_an_error_that_ends_the_server_is_told_with_its_line(self) -> None:
        text = REFERENCE.replace("{type(error).__name__}", "{error.name}")
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "rpc.py")
            file.write_text(text, encoding="utf-8")
            result = check_of_worker(str(file), CHECKS["c5"].run)
        self.assertEqual((result["key"], text.splitlines()[result["line"] - 1].strip()),
                         ("server_died", 'return FAULT, f"{error.name}: {error}"'))

    def test_a_mistake_with_a_right_message_is_an_error_with_its_line(self) -> None:
        for old, new, error in (
                ("len(head) >", "len(hed) >", NameError),
                ('data = text.encode("utf-8")', 'data = text.encode("ascii")', UnicodeEncodeError),
                ("    if name.starts", "    [].index(1)\n    if name.starts", ValueError)):
            with self.subTest(new), self.assertRaises(error):
                verdict_of(REFERENCE.replace(old, new))


class Real(unittest.TestCase):
    def test_the_right_one_is_called_by_pythons_own_client(self) -> None:
        seen = real.see(module_of(REFERENCE), personal=42)
        self.assertEqual((seen.deposit, seen.together, seen.greeting, seen.balance),
                         ("142", "143, 144", "Olá, José!", 144))
        self.assertEqual((seen.withdrawal, seen.private),
                         ("NoMoney: 7 are missing", "there is no method _empty"))
        self.assertTrue(real.is_right(seen._asdict()))

    def test_the_naive_one_parses_half_a_call_and_serves_what_is_private(self) -> None:
        with self.assertLogs("ponte"):
            seen = real.see(load(LESSON.file("start.py")))
        self.assertRegex(seen.deposit, "^not well formed")
        # The second call was never answered.
        self.assertEqual(seen.together.count("not well formed"), 1)
        self.assertEqual((seen.private, seen.balance), ("empty", 0))
        self.assertFalse(real.is_right(seen._asdict()))

    def test_a_reply_that_counts_characters_is_half_read(self) -> None:
        seen = real.see(module_of(REFERENCE.replace("{len(data)}", "{len(text)}")))
        self.assertEqual((seen.deposit, seen.greeting), ("100", "half a reply"))

    def test_ponte_has_limits_of_the_same_kind(self) -> None:
        self.assertLess(messages.MAX_HEAD_BYTES, ponte_message.MAX_HEAD_BYTES)
        self.assertLess(messages.MAX_TEXT_BYTES, ponte_message.MAX_BODY_BYTES)


if __name__ == "__main__":
    unittest.main()
