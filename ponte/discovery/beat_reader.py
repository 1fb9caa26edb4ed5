"""An optimisation: skip it at first. Reads many beats quickly. Pure.

The problem: a registry may get tens of thousands of beats a second, and parsing them would take
most of its time. But nearly every beat repeats the beat before it, with a new number.

The idea: remember each line without the number after "seq":. If a new line differs from it only in
this number, it means the same beat with the new number. Only the number is read and checked.
"""

from __future__ import annotations

import re
from typing import Any

from ponte.discovery.beats import (
    MAX_INTEGER,
    Beat,
    authentic_line,
    beat_from_line,
    beat_to_line,
)
from ponte.discovery.signing import Keys, keys_of

# Lines that a reader remembers, at some 500 bytes each. More senders than this are read slowly.
MAX_KNOWN = 200_000

# A number as JSON writes it: no sign, and no zero in front.
_DIGITS = re.compile(rb"[1-9][0-9]{0,15}")


class BeatReader:
    """Reads the beats of many senders, with the results of `decode_beat`. For one thread.

    Attribute: `key`, the one of its keys that signed the latest beat. The answer must be signed
    with the same key: the sender may not have the others.

    >>> from ponte.discovery.beats import encode_beat
    >>> beat = Beat("greeter", "server-1", incarnation=1, seq=1, host="127.0.0.1", port=41234)
    >>> reader = BeatReader()
    >>> reader.read(encode_beat(beat)).seq                      # parsed, and remembered
    1
    >>> reader.read(encode_beat(beat._replace(seq=2))).seq      # only the number is read
    2
    """

    def __init__(self, key: Keys = b"") -> None:
        self._keys = keys_of(key)
        self.key = self._keys[0]
        # A line without its number -> its beat; and those not read since the last `age`.
        self._known: dict[bytes, Beat] = {}
        self._aging: dict[bytes, Beat] = {}
        # Values that many beats have in common, such as the epoch: one object for all of them.
        self._shared: dict[Any, Any] = {}

    def read(self, datagram: bytes) -> Beat:
        """The beat in a datagram. Raises BadDatagram as `decode_beat` does."""
        # 1. Take the number out of the line.
        line, self.key = authentic_line(datagram, self._keys)
        head, seq, rest = line.partition(b'"seq":')
        digits, _, tail = rest.partition(b",")
        numberless = head + seq + tail
        # 2. A known line: only its number is new.
        known = self._known.get(numberless) or self._aging.get(numberless)
        if known and _DIGITS.fullmatch(digits) and int(digits) <= MAX_INTEGER:
            beat = known._replace(seq=int(digits))
        # 3. Any other: parse it. It is remembered only if it has the form that `encode_beat` gives
        #    it. In another form, what follows the first "seq": may not be the number of the beat.
        #    (So a line with fields of a later version is parsed each time.)
        else:
            beat = self._with_shared_values(beat_from_line(line))
            if line != beat_to_line(beat):
                return beat
        if len(self._known) < MAX_KNOWN:
            self._known[numberless] = beat
        return beat

    def age(self) -> None:
        """Forgets the lines that were not read since the last call."""
        self._known, self._aging, self._shared = {}, self._known, {}

    def _with_shared_values(self, beat: Beat) -> Beat:
        if len(self._shared) >= MAX_KNOWN:
            self._shared.clear()
        shared = self._shared.setdefault
        return beat._replace(service=shared(beat.service, beat.service),
                             host=shared(beat.host, beat.host),
                             state=shared(beat.state, beat.state),
                             epoch=shared(beat.epoch, beat.epoch),
                             path=shared(beat.path, beat.path),
                             idempotent=shared(beat.idempotent, beat.idempotent))
