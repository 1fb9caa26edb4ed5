"""At most once: what a server, or a proxy, remembers of the calls that it got. Pure.

The problem: a reply is lost, and the caller cannot know whether its call has run.

The naive try is to send the call again: then a deposit runs twice. The second naive try is to give
the call an id, and to remember ids for a minute: then a request that was held up for longer than
that runs again, because nobody remembers that it has run.

The idea: a *session* and a *number*. A caller asks for a session once, and the far end makes up its
random id. Each call that is not idempotent has the next number of the session, and it also says
which is the *oldest* number whose outcome the caller still waits for. So nothing is forgotten by
age: the caller itself says what may be forgotten, and numbers below the oldest never run. A session
that is not known runs nothing at all: that one rule covers a restart, another process on the same
port, and every message that comes too late.

`TABLE` says what becomes of an attempt. An attempt of a call is one of three:

    original    the first time that its caller sends it
    repeat      its caller has sent it here before, and does not know what came of it
    resolve     its caller does not want it to run any more, and asks what came of it

The memory is bounded. First, the oldest kept reply is dropped: it is still known that its call ran.
When no reply is left, the session that was unused for the longest time is dropped, but never one
with a call under way. Both make an outcome unknown at the worst, and never a second run.

A. Birrell, B. Nelson: "Implementing Remote Procedure Calls" (1984), section 3.3. NFS 4.1 (RFC 8881
section 2.10) has sessions; C. Lee et al., "Implementing Linearizability at Large Scale and Low
Latency" (RIFL, SOSP 2015) has numbers with an oldest one.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

# Numbers from the oldest one of a session to the newest: a caller that needs more asks for another
# session. More lets a session live for longer beside a call whose outcome stays unknown; each
# number costs RECORD_BYTES.
WINDOW = 4096
# Sessions of all callers. With more callers than this, some of them ask for new sessions often, and
# what was unknown in the old ones stays unknown.
MAX_SESSIONS = 10_000
# What all sessions may hold together. More keeps more replies for callers that repeat late.
MAX_BYTES = 32 * 1024 * 1024
# What a session takes; and a number with its reply, without the reply's body. A little more than
# tests/calls/test_once.py measures.
SESSION_BYTES = 500
RECORD_BYTES = 600

# What is known of a number: the rows of the table.
NO_SESSION = "session not known"
ENDED = "below oldest, or below the floor"
UNSEEN = "not seen"
RUNNING = "running"
KEPT = "seen, reply kept"
DROPPED = "seen, reply dropped"
DEAD = "dead"

# What an attempt is: the columns of the table.
ORIGINAL, REPEAT, RESOLVE = 0, 1, 2

# What becomes of the attempt: the cells. A proxy sends on where a server runs.
RUN = "runs"
WAIT = "waits"
REPLY = "that reply"
IT_RAN = "unknown: it ran"
UNKNOWN = "unknown"
NEVER = "410: never runs"
NOT_SENT = "not sent"
KILL = "noted as dead: not sent, for ever"
REFUSE = "503: not executed, a new session"

TABLE: dict[str, tuple[str, str, str]] = {
    # what is known  original  repeat    resolve
    NO_SESSION:     (REFUSE,   UNKNOWN,  UNKNOWN),
    ENDED:          (NEVER,    UNKNOWN,  UNKNOWN),
    UNSEEN:         (RUN,      RUN,      KILL),
    RUNNING:        (WAIT,     WAIT,     WAIT),
    KEPT:           (REPLY,    REPLY,    REPLY),
    DROPPED:        (IT_RAN,   IT_RAN,   IT_RAN),
    DEAD:           (NEVER,    NOT_SENT, NOT_SENT),
}

V = TypeVar("V")
R = TypeVar("R")


class Record(Generic[V, R]):
    """What is known of one number.

    Attributes: `state`, a row of TABLE; `value`, what a proxy keeps with a call that is under way
    (a server keeps nothing); `reply`, the one that is kept.
    """

    __slots__ = ("number", "reply", "session", "size_bytes", "state", "value")

    def __init__(self, session: _Session[V, R], number: int, state: str) -> None:
        self.session = session
        self.number = number
        self.state = state
        self.value: V | None = None
        self.reply: R | None = None
        self.size_bytes = RECORD_BYTES


class _Session(Generic[V, R]):
    __slots__ = ("digest", "floor", "records", "under_way")

    def __init__(self, digest: bytes = b"") -> None:
        # Numbers below it have ended.
        self.floor = 1
        self.records: dict[int, Record[V, R]] = {}
        # Attempts that are carried out now.
        self.under_way = 0
        # Of the body that an Idempotency-Key came with.
        self.digest = digest


class Memory(Generic[V, R]):
    """The sessions of all callers. Not thread-safe.

    Parameters: the bounds, `max_sessions` and `max_bytes`; `new_id()` makes an id that no session
    of any process ever had.

    Attribute: `size_bytes`, what the sessions hold.

    >>> memory = Memory()
    >>> session = memory.open()
    >>> action, record = memory.look(session, 1, 1, ORIGINAL)
    >>> action
    'runs'
    >>> memory.begin(record, "the first run")
    >>> memory.look(session, 1, 1, REPEAT)[0]
    'waits'
    >>> memory.end(record, "its reply")
    >>> action, record = memory.look(session, 1, 1, REPEAT)
    >>> action, record.reply
    ('that reply', 'its reply')
    >>> memory.look(session, 2, 2, RESOLVE)[0]          # the caller has the reply of number 1
    'noted as dead: not sent, for ever'
    >>> memory.look(session, 2, 2, ORIGINAL)[0], memory.look(session, 1, 1, ORIGINAL)[0]
    ('410: never runs', '410: never runs')
    >>> memory.look("of another life", 1, 1, ORIGINAL)[0]
    '503: not executed, a new session'
    """

    def __init__(self, max_sessions: int | None = None, max_bytes: int | None = None,
                 new_id: Callable[[], str] = lambda: secrets.token_hex(8)) -> None:
        self.size_bytes = 0
        self._max_sessions = MAX_SESSIONS if max_sessions is None else max_sessions
        self._max_bytes = MAX_BYTES if max_bytes is None else max_bytes
        self._new_id = new_id
        # The last used at the end.
        self._sessions: OrderedDict[str, _Session[V, R]] = OrderedDict()
        # The records with a reply, in the order in which they got it. A dict keeps that order.
        self._kept: dict[Record[V, R], None] = {}

    def __len__(self) -> int:
        """How many sessions there are."""
        return len(self._sessions)

    def open(self) -> str:
        """Gives out a new session: returns its id."""
        session_id = self._new_id()
        self._add(session_id, _Session())
        return session_id

    def look(self, session_id: str, number: int, oldest: int,
             wanted: int) -> tuple[str, Record[V, R] | None]:
        """What becomes of an attempt that arrives: a cell of TABLE, and the record of its number.

        Parameters: `oldest`, up to `number`; `wanted`, ORIGINAL, REPEAT or RESOLVE. It ends what is
        below `oldest`, and notes what KILL says. After RUN, call `begin` or `refuse`.
        """
        session = self._sessions.get(session_id)
        if session is None:
            return TABLE[NO_SESSION][wanted], None
        self._sessions.move_to_end(session_id)
        # 1. Its caller has ended with the numbers below the oldest.
        if oldest > session.floor:
            self._raise_floor(session, oldest)
        # 2. What is known of this one?
        record = session.records.get(number)
        if record is None:
            record = Record(session, number, UNSEEN if number >= session.floor else ENDED)
        action = TABLE[record.state][wanted]
        # 3. From now on it must not run.
        if action is KILL:
            self._note(record, DEAD)
        return action, record

    def begin(self, record: Record[V, R], value: V | None = None) -> None:
        """Notes that a call is under way, and its first attempt too; `value` is kept with it."""
        # Before `_note`, which may drop sessions: this one stays, since it has a call under way.
        record.session.under_way += 1
        record.value = value
        self._note(record, RUNNING)

    def join(self, record: Record[V, R]) -> None:
        """Notes that one more attempt of a call is carried out: its session is not dropped."""
        record.session.under_way += 1

    def leave(self, record: Record[V, R]) -> None:
        """Notes that an attempt is no longer carried out: once for each `begin` and `join`."""
        record.session.under_way -= 1

    def end(self, record: Record[V, R], reply: R, size_bytes: int = 0) -> None:
        """Keeps the reply of a call; `size_bytes` of the memory are taken by it."""
        # The number may have ended in the meantime: its caller named a higher oldest one.
        if record.state is not RUNNING:
            return
        record.state, record.value, record.reply = KEPT, None, reply
        record.size_bytes += size_bytes
        self.size_bytes += size_bytes
        self._kept[record] = None
        if self.size_bytes > self._max_bytes:
            self._make_room()

    def kill(self, record: Record[V, R]) -> None:
        """Notes that a call without a reply has not run, and never will."""
        if record.state is UNSEEN:
            self._note(record, DEAD)
        elif record.state is RUNNING:
            record.state, record.value = DEAD, None

    def refuse(self, record: Record[V, R]) -> None:
        """Notes that a call was refused: its caller is told that it was not sent.

        So a second copy of the request must not run. But a client that has no session sends the
        call with the same key once more.
        """
        if not record.session.digest:
            self.kill(record)
        elif record.state is RUNNING:
            del record.session.records[record.number]
            self._let_go(record)

    # ---- the bounds

    def drop_reply(self) -> bool:
        """Drops the oldest reply that is kept. Returns whether there was one."""
        record = next(iter(self._kept), None)
        if record is None:
            return False
        del self._kept[record]
        self.size_bytes -= record.size_bytes - RECORD_BYTES
        record.state, record.reply, record.size_bytes = DROPPED, None, RECORD_BYTES
        return True

    def drop_session(self) -> bool:
        """Drops the session that was not used for the longest time, if one may be dropped."""
        for session_id, session in self._sessions.items():
            if not session.under_way:
                del self._sessions[session_id]
                self.size_bytes -= SESSION_BYTES
                for record in session.records.values():
                    self._let_go(record)
                return True
        return False

    # ---- the weaker promise, to clients without a session

    def look_by_key(self, key: str, digest: bytes) -> tuple[str, Record[V, R] | None]:
        """The same for a client that has no session, but says which call it is by a key of its own.

        Such a call is like number 1 of a session of its own. That is a weaker promise: if it was
        dropped, the next attempt with the same key runs. Raises ValueError if the key came with
        another body, whose `digest` differs.
        """
        # The blank keeps it apart from the ids of sessions, which have none.
        name = f"key {key}"
        session = self._sessions.get(name)
        if session is None:
            session = _Session(digest)
            self._add(name, session)
        if session.digest != digest:
            raise ValueError("this key came with another body")
        return self.look(name, 1, 1, ORIGINAL)

    def _add(self, session_id: str, session: _Session[V, R]) -> None:
        while len(self._sessions) >= self._max_sessions and self.drop_session():
            pass
        self._sessions[session_id] = session
        self.size_bytes += SESSION_BYTES
        self._make_room()

    def _note(self, record: Record[V, R], state: str) -> None:
        """From now on this is known of a number that was not seen."""
        records = record.session.records
        # A caller that keeps to the window has no more numbers than this.
        if len(records) >= WINDOW:
            self._raise_floor(record.session, sorted(records)[WINDOW // 2])
        record.state = state
        records[record.number] = record
        self.size_bytes += RECORD_BYTES
        if self.size_bytes > self._max_bytes:
            self._make_room()

    def _raise_floor(self, session: _Session[V, R], floor: int) -> None:
        """From now on the numbers below `floor` have ended."""
        records = session.records
        # Nearly always it rises by one. But a caller may name any number.
        below = range(session.floor, floor) if floor - session.floor <= len(records) \
            else [number for number in records if number < floor]
        session.floor = floor
        for number in below:
            record = records.pop(number, None)
            if record is not None:
                self._let_go(record)

    def _let_go(self, record: Record[V, R]) -> None:
        self._kept.pop(record, None)
        self.size_bytes -= record.size_bytes
        record.state, record.value, record.reply = ENDED, None, None

    def _make_room(self) -> None:
        while self.size_bytes > self._max_bytes and (self.drop_reply() or self.drop_session()):
            pass
