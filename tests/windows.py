"""How a test says by name that it cannot run on Windows, or that only Wine cannot run it.

Windows' own Python also runs under Wine (https://www.winehq.org), on Linux. The tests run there in
CI. A test that fails there, but would pass on Windows, has found a limit of Wine: `not_under_wine`
names it. Fewer than ten tests may be skipped so. CI knows them by how their reasons begin, and
takes no reason that begins in words of its own (REASONS in .ci/suite.py).
"""

from __future__ import annotations

import sys
import unittest
from typing import Any, Callable, TypeVar

if sys.platform == "win32":
    import ctypes

# A test method or a class of tests.
T = TypeVar("T", bound=Callable[..., Any])


def _under_wine() -> bool:
    """Whether this Windows is Wine: only Wine's ntdll has this function."""
    if sys.platform == "win32":
        return hasattr(ctypes.windll.ntdll, "wine_get_version")
    return False


WINE = _under_wine()


def not_under_wine(why: str) -> Callable[[T], T]:
    """Decorates a test, or a class of tests, that Windows can run and Wine cannot: says why."""
    return unittest.skipIf(WINE, f"not under Wine: {why}")


def windows_cannot(why: str) -> Callable[[T], T]:
    """Decorates a test, or a class of tests, of what Windows does not have: says why."""
    return unittest.skipIf(sys.platform == "win32", f"not on Windows: {why}")
