"""Known-wrong solutions of the lesson, each with the check that rejects it and its message."""

from __future__ import annotations

from course.wrong import Mutant

_BOUND = '''        if self.outcome == UNKNOWN and not self.idempotent:
            others = []
'''
_OTHERS = "        others = [place for place in places if place not in self.asked]\n"
_PLACE = "        place = others[0] if others else self.unknown_at\n"
_ENDED = "        if self.outcome == ANSWERED or now >= self.deadline:\n"
_PAYS = "        if self.owes and not (self.tries > 0 and self.budget.spend()):\n"
_PAID = "        self.owes = False\n        others"
_ONCE = "        self.unknown_at = None if place == self.unknown_at else self.unknown_at\n"
_UNKNOWN = "            self.outcome = UNKNOWN\n"
_SETTLE = '''        if outcome == ANSWERED:
            self.outcome = ANSWERED
'''
_EARN = "        self.tokens = min(self.tokens + SHARE, BURST)\n"
_ASKED = "        self.asked = []             # places\n"
_OWES = "        self.owes = False           # the next attempt is a retry\n"
_OUTCOME = "        self.outcome = NOT_SENT     # of the whole call, so far\n"
_TRIES = "        self.deadline, self.tries = deadline, tries\n"
_NONE = "            return None\n"
_SPENDS = '''        if self.tokens < 1:
            return False
        self.tokens -= 1
'''

MUTANTS = (
    Mutant("unknown_goes_elsewhere", _BOUND, "", "c1", "ran_twice"),
    Mutant("lost_is_not_sent", _UNKNOWN, "            self.outcome = NOT_SENT\n",
           "c1", "ran_twice"),
    Mutant("never_repeats", _PLACE, "        place = others[0] if others else None\n",
           "c1", "unknown_though_it_could_be_known"),
    Mutant("budget_begins_empty", "        self.tokens = BURST\n", "        self.tokens = 0\n",
           "c1", "unknown_though_it_could_be_known"),
    Mutant("asks_after_an_answer", _ENDED, "        if now >= self.deadline:\n",
           "c1", "asks_after_an_answer"),
    Mutant("not_sent_gives_up", _OTHERS,
           "        others = [] if self.asked else list(places)\n", "c2", "gave_up"),
    Mutant("asks_where_refused", _OTHERS, "        others = list(places)\n",
           "c2", "asks_again_where_refused"),
    Mutant("not_sent_is_unknown", "        if outcome == UNKNOWN:\n",
           "        if outcome != ANSWERED:\n", "c2", "asks_again_where_refused"),
    Mutant("last_attempt_decides", _SETTLE, "        self.outcome = outcome\n",
           "c3", "ran_twice"),
    Mutant("refused_repeat_is_not_sent", _SETTLE, f'''{_SETTLE}\
        elif outcome == NOT_SENT and self.outcome == UNKNOWN:
            self.outcome, self.tries, self.owes = NOT_SENT, 0, True
''', "c3", "may_have_run"),
    Mutant("repeats_for_ever", _ONCE, "", "c3", "asks_again_where_refused"),
    Mutant("repeats_but_once", "            self.unknown_at = self.asked[-1]\n",
           '''            again = self.asked[-1] in self.asked[:-1]
            self.unknown_at = None if again else self.asked[-1]
''', "c3", "unknown_though_it_could_be_known"),
    Mutant("repeats_to_another_life", _PLACE, _PLACE + '''        if place == self.unknown_at:
            place = next((each for each in places if place and each.name == place.name), place)
''', "c4", "ran_twice"),
    Mutant("a_known_name_is_safe", _BOUND, '''\
        if self.outcome == UNKNOWN and not self.idempotent:
            others = [place for place in others
                      if place.name in [each.name for each in self.asked]]
''', "c4", "ran_twice"),
    Mutant("all_are_repeated", "        if self.outcome == UNKNOWN and not self.idempotent:\n",
           "        if self.outcome == UNKNOWN:\n", "c5", "unknown_though_it_could_be_known"),
    Mutant("alone_is_not_asked_again", _PLACE,
           '''        same = None if self.idempotent else self.unknown_at
        place = others[0] if others else same
''',
           "c5", "unknown_though_it_could_be_known"),
    Mutant("no_deadline", _ENDED, "        if self.outcome == ANSWERED:\n",
           "c6", "asks_after_the_deadline"),
    Mutant("each_hop_counts_anew", _TRIES, "        self.deadline, self.tries = deadline, TRIES\n",
           "c7", "too_many_attempts"),
    Mutant("hands_on_all_tries", "        return place, 1\n", "        return place, self.tries\n",
           "c7", "too_many_attempts"),
    Mutant("hands_on_all_tries_of_what_must_run_once", "        return place, 1\n",
           "        return place, 1 if self.idempotent else self.tries\n",
           "c7", "too_many_attempts"),
    Mutant("counts_nothing", "            self.tries -= 1\n", "            pass\n",
           "c7", "too_many_attempts"),
    Mutant("one_try_more", _PAYS,
           "        if self.owes and not (self.tries >= 0 and self.budget.spend()):\n",
           "c7", "too_many_attempts"),
    Mutant("no_budget", "        self.tokens -= 1\n", "", "c8", "storm"),
    Mutant("each_call_has_a_budget", "        self.budget, self.idempotent = budget, idempotent\n",
           "        self.budget, self.idempotent = Budget(), idempotent\n", "c8", "storm"),
    Mutant("saves_without_a_limit", _EARN, "        self.tokens += SHARE\n", "c8", "storm"),
    Mutant("each_attempt_earns", _PAID, "        self.budget.earn()\n" + _PAID, "c8", "storm"),
    Mutant("fallback_costs_budget", _PAYS,
           "        if self.asked and not (self.tries > 0 and self.budget.spend()):\n",
           "c8", "fallback_needs_no_budget"),
    Mutant("never_earns", _EARN, "        pass\n", "c8", "budget_stays_empty"),
    Mutant("unknown_never_clears", _SETTLE, '''\
        if outcome == ANSWERED and self.outcome == NOT_SENT:
            self.outcome = ANSWERED
''', "c1", "says_another_thing"),
    Mutant("asks_at_the_deadline", _ENDED,
           "        if self.outcome == ANSWERED or now > self.deadline:\n",
           "c6", "asks_after_the_deadline"),
    Mutant("repeats_to_the_first", "            self.unknown_at = self.asked[-1]\n",
           "            self.unknown_at = self.asked[0]\n", "c3", "asks_again_where_refused"),
    Mutant("refusals_are_tries", _ENDED,
           '''        if len(self.asked) == TRIES:
            return None
''' + _ENDED,
           "c2", "gave_up"),
    Mutant("refusal_ends_the_doubt", _SETTLE, _SETTLE + '''        elif outcome == NOT_SENT:
            self.unknown_at = None
''', "c9", "unknown_though_it_could_be_known"),
    Mutant("pays_once", "            self.owes = True\n",
           "            self.owes = self.asked.count(self.asked[-1]) == 1\n",
           "c7", "too_many_attempts"),
    Mutant("late_originals_go_out", _ENDED,
           "        if self.outcome == ANSWERED or (self.asked and now >= self.deadline):\n",
           "c6", "asks_after_the_deadline"),
    Mutant("repeats_are_free", _PAYS, '''\
        if self.owes and not (self.tries > 0 and (not self.idempotent or self.budget.spend())):
''', "c8", "storm"),
    Mutant("retries_elsewhere_are_free", _PAYS, '''\
        if self.owes and not (self.tries > 0 and (self.idempotent or self.budget.spend())):
''', "c8", "storm"),
    Mutant("keeps_the_first_view", _OTHERS, '''\
        self.view = getattr(self, "view", places)
        others = [place for place in self.view if place not in self.asked]
''', "c2", "gave_up"),
    Mutant("another_life_is_the_same_place", _OTHERS, '''\
        names = [place.name for place in self.asked]
        others = [place for place in places if place.name not in names]
''', "c4", "gave_up"),
    Mutant("stays_where_nobody_answers", _PLACE,
           "        place = self.unknown_at or (others[0] if others else None)\n",
           "c5", "stays_with_the_silent_one"),
    Mutant("a_refusal_has_no_deadline", _ENDED, '''\
        is_late = now >= self.deadline and (self.owes or not self.asked)
        if self.outcome == ANSWERED or is_late:
''', "c6", "asks_after_the_deadline"),
    Mutant("gives_all_tries_away", "        return place, 1\n", '''\
        tries, self.tries = self.tries, 1
        return place, tries
''', "c1", "gave_all_tries_away"),
    Mutant("pays_before_it_counts", _PAYS,
           "        if self.owes and not (self.budget.spend() and self.tries > 0):\n",
           "c8", "pays_for_nothing"),
    Mutant("pays_after_the_deadline", _ENDED + _NONE + _PAYS,
           _PAYS + _NONE + _ENDED, "c8", "pays_for_nothing"),
    Mutant("pays_twice", "            self.owes = True\n",
           "            self.owes = self.budget.spend()\n", "c8", "storm"),
    Mutant("a_fraction_pays", _SPENDS, '''\
        if self.tokens <= 0:
            return False
        self.tokens = max(0, self.tokens - 1)
''', "c8", "storm"),
    Mutant("the_last_one_is_kept", _SPENDS, _SPENDS.replace("< 1:", "<= 1:"), "c8", "burst"),
    Mutant("refused_retries_are_paid_again", _SETTLE, _SETTLE + '''\
        elif self.outcome == UNKNOWN:
            self.owes = True
''', "c8", "pays_again"),
    Mutant("keeps_one_more", _EARN, _EARN.replace("BURST", "BURST + 1"), "c8", "keeps_more"),
    Mutant("calls_owe_together", _OWES, '''\
        Call.owes = property(lambda call: call.budget.owes,
                             lambda call, owes: setattr(call.budget, "owes", owes))
''' + _OWES, "c8", "storm"),
    Mutant("refusals_cost", _SETTLE, _SETTLE + '''\
        self.owes = outcome == NOT_SENT
''', "c8", "fallback_needs_no_budget"),
    Mutant("same_object_is_the_same_place", _PLACE, '''\
        again = next((place for place in places if place is self.unknown_at), None)
        place = others[0] if others else again
''', "c1", "unknown_though_it_could_be_known"),
    Mutant("hands_on_the_rest", "        return place, 1\n",
           "        return place, self.tries - 1\n", "c3", "hands_on_nothing"),
    Mutant("asks_three_places", _OTHERS, _OTHERS + '''\
        others = others[:max(0, TRIES - len(self.asked))]
''', "c2", "gave_up"),
    Mutant("calls_share_where_they_asked", _ASKED, "        Call.asked = []\n", "c3", "ran_twice"),
    Mutant("calls_share_their_outcome", _OUTCOME, '''\
        Call.outcome = property(lambda call: call.budget.outcome, lambda call, outcome: setattr(
            call.budget, "outcome", outcome))
''' + _OUTCOME, "c3", "says_another_thing"),
    Mutant("calls_share_their_deadline", _TRIES, '''\
        Call.deadline, self.tries = deadline, tries
''', "c6", "asks_after_the_deadline"),
    Mutant("looks_behind_the_first_after_a_refusal", _OTHERS, '''\
        behind = places[1:] if self.asked and self.outcome == NOT_SENT else places
        others = [place for place in behind if place not in self.asked]
''', "c2", "gave_up"),
    Mutant("another_life_is_the_same_place_if_it_may_run_twice", _OTHERS, '''\
        names = [place.name for place in self.asked if self.idempotent]
        others = [place for place in places
                  if place not in self.asked and place.name not in names]
''', "c5", "unknown_though_it_could_be_known"),
    Mutant("fills_half", _EARN, '''\
        if self.tokens < BURST / 2:
            self.tokens += SHARE
''', "c8", "is_not_full_again"),
    Mutant("no_deadline_if_it_may_run_twice", _ENDED, '''\
        is_late = now >= self.deadline and not self.idempotent
        if self.outcome == ANSWERED or is_late:
''', "c6", "asks_after_the_deadline"),
    Mutant("the_deadline_counts_from_the_first_attempt", _ENDED, '''\
        self.began = getattr(self, "began", now)
        if self.outcome == ANSWERED or now - self.began >= self.deadline:
''', "c6", "asks_after_the_deadline"),
    Mutant("asks_again_after_an_answer_if_it_may_run_twice", _ENDED, '''\
        if self.outcome == ANSWERED and not self.idempotent or now >= self.deadline:
''', "c3", "asks_after_an_answer"),
    Mutant("earns_half", _EARN, _EARN.replace("SHARE", "SHARE / 2"), "c8", "budget_too_small"),
)
