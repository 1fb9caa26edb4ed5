"""Bad input by the thousand: mutated messages for every reader of bytes that Ponte has.

    python3 -m tests.fuzz --seconds 60 --seed 1    the longer run, one line for each target
    python3 -m tests.fuzz.guided TARGET ...        guided by coverage, if `atheris` is installed

A target is a reader, and the properties that must hold for it with any bytes. The short run with
fixed seeds is tests/abuse/test_fuzz.py.

Read mutate.py, strict.py (a second reader of HTTP), messages.py, beats.py, documents.py and
targets.py, in this order.
"""
