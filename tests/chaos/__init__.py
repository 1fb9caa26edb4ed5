"""Chaos: real processes, seeded faults, and a record of every execution that is held against every answer."""
