"""Saves a run: bench/RESULTS.md, with the machine, the date and the commit, and bench/results.svg.
"""

from __future__ import annotations

import datetime
import os
import platform
import re
import subprocess
import sys

from bench import install, plot, reverse
from bench.processes import ROOT
from bench.report import Report, Table
from ponte.process.options import PYTHON

PAGE = os.path.join(ROOT, "bench", "RESULTS.md")
PLOT = os.path.join(ROOT, "bench", "results.svg")


def save(report: Report, targets: Table, command: str) -> None:
    parts = ["# Results",
             f"Made by `{command}`; what is measured, and how, is told in the modules "
             "of [bench/](.).",
             "\n".join(f"- {name}: {value}" for name, value in machine().items()), targets.text()]
    if report.plots:
        with open(PLOT, "w", encoding="utf-8") as file:
            file.write(plot.draw(report.plots))
        parts += ["![Calls per second over connections](results.svg)"]
    parts.append(report.text())
    with open(PAGE, "w", encoding="utf-8") as file:
        file.write("\n\n".join(parts) + "\n")


def machine() -> dict[str, str]:
    """The machine and the versions, on which the figures depend."""
    found = {"Date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
             "Commit": _commit(), "Processor": f"{_processor()}, {os.cpu_count()} cores",
             "System": f"{platform.system()} {platform.release()}",
             "Python": platform.python_version()}
    found.update(_versions())
    return found


def _processor() -> str:
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            model = re.search(r"model name\s*: (.*)", file.read())
        if model:
            return model[1]
    return platform.processor() or platform.machine()


def _commit() -> str:
    commit = _said(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"])
    changed = _said(["git", "-C", ROOT, "status", "--porcelain", "--untracked-files=no"])
    return f"{commit or 'unknown'}{' with changes' if changed else ''}"


def _versions() -> dict[str, str]:
    """The versions of the peers that are installed."""
    found = {}
    for name, program, option in (("HAProxy", "haproxy", "-v"), ("nginx", "nginx", "-v"),
                                  ("wrk", "wrk", "-v")):
        path = reverse.find(program)
        version = re.search(r"\d+\.\d[\w.]*", _said([path, option])) if path else None
        if version:
            found[name] = version[0]
    for package in install.PACKAGES:
        if install.has(package):
            ask = f"from importlib.metadata import version; print(version({package!r}))"
            found[package] = _said([install.PYTHON, "-c", ask])
    return found


def _said(command: list[str]) -> str:
    """What a program prints on both streams; empty where it cannot be run."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 or command[1:] == ["-v"] else ""


def command_line() -> str:
    return " ".join([f"{PYTHON} -m bench", *sys.argv[1:]])
