"""Histograms, and the Prometheus text format."""

from __future__ import annotations

import math
import unittest

from ponte.process.measures import (
    BOUNDS_S,
    COUNTER,
    GAUGE,
    HISTOGRAM,
    Durations,
    Family,
    Status,
    labelled,
    number,
    shown_durations,
    write,
)
from tests.exposition import read


class Histograms(unittest.TestCase):
    """How long calls took."""

    def test_a_duration_counts_for_every_bound_that_is_not_shorter(self) -> None:
        """Also for the one that it just reaches; a longer one than all counts for +Inf only."""
        for took_s, not_within in ((0.0, 0), (0.0005, 0), (0.00051, 1), (0.001, 1), (10.0, 13),
                                   (10.1, 14), (math.inf, 14)):
            durations = Durations()
            durations.note("hello", took_s)
            shown = shown_durations(durations.copy())["hello"]
            self.assertEqual([*shown["within_s"].values()],
                             [0] * not_within + [1] * (len(BOUNDS_S) + 1 - not_within), took_s)
            self.assertEqual([*shown["within_s"]][-1], "+Inf")

    def test_each_name_has_its_own(self) -> None:
        """With a count and a sum in seconds."""
        durations = Durations()
        for name, took_s in (("a", 0.25), ("a", 0.5), ("b", 2.0)):
            durations.note(name, took_s)
        found = {name: (shown["count"], shown["sum_s"])
                 for name, shown in shown_durations(durations.copy()).items()}
        self.assertEqual(found, {"a": (2, 0.75), "b": (1, 2.0)})

    def test_a_copy_stays_as_it_is(self) -> None:
        """It is read without the lock that guards the original."""
        durations = Durations()
        durations.note("a", 1.0)
        copied = durations.copy()
        durations.note("a", 1.0)
        self.assertEqual(shown_durations(copied)["a"]["count"], 1)


class Format(unittest.TestCase):
    """What is written, as a strict reader understands it."""

    def test_every_family_has_its_help_and_its_type(self) -> None:
        """Also one that has no sample yet."""
        text = write([Family("a_total", COUNTER, "Some \\ text\nof two lines.", lambda _: ()),
                      Family("c", GAUGE, "C.", number("c"))], {"c": True})
        self.assertEqual(text, "# HELP a_total Some \\\\ text\\nof two lines.\n"
                               "# TYPE a_total counter\n"
                               "# HELP c C.\n# TYPE c gauge\nc 1\n")
        read(text)

    def test_values_of_labels_are_escaped(self) -> None:
        """Whatever text it is, a reader reads the same."""
        for value in ("plain", 'a "quoted" one', "back\\slash", "two\nlines", "\\n", "", "{}", "ü",
                      'x",b="y'):
            family = Family("a", GAUGE, "A.", labelled("name", "values"))
            text = write([family], {"values": {value: 2}})
            self.assertEqual(read(text)["a"].value(name=value), 2)

    def test_no_sample_comes_twice(self) -> None:
        """A reader would refuse the whole page. The last one stands."""
        family = Family("a", GAUGE, "A.", lambda _: [({"name": "x"}, 1), ({"name": "x"}, 2)])
        self.assertEqual(read(write([family], {}))["a"].value(name="x"), 2)

    def test_a_histogram_has_buckets_a_sum_and_a_count(self) -> None:
        durations = Durations()
        for took_s in (0.002, 0.2, 20.0):
            durations.note("hello", took_s)
        shown = shown_durations(durations.copy())["hello"]
        family = Family("took_seconds", HISTOGRAM, "T.", number("took"))
        by_method = Family("took_seconds", HISTOGRAM, "T.", labelled("method", "all"))
        status: Status = {"took": shown, "all": {"hello": shown}}
        for each, pairs in ((family, ()), (by_method, (("method", "hello"),))):
            found = read(write([each], status))["took_seconds"].samples
            self.assertEqual(found["_count", pairs], 3)
            self.assertAlmostEqual(found["_sum", pairs], 20.202)
            self.assertEqual(found["_bucket", (("le", "0.0025"), *pairs)], 1)
            self.assertEqual(len(found), len(BOUNDS_S) + 3)


class Reader(unittest.TestCase):
    """The strict reader itself."""

    def test_it_refuses_what_promtool_refuses_or_warns_of(self) -> None:
        good = "# HELP a A.\n# TYPE a gauge\na 1\n"
        read(good)
        for wrong in ("a 1\n", "# TYPE a gauge\na 1\n", "# HELP a \n# TYPE a gauge\na 1\n",
                      good[:-1], good + "a 2\n", good + good, good + "b 1\n",
                      good.replace("gauge", "counter"), good.replace("a 1", 'a{b="x} 1'),
                      good.replace("a 1", 'a{b="x",} 1'), good.replace("a 1", 'a{b="x\\t"} 1'),
                      good.replace("a 1", "a one"), good.replace("a 1", "a  1"),
                      good.replace(" a", " a_total").replace("\na", "\na_total"),
                      good.replace(" a", " a_count").replace("\na", "\na_count"),
                      good.replace(" a", " a_ms").replace("\na", "\na_ms"),
                      good.replace("gauge", "histogram"),
                      good + "\n"):
            with self.subTest(wrong), self.assertRaises(ValueError):
                read(wrong)


if __name__ == "__main__":
    unittest.main()
