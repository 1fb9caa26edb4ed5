"""A strict reader of the Prometheus text format 0.0.4: what `promtool check metrics` refuses or
warns of, and more, is a ValueError.

The rules: https://prometheus.io/docs/instrumenting/exposition_formats/ and the linter of promtool,
https://github.com/prometheus/client_golang/tree/main/prometheus/testutil/promlint
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

NAME = re.compile(r"[a-z][a-z0-9_]*")
LABEL = re.compile(r'([a-z][a-z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,(?!$)|$)')
LINE = re.compile(r'([a-zA-Z0-9_]+)(?:\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\})? (\S+)')
VALUE = re.compile(r"[+-]?(Inf|NaN|\d+(\.\d+)?(e[+-]?\d+)?)")
# Units that have a base unit, and what no name may hold or end with.
NOT_BASE = ("milliseconds", "microseconds", "minutes", "hours", "kilobytes", "megabytes", "percent")
SHORT = ("s", "ms", "us", "ns", "sec", "secs", "b", "kb", "mb")
RESERVED = ("count", "sum", "bucket")

Labels = tuple[tuple[str, str], ...]


class Read(NamedTuple):
    """A family: `samples` by their names' endings ("" outside of histograms) and labels."""

    kind: str
    help: str
    samples: dict[tuple[str, Labels], float]

    def value(self, **labels: str) -> float:
        """The sample with these labels. Raises KeyError if there is none."""
        return self.samples["", tuple(sorted(labels.items()))]


def read(text: str) -> dict[str, Read]:
    """The families of a page, by name. Raises ValueError for what breaks a rule."""
    _expect(text.endswith("\n"), "the last line does not end")
    families: dict[str, Read] = {}
    name, help_text = "", ""
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            name, _, help_text = line[7:].partition(" ")
            _expect(bool(help_text) and name not in families, f"{name}: no or a second HELP")
        elif line.startswith("# TYPE "):
            typed, _, kind = line[7:].partition(" ")
            _expect(typed == name and name not in families, f"{typed}: TYPE without its HELP")
            _check_name(name, kind)
            families[name] = Read(kind, help_text, {})
        else:
            _expect(name in families, f"a sample before its TYPE: {line}")
            _take(line, name, families[name])
    for name, family in families.items():
        if family.kind == "histogram":
            _check_histogram(name, family)
    return families


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)


def _check_name(name: str, kind: str) -> None:
    words = name.split("_")
    _expect(bool(NAME.fullmatch(name)), f"{name}: a bad name")
    _expect(kind in ("counter", "gauge", "histogram"), f"{name}: no type {kind}")
    _expect((kind == "counter") == (words[-1] == "total"), f"{name}: _total is for counters")
    _expect(words[-1] not in RESERVED, f"{name}: the ending of a histogram's samples")
    _expect(not set(words) & {*NOT_BASE, "counter", "gauge", "histogram", "summary"},
            f"{name}: a type, or a unit that is not a base unit")
    _expect(words[-1] not in SHORT, f"{name}: an abbreviated unit")
    _expect("duration" not in words or words[-1] == "seconds", f"{name}: no unit")


def _take(line: str, name: str, family: Read) -> None:
    """Takes a sample, which must be of this family."""
    found = LINE.fullmatch(line)
    if not found:
        raise ValueError(f"no sample: {line}")
    sample, labels, value = found.groups()
    endings = [f"_{word}" for word in RESERVED] if family.kind == "histogram" else [""]
    ending = sample[len(name):]
    _expect(sample.startswith(name) and ending in endings, f"not of the family {name}: {line}")
    _expect(bool(VALUE.fullmatch(value)), f"no number: {line}")
    key = ending, _labels(labels or "", line)
    _expect(key not in family.samples, f"twice: {line}")
    family.samples[key] = float(value)
    _expect(family.kind != "counter" or family.samples[key] >= 0, f"a counter below 0: {line}")


def _labels(text: str, line: str) -> Labels:
    pairs, at = [], 0
    while at < len(text):
        found = LABEL.match(text, at)
        if not found:
            raise ValueError(f"bad labels: {line}")
        raw = found.group(2)
        pairs.append((found.group(1), re.sub(
            r"\\(.)", lambda match: {"n": "\n"}.get(match.group(1), match.group(1)), raw)))
        at = found.end()
    _expect(len(dict(pairs)) == len(pairs), f"a label twice: {line}")
    return tuple(sorted(pairs))


def _check_histogram(name: str, family: Read) -> None:
    """Each has a sum and a count; its buckets grow up to +Inf, which is the count."""
    buckets: dict[Labels, list[tuple[float, float]]] = {}
    for (ending, labels), value in family.samples.items():
        if ending == "_bucket":
            rest = tuple(pair for pair in labels if pair[0] != "le")
            buckets.setdefault(rest, []).append((float(dict(labels)["le"]), value))
    counts = {labels for ending, labels in family.samples if ending == "_count"}
    sums = {labels for ending, labels in family.samples if ending == "_sum"}
    _expect(counts == sums == set(buckets), f"{name}: a sum, a count or buckets are missing")
    for labels, found in buckets.items():
        _expect(_grows(found), f"{name}{labels}: buckets that do not grow")
        _expect(found[-1] == (math.inf, family.samples["_count", labels]),
                f"{name}{labels}: +Inf is not the count")


def _grows(buckets: Sequence[tuple[float, float]]) -> bool:
    return all(one[0] < two[0] and one[1] <= two[1] for one, two in zip(buckets, buckets[1:]))
