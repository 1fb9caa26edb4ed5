"""The classroom's pure parts: texts, lines on any console, the words of the command line, the evidence."""

import io
import socket
import string
import threading
import time
import unittest
import unittest.mock
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

from classroom import caller, command, doctor, roles
from classroom.caller import who_answered
from classroom.console import Console
from classroom.load import CallRecord, Load, failed, slowest_s
from classroom.screen import ASCII, MAX_COLUMNS, Screen, bar, plain
from classroom.story import QUESTION_VALUES, STEPS
from classroom.texts import LANGUAGES, TEXTS, Words, choose_language
from client import Trace
from ponte.calls.endpoint import Endpoint
from ponte.net.address import show
from ponte.net.tls import Tls
from ponte.process.options import UsageError
from registry import Registry
from server import Server
from tests.net.certificates import Certificates, needs_openssl

EVENT_LEAD, CHECK_LEAD = 12, 4
MAY_BREAK = ("down.kill", "down.attempt", "lost.attempt", "ended", "help.", "doctor.", "intro.picture", "need.auto")
SAMPLE: dict[str, Any] = {
    "name": "server-2", "names": "server-1, server-2, server-3", "instance": "server-2", "what": "draining",
    "address": "127.0.0.1:65535", "url": "http://127.0.0.1:65535/greeter", "value": "World", "by": "server-1",
    "shares": "100 / 100 / 100", "hearts": "♥ ♥ ♥ ♥ ", "bar": "█" * 40, "error": "NotSent: not executed",
    "meaning": "not executed", "command": "python3 demo.py registry", "trace": "x", "endpoint": "proxy-4180",
    "live": "bank 1, greeter 3", "pid": 1234567, "calls": 12345, "count": 12345}


def placeholders(text: str) -> set[str]:
    return {f"{name}:{form}" for _, name, form, _ in string.Formatter().parse(text) if name}


def filled(text: str) -> str:
    names = {name for _, name, _, _ in string.Formatter().parse(text) if name}
    return text.format(**{name: SAMPLE.get(name, 999) for name in names})


class Stream(io.StringIO):
    """A stream with an encoding that may lack characters, and that may be a terminal."""

    def __init__(self, encoding: str = "utf-8", *, terminal: bool = False) -> None:
        super().__init__()
        self.encoding_name, self.terminal = encoding, terminal

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self.encoding_name

    def isatty(self) -> bool:
        return self.terminal

    def write(self, text: str) -> int:
        text.encode(self.encoding_name)     # as a console would, which raises
        return super().write(text)


class TextsTest(unittest.TestCase):
    def test_both_languages_fill_in_the_same_values(self) -> None:
        for key, (english, portuguese) in TEXTS.items():
            with self.subTest(key):
                self.assertEqual(placeholders(english), placeholders(portuguese))

    def test_lines_fit_the_projector(self) -> None:
        for key, texts in TEXTS.items():
            room = MAX_COLUMNS - (CHECK_LEAD if ".title" in key else EVENT_LEAD)
            for text in () if key.startswith(MAY_BREAK) else texts:
                with self.subTest(key):
                    self.assertLessEqual(len(filled(text)), room)

    def test_every_step_has_a_title_and_a_question(self) -> None:
        for language in LANGUAGES:
            words = Words(language)
            for step in STEPS:
                self.assertTrue(words(f"{step.key}.title"))
                self.assertTrue(words(f"{step.key}.predict", **QUESTION_VALUES.get(step.key, {})).endswith("?"))

    def test_the_locale_chooses_the_language(self) -> None:
        self.assertEqual("pt", choose_language({"LANG": "pt_BR.UTF-8"}))
        self.assertEqual("pt", choose_language({"LC_ALL": "", "LC_MESSAGES": "pt_PT", "LANG": "en_US"}))
        self.assertEqual("en", choose_language({"LC_ALL": "C", "LANG": "pt_BR.UTF-8"}))
        self.assertEqual("en", choose_language({"LANG": "en_US"}, "pt_BR"))
        self.assertEqual("pt", choose_language({}, "Portuguese_Brazil"))
        self.assertEqual("en", choose_language({}, None))


class ScreenTest(unittest.TestCase):
    def test_what_a_console_lacks_becomes_ascii(self) -> None:
        self.assertEqual("Ola -> + nao", plain("Olá → ✓ não", "ascii"))
        self.assertEqual("Olá -> + não", plain("Olá → ✓ não", "cp1252"))
        self.assertEqual("Olá → ✓ não", plain("Olá → ✓ não", "utf-8"))

    def test_every_text_can_be_shown_on_every_console(self) -> None:
        for encoding in ("ascii", "cp1252", "cp437", "cp850"):
            for texts in TEXTS.values():
                for text in texts:
                    shown = plain(text, encoding)
                    shown.encode(encoding)
                    self.assertEqual(text.count("?"), shown.count("?"), "a character without a likeness in ASCII")

    def test_no_escape_code_where_nobody_can_see_it(self) -> None:
        for stream, environ in ((Stream(), {}), (Stream(terminal=True), {"TERM": "dumb"})):
            screen = Screen(stream, environ)
            screen.line("text", style="passed", lead="  ✓ ", lead_style="passed")
            screen.live(["moving"])
            screen.last(["still"])
            self.assertEqual("  ✓ text\nstill\n", stream.getvalue())

    def test_no_color_takes_the_colours_away(self) -> None:
        stream = Stream(terminal=True)
        Screen(stream, {"NO_COLOR": "1"}).line("text", style="passed")
        self.assertEqual("text\n", stream.getvalue())
        stream = Stream(terminal=True)
        Screen(stream, {}).line("text", style="passed")
        self.assertEqual("\x1b[1;32mtext\x1b[0m\n", stream.getvalue())

    def test_long_lines_break_at_the_columns_under_their_lead(self) -> None:
        stream = Stream()
        Screen(stream, {}).line("word " * 40, lead="  ✓ ")
        lines = stream.getvalue().splitlines()
        self.assertGreater(len(lines), 1)
        self.assertTrue(all(len(line) <= MAX_COLUMNS for line in lines))
        self.assertTrue(all(line.startswith("    word") for line in lines[1:]))

    def test_a_narrow_encoding_never_raises(self) -> None:
        stream = Stream("ascii")
        screen = Screen(stream, {})
        screen.line("".join(ASCII) + "ãéíóúç漢")
        screen.rule()
        self.assertIn("aeiouc?", stream.getvalue())

    def test_a_bar_shows_its_share(self) -> None:
        self.assertEqual("█████░░░░░", bar(0.5, 10))
        self.assertEqual("██████████", bar(1.7, 10))


class ConsoleTest(unittest.TestCase):
    def test_lines_push_the_counters_down(self) -> None:
        terminal = Stream(terminal=True)
        console = Console(terminal, terminal, lambda line: None, rewrites=True)
        console.show("12 beats")
        print("up", file=console.err)
        self.assertEqual("\r\x1b[K12 beats" "\r\x1b[Kup\n12 beats", terminal.getvalue())

    def test_a_file_gets_the_counters_as_lines(self) -> None:
        heard: list[str] = []
        out = Stream()
        console = Console(out, Stream(), heard.append, rewrites=False)
        print("banner", file=console.out)
        console.show("12 beats")
        console.show("")
        self.assertEqual("banner\n12 beats\n", out.getvalue())
        self.assertEqual(["banner"], heard)


class CommandTest(unittest.TestCase):
    def test_the_language_may_stand_anywhere(self) -> None:
        self.assertEqual(("pt", ["client", "--every", "2"]),
                         command.take_language(["client", "--lang", "pt", "--every", "2"]))
        self.assertEqual(("en", ["--a=b", "--c="]), command.take_language(["--a=b", "--lang=en", "--c="]))
        with self.assertRaisesRegex(UsageError, "en and pt"):
            command.take_language(["--lang"])

    def test_an_unknown_word_is_met_with_a_suggestion(self) -> None:
        with self.assertRaisesRegex(UsageError, "registry[?]"):
            command.main(["--lang", "en", "regstry"])

    def test_help_is_told_in_both_languages_on_any_console(self) -> None:
        for language, word in (("en", "terminal of its own"), ("pt", "terminal")):
            out = Stream("ascii")
            with redirect_stdout(out), self.assertRaises(SystemExit) as ended:
                command.main(["--lang", language, "--help"])
            self.assertEqual(0, ended.exception.code)
            self.assertIn(word, out.getvalue())

    def test_without_a_terminal_the_story_asks_for_auto(self) -> None:
        error = io.StringIO()
        with redirect_stderr(error), unittest.mock.patch("sys.stdin", io.StringIO()):
            self.assertEqual(2, command.main(["--lang", "en"]))
        self.assertEqual(1, len(error.getvalue().splitlines()))
        self.assertIn("--auto", error.getvalue())

    def test_each_terminal_names_the_command_for_the_next(self) -> None:
        here = ("127.0.0.1", 4100)

        def following(role: str, *arguments: str, address: Any = here) -> str:
            return roles.next_command(role, arguments, address, "demo.py").partition("demo.py ")[2]

        self.assertEqual("server", following("registry"))
        self.assertEqual("server --registry 127.0.0.1:5000", following("registry", address=("127.0.0.1", 5000)))
        self.assertEqual("server", following("server", "f.py", "--name", "server-1"))
        self.assertEqual("proxy", following("server", "f.py", "--name", "server-3"))
        self.assertEqual("client --registry h:1", following("proxy", "--registry=h:1", "--balance", "two_choices"))
        self.assertEqual("server --tls-cert c --tls-ca a", following("registry", "--tls-cert", "c", "--tls-ca=a"))

    def test_the_counters_are_read_from_the_status(self) -> None:
        words = Words("en")
        status: dict[str, Any] = {"datagrams": {"ack": 7}, "endpoints": [{"state": "up"}, {"state": "suspect"}]}
        self.assertIn("7 heartbeats, 2.0/s · 1 up, 1 suspect", roles.counters("registry", status, 2.0, words))
        status = {"requests": {"calls": 3, "repeats": 1}, "beats_acked": 9}
        self.assertIn("3 calls, 1 answered from memory", roles.counters("server", status, 0.0, words))
        status = {"requests": {"calls": 3, "retries": 1}, "services": {"greeter": [{}, {}]}}
        self.assertIn("greeter 2", roles.counters("proxy", status, 0.0, words))


def hello(text: str) -> str:
    return text


@needs_openssl
class TlsTest(unittest.TestCase):
    """Where a role is given certificates, what the classroom adds to it has them too."""

    files: Certificates

    @classmethod
    def setUpClass(cls) -> None:
        cls.files = Certificates(cls)

    def setUp(self) -> None:
        tls = Tls(self.files.local, ca=self.files.ca)
        self.registry = Registry(port=0, tls=tls)
        self.addCleanup(self.registry.close)
        self.registry.start()
        server = Server("greeter", [hello], registries=[self.registry.address], name="server-1", tls=tls)
        self.addCleanup(server.close)
        server.start()
        self.options = ["--registry", show(self.registry.address)]
        self.mine = [*self.options, "--tls-cert", self.files.local, "--tls-ca", self.files.ca]

    def test_names_that_are_taken_are_asked_for(self) -> None:
        """Else the second server would take the first one's place."""
        self.assertEqual("server-2", roles._free_name("greeter", self.mine))
        self.assertEqual("server-1", roles._free_name("greeter", self.options), "nobody answers")

    def test_the_counters_are_read(self) -> None:
        """Also without an authority, where the certificate is its own."""
        with Registry(port=0, tls=Tls(self.files.alone)) as alone:
            for arguments, address in ((self.mine, self.registry.address),
                                       (["--tls-cert", self.files.alone], alone.address)):
                terminal = roles._Terminal("registry", arguments, Words("en"), "demo.py")
                terminal._address = address
                shown = threading.Event()

                def show_line(line: str, shown: threading.Event = shown) -> None:
                    if line:
                        shown.set()

                with self.subTest(arguments), unittest.mock.patch.object(roles, "FILE_S", 0.01), \
                        unittest.mock.patch.object(terminal._console, "show", show_line):
                    terminal._counts.start()
                    self.assertTrue(shown.wait(5.0))
                    terminal.close()
                    terminal._counts.join(5.0)

    def test_the_client_of_a_lesson_calls(self) -> None:
        with redirect_stdout(Stream("utf-8")) as out, unittest.mock.patch("ponte.process.logs.start_logging"):
            self.assertEqual(0, caller.main(["--repeat", "1", *self.mine], Words("en")))
        self.assertIn('hello("Hello")', out.getvalue())


class EvidenceTest(unittest.TestCase):
    def test_who_answered_is_read_from_the_attempt(self) -> None:
        endpoint = Endpoint("proxy", "proxy-1", 1, "127.0.0.1", 4180, "up", ())
        self.assertEqual("server-2", who_answered(Trace(endpoint, "answered by server-2", 0.1)))
        self.assertEqual("proxy-1", who_answered(Trace(endpoint, "answered", 0.1)))

    def test_a_failed_call_is_never_counted_as_answered(self) -> None:
        calls = [CallRecord(0.0, 0.5, "server-1"), CallRecord(0.0, 2.0, "", "NotSent: no")]
        self.assertEqual(calls[1:], failed(calls))
        self.assertEqual(2.0, slowest_s(calls))
        self.assertEqual(0.0, slowest_s([]))

    def test_a_load_counts_every_call_of_every_caller(self) -> None:
        with Load(lambda: "server-1", 3) as load:
            deadline = time.monotonic() + 10
            while load.count() < 9 and time.monotonic() < deadline:
                pass
        self.assertGreaterEqual(len(load.seen), 9)
        self.assertEqual({"server-1"}, {seen.by for seen in load.seen})


class DoctorTest(unittest.TestCase):
    def test_a_port_in_other_hands_is_bad_and_a_free_one_is_not(self) -> None:
        words, kinds = Words("en"), (socket.SOCK_STREAM,)
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            taken.settimeout(0)
            with unittest.mock.patch("classroom.cast.STATUS_S", 0.05):
                finding = doctor.check_port(words, "proxy", port, kinds, "services")
        self.assertEqual("bad", finding.level)
        self.assertIn(str(port), finding.text)
        self.assertEqual("ok", doctor.check_port(words, "proxy", port, kinds, "services").level)

    def test_one_of_ours_is_known_by_its_status(self) -> None:
        with Server("notes", [len], registries=()) as server:
            finding = doctor.check_port(Words("en"), "proxy", server.address[1], (socket.SOCK_STREAM,), "incarnation")
        self.assertEqual("note", finding.level)

    def test_bytes_to_ourselves_that_do_not_arrive_are_bad(self) -> None:
        def fail() -> bytes:
            raise OSError("refused")

        self.assertEqual("bad", doctor.check_loopback(Words("en"), "UDP", fail).level)
        self.assertEqual("bad", doctor.check_loopback(Words("en"), "UDP", lambda: b"").level)
        self.assertEqual("ok", doctor.check_loopback(Words("en"), "UDP", lambda: b"ponte").level)

    def test_notes_for_narrow_consoles_and_school_proxies(self) -> None:
        words = Words("pt")
        self.assertEqual("note", doctor.check_columns(words, 60).level)
        self.assertEqual("ok", doctor.check_columns(words, 100).level)
        self.assertEqual("note", doctor.check_encoding(words, "cp1252").level)
        self.assertEqual("note", doctor.check_environment(words, {"http_proxy": "http://school:8080"}).level)
        self.assertEqual("ok", doctor.check_environment(words, {}).level)


if __name__ == "__main__":
    unittest.main()
