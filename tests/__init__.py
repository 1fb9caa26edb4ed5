"""All tests: `python3 -m unittest`. One module: `python3 -m unittest tests.net.test_pool`."""

from __future__ import annotations

import logging
import os
import unittest

from tests.side_by_side import side_by_side

# The tests start a hundred processes. Without compiled files, each of them would compile all of
# Ponte, which takes a fifth of the time of its test.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# The person who runs the tests may have a key. The processes of the tests do not use it.
os.environ.pop("PONTE_KEY_FILE", None)
# Many functions of the tests raise, on purpose. Their tracebacks would fill the screen.
logging.getLogger("ponte.rpc").addHandler(logging.NullHandler())


def load_tests(loader: unittest.TestLoader, tests: unittest.TestSuite,
               pattern: str | None) -> unittest.TestSuite:
    """Called by unittest: how the tests of this package are found and run."""
    return side_by_side(loader.discover(os.path.dirname(__file__), pattern or "test*.py"))
