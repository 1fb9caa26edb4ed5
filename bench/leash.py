"""Runs a program that is not Ponte's; ends it and all its children when standard input ends.

    python3 -m bench.leash nginx -c nginx.conf
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

# Seconds for the program to end in order. Then its whole group is killed.
END_S = 3.0


def main() -> None:
    if sys.platform != "win32":
        # A new group: Ctrl-C then reaches only our parent, and one signal ends the whole group.
        os.setpgrp()
    program = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
    threading.Thread(target=lambda: os._exit(program.wait()), daemon=True).start()
    while os.read(0, 1024):
        pass
    if sys.platform == "win32":
        program.kill()
        return
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.killpg(0, signal.SIGTERM)
    try:
        program.wait(END_S)
    except subprocess.TimeoutExpired:
        os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
