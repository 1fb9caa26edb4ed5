"""Known-wrong solutions of the lesson, each with the check that rejects it and its message."""

from __future__ import annotations

from course.wrong import Mutant

_RECORDS = ("        records = {server: self.records.setdefault(server, Record()) "
            "for server in servers}\n")
_HEALTHY = ("        healthy = [server for server in servers "
            "if records[server].trial_at is None]\n")
_DUE = "               and not records[server].on_trial and now >= records[server].trial_at]\n"
_PICKED = "        picked = min(due or healthy or servers,\n"
_KEY = "key=lambda server: (records[server].calls, records[server].turn))\n"
_TURN = "        self.turn += 1\n"
_STAMP = "        records[picked].turn = self.turn\n"
_COUNT = "        records[picked].calls += 1\n"
_ON_TRIAL = '''        if due:
            records[picked].on_trial = True
'''
_SETTLED = "        record.calls -= 1\n"
_ANSWERED = '''        if answered:
            record.trial_at = None
'''
_FAILED = '''        elif record.trial_at is None or record.on_trial:
            record.trial_at = now + QUARANTINE_S
'''
_LENGTH = "            record.trial_at = now + QUARANTINE_S\n"
_ENDED = "        record.on_trial = False\n"
_PLACE = "        record = self.records[server]\n"
_COUNT_TO_LENGTH = f'''{_COUNT}{_ON_TRIAL}        return picked

    def settle(self, server, answered, now):
        """A call to this server was answered (True), or it failed (False)."""
{_PLACE}{_SETTLED}{_ANSWERED}{_FAILED}'''
_LISTS = '''        if set(servers) != getattr(self, "servers", None):
            self.servers = set(servers)
'''
_INIT = '''\
    def __init__(self):
        self.turn = 0           # how many calls were picked
        self.records = {}       # by server; also of servers that are not in the list now
'''

MUTANTS = (
    Mutant("fastest_wins", _FAILED, "", "c1", "asks_in_quarantine"),
    Mutant("one_quarantine_for_all", _PICKED, '''\
        if len(healthy) < len(servers):
            healthy = []
''' + _PICKED, "c1", "asks_in_quarantine"),
    Mutant("counts_calls_not_seconds", _COUNT, _COUNT + '''\
        for record in records.values():
            record.trial_at = record.trial_at and record.trial_at - QUARANTINE_S / 10
''', "c1", "asks_in_quarantine"),
    Mutant("first_of_the_equals", _STAMP, "", "c2", "not_in_turn"),
    Mutant("turn_by_the_clock", _STAMP, "        records[picked].turn = now\n",
           "c2", "not_in_turn"),
    Mutant("round_robin", _KEY, "key=lambda server: records[server].turn)\n", "c2", "busier"),
    Mutant("most_calls", _KEY, "key=lambda server: (-records[server].calls, "
           "records[server].turn))\n", "c2", "busier"),
    Mutant("answer_not_settled", _SETTLED,
           "        record.calls -= 0 if answered else 1\n", "c2", "busier"),
    Mutant("calls_not_counted", _COUNT, "", "c2", "not_in_turn"),
    Mutant("failure_not_settled", _SETTLED,
           "        record.calls -= 1 if answered else 0\n", "c3", "stays_out"),
    Mutant("quarantine_for_ever", _LENGTH, "            record.trial_at = float('inf')\n",
           "c3", "never_tried"),
    Mutant("trial_does_not_heal", _ANSWERED, '''        if answered:
            pass
''', "c3", "not_in_turn"),
    Mutant("healed_for_ever", _ANSWERED, '''\
        if answered:
            if record.trial_at is not None:
                record.is_healed = True
            record.trial_at = None
        elif hasattr(record, "is_healed"):
            pass
''', "c3", "asks_in_quarantine"),
    Mutant("recovers_as_the_busiest", _ANSWERED, '''        if answered:
            record.calls += 4 if record.trial_at is not None else 0
            record.trial_at = None
''', "c3", "stays_out"),
    Mutant("all_try_at_once", _ON_TRIAL, "", "c4", "two_trials"),
    Mutant("trial_with_the_crowd", _HEALTHY, '''\
        healthy = [server for server in servers
                   if records[server].trial_at is None or now >= records[server].trial_at]
''', "c4", "two_trials"),
    Mutant("failed_trial_heals", _FAILED, '''        elif record.on_trial:
            record.trial_at = None
        elif record.trial_at is None:
            record.trial_at = now + QUARANTINE_S
''', "c5", "failed_trial"),
    Mutant("tries_until_it_works", _FAILED, '''        elif record.trial_at is None:
            record.trial_at = now + QUARANTINE_S
''', "c5", "failed_trial"),
    Mutant("only_one_trial", _ENDED, '''        if answered:
            record.on_trial = False
''', "c5", "never_tried"),
    Mutant("third_time_is_the_last", _LENGTH, '''\
            record.failures = getattr(record, "failures", 0) + 1
            record.trial_at = now + QUARANTINE_S * (1 if record.failures < 3 else 100)
''', "c5", "never_tried"),
    Mutant("turn_restarts_with_view", _RECORDS, _RECORDS + _LISTS + '''\
            for record in records.values():
                record.turn = 0
''', "c6", "starves"),
    Mutant("fewest_in_all", _STAMP, "        records[picked].turn += 1\n", "c3", "not_in_turn"),
    Mutant("forgets_on_update", _RECORDS, _LISTS + '''\
            self.records = {server: Record() for server in servers}
''' + _RECORDS, "c6", "forgotten_quarantine"),
    Mutant("counts_only_since_the_update", _RECORDS, _RECORDS + _LISTS + '''\
            for record in records.values():
                record.calls = 0
''', "c6", "busier"),
    Mutant("four_are_many", _KEY, "key=lambda server: (min(4, records[server].calls), "
           "records[server].turn))\n", "c6", "busier"),
    Mutant("asks_who_has_left", _RECORDS, _RECORDS + '''\
        servers, records = list(self.records), self.records
''', "c6", "not_listed"),
    Mutant("keeps_the_first_list", _RECORDS, '''\
        servers = self.servers = getattr(self, "servers", servers)
''' + _RECORDS, "c6", "not_listed"),
    Mutant("forgets_who_is_away", _RECORDS, '''\
        from collections import defaultdict
        known = {server: self.records[server] for server in servers if server in self.records}
        self.records = defaultdict(Record, known)
''' + _RECORDS, "c6", "forgotten_quarantine"),
    Mutant("knows_names_not_lives", _RECORDS, '''\
        for server in servers:
            twins = [self.records[old] for old in self.records if old.name == server.name]
            self.records.setdefault(server, twins[0] if twins else Record())
''' + _RECORDS, "c6", "old_life_blamed"),
    Mutant("nobody_is_healthy_nobody_is_picked", _PICKED, '''\
        if not (due or healthy):
            return None
''' + _PICKED, "c7", "no_answer"),
    Mutant("alone_is_healthy", _HEALTHY, '''\
        if len(servers) == 1:
            records[servers[0]].trial_at = None
''' + _HEALTHY, "c7", "forgotten_quarantine"),
    Mutant("picked_is_healthy", _TURN, '''\
        if not (due or healthy):
            records[picked].trial_at = None
''' + _TURN, "c7", "forgotten_quarantine"),
    Mutant("all_due_are_tried_by_one", _ON_TRIAL, '''\
        for server in due:
            records[server].on_trial = True
''', "c7", "never_tried"),
    Mutant("one_trial_for_all_servers", _PICKED, '''\
        if any(record.on_trial for record in self.records.values()):
            due = []
''' + _PICKED, "c7", "never_tried"),
    Mutant("failure_clears_the_count", _LENGTH, _LENGTH + "            record.calls = 0\n",
           "c8", "not_in_turn"),
    Mutant("fails_only_if_alone", _FAILED, '''\
        elif record.calls == 0 and (record.trial_at is None or record.on_trial):
            record.trial_at = now + QUARANTINE_S
''', "c8", "late_failure"),
    Mutant("forgets_the_trial_of_who_is_away", _PICKED, '''\
        for server, record in self.records.items():
            record.on_trial = record.on_trial and server in servers
''' + _PICKED, "c8", "two_trials"),
    Mutant("records_of_the_class", _INIT, '''\
    records = {}

    def __init__(self):
        self.turn = 0
''', "c1", "not_its_own"),
    Mutant("trials_of_the_class", _ON_TRIAL, '''\
        tried = Balancer.tried = getattr(Balancer, "tried", set())
        if due and picked in tried:
            return servers[-1]
        if due:
            records[picked].on_trial = True
            tried.add(picked)
''', "c1", "not_its_own_trial"),
    Mutant("quarantine_from_the_pick", _COUNT_TO_LENGTH,
           _COUNT_TO_LENGTH.replace(_COUNT, _COUNT + "        records[picked].at = now\n")
           .replace("now + QUARANTINE_S", "record.at + QUARANTINE_S"),
           "c6", "late_failure"),
    Mutant("next_quarantine_from_the_pick", _COUNT_TO_LENGTH,
           _COUNT_TO_LENGTH.replace(_COUNT, _COUNT + "        records[picked].at = now\n")
           .replace("now + QUARANTINE_S",
                    "(record.at if record.on_trial else now) + QUARANTINE_S"),
           "c8", "late_failure"),
)
