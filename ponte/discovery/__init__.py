"""Who is there: how servers announce themselves, and how callers find them.

    beats.py           the datagrams: what a server announces, and what a registry answers
    signing.py         which process may send one: the keys
    link.py            one registry, as a sender sees it: its places, and whether it answers
    own_beat.py        what a server is about to announce, checked at its start
    incarnations.py    the number of one life of a process
    hosts.py           which text can be the host of a server
    reachable.py       the address that a process announces, and a name made of it
    lease_states.py    the states of a lease, and what a beat or a silence makes of each
    leases.py          the lease table: where a silent server becomes suspect, and then expires
    lookup.py          what a registry answers to a reader
    view.py            what the answers of several registries mean together
    directory.py       how a process follows a service
    follower.py        the long polls at one registry, for all readers of a process
    announcer.py       what an actor asks of whoever announces it
    at_consul.py       where consul:// leads: a Consul agent in place of a registry
    patient_clock.py   a clock that stands still while its own process was stopped
    beat_reader.py     an optimisation: reading many beats quickly
    written_views.py   an optimisation: each view is written as XML once, for all its readers

The actors that use these files stand at the top level: heartbeat.py, which sends the beats, and
registry.py, which takes them.
"""
