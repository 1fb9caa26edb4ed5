"""Clients of other languages call Ponte: python3 -m tests.guests.

    __main__.py   the command line: installs, builds, visits, and counts
    clients.py    the table of the clients
    install.py    what Debian, PyPI and npm have of them
    doors.py      the processes of Ponte, and their three doors: server, proxy, proxy
    visit.py      runs one guest at one door, and judges what it prints
    shell.py      runs a line of shell, with a time limit
    values.py     the service that they call
    programs/     one short program a guest, in its own language: examples, too
"""
