"""The program client.py: what it prints, and its exit codes."""

from __future__ import annotations

import re
import signal
import unittest

from tests.system.cluster import SystemTest
from tests.system.harness import START_S, with_ctrl_c
from tests.system.journal import Journal
from tests.windows import windows_cannot

GREETER, BANK = "services/greeter.py", "services/bank.py"
EXIT_FAULT, EXIT_NOT_SENT, EXIT_UNKNOWN = 3, 4, 5
# Seconds from Ctrl-C to the end of a process.
CTRL_C_S = 2.0
# The port "discard", where nothing listens.
NOWHERE = "127.0.0.1:9"


class ClientCommand(SystemTest):
    """The exit codes of client.py: 0 a value, 3 a fault, 4 not executed.

    And 5: the outcome is unknown, as also tests in test_failures.py and test_drain.py show.
    """

    @classmethod
    def setUpClass(cls) -> None:
        cluster = cls.share_cluster()
        cluster.start_registry()
        cluster.start_servers(GREETER, "one")
        cluster.start_servers(BANK, "bank-1")
        cluster.start_proxy()

    def test_a_value_is_printed_and_nothing_else(self) -> None:
        client = self.cluster.run_client("greeter", "hello", "Hello")
        self.assertEqual((client.wait(0), client.out, client.err), (0, "World\n", ""))

    def test_arguments_are_json_where_they_parse_and_text_elsewhere(self) -> None:
        client = self.cluster.run_client("bank", "deposit", "ana", "250")
        self.assertEqual((client.wait(0), client.out), (0, "250\n"), client.log)

    def test_a_fault_is_one_line_and_exit_code_3(self) -> None:
        """For a wrong method, a wrong number of parameters, and an error in the function."""
        faults = {("greeter", "helo"): "no method 'helo'", ("greeter", "hello"): "takes 1",
                  ("bank", "deposit", "ana", "-5"): "ValueError"}
        clients = {words: self.cluster.start_client(*words) for words in faults}
        for words, named in faults.items():
            with self.subTest(words):
                client = clients[words]
                self.assertEqual((client.wait(START_S), client.out), (EXIT_FAULT, ""), client.log)
                self.assert_one_line(client.err, "fault", named)

    def test_without_a_registry_it_says_so_and_that_nothing_ran(self) -> None:
        client = self.cluster.start("client.py", "--registry", NOWHERE, "greeter", "hello", "Hello")
        self.assertEqual((client.wait(START_S), client.out), (EXIT_NOT_SENT, ""), client.log)
        self.assert_one_line(client.err, "not executed", "no registry answers", NOWHERE)

    def test_a_value_that_the_console_cannot_show_is_no_error(self) -> None:
        """The call was answered, so exit code 2 would be wrong: it means that nothing was called.
        """
        client = self.cluster.run_client("greeter", "hello", "Zoë",
                                         environment={"PYTHONIOENCODING": "ascii"})
        self.assertEqual(client.wait(0), 0, client.log)
        self.assertIn("Hello, Zo", client.out)

    def test_repeat_and_trace_show_each_call_and_each_attempt(self) -> None:
        client = self.cluster.run_client("greeter", "hello", "Hello", "--repeat", "3", "--every",
                                         "0.01", "--trace")
        self.assertEqual((client.wait(0), client.out), (0, "World\n" * 3))
        attempts = re.findall(r"attempt: proxy at 127.0.0.1:\d+: answered by one \([\d.]+ ms\)",
                              client.err)
        self.assertEqual(len(attempts), 3, client.err)

    def test_resolve_finds_out_what_came_of_an_unknown_outcome(self) -> None:
        """The call runs for longer than its timeout. Its server tells, through the proxy."""
        journal = Journal(self.cluster)
        self.cluster.start_servers(journal.file, "scribe")
        call = ("journal", "work", "token", "1.5", "--timeout", "0.5")
        client = self.cluster.run_client(*call, "--resolve", str(START_S))
        self.assertEqual((client.wait(0), client.out), (0, "scribe\n"), client.log)
        self.assert_one_line(client.err, "journal.work", "it may have run")
        self.assertEqual(journal.executions()["token"], 1)
        # In vain: it still runs.
        client = self.cluster.run_client(*call, "--resolve", "0.1")
        self.assertEqual((client.wait(0), client.out), (EXIT_UNKNOWN, ""), client.log)
        self.assertEqual(len(client.err.splitlines()), 2, client.err)

    @windows_cannot("nobody can press Ctrl-C in the console of another process")
    def test_ctrl_c_ends_a_repeating_client(self) -> None:
        """At once and without a traceback; a shell expects the exit code 130."""
        with_ctrl_c(self)
        client = self.cluster.start_client("greeter", "hello", "Hello", "--repeat", "0", "--every",
                                           "60")
        client.wait_for_line("World", START_S)
        client.signal(signal.SIGINT)
        self.assertIn(client.wait(CTRL_C_S), (0, 130))
        self.assertEqual(client.err.strip(), "")


if __name__ == "__main__":
    unittest.main()
