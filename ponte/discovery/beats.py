"""The datagrams of heartbeats: the beats of a server, and the answers of a registry. Pure.

The problem: anybody can send a datagram. A false beat could add a server that does not exist, or
remove one that does. A real beat could do the same, if it is recorded and sent once more.

So each datagram is signed with a key. `(incarnation, seq)` grows with each beat of an instance, and
`epoch` names one run of the registry: a recorded beat has too low a number, or an old epoch.

A datagram has at most 1,200 bytes, and can be read in `tcpdump -A`: a line with the hex HMAC-SHA256
of the rest (an empty line where no key is set), then one line of JSON:

    {"v": 1, "type": "beat", "service": "greeter", "instance": "server-1",
     "incarnation": 1700000000000, "seq": 7, "host": "127.0.0.1", "port": 41234,
     "state": "up", "lease_s": 2.0, "idempotent": ["hello"], "epoch": "9f86d081"}

A beat for a server that is not Ponte's own has also "remembers": false, and perhaps "path":
"/RPC2". An answer has the fields of `Answer`. Unknown fields, those of later versions, are passed
over. A datagram that is not authentic, or lacks a field, or has a wrong one, raises BadDatagram: it
is counted, not answered.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from ponte.discovery.hosts import is_host
from ponte.discovery.signing import Keys, keys_of, sign, signer_of
from ponte.net.target import is_path

# Seconds without a beat after which a server is gone. Shorter finds a dead server sooner, and more
# often takes a living one for dead.
LEASE_S = 2.0
# The shortest and the longest lease that a beat may ask for, in seconds.
LEASE_RANGE_S = (0.1, 60.0)
# Fits into one packet on usual networks, so that a beat is not sent in fragments.
MAX_DATAGRAM_BYTES = 1200
# Characters in a name.
MAX_NAME = 64
# The largest integer that every JSON reader can hold exactly.
MAX_INTEGER = 2 ** 53
STATES = ("up", "draining", "leaving")

_quoted = json.encoder.encode_basestring_ascii
NAME = re.compile(rf"[A-Za-z0-9_][A-Za-z0-9_.-]{{0,{MAX_NAME - 1}}}")
# An epoch, or the type of an answer.
_WORD = re.compile(rf"[A-Za-z0-9_.-]{{1,{MAX_NAME}}}")
# Letters of any language: a function may be called "saudação".
_METHOD = re.compile(rf"\w[\w.]{{0,{MAX_NAME - 1}}}")


class Beat(NamedTuple):
    """What a server announces; `incarnation` numbers its lives, `seq` the beats of one life.

    `state` is one of STATES (draining: it takes no new calls, and will leave); `idempotent` has the
    names of the functions that do no harm if they run twice; `remembers` is false for a server that
    is not Ponte's own: it has no memory of calls, and its replies do not say whose they are;
    `path` is where it takes calls, "" for the path that each server of Ponte has, /SERVICE.

    >>> beat = Beat("greeter", "server-1", incarnation=1, seq=1, host="127.0.0.1", port=41234)
    >>> decode_beat(encode_beat(beat, key=b"a secret"), key=b"a secret") == beat
    True
    >>> decode_beat(encode_beat(beat, key=b"a guess"), key=b"a secret")
    Traceback (most recent call last):
    ponte.discovery.beats.BadDatagram: signature
    """

    service: str
    instance: str
    incarnation: int
    seq: int
    host: str
    port: int
    state: str = "up"
    lease_s: float = LEASE_S
    idempotent: tuple[str, ...] = ()
    epoch: str = ""
    remembers: bool = True
    path: str = ""


# The fields that are sent only where they differ from this.
OPTIONAL = {name: Beat._field_defaults[name] for name in ("remembers", "path")}


class Answer(NamedTuple):
    """What a registry answers to a beat, which has this `incarnation` and `seq`.

    `type` is "ack"; "epoch", if the beat carries another epoch than the registry's; or
    "superseded", if a younger process has the name: `newest` is the highest incarnation known.
    """

    type: str
    instance: str
    incarnation: int
    seq: int
    epoch: str
    newest: int


class BadDatagram(ValueError):
    """A datagram to drop; `reason` is a short word, under which a registry counts it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def encode_beat(beat: Beat, key: bytes = b"") -> bytes:
    """The datagram of a beat. Raises ValueError if it is too long."""
    line = beat_to_line(beat)
    datagram = sign(line, key) + b"\n" + line
    if len(datagram) > MAX_DATAGRAM_BYTES:
        raise ValueError(f"a beat of {len(datagram)} bytes, {MAX_DATAGRAM_BYTES} at most: "
                         f"{beat.service} needs fewer or shorter names of idempotent functions")
    return datagram


def beat_to_line(beat: Beat) -> bytes:
    """The line of JSON in the datagram of a beat."""
    fields = {"v": 1, "type": "beat", **beat._asdict()}
    # Earlier versions take no beat with more fields than they know: so only where it matters.
    for name, usual in OPTIONAL.items():
        if fields[name] == usual:
            del fields[name]
    return json.dumps(fields, separators=(",", ":")).encode()


def encode_answer(answer: Answer, key: bytes = b"") -> bytes:
    """The datagram of an answer. A registry makes one for every beat: json.dumps is too slow."""
    line = (f'{{"v":1,"type":{_quoted(answer.type)},"instance":{_quoted(answer.instance)},'
            f'"incarnation":{answer.incarnation},"seq":{answer.seq},'
            f'"epoch":{_quoted(answer.epoch)},"newest":{answer.newest}}}').encode()
    return sign(line, key) + b"\n" + line


def decode_beat(datagram: bytes, key: Keys = b"") -> Beat:
    """The beat in a datagram. Raises BadDatagram for all but an authentic, valid beat."""
    return beat_from_line(authentic_line(datagram, keys_of(key))[0])


def decode_answer(datagram: bytes, key: Keys = b"") -> Answer:
    """The answer in a datagram. Raises BadDatagram for all but an authentic, valid answer."""
    fields = _fields_of(authentic_line(datagram, keys_of(key))[0])
    if not fields.keys() >= set(Answer._fields):
        raise BadDatagram("fields")
    answer = Answer(*[fields[name] for name in Answer._fields])
    # Strictly: an epoch goes back in the next beat, which must not become too long by it.
    for text in (answer.type, answer.instance, answer.epoch):
        if not isinstance(text, str) or not _WORD.fullmatch(text):
            raise BadDatagram("types")
    for number in (answer.incarnation, answer.seq, answer.newest):
        if not _is_count(number):
            raise BadDatagram("number")
    return answer


def authentic_line(datagram: bytes, keys: Sequence[bytes]) -> tuple[bytes, bytes]:
    """The line of JSON in a datagram, and which of the keys has signed it. Raises BadDatagram."""
    if len(datagram) > MAX_DATAGRAM_BYTES:
        raise BadDatagram("too long")
    signature, _, line = datagram.partition(b"\n")
    key = signer_of(line, signature, keys)
    if key is None:
        raise BadDatagram("signature")
    return line, key


def beat_from_line(line: bytes) -> Beat:
    """The beat in a line of JSON. Raises BadDatagram if it is not a valid one."""
    fields = _fields_of(line)
    if fields["type"] != "beat" or not {*fields, *OPTIONAL} >= set(Beat._fields):
        raise BadDatagram("fields")
    known = {name: fields[name] for name in Beat._fields if name in fields}
    if not isinstance(known["idempotent"], list):
        raise BadDatagram("types")
    beat = Beat(**{**known, "idempotent": tuple(known["idempotent"])})
    _check_beat(beat)
    return beat


def _fields_of(line: bytes) -> dict[str, Any]:
    """The JSON object of a line, without its version."""
    try:
        # Decoded here: json.loads would also take bytes in UTF-16.
        fields = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        raise BadDatagram("not JSON") from None
    if not isinstance(fields, dict) or "type" not in fields:
        raise BadDatagram("fields")
    version = fields.pop("v", None)
    # The type, too: in Python, True and 1.0 equal 1.
    if type(version) is not int or version != 1:
        raise BadDatagram("version")
    return fields


def _check_beat(beat: Beat) -> None:
    for name in (beat.service, beat.instance):
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise BadDatagram("name")
    # Proxies beat. A registry does not.
    if beat.service == "registry":
        raise BadDatagram("name")
    if type(beat.remembers) is not bool or type(beat.path) is not str:
        raise BadDatagram("types")
    if beat.path and not is_path(beat.path):
        raise BadDatagram("path")
    for name in beat.idempotent:
        if not isinstance(name, str) or not _METHOD.fullmatch(name):
            raise BadDatagram("method")
    for number in (beat.incarnation, beat.seq, beat.port):
        if not _is_count(number):
            raise BadDatagram("number")
    if beat.port > 65535 or not is_host(beat.host):
        raise BadDatagram("address")
    if beat.state not in STATES or not isinstance(beat.epoch, str):
        raise BadDatagram("state")
    # The type is checked, since True is an int to Python; and NaN is in no range.
    low, high = LEASE_RANGE_S
    if type(beat.lease_s) not in (int, float) or not low <= beat.lease_s <= high:
        raise BadDatagram("lease")


def _is_count(number: object) -> bool:
    return type(number) is int and 0 < number <= MAX_INTEGER
