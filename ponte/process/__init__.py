"""What every process of Ponte does in the same way, whichever actor it is.

    options.py      the command line: options that all processes share, and errors of one line
    typed.py        commands that a user can type as they are printed
    characters.py   what is written where an encoding lacks a character
    services.py     loads the functions of a services file
    served_names.py  which of its names are served, and why the others are not
    taken_names.py  neighbours of it that cannot be imported: Ponte or Python has their name
    own_files.py    files and programs of Ponte, in a folder or in an archive
    keys.py         the key that signs heartbeats: where it comes from, and who may read it
    output.py       lines that are printed without making anybody wait
    logs.py         the forms of log lines; a count of the threads that died
    running.py      from the first line of a process to its exit code
    stopping.py     waiting for the signal to stop, and leaving without losing a call (draining)
    departure.py    how a server or proxy leaves by itself, when its name is taken
    pages.py        the pages of a process: /, /health, /status and /metrics
    front_page.py   what / shows to people
    shared_clock.py  one clock for all processes of a machine
    observe.py      tells a watcher on this machine what happens, while it happens
    observed_call.py  what stub, proxy and server tell of a call
    attaching.py    a watcher that asks a running process for its events
    families.py     which numbers /metrics shows of each role
    measures.py     histograms of durations, and the text format that Prometheus reads
"""
