"""All checks, in the order in which they run."""

from __future__ import annotations

from tests.browser import (
    check_faults,
    check_layout,
    check_pages,
    check_people,
    check_speed,
    check_story,
    check_time,
)
from tests.browser.checks import CHECKS

__all__ = ["CHECKS", "check_faults", "check_layout", "check_pages", "check_people", "check_speed",
           "check_story", "check_time"]
