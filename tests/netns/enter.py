"""python3 -m tests.netns.enter NAMESPACE ARGUMENTS: Python with these arguments, in a namespace.

It becomes that process, and so signals, standard input and the end of it are the same as ever.
"""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    namespace, *arguments = sys.argv[1:]
    os.execvp("ip", ["ip", "netns", "exec", namespace, sys.executable, "-S", *arguments])
