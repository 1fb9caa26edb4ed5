"""A shell with one job, for what Ctrl-Z and `fg` do:  python3 -m tests.terminals.shell WORDS

It starts `python3 WORDS`. When that is stopped, it shows whether the terminal echoes, and any line
that is typed continues the job, with the echo turned on, as bash does. It exits as the job does.
"""

from __future__ import annotations

import os
import signal
import sys

from ponte.process.characters import write_any

if sys.platform != "win32":
    import termios

    def main() -> int:
        # A process of the background that changes the terminal would be stopped.
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        own_modes = termios.tcgetattr(0)
        job = os.fork()
        if job == 0:
            os.setpgid(0, 0)
            os.tcsetpgrp(0, os.getpgrp())
            signal.signal(signal.SIGTTOU, signal.SIG_DFL)
            os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
        while True:
            _, status = os.waitpid(job, os.WUNTRACED)
            os.tcsetpgrp(0, os.getpgrp())
            if not os.WIFSTOPPED(status):
                return os.waitstatus_to_exitcode(status)
            echo = termios.tcgetattr(0)[3] & termios.ECHO
            print("\nstopped,", "with echo" if echo else "without echo", flush=True)
            sys.stdin.readline()
            print("continued", flush=True)
            termios.tcsetattr(0, termios.TCSADRAIN, own_modes)
            os.tcsetpgrp(0, job)
            os.killpg(job, signal.SIGCONT)

    if __name__ == "__main__":
        write_any(sys.stdout, sys.stderr)
        sys.exit(main())
