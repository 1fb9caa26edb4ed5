"""Leases: who is alive, as a registry knows it from beats.

A server that crashes cannot take itself off a list. So it gets its place only for a while, a
*lease*, and sends beats. Each beat that counts renews the lease. A beat has:

    name       of the server
    life       grows each time when a server of this name starts
    seq        grows with each beat of one life, from 1
    port       where this life takes calls
    lease_s    seconds after this beat in which the server stays listed
    leaving    True: the server says goodbye, and stops

Beats travel as datagrams: one may be lost, or come twice, or come many seconds late. `beat` says
what becomes of a beat, the first of these that is true:

    ACK          it counts: it is newer than all that came from this name
    SUPERSEDED   a younger life has the name: an older one must not come back
    OLD          this beat, or a later one of this life, has come; or this life has said goodbye

A registry that restarts makes a new, empty table: its state is soft.

So far this table believes everything, for ever.
"""

ACK, SUPERSEDED, OLD = "ack", "superseded", "old"

# Seconds in which a late beat may still come. After that, forget what is not listed any more.
REMEMBER_S = 60.0


class Table:
    def __init__(self):
        self.ports = {}         # by name

    def beat(self, beat, now):
        """A beat has come, `now` in seconds: ACK, SUPERSEDED or OLD."""
        self.ports[beat.name] = beat.port
        return ACK

    def expire(self, now):
        """Called many times a second: does what is due."""

    def lookup(self, now):
        """The port of each server that is listed, by its name: a new dictionary."""
        return dict(self.ports)
