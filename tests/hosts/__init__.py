"""Several hosts: real processes, each in a network namespace that is a host of its own.

    __main__.py     the command: python3 -m tests.hosts [NAME ...]
    lan.py          hosts at one switch, with addresses and names of their own
    enter.py        a program on such a host
    stage.py        what every story works with: hosts, processes, what they know
    tell.py         tells stories side by side, and prints a verdict for each
    names.py        the registry's name: several addresses, another address, no name server
    answers.py      a registry that answers from another address than it was asked at
    reachable.py    which address a server registers, and what a role says to type next
    one_name.py     two processes of one name, default names, a partition that heals
    frozen.py       one of two registries hangs; a process that slept
    watcher.py      a client that prints the endpoints that it knows
    port_mapping.py a port of one host that leads to another host, as a container's port does

Unlike tests/netns, where the network is bad, here it is good, but it has more than one machine.
"""
