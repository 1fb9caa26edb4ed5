"""The demo and the roles in terminals of several sizes, resized, and with keys pressed at any time.

    python3 -m tests.terminals     half a minute; not on Windows, which has no pseudo-terminals

    emulator.py     what a terminal shows after some output: a small VT100
    session.py      a program in a pseudo-terminal, with an emulator that shows its screen
    shell.py        what Ctrl-Z and `fg` do to a program: a shell with one job
    stories.py      the demo: its screens are compared with those of a demo that nobody disturbs
    panes.py        the roles of the lesson, in six panes of 59 columns and 11 rows
"""
