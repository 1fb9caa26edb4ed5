"""What stands around the middleware in a classroom. No part of the core imports it.

    command.py      the words after `demo.py`
    story.py        the guided demo: predict, watch, prove
    working.py      its steps 1 to 4, while all is well
    failing.py      its steps 5 to 8, while things break
    cast.py         the processes it starts, kills, freezes and thaws
    load.py         callers that never stop, and what they saw
    relay.py        a TCP relay that loses a reply
    screen.py       lines for a projector, on any console
    texts.py        every sentence, in English and in Portuguese
    roles.py        one role in a terminal of its own
    console.py      its terminal: lines, and counters below them
    caller.py       the client of a lesson
    doctor.py       is this computer ready?
"""
