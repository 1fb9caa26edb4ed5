"""What a check tells: a line as soon as something was seen, and a figure for the table at the end.

docs/interop.md quotes the figures.
"""

from __future__ import annotations

FIGURES: list[tuple[str, str]] = []


def told(name: str, what: str) -> None:
    """Says that a check has seen a promise kept by the peer of that name."""
    print(f"ok      {name:14} {what}", flush=True)


def figure(name: str, value: str) -> None:
    """Notes what a check has measured, with its unit."""
    FIGURES.append((name, value))


def print_figures() -> None:
    if FIGURES:
        width = max(len(name) for name, _ in FIGURES)
        print("\nMeasured:")
        for name, value in FIGURES:
            print(f"  {name:{width}}  {value}")
