"""Known-wrong solutions of the lesson, each with the check that rejects it and its message."""

from __future__ import annotations

from course.wrong import Mutant

_LEASE = "        self.beat, self.came_at = beat, now     # the newest beat of a name\n"
_LISTED = "        self.listed = not beat.leaving\n"
_TABLE = "        self.leases = {}        # by name; those that are over, too\n"
_ELDER = '''        if lease and beat.life < lease.beat.life:
            return SUPERSEDED
'''
_SAME = "        is_known_life = lease and beat.life == lease.beat.life\n"
_OLD = "        if is_known_life and (lease.beat.leaving or beat.seq <= lease.beat.seq):\n"
_TAKES = "        self.leases[beat.name] = Lease(beat, now)\n"
_OVER = '''            if now - lease.came_at > lease.beat.lease_s:
                lease.listed = False
'''
_FORGETS = '''            if not lease.listed and now - lease.came_at > REMEMBER_S:
                del self.leases[name]
'''
_LOOKUP = ("        return {name: lease.beat.port for name, lease in self.leases.items() "
           "if lease.listed}\n")

MUTANTS = (
    Mutant("never_expires", _OVER, "", "c1", "dead_listed"),
    Mutant("leases_add_up", _TAKES, '''\
        over_at = lease.came_at + lease.beat.lease_s if lease else now
        self.leases[beat.name] = Lease(beat, max(now, over_at))
''', "c1", "dead_listed"),
    Mutant("lookup_renews", _LOOKUP, '''        for lease in self.leases.values():
            if lease.listed:
                lease.came_at = now
''' + _LOOKUP, "c1", "looking_keeps_it"),
    Mutant("one_death_ends_all", _OVER, '''            if now - lease.came_at > lease.beat.lease_s:
                for each in self.leases.values():
                    each.listed = False
''', "c1", "living_missing"),
    Mutant("one_end_a_turn", "                lease.listed = False\n", '''\
                lease.listed = False
                break
''', "c1", "dead_listed"),
    Mutant("beats_do_not_renew", _OLD, "        if is_known_life:\n", "c1", "living_missing"),
    Mutant("one_dictionary_for_all_readers", _LOOKUP, '''\
        self.found = getattr(self, "found", {})
        self.found.clear()
        self.found.update({name: lease.beat.port for name, lease in self.leases.items()
                           if lease.listed})
        return self.found
''', "c1", "not_new"),
    Mutant("one_dictionary_until_it_changes", _LOOKUP,
           _LOOKUP.replace("return", "found =") + '''\
        if found != getattr(self, "found", None):
            self.found = found
        return self.found
''', "c1", "not_new"),
    Mutant("expires_at_half", "lease.beat.lease_s:", "lease.beat.lease_s / 2:",
           "c2", "living_missing"),
    Mutant("one_beat_missed_is_death", "lease.beat.lease_s:", "lease.beat.lease_s * 0.4:",
           "c2", "living_missing"),
    Mutant("waits_for_the_next_number", _OLD,
           "        if is_known_life and (lease.beat.leaving or beat.seq != lease.beat.seq + 1):\n",
           "c2", "living_missing"),
    Mutant("stays_out", _OLD,
           "        if is_known_life and (not lease.listed or beat.seq <= lease.beat.seq):\n",
           "c2", "stays_out"),
    Mutant("state_in_the_class", "    def __init__(self):\n" + _TABLE,
           "    leases = {}             # by name; those that are over, too\n",
           "c1", "not_empty"),
    Mutant("goodbyes_for_all_tables", _TAKES, '''\
        left = Table.left = getattr(Table, "left", set())
        if (beat.name, beat.life) in left:
            return OLD
        if beat.leaving:
            left.add((beat.name, beat.life))
''' + _TAKES, "c1", "not_its_own"),
    Mutant("seq_ignored", _OLD, "        if is_known_life and lease.beat.leaving:\n",
           "c3", "late_beat_revives"),
    Mutant("a_copy_counts", "beat.seq <= lease.beat.seq", "beat.seq < lease.beat.seq",
           "c3", "late_beat_revives"),
    Mutant("forgets_the_dead_at_once", _OVER, '''\
            if now - lease.came_at > lease.beat.lease_s:
                del self.leases[name]
                continue
''', "c3", "late_beat_revives"),
    Mutant("forgets_after_ten_seconds", "lease.came_at > REMEMBER_S:", "lease.came_at > 10:",
           "c3", "late_beat_revives"),
    Mutant("numbers_count_while_listed", _SAME,
           "        is_known_life = lease and lease.listed and beat.life == lease.beat.life\n",
           "c3", "late_beat_revives"),
    Mutant("a_late_beat_renews", "            return OLD\n",
           "            lease.came_at = now\n            return OLD\n",
           "c3", "late_beat_revives"),
    Mutant("old_life_wins", _ELDER, "", "c4", "old_port"),
    Mutant("lives_ignored", _ELDER + _SAME + _OLD, '''\
        if lease and (lease.beat.leaving or beat.seq <= lease.beat.seq):
''', "c4", "old_port"),
    Mutant("first_life_wins", "beat.life < lease.beat.life:", "beat.life > lease.beat.life:",
           "c4", "old_port"),
    Mutant("port_of_the_first_life", _TAKES,
           _TAKES + '''        if lease:
            self.leases[beat.name].beat = beat._replace(port=lease.beat.port)
''', "c4", "old_port"),
    Mutant("lives_are_texts", "beat.life < lease.beat.life:",
           "str(beat.life) < str(lease.beat.life):", "c4", "new_life_missing"),
    Mutant("a_port_is_a_life", _ELDER, '''\
        if lease and beat.port == lease.beat.port and beat.seq <= lease.beat.seq:
            return OLD
''' + _ELDER, "c4", "living_missing"),
    Mutant("waits_for_the_next_life", _ELDER, _ELDER + '''\
        if lease and beat.life > lease.beat.life + 1:
            return OLD
''', "c4", "new_life_missing"),
    Mutant("a_high_number_wins", "beat.life < lease.beat.life:",
           "beat.life < lease.beat.life and beat.seq <= lease.beat.seq:", "c4", "old_port"),
    Mutant("old_life_renews", "            return SUPERSEDED\n",
           "            lease.came_at = now\n            return SUPERSEDED\n",
           "c4", "late_beat_revives"),
    Mutant("old_life_comes_back", "beat.life < lease.beat.life:",
           "beat.life < lease.beat.life and lease.listed:", "c4", "late_beat_revives"),
    Mutant("lives_of_all_names_are_one", "        if lease and beat.life < lease.beat.life:\n",
           "        if any(beat.life < each.beat.life for each in self.leases.values()):\n",
           "c4", "living_missing"),
    Mutant("goodbye_is_a_beat", _LISTED, "        self.listed = True\n",
           "c5", "goodbye_undone"),
    Mutant("goodbye_undone", _TAKES, _TAKES + '''        if beat.leaving:
            del self.leases[beat.name]
''', "c5", "goodbye_undone"),
    Mutant("zero_is_never", _ELDER, '''\
        if lease and not lease.came_at:
            lease = None
''' + _ELDER, "c5", "late_beat_revives"),
    Mutant("a_beat_undoes_the_goodbye", "lease.beat.leaving or ", "", "c5", "goodbye_undone"),
    Mutant("goodbye_of_a_stranger", _TAKES, '''        if lease is None and beat.leaving:
            return ACK
''' + _TAKES, "c5", "goodbye_undone"),
    Mutant("goodbye_ends_the_next_life", "beat.life < lease.beat.life:",
           "beat.life < lease.beat.life and not beat.leaving:",
           "c5", "goodbye_of_another_life"),
    Mutant("old_life_comes_back_after_a_goodbye", "beat.life < lease.beat.life:",
           "beat.life < lease.beat.life and not lease.beat.leaving:", "c5", "goodbye_undone"),
    Mutant("left_for_ever", "lease and beat.life == lease.beat.life",
           "lease and (lease.beat.leaving or beat.life == lease.beat.life)",
           "c5", "new_life_missing"),
    Mutant("one_length_for_all", "lease.beat.lease_s:", "3.0:", "c6", "living_missing"),
    Mutant("shortest_length_for_all", "lease.beat.lease_s:",
           "min(each.beat.lease_s for each in self.leases.values()):", "c6", "living_missing"),
    Mutant("length_of_the_first_life", _TAKES,
           _TAKES + '''        if lease:
            self.leases[beat.name].beat = beat._replace(lease_s=lease.beat.lease_s)
''', "c6", "dead_listed"),
    Mutant("length_of_the_first_beat", _TAKES,
           _TAKES + '''        if is_known_life:
            self.leases[beat.name].beat = beat._replace(lease_s=lease.beat.lease_s)
''', "c6", "dead_listed"),
    Mutant("a_lease_ends_no_earlier", _TAKES, _TAKES + '''        if is_known_life:
            ends_at = lease.came_at + lease.beat.lease_s
            self.leases[beat.name].came_at = max(now, ends_at - beat.lease_s)
''', "c6", "dead_listed"),
    Mutant("counts_whole_seconds", "if now - lease.came_at > lease.beat.lease_s:",
           "if int(now - lease.came_at) > lease.beat.lease_s:", "c1", "dead_listed"),
    Mutant("cuts_the_seconds", "if now - lease.came_at > lease.beat.lease_s:",
           "if int(now - lease.came_at) >= lease.beat.lease_s:", "c6", "dead_listed"),
    Mutant("names_that_begin_alike", "        lease = self.leases.get(beat.name)\n", '''\
        lease = next((each for each in self.leases.values()
                      if each.beat.name.startswith(beat.name)), None)
''', "c6", "living_missing"),
    Mutant("remembers_from_the_first_beat", _FORGETS, '''\
            self.first_at = getattr(self, "first_at", {})
            first_at = self.first_at.setdefault((name, lease.beat.life), lease.came_at)
            if not lease.listed and now - first_at > REMEMBER_S:
                del self.leases[name]
''', "c6", "late_beat_revives"),
    Mutant("forgets_who_has_a_long_lease", "if not lease.listed and now", "if now",
           "c6", "living_missing"),
    Mutant("forgets_when_all_are_silent", _FORGETS, '''\
            if not lease.listed and all(now - each.came_at > REMEMBER_S
                                        for each in self.leases.values()):
                del self.leases[name]
''', "c7", "keeps_for_ever"),
    Mutant("never_forgets", _FORGETS, "", "c7", "keeps_for_ever"),
    Mutant("remembers_for_two_minutes", "lease.came_at > REMEMBER_S:",
           "lease.came_at > 2 * REMEMBER_S:", "c7", "keeps_for_ever"),
    Mutant("keeps_a_log", _TAKES, '''\
        self.log = getattr(self, "log", [])
        self.log.append(f"{now:.1f} s: {beat.name}")
''' + _TAKES, "c7", "keeps_for_ever"),
    Mutant("forgets_no_goodbye", "lease.came_at > REMEMBER_S:",
           "lease.came_at > REMEMBER_S and not lease.beat.leaving:", "c7", "keeps_for_ever"),
    Mutant("forgets_a_goodbye_soon", "lease.came_at > REMEMBER_S:",
           "lease.came_at > (10 if lease.beat.leaving else REMEMBER_S):",
           "c8", "goodbye_undone"),
    Mutant("old_life_is_acked", "            return SUPERSEDED\n", "            return ACK\n",
           "c7", "said_ack"),
    Mutant("old_life_is_told_old", "            return SUPERSEDED\n", "            return OLD\n",
           "c7", "said_old"),
    Mutant("who_has_left_is_superseded", _SAME, '''\
        if lease and lease.beat.leaving and beat.life == lease.beat.life:
            return SUPERSEDED
''' + _SAME, "c7", "said_superseded"),
    Mutant("a_copy_is_superseded", "            return OLD\n",
           "            return SUPERSEDED\n", "c7", "said_superseded"),
)
