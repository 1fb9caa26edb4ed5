"""What every test with network namespaces needs: the command `ip`, and where it cannot be used.

Needs root on Linux. Names of namespaces begin with the number of the process that made them, so
that the next run can remove what a killed run has left.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time

_NAME = re.compile(r"ponte-(\d+)-\w+")


class NoNamespaces(Exception):
    """This machine lets us make no network namespaces; the text says why."""


def ip(*arguments: str) -> str:
    """What the command `ip` prints. Raises NoNamespaces where it fails."""
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoNamespaces(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def name_of(place: str) -> str:
    """The name of our namespace for a place, such as "servers"."""
    return f"ponte-{os.getpid()}-{place}"


def need_root() -> None:
    """Raises NoNamespaces for another user than root, and without the command `ip`."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        raise NoNamespaces("only root may make them")
    if shutil.which("ip") is None:
        raise NoNamespaces("there is no command `ip`")


def remove(name: str) -> None:
    """Removes a namespace, if it is there. Raises NoNamespaces if that fails for five seconds.

    The kernel refuses to remove one that another process is just about to enter.
    """
    patience_s = 5.0
    ends = time.monotonic() + patience_s
    while True:
        done = subprocess.run(["ip", "netns", "del", name], capture_output=True, text=True,
                              check=False)
        if not os.path.exists(os.path.join("/run/netns", name)):
            return
        if time.monotonic() > ends:
            raise NoNamespaces(f"ip netns del {name}: {done.stderr.strip()}")
        time.sleep(0.05)


def remove_leftovers() -> None:
    """Removes the namespaces of runs that were killed and could not do it themselves."""
    for name, pid in ((found[0], found[1]) for found in _NAME.finditer(ip("netns", "list"))):
        if not os.path.isdir(f"/proc/{pid}"):
            remove(name)


def exit_code_of_skipped() -> int:
    """The exit code of a run that could not be: where CI is "true", nothing may be skipped."""
    return 1 if os.environ.get("CI", "").lower() == "true" else 0
