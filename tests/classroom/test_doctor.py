"""The doctor finds what goes wrong in classrooms, and only that."""

from __future__ import annotations

import socket
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
            with unittest.mock.patch("classroom.cast.STATUS_S", 0.05):
                finding = doctor.check_port(words, "proxy", port, TCP, "services")
        self.assertEqual("bad", finding.level)
        self.assertIn(str(port), finding.text)
        self.assertEqual("ok", doctor.check_port(words, "proxy", port, TCP, "services").level)

    def test_a_role_of_ponte_is_known_by_its_status(self) -> None:
        with Server("notes", [len], registries=()) as server:
            finding = doctor.check_port(Words("en"), "proxy", server.address[1], TCP, "incarnation")
        self.assertEqual("note", finding.level)

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
        self.assertEqual("note", doctor.check_encoding(words, "cp1252").level)
        self.assertEqual("note", doctor.check_environment(words, proxy).level)
        self.assertEqual("ok", doctor.check_environment(words, {}).level)


if __name__ == "__main__":
    unittest.main()
