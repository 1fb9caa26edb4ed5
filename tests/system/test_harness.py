"""The harness itself: a process that is frozen, whatever it does at that moment."""

from __future__ import annotations

import signal
import unittest

from tests.system.cluster import SystemTest
from tests.system.harness import START_S
from tests.windows import windows_cannot


class Frozen(SystemTest):
    @windows_cannot("each freeze needs a thaw of its own")
    def test_a_process_that_stands_already_is_frozen_at_once(self) -> None:
        registry = self.cluster.start_registry()
        registry.freeze()
        registry.freeze()
        registry.thaw()
        registry.stop()
        self.assertEqual(registry.wait(START_S), 0)

    @windows_cannot("it has no SIGKILL")
    def test_a_process_that_dies_at_that_moment_keeps_its_exit_code(self) -> None:
        registry = self.cluster.start_registry()
        # For the type checker, which knows that Windows has no such signal.
        number = getattr(signal, "SIGKILL", 0)
        registry.signal(number)
        registry.freeze()
        self.assertEqual(registry.wait(START_S), -number)
        # Nor does it harm that nobody is there.
        registry.freeze()


if __name__ == "__main__":
    unittest.main()
