"""What a user gets wrong on the command line: ports, services files, options, keys."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import unittest
from unittest import mock

from tests.system.cluster import SystemTest
from tests.system.harness import ROOT, START_S
from tests.windows import windows_cannot

GREETER = "services/greeter.py"
EXIT_USAGE = 2
# The port "discard", where nothing listens.
NOWHERE = "127.0.0.1:9"


class Mistakes(SystemTest):
    """A user's mistake ends the process with one clear line, exit code 2, and no traceback."""

    refusals: subprocess.Popen[str]

    @classmethod
    def setUpClass(cls) -> None:
        cls.refusals = subprocess.Popen(
            [sys.executable, "-S", "-m", "tests.system.refusals"], cwd=ROOT, encoding="utf-8",
            env={**os.environ, "PYTHONIOENCODING": "utf-8"}, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE)
        # Waits for its end, which comes with that of its standard input.
        cls.addClassCleanup(cls.refusals.communicate)

    def expect_refusal(self, *arguments: str, names: str, **environment: str) -> None:
        """A program ends before it serves: so one process tries them all. `names` is in its line.
        """
        assert self.refusals.stdin and self.refusals.stdout
        print(json.dumps((arguments, environment)), file=self.refusals.stdin, flush=True)
        code, printed = json.loads(self.refusals.stdout.readline())
        with self.subTest(" ".join(arguments), **environment):
            self.assertEqual(code, EXIT_USAGE, printed)
            self.assertRegex(printed.strip().splitlines()[-1], names)
            self.assertNotIn("Traceback", printed)
            self.assert_one_line(printed)

    def taken_port(self, kind: socket.SocketKind) -> str:
        sock = socket.socket(type=kind)
        self.addCleanup(sock.close)
        sock.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            sock.listen()
        return str(sock.getsockname()[1])

    def test_a_port_that_is_taken_is_named_together_with_the_flag(self) -> None:
        """For every role, and for the registry also where only its UDP port is taken."""
        tcp, udp = self.taken_port(socket.SOCK_STREAM), self.taken_port(socket.SOCK_DGRAM)
        self.expect_refusal("registry.py", "--port", tcp, names=rf"\b{tcp}\b.*--port")
        self.expect_refusal("registry.py", "--port", udp, names=rf"\b{udp}\b.*--port")
        self.expect_refusal("proxy.py", "--port", tcp, names=rf"\b{tcp}\b.*--port")
        self.expect_refusal("server.py", GREETER, "--port", tcp, names=rf"\b{tcp}\b.*--port")

    def test_a_services_file_that_cannot_be_served_is_named_with_the_reason(self) -> None:
        """It is missing, is not Python, raises or exits when imported, is empty, or has too much.
        """
        files = {
            "broken.py": ("def hello(:\n", "broken.py.*SyntaxError"),
            "failing.py": ("raise ValueError('two\\nlines')\n",
                           "failing.py.*ValueError: two lines"),
            "leaving.py": ("import sys\nsys.exit(0)\n", "leaving.py.*SystemExit"),
            "missing_module.py": ("import no_such_module\n", "missing_module.py.*no_such_module"),
            "empty.py": ("", "empty.py.*no public function"),
            "private.py": ("def _hidden(): pass\n", "private.py.*no public function"),
            "only_imports.py": ("from os.path import join\n",
                                "only_imports.py.*no public function"),
            "keyword.py": ("def f(*, key): pass\n", "keyword"),
            "not-a-name.py": ("def f(): pass\n", "not-a-name.py"),
            "crowd.py": ("from server import idempotent\n" + "".join(
                f"@idempotent\ndef a_function_with_quite_a_long_name_{n}(): pass\n"
                for n in range(40)), "idempotent"),
        }
        self.expect_refusal("server.py", "services/no_such_file.py",
                            names="services/no_such_file.py.*no such file")
        for name, (text, expected) in files.items():
            self.expect_refusal("server.py", self.cluster.file(name, text), "--registry",
                                NOWHERE, names=expected)

    def test_options_that_cannot_be_meant_are_named(self) -> None:
        """Also by the client: exit code 2 says that nothing was called."""
        self.expect_refusal("registry.py", "--prot", "4100", names="--prot")
        self.expect_refusal("proxy.py", "--port", "4180x", names="--port.*4180x")
        self.expect_refusal("proxy.py", "--balance", "luck", names="--balance.*luck")
        self.expect_refusal("server.py", names="file")
        self.expect_refusal("server.py", GREETER, "--name", "two words", names="two words")
        self.expect_refusal("server.py", GREETER, "--registry", "4100",
                            names="--registry.*4100.*HOST:PORT")
        self.expect_refusal("server.py", GREETER, "--registry", "127.0.0.1:9,[::1]:99999",
                            names="--registry.*99999.*HOST:PORT")
        self.expect_refusal("server.py", GREETER, "--registry", "http://127.0.0.1:4100",
                            names="--registry.*http.*HOST:PORT")
        self.expect_refusal("server.py", GREETER, "--advertise", ":4180",
                            names="--advertise.*:4180.*HOST")
        self.expect_refusal("server.py", GREETER, "--grace", "1e9", names="--grace.*seconds")
        self.expect_refusal("server.py", GREETER, "--linger", "6",
                            names="--linger 6: more than half of --grace, which is 10")
        self.expect_refusal("proxy.py", "--linger", "-1", names="--linger.*'-1' is not a time")
        self.expect_refusal("proxy.py", "--log", "xml", names="--log.*xml")
        self.expect_refusal("server.py", GREETER, "--key-file", "no_such_key",
                            names="--key-file.*no_such_key")
        self.expect_refusal("client.py", "greeter", names="method")
        self.expect_refusal("client.py", "greeter", "hello", "--resolve", "never",
                            names="--resolve.*never")
        self.expect_refusal("client.py", "greeter", "hello", "--timeout", "soon",
                            names="--timeout.*soon")
        self.expect_refusal("client.py", "greeter", "hello", "--registry", NOWHERE,
                            "--repeat", "-1", names="--repeat.*-1")
        self.expect_refusal("client.py", "greeter", "add", "12345678901234567890",
                            "--registry", NOWHERE, names="XML-RPC")

    def test_a_wrong_variable_is_named_in_one_line(self) -> None:
        """Also one that is found to be wrong only when it is used. The command line wins."""
        for program, variable, value, names in (
                ("registry.py", "PORT", "99999", "'99999' is not a port"),
                ("proxy.py", "REGISTRY", "4100", "HOST:PORT"),
                ("proxy.py", "VERBOSE", "maybe", "1 .*0"),
                ("client.py", "TIMEOUT", "soon", "seconds"),
                ("registry.py", "KEY_FILE", "/nowhere/key", "/nowhere/key"),
                ("registry.py", "TLS_CERT", "/nowhere/cert", "no such file")):
            words = ("greeter", "hello") if program == "client.py" else ()
            self.expect_refusal(program, *words, names=f"^{program}: PONTE_{variable}\\b.*{names}",
                                **{f"PONTE_{variable}": value})
        with mock.patch.dict(os.environ, {"PONTE_PORT": "wrong", "PONTE_LOG": "json",
                                          "PONTE_HOST": "127.0.0.2"}):
            registry = self.cluster.start_role("registry.py", "--port", "0")
        self.assertEqual(registry.address[0], "127.0.0.2")

    def test_a_registry_whose_name_has_no_address_is_no_mistake(self) -> None:
        """It may have one later on, and no program waits for a name server. The log says so."""
        server = self.cluster.start_role("server.py", GREETER, "--registry",
                                         "no.such.host.invalid:1")
        server.wait_for_line("no.such.host.invalid:1.* no address", START_S)
        client = self.cluster.start("client.py", "--registry", "no.such.host.invalid:1",
                                    "--timeout", "0.2", "greeter", "hello")
        self.assertEqual(client.wait(START_S), 4, client.log)
        self.assert_one_line(client.err, "not executed", "no.such.host.invalid")

    def test_the_names_of_proxies_and_registries_are_taken(self) -> None:
        """A service of such a name would take the calls of everybody. The line says why."""
        for name in ("proxy", "registry"):
            file = self.cluster.file(f"{name}.py", "def f(): pass\n")
            self.expect_refusal("server.py", file, "--registry", NOWHERE,
                                names=f"'{name}' is taken")
            self.expect_refusal("client.py", name, "hello", "--registry", NOWHERE,
                                names=f"'{name}' is taken")

    def test_an_engine_and_a_limit_that_cannot_be_meant_are_named(self) -> None:
        """By all three that serve callers. The line has what there is to choose from."""
        for program in (("registry.py",), ("server.py", GREETER), ("proxy.py",)):
            self.expect_refusal(*program, "--engine", "steam",
                                names="--engine.*steam.*events.*threads")
        self.expect_refusal("registry.py", "--max-connections", "0",
                            names="--max-connections.*0")

    def test_an_engine_and_a_limit_can_be_chosen(self) -> None:
        """For all three. A caller beyond the limit is refused."""
        for program in (("registry.py",), ("server.py", GREETER), ("proxy.py",)):
            for engine in ("threads", "events"):
                with self.subTest(program, engine=engine):
                    process = self.cluster.start_role(
                        *program, "--port", "0", "--registry", NOWHERE, "--engine", engine,
                        "--max-connections", "1")
                    with socket.create_connection(process.address, START_S) as within:
                        within.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
                        self.assertTrue(within.recv(4096).startswith(b"HTTP/1.1 200 "))
                        with socket.create_connection(process.address, START_S) as beyond:
                            self.assertTrue(beyond.recv(4096).startswith(b"HTTP/1.1 503 "))
                    self.cluster.kill(process)

    def test_nobody_listens_beyond_this_machine_without_a_key(self) -> None:
        """The line names the two ways that are allowed; with each of them the process starts."""
        key = self.cluster.file("key", "the key of this test\n")
        for program in (("registry.py",), ("server.py", GREETER), ("proxy.py",)):
            beyond = (*program, "--port", "0", "--host", "0.0.0.0", "--registry", NOWHERE)
            self.expect_refusal(*beyond, names="--host 0.0.0.0.*--key-file.*--insecure")
            advertise = () if program == ("registry.py",) else ("--advertise", "127.0.0.1:9")
            for allowed in (("--key-file", key), ("--insecure",)):
                with self.subTest(program, allowed=allowed):
                    self.cluster.kill(self.cluster.start_role(*beyond, *advertise, *allowed))

    @windows_cannot("its files have no mode that names their readers")
    def test_a_key_that_others_can_read_is_refused(self) -> None:
        """The line shows what to type. The same where the environment names the file."""
        key = self.cluster.file("key", "the key of this test\n")
        os.chmod(key, 0o640)
        self.expect_refusal("registry.py", "--port", "0", "--key-file", key,
                            names=f"chmod 600 {key}")
        self.expect_refusal("registry.py", "--port", "0", PONTE_KEY_FILE=key,
                            names=f"chmod 600 {key}")

    def test_a_key_is_made_by_command(self) -> None:
        """The next command is printed, and works with that key; a key is never overwritten."""
        path = os.path.join(self.cluster.directory, "new.key")
        made = self.cluster.start("registry.py", "--make-key", path)
        self.assertEqual(made.wait(START_S), 0, made.log)
        self.assertRegex(made.out, f"next: python3? registry.py --key-file {re.escape(path)}\n")
        self.cluster.start_role("registry.py", "--port", "0", "--key-file", path)
        self.expect_refusal("registry.py", "--make-key", path, names="exists")

    def test_a_key_that_is_too_short_is_refused(self) -> None:
        key = self.cluster.file("key", "short\n")
        self.expect_refusal("registry.py", "--port", "0", "--key-file", key,
                            names="--key-file.*16")

    def test_a_process_of_its_own_ends_with_that_code_and_that_line(self) -> None:
        process = self.cluster.start("registry.py", "--prot", "4100")
        self.assertEqual((process.wait(START_S), process.out), (EXIT_USAGE, ""), process.log)
        self.assert_one_line(process.err, "--prot")


if __name__ == "__main__":
    unittest.main()
