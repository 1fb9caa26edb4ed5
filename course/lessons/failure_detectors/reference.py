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
"""

UP, SUSPECT, GONE = "up", "suspect", "gone"

TURN_S = 0.5            # while the registry runs, it asks at least so often


class Detector:
    def __init__(self, lease_s, now):
        self.lease_s = lease_s
        self.time = 0.0             # the seconds in which this registry was running
        self.read_at = now          # when this was last counted
        self.heard_at = {}          # by name: the `time` of its last beat

    def heard(self, beat, now):
        """A beat has come."""
        self.heard_at[beat.name] = self.running(now)

    def state(self, name, now):
        """UP, SUSPECT or GONE."""
        time = self.running(now)
        if name not in self.heard_at:
            return GONE
        silent_s = time - self.heard_at[name]
        if silent_s > self.lease_s:
            return GONE
        return SUSPECT if silent_s > self.lease_s / 2 else UP

    def running(self, now):
        """The time of a clock that stands still while this registry is frozen."""
        self.time += min(now - self.read_at, TURN_S)
        self.read_at = now
        return self.time
