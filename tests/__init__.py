"""All tests: `python3 -m unittest`. One module: `python3 -m unittest tests.net.test_pool`.

Those that take long are left out: `python3 -m tests.long`.
"""

from __future__ import annotations

import logging
import os
import unittest

from tests.side_by_side import flat, side_by_side

# The tests start a hundred processes. Without compiled files, each of them would compile all of
# Ponte, which takes a fifth of the time of its test.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# The person who runs the tests may have a key. The processes of the tests do not use it.
os.environ.pop("PONTE_KEY_FILE", None)
# Many functions of the tests raise, on purpose. Their tracebacks would fill the screen.
logging.getLogger("ponte.rpc").addHandler(logging.NullHandler())

# Modules whose tests start many processes, play thousands of calls, or run in Node. The suite keeps
# a test of each promise: the demo in tests.system kills, freezes and loses replies. A lesson has
# its verdicts in tests.course.test_lessons, and a part of interop/ its unit tests.
LONG = frozenset((
    "tests.abuse.test_smuggling", "tests.bench.test_crowd", "tests.bench.test_scale",
    "tests.course.test_cheats", "tests.course.test_failure_detectors",
    "tests.course.test_leases",
    "tests.course.test_load_balancing", "tests.course.test_logical_clocks",
    "tests.course.test_quorum", "tests.course.test_retries", "tests.course.test_rpc",
    "tests.dashboard.test_page_scripts", "tests.discovery.test_two_of_one_name",
    "tests.lab.test_explore", "tests.system.test_archive", "tests.system.test_attack",
    "tests.system.test_chaos", "tests.system.test_class", "tests.system.test_consul",
    "tests.system.test_cuts", "tests.system.test_ddns", "tests.system.test_dns",
    "tests.system.test_engines", "tests.system.test_failures", "tests.system.test_floods",
    "tests.system.test_fork_roles", "tests.system.test_grpc", "tests.system.test_hosts",
    "tests.system.test_many_clients", "tests.system.test_observe", "tests.system.test_output",
    "tests.system.test_page",
    "tests.system.test_page_laboratory", "tests.system.test_page_story",
    "tests.system.test_security_lab", "tests.system.test_sidecar", "tests.system.test_stories",
    "tests.system.test_story",
    "tests.system.test_unknown", "tests.terminals.test_counters", "tests.terminals.test_pages",
    "tests.test_simulation"))


def load_tests(loader: unittest.TestLoader, tests: unittest.TestSuite,
               pattern: str | None) -> unittest.TestSuite:
    """Called by unittest: how the tests of this package are found and run."""
    found = loader.discover(os.path.dirname(__file__), pattern or "test*.py")
    return side_by_side(unittest.TestSuite(
        test for test in flat(found) if type(test).__module__ not in LONG))
