"""The lesson around the middleware: a guided demo, and one terminal for each role.

    command.py      the words after `demo.py`
    story.py        the guided demo: it predicts, shows and proves, nine times
    working.py      its steps 1 to 4: everything works
    failing.py      its steps 5 and 6: a server fails, and no call does
    outcomes.py     its steps 7 and 8: a reply is lost, and all is lost: what the caller is told
    silence.py      its step 9: nobody answers; who can know what came of the call?
    attack.py       a second story: a thief steals calls; its steps 1 and 2, without a key
    attack_key.py   its steps 3 to 6: what a key stops, and what it does not
    attack_scene.py what its steps measure
    swap.py         a third story: each part of Ponte replaced by its industrial peer
    swap_scene.py   what its steps work with: programs that are not Ponte's
    stage.py        what every step works with: the processes, the screen, the proof
    cast.py         the processes that it starts, by name
    actor.py        one of them: killed, frozen and thawed, and what is told of it
    guard.py        what ends a frozen one when the demo is killed
    load.py         callers that never stop, and a record of each of their calls
    language.py     the language of what is printed: English, or Portuguese
    portuguese.py   the Portuguese sentence for each English one
    answers_portuguese.py  those of the answers of which a class chooses
    attack_portuguese.py  those of the attack
    swap_portuguese.py    those of the swap
    doctor_portuguese.py   those of doctor.py
    both.py         a text in both languages, for a page that can switch
    page_portuguese.py     those of the live page's programs (dashboard/)
    join_portuguese.py     those of joining a class
    predict_portuguese.py  those of predictions on that page
    reasons.py      what a program said, such as the reason of an error, in Portuguese
    screen.py       lines for a projector, on any console
    narrow.py       lines of a role in fewer columns
    keys.py         the echo of keys, which would write over lines that move
    roles.py        one role in a terminal of its own
    next_command.py what to type in the next terminal
    outward.py      at which address other machines reach this one
    own_name.py     the name that a server chooses by itself
    console.py      its terminal: lines, and one line of counters below them
    caller.py       the client of a lesson
    doctor.py       is this computer ready?

The English sentences stand in the code, where they are printed. Only demo.py and
dashboard/ import this room.
"""
