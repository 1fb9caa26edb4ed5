"""python -m tests.fuzz.guided TARGET [CORPUS] [-max_total_time=N ...]: fuzzing guided by coverage.

It needs the package `atheris`, which Ponte itself does not use, so give it its own environment:

    python3 -m venv fuzzing && fuzzing/bin/pip install atheris
    fuzzing/bin/python -m tests.fuzz.guided requests -max_total_time=300

The options are those of libFuzzer. It sees which lines and comparisons an input reaches, and
mutates the inputs that reach new ones. A property that does not hold ends the run. CORPUS is a
folder in which it keeps such inputs. The seeds and words of the target are in a temporary folder.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ponte.process.characters import write_any
from tests.fuzz.mutate import Target

READERS = ("ponte.net.assembly", "ponte.net.parser", "ponte.net.fields", "ponte.net.framing",
           "ponte.net.chunked", "ponte.net.target", "ponte.net.known_heads", "ponte.net.message",
           "ponte.rpc.marshal", "ponte.rpc.plain", "ponte.discovery.beats", "xmlrpc.client",
           "json.decoder", "interop.grpc.huffman", "interop.grpc.hpack",
           "interop.grpc.incoming", "interop.grpc.stream_table", "interop.grpc.h2",
           "interop.grpc.protobuf", "interop.grpc.descriptors", "interop.grpc.framing")


def main(arguments: Sequence[str]) -> int:
    try:
        atheris = importlib.import_module("atheris")
    except ImportError:
        print("guided: no atheris for this Python; see the top of tests/fuzz/guided.py",
              file=sys.stderr)
        return 2
    with atheris.instrument_imports(include=READERS):
        for reader in READERS:
            importlib.import_module(reader)
    targets: Sequence[Target] = importlib.import_module("tests.fuzz.targets").TARGETS
    chosen = [target for target in targets if arguments and target.name == arguments[0]]
    if not chosen:
        print(f"guided: name one of {', '.join(target.name for target in targets)}",
              file=sys.stderr)
        return 2
    target, = chosen

    def check(data: bytes) -> None:
        target.check(data)

    with tempfile.TemporaryDirectory(prefix="ponte-fuzz.") as folder:
        options = seed(Path(folder), target)
        own = [word for word in arguments[1:] if not word.startswith("-")]
        given = [word for word in arguments[1:] if word.startswith("-")]
        atheris.Setup([sys.argv[0], *given, options[0], *own, *options[1:]], check)
        # This ends the process.
        atheris.Fuzz()
    return 0


def seed(folder: Path, target: Target) -> list[str]:
    """Writes the target's seeds and words; returns the arguments that name them."""
    seeds, words = folder / "seeds", folder / "words"
    seeds.mkdir()
    for number, data in enumerate(target.seeds):
        (seeds / str(number)).write_bytes(data)
    escaped = ("".join(f"\\x{byte:02x}" for byte in word) for word in target.words if word)
    words.write_text("".join(f'"{word}"\n' for word in escaped), encoding="ascii")
    return [f"-dict={words}", str(seeds)]


if __name__ == "__main__":
    write_any(sys.stdout, sys.stderr)
    sys.exit(main(sys.argv[1:]))
