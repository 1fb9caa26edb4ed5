"""Chaos: real processes, faults from a seed, and a record of every execution.

At the end the record is compared with the outcome of every call (lab/checker.py).
"""
