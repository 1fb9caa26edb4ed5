"""python3 -m interop.haproxy and interop.nginx as a user meets them without HAProxy and nginx.

With them: python3 -m tests.interop haproxy nginx.
"""

from __future__ import annotations

import os
import unittest

from tests.system.cluster import SystemTest
from tests.system.harness import START_S, free_port


class Mistakes(SystemTest):
    def test_a_mistake_is_one_line(self) -> None:
        for arguments, word in (
                (("interop.haproxy",), "--services is missing"),
                (("interop.haproxy", "--services", "proxy"), "taken"),
                (("interop.nginx", "--nginx", "no-such-nginx"), "no such program"),
                (("interop.nginx", "--include", 'a".conf', "--print-config"), "takes no path")):
            with self.subTest(arguments):
                process = self.cluster.start("-m", *arguments)
                self.assertEqual(process.wait(START_S), 2)
                self.assert_one_line(process.err, word)

    def test_an_haproxy_that_is_away_is_told_once(self) -> None:
        self.cluster.start_registry()
        keeper = self.cluster.start("-m", "interop.haproxy", "--services", "greeter", "--socket",
                                    f"127.0.0.1:{free_port()}", "--until-eof",
                                    *self.cluster.registry_option())
        keeper.wait_for_line("is away: .*; it tries again", START_S)
        self.assertEqual(keeper.err.count("is away"), 1)
        keeper.stop()
        self.assertEqual(keeper.wait(START_S), 0)

    def test_a_configuration_is_printed_whole(self) -> None:
        for module, options, word in (("haproxy", ("--services", "greeter"), "backend greeter"),
                                      ("nginx", (), "proxy_pass")):
            process = self.cluster.start("-m", f"interop.{module}", *options, "--print-config")
            self.assertEqual(process.wait(START_S), 0)
            self.assertIn(word, process.out)
        self.assertFalse(os.path.exists("ponte-upstreams.conf"))


if __name__ == "__main__":
    unittest.main()
