"""What can be done to a process of the laboratory, and when: pure, a table.

    state       by kill   freeze   thaw   drain      start      for a server: lose reply, cut or
    starting    killed                                          mend, slow
    up          killed    frozen          draining              all of these
    frozen      killed             up                           all of these
    draining    killed
    killed, ended, gone                              starting

What makes no sense is refused in one line, such as "server-2 was killed: start it again first".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from classroom.actor import CAN_FREEZE, OVER

REGISTRY, PROXY, SERVER, CLIENT = "registry", "proxy", "server", "client"
OF_LINKS = ("lose reply", "cut", "mend", "slow")
# The states in which a fault makes sense.
WHEN = {
    "kill": ("starting", "up", "frozen", "draining"),
    "freeze": ("up",),
    "thaw": ("frozen",),
    "drain": ("up",),
    "start": OVER,
    "burst": ("up",),
    "lose reply": ("up", "frozen"),
    "cut": ("up", "frozen"),
    "mend": ("up", "frozen"),
    "slow": ("up", "frozen"),
}
# What each role has: who does not serve does not drain, and only servers have a link.
HAS = {
    REGISTRY: ("kill", "freeze", "thaw", "start"),
    PROXY: ("kill", "freeze", "thaw", "drain", "start"),
    SERVER: ("kill", "freeze", "thaw", "drain", "start", *OF_LINKS),
    CLIENT: ("kill", "freeze", "thaw", "start", "burst"),
}
# Why a state refuses: the code, and the words after the name.
_WHY = {
    "starting": ("starting", "is starting: wait a moment"),
    "up": ("runs", "runs"),
    "frozen": ("frozen", "is frozen: thaw it first"),
    "draining": ("draining", "drains, and will be gone in a moment"),
    "killed": ("not running", "was killed: start it again first"),
    "ended": ("not running", "has ended: start it again first"),
    "gone": ("not running", "has left: start it again first"),
}
# The same for what makes sense later only.
_TOO_SOON = {"thaw": ("not frozen", "is not frozen"), "start": ("runs", "is there already")}


class Refused(ValueError):
    """A command that makes no sense now. The text is one line; `code` names the kind of reason, for
    a page in another language, and `values` are what its sentence needs.
    """

    def __init__(self, code: str, text: str, **values: Any) -> None:
        super().__init__(text)
        self.code, self.values = code, values


@dataclass
class Member:
    """What the laboratory knows of one process. `is_cut` and `slow_ms` are those of its link."""

    name: str
    role: str
    service: str = ""
    file: str = ""
    state: str = "starting"
    is_cut: bool = False
    slow_ms: int = 0

    def can(self, can_freeze: bool = CAN_FREEZE) -> list[str]:
        """The faults that make sense now, for its buttons.

        >>> Member("proxy", "proxy", state="up").can(can_freeze=True)
        ['kill', 'freeze', 'drain']
        >>> Member("server-1", "server", state="up", is_cut=True).can(can_freeze=False)
        ['kill', 'drain', 'lose reply', 'mend', 'slow']
        >>> Member("client", "client", state="killed").can()
        ['start']
        """
        return [what for what in HAS[self.role] if self._why_not(what, can_freeze) is None]

    def check(self, what: str, can_freeze: bool = CAN_FREEZE) -> None:
        """Raises Refused where a fault makes no sense now.

        >>> Member("server-2", "server", state="killed").check("kill")
        Traceback (most recent call last):
        dashboard.processes.Refused: server-2 was killed: start it again first
        """
        why = self._why_not(what, can_freeze)
        if why:
            code, text = why
            raise Refused(code, f"{self.name} {text}", who=self.name, what=what)

    def _why_not(self, what: str, can_freeze: bool) -> tuple[str, str] | None:
        """The code and the words after its name; None where the fault makes sense."""
        why = None
        if what not in HAS[self.role]:
            why = "not for this role", "has no link: links stand before servers" \
                if what in OF_LINKS else f"is a {self.role}: there is no {what} for it"
        elif what in ("freeze", "thaw") and not can_freeze:
            why = "cannot freeze", "cannot be frozen on this system"
        elif self.state not in WHEN[what]:
            why = _WHY[self.state] if self.state in OVER else _TOO_SOON.get(what, _WHY[self.state])
        elif what == "cut" and self.is_cut:
            why = "cut", "has a link that is cut already"
        elif what == "mend" and not self.is_cut and not self.slow_ms:
            why = "healthy", "has a healthy link"
        return why
