"""The layout of DESIGN.md: imports run one way, and nothing comes from outside the standard library."""

from __future__ import annotations

import ast
import os
import sys
import unittest
from pathlib import Path
from typing import Dict, FrozenSet, Iterator, Set

ROOT = Path(__file__).resolve().parent.parent
FOREIGN_ALLOWED = ("bench",)        # measurements stand beside peers from elsewhere

# Who may import whom, of our own modules. An arrow that is not in this table is a decision: make it here.
ARROWS: Dict[str, Set[str]] = {
    "transport.message": set(),
    "transport.once": set(),
    "transport.fallback": set(),
    "transport.plain": set(),
    "transport.rpc": {"transport.message", "transport.plain"},
    "transport.tls": set(),
    "transport.wire": {"transport.message", "transport.tls"},
    "transport.process": {"transport.message", "transport.tls", "transport.wire"},
    "transport.keys": {"transport.process"},
    "transport.pool": {"transport.message", "transport.tls", "transport.wire"},
    "transport.hop": {"transport.fallback", "transport.message", "transport.pool", "transport.process"},
    "transport.threads": {"transport.fallback", "transport.hop", "transport.message", "transport.pool",
                          "transport.tls", "transport.wire"},
    "transport.loop": set(),
    "transport.events": {"transport.hop", "transport.loop", "transport.message", "transport.pool", "transport.threads",
                         "transport.tls", "transport.wire"},
    "transport.beats": set(),
    "heartbeat": {"transport.beats"},
    "transport.leases": {"transport.beats"},
    "transport.directory": {"transport.leases", "transport.message", "transport.pool", "transport.process",
                            "transport.rpc", "transport.tls", "transport.wire"},
    "registry": {"transport.beats", "transport.directory", "transport.keys", "transport.leases", "transport.message",
                 "transport.process", "transport.rpc", "transport.tls", "transport.wire"},
    "server": {"heartbeat", "transport.beats", "transport.hop", "transport.keys", "transport.message",
               "transport.once", "transport.process", "transport.rpc", "transport.tls", "transport.wire"},
    "proxy": {"heartbeat", "transport.beats", "transport.directory", "transport.events", "transport.fallback",
              "transport.hop", "transport.keys", "transport.leases", "transport.message", "transport.once",
              "transport.process", "transport.threads", "transport.tls", "transport.wire"},
    "client": {"transport.beats", "transport.directory", "transport.fallback", "transport.hop", "transport.message",
               "transport.pool", "transport.process", "transport.rpc", "transport.tls", "transport.wire"},
}
PURE = ("transport.message", "transport.once", "transport.fallback", "transport.beats", "transport.leases",
        "transport.plain")
IMPURE = frozenset(("socket", "time", "threading", "select", "selectors", "asyncio", "os", "subprocess"))
# sys.stdlib_module_names is there from Python 3.10 on; on 3.9 the other versions of CI keep watch.
STANDARD: FrozenSet[str] = getattr(sys, "stdlib_module_names", frozenset())


def imports(path: Path) -> Iterator[str]:
    """The modules that a file imports, anywhere in it, in full."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: a relative import"
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (name if file_of(name).exists() else str(node.module) for name in names)


def file_of(module: str) -> Path:
    return ROOT.joinpath(*module.split(".")).with_suffix(".py")


def sources() -> Iterator[Path]:
    """Every Python file of the project."""
    for folder, below, files in os.walk(ROOT):
        below[:] = [name for name in below if not name.startswith((".", "__"))]
        yield from (Path(folder, name) for name in files if name.endswith(".py"))


class Imports(unittest.TestCase):
    """Read from the source by `ast`, so that a late import inside a function counts too."""

    def test_every_arrow_is_in_the_table(self) -> None:
        """And every arrow of the table is in use: the table is the picture of the code, not of a plan."""
        for module, allowed in ARROWS.items():
            with self.subTest(module):
                own = {name for name in imports(file_of(module)) if file_of(name).exists()}
                self.assertEqual(own - {module}, allowed)     # `server` imports itself when it is run as a script

    def test_every_shared_module_has_a_row(self) -> None:
        """A new file in transport/ takes its place in the layers."""
        found = {f"transport.{path.stem}" for path in (ROOT / "transport").glob("*.py") if path.stem != "__init__"}
        self.assertEqual(found - ARROWS.keys(), set())

    def test_there_is_no_circle(self) -> None:
        """Layers: whoever is imported does not import back, on any way."""
        left = dict(ARROWS)
        while left:
            bottom = [module for module, below in left.items() if not below & left.keys()]
            self.assertTrue(bottom, f"a circle among {sorted(left)}")
            for module in bottom:
                del left[module]

    def test_the_actors_meet_on_the_wire_only(self) -> None:
        """server, proxy and client never import each other."""
        actors = {"server", "proxy", "client"}
        for actor in actors:
            self.assertEqual(ARROWS[actor] & actors, set())

    def test_the_pure_core_knows_no_socket_no_clock_and_no_thread(self) -> None:
        """That is why its tests never sleep."""
        for module in PURE:
            with self.subTest(module):
                self.assertEqual(IMPURE.intersection(imports(file_of(module))), set())

    @unittest.skipUnless(STANDARD, "Python 3.9 does not know the names of its own modules")
    def test_nothing_comes_from_outside_the_standard_library(self) -> None:
        """No dependencies, for ever: in no file, with the exception of the measurements."""
        for path in sources():
            place = path.relative_to(ROOT)
            if place.parts[0] in FOREIGN_ALLOWED:
                continue
            with self.subTest(str(place)):
                tops = {name.partition(".")[0] for name in imports(path)}
                foreign = {top for top in tops - STANDARD if not self.is_ours(top, path)}
                self.assertEqual(foreign, set())

    def is_ours(self, top: str, importer: Path) -> bool:
        return any((place / top).is_dir() or (place / f"{top}.py").exists() for place in (ROOT, importer.parent))


if __name__ == "__main__":
    unittest.main()
