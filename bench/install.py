"""Installs the peers that are not part of Python: python3 -m bench.install

They are in a separate virtual environment, bench/.venv, which may be deleted. Only the measurements
use them; a peer that is missing is reported, and is not an error.
"""

from __future__ import annotations

import os
import subprocess
import sys
import venv

from ponte.process.characters import write_any

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), ".venv")
PYTHON = os.path.join(FOLDER, *(("Scripts", "python.exe") if sys.platform == "win32"
                                else ("bin", "python")))
# The packages, and the module that each is imported as.
PACKAGES = {"Pyro5": "Pyro5.api", "rpyc": "rpyc", "grpcio": "grpc"}


def has(package: str) -> bool:
    """Whether a peer is installed."""
    if not os.path.exists(PYTHON):
        return False
    tried = subprocess.run([PYTHON, "-c", f"import {PACKAGES[package]}"], capture_output=True,
                           check=False)
    return tried.returncode == 0


def main() -> int:
    if not os.path.exists(PYTHON):
        venv.create(FOLDER, with_pip=True)
    # One by one: if one cannot be installed, the others still can.
    for package in PACKAGES:
        subprocess.run([PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                        package], check=False)
    missing = [package for package in PACKAGES if not has(package)]
    for package in PACKAGES:
        print(f"{package}: {'NOT installed' if package in missing else 'installed'}")
    return 1 if missing else 0


if __name__ == "__main__":
    write_any(sys.stdout, sys.stderr)
    sys.exit(main())
