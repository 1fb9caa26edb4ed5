"""Runs Chromium, and leaves nothing of it: also when the test run is killed by SIGKILL.

    python3 -m tests.browser.keeper READING WRITING FOLDER COMMAND...

Its standard input is a pipe from the test run. When that ends, the keeper kills all processes of
Chromium and removes its folder. Chromium gets the two descriptors as its 3 and 4.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading

# Beyond 3 and 4, so that moving one descriptor does not close the other.
FIRST_FREE = 10
# Seconds for Chromium to end by itself after its pipe has ended: so it writes no broken file.
END_S = 3.0


def main() -> int:
    """Runs the command until it ends, or until standard input ends. Returns its exit code."""
    if sys.platform == "win32":
        raise SystemExit("the keeper needs the descriptors and process groups of POSIX")
    reading, writing, folder, *command = sys.argv[1:]
    pass_as_3_and_4(int(reading), int(writing))
    environment = {**os.environ, "TMPDIR": folder, "HOME": folder}
    with open(os.path.join(folder, "log"), "wb") as log:
        browser = subprocess.Popen(command, pass_fds=(3, 4), stdin=subprocess.DEVNULL, stdout=log,
                                   stderr=log, env=environment, start_new_session=True)
    os.close(3)
    os.close(4)
    threading.Thread(target=kill_at_the_end_of_input, args=(browser,), daemon=True).start()
    code = browser.wait()
    kill_group(browser.pid)
    shutil.rmtree(folder, ignore_errors=True)
    return code


def pass_as_3_and_4(reading: int, writing: int) -> None:
    """Moves both descriptors to the numbers where Chromium looks for them."""
    if sys.platform == "win32":
        return
    import fcntl  # noqa: PLC0415
    moved = [fcntl.fcntl(each, fcntl.F_DUPFD, FIRST_FREE) for each in (reading, writing)]
    for each in (reading, writing):
        os.close(each)
    for number, each in zip((3, 4), moved):
        os.dup2(each, number)
        os.close(each)


def kill_at_the_end_of_input(browser: subprocess.Popen[bytes]) -> None:
    while sys.stdin.buffer.read(1):
        pass
    try:
        browser.wait(END_S)
    except subprocess.TimeoutExpired:
        kill_group(browser.pid)


def kill_group(group: int) -> None:
    """Kills every process of the group; there may be none left."""
    if sys.platform == "win32":
        return
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass


if __name__ == "__main__":
    sys.exit(main())
