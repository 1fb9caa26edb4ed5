"""What a class reads in Portuguese: no English, numbers as in Brazil, one word for one idea."""

from __future__ import annotations

import ast
import io
import socket
import unittest
import unittest.mock
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path

from classroom import caller
from classroom.language import Words
from classroom.portuguese import PORTUGUESE
from classroom.reasons import in_portuguese
from classroom.screen import Screen
from ponte.calls.endpoint import Endpoint
from ponte.calls.errors import NotSent, OutcomeUnknown, Trace
from ponte.net.pool import ExchangeError
from ponte.net.windows import error_text
from tests.classroom.portuguese import english_in, has_decimal_point, not_in_brazil

ROOT = Path(__file__).resolve().parent.parent.parent
# Where a process says in a reply why it answers no call, and which argument has the words.
SAYS_WHY = {"text_reply": 1, "not_executed": 0, "Result": 2}
# The names of variables and tables that hold such words.
HOLDS_WHY = {"why_not", "STOPPING", "_TOLD", "NOBODY_TO_ASK"}
# The files which find out what is wrong with a reply.
READERS = ("framing", "fields", "chunked", "pool")


def reasons_in_source(path: Path) -> Iterator[str]:
    """The words of a program for its callers, read from its source. A field of a text is 7."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        found: list[ast.expr] = []
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id in SAYS_WHY:
                found = node.args[SAYS_WHY[node.func.id]:][:1]
            elif path.stem in READERS and node.func.id.endswith("Error"):
                found = node.args[-1:]
        elif isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value:
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            found = [node.value] if ast.unparse(target) in HOLDS_WHY else []
        for value in found:
            yield from _texts_in(value)


def _texts_in(value: ast.expr) -> Iterator[str]:
    if isinstance(value, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else
                      "'7'" if vars(part).get("conversion") == ord("r") else "7"
                      for part in value.values)
    elif isinstance(value, ast.Constant) and isinstance(value.value, str):
        yield value.value
    elif isinstance(value, ast.Dict):
        for each in value.values:
            yield from _texts_in(each)
    elif isinstance(value, ast.IfExp):
        yield from _texts_in(value.body)


def endpoint(name: str = "server-1") -> Endpoint:
    return Endpoint("greeter", name, 7, "127.0.0.1", 4242, "up", ())


class Numbers(unittest.TestCase):
    def test_a_number_has_a_decimal_comma_and_points_between_thousands(self) -> None:
        portuguese = Words("pt")
        for sentence, number, shown in (
                ("{x:.2f}", 0.25, "0,25"), ("{x:7.1f}", 12.34, "   12,3"),
                ("{x:,}", 1234567, "1.234.567"), ("{x:,.1f}", 1234.5, "1.234,5"),
                ("{x}", 0.5, "0,5"), ("{x}", 4100, "4100"), ("{x:+.1f}", -1.5, "-1,5")):
            with self.subTest(sentence, number=number):
                self.assertEqual(shown, portuguese(sentence, x=number))
                self.assertEqual(sentence.format(x=number), Words("en")(sentence, x=number))

    def test_addresses_versions_and_commands_keep_their_points(self) -> None:
        for text in ("127.0.0.1:4100", "Python 3.9.2", "demo.py server --beat 0.5"):
            self.assertEqual(text, in_portuguese(text))
            self.assertEqual(text, Words("pt")("{text}", text=text))

    def test_a_missing_field_is_an_error_in_both_languages(self) -> None:
        for language in ("en", "pt"):
            with self.assertRaises(KeyError):
                Words(language)("{name}")


class Reasons(unittest.TestCase):
    """What the programs say of an attempt, as the demo quotes it."""

    def test_a_reason_of_an_attempt_is_portuguese(self) -> None:
        reasons = [
            str(ExchangeError("connect", ConnectionRefusedError(*self.refused()))),
            str(ExchangeError("reply", socket.timeout("timed out"))),
            str(ExchangeError("reply", ConnectionResetError("the stream ended before a reply"))),
            str(ExchangeError("connect", OSError("the name has no address"))),
            str(ExchangeError("connect", socket.gaierror(
                socket.EAI_NONAME, "Name or service not known"))),
            "answered by server-1", "answered", "a stranger on this port: HTTP 200",
            "asking for a session: reply: timed out", "this client was closed",
            "HTTP 503 not executed: this server is stopping",
            "hello takes 1, not 0 parameters", "no method 'helo'; there are: hello, whoami",
            "[Errno 113] timed out",
            NotSent.meaning, OutcomeUnknown.meaning,
            OutcomeUnknown("bank.deposit", (), ran=True).meaning,
            str(NotSent("greeter.hello", (), "no registry answers at 127.0.0.1:9 - start one "
                        "with: python3 demo.py registry")),
            str(NotSent("greeter.hello", (), "no live server of 'greeter' and no proxy - start one "
                        "with: python3 demo.py server"))]
        for reason in reasons:
            with self.subTest(reason):
                for what in (reason, str(Trace(endpoint(), reason, 0.0123))):
                    shown = in_portuguese(what)
                    self.assertNotEqual(what, shown)
                    self.assertEqual([], english_in(shown), shown)
                    self.assertFalse(has_decimal_point(shown), shown)

    def test_all_that_a_process_says_to_its_callers_has_portuguese_words(self) -> None:
        """Read from the source, so that a new reason is not forgotten."""
        files = [*ROOT.glob("*.py"), *(ROOT / "ponte/calls").glob("*.py"),
                 *(ROOT / f"ponte/net/{name}.py" for name in ("serving", *READERS))]
        said = {reason for path in files for reason in reasons_in_source(path)}
        for known in ("no live server, or no time to ask one",
                      "not executed: 7 has relayed it before", "its caller has left",
                      "it has run, and its reply is gone", "this proxy is stopping",
                      "malformed header line"):
            self.assertIn(known, said)
        for reason in said:
            with self.subTest(reason):
                self.assertNotEqual(reason, in_portuguese(reason))
                self.assertEqual([], english_in(in_portuguese(reason)))

    def test_a_reply_that_came_is_not_called_missing(self) -> None:
        for reason in ("malformed status line", "not an HTTP reply", "more bytes than one reply",
                       "a body of more than 9 bytes", "HTTP 404"):
            self.assertTrue(in_portuguese(f"reply: {reason}").startswith("na resposta: "), reason)
        for reason in ("timed out", "the stream ended before a reply"):
            self.assertTrue(in_portuguese(f"reply: {reason}").startswith("sem resposta: "), reason)

    def test_the_attempts_of_a_proxy_are_told_in_every_width(self) -> None:
        for columns in (100, 59):
            with redirect_stdout(io.StringIO()) as out, \
                    unittest.mock.patch.object(Screen, "columns", columns):
                caller._show_attempts(
                    [Trace(endpoint("server-5"), "answered by server-5", 0.0101,
                           "server-3: connect: timed out"),
                     Trace(endpoint("left"), "connect: timed out", 0.1)],
                    Screen(out), Words("pt"))
            shown = " ".join(out.getvalue().split())
            self.assertIn("; antes tentou server-3: ao conectar: o tempo acabou", shown)
            self.assertRegex(shown, "left(?: em 127.0.0.1:4242)?: ao conectar")
            self.assertEqual([], english_in(shown.replace("left", "")), shown)

    def test_the_client_of_the_lesson_speaks_portuguese_where_nobody_answers(self) -> None:
        with redirect_stdout(io.StringIO()) as out, \
                unittest.mock.patch("classroom.caller.start_logging"):
            code = caller.main(["--repeat", "1", "--registry", "127.0.0.1:9"], Words("pt"))
        self.assertEqual(4, code)
        for line in out.getvalue().splitlines():
            with self.subTest(line):
                self.assertEqual([], english_in(line))

    def test_its_times_have_a_decimal_comma(self) -> None:
        self.assertIn("  1,5 ms", Words("pt")(
            '✓ hello("Hello") → {value}   {way:<28} {took_ms:7.1f} ms', value="World",
            way="server-1 via proxy-4180", took_ms=1.5))

    def test_a_text_of_a_program_in_a_field_is_put_into_portuguese(self) -> None:
        trace = Trace(endpoint(), "connect: timed out", 0.0005)
        self.assertEqual("tentativa 1: server-1 em 127.0.0.1:4242: ao conectar: o tempo acabou "
                         "(0,5 ms)", Words("pt")("attempt {number}: {trace}", number=1,
                                                 trace=trace))
        self.assertEqual(f"attempt 1: {trace}",
                         Words("en")("attempt {number}: {trace}", number=1, trace=trace))

    def test_names_stay_as_they_are(self) -> None:
        for name in ("left", "back", "server-1", "suspect", "NotSent", "OutcomeUnknown", "World"):
            self.assertEqual(name, in_portuguese(name))
        self.assertEqual("registry: left: saindo", in_portuguese("registry: left: draining"))

    @staticmethod
    def refused() -> tuple[int, str]:
        """What this system says of a port at which nobody listens."""
        with socket.socket() as unheard, socket.socket() as caller:
            unheard.bind(("127.0.0.1", 0))
            number = caller.connect_ex(unheard.getsockname())
        return number, error_text(number)


class Sentences(unittest.TestCase):
    def test_no_sentence_has_english_in_it(self) -> None:
        for text in PORTUGUESE.values():
            with self.subTest(text):
                self.assertEqual([], english_in(text))

    def test_no_number_is_written_with_a_decimal_point(self) -> None:
        for text in PORTUGUESE.values():
            with self.subTest(text):
                self.assertFalse(has_decimal_point(text))

    def test_one_word_for_one_idea_and_no_word_for_word_translation(self) -> None:
        for text in PORTUGUESE.values():
            with self.subTest(text):
                self.assertEqual([], not_in_brazil(text))

    def test_lease_and_relay_are_explained_where_the_demo_first_says_them(self) -> None:
        texts = list(PORTUGUESE.values())
        self.assertIn("concessão", next(text for text in texts if "lease" in text))
        self.assertTrue(all("concessão" in text for text in texts if "um lease" in text))
        self.assertIn("intermediário", next(text for text in texts if "relay" in text))

    def test_a_question_is_a_question_in_both_languages(self) -> None:
        for english, portuguese in PORTUGUESE.items():
            with self.subTest(english):
                self.assertEqual(english.rstrip().endswith("?"), portuguese.rstrip().endswith("?"))


class Judging(unittest.TestCase):
    """These tests would see what is wrong."""

    def test_what_is_wrong_is_seen(self) -> None:
        self.assertEqual(["timed", "out"], english_in("resposta: timed out"))
        self.assertEqual(["at"], english_in("server-1 at 127.0.0.1:80"))
        self.assertEqual([], english_in('lookup("greeter") → server-1; $ python3 client.py at'))
        for text in ("0.5 s", "a cada 0.55 s", "(1.4 ms)", "de 2.0"):
            self.assertTrue(has_decimal_point(text), text)
        for text in ("127.0.0.1:80", "0,5 s", "Python 3.9.2", "1.234 chamadas", "2. proxy-1"):
            self.assertFalse(has_decimal_point(text), text)
        self.assertEqual(["gelo"], not_in_brazil("durante o gelo"))


if __name__ == "__main__":
    unittest.main()
