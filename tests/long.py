"""The tests that take long: they run by this command, and so `python3 -m unittest` stays short.

    python3 -m tests.long

Each of them starts many processes, and waits for leases that expire or for calls that time out; or
plays thousands of calls. One module of them runs by its name, as any other:

    python3 -m unittest tests.system.test_cuts
"""

from __future__ import annotations

import sys
import unittest

from tests import LONG
from tests.side_by_side import side_by_side


def main() -> int:
    """Runs the tests. The exit code is 1 if one has failed."""
    found = unittest.defaultTestLoader.loadTestsFromNames(sorted(LONG))
    return int(not unittest.TextTestRunner().run(side_by_side(found)).wasSuccessful())


if __name__ == "__main__":
    sys.exit(main())
