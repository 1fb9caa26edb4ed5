"""The course: predict, run, see it go wrong, fix one file, check, see it work in Ponte itself.

    world.py        a small world in virtual time, and its story
    explore.py      every schedule of a small world, fewest faults first
    rung.py         a check: worlds, faults, and what must be exercised
    theirs.py       what belongs to the student
    worker.py       runs one check on a student's file, in a process of its own
    grade.py        starts the worker, and says what came of it
    bounded.py      runs a program of strangers, within bounds of time and output
    told.py         what the caller of a real call was told
    wrong.py        wrong solutions, as changes of the right one
    shelf.py        the lessons that there are
    files.py        where a student's files are, and how one is written
    progress.py     what a student has done, line after line
    personal.py     who a student is, and the number that is theirs alone
    pack.py         all that a student hands in, in one file
    likeness.py     which solutions have the same code
    collect.py      grades all that a class has handed in
    inbox.py        the folder with what a class has handed in
    report.py       what the progress of a student tells
    grade_again.py  runs the solutions in a file that was handed in
    marks.py        the marks of a class, for a spreadsheet
    handed_in.py    the sentences of handing in and of grading
    keyboard.py     lines that somebody types
    desk.py         what a student may do, one method for each word
    screen.py       the same behind keys; it checks a file whenever it is saved
    tap.py          what passes by a process of an incident
    words.py        the sentences of the course, in both languages
    selftest.py     the course checks itself
    lessons/        a folder for each lesson
    incidents/      something is wrong among real processes: who, and what?

The commands are in __main__.py: `python3 -m course --help`. Nothing else imports this room.

A lesson has start.py (what the student begins with, and makes right), reference.py (a right one),
world.py (a small world, explored), check.py (the rungs), mutants.py (wrong solutions, each with the
check that must reject it), real.py (the same file inside Ponte) and texts.py.
"""
