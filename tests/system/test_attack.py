"""The attack as a class sees it: the whole story, in both languages, and stories that must fail."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import unittest

from tests.system.harness import with_ctrl_c
from tests.system.test_demo import STORY_S, children, processes, start
from tests.windows import windows_cannot

STEPS = 6
KEY_FILE = re.compile(r"--make-key (\S+lab\.key)")

# A story whose registry is started without its key, and so believes the thief as before.
WITHOUT_THE_KEY = """
import sys
from classroom import attack, attack_key, story
from classroom.cast import Cast
from classroom.language import Words

class Careless(Cast):
    def start_registry(self, name="registry", port=0):
        path, self.key_file = self.key_file, ""
        registry = super().start_registry(name, port)
        self.key_file = path
        return registry

attack_key.PATIENCE_S = 1.5
story.Cast = Careless
attack.STEPS = (attack.forge_a_beat, attack.turn_the_key, attack.try_again)
sys.exit(attack.run(Words("en"), auto=True))
"""

# A story in which another program takes the registry's port while the registry starts again.
WITHOUT_THE_PORT = """
import socket, sys
from classroom import attack, attack_scene
from classroom.cast import Cast
from classroom.language import Words

def step(stage):
    stage.cast.start_registry()
    attack_scene.restart_registry(stage)

class Robbed(Cast):
    def start_registry(self, name="registry", port=0):
        other = socket.create_server(("127.0.0.1", port)) if port else None
        return super().start_registry(name, port)

attack.story.Cast = Robbed
attack.STEPS = (step,)
sys.exit(attack.run(Words("en"), auto=True))
"""

# A story that has made its key, and waits to be ended.
WAITING = """
import os, sys
from classroom import attack
from classroom.cast import run_program
from classroom.language import Words

def wait(stage):
    cast = stage.cast
    cast.key_file = os.path.join(cast.folder(), "lab.key")
    run_program("registry.py", "--make-key", cast.key_file)
    cast.start_thief("thief", "server-1", "greeter", cast.start_registry())
    print("--make-key", cast.key_file, flush=True)
    sys.stdin.read()

attack.STEPS = (wait,)
sys.exit(attack.run(Words("en"), auto=True))
"""


class AttackTest(unittest.TestCase):
    """Both languages; one of them where the roles of a lesson have options."""

    output: dict[str, list[str]]
    errors: dict[str, str]
    codes: dict[str, int]

    @classmethod
    def setUpClass(cls) -> None:
        cls.output, cls.errors, cls.codes = {}, {}, {}
        commands = {"en": ["demo.py", "attack", "--auto"], "pt": ["demo.py", "attack", "--auto"],
                    "no key": ["-c", WITHOUT_THE_KEY], "no port": ["-c", WITHOUT_THE_PORT]}
        variables = {"pt": {"PONTE_KEY_FILE": "no such file", "PONTE_HOST": "nowhere",
                            "PONTE_TLS_CERT": "no such file"}}
        # A Windows that is emulated takes seconds to start each process: one story after the other.
        together = [[name] for name in commands] if sys.platform == "win32" else [list(commands)]
        for names in together:
            cls._tell({name: start(*commands[name], **variables.get(name, {}),
                                   PONTE_LANG="pt" if name == "pt" else "en") for name in names})

    @classmethod
    def _tell(cls, stories: dict[str, subprocess.Popen[str]]) -> None:
        """Waits for the end of these stories, and keeps what they have printed."""
        try:
            for name, told in stories.items():
                out, cls.errors[name] = told.communicate(timeout=STORY_S)
                cls.output[name], cls.codes[name] = out.splitlines(), told.returncode
        finally:
            for told in stories.values():
                told.kill()
                told.communicate()

    def test_every_proof_passes_and_the_exit_code_says_so(self) -> None:
        for language, passed, total in (
                ("en", "PROOF: ✓ PASSED", "6 of 6 proofs passed"),
                ("pt", "PROVA: ✓ PASSOU", "6 de 6 provas passaram")):
            with self.subTest(language):
                text = "\n".join(self.output[language])
                self.assertEqual((0, ""), (self.codes[language], self.errors[language]), text)
                self.assertEqual(STEPS, self.output[language].count(passed), text)
                self.assertIn(total, text)
                self.assertNotIn("✗", text)

    def test_each_step_predicts_shows_and_proves(self) -> None:
        for language, predict, proof in (("en", "PREDICT: ", "PROOF: "),
                                         ("pt", "PREVEJA: ", "PROVA: ")):
            steps = re.split(r"(?m)^\d/6  ", "\n".join(self.output[language]))[1:]
            self.assertEqual(STEPS, len(steps))
            for step in steps:
                with self.subTest(language, step=step.splitlines()[0]):
                    self.assertRegex(step, rf"(?s)^[^\n]+\n{predict}[^\n]*\?\n.*"
                                           r"\n +\+\d+[.,]\d\d s  "
                                           rf".*\n{proof}.*\n  ✓ ")

    def test_the_call_is_stolen_and_then_is_not(self) -> None:
        for language, said, stolen, taken in (
                ("en", "I have your password", "the thief took", "in this step: 0"),
                ("pt", "Tenho a sua senha", "o ladrão pegou", "neste passo: 0")):
            lines = [re.sub(r"^ *(\+\d+[.,]\d\d s)? *", "", line) for line in self.output[language]]
            with self.subTest(language):
                before, after = (lines.index(value) for value in (said, "World"))
                self.assertLess(before, after)
                self.assertEqual(1, sum(line.startswith(stolen) for line in lines))
                self.assertTrue(any(line.endswith(taken) for line in lines[after:]))

    def test_the_restart_of_the_registry_is_told_before_what_it_sees_then(self) -> None:
        for language, restart in (("en", "the registry starts again"),
                                  ("pt", "o registry reinicia")):
            step = re.split(r"(?m)^\d/6  ", "\n".join(self.output[language]))[5]
            with self.subTest(language):
                # It may be up, or back.
                self.assertLess(step.index(restart), step.index("registry: server-1 "), step)

    def test_lines_are_for_a_projector_and_free_of_escape_codes(self) -> None:
        for lines in self.output.values():
            self.assertLessEqual(max(map(len, lines)), 100)
            self.assertNotIn("\x1b", "\n".join(lines))

    def test_a_registry_that_believes_the_thief_fails_the_proof(self) -> None:
        text = "\n".join(self.output["no key"])
        self.assertEqual((1, ""), (self.codes["no key"], self.errors["no key"]), text)
        self.assertIn("✓ PASSED  1", text)
        self.assertIn("✗ FAILED  3", text)
        self.assertIn("✗ forged beats refused", text)
        self.assertIn("beats of server-1 acknowledged: 0", text)
        self.assertRegex(text, r"✗ answers that the thief got in this step: (epoch, )?ack\n")
        self.assertIn("1 of 3 proofs passed", text)

    def test_where_the_port_is_taken_the_story_ends_with_one_line(self) -> None:
        lines = self.output["no port"]
        self.assertEqual((1, ""), (self.codes["no port"], self.errors["no port"]), lines)
        said = " ".join(line.strip() for line in lines)
        self.assertRegex(said, r"FAILED  The story ends here: registry: .*start this story again")

    def test_no_key_is_left(self) -> None:
        for name in ("en", "pt", "no key"):
            with self.subTest(name):
                made = KEY_FILE.search("\n".join(self.output[name]))
                assert made
                self.assertFalse(os.path.exists(os.path.dirname(made[1])), made[1])


@windows_cannot("nobody can press Ctrl-C in the console of another process")
class EndTest(unittest.TestCase):
    def test_ctrl_c_and_a_closed_terminal_leave_no_process_and_no_key(self) -> None:
        # For the type checker, which knows that Windows has no such signals.
        if sys.platform == "win32":
            return
        signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        with_ctrl_c(self, *signals)
        for number, story in [(number, start("-c", WAITING)) for number in signals]:
            with self.subTest(number):
                self._end(story, number)

    def _end(self, story: subprocess.Popen[str], number: int) -> None:
        self.addCleanup(story.communicate)
        self.addCleanup(story.kill)
        assert story.stdout
        made = next(filter(None, map(KEY_FILE.search, story.stdout)), None)
        assert made
        self.assertTrue(os.path.exists(made[1]))
        started = children(story.pid)
        self.assertGreaterEqual(len(started), 2)
        began = time.monotonic()
        story.send_signal(number)
        out, error = story.communicate(timeout=10)
        self.assertLess(time.monotonic() - began, 2.0)
        self.assertEqual((130, ""), (story.returncode, error), out)
        self.assertFalse(started & set(processes()))
        self.assertFalse(os.path.exists(os.path.dirname(made[1])))


if __name__ == "__main__":
    unittest.main()
