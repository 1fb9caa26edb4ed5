"""Known-wrong solutions of the lesson, each with the check that rejects it and its message."""

from __future__ import annotations

from course.wrong import Mutant

_INIT = '''        self.lease_s = lease_s
        self.time = 0.0             # the seconds in which this registry was running
        self.read_at = now          # when this was last counted
'''
_BY_NAME = "        self.heard_at = {}          # by name: the `time` of its last beat\n"
_HEARD = "        self.heard_at[beat.name] = self.running(now)\n"
_TIME = "        time = self.running(now)\n"
_STRANGER = '''        if name not in self.heard_at:
            return GONE
'''
_SILENT = "        silent_s = time - self.heard_at[name]\n"
_IS_GONE = '''        if silent_s > self.lease_s:
            return GONE
'''
_SAYS = "        return SUSPECT if silent_s > self.lease_s / 2 else UP\n"
_STATE = _TIME + _STRANGER + _SILENT + _IS_GONE + _SAYS
_STEP = "        self.time += min(now - self.read_at, TURN_S)\n"
_READ = "        self.read_at = now\n        return self.time\n"
_RUNNING = '''
    def running(self, now):
        """The time of a clock that stands still while this registry is frozen."""
'''

MUTANTS = (
    # One beat, one death.
    Mutant("one_beat_timeout", "silent_s > self.lease_s:", "silent_s > self.lease_s * 0.4:",
           "c1", "gone_too_early"),
    Mutant("suspect_is_gone", _SAYS, _SAYS.replace("SUSPECT if", "GONE if"),
           "c1", "gone_too_early"),
    Mutant("suspects_at_a_third", "self.lease_s / 2 else", "self.lease_s / 3 else",
           "c1", "suspect_too_early"),
    Mutant("never_suspects", _SAYS, "        return UP\n", "c1", "up_for_ever"),
    Mutant("never_buries", _IS_GONE, "", "c1", "suspect_for_ever"),
    Mutant("one_beat_for_all", _SILENT,
           "        silent_s = time - max(self.heard_at.values())\n", "c1", "up_for_ever"),
    Mutant("asking_is_hearing", _SILENT, _SILENT + "        self.heard_at[name] = time\n",
           "c1", "up_for_ever"),
    Mutant("first_beat_counts", _HEARD,
           "        self.heard_at.setdefault(beat.name, self.running(now))\n",
           "c1", "suspect_too_early"),
    Mutant("state_in_the_class", "    def __init__(self, lease_s, now):\n" + _INIT + _BY_NAME,
           "    heard_at = {}\n\n    def __init__(self, lease_s, now):\n" + _INIT,
           "c1", "not_its_own"),
    Mutant("strangers_live", _STRANGER, _STRANGER.replace("GONE", "UP"), "c1", "knows_a_stranger"),
    Mutant("time_zero_is_never", _STRANGER, '''\
        if not self.heard_at.get(name):
            return GONE
''', "c1", "not_trusted_again"),
    Mutant("never_trusts_again", _SAYS, '''\
        self.suspects = getattr(self, "suspects", set())
        if silent_s > self.lease_s / 2:
            self.suspects.add(name)
        return SUSPECT if name in self.suspects else UP
''', "c1", "not_trusted_again"),
    Mutant("real_clock", _READ, "        import time\n        return time.monotonic()\n",
           "c1", "up_for_ever"),
    # It comes back.
    Mutant("gone_for_ever", _IS_GONE, '''\
        self.dead = getattr(self, "dead", set())
        if silent_s > self.lease_s:
            self.dead.add(name)
        if name in self.dead:
            return GONE
''', "c2", "not_trusted_again"),
    Mutant("trusts_at_the_second_beat", _HEARD, '''\
        before = self.heard_at.get(beat.name, now)
        self.heard_at[beat.name] = self.running(now)
        if self.time - before > self.lease_s:
            self.heard_at[beat.name] -= self.lease_s / 2
''', "c2", "not_trusted_again"),
    Mutant("one_length_for_all", "        self.lease_s = lease_s\n", "        self.lease_s = 3.0\n",
           "c2", "suspect_too_early"),
    Mutant("suspects_after_two_seconds", "self.lease_s / 2 else", "1.5 else",
           "c2", "suspect_too_early"),
    # Other clocks.
    Mutant("wall_clock", _HEARD, _HEARD + "        self.heard_at[beat.name] = beat.sent_at\n",
           "c3", "by_another_clock"),
    Mutant("the_older_of_two_clocks", _HEARD,
           "        self.heard_at[beat.name] = min(self.running(now), beat.sent_at)\n",
           "c3", "by_another_clock"),
    Mutant("the_newer_of_two_clocks", _HEARD,
           "        self.heard_at[beat.name] = max(self.running(now), beat.sent_at)\n",
           "c3", "by_another_clock"),
    Mutant("drops_beats_that_seem_old", _HEARD, '''\
        if now - beat.sent_at < self.lease_s:
            self.heard_at[beat.name] = self.running(now)
''', "c3", "by_another_clock"),
    Mutant("newest_by_wall_clock", _HEARD, '''\
        self.sent_at = getattr(self, "sent_at", {})
        if beat.sent_at > self.sent_at.get(beat.name, float("-inf")):
            self.sent_at[beat.name] = beat.sent_at
            self.heard_at[beat.name] = self.running(now)
''', "c3", "by_another_clock"),
    Mutant("the_same_time_is_the_same_beat", _HEARD, '''\
        self.sent_at = getattr(self, "sent_at", {})
        if beat.sent_at != self.sent_at.get(beat.name):
            self.sent_at[beat.name] = beat.sent_at
            self.heard_at[beat.name] = self.running(now)
''', "c3", "by_another_clock"),
    # Time is not the number of calls.
    Mutant("counts_questions_since_a_beat", _SILENT, '''\
        self.asked = getattr(self, "asked", {})
        at, count = self.asked.get(name, (None, 0))
        count = count + 1 if at == self.heard_at[name] else 1
        self.asked[name] = self.heard_at[name], count
        silent_s = count * 0.25
''', "c4", "up_for_ever"),
    Mutant("each_delay_is_a_pause", _STEP,
           "        self.time += min(now - self.read_at, TURN_S / 2)\n", "c4", "up_for_ever"),
    Mutant("three_bad_answers_are_death", _SAYS, '''\
        self.bad = getattr(self, "bad", {})
        self.bad[name] = self.bad.get(name, 0) + 1 if silent_s > self.lease_s / 2 else 0
        if self.bad[name] > self.lease_s * 2:
            return GONE
''' + _SAYS, "c4", "gone_too_early"),
    # Its own pause.
    Mutant("expires_all_after_own_pause", _STEP, "        self.time += now - self.read_at\n",
           "c5", "gone_by_own_pause"),
    Mutant("excuses_long_pauses_only", _STEP, '''\
        step_s = now - self.read_at
        self.time += TURN_S if step_s > self.lease_s else step_s
''', "c5", "suspect_by_own_pause"),
    Mutant("a_pause_counts_as_half_a_lease", _STEP,
           "        self.time += min(now - self.read_at, self.lease_s / 2)\n",
           "c5", "suspect_by_own_pause"),
    Mutant("a_beat_hides_the_pause", _HEARD, '''\
        self.time += now - self.read_at
        self.read_at = now
        self.heard_at[beat.name] = self.time
''', "c5", "gone_by_own_pause"),
    Mutant("a_beat_is_older_than_it_is", _HEARD, "        self.heard_at[beat.name] = self.time\n",
           "c6", "suspect_too_early"),
    Mutant("excuses_the_first_that_is_asked", _TIME, '''\
        step_s, self.read_at = now - self.read_at, now
        self.time += step_s
        if step_s > TURN_S and name in self.heard_at:
            self.heard_at[name] += step_s
        time = self.time
''', "c5", "gone_by_own_pause"),
    Mutant("doubts_all_after_a_pause", _READ, '''\
        if now - self.read_at > TURN_S:
            for name in self.heard_at:
                self.heard_at[name] = min(self.heard_at[name], self.time - self.lease_s * 0.6)
''' + _READ, "c5", "suspect_by_own_pause"),
    Mutant("forgets_all_after_a_pause", _READ, '''\
        if now - self.read_at > TURN_S:
            self.heard_at.clear()
''' + _READ, "c5", "gone_by_own_pause"),
    Mutant("beats_that_waited_do_not_count", _HEARD, '''\
        was = self.read_at
        time = self.running(now)
        self.paused_at = getattr(self, "paused_at", None)
        if now - was > TURN_S:
            self.paused_at = now
        if now != self.paused_at:
            self.heard_at[beat.name] = time
''', "c5", "suspect_too_early"),
    # Pauses and deaths.
    Mutant("pause_counts_for_ever", _SILENT + _IS_GONE + _SAYS + _RUNNING, '''\
        silent_s = time - self.heard_at[name] - getattr(self, "late_s", 0.0)
''' + _IS_GONE + _SAYS + _RUNNING + '''\
        if now - self.read_at > TURN_S:
            self.late_s = getattr(self, "late_s", 0.0) + now - self.read_at - TURN_S
''', "c6", "excused_for_ever"),
    Mutant("never_buries_after_a_pause", _READ, '''\
        if now - self.read_at > TURN_S:
            self.lease_s = float("inf")
''' + _READ, "c6", "excused_for_ever"),
    Mutant("doubles_leases_after_a_pause", _READ, '''\
        if now - self.read_at > TURN_S:
            self.lease_s *= 2
''' + _READ, "c6", "excused_for_ever"),
    Mutant("a_pause_is_a_beat", _READ, '''\
        if now - self.read_at > TURN_S:
            self.heard_at = dict.fromkeys(self.heard_at, self.time)
''' + _READ, "c6", "better_without_a_beat"),
    Mutant("a_lease_of_grace", _STATE, '''\
        step_s = now - self.read_at
        time = self.running(now)
        if step_s > TURN_S:
            self.grace = now + self.lease_s
        if name not in self.heard_at:
            return GONE
        self.said = getattr(self, "said", {})
        if now < getattr(self, "grace", 0):
            return self.said.get(name, UP)
        silent_s = time - self.heard_at[name]
        self.said[name] = (GONE if silent_s > self.lease_s else
                           SUSPECT if silent_s > self.lease_s / 2 else UP)
        return self.said[name]
''', "c6", "excused_for_ever"),
    # Pause after pause.
    Mutant("a_pause_is_a_beat_of_the_living", _READ, '''\
        if now - self.read_at > TURN_S:
            for name, heard_at in self.heard_at.items():
                if self.time - heard_at <= self.lease_s / 2:
                    self.heard_at[name] = self.time
''' + _READ, "c7", "excused_for_ever"),
    Mutant("excuses_one_pause", _STEP, '''\
        step_s = now - self.read_at
        if step_s > TURN_S and not getattr(self, "excused", False):
            self.excused, step_s = True, TURN_S
        self.time += step_s
''', "c7", "gone_by_own_pause"),
    Mutant("excuses_one_pause_a_lease", _STEP, '''\
        step_s = now - self.read_at
        if step_s > TURN_S and now > getattr(self, "excused_at", float("-inf")) + self.lease_s:
            self.excused_at, step_s = now, TURN_S
        self.time += step_s
''', "c7", "gone_by_own_pause"),
    Mutant("a_pause_weighs_a_lost_beat", _STEP, '''\
        step_s = now - self.read_at
        self.time += self.lease_s / 3 if step_s > TURN_S else step_s
''', "c5", "suspect_by_own_pause"),
    Mutant("excuses_pauses_of_a_second", _STEP, '''\
        step_s = now - self.read_at
        self.time += step_s if step_s <= 2 * TURN_S else TURN_S
''', "c7", "suspect_by_own_pause"),
)
