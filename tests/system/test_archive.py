"""Every role starts from ponte.pyz, in a folder where nothing else of Ponte is."""

from __future__ import annotations

import os
import subprocess
import tempfile
import textwrap
import unittest

from dashboard.archive import archive
from ponte.net import windows
from tests.system.harness import PATIENCE, Process

# Seconds for a program that ends by itself.
RUN_S = 30.0
BANNER = r"([\d.]+:\d+)\S* .*- stop with Ctrl-C"


class FromTheArchive(unittest.TestCase):
    folder: tempfile.TemporaryDirectory[str]
    path: str

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.path = os.path.join(cls.folder.name, "ponte.pyz")
        with open(cls.path, "wb") as file:
            file.write(archive())

    def start(self, *words: str) -> Process:
        process = Process([self.path, *words])
        self.addCleanup(process.close)
        return process

    def ends(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Runs it to its end as a user does: by a relative path, in its folder."""
        python, variables = windows.own_python({**os.environ, "PONTE_LANG": "en"})
        return subprocess.run([python, "-S", "ponte.pyz", *words], cwd=self.folder.name,
                              env=variables, stdin=subprocess.DEVNULL, capture_output=True,
                              encoding="utf-8", timeout=RUN_S * PATIENCE, check=False)

    def write(self, name: str, source: str) -> str:
        path = os.path.join(self.folder.name, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(textwrap.dedent(source))
        self.addCleanup(os.remove, path)
        return path

    def test_the_roles_of_a_lesson_work_together(self) -> None:
        """A registry, a server of its own service, one of a student's file, a proxy, clients."""
        mine = self.write("mine.py", """
            def half(number):
                return 10 // number
        """)
        registry = self.start("registry", "--port", "0")
        at = registry.wait_for_line(BANNER, 15)[1]
        # "next terminal" is to be typed as it stands: with the name of the archive.
        registry.wait_for_line(r"ponte\.pyz server", 15)
        path = os.path.join(self.path, "services", "greeter.py")
        # As the demo starts its own processes, and as a student does.
        server = self.start("run", "server", path, "--registry", at, "--until-eof")
        own = self.start("server", mine, "own", "--registry", at)
        proxy = self.start("proxy", "--port", "0", "--registry", at)
        for process in (server, own, proxy):
            process.wait_for_line(BANNER, 15)

        said = self.ends("client", "greeter", "hello", "Hello", "--registry", at)
        self.assertEqual((said.stdout.strip(), said.returncode), ("World", 0), said.stderr)
        said = self.ends("client", "mine", "half", "0", "--registry", at)
        self.assertNotEqual(said.returncode, 0)
        # The line of the student's own file.
        own.wait_for_line(r"half raised ZeroDivisionError: .* \(mine\.py, line 3\)", 5)
        own.wait_for_line(r"return 10 // number", 5)

    def test_the_guided_demo(self) -> None:
        """Its last step: all processes start from the archive, and the proofs hold."""
        said = self.ends("--auto", "--from", "9")
        self.assertEqual(said.returncode, 0, said.stdout + said.stderr)
        self.assertIn("1 of 1 proofs passed", said.stdout)
        self.assertIn("ponte.pyz registry", said.stdout)

    def test_a_neighbour_that_ponte_has_is_refused(self) -> None:
        """Names are taken by Ponte in an archive as well."""
        self.write("client.py", "LIST = []\n")
        shop = self.write("shop.py", "import client\ndef buy(): return client.LIST\n")
        said = self.ends("server", shop)
        self.assertEqual(said.returncode, 2)
        self.assertIn("that name is taken by Ponte", said.stderr)

    def test_help_and_mistakes_name_the_archive(self) -> None:
        said = self.ends("--help")
        self.assertIn("ponte.pyz server [NAME] [FILE]", said.stdout)
        self.assertNotIn("demo.py", said.stdout)
        said = self.ends("sevrer")
        self.assertEqual((said.returncode, said.stderr.count("\n")), (2, 1), said.stderr)

    def test_it_gives_the_archive_itself(self) -> None:
        """A laptop can be the next teacher's."""
        code = ("import sys; sys.path.insert(0, sys.argv[1]); "
                "from dashboard.archive import archive; "
                "sys.exit(archive() != open(sys.argv[1], 'rb').read())")
        python, variables = windows.own_python(os.environ)
        done = subprocess.run([python, "-S", "-c", code, self.path], cwd=self.folder.name,
                              env=variables, timeout=RUN_S * PATIENCE, check=False)
        self.assertEqual(done.returncode, 0)


if __name__ == "__main__":
    unittest.main()
