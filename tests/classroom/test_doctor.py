"""The doctor finds what goes wrong in classrooms, and only that."""

from __future__ import annotations

import socket
import threading
import unittest
import unittest.mock

from classroom import doctor
from classroom.language import Words
from server import Server

TCP = (socket.SOCK_STREAM,)


class DoctorTest(unittest.TestCase):
    def test_a_port_of_another_program_is_bad_and_a_free_one_is_not(self) -> None:
        words = Words("en")
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            taken.settimeout(0)
            with unittest.mock.patch("classroom.actor.STATUS_S", 0.05):
                finding = doctor.check_port(words, "proxy", port, TCP, "services")
        self.assertEqual("bad", finding.level)
        self.assertIn(str(port), finding.text)
        self.assertEqual("ok", doctor.check_port(words, "proxy", port, TCP, "services").level)

    def test_a_role_of_ponte_is_known_by_its_status(self) -> None:
        with Server("notes", [len], registries=()) as server:
            finding = doctor.check_port(Words("en"), "proxy", server.address[1], TCP, "incarnation")
        self.assertEqual("note", finding.level)
        self.assertRegex(finding.text, "Use it, or .* demo.py proxy --port 0")

    def test_the_variable_that_chooses_the_language_counts_more_than_the_locale(self) -> None:
        for environ, spoken in (({"LANG": "pt_BR.UTF-8"}, "pt"),
                                ({"LANG": "pt_BR.UTF-8", "PONTE_LANG": "en"}, "en")):
            with self.subTest(spoken):
                self.assertIn(f"“{spoken}”", doctor.check_locale(Words("en"), environ).text)

    def test_bytes_to_ourselves_that_do_not_arrive_are_bad(self) -> None:
        def fail() -> bytes:
            raise OSError("refused")

        words = Words("en")
        self.assertEqual("bad", doctor.check_loopback(words, "UDP", fail).level)
        self.assertEqual("bad", doctor.check_loopback(words, "UDP", lambda: b"").level)
        self.assertEqual("ok", doctor.check_loopback(words, "UDP", lambda: b"ponte").level)

    def test_notes_for_narrow_consoles_and_school_proxies(self) -> None:
        words = Words("pt")
        proxy = {"http_proxy": "http://school:8080"}
        self.assertEqual("note", doctor.check_columns(words, 60).level)
        self.assertEqual("ok", doctor.check_columns(words, 100).level)
        # A pane of the lesson has 59.
        for columns, said in ((59, "59 colunas bastam"), (58, "vão quebrar")):
            self.assertIn(said, doctor.check_columns(words, columns).text)
        self.assertEqual("note", doctor.check_encoding(words, "cp1252").level)
        self.assertEqual("note", doctor.check_environment(words, proxy).level)
        self.assertEqual("ok", doctor.check_environment(words, {}).level)

    def test_an_option_that_is_set_out_of_sight_is_a_note(self) -> None:
        words = Words("en")
        finding = doctor.check_variables(words, {"PONTE_HOST": "0.0.0.0", "PONTE_PORT": ""})
        self.assertEqual("note", finding.level)
        self.assertIn("PONTE_HOST is set", finding.text)
        self.assertEqual("ok", doctor.check_variables(words, {"PATH": "/bin"}).level)

    def test_where_localhost_leads(self) -> None:
        for language in ("en", "pt"):
            words = Words(language)
            for found, level in ((["127.0.0.1", "::1"], "ok"), (["::1", "127.0.0.1"], "note"),
                                 ([], "note"), (["10.0.0.7"], "note")):
                with self.subTest(language, found=found):
                    finding = doctor.check_localhost(words, found)
                    self.assertEqual(level, finding.level)
                    self.assertIn("127.0.0.1", finding.text)

    def test_a_name_server_that_does_not_answer_is_not_waited_for(self) -> None:
        never = threading.Event()
        self.addCleanup(never.set)

        def answer(*_: object, **__: object) -> list[object]:
            never.wait()
            raise socket.gaierror(socket.EAI_NONAME, "unknown")

        with unittest.mock.patch("socket.getaddrinfo", answer), \
                unittest.mock.patch.object(doctor, "WAIT_S", 0.01):
            finding = doctor.check_name_server(Words("en"))
        self.assertEqual("note", finding.level)
        self.assertIn("does not answer", finding.text)

    def test_a_name_server_may_say_that_nobody_has_the_name(self) -> None:
        for number, level in ((socket.EAI_NONAME, "ok"), (socket.EAI_AGAIN, "note")):
            with self.subTest(level), unittest.mock.patch(
                    "socket.getaddrinfo", side_effect=socket.gaierror(number, "why")):
                self.assertEqual(level, doctor.check_name_server(Words("pt")).level)

    def test_a_machine_without_a_network_is_good_for_the_lesson(self) -> None:
        finding, = doctor.check_network(Words("en"), None)
        self.assertEqual("note", finding.level)
        findings = doctor.check_network(Words("en"), "127.0.0.1")
        self.assertEqual(["ok", "ok", "ok"], [finding.level for finding in findings])
        self.assertIn("registry --host 0.0.0.0", findings[0].text)

    def test_bytes_to_our_address_for_others_that_do_not_arrive_are_a_note(self) -> None:
        def fail() -> bytes:
            raise OSError("refused")

        for send in (fail, lambda: b""):
            finding = doctor.check_firewall(Words("en"), "UDP", "10.0.0.7", send)
            self.assertEqual("note", finding.level)
            self.assertIn("firewall", finding.text)


if __name__ == "__main__":
    unittest.main()
