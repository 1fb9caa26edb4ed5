"""The attack: what its steps measure, and what becomes of its key. The story: tests/system."""

from __future__ import annotations

import itertools
import os
import unittest
from typing import Any, Callable
from unittest import mock

from classroom import attack, attack_key, attack_scene, cast
from classroom.attack_scene import Loot, datagrams, listed, loot, restart_registry, shown
from classroom.language import Words
from classroom.stage import Stage

REGISTRY = ("127.0.0.1", 4711)


class Scene(unittest.TestCase):
    def setUp(self) -> None:
        self.cast: Any = mock.MagicMock(spec=cast.Cast)
        self.stage: Any = mock.Mock(spec=Stage, cast=self.cast)

    def test_a_thief_is_known_by_the_lines_that_it_prints(self) -> None:
        lines = ["thief: a trap for greeter/server-1 is at 127.0.0.1:1 - stop with Ctrl-C",
                 'thief: beats {"v":1}', "thief: the registry answers: epoch",
                 "thief: took hello('thief: took x')", "thief: the registry answers: nothing",
                 "Traceback (most recent call last):"]
        self.assertEqual(loot(lines), Loot(['{"v":1}'], ["epoch", "nothing"],
                                           ["hello('thief: took x')"]))
        self.assertEqual(loot([]), Loot([], [], []))

    def test_a_server_is_where_lookup_says(self) -> None:
        self.cast.lookup.return_value = {"server-1": {"host": "127.0.0.1", "port": 1}}
        self.assertEqual(listed(self.stage, "server-1"), ("127.0.0.1", 1))
        self.cast.lookup.assert_called_with("greeter")
        self.assertIsNone(listed(self.stage, "server-2", "bank"))
        self.assertEqual((shown(("127.0.0.1", 1)), shown(None)), ("127.0.0.1:1", "-"))

    def test_datagrams_are_counted_by_the_registry(self) -> None:
        """A reason that it never had is not on its page."""
        self.cast["registry"].status.return_value = {"datagrams": {"signature": 7}}
        self.assertEqual(datagrams(self.stage, "signature"), 7)
        self.assertEqual(datagrams(self.stage, "old"), 0)

    def test_a_registry_starts_again_at_its_port(self) -> None:
        self.cast["registry"].address = REGISTRY
        restart_registry(self.stage)
        self.assertEqual([name for name, *_ in self.cast.mock_calls if "__" not in name][-1],
                         "start_registry")
        self.cast["registry"].kill.assert_called_once_with()
        self.cast.start_registry.assert_called_once_with(port=4711)

    def test_where_its_port_is_taken_a_new_story_helps_and_against_nothing_else(self) -> None:
        self.cast["registry"].address = REGISTRY
        self.stage.words = Words("en")
        for reason, helps in (("in use - choose another port with --port", True),
                              ("--key-file lab.key: No such file", False)):
            self.cast.start_registry.side_effect = cast.StartFailed(f"registry: {reason}")
            with self.subTest(reason), self.assertRaises(cast.StartFailed) as failed:
                restart_registry(self.stage)
            self.assertIn(reason, str(failed.exception))
            self.assertEqual("start this story again" in str(failed.exception), helps)

    def test_a_client_is_shown_as_it_was_typed_with_what_it_said(self) -> None:
        self.cast["registry"].address = REGISTRY
        for out, error, said in (("World\n", "", "World"), ("", "NotSent: x\n", "NotSent: x")):
            ran = mock.Mock(stdout=out, stderr=error, returncode=4)
            with self.subTest(said), \
                    mock.patch.object(attack_scene, "run_program", return_value=ran) as run:
                value, code = attack_scene.call_greeter(self.stage, "Hello", "--key-file", "k")
                self.assertEqual((value, code), (out.strip(), 4))
                run.assert_called_once_with("client.py", "greeter", "hello", "Hello", "--key-file",
                                            "k", "--registry", "127.0.0.1:4711")
                self.assertEqual(self.stage.say.call_args.args, (said,))


class Late(unittest.TestCase):
    """What another process prints or counts comes when it comes: a step waits for it."""

    def setUp(self) -> None:
        def until(condition: Callable[[], bool], within_s: float) -> bool:
            return any(condition() for _ in range(9))

        self.stage: Any = mock.MagicMock(spec=Stage, words=Words("en"), news_count=0,
                                         cast=mock.MagicMock(spec=cast.Cast))
        self.stage.until.side_effect = until

    def proofs(self) -> list[bool]:
        """Whether each line of the proof holds."""
        return [each.args[0] for each in self.stage.check.call_args_list]

    def test_what_the_thief_says_of_a_stolen_call(self) -> None:
        took = ["thief: took hello('password')"]
        self.stage.cast["thief"].lines.side_effect = itertools.chain([[], []],
                                                                     itertools.repeat(took))
        with mock.patch.object(attack, "call_greeter",
                               return_value=("I have your password", 0)):
            attack.steal_a_call(self.stage)
        self.assertEqual(self.proofs(), [True, True])

    def test_how_many_recorded_beats_the_registry_has_dropped(self) -> None:
        self.stage.cast["registry"].address = REGISTRY
        with mock.patch.multiple(
                attack_key, restart_registry=mock.DEFAULT, listed=mock.Mock(return_value=None),
                datagrams=mock.Mock(side_effect=itertools.chain([5, 5, 7], itertools.repeat(8))),
                _replay=mock.Mock(side_effect=[[], [attack_key.EPOCH] * 3])):
            attack_key.replay_a_beat(self.stage)
        self.assertEqual(self.proofs(), [True, True])


class Keys(unittest.TestCase):
    def setUp(self) -> None:
        """A cast whose processes are not started."""
        self.registry: Any = mock.Mock(spec=cast.Actor, address=REGISTRY)
        self.registry.await_banner.return_value = self.registry
        patched = mock.patch.object(cast.Cast, "start", return_value=self.registry)
        self.started = patched.start()
        self.addCleanup(patched.stop)
        self.cast = cast.Cast()
        self.addCleanup(self.cast.close)

    def arguments(self) -> list[str]:
        """Those of the process that was started last."""
        return list(self.started.call_args.args[1:])

    def test_every_process_but_the_thief_gets_the_key_from_the_moment_it_is_there(self) -> None:
        registry, address = self.registry, REGISTRY
        for path in ("", "lab.key"):
            self.cast.key_file = path
            self.cast.start_registry()
            given = [self.arguments()]
            self.cast.start_server("server-1", "greeter", address)
            given.append(self.arguments())
            self.cast.start_proxy("proxy-1", registry)
            given.append(self.arguments())
            for arguments in given:
                self.assertEqual("--key-file lab.key" in " ".join(arguments), bool(path))
        self.cast.start_thief("thief", "server-1", "greeter", registry)
        self.assertEqual(self.arguments(), ["-m", "lab.thief", "greeter", "server-1",
                                            "--registry", "127.0.0.1:4711"])
        self.cast.start_thief("thief", "server-1", "greeter", registry, "Tenho a sua")
        self.assertEqual(self.arguments()[-2:], ["--says", "Tenho a sua"])

    def test_the_folder_of_the_key_ends_with_the_cast(self) -> None:
        path = os.path.join(self.cast.folder(), "lab.key")
        self.assertEqual(self.cast.folder(), os.path.dirname(path))
        with open(path, "w", encoding="ascii"):
            pass
        self.cast.close()
        self.assertFalse(os.path.exists(os.path.dirname(path)))


if __name__ == "__main__":
    unittest.main()
