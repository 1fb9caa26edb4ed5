"""One registry, as a sender of beats sees it: where it is, and whether it answers.

A registry is given by a name. A name may have several places, and not all of them lead to the
registry ("localhost" is ::1 first on some machines); and a registry may move. So until one place
acks, beats go to all of them; then to this one alone. When it has been silent for a while, the name
is looked up again.

No socket, no clock and no thread: `now` is always a time in seconds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from ponte.discovery.beats import Beat
from ponte.net.address import Address
from ponte.net.names import Place, literal_place

# Seconds between two look-ups of a name that has no address, or of a silent registry.
LOOK_AGAIN_S = 2.0
# Seconds without an ack after which a registry is silent; but so many beats at least. Shorter
# reports more registries that are only slow.
SILENCE_S, SILENT_BEATS = 1.5, 3
# The most beats to one place that wait for their answers.
MAX_AWAITED = 50


class Sending(NamedTuple):
    """A beat to send: to which place of which registry, and with which key.

    `turn` counts through the keys: until a registry answers, it may have any of them. `in_vain`:
    how many beats were sent to it since its latest answer.
    """

    registry: Address
    place: Place
    beat: Beat
    turn: int
    in_vain: int


class Link:
    """One registry, as the sender sees it. Not thread-safe.

    Attributes: `next_at`, when the next beat is due; `acked_state`, which state the latest ack was
    for, empty if there was none; `refusal`, why the registry does not take our beats, empty if it
    does or says nothing.
    """

    def __init__(self, registry: Address, beat_s: float) -> None:
        self.next_at = -math.inf
        self.acked_state = ""
        self.refusal = ""
        self._registry = registry
        self._beat_s = beat_s
        literal = literal_place(registry)
        # The places of its name; the one that has acked; and the epoch of the registry at each.
        self._places = [literal] if literal else []
        self._place: Place | None = None
        self._epochs: dict[Place, str] = {}
        self._look_up_at = math.inf if literal else -math.inf
        # When the latest ack came, or the first beat was due.
        self._patient_since: float | None = None
        # When a beat was last hurried.
        self._hurried_at = -math.inf
        # The beats that may still be answered, by number; and whose turn it is to sign.
        self._awaited: dict[int, Sending] = {}
        self._turn = 0
        # How often a beat was sent since the latest answer.
        self._in_vain = 0

    def is_silent(self, now: float, patience_s: float = SILENCE_S) -> bool:
        """Whether it has not acked a beat for `patience_s`, and for SILENT_BEATS."""
        return (self._patient_since is not None
                and now - self._patient_since > max(patience_s, SILENT_BEATS * self._beat_s))

    def excuse(self, before: float, now: float) -> None:
        """The sender itself was stopped in between: its patience begins anew, with a beat.

        A registry that was silent before that stays silent until it acks.
        """
        if self._patient_since is not None and not self.is_silent(before):
            self._patient_since = now
        self.next_at = -math.inf

    # ---- beats

    def send(self, beat: Beat, now: float) -> list[Sending]:
        """A beat to each place that may lead to the registry, with the numbers after `beat.seq`."""
        if self._patient_since is None:
            self._patient_since = now
        if self.is_silent(now):
            self._place = None
        sendings = []
        for place in [self._place] if self._place else self._places:
            beat = beat._replace(seq=beat.seq + 1, epoch=self._epochs.get(place, ""))
            self._awaited[beat.seq] = Sending(self._registry, place, beat, self._turn,
                                              self._in_vain)
            sendings.append(self._awaited[beat.seq])
        while len(self._awaited) > MAX_AWAITED * len(self._places):
            del self._awaited[next(iter(self._awaited))]
        self._turn += 1
        self._in_vain += 1
        return sendings

    def awaited(self, seq: int) -> Sending | None:
        """The beat with this number, if an answer to it is awaited."""
        return self._awaited.get(seq)

    def await_none(self) -> None:
        """Ignores all answers to earlier beats."""
        self._awaited.clear()

    def hear_ack(self, sent: Sending, now: float) -> None:
        """The registry has accepted this beat: it is at this place, and has this key."""
        self._place, self._turn, self._in_vain = sent.place, sent.turn, 0
        self._patient_since, self.acked_state, self.refusal = now, sent.beat.state, ""
        self.await_none()

    def hear_epoch(self, sent: Sending, epoch: str) -> bool:
        """The registry at this place has this epoch. Returns whether that is new."""
        self._turn, self._in_vain = sent.turn, 0
        is_new = self._epochs.get(sent.place) != epoch
        self._epochs[sent.place] = epoch
        return is_new

    def hurry(self, now: float, resend_s: float) -> None:
        """Beats at once; but answers that contradict each other do not make a flood of beats."""
        self.next_at = max(now, self._hurried_at + resend_s)
        self._hurried_at = self.next_at

    # ---- places

    def needs_look_up(self, now: float) -> bool:
        """Whether the name must be looked up now. After True, not again for LOOK_AGAIN_S."""
        if self._look_up_at > now or (self._places and not self.is_silent(now)):
            return False
        self._look_up_at = now + LOOK_AGAIN_S
        return True

    def hear_places(self, places: Sequence[Place]) -> None:
        """What the name was found to mean. Beats to all of them are due, if none has acked."""
        self._places = list(dict.fromkeys(places))
        self._epochs = {place: epoch for place, epoch in self._epochs.items() if place in places}
        if self._place is None:
            self.refusal, self.next_at = "", -math.inf

    def hear_no_place(self, why: str) -> None:
        """The name leads to no place now. Places that are known from before stay."""
        self.refusal = why
