"""What may be tried next, when an attempt of a call got no answer.

A call is sent to one place after the other until one answers. Each attempt comes to one of these:

    ANSWERED   a whole reply came: a value or a fault
    NOT_SENT   it cannot have run: nobody listens there, or the server refused it. That place is
               not asked again
    UNKNOWN    it may have run: no reply came

A place is one life of one server: `place.name` and `place.life`. A server that restarts has the
same name, and another life. While it lives it remembers each call, and sends the first reply again
if the same call comes there once more (lesson 5). Other places know nothing of that call.

So far every call is sent up to three times, to one place after the other.
"""

NOT_SENT, ANSWERED, UNKNOWN = "not sent", "answered", "unknown"

TRIES = 3       # attempts of one call that may have run, over all hops
BURST = 10      # retries allowed at once; more are never kept
SHARE = 0.1     # retries allowed for each call, in the long run


class Budget:
    """Retries of one process: attempts of calls that may have run already. All its calls share it.
    """

    def earn(self):
        """A new call begins: Call calls this, once."""

    def spend(self):
        """Pays for a retry; False: it is not allowed. If the retry is not sent, the next place is
        asked for the same price.
        """
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
        self.made = 0

    def next_attempt(self, now, places):
        """Where it goes now, and how many tries the next hop gets; None: the call has ended.

        The next hop may use all that it gets. So they count here, too, if the outcome is UNKNOWN:
        keep some for a retry from here.
        `places`: those known now, the best one first, and any of them is right; perhaps none.
        """
        if self.outcome == ANSWERED or self.made == TRIES:
            return None
        self.made += 1
        return places[self.made % len(places) - 1], TRIES

    def settle(self, outcome):
        """What the latest attempt came to."""
        self.outcome = outcome
