"""Votes for four answers: by the devices of a class, and by the teacher, who counts raised hands.

Pure: it takes the time, and locks nothing. One device has one vote, and may change it while the
question is open. A device is a random name that the phones' page gives to a browser (phones.py): a
class that wants to cheat can, and no vote decides anything.

Threads: one at a time; ballot.py holds a lock.
"""

from __future__ import annotations

from typing import Any

from dashboard.processes import Refused

ANSWERS = 4
# Between two votes of one device, in seconds: a finger that changes its mind is slower, and a
# program that votes in a loop changes nothing.
BETWEEN_VOTES_S = 0.5
# Devices that can vote on one question. More than a lecture hall holds, and little memory.
MAX_DEVICES = 500
# Hands that the teacher can count for one answer.
MAX_HANDS = 999
# Between two events that tell the counts, in seconds: ten a second move a bar smoothly.
BETWEEN_EVENTS_S = 0.1


class Votes:
    """The votes for one question. It is closed until `open`."""

    def __init__(self) -> None:
        self.is_open = False
        # How many hands the teacher has counted for each answer.
        self._hands = [0] * ANSWERS
        # By device: its answer, and the time of its last vote in seconds.
        self._devices: dict[str, tuple[int, float]] = {}
        # What the last event told, and when it may be followed by another, in seconds.
        self._told: dict[str, Any] = {}
        self._quiet_until = 0.0

    @property
    def counts(self) -> list[int]:
        """The votes for each answer: hands and devices together."""
        counts = list(self._hands)
        for answer, _ in self._devices.values():
            counts[answer] += 1
        return counts

    @property
    def voters(self) -> int:
        """How many devices have voted."""
        return len(self._devices)

    def open(self) -> None:
        """Begins a new question: all votes are gone, and the next `due` tells so.

        Also where nobody has voted on the question before: a page must learn that it may vote.
        """
        self.is_open = True
        self._hands, self._devices = [0] * ANSWERS, {}
        self._told, self._quiet_until = {}, 0.0

    def close(self) -> None:
        """Takes no more votes. Those that were given stay."""
        self.is_open = False

    def vote(self, device: str, answer: int, now: float) -> None:
        """The vote of a device, at the time `now` in seconds. Raises Refused, with one of the codes
        "closed", "answer", "rate" and "full".
        """
        self._must_be_open(answer)
        if device in self._devices:
            if now - self._devices[device][1] < BETWEEN_VOTES_S:
                raise Refused("rate", "too many votes from this device: wait a moment")
        elif len(self._devices) >= MAX_DEVICES:
            raise Refused("full", f"{MAX_DEVICES} devices have voted: there is no room for more")
        self._devices[device] = (answer, now)

    def press(self, answer: int, delta: int) -> None:
        """The teacher counts one hand more (`delta` 1) or one less (-1). Raises Refused."""
        self._must_be_open(answer)
        self._hands[answer] = min(max(self._hands[answer] + delta, 0), MAX_HANDS)

    def answer_of(self, device: str) -> int | None:
        """What a device has voted for; None if it has not."""
        return self._devices[device][0] if device in self._devices else None

    def due(self, now: float) -> dict[str, Any] | None:
        """The event that tells the counts, if they are new and the last one is old enough.

        A caller that asks often enough tells every change, BETWEEN_EVENTS_S late at most.
        """
        if self.told() == self._told or now < self._quiet_until:
            return None
        self._told, self._quiet_until = self.told(), now + BETWEEN_EVENTS_S
        return self._told

    def told(self) -> dict[str, Any]:
        """The counts as an event tells them."""
        return {"k": "vote", "counts": self.counts, "voters": self.voters, "open": self.is_open}

    def _must_be_open(self, answer: int) -> None:
        if not self.is_open:
            raise Refused("closed", "no question is open")
        if answer not in range(ANSWERS):
            raise Refused("answer", f"there are the answers 0 to {ANSWERS - 1}")
