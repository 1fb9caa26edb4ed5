"""Measures: histograms of durations, and families of numbers in the Prometheus text format. Pure.

A *family* is all samples of one name. The format 0.0.4 writes it as

    # HELP ponte_server_repeats_total Attempts that got the reply of an earlier one.
    # TYPE ponte_server_repeats_total counter
    ponte_server_repeats_total 3

A counter only grows, and its name ends in _total; a gauge goes up and down. A histogram counts, for
each of some bounds, the durations that were not longer. Two scrapes of it give the share of calls
that took longer than 0.1 s in between. An average would hide them.

https://prometheus.io/docs/instrumenting/exposition_formats/ and .../docs/practices/naming/
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from itertools import accumulate
from typing import Any, Callable, NamedTuple, Union

# Seconds. More bounds tell durations apart better, and each is one more line for each histogram.
BOUNDS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_BOUND_NAMES = (*(f"{bound:g}" for bound in BOUNDS_S), "+Inf")

COUNTER, GAUGE, HISTOGRAM = "counter", "gauge", "histogram"

# What /status shows, and a sample of a family: its labels, and its number or its histogram.
Status = Mapping[str, Any]
Sample = tuple[Mapping[str, str], Union[float, Mapping[str, Any]]]


class Family(NamedTuple):
    """All samples of one name: `read` takes them from the status of a process.

    `kind` is COUNTER, GAUGE or HISTOGRAM; `help` is one sentence for people.
    """

    name: str
    kind: str
    help: str
    read: Callable[[Status], Iterable[Sample]]


class Durations:
    """Histograms of how long calls took, one for each name. Not thread-safe.

    Each name is kept for ever, so a caller must not be able to invent one.

    >>> durations = Durations()
    >>> durations.note("hello", 0.0004)
    >>> durations.note("hello", 0.3)
    >>> shown = shown_durations(durations.copy())["hello"]
    >>> shown["count"], shown["sum_s"], shown["within_s"]["0.25"], shown["within_s"]["0.5"]
    (2, 0.3004, 1, 2)
    """

    def __init__(self) -> None:
        # For each name: the durations by the first bound that is not shorter; at the end, their
        # sum. It is one list, because a call that ends has to find it.
        self._rows: dict[str, list[float]] = {}

    def note(self, name: str, took_s: float) -> None:
        """Counts one call that took so many seconds. It is on the way of every call."""
        row = self._rows.get(name)
        if row is None:
            row = self._rows[name] = [0] * (len(_BOUND_NAMES) + 1)
        row[bisect_left(BOUNDS_S, took_s)] += 1
        row[-1] += took_s

    def copy(self) -> dict[str, list[float]]:
        """Everything as it is now, for `shown_durations`, which needs no lock."""
        return {name: row.copy() for name, row in self._rows.items()}


def shown_durations(copied: Mapping[str, list[float]]) -> dict[str, Any]:
    """Histograms as /status shows them, by name.

    In each, `within_s` has for each bound in seconds the number of calls that took no longer.
    """
    shown: dict[str, Any] = {}
    for name, (*counts, sum_s) in copied.items():
        within = dict(zip(_BOUND_NAMES, accumulate(counts)))
        shown[name] = {"count": within["+Inf"], "sum_s": round(sum_s, 6), "within_s": within}
    return shown


# ---- how a family reads the status ---------------------------------------------------------------

def number(*path: str) -> Callable[[Status], Iterable[Sample]]:
    """Reads the number at this place of the status: one sample without labels."""
    def read(status: Status) -> Iterable[Sample]:
        value: Any = status
        for name in path:
            value = value[name]
        return [({}, value)]
    return read


def labelled(label: str, key: str) -> Callable[[Status], Iterable[Sample]]:
    """Reads a group of numbers: a sample for each, with the number's name as a label."""
    return lambda status: [({label: name}, value) for name, value in status[key].items()]


# ---- the text format -----------------------------------------------------------------------------

def write(families: Iterable[Family], status: Status) -> str:
    r"""These families of a status, in the text format 0.0.4.

    >>> family = Family("ponte_leases", GAUGE, "Leases.", labelled("state", "leases"))
    >>> print(write([family], {"leases": {"up": 2, 'odd"one': 1}}), end="")
    # HELP ponte_leases Leases.
    # TYPE ponte_leases gauge
    ponte_leases{state="up"} 2
    ponte_leases{state="odd\"one"} 1
    """
    lines = []
    for name, kind, text, read in families:
        lines += [f"# HELP {name} {_escaped(text)}", f"# TYPE {name} {kind}"]
        # Of two samples with the same labels, a reader would refuse the whole page.
        samples = {_labels(labels): value for labels, value in read(status)}
        for labels, value in samples.items():
            if isinstance(value, Mapping):
                lines += _histogram(name, labels, value)
            else:
                lines.append(_line(name, labels, value))
    return "".join(f"{line}\n" for line in lines)


def _histogram(name: str, labels: str, shown: Mapping[str, Any]) -> list[str]:
    """The lines of one histogram, as `shown_durations` shows it."""
    comma = "," if labels else ""
    lines = [_line(f"{name}_bucket", f'{labels}{comma}le="{bound}"', count)
             for bound, count in shown["within_s"].items()]
    return [*lines, _line(f"{name}_sum", labels, shown["sum_s"]),
            _line(f"{name}_count", labels, shown["count"])]


def _line(name: str, labels: str, value: float) -> str:
    # `+ 0` makes a number of True and False.
    return f"{name}{{{labels}}} {value + 0!r}" if labels else f"{name} {value + 0!r}"


def _labels(labels: Mapping[str, str]) -> str:
    return ",".join(f'{name}="{_escaped(value, quotes=True)}"' for name, value in labels.items())


def _escaped(text: str, *, quotes: bool = False) -> str:
    """A text that stays in its line; a label's value stands in quotes besides."""
    text = text.replace("\\", r"\\").replace("\n", r"\n")
    return text.replace('"', r"\"") if quotes else text
