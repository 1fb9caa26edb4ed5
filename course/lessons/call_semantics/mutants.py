"""Known-wrong solutions of the lesson, each with the check that rejects it and its message."""

from __future__ import annotations

from course.wrong import Mutant

_UNKNOWN_SESSION = '''        if session is None:
            return UNKNOWN if is_repeat else REFUSE
'''
_BELOW = '''        if number < session.oldest:
            return NEVER
'''
_KEPT = '''        if number in session.replies:
            return session.replies[number]
'''
_RUNNING = '''        if number in session.running:
            return WAIT
'''
_OLDEST = "        session.oldest = max(session.oldest, oldest)\n"
_FORGETS = '''        for ended in [n for n in session.replies if n < session.oldest]:
            del session.replies[ended]
'''
_SESSION = '''\
class Session:
    def __init__(self):
        self.oldest = 1         # numbers below it have ended
        self.running = set()
        self.replies = {}       # by number
'''
_EMPTY = '''    def __init__(self, new_id):
        self.new_id = new_id    # makes an id that no session of any life ever had
        self.sessions = {}
'''

MUTANTS = (
    Mutant("remembers_nothing", _KEPT, "", "c1", "ran_twice"),
    Mutant("keeps_no_replies", "            session.replies[number] = reply\n",
           "            pass\n", "c1", "ran_twice"),
    Mutant("refuses_repeats", _KEPT, '''        if number in session.replies:
            return REFUSE
''', "c1", "refused_though_it_ran"),
    Mutant("repeats_never_run", "        session.running.add(number)\n", '''        if is_repeat:
            return UNKNOWN
        session.running.add(number)
''', "c1", "unknown_though_it_is_known"),
    Mutant("answers_before_the_end", _RUNNING, "", "c2", "ran_twice"),
    Mutant("does_not_wait", _RUNNING, '''        if number in session.running:
            return NEVER
''', "c3", "has_not_ended"),
    Mutant("answers_from_memory_once", _KEPT, '''        if number in session.replies:
            reply, session.replies[number] = session.replies[number], NEVER
            return reply
''', "c5", "has_not_ended"),
    Mutant("running_is_unknown", _RUNNING, '''        if number in session.running:
            return UNKNOWN
''', "c2", "unknown_though_it_is_known"),
    Mutant("late_original_is_new", _BELOW, "", "c4", "ran_twice"),
    Mutant("forgets_by_age", _SESSION, '''\
import time


class Young(dict):
    def __init__(self):
        self.since = {}

    def __setitem__(self, number, reply):
        super().__setitem__(number, reply)
        self.since[number] = time.monotonic()

    def __contains__(self, number):
        return super().__contains__(number) and time.monotonic() < self.since[number] + 30


''' + _SESSION.replace("{} ", "Young()"), "c4", "ran_twice"),
    Mutant("forgets_at_once", _BELOW, '''        if number < session.oldest - 1:
            return NEVER
''', "c4", "ran_twice"),
    Mutant("oldest_is_not_read", _OLDEST, "", "c1", "keeps_old_replies"),
    Mutant("never_forgets", _FORGETS, "", "c1", "keeps_old_replies"),
    Mutant("runs_an_unknown_session", _UNKNOWN_SESSION, '''        if session is None:
            session = self.sessions[name] = Session()
''', "c5", "ran_twice"),
    Mutant("refuses_unknown_repeats", "            return UNKNOWN if is_repeat else REFUSE\n",
           "            return REFUSE\n", "c5", "refused_though_it_ran"),
    Mutant("one_session_for_all",
           "        name = self.new_id()\n        self.sessions[name] = Session()\n",
           '''        name = "all"
        self.sessions.setdefault(name, Session())
''', "c5", "id_was_used"),
    Mutant("one_open_session_closes_the_others", "        self.sessions[name] = Session()\n",
           "        self.sessions = {name: Session()}\n", "c6", "not_prompt"),
    Mutant("refuses_while_it_runs", _RUNNING, '''        if number in session.running:
            return REFUSE
''', "c2", "refused_though_it_ran"),
    Mutant("keeps_what_nobody_needs", "        if number >= session.oldest:\n            ",
           "        ", "c8", "keeps_old_replies"),
    Mutant("forgets_what_runs", "        session.running.discard(number)\n",
           "        session.running.clear()\n", "c7", "ran_twice"),
    Mutant("zero_is_no_reply", "        if number in session.replies:\n",
           "        if session.replies.get(number):\n", "c1", "zero_is_a_reply"),
    Mutant("late_copy_waits", _KEPT, '''        if number in session.replies:
            return session.replies[number] if is_repeat else WAIT
''', "c4", "waits_for_nothing"),
    Mutant("ended_is_unknown", _BELOW, _BELOW.replace("NEVER", "UNKNOWN"), "c4", "ended_is_never"),
    Mutant("memories_share", _EMPTY, '''    sessions = {}

    def __init__(self, new_id):
        self.new_id = new_id    # makes an id that no session of any life ever had
''', "c5", "knows_an_earlier_life"),
    Mutant("first_attempts_open_a_session", _UNKNOWN_SESSION, '''        if session is None:
            if is_repeat:
                return UNKNOWN
            session = self.sessions[name] = Session()
''', "c9", "ran_twice"),
    Mutant("refused_session_is_known", _UNKNOWN_SESSION, '''        if session is None:
            self.sessions[name] = Session()
''' + _UNKNOWN_SESSION.split("\n", 1)[1], "c9", "ran_twice"),
    Mutant("only_the_oldest_is_unknown", "UNKNOWN if is_repeat else REFUSE",
           "UNKNOWN if is_repeat and number == oldest else REFUSE", "c9", "refused_though_it_ran"),
    Mutant("all_is_unknown_after_a_restart", "UNKNOWN if is_repeat else REFUSE", "UNKNOWN",
           "c5", "cannot_have_run"),
    Mutant("one_caller_ends_the_others", _FORGETS, '''        for each in self.sessions.values():
            each.replies = {n: reply for n, reply in each.replies.items() if n >= oldest}
''', "c6", "ran_twice"),
    Mutant("keeps_ten_replies", "            session.replies[number] = reply\n",
           '''            session.replies[number] = reply
            if len(session.replies) > 10:
                del session.replies[min(session.replies)]
''', "c10", "ran_twice"),
    Mutant("forgets_below_this_number", "[n for n in session.replies if n < session.oldest]",
           "[n for n in session.replies if n < number]", "c7", "ran_twice"),
    Mutant("never_of_an_unknown_session", _UNKNOWN_SESSION, '''        if session is None:
            return UNKNOWN if is_repeat else NEVER
''', "c5", "session_is_not_known"),
    Mutant("a_new_session_forgets_what_runs", "        self.sessions[name] = Session()\n", '''\
        for session in self.sessions.values():
            session.running.clear()
        self.sessions[name] = Session()
''', "c6", "ran_twice"),
    Mutant("a_new_session_forgets_replies", "        self.sessions[name] = Session()\n", '''\
        for session in self.sessions.values():
            session.replies.clear()
        self.sessions[name] = Session()
''', "c6", "ran_twice"),
    Mutant("two_sessions_at_most", "        self.sessions[name] = Session()\n",
           '''        self.sessions[name] = Session()
        if len(self.sessions) > 2:
            del self.sessions[min(self.sessions)]
''', "c10", "not_prompt"),
    Mutant("ids_of_its_own", "        name = self.new_id()\n",
           "        name = f\"s{len(self.sessions)}\"\n", "c5", "id_was_used"),
    Mutant("a_new_session_ends_the_doubt", "UNKNOWN if is_repeat else REFUSE",
           "UNKNOWN if is_repeat and not self.sessions else REFUSE", "c9", "refused_though_it_ran"),
    Mutant("name_and_number_are_glued", _RUNNING, '''\
        running = {f"{each}{n}" for each in self.sessions for n in self.sessions[each].running}
        if f"{name}{number}" in running:
            return WAIT
''', "c10", "waits_for_nothing"),
    Mutant("forgets_up_to_a_gap", _FORGETS, '''\
        lowest = getattr(session, "lowest", 1)
        while lowest < session.oldest and lowest in session.replies:
            del session.replies[lowest]
            lowest += 1
        session.lowest = lowest
''', "c8", "keeps_old_replies"),
    Mutant("same_numbers_of_two_sessions", "UNKNOWN if is_repeat else REFUSE", '''\
UNKNOWN if is_repeat and not any(
                number in each.replies for each in self.sessions.values()) else REFUSE''',
           "c9", "refused_though_it_ran"),
    Mutant("never_of_an_unknown_repeat", _UNKNOWN_SESSION, '''        if session is None:
            return NEVER if is_repeat else REFUSE
''', "c5", "session_is_not_known"),
)
