"""An earlier state of this project, which a section measures beside the present one."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator

from bench.processes import ROOT
from bench.report import Report

# The last commit in which each engine had its own program for a connection.
COMMIT = "166934b"


@contextlib.contextmanager
def folder_of(against: str, report: Report) -> Iterator[str | None]:
    """A folder with the project as it was at a commit; or the folder that `against` names.

    None where there is no such commit, with a note in the report. The end of the `with` block
    removes a folder that was made for it.
    """
    if os.path.isdir(against):
        yield os.path.abspath(against)
        return
    with tempfile.TemporaryDirectory(prefix="ponte-earlier-") as folder:
        why_not = _unpack(against, folder)
        if why_not:
            report.note(f"there is no commit {against} to measure against ({why_not}): its rows, "
                        "and ratios to it, are left out")
        yield None if why_not else folder


def _unpack(commit: str, folder: str) -> str:
    """Writes all files of a commit into `folder`. Returns "", or why that is not possible."""
    archive = os.path.join(folder, "commit.zip")
    try:
        done = subprocess.run(["git", "-C", ROOT, "archive", "--format=zip", f"--output={archive}",
                               "--end-of-options", commit],
                              capture_output=True, text=True, check=False)
    except OSError as error:
        return f"git: {error.strerror}"
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["git archive failed"])[-1]
    with zipfile.ZipFile(archive) as files:
        files.extractall(folder)
    return ""
