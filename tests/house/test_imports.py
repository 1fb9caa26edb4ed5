"""The layout of the house: imports run one way, and all are of the standard library or our own.

    net <- rpc, calls <- process, discovery <- the actors <- lab, interop
        <- classroom <- dashboard <- demo.py
"""

from __future__ import annotations

import ast
import functools
import subprocess
import sys
import unittest
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
# Measurements stand beside peers from elsewhere.
FOREIGN_ALLOWED = ("bench/", "tests/guests/programs/", "tests/interop/foreign/")

# Room -> the rooms that its files may import from, besides its own. A file of the top level is a
# room of its own.
FOUNDATION = {"ponte.net", "ponte.rpc", "ponte.calls", "ponte.process", "ponte.discovery"}
ACTORS = {"client", "server", "execution", "registry", "proxy", "relayed_call", "logged_call",
          "heartbeat"}
ROOMS: dict[str, set[str]] = {
    "ponte.net": set(),
    "ponte.rpc": {"ponte.net"},
    "ponte.calls": {"ponte.net"},
    "ponte.process": {"ponte.net", "ponte.rpc", "ponte.calls"},
    "ponte.discovery": {"ponte.net", "ponte.rpc", "ponte.calls"},
    "heartbeat": FOUNDATION,
    "registry": FOUNDATION,
    "execution": FOUNDATION,
    "server": FOUNDATION | {"heartbeat", "execution"},
    "relayed_call": FOUNDATION,
    "logged_call": FOUNDATION | {"relayed_call"},
    "proxy": FOUNDATION | {"heartbeat", "relayed_call", "logged_call"},
    "client": FOUNDATION,
    "services": {"server"},
    "lab": FOUNDATION | ACTORS,
    "interop": FOUNDATION | ACTORS,
    "course": FOUNDATION | ACTORS | {"lab", "classroom"},
    "classroom": FOUNDATION | ACTORS | {"lab"},
    "dashboard": FOUNDATION | ACTORS | {"lab", "classroom"},
    "demo": {"classroom", "ponte.process"},
    # It runs the others by their names.
    "__main__": set(),
}
# Arrows that the rooms do not allow, each with the reason. One that is not needed must go.
EXCEPTIONS = {
    ("ponte.discovery.at_consul", "interop.consul_registry"):
        "the one way from the actors to interop: a lazy import, where a user names consul://",
    ("server", "server"): "run as a script, it hands on to the module that services import",
}
PURE = (
    "ponte.net.address", "ponte.net.message", "ponte.net.fields", "ponte.net.target",
    "ponte.net.framing", "ponte.net.chunked", "ponte.net.known_heads", "ponte.net.parser",
    "ponte.rpc.plain",
    "ponte.calls.endpoint", "ponte.calls.budget", "ponte.calls.balancing", "ponte.calls.rule",
    "ponte.calls.once",
    "ponte.discovery.beats", "ponte.discovery.beat_reader", "ponte.discovery.lease_states",
    "ponte.discovery.leases", "ponte.discovery.lookup", "ponte.discovery.view",
    "ponte.discovery.patient_clock",
    "interop.dns_message", "interop.dns_zone", "interop.dns_update", "interop.tsig",
    "interop.consul_entries", "interop.consul_catalog",
    "interop.grpc.frames", "interop.grpc.huffman", "interop.grpc.hpack", "interop.grpc.fields",
    "interop.grpc.patience", "interop.grpc.streams", "interop.grpc.outbox",
    "interop.grpc.events", "interop.grpc.incoming", "interop.grpc.stream_table", "interop.grpc.h2")
IMPURE = frozenset(
    ("socket", "time", "threading", "select", "selectors", "asyncio", "os", "subprocess"))
# Python 3.9 does not know the names of its own modules; there the other versions of CI keep watch.
STANDARD: frozenset[str] = getattr(sys, "stdlib_module_names", frozenset())


def sources() -> list[Path]:
    """Every Python file of the project.

    These are the files that git knows, and not those that a reader has saved beside them while
    trying the README. Where git is missing, they are all files of the folder.
    """
    try:
        listed = subprocess.run(["git", "ls-files", "-z", "*.py"], cwd=ROOT, check=True,
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.decode()
    except (OSError, subprocess.CalledProcessError):
        listed = "\0".join(str(path.relative_to(ROOT)) for path in ROOT.rglob("*.py"))
    paths = [ROOT / name for name in listed.split("\0") if name]
    return [path for path in paths
            if path.exists() and not path.relative_to(ROOT).parts[0].startswith(".")]


def module_of(path: Path) -> str:
    """The name by which a file is imported."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in sources()}


def room_of(module: str) -> str:
    """The room in which a module stands."""
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] == "ponte" else parts[0]


@functools.cache
def imports(path: Path) -> frozenset[str]:
    """The modules that a file imports, anywhere in it."""
    return frozenset(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: a relative import"
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name in MODULES else str(node.module)


def own_imports(module: str) -> set[str]:
    """The modules of the project that a module of it imports."""
    return {name for name in imports(MODULES[module]) if name in MODULES}


HOUSE = {module: own_imports(module) for module in MODULES if room_of(module) in ROOMS}


class Imports(unittest.TestCase):
    """Read from the source by `ast`, so that an import inside a function counts too."""

    def test_every_arrow_is_one_of_the_design(self) -> None:
        """A message for each arrow that is not, with the reason."""
        wrong = []
        for module, imported in HOUSE.items():
            room = room_of(module)
            wrong += [f"{module} imports {other}: {room} may import from "
                      f"{', '.join(sorted(ROOMS[room])) or 'no other room'}, not from "
                      f"{room_of(other)}: arrows run one way (the table in this test)"
                      for other in imported if room_of(other) not in {room, *ROOMS[room]}
                      and (module, other) not in EXCEPTIONS]
        self.assertEqual(wrong, [])

    def test_every_exception_is_needed(self) -> None:
        for module, other in EXCEPTIONS:
            self.assertIn(other, HOUSE[module], f"{module} does not import {other} any more")

    def test_every_file_stands_in_a_room(self) -> None:
        """All but tests and measurements, which may look at everything."""
        rooms = {room_of(module) for module in MODULES} - {"tests", "bench", "ponte"}
        self.assertEqual(rooms - ROOMS.keys(), set())

    def test_there_is_no_circle(self) -> None:
        """A module that is imported does not import back, on any way."""
        remaining = {module: imported - {module} for module, imported in HOUSE.items()}
        while remaining:
            bottom = [module for module, below in remaining.items() if not below & remaining.keys()]
            self.assertTrue(bottom, f"a circle among {sorted(remaining)}")
            for module in bottom:
                del remaining[module]

    def test_the_actors_meet_on_the_wire_only(self) -> None:
        """server, proxy and client never import each other, by whatever way."""
        for actor in ("server", "proxy", "client"):
            reached, new = set(), {actor}
            while new:
                reached |= new
                new = {other for module in new for other in HOUSE[module]} - reached
            self.assertEqual(reached & {"server", "proxy", "client"}, {actor})

    def test_the_pure_core_has_no_socket_no_clock_and_no_thread(self) -> None:
        """So its tests never sleep."""
        for module in PURE:
            with self.subTest(module):
                self.assertEqual(IMPURE.intersection(imports(MODULES[module])), set())

    @unittest.skipUnless(STANDARD, "needs Python 3.10, which knows the names of its own modules")
    def test_nothing_comes_from_outside_the_standard_library(self) -> None:
        """In no file but those of the measurements, and the programs of foreign clients."""
        for path in MODULES.values():
            place = path.relative_to(ROOT)
            if place.as_posix().startswith(FOREIGN_ALLOWED):
                continue
            with self.subTest(str(place)):
                tops = {name.partition(".")[0] for name in imports(path)}
                foreign = {top for top in tops - STANDARD if not self.is_ours(top, path)}
                self.assertEqual(foreign, set())

    def is_ours(self, top: str, importer: Path) -> bool:
        """Whether a name is that of a module of the project."""
        return any((place / top).is_dir() or (place / f"{top}.py").exists()
                   for place in (ROOT, importer.parent))


if __name__ == "__main__":
    unittest.main()
