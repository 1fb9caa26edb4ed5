"""Known-wrong solutions of the lesson, each with the check that rejects it and its message."""

from __future__ import annotations

from course.wrong import Mutant

_NEWER = '''        if version > self.version:
            self.version, self.value = version, value
'''
_NUMBER = '        (number, _), _ = max(await self.majority("fetch"))\n'
_STORES = '        await self.majority("store", (number + 1, self.me), value)\n'
_READ = "\n    async def read(self):\n"
_FETCHES = '        version, value = max(await self.majority("fetch"))\n'
_WRITES_BACK = '        await self.majority("store", version, value)\n'
_GIVES = "        return value\n"
_COUNTS = '''        answers = {}
        async for replica, answer in self.ask(*question):
            answers[replica] = answer
'''
_ENOUGH = "            if len(answers) > self.count / 2:\n"
_ENDS = '''                break
        return answers.values()
'''
# Waits for some replicas alone.
_SOME = '''\
        answers = {{}}
        async for replica, answer in self.ask({}):
            answers[replica] = answer
            if len(answers) {}:
                break
'''
# An answer of one replica that comes twice counts twice.
_TWICE = '''\
        answers = []
        async for _, answer in self.ask("fetch"):
            answers.append(answer)
            if len(answers) > self.count / 2:
                break
'''
_NEWEST = "        (number, _), _ = max(answers.values())\n"

MUTANTS = (
    Mutant("r1_w1", _ENOUGH, "            if answers:\n", "c1", "own_write_not_read"),
    Mutant("reads_one", _FETCHES + _WRITES_BACK, '''\
        async for _, (_, value) in self.ask("fetch"):
            break
''', "c1", "own_write_not_read"),
    Mutant("writes_one", _STORES, '''\
        async for _ in self.ask("store", (number + 1, self.me), value):
            break
''', "c1", "own_write_not_read"),
    Mutant("says_ok_before_majority", _STORES,
           '        self.ask("store", (number + 1, self.me), value)\n',
           "c1", "own_write_not_read"),
    Mutant("counts_old_answers", _COUNTS + _ENOUGH, '''\
        answers, self.heard = {}, getattr(self, "heard", set())
        async for replica, answer in self.ask(*question):
            answers[replica] = answer
            self.heard.add(replica)
            if len(self.heard) > self.count / 2:
''', "c1", "own_write_not_read"),
    Mutant("last_answer_wins", _FETCHES, '''\
        *_, (version, value) = await self.majority("fetch")
''', "c1", "own_write_not_read"),
    Mutant("most_frequent_value_wins", _FETCHES, '''\
        answers = list(await self.majority("fetch"))
        version, value = max(answers, key=answers.count)
''', "c1", "own_write_not_read"),
    Mutant("highest_value_wins", _FETCHES, '''\
        version, value = max(await self.majority("fetch"), key=lambda answer: answer[1] or 0)
''', "c1", "own_write_not_read"),
    Mutant("number_stays", "(number + 1, self.me)", "(max(number, 1), self.me)",
           "c1", "own_write_not_read"),
    Mutant("first_version_stays", "version > self.version", "not self.version[0]",
           "c1", "own_write_not_read"),
    Mutant("half_is_majority", "> self.count / 2", ">= self.count / 2", "c2", "old_value"),
    Mutant("two_is_majority", "> self.count / 2", ">= 2", "c2", "old_value"),
    Mutant("same_replica_counted_twice", _COUNTS + _ENOUGH + _ENDS, '''\
        answers = []
        async for _, answer in self.ask(*question):
            answers.append(answer)
            if len(answers) > self.count / 2:
                break
        return answers
''', "c3", "own_write_not_read"),
    Mutant("waits_for_all", "> self.count / 2", "== self.count", "c4", "waits_for_ever"),
    Mutant("one_may_be_missing", "> self.count / 2", ">= self.count - 1",
           "c4", "waits_for_ever"),
    Mutant("writes_all_reads_one", _ENOUGH,
           '            if len(answers) == (1 if question == ("fetch",) else self.count):\n',
           "c4", "waits_for_ever"),
    Mutant("first_replica_decides", _ENOUGH,
           '            if len(answers) > self.count / 2 and "r1" in answers:\n',
           "c4", "waits_for_ever"),
    Mutant("always_the_same_majority", _ENOUGH, '''\
            if len(answers) > self.count / 2 and getattr(self, "most", set()) <= set(answers):
                self.most = set(answers)
''', "c4", "waits_for_ever"),
    Mutant("stores_at_who_told_the_number", _NUMBER + _STORES, '''\
        told, stored = {}, set()
        async for replica, answer in self.ask("fetch"):
            told[replica] = answer
            if len(told) > self.count / 2:
                break
        (number, _), _ = max(told.values())
        async for replica, _ in self.ask("store", (number + 1, self.me), value):
            stored.add(replica)
            if stored >= set(told):
                break
''', "c4", "waits_for_ever"),
    Mutant("read_counted_twice", _FETCHES, _TWICE + '''\
        version, value = max(answers)
''', "c4", "old_value"),
    Mutant("newest_by_wall_clock", _NUMBER + _STORES, '''\
        import time
        await self.majority("store", (time.time(), self.me), value)
''', "c5", "old_value"),
    Mutant("own_numbers", _NUMBER, '''\
        number = self.number = getattr(self, "number", 0) + 1
''', "c5", "old_value"),
    Mutant("numbers_of_the_class", _NUMBER, '''\
        number = Register.number = getattr(Register, "number", 0) + 1
''', "c5", "old_value"),
    Mutant("asks_for_the_number_once", _NUMBER, '''\
        if not hasattr(self, "number"):
            (self.number, _), _ = max(await self.majority("fetch"))
        number = self.number
        self.number += 1
''', "c5", "old_value"),
    Mutant("number_of_one_replica", _NUMBER, '''\
        async for _, ((number, _), _) in self.ask("fetch"):
            break
''', "c5", "old_value"),
    Mutant("reads_what_it_wrote", _STORES + _READ, _STORES + '''\
        self.wrote = value
''' + _READ + '''\
        if hasattr(self, "wrote"):
            return self.wrote
''', "c5", "old_value"),
    Mutant("writes_nothing_twice", _NUMBER, '''\
        if value == getattr(self, "wrote", None):
            return
        self.wrote = value
''' + _NUMBER, "c5", "old_value"),
    Mutant("versions_are_texts", _NEWER, '''        if str(version) > str(self.version):
            self.version, self.value = version, value
''', "c5", "old_value"),
    Mutant("zero_is_nothing", _FETCHES, '''\
        answers = await self.majority("fetch")
        version, value = max([each for each in answers if each[1]], default=((0, ""), None))
''', "c5", "old_value"),
    Mutant("number_of_two_replicas", _NUMBER, _SOME.format('"fetch"', "== 2") + _NEWEST,
           "c5", "old_value"),
    Mutant("number_counted_twice", _NUMBER, _TWICE + '''\
        (number, _), _ = max(answers)
''', "c5", "old_value"),
    Mutant("writer_before_number", _NEWER, '''\
        if version[::-1] > self.version[::-1]:
            self.version, self.value = version, value
''', "c5", "old_value"),
    Mutant("last_message_wins", _NEWER, "        self.version, self.value = version, value\n",
           "c6", "old_value"),
    Mutant("writes_back_with_a_new_number", _WRITES_BACK, '''\
        await self.majority("store", (version[0] + 1, self.me), value)
''', "c6", "old_value"),
    Mutant("number_without_writer", "(number + 1, self.me)", '(number + 1, "")',
           "c7", "went_back"),
    Mutant("initial_of_the_writer", "(number + 1, self.me)", "(number + 1, self.me[0])",
           "c7", "went_back"),
    Mutant("reader_signs", _WRITES_BACK, '''\
        await self.majority("store", (version[0], max(version[1], self.me)), value)
''', "c7", "went_back"),
    Mutant("equal_number_wins", _NEWER, '''\
        if version[0] >= self.version[0]:
            self.version, self.value = version, value
''', "c7", "went_back"),
    Mutant("stores_before_it_knows", _NUMBER, '''\
        self.ask("store", (1, self.me), value)
''' + _NUMBER, "c7", "no_order"),
    Mutant("no_write_back", _WRITES_BACK, "", "c8", "went_back"),
    Mutant("writes_not_what_is_there", _NUMBER + _STORES, '''\
        (number, _), newest = max(await self.majority("fetch"))
        if newest != value:
            await self.majority("store", (number + 1, self.me), value)
''', "c8", "old_value"),
    Mutant("two_have_it_already", _FETCHES + _WRITES_BACK, '''\
        answers = list(await self.majority("fetch"))
        version, value = max(answers)
        if answers.count((version, value)) < 2:
            await self.majority("store", version, value)
''', "c8", "went_back"),
    Mutant("numbers_are_the_same", _FETCHES + _WRITES_BACK, '''\
        answers = list(await self.majority("fetch"))
        version, value = max(answers)
        if any(number < version[0] for (number, _), _ in answers):
            await self.majority("store", version, value)
''', "c8", "went_back"),
    Mutant("values_are_the_same", _FETCHES + _WRITES_BACK, '''\
        answers = list(await self.majority("fetch"))
        version, value = max(answers)
        if any(other != value for _, other in answers):
            await self.majority("store", version, value)
''', "c8", "went_back"),
    Mutant("writes_back_once", _WRITES_BACK, '''\
        if not hasattr(self, "has_read"):
            self.has_read = True
            await self.majority("store", version, value)
''', "c8", "went_back"),
    Mutant("version_and_value_asked_apart", _FETCHES, '''\
        version, _ = max(await self.majority("fetch"))
        _, value = max(await self.majority("fetch"))
''', "c8", "went_back"),
    Mutant("writes_back_without_waiting", _WRITES_BACK,
           '        self.ask("store", version, value)\n', "c8", "went_back"),
    Mutant("writes_back_to_one", _WRITES_BACK, _SOME.format('"store", version, value', "== 1"),
           "c8", "went_back"),
    Mutant("writes_back_to_two", _WRITES_BACK, _SOME.format('"store", version, value', "== 2"),
           "c8", "went_back"),
    Mutant("write_back_counted_twice", _WRITES_BACK, '''\
        count = 0
        async for _ in self.ask("store", version, value):
            count += 1
            if count > self.count / 2:
                break
''', "c8", "went_back"),
    Mutant("reads_twice", _WRITES_BACK, '''\
        version, value = max((version, value), *await self.majority("fetch"))
''', "c8", "went_back"),
    Mutant("remembers_the_newest", _FETCHES + _WRITES_BACK, '''\
        self.newest = max([*await self.majority("fetch"), getattr(self, "newest", ((0, ""), None))])
        _, value = self.newest
''', "c8", "went_back"),
)
