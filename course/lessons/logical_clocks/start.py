"""Logical clocks: which event came before which, on machines whose wall clocks differ.

Each process has a clock of its own. It asks its clock for a stamp at each of its events:

    step()           something happens in this process
    send()           a message goes out; it carries this stamp
    receive(stamp)   a message comes in; this is the stamp that it carries

A stamp of `Lamport` is a number. An effect has a greater one than its cause.

A stamp of `Vector` is a dict: for each process, how many of its events this event knows, itself
included. So two stamps tell whether one event could be a cause of the other.

So far the first clock reads the wall clock of its machine, and the second one counts nothing.
"""

BEFORE, AFTER, AT_ONCE = "before", "after", "at once"


class Lamport:
    def __init__(self, wall):
        self.wall = wall        # wall() is the seconds on this machine's clock

    def step(self):
        return self.wall()

    def send(self):
        return self.step()

    def receive(self, time):
        return self.step()


class Vector:
    def __init__(self, name, names):
        self.name = name        # of this process
        self.names = names      # the processes that there are now; others may come

    def step(self):
        return {}

    def send(self):
        return self.step()

    def receive(self, counts):
        return self.step()


def order(one, other):
    """Whether the event with vector stamp `one` is BEFORE or AFTER another one, or AT_ONCE."""
    return AT_ONCE


def log(events):
    """The events of all processes in one order. Each has a `time`, of Lamport, and a `name`, of
    its process. Two collectors get the events in different orders, and must make the same log."""
    return sorted(events, key=lambda event: event.time)
