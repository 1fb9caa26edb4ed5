"""x."""

from __future__ import annotations

from tests.hosts.tell import Story

STORIES: list[Story] = []
