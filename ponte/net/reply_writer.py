"""How a listener writes its replies: with a Date, and with the time that a connection is kept for.

Nearly all replies begin alike: the call was answered, and the connection stays. What they begin
with changes once in a second, so it is written once for all of them.
"""

from __future__ import annotations

import time
from typing import Callable

from ponte.net.message import Reply, date_line, encode_reply


class ReplyWriter:
    """Writes the replies of a listener.

    Parameters: `kept`, the lines of one that keeps its connection; `mark(reply)`, the reply with
    the mark of who made it. One that has lines has brought its mark along.

    Safe from any thread: there is no lock, since what changes is one tuple, replaced as a whole.
    """

    def __init__(self, kept: str, mark: Callable[[Reply], Reply]) -> None:
        self._kept = kept
        self._mark = mark
        # A second since 1970, its line Date, the value of that, and how most replies begin then.
        self._latest = 0, "", "", ""

    def write(self, reply: Reply) -> bytes:
        """The bytes of a reply that is sent now. Its own Date, if it has one, stays."""
        # 1. The Date. The clock may also be set back.
        second, line, date, opening = self._latest
        if not second <= time.time() < second + 1:
            second, line, date, opening = self._latest = _opening(int(time.time()))
        # 2. The mark.
        if not reply.lines:
            reply = self._mark(reply)
        # 3. Nearly all replies. Those that a proxy passes on have a Date, most often that of now.
        status, headers, body, keep_alive, lines, own = reply
        if status == 200 and keep_alive and not headers and (own is None or own == date):
            head = f"{opening}{lines}{self._kept}Content-Length: {len(body)}\r\n\r\n"
            return head.encode("latin-1") + body
        # 4. All others.
        return encode_reply(reply, line, self._kept)


def _opening(second: int) -> tuple[int, str, str, str]:
    line = date_line(second)
    return second, line, line[len("Date: "):-2], f"HTTP/1.1 200 OK\r\n{line}"
