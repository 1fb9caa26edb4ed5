"""Exploring: every order in which the messages of a few calls can arrive, with the real code.

    scenarios.py    the worlds that are explored
    world.py        a world: what each event does
    events.py       what may happen next
    flight.py       what is under way: programs, requests, runs, and calls
    nodes.py        the real server and the real proxy, without sockets
    stub.py         a caller
    promises.py     what must hold
    search.py       breadth first through all states, and how many orders lead through them
    freezing.py     what a program and an object hold, as a value
    states.py       what a whole world holds, as a value
    words.py        the words of a story
    rules.py        the rules of the design, each of which can be taken back

The problem: a test author thinks of one failure at a time. The calls that run twice need three or
four events in one special order, such as a repeat that overtakes its original just when a reply is
dropped. A run with random faults rarely meets it.

The idea: small worlds, but all that can happen in them. There is no time: whoever waits may give up
at any moment, and a message arrives at any later moment, or never. From each state of the world,
each event that is possible is tried. States that were met before are not explored a second time.
Because the shortest orders come first, the first violation that is found has a shortest story.

The code under way is that of server.py, proxy.py, relayed_call.py and ponte/calls. A program under
way is a generator, and Python cannot copy a generator. So each order is carried out from the start,
on fresh objects: to replay ten events takes less than a millisecond.

P. Godefroid: "Model Checking for Programming Languages using VeriSoft" (1997) explores real
programs in this way; G. Holzmann's SPIN (1997) merges states that were seen before.
"""
