"""The datagrams of heartbeats: what a server says of itself, and what a registry answers.

One datagram of at most 1,200 bytes, readable in `tcpdump -A`: a line with the hex HMAC-SHA256 of the rest (an empty
line where no key is set), then one line of JSON:

    {"v": 1, "type": "beat", "service": "greeter", "instance": "server-1", "incarnation": 1700000000000,
     "seq": 7, "host": "127.0.0.1", "port": 41234, "state": "up", "lease_s": 2.0, "idempotent": ["hello"],
     "epoch": "9f86d081"}

The answer looks the same: an "ack"; an "epoch" when the beat carries another boot id than the registry's own (a
recording from before a restart is worthless); or "superseded" when a younger process beats under the same name.

What is not authentic, or not exactly this, raises BadDatagram: it is dropped and counted, and never answered.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import ipaddress
import json
import re
from typing import Any, NamedTuple

LEASE_S = 2.0               # a server is gone after this long without a beat: four beats may be lost
LEASE_RANGE_S = (0.1, 60.0)
MAX_DATAGRAM_BYTES = 1200   # fits any path's MTU, so that no beat is ever fragmented
MAX_NAME = 64
MAX_INTEGER = 2 ** 53       # what every JSON reader can hold exactly
STATES = ("up", "draining", "leaving")

_quoted = json.encoder.encode_basestring_ascii
_NAME = re.compile(rf"[A-Za-z0-9_][A-Za-z0-9_.-]{{0,{MAX_NAME - 1}}}")
_METHOD = re.compile(rf"\w[\w.]{{0,{MAX_NAME - 1}}}")        # any identifier, also one like "saudação"
_HOST = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_:-]{1,63}(?:\.[A-Za-z0-9_:-]{1,63})*\.?")       # labels: RFC 1035
_NUMERIC = re.compile(r"(?:^|\.)(?:0[xX][0-9A-Fa-f]*|[0-9]+)\.?$")     # to a resolver "0" and "0x0" are 0.0.0.0


# ---- messages -------------------------------------------------------------------------------------------

class Beat(NamedTuple):
    """What a server says of itself. `(incarnation, seq)` grows with every beat."""

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


class Answer(NamedTuple):
    """What a registry says to a beat: `type` is "ack", "epoch" or "superseded".

    `incarnation` and `seq` are those of the beat; `newest` is the highest incarnation that the registry knows.
    """

    type: str
    instance: str
    incarnation: int
    seq: int
    epoch: str
    newest: int


class BadDatagram(ValueError):
    """A datagram to drop; `reason` is a short word for the counter."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def encode_beat(beat: Beat, key: bytes = b"") -> bytes:
    """The datagram of a beat. Raises ValueError if it does not fit into one."""
    datagram = _seal({"type": "beat", **beat._asdict()}, key)
    if len(datagram) > MAX_DATAGRAM_BYTES:
        raise ValueError(f"{beat.service}: its beat takes {len(datagram)} bytes, {MAX_DATAGRAM_BYTES} at most: "
                         "give fewer or shorter names to the idempotent functions")
    return datagram


def encode_answer(answer: Answer, key: bytes = b"") -> bytes:
    """The datagram of an answer. Written out: it is made for every beat, and json.dumps takes three times as long."""
    line = (f'{{"v":1,"type":{_quoted(answer.type)},"instance":{_quoted(answer.instance)},'
            f'"incarnation":{answer.incarnation},"seq":{answer.seq},'
            f'"epoch":{_quoted(answer.epoch)},"newest":{answer.newest}}}').encode()
    return _signature(line, key) + b"\n" + line


def decode_beat(datagram: bytes, key: bytes = b"") -> Beat:
    """The beat in a datagram; raises BadDatagram for everything that is not an authentic, valid beat."""
    return _beat_of(_open(datagram, key))


def _beat_of(line: bytes) -> Beat:
    fields = _fields_of(line)
    if fields.pop("type") != "beat" or set(fields) != set(Beat._fields):
        raise BadDatagram("fields")
    names = fields["idempotent"]
    if not isinstance(names, list):
        raise BadDatagram("types")
    beat = Beat(**{**fields, "idempotent": tuple(names)})
    _check_beat(beat)
    return beat


def decode_answer(datagram: bytes, key: bytes = b"") -> Answer:
    """The answer in a datagram; raises BadDatagram for everything that is not an authentic answer."""
    fields = _fields_of(_open(datagram, key))
    if set(fields) != set(Answer._fields):
        raise BadDatagram("fields")
    answer = Answer(**fields)
    for text in (answer.type, answer.instance, answer.epoch):
        if not isinstance(text, str) or len(text) > MAX_NAME:
            raise BadDatagram("types")
    for number in (answer.incarnation, answer.seq, answer.newest):
        if not _is_count(number):
            raise BadDatagram("number")
    return answer


def check_name(name: str) -> str:
    """`name` itself if it can name a service or an instance; raises ValueError otherwise."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot be a name: take up to {MAX_NAME} letters, digits, '_', '-' and '.'")
    return name


def _seal(fields: dict[str, Any], key: bytes) -> bytes:
    line = _line_of(fields)
    return _signature(line, key) + b"\n" + line


def _line_of(fields: dict[str, Any]) -> bytes:
    return json.dumps({"v": 1, **fields}, separators=(",", ":")).encode()


def _signature(line: bytes, key: bytes) -> bytes:
    if not key:
        return b""
    signature = _keyed(key).copy()      # the key is hashed once, not for every datagram
    signature.update(line)
    return signature.hexdigest().encode()


@functools.lru_cache(maxsize=8)
def _keyed(key: bytes) -> hmac.HMAC:
    return hmac.new(key, digestmod=hashlib.sha256)


def _open(datagram: bytes, key: bytes) -> bytes:
    """The line of an authentic datagram. RFC 2104 for the signature."""
    if len(datagram) > MAX_DATAGRAM_BYTES:
        raise BadDatagram("too long")
    signature, _, line = datagram.partition(b"\n")
    if not hmac.compare_digest(signature, _signature(line, key)):
        raise BadDatagram("signature")
    return line


def _fields_of(line: bytes) -> dict[str, Any]:
    """The JSON object of a line, without its version."""
    try:
        fields = json.loads(line.decode("utf-8"))       # bytes could be UTF-16 to it
    except (ValueError, RecursionError):
        raise BadDatagram("not JSON") from None
    if not isinstance(fields, dict) or "type" not in fields:
        raise BadDatagram("fields")
    version = fields.pop("v", None)
    if type(version) is not int or version != 1:        # True equals 1, too
        raise BadDatagram("version")
    return fields


def _check_beat(beat: Beat) -> None:
    for name in (beat.service, beat.instance):
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise BadDatagram("name")
    for name in beat.idempotent:
        if not isinstance(name, str) or not _METHOD.fullmatch(name):
            raise BadDatagram("method")
    for number in (beat.incarnation, beat.seq, beat.port):
        if not _is_count(number):
            raise BadDatagram("number")
    if beat.port > 65535 or not _is_host(beat.host):
        raise BadDatagram("address")
    if beat.state not in STATES or not isinstance(beat.epoch, str):
        raise BadDatagram("state")
    if type(beat.lease_s) not in (int, float) or not LEASE_RANGE_S[0] <= beat.lease_s <= LEASE_RANGE_S[1]:
        raise BadDatagram("lease")      # NaN fails both comparisons


def _is_count(number: object) -> bool:
    return type(number) is int and 0 < number <= MAX_INTEGER


def _is_host(host: object) -> bool:
    """Whether calls can be sent there: a name, or an address that is neither a wildcard nor multicast."""
    if not isinstance(host, str) or not _HOST.fullmatch(host):
        return False
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return not _NUMERIC.search(host)
    address = getattr(address, "ipv4_mapped", None) or address
    return not (address.is_unspecified or address.is_multicast)
