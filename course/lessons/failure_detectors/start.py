"""Failure detectors: dead, or only silent?

A registry hears the beats of servers. From beats and from silence its detector says what each
server is:

    UP         its last beat came half a lease ago, or less
    SUSPECT    no beat for more than half a lease: callers ask it last
    GONE       no beat for more than a lease, or none at all: callers do not see it

(After exactly half a lease, or exactly one, either word is right.)

A silent server may be dead, or frozen, or its beats are lost: nobody can tell which. So the next
beat makes it UP again. And the registry itself may be frozen (a laptop sleeps, somebody presses
Ctrl-Z). Then no beat is heard, and no server is to blame: such a pause is no silence, though what
was silent before it, and what stays silent after it, adds up.

    lease_s         the length of a lease, in seconds
    now             seconds on the clock of the registry; it goes on while the registry is frozen
    beat.name       of the server
    beat.sent_at    seconds on the clock of the server's computer, which people set as they like

While the registry runs, it asks for the state of each server that has beaten, each TURN_S seconds
or more often. How can a detector know that it was frozen?

So far this detector says GONE as soon as one beat is late.
"""

UP, SUSPECT, GONE = "up", "suspect", "gone"

TURN_S = 0.5            # while the registry runs, it asks at least so often


class Detector:
    def __init__(self, lease_s, now):
        self.lease_s = lease_s
        self.heard_at = {}          # by name: when its last beat came

    def heard(self, beat, now):
        """A beat has come."""
        self.heard_at[beat.name] = now

    def state(self, name, now):
        """UP, SUSPECT or GONE."""
        if name not in self.heard_at:
            return GONE
        return UP if now - self.heard_at[name] <= self.lease_s / 2 else GONE
