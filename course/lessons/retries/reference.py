"""What may be tried next, when an attempt of a call got no answer.

A call is sent to one place after the other until one answers. Each attempt comes to one of these:

    ANSWERED   a whole reply came: a value or a fault
    NOT_SENT   it cannot have run: nobody listens there, or the server refused it. That place is
               not asked again
    UNKNOWN    it may have run: no reply came

A place is one life of one server: `place.name` and `place.life`. A server that restarts has the
same name, and another life. While it lives it remembers each call, and sends the first reply again
if the same call comes there once more (lesson 5). Other places know nothing of that call.
"""

NOT_SENT, ANSWERED, UNKNOWN = "not sent", "answered", "unknown"

TRIES = 3       # attempts of one call that may have run, over all hops
BURST = 10      # retries allowed at once; more are never kept
SHARE = 0.1     # retries allowed for each call, in the long run


class Budget:
    """Retries of one process: attempts of calls that may have run already. All its calls share it.
    """

    def __init__(self):
        self.tokens = BURST

    def earn(self):
        """A new call begins: Call calls this, once."""
        self.tokens = min(self.tokens + SHARE, BURST)

    def spend(self):
        """Pays for a retry; False: it is not allowed. If the retry is not sent, the next place is
        asked for the same price.
        """
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class Call:
    """One call at one hop, which may make so many `tries` (attempts that may have run, also at the
    hops behind it). At its `deadline` nobody waits any more. If it is `idempotent`, it may run more
    than once.
    """

    def __init__(self, budget, idempotent, deadline, tries=TRIES):
        self.budget, self.idempotent = budget, idempotent
        self.deadline, self.tries = deadline, tries
        self.outcome = NOT_SENT     # of the whole call, so far
        self.asked = []             # places
        self.unknown_at = None      # the place with the unknown outcome, to be asked again once
        self.owes = False           # the next attempt is a retry
        budget.earn()

    def next_attempt(self, now, places):
        """Where it goes now, and how many tries the next hop gets; None: the call has ended.

        The next hop may use all that it gets. So they count here, too, if the outcome is UNKNOWN:
        keep some for a retry from here.
        `places`: those known now, the best one first, and any of them is right; perhaps none.
        """
        if self.outcome == ANSWERED or now >= self.deadline:
            return None
        if self.owes and not (self.tries > 0 and self.budget.spend()):
            return None
        self.owes = False
        others = [place for place in places if place not in self.asked]
        if self.outcome == UNKNOWN and not self.idempotent:
            others = []
        place = others[0] if others else self.unknown_at
        if place is None:
            return None
        self.unknown_at = None if place == self.unknown_at else self.unknown_at
        self.asked.append(place)
        return place, 1

    def settle(self, outcome):
        """What the latest attempt came to."""
        if outcome == ANSWERED:
            self.outcome = ANSWERED
        if outcome == UNKNOWN:
            self.outcome = UNKNOWN
            self.unknown_at = self.asked[-1]
            self.owes = True
            self.tries -= 1
