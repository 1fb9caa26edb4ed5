"""Bad input by the thousand: mutated messages against every reader of bytes that Ponte has.

    python3 -m tests.fuzz --seconds 60 --seed 1      the longer run, one summary line for each target
    python3 -m tests.fuzz.guided TARGET ...          guided by coverage, where `atheris` can be imported

A target (targets.py) is a reader and what must hold for it whatever bytes come; tests/test_fuzz.py runs each with
fixed seeds, the command longer. Read mutate.py, strict.py (a second reader of HTTP), messages.py, beats.py,
documents.py, in this order.
"""
