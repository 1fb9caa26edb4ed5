"""The demo and the roles in real terminals:  python3 -m tests.terminals

The words after it choose tests, as those of unittest do: python3 -m tests.terminals -k pane
"""

from __future__ import annotations

import sys
import unittest

if sys.platform == "win32":
    sys.exit("Windows has no pseudo-terminals")

MODULES = ("tests.terminals.panes", "tests.terminals.stories")

if __name__ == "__main__":
    unittest.main(module=None, argv=[sys.argv[0], *sys.argv[1:], *MODULES])
