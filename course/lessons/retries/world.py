"""Servers that refuse, fall silent and restart; and callers that follow a student's rule.

A world has one call, or one over three hops, or hundreds of calls one after the other. Nothing
waits: each attempt moves the clock on. Threads: one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from course.explore import Line, Script, Wrong
from course.theirs import Theirs, must_have
from course.world import SmallWorld

# Seconds: an attempt that is answered or refused; and one without a reply.
TRIP_S, TIMEOUT_S = 0.002, 4.0
# Attempts of one call that may have run, over all hops.
TRIES = 3
# The budget: retries at once, and for each call.
BURST, SHARE = 10, 0.1
# Seconds that a caller gives a call; and in one world so few that two attempts fill them.
PATIENT_S, HURRIED_S = 60.0, 5.0
# More attempts than a right rule makes in any world.
FAR_TOO_MANY = 100
# Calls before the storm, in it, and until a retry must be allowed again.
QUIET, STORM, HEALING = 300, 400, 30
# Retries by which a right budget may differ, as tenths are rounded; and calls that make no retry:
# so many that no rounding of what they earn pays for one.
ROUNDING, PRICED = 6, 15

ANSWERS, REPLY_LOST, REQUEST_LOST, REFUSES, REFUSES_LATE = (
    "answers", "its reply is lost", "the request is lost", "refuses", "refuses after long")
NOT_SENT, ANSWERED, UNKNOWN = "not sent", "answered", "unknown"


class Place(NamedTuple):
    """One life of one server."""

    name: str
    life: int

    def __str__(self) -> str:
        return self.name if self.life == 1 else f"{self.name} (life {self.life})"


class World(SmallWorld):
    """One run of a world with a student's rule.

    Parameters: `solution`, the student's module; `script`, which decides; `fates` of an attempt
    beside "answers"; how many `servers`; whether the call is `idempotent`; whether a server that
    did not answer may `restart`, and another one may come up (`joins`); whether the first server is
    `silent`, always; how many of the first ones refuse, always; whether the process has another
    call under way; when the call begins, and how many seconds its caller waits.
    """

    def __init__(self, solution: Any, script: Script, *, fates: Sequence[str] = (),
                 servers: int = 3, idempotent: bool = False, restart: bool = False,
                 joins: bool = False, silent: bool = False, refusing: int = 0,
                 beside: bool = False, begins_s: float = 0.0,
                 patience_s: float = PATIENT_S) -> None:
        super().__init__(solution, script)
        must_be_a_rule(solution)
        self._fates, self._restart, self._joins = fates, restart, joins
        self._idempotent, self._beside = idempotent, beside
        self.now, self._deadline = begins_s, begins_s + patience_s
        self._places = [Place(f"bank-{number}", 1) for number in range(1, servers + 1)]
        self._all = list(self._places)
        self._silent = self._places[0] if silent else None
        self._refusing = self._places[:refusing]
        # Where the call has run, once for each run; and where each attempt came to what.
        self._ran: list[Place] = []
        self._went: list[tuple[Place, str]] = []
        # The tries that were handed on with the attempts that may have run.
        self._gave = 0

    def run(self) -> list[str]:
        """Carries out the call; returns what was exercised. Raises Wrong."""
        solution = self.solution
        self._judge_two_budgets()
        budget = solution.Budget()
        call = solution.Call(budget, self._idempotent, self._deadline, TRIES)
        other = Other(self, budget) if self._beside else None
        while (choice := call.next_attempt(self.now, self.known())) is not None:
            place = self.place_in(choice)
            self._judge_attempt(place)
            if other:
                other.begins_attempt()
            outcome = self._attempt(place)
            self._went.append((place, outcome))
            self._gave += choice[1] if outcome == UNKNOWN else 0
            call.settle(outcome)
            if other:
                other.ends_attempt()
            if outcome != ANSWERED:
                self._afterwards(place)
        self._judge(call.outcome)
        return self.exercised

    # The attempts.

    def known(self) -> list[Place]:
        """What a rule is told of the places: each time anew, as a client makes it."""
        return [Place(*place) for place in self._places]

    def _attempt(self, place: Place) -> str:
        is_again = any(place == asked for asked, _ in self._went)
        if self._went:
            self._note_kind(place, is_again)
        if place not in self._places:
            return self._ends(place, "gone", NOT_SENT, TRIP_S)
        if place == self._silent:
            return self._ends(place, "request_lost", UNKNOWN, TIMEOUT_S)
        fate = REFUSES if place in self._refusing else self.script.choose(
            f"attempt {len(self._went) + 1}", ANSWERS, *self._fates)
        self.exercised.append(fate)
        if fate == REFUSES:
            return self._ends(place, "refused", NOT_SENT, TRIP_S)
        if fate == REFUSES_LATE:
            return self._ends(place, "refused_late", NOT_SENT, TIMEOUT_S)
        if fate == REQUEST_LOST:
            return self._ends(place, "request_lost", UNKNOWN, TIMEOUT_S)
        ran = "known"
        if self._idempotent or place not in self._ran:
            self._ran.append(place)
            ran = "runs"
        if fate == REPLY_LOST:
            outcome = self._ends(place, f"{ran}_reply_lost", UNKNOWN, TIMEOUT_S)
        else:
            outcome = self._ends(place, f"{ran}_reply_comes", ANSWERED, TRIP_S)
        if not self._idempotent and len(self._ran) > 1:
            raise self.wrong("ran_twice", first=str(self._ran[0]), second=str(place))
        return outcome

    def _note_kind(self, place: Place, is_again: bool) -> None:
        before = self._went[-1][1]
        kind = "again" if is_again else "elsewhere"
        self.exercised.append(f"{kind} after {before}")

    def _afterwards(self, place: Place) -> None:
        """What may happen between an attempt and the next one."""
        if self._restart and place in self._places and self.script.choose(
                "the server", "lives on", "restarts") == "restarts":
            self._restarts(place)
        if self._joins and self.script.choose(
                "another server", "does not come up", "comes up") == "comes up":
            self._joins = False
            new = Place(f"bank-{len(self._places) + 1}", 1)
            # It is idle, so it is the best one.
            self._places.insert(0, new)
            self._all.append(new)
            self.say("joins", name=new.name)
            self.exercised.append("joins")

    def _restarts(self, old: Place) -> None:
        self._restart = False
        new = Place(old.name, old.life + 1)
        self._places = [new if place == old else place for place in self._places]
        self._all.append(new)
        self.say("restarts", name=old.name)
        self.exercised.append("restart")

    def _ends(self, place: Place, what: str, outcome: str, in_s: float) -> str:
        self.say("attempt", number=len(self._went) + 1, place=str(place), what=what)
        self.now = min(self.now + in_s, self._deadline)
        return outcome

    def place_in(self, choice: Any) -> Place:
        """The place that a student's rule chose. Raises Wrong if there is none in it."""
        attempt = read(choice, self._all)
        if attempt is None:
            raise self.wrong("no_attempt", choice=repr(choice)[:60])
        place, handed_on = Place(*attempt[0]), attempt[1]
        if handed_on < 1:
            raise self._broken(place, "hands_on_nothing", place=str(place), tries=handed_on)
        return place

    # What must hold.

    def _judge_two_budgets(self) -> None:
        """That of one process is empty; that of another one is not."""
        one, another = self.solution.Budget(), self.solution.Budget()
        if _retries_at_once(one) and not another.spend():
            raise self.wrong("budgets_share")

    def _judge_attempt(self, place: Place) -> None:
        """Whether this attempt may be made now."""
        if self._went and self._went[-1][1] == ANSWERED:
            raise self._broken(place, "asks_after_an_answer", place=str(place))
        if self.now >= self._deadline:
            raise self._broken(place, "asks_after_the_deadline", place=str(place),
                               deadline_s=self._deadline)
        if (place, NOT_SENT) in self._went:
            raise self._broken(place, "asks_again_where_refused", place=str(place))
        unknown = sum(outcome == UNKNOWN for _, outcome in self._went)
        if unknown >= TRIES:
            raise self._broken(place, "too_many_attempts", attempts=unknown + 1, most=TRIES)

    def _broken(self, at: Place, key: str, /, **values: Any) -> Wrong:
        """What is wrong with an attempt at this place, which the story shows."""
        self.say("attempt", number=len(self._went) + 1, place=str(at), what="must not be")
        return self.wrong(key, **values)

    def _judge(self, told: Any) -> None:
        """Whether the caller was told the truth, and no less than could be known."""
        self.say("told", told=str(told))
        outcomes = [outcome for _, outcome in self._went]
        right = next((each for each in (ANSWERED, UNKNOWN) if each in outcomes), NOT_SENT)
        if told != right:
            if right == UNKNOWN:
                where = next(place for place, outcome in self._went if outcome == UNKNOWN)
                raise self.wrong("may_have_run", told=str(told), place=str(where))
            raise self.wrong("says_another_thing", told=str(told), right=right)
        if right == ANSWERED or self.now >= self._deadline or self._is_hopeless():
            if right == UNKNOWN and self.now >= self._deadline:
                self.exercised.append("deadline")
            if not outcomes:
                self.exercised.append("never asked")
            return
        if right == NOT_SENT:
            raise self.wrong("gave_up", attempts=len(outcomes),
                        unasked=str(self._unasked()[0] if self._unasked() else self._places[0]))
        if self._silent and {place for place, _ in self._went} == {self._silent}:
            raise self.wrong("stays_with_the_silent_one", place=str(self._silent),
                             attempts=len(outcomes))
        if self._gave >= TRIES:
            raise self.wrong("gave_all_tries_away", attempts=len(outcomes), most=TRIES)
        raise self.wrong("unknown_though_it_could_be_known", attempts=len(outcomes))

    def _unasked(self) -> list[Place]:
        return [place for place in self._places if place not in {asked for asked, _ in self._went}]

    def _is_hopeless(self) -> bool:
        """Whether no further attempt is allowed, or none could bring an answer."""
        unknown = [place for place, outcome in self._went if outcome == UNKNOWN]
        if len(unknown) > 1 and self._gave >= TRIES:
            # But one of three servers is always silent: two others could answer.
            return self._silent is None
        if unknown and not self._idempotent:
            # A life that is over has taken with it what it knew.
            return (unknown[-1], NOT_SENT) in self._went or unknown[-1] not in self._places
        open_places = [place for place in self._places if (place, NOT_SENT) not in self._went]
        return not open_places


class Other:
    """Another call of the process, at the same time: its first attempt gets no reply, its second
    one does. It may run twice, and its caller waits longer.
    """

    def __init__(self, world: World, budget: Any) -> None:
        self._world = world
        self._call = world.solution.Call(budget, True, world.now + 2 * PATIENT_S, TRIES)
        self._outcomes = [ANSWERED, UNKNOWN]
        self._is_under_way = False

    def begins_attempt(self) -> None:
        """Asks the rule, unless the call has ended. Raises Wrong."""
        choice = self._call.next_attempt(self._world.now, self._world.known())
        self._is_under_way = choice is not None
        if choice is not None:
            place = str(self._world.place_in(choice))
            self._world.say("beside", place=place)
            if not self._outcomes:
                raise self._world.wrong("asks_after_an_answer", place=place)

    def ends_attempt(self) -> None:
        """Tells the rule what has come of it."""
        if self._is_under_way:
            outcome = self._outcomes.pop()
            self._world.say("beside_ends", what=outcome)
            self._call.settle(outcome)


class Timeless(SmallWorld):
    """A world in which nothing takes time."""

    def __init__(self, solution: Any, script: Script) -> None:
        super().__init__(solution, script)
        must_be_a_rule(solution)

    def say(self, key: str, **values: Any) -> None:
        """Adds a line to the story, without a time."""
        self.story.append(Line(None, key, values))


class Hops(Timeless):
    """One call over three hops: a client, two rows of proxies, and servers that may all fail.

    Parameters: `sizes`, how many places each row has; whether the call is `idempotent`.
    """

    ROWS = 3

    def __init__(self, solution: Any, script: Script, *, sizes: Sequence[int] = (3, 3, 3),
                 idempotent: bool = True) -> None:
        super().__init__(solution, script)
        self._sizes, self._idempotent = sizes, idempotent
        self._fails = False
        # How many attempts came to each server.
        self.came: dict[str, int] = {}
        self._budgets: dict[str, Any] = {}

    def run(self) -> list[str]:
        """Carries out the call; returns what was exercised. Raises Wrong."""
        state = self.script.choose("the servers", "answer", "all fail")
        self._fails = state == "all fail"
        told = self._call("the client", 1, TRIES)
        attempts = sum(self.came.values())
        self.say("came", each=" + ".join(map(str, self.came.values())), attempts=attempts)
        if attempts > TRIES:
            raise self.wrong("too_many_attempts", attempts=attempts, most=TRIES)
        if not self._fails and told != ANSWERED:
            raise self.wrong("says_another_thing", told=str(told), right=ANSWERED)
        return [state]

    def _call(self, who: str, row: int, tries: Any) -> str:
        """What the call comes to at one process."""
        if who not in self._budgets:
            self._budgets[who] = self.solution.Budget()
        kind = "server" if row == self.ROWS else f"proxy {row}"
        places = [Place(f"{kind}{letter}", 1) for letter in "abc"[:self._sizes[row - 1]]]
        call = self.solution.Call(self._budgets[who], self._idempotent, PATIENT_S, tries)
        for _ in range(FAR_TOO_MANY):
            choice = call.next_attempt(0.0, list(places))
            if choice is None:
                return str(call.outcome)
            attempt = read(choice, places)
            if attempt is None:
                raise self.wrong("no_attempt", choice=repr(choice)[:60])
            place, handed_on = attempt
            if handed_on < 1:
                raise self.wrong("hands_on_nothing", place=str(place), tries=handed_on)
            if row < self.ROWS:
                self.say("handed_on", who=who, place=str(place), tries=handed_on)
                call.settle(self._call(place.name, row + 1, handed_on))
            else:
                self.came[place.name] = self.came.get(place.name, 0) + 1
                call.settle(UNKNOWN if self._fails else ANSWERED)
        raise self.wrong("too_many_attempts", attempts=FAR_TOO_MANY, most=TRIES)


class Storm(Timeless):
    """Hundreds of calls of one process, of which many meet servers that all fail."""

    def __init__(self, solution: Any, script: Script, *, idempotent: bool = True) -> None:
        super().__init__(solution, script)
        self._idempotent = idempotent
        self._budget = solution.Budget()
        # Attempts of all calls.
        self._made = 0
        self._places = [Place(f"bank-{number}", 1) for number in range(1, 4)]

    def run(self) -> list[str]:
        """Carries out the calls; returns what was exercised. Raises Wrong."""
        state = self.script.choose("the servers", "go on to answer", "all fail")
        if state != "all fail":
            self._judge_price()
        self._phase("the servers answer", QUIET, QUIET, [])
        if state == "all fail":
            most = STORM + int(BURST + SHARE * STORM) + 1
            made = self._phase("all servers FAIL", STORM, most, [UNKNOWN] * FAR_TOO_MANY)
            # What cannot have run costs no budget; and calls earn it again.
            _retries_at_once(self._budget)
            if self._one([NOT_SENT]) != ANSWERED:
                raise self.wrong("fallback_needs_no_budget")
            self._phase("the servers answer", HEALING, HEALING, [])
            if self._one([UNKNOWN]) != ANSWERED:
                raise self.wrong("budget_stays_empty", calls=HEALING)
            if made < most - ROUNDING:
                raise self.wrong("budget_too_small", calls=STORM, attempts=made, least=most - 1)
            self._judge_refused_retries()
            self._judge_limit()
        return [state]

    def _judge_price(self) -> None:
        """A full budget pays for so many retries at once; what is no retry, or is not sent, costs
        nothing; and each retry is paid for once.
        """
        retries = _retries_at_once(self.solution.Budget())
        if retries < BURST:
            raise self.wrong("burst", retries=retries, burst=BURST)
        for what, tries, now in (("one_try", 1, 0.0), ("deadlines_pass", TRIES, PATIENT_S)):
            before = self._made
            for _ in range(PRICED):
                self._one([UNKNOWN], tries, now)
            self.say(what, calls=PRICED, attempts=self._made - before)
            if self._one([UNKNOWN]) != ANSWERED:
                raise self.wrong("pays_for_nothing", calls=PRICED)
            self._phase("the servers answer", QUIET, QUIET, [])
        self._budget = self.solution.Budget()
        for number in range(BURST):
            if self._one([UNKNOWN]) != ANSWERED:
                raise self.wrong("burst", retries=number, burst=BURST)

    def _judge_refused_retries(self) -> None:
        """A retry that is refused has been paid for: the next place costs nothing."""
        self._budget = self.solution.Budget()
        for number in range(1, BURST + 1):
            # A call that must not run twice has ended when its repeat is refused.
            if self._idempotent and self._one([UNKNOWN, NOT_SENT]) != ANSWERED:
                raise self.wrong("pays_again", calls=number)

    def _judge_limit(self) -> None:
        """A budget that was empty has in the end what it had when it was new, and no more."""
        budget = self.solution.Budget()
        _retries_at_once(budget)
        for _ in range(QUIET):
            budget.earn()
        retries = _retries_at_once(budget)
        if retries > BURST:
            raise self.wrong("keeps_more", calls=QUIET, retries=retries, burst=BURST)
        # But for the rounding of tenths.
        if retries < BURST - 1:
            raise self.wrong("is_not_full_again", calls=QUIET, retries=retries, burst=BURST)

    def _phase(self, what: str, calls: int, most: int, outcomes: Sequence[str]) -> int:
        before = self._made
        for _ in range(calls // 2):
            self._together(2, outcomes)
        made = self._made - before
        self.say("phase", servers=what, calls=calls, attempts=made)
        if made > most:
            raise self.wrong("storm", calls=calls, attempts=made, most=most)
        return made

    def _one(self, outcomes: Sequence[str], tries: int = TRIES, later_s: float = 0.0) -> str:
        """What one call comes to."""
        return self._together(1, outcomes, tries, later_s)[0]

    def _together(self, count: int, outcomes: Sequence[str], tries: int = TRIES,
                  later_s: float = 0.0) -> list[str]:
        """So many calls at once, whose attempts come to these outcomes, and then to an answer; all
        but the first attempt of each are due at `later_s`. Returns what the calls come to.
        """
        calls = [self.solution.Call(self._budget, self._idempotent, PATIENT_S, tries)
                 for _ in range(count)]
        going = calls
        for number in range(FAR_TOO_MANY):
            going = [call for call in going if self._sends(call, later_s if number else 0.0)]
            for call in going:
                call.settle(outcomes[number] if number < len(outcomes) else ANSWERED)
        return [str(call.outcome) for call in calls]

    def _sends(self, call: Any, now: float) -> bool:
        choice = call.next_attempt(now, list(self._places))
        if choice is None:
            return False
        if read(choice, self._places) is None:
            raise self.wrong("no_attempt", choice=repr(choice)[:60])
        self._made += 1
        return True


def _retries_at_once(budget: Any) -> int:
    """How many retries a budget pays for now. Then it is empty, unless it has no limit."""
    return sum(bool(budget.spend()) for _ in range(2 * BURST))


def must_be_a_rule(solution: Any) -> None:
    """Raises Theirs unless the student's module has a budget and a call."""
    budget = must_have(solution, "Budget")()
    must_have(budget, "earn")
    must_have(budget, "spend")
    make = must_have(solution, "Call", "budget", "idempotent", "deadline", "tries")
    call = make(budget, False, PATIENT_S, TRIES)
    must_have(call, "next_attempt", "now", "places")
    must_have(call, "settle", "outcome")
    if not hasattr(call, "outcome"):
        raise Theirs("class Call has no attribute outcome")


def read(choice: Any, places: Sequence[Any]) -> tuple[Any, int] | None:
    """The place and the tries that a student's rule returned; None if that is no attempt at one of
    these places.
    """
    is_pair = isinstance(choice, (tuple, list)) and len(choice) == 2 and isinstance(choice[1], int)
    return (choice[0], choice[1]) if is_pair and choice[0] in places else None
