"""Soaks: a system under load and faults for a long time. What grows, and what goes wrong?

    load.py       python3 -m tests.soak: steady callers, and strangers that send garbage
    clients.py    python3 -m tests.soak --clients: clients that come and go
    worker.py     one of the processes in which they do

Both need Linux, because they read /proc. The exit code is 0 if all was well.
"""
