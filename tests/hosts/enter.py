"""python3 -m tests.hosts.enter NAMESPACE ETC ARGUMENTS: Python with these arguments, on a host.

The files of the folder ETC stand in the place of those of /etc, for this process alone: `ip netns
exec` gives it mounts of its own. It becomes that process: signals, standard input and the end of it
are the same as ever.
"""

from __future__ import annotations

import os
import sys

MOUNT = ('for file in "$1"/*; do mount --bind "$file" "/etc/${file##*/}" || exit 1; done; '
         'shift; exec "$@"')

if __name__ == "__main__":
    namespace, etc, *arguments = sys.argv[1:]
    os.execvp("ip", ["ip", "netns", "exec", namespace, "sh", "-c", MOUNT, "sh", etc,
                     sys.executable, "-S", *arguments])
