"""The processes of an incident: registries, servers, proxies and callers. Each is a real process of
Ponte, and has its doors (door.py).

    callers ──► Door ──► server or proxy ──► Door ──► registry's Door ──► registry

What passes by NAME stands in the file NAME.tap, and what it prints in NAME.log, both in FOLDER.
There `state.json` says which incident runs, and another terminal finds all that it needs.

Threads: those of the doors and of the processes. The methods belong to one thread.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import socket
import threading
import time
from collections.abc import Sequence
from typing import Any, Protocol

from classroom.actor import CLIENT, Actor, read_status
from classroom.cast import Cast
from course.files import WORK
from course.incidents.door import Door
from course.incidents.messages import Note
from lab.accepter import Accepter
from ponte.net.address import Address, show
from ponte.net.pool import Pool
from ponte.process.own_files import own_file, read

FOLDER = os.path.join(WORK, "incident")
STATE = "state.json"
TAP, LOG = ".tap", ".log"
# A file of messages that has become longer begins anew.
MAX_TAP_BYTES = 4_000_000
TIMED = re.compile(r"\d\d:\d\d:\d\d")


class Closable(Protocol):
    """A door, or a relay of the laboratory."""

    def close(self) -> None: ...


class Lines:
    """A file that gets lines, and begins anew when it has become long. Threads: any."""

    def __init__(self, path: str) -> None:
        # Guarded by self._lock: the file.
        self._lock = threading.Lock()
        # The same on every system: `tap` reads its bytes.
        self._file = open(path, "w", encoding="utf-8", newline="\n")  # noqa: SIM115

    def add(self, line: str) -> None:
        # OSError: the disk is full; the incident goes on. ValueError: the file is closed already.
        with self._lock, contextlib.suppress(OSError, ValueError):
            if self._file.tell() > MAX_TAP_BYTES:
                self._file.seek(0)
                self._file.truncate()
            self._file.write(f"{line}\n")
            self._file.flush()

    def close(self) -> None:
        with self._lock, contextlib.suppress(OSError):
            self._file.close()


class System:
    """All processes of an incident, by name, in `folder`. Close it."""

    def __init__(self, folder: str = FOLDER) -> None:
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        for name in os.listdir(folder):
            if name.endswith((TAP, LOG)) or name == STATE:
                # On Windows a file that somebody reads just now stays; then it is written anew.
                with contextlib.suppress(PermissionError):
                    os.unlink(os.path.join(folder, name))
        self.cast = Cast(on_line=self._hear)
        # By name: where others find it, and the role of each.
        self.doors: dict[str, Door] = {}
        self.roles: dict[str, str] = {}
        # It says its word as long as the incident runs: another terminal asks there (running.py).
        self._word = secrets.token_hex(8)
        self._alive = Accepter(socket.create_server(("127.0.0.1", 0)), self._say_alive)
        # The doors to registries, and what else is to be closed.
        self._others: list[Closable] = []
        # Guarded by self._lock: the files.
        self._lock = threading.Lock()
        self._files: dict[str, Lines] = {}

    # ---- who takes part

    def registry(self, name: str = "registry") -> Actor:
        actor = self.cast.start_registry(name)
        self._door(name, "registry").target = actor.address
        return actor

    def begin_again(self, name: str) -> None:
        """Kills a registry, and starts it again at the same port."""
        port = self.cast[name].address[1]
        self.cast[name].kill()
        self.cast.start_registry(name, port)

    def server(self, name: str, file: str, *registries: Address,
               behind: Address | None = None) -> Actor:
        """Starts a server of a file, which beats to these registries; does not wait for it.

        It announces its door, or what stands before that: `behind`.
        """
        service = os.path.splitext(os.path.basename(file))[0]
        door = self.doors.get(name) or self._door(name, "server")
        return self.cast.start_server(name, service, self._links(name, registries),
                                      advertise=behind or door.address, file=file)

    def proxy(self, name: str, *registries: Address, balance: str = "round_robin") -> Actor:
        """Starts a proxy that follows these registries; does not wait for it."""
        door = self._door(name, "proxy")
        listed = ",".join(map(show, self._links(name, registries)))
        return self.cast.start(name, "proxy.py", "--port", "0", "--name", name,
                               "--registry", listed, "--advertise", show(door.address),
                               "--balance", balance, role="proxy")

    def caller(self, name: str, *options: str) -> Actor:
        """Starts a caller (caller.py); does not wait for it."""
        self.roles[name] = CLIENT
        return self.cast.start(name, "-m", "course.incidents.caller", name, *options, role=CLIENT)

    def shut(self, name: str) -> None:
        """Closes the door of a process that is no more: a connection is refused from now on."""
        self.doors[name].close()

    def also(self, part: Closable) -> None:
        """Closes that, too, in the end: a relay of the laboratory."""
        self._others.append(part)

    def await_all(self) -> None:
        """Waits until each process is there, and opens its door. Raises StartFailed."""
        for name, door in self.doors.items():
            door.target = self.cast[name].await_banner().address
        for name, role in self.roles.items():
            if role == CLIENT:
                self.cast[name].await_banner()

    def where(self, name: str) -> str:
        """The address of its door."""
        return show(self.doors[name].address)

    # ---- what others are told

    def parts(self) -> dict[str, dict[str, str]]:
        """Who takes part, by name: the role, and the addresses of the door and of the process."""
        return {name: {"role": role, "door": show(self.doors[name].address),
                       "real": show(self.cast[name].address)} if name in self.doors else
                {"role": role} for name, role in self.roles.items()}

    def write_state(self, **more: Any) -> None:
        """Writes who takes part, for another terminal."""
        path = os.path.join(self.folder, STATE)
        with open(f"{path}.new", "w", encoding="utf-8") as file:
            json.dump({"parts": self.parts(), "alive": show(self._alive.address),
                       "word": self._word, **more}, file)
        os.replace(f"{path}.new", path)

    def own_service(self, name: str) -> str:
        """A copy of a service of this room in the folder; beside it stand the files that it reads.
        """
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(read(own_file("course", "incidents", name)))
        return os.path.abspath(path)

    def close(self) -> None:
        """Ends every process and every door; the files of taps and logs stay to be read."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(self.folder, STATE))
        self._alive.close()
        self.cast.close()
        for part in (*self.doors.values(), *self._others):
            part.close()
        with self._lock:
            for lines in self._files.values():
                lines.close()

    def _links(self, name: str, registries: Sequence[Address]) -> list[Address]:
        """The addresses of doors through which `name` reaches registries."""
        doors = [Door(lambda into, note: self._note(name, into, note), leads_in=False,
                      target=address) for address in registries]
        self._others.extend(doors)
        return [door.address for door in doors]

    def _say_alive(self, asking: socket.socket) -> None:
        with contextlib.suppress(OSError), asking:
            asking.sendall(self._word.encode())

    def _door(self, name: str, role: str) -> Door:
        door = Door(lambda into, note: self._note(name, into, note), leads_in=True)
        self.doors[name], self.roles[name] = door, role
        # So that `tap` finds a file also before the first message.
        self._lines(f"{name}{TAP}")
        return door

    def _note(self, name: str, into: bool, note: Note) -> None:
        self._lines(f"{name}{TAP}").add(json.dumps(
            {"at": round(time.time(), 4), "name": name, "into": into, **note}))

    def _hear(self, name: str, line: str) -> None:
        # Many lines have a time already.
        time_of_day = "" if TIMED.match(line) else time.strftime("%H:%M:%S ")
        self._lines(f"{name}{LOG}").add(f"{time_of_day}{line}")

    def _lines(self, file: str) -> Lines:
        with self._lock:
            if file not in self._files:
                self._files[file] = Lines(os.path.join(self.folder, file))
            return self._files[file]


class Pages:
    """The real pages of the processes of an incident that runs, as its state has them. Close it."""

    def __init__(self, parts: dict[str, dict[str, str]]) -> None:
        self.parts = parts
        self._pool = Pool()

    def address(self, name: str, way: str = "real") -> Address:
        host, _, port = self.parts[name][way].rpartition(":")
        return host, int(port)

    def status(self, name: str) -> dict[str, Any]:
        """Its /status page. Raises OSError or ValueError."""
        return read_status(self._pool, self.address(name))

    def close(self) -> None:
        self._pool.close()
