"""nginx: what its file says, and when it is written, tested, loaded and taken back."""

from __future__ import annotations

import os
import subprocess
import tempfile
import unittest
from typing import Any
from unittest import mock

from interop import nginx
from interop.nginx import Include, command_line, configuration, include_text
from interop.upstreams import Trouble, Upstream, Upstreams

ONE, TWO = Upstream("127.0.0.1", 1001), Upstream("127.0.0.1", 1002)


class Text(unittest.TestCase):
    def test_a_service_without_a_server_is_not_there(self) -> None:
        """nginx takes no group without a server; and one that drains gets nothing new."""
        nobody: list[Upstreams] = [{}, {"a": []}, {"a": [ONE._replace(drains=True)]}]
        for servers in nobody:
            self.assertNotIn("ponte_1", include_text(servers))

    def test_the_order_of_a_view_changes_nothing(self) -> None:
        self.assertEqual(include_text({"a": [ONE, TWO], "b": [ONE]}),
                         include_text({"b": [ONE], "a": [TWO, ONE]}))

    def test_names_that_differ_in_capitals_alone_are_two_groups(self) -> None:
        text = include_text({"bank": [ONE], "Bank": [TWO]})
        self.assertIn('"~^/Bank/?$" ponte_1;', text)
        self.assertIn('"~^/bank/?$" ponte_2;', text)

    def test_a_dot_in_a_name_is_a_dot(self) -> None:
        self.assertIn(r'"~^/a\.b/?$"', include_text({"a.b": [ONE]}))

    def test_what_keeps_a_call_from_running_twice_is_there(self) -> None:
        text = configuration(("127.0.0.1", 8080), "/srv/u.conf")
        for line in ("proxy_next_upstream error timeout;", "keepalive_timeout 0;",
                     "add_header Not-Executed 1 always;"):
            self.assertIn(line, text)
        self.assertNotIn("non_idempotent;", text)

    def test_a_path_cannot_become_a_directive(self) -> None:
        for path in ('/a";x', "/a\nb", "/a;b", "/a$b", "/a{b"):
            with self.subTest(path), self.assertRaises(ValueError):
                configuration(("127.0.0.1", 8080), f"{path}/u.conf")

    def test_options_that_cannot_be_are_refused(self) -> None:
        for arguments in (["--nginx", ""], ["--nginx", "'"], ["--bind", "80"]):
            with self.subTest(arguments), mock.patch("sys.stderr"), \
                    self.assertRaises(SystemExit):
                command_line().parse_args(arguments)


class Files(unittest.TestCase):
    """An nginx that says what the test says."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "u.conf")
        # What was called; the option that fails; and what the file was at each call.
        self.calls: list[str] = []
        self.seen: list[str] = []
        self.fails = ""
        patch = mock.patch.object(subprocess, "run", self.run_nginx)
        patch.start()
        self.addCleanup(patch.stop)
        self.include = Include(self.path, ["nginx"])

    def run_nginx(self, command: list[str], **_: Any) -> subprocess.CompletedProcess[bytes]:
        self.calls.append(" ".join(command[1:]))
        self.seen.append(self.text())
        failed = command[1] == self.fails
        return subprocess.CompletedProcess(command, int(failed), b"",
                                           b"nginx: [warn] x\nnginx: [emerg] y\n")

    def text(self) -> str:
        with open(self.path, encoding="utf-8") as file:
            return file.read()

    def keep(self, *servers: Upstream, is_complete: bool = True) -> None:
        with self.assertLogs("ponte.nginx") as logs:
            nginx.log.info("so that there is one")
            self.include.keep({"greeter": servers}, is_complete)
        self.said = logs.output[1:]

    def test_it_is_tested_before_it_is_loaded(self) -> None:
        self.keep(ONE)
        self.assertEqual(self.calls, ["-t", "-s reload"])
        self.assertEqual(set(self.seen), {include_text({"greeter": [ONE]})})
        self.assertEqual(os.listdir(os.path.dirname(self.path)), ["u.conf"])

    def test_an_equal_view_loads_nothing(self) -> None:
        self.keep(ONE, TWO)
        self.keep(TWO, ONE)
        self.assertEqual((len(self.calls), self.include.loads), (2, 1))

    def test_a_file_that_somebody_has_changed_is_written_again(self) -> None:
        self.keep(ONE)
        with open(self.path, "w", encoding="utf-8") as file:
            file.write("x")
        self.keep(ONE)
        self.assertEqual(self.text(), include_text({"greeter": [ONE]}))

    def test_what_nginx_refuses_is_taken_back_and_told_in_one_line(self) -> None:
        self.keep(ONE)
        self.fails = "-t"
        with self.assertRaisesRegex(Trouble, "refuses .*taken back: nginx: .emerg. y$"):
            self.keep(TWO)
        self.assertEqual(self.text(), include_text({"greeter": [ONE]}))
        calls = len(self.calls)
        # Not at once again; but another view is another try.
        with self.assertRaises(Trouble):
            self.keep(TWO)
        self.assertEqual(len(self.calls), calls)
        self.fails = ""
        self.keep(ONE, TWO)
        self.assertEqual(self.text(), include_text({"greeter": [ONE, TWO]}))

    def test_the_first_file_is_taken_back_too(self) -> None:
        self.fails = "-t"
        with self.assertRaises(Trouble):
            self.keep(ONE)
        self.assertFalse(os.path.exists(self.path))

    def test_where_nginx_does_not_run_the_file_stays_for_its_start(self) -> None:
        self.fails = "-s"
        with self.assertRaisesRegex(Trouble, "reads it when it starts"):
            self.keep(ONE)
        self.assertEqual(self.text(), include_text({"greeter": [ONE]}))
        self.fails = ""
        with mock.patch("interop.nginx.time.monotonic", return_value=1e12):
            self.keep(ONE)
        self.assertEqual(self.include.loads, 1)

    def test_one_that_cannot_be_started_takes_nothing_away(self) -> None:
        self.keep(ONE)
        with mock.patch.object(subprocess, "run", side_effect=FileNotFoundError(2, "no such")), \
                self.assertRaisesRegex(Trouble, "taken back: nginx: no such"):
            self.keep(TWO)
        self.assertEqual(self.text(), include_text({"greeter": [ONE]}))

    def test_what_was_right_comes_back_also_if_it_was_never_loaded(self) -> None:
        self.fails = "-s"
        with self.assertRaises(Trouble):
            self.keep(ONE)
        self.fails = "-t"
        with self.assertRaises(Trouble):
            self.keep(TWO)
        self.assertEqual(self.text(), include_text({"greeter": [ONE]}))

    def test_the_file_of_an_earlier_life_stays_until_registries_know_all(self) -> None:
        """But where nobody would go, the others come at once."""
        for before, named, now in (([ONE, TWO], [ONE], [ONE, TWO]), ([TWO], [ONE], [TWO]),
                                   ([ONE], [ONE, TWO], [ONE, TWO]), ([], [ONE], [ONE])):
            with open(self.path, "w", encoding="utf-8") as file:
                file.write(include_text({"greeter": before}))
            self.include = Include(self.path, ["nginx"])
            self.keep(*named, is_complete=False)
            self.assertEqual(self.text(), include_text({"greeter": now}))
            self.keep(*named)
            self.assertEqual(self.text(), include_text({"greeter": named}))

    def test_nothing_is_taken_away_while_a_registry_warms_up(self) -> None:
        self.keep(ONE)
        self.keep(TWO, is_complete=False)
        self.assertEqual(self.text(), include_text({"greeter": [ONE, TWO]}))
        self.keep(TWO)
        self.assertEqual(self.text(), include_text({"greeter": [TWO]}))


if __name__ == "__main__":
    unittest.main()
