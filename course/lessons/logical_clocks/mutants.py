"""Known-wrong solutions of the lesson, each with the check that rejects it and its message."""

from __future__ import annotations

from course.wrong import Mutant

_MAX = "        self.time = max(self.time, time)\n"
_LAMPORT_STEP = '''        self.time += 1
        return self.time

    def send(self):
        return self.step()
'''
_LAMPORT_RECEIVE = f'''{_MAX}        return self.step()
'''
_STAMP = "        return dict(self.counts)\n"
_VECTOR_SEND = f'''{_STAMP}
    def send(self):
        return self.step()
'''
_MERGE = '''        for name, count in counts.items():
            self.counts[name] = max(self.counts.get(name, 0), count)
'''
_VECTOR_RECEIVE = f'''{_MERGE}        return self.step()
'''
_KNOWS = "    return all(one.get(name, 0) >= count for name, count in other.items())\n"
_BEFORE = '''    if knows(other, one):
        return BEFORE
'''
_ELSE = "    return AFTER if knows(one, other) else AT_ONCE\n"
_LOG = "    return sorted(events, key=lambda event: (event.time, event.name))\n"

MUTANTS = (
    Mutant("no_max_on_receive", _MAX, "", "c1", "effect_first"),
    Mutant("no_step_on_send", _LAMPORT_STEP, _LAMPORT_STEP.replace("self.step()", "self.time"),
           "c2", "not_later"),
    Mutant("no_step_on_receive", _LAMPORT_RECEIVE, f"{_MAX}        return self.time\n",
           "c1", "effect_first"),
    Mutant("steps_after_the_stamp_of_a_message", _LAMPORT_STEP, _LAMPORT_STEP.replace(
        "        return self.step()\n",
        "        time = self.time\n        self.step()\n        return time\n"), "c2", "not_later"),
    Mutant("takes_over_the_time", _MAX, "        self.time = time\n", "c2", "not_later"),
    Mutant("steps_only_if_it_is_behind", _LAMPORT_RECEIVE, '''        if time >= self.time:
            self.time = time + 1
        return self.time
''', "c2", "not_later"),
    Mutant("one_clock_for_all", "        self.time += 1\n        return self.time\n",
           '''        Lamport.all = self.time = max(self.time, getattr(Lamport, "all", 0)) + 1
        return self.time
''', "c1", "knows_without_a_message"),
    Mutant("ties_undecided", "(event.time, event.name)", "event.time", "c3", "two_logs"),
    Mutant("names_before_times", "(event.time, event.name)", "(event.name, event.time)",
           "c1", "effect_first"),
    Mutant("one_event_a_time", _LOG, '''    by_time = {event.time: event for event in events}
    return [by_time[time] for time in sorted(by_time)]
''', "c3", "not_the_same_events"),
    Mutant("no_merge", _MERGE, "", "c4", "misses_the_cause"),
    Mutant("shared_vector", _STAMP, "        return self.counts\n", "c4", "changes_afterwards"),
    Mutant("no_step_of_the_vector_on_send", _VECTOR_SEND, _VECTOR_SEND.replace(
        "self.step()", "dict(self.counts)"), "c4", "same_stamp"),
    Mutant("counts_are_compared_as_texts", _KNOWS,
           "    return all(str(one.get(name, 0)) >= str(other[name]) for name in other)\n",
           "c5", "turned_round"),
    Mutant("every_entry_must_be_less", _KNOWS, _KNOWS.replace(">=", ">"),
           "c4", "misses_the_cause"),
    Mutant("turned_round", _BEFORE + _ELSE, (_BEFORE + _ELSE).replace("BEFORE", "-").replace(
        "AFTER", "BEFORE").replace("-", "AFTER"), "c4", "turned_round"),
    Mutant("lamport_claims_causality", _KNOWS,
           "    return sum(one.values()) >= sum(other.values())\n", "c5", "claims_a_cause"),
    Mutant("not_before_is_after", _ELSE, "    return AFTER\n", "c5", "claims_a_cause"),
    Mutant("one_entry_is_enough", _KNOWS, _KNOWS.replace("all", "any").replace(">=", ">"),
           "c5", "claims_a_cause"),
    Mutant("adds_up", _MERGE, _MERGE.replace(
        "max(self.counts.get(name, 0), count)", "self.counts.get(name, 0) + count"),
        "c5", "claims_a_cause"),
    Mutant("steps_for_everybody", "        self.counts[self.name] += 1\n",
           '''        for name in self.counts:
            self.counts[name] += 1
''', "c5", "claims_a_cause"),
    Mutant("takes_over_the_vector", _MERGE, "        self.counts.update(counts)\n",
           "c5", "claims_a_cause"),
    Mutant("no_step_for_old_news", _VECTOR_RECEIVE, f'''        if knows(self.counts, counts):
            return dict(self.counts)
{_VECTOR_RECEIVE}''', "c6", "same_stamp"),
    Mutant("merges_only_what_is_newer", _MERGE, '''        if knows(counts, self.counts):
            self.counts = dict(counts)
''', "c5", "misses_the_cause"),
    Mutant("missing_is_incomparable", _KNOWS, f'''    if set(one) != set(other):
        return False
{_KNOWS}''', "c7", "misses_the_cause"),
    Mutant("missing_is_no_matter", _KNOWS,
           "    return all(one[name] >= other[name] for name in one if name in other)\n",
           "c7", "claims_a_cause"),
    Mutant("strangers_are_left_out", _MERGE, '''        for name in self.counts:
            self.counts[name] = max(self.counts[name], counts.get(name, 0))
''', "c7", "misses_the_cause"),
    Mutant("a_receipt_counts_twice", _VECTOR_RECEIVE, f'''{_MERGE}        self.step()
        return self.step()
''', "c7", "miscounts"),
    Mutant("counts_from_one", "dict.fromkeys(names, 0)", "dict.fromkeys(names, 1)",
           "c7", "miscounts"),
    Mutant("forgets_whom_the_message_does_not_know", _MERGE,
           '''        self.counts = {name: max(self.counts.get(name, 0), count)
                       for name, count in counts.items()}
''', "c8", "misses_the_cause"),
)
