"""The incidents: something is wrong among real processes. Who, and what? Read, measure, answer.

    incident.py         what every incident has
    wrong_key.py        A: a server with the key of last year
    lost_answers.py     B: answers are lost, and the registry restarts
    legacy_client.py    C: replies are lost, and a client does not mark its calls
    stale_view.py       D: a proxy that follows a dead registry
    slow_server.py      E: a server that is slow, and nothing else
    start.py            the command: starts one, or answers one that runs
    screen.py           plants the trouble, and takes the answer
    answer.py           how an answer is graded
    running.py          the incident that runs, seen from any terminal
    texts.py            the sentences, in both languages
    system.py           the processes of an incident, their doors and their files
    door.py             passes all on, and notes each message
    messages.py         a message in one line
    caller.py           a process that calls again and again
    shop.py             the service of incident E

    python3 -m course incident a              until Enter
    python3 -m course incident a answer       in another terminal; or type it in the same one
    python3 -m course incident a hint
    python3 -m course tap server-1            what passes by a process (course/tap.py)
"""
