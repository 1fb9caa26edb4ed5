"""The DevTools protocol over two pipes: JSON messages, each ended by a NUL byte.

Chromium reads commands from its file descriptor 3 and writes answers and events to 4 when it is
started with --remote-debugging-pipe. So no port is open, and no WebSocket is needed.
Source: https://chromedevtools.github.io/devtools-protocol/ (one command: id, method, params; with
sessionId it goes to a tab).
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

# A command that takes longer has hung: a screenshot on a busy machine needs some seconds.
ANSWER_S = 40.0
READ_BYTES = 1 << 20

Message = dict[str, Any]


class BrowserError(Exception):
    """Chromium has refused a command, has not answered it in time, or has ended."""


class Splitter:
    """Cuts a stream of bytes into messages."""

    def __init__(self) -> None:
        # What has come of a message that has not ended yet.
        self._pieces: list[bytes] = []

    def feed(self, data: bytes) -> Iterator[Message]:
        """The messages that end in `data`."""
        *ends, rest = data.split(b"\0")
        for end in ends:
            yield json.loads(b"".join([*self._pieces, end]))
            self._pieces = []
        if rest:
            self._pieces.append(rest)


def joined(message: Message) -> bytes:
    """The bytes of a message."""
    return json.dumps(message).encode() + b"\0"


class Pipe:
    """Commands and their answers. Thread: one that reads; events are handed on in it.

    `tell_event` gets each event. It must not send commands: their answers come by the same thread.
    """

    def __init__(self, reading: int, writing: int, tell_event: Callable[[Message], None]) -> None:
        self._reading = reading
        self._writing = writing
        self._tell_event = tell_event
        self._changed = threading.Condition()
        # Guarded by self._changed: the last number, what has been answered, whether it has ended.
        self._number = 0
        self._answers: dict[int, Message] = {}
        self._ended = False
        self._thread = threading.Thread(target=self._read, name="devtools", daemon=True)
        self._thread.start()

    def call(self, method: str, session: str = "", within_s: float = ANSWER_S,
             **params: Any) -> Message:
        """Sends a command and waits for its result. Any thread may call it.

        Raises BrowserError if Chromium refuses it, does not answer in time, or has ended.
        """
        number = self.send(method, session, **params)
        with self._changed:
            self._changed.wait_for(lambda: number in self._answers or self._ended, within_s)
            answer = self._answers.pop(number, None)
        if answer is None:
            raise BrowserError(f"{method}: "
                               + ("Chromium has ended" if self._ended
                                  else f"no answer within {within_s:.0f} s"))
        if "error" in answer:
            raise BrowserError(f"{method}: {answer['error'].get('message', answer['error'])}")
        result: Message = answer.get("result", {})
        return result

    def send(self, method: str, session: str = "", **params: Any) -> int:
        """Sends a command, and does not wait. Returns its number."""
        with self._changed:
            self._number += 1
            message: Message = {"id": self._number, "method": method, "params": params}
            if session:
                message["sessionId"] = session
            data = joined(message)
            try:
                while data:
                    data = data[os.write(self._writing, data):]
            except OSError as error:
                raise BrowserError(f"{method}: Chromium has ended ({error})") from error
            return self._number

    def close(self) -> None:
        """Closes both pipes, which ends Chromium, and waits until the reading thread has ended."""
        os.close(self._writing)
        self._thread.join(ANSWER_S)
        os.close(self._reading)

    def _read(self) -> None:
        splitter = Splitter()
        while True:
            try:
                data = os.read(self._reading, READ_BYTES)
            except OSError:
                data = b""
            if not data:
                break
            for message in splitter.feed(data):
                self._take(message)
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _take(self, message: Message) -> None:
        if "id" not in message:
            self._tell_event(message)
            return
        with self._changed:
            self._answers[message["id"]] = message
            self._changed.notify_all()
