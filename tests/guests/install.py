"""Installs the clients that are missing: what Debian, PyPI and npm have of them.

Debian's packages are installed by root only, in one call; those of PyPI and npm into the folder of
this run. All three go on at the same time.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from tests.guests.clients import Guest
from tests.guests.shell import Shell

# Seconds for all packages of one kind; and for a line that prints a version.
INSTALL_S, VERSION_S = 300.0, 30.0
LINES_SHOWN = 15


def version_of(guest: Guest, shell: Shell) -> str:
    """The version of a client; "" where it is missing."""
    if not shutil.which(guest.command):
        return ""
    ended = shell.run(guest.version, VERSION_S)
    return ", ".join(ended.printed.split("\n")).strip(", ") if not ended.exit_code else ""


def install(guests: Sequence[Guest], shell: Shell) -> None:
    """Installs what is missing, as far as it can; says what could not be installed."""
    lacking = [guest for guest in guests if _lacks_packages(guest, shell)]
    lines = [_line("$PYTHON -m pip install -q --target $BUILT/site", guests, "pip"),
             _line("npm install --silent --no-audit --no-fund --prefix $BUILT",
                   [guest for guest in guests if guest not in lacking], "npm")]
    with ThreadPoolExecutor() as pool:
        pool.submit(_install_packages, lacking, shell)
        for line in filter(None, lines):
            pool.submit(_run, line, shell)
    # npm itself may be there only now.
    later = _line("npm install --silent --no-audit --no-fund --prefix $BUILT", lacking, "npm")
    if later:
        _run(later, shell)


def _lacks_packages(guest: Guest, shell: Shell) -> bool:
    """Whether packages of Debian are missing, and may be installed."""
    if not guest.packages:
        return False
    if not shutil.which(guest.command):
        return True
    return not guest.npm and not version_of(guest, shell)


def _install_packages(guests: Sequence[Guest], shell: Shell) -> None:
    if not guests or sys.platform == "win32" or not shutil.which("apt-get") \
            or os.geteuid() != 0:
        return
    print(f"installing {len(guests)} clients by apt-get", flush=True)
    command = ("apt-get install -qy --no-install-recommends --no-upgrade"
               " -o Dpkg::Options::=--force-unsafe-io")
    _run("apt-get update -q", shell)
    if not _run(_line(command, guests, "packages"), shell):
        # Perhaps a package has another name here: the others may still be installed.
        for guest in guests:
            _run(_line(command, [guest], "packages"), shell)


def _line(command: str, guests: Sequence[Guest], kind: str) -> str:
    """The command with all packages of a kind that the guests need; "" if they need none."""
    names = dict.fromkeys(name for guest in guests for name in getattr(guest, kind))
    return f"{command} {shlex.join(names)}" if names else ""


def _run(line: str, shell: Shell) -> bool:
    ended = shell.run(line, INSTALL_S)
    if ended.exit_code:
        shown = "\n    ".join(ended.printed.splitlines()[-LINES_SHOWN:])
        print(f"exit code {ended.exit_code}: {line}\n    {shown}", flush=True)
    return not ended.exit_code
