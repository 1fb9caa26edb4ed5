"""All tests: `python3 -m unittest`. One module of them: `python3 -m unittest tests.test_wire`."""

from __future__ import annotations

import os
import unittest

from tests.side_by_side import side_by_side

# A hundred processes that compile all of Ponte anew, each for itself, take a fifth of their time for it.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
os.environ.pop("PONTE_KEY_FILE", None)      # whoever runs the tests may have a key: theirs do not count on it


def load_tests(loader: unittest.TestLoader, tests: unittest.TestSuite, pattern: str | None) -> unittest.TestSuite:
    """The protocol of unittest by which a package says how its tests are found and run."""
    return side_by_side(loader.discover(os.path.dirname(__file__), pattern or "test*.py"))
