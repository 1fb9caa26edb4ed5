"""The states of a lease: for each state and each cause, the next state. Pure; all of it is a table.

An instance that is GONE may come back with its next beat: it was only cut off, or frozen. One that
has LEFT comes back only with a new life: what the table remembers of it, its *tombstone*, overrides
every beat of the same or a lower incarnation, however late it comes.

    >>> TRANSITIONS[UP, HALF_LEASE]             # half a lease has passed without a beat
    ('suspect', 'suspect')
    >>> TRANSITIONS[SUSPECT, BEAT_UP]           # and then a beat comes
    ('up', 'back')
"""

from __future__ import annotations

from ponte.calls.endpoint import READER_STATES

# The states of an instance. Readers see the first three.
UP, SUSPECT, DRAINING = READER_STATES
GONE, LEFT = "gone", "left"

# The causes of a change: a beat, by the state that it announces, or silence.
BEAT_UP, BEAT_DRAINING, BEAT_LEAVING = "up", "draining", "leaving"
HALF_LEASE, WHOLE_LEASE = "half a lease", "a whole lease"

# (state, cause) -> (next state, event). The event is recorded only if readers see a difference:
# so a beat that repeats the one before is no event. A pair that is not here cannot happen: an
# instance without a lease cannot be silent, and a lease is half over before it is over.
TRANSITIONS: dict[tuple[str, str], tuple[str, str]] = {
    (GONE, BEAT_UP): (UP, "up"),
    (GONE, BEAT_DRAINING): (DRAINING, "draining"),
    (GONE, BEAT_LEAVING): (LEFT, ""),
    (UP, BEAT_UP): (UP, "changed"),
    (UP, BEAT_DRAINING): (DRAINING, "draining"),
    (UP, BEAT_LEAVING): (LEFT, "left"),
    (UP, HALF_LEASE): (SUSPECT, "suspect"),
    (SUSPECT, BEAT_UP): (UP, "back"),
    (SUSPECT, BEAT_DRAINING): (DRAINING, "draining"),
    (SUSPECT, BEAT_LEAVING): (LEFT, "left"),
    (SUSPECT, WHOLE_LEASE): (GONE, "expired"),
    (DRAINING, BEAT_UP): (UP, "up"),
    (DRAINING, BEAT_DRAINING): (DRAINING, "changed"),
    (DRAINING, BEAT_LEAVING): (LEFT, "left"),
    # Readers are told nothing: a draining instance gets no new calls, suspect or not.
    (DRAINING, HALF_LEASE): (DRAINING, ""),
    (DRAINING, WHOLE_LEASE): (GONE, "expired"),
    # For beats of the incarnation that left. For a higher one, the instance counts as GONE.
    (LEFT, BEAT_UP): (LEFT, ""),
    (LEFT, BEAT_DRAINING): (LEFT, ""),
    (LEFT, BEAT_LEAVING): (LEFT, ""),
}
