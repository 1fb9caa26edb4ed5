"""What `python3 ponte.pyz` runs: all of Ponte in one file, made by dashboard/archive.py.

    python3 ponte.pyz WORDS             the same as `python3 demo.py WORDS`
    python3 ponte.pyz run server ...    the same as `python3 server.py ...`; or another program

This file keeps to the syntax of old versions of Python, as demo.py does, which tells the version
that is needed.
"""

import os
import runpy
import sys

if __name__ == "__main__":
    # The path of the archive may be relative, and a program may change its folder.
    sys.path[0] = os.path.abspath(sys.path[0])
    program = "demo"
    if sys.argv[1:2] == ["run"] and len(sys.argv) > 2:
        program = sys.argv[2]
        sys.argv[:3] = [program + ".py"]
    runpy.run_module(program, run_name="__main__")
