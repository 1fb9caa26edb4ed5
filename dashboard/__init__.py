"""The live page: what really happens between the processes, for a class to see.

    command.py      `demo.py page`: its options, and how the parts below come together
    ordering.py     events in the order of their times. Pure
    missing.py      which of their numbers are missing. Pure
    ring.py         the newest events, for readers that each have their own place
    standing.py     what still holds of events that were dropped. Pure
    collector.py    takes events by UDP, orders them, and keeps them
    site.py         what the browser asks for
    web_files.py    the page's own files
    saved.py        the page that is saved: one file with everything in it
    laboratory.py   what a click does: kill, freeze, cut, a burst of calls, one more server
    lives.py        the processes, each by its name: started, and what is true of it now
    attach.py       watches processes that run already, by the registry that lists them
    processes.py    what can be done to a process, and when. Pure
    caller.py       the client of the page: calls twice a second, and does as it is told
    links.py        the link in front of each server: loses a reply, is cut, is slow
    qr.py           the QR code of the address that phones open
    class_mode.py   the class joins: what the local network reaches is opened, shown and closed
    code.py         the code that a laptop types: address, port and secret
    join.py         `demo.py join`: a server of a student takes part in a class
    knock.py        asks the gate, before that server starts, what it thinks of it
    gatekeeper.py   which beats of a class pass to the registry, and why no others. Pure
    gate.py         the UDP port of a class: takes what its gatekeeper lets pass
    phones.py       the TCP port of a class: the question, votes, and the file
    archive.py      ponte.pyz: all of Ponte in one file
    story.py        asks the class before it shows: the nine steps of the demo, or one fault
    page_stage.py   the stage on which the steps are played: all that they show becomes events
    prediction.py   a question about one fault: votes, the fault, and what came true
    questions.py    the questions, their answers, and what the events say. Pure
    seen.py         what the events of some seconds tell of their calls. Pure
    ballot.py       the question that the class sees now, and its votes
    remote.py       the presenter's remote, for which a story waits
    votes.py        votes on a question, by phones and by raised hands
    recording.py    events in a file, and back

The half of the page in web/ that draws nothing, and has tests in Node (tests/dashboard/js):

    say.js          what the page says: a key, with its fields filled in
    words-en.js     its words in English; words-pt.js: in Portuguese
    state.js        what is known at one moment
    hops.js         the hops of a call: who sent what to whom, and what became of it
    fold-calls.js   the fold over the events of calls
    fold-procs.js   the fold over the events of processes: truth beside belief
    fold-story.js   the fold over the events of a story
    fold-class.js   the fold over what is open to a class
    fold.js         takes one event into the state
    schedule.js     when each message of a call is shown, slow enough for an eye
    messages.js     what moves on the topology at a moment
    space-events.js the events of a call in happened-before order
    space-axis.js   where they stand from left to right; pauses that are cut short
    space-labels.js where words stand: never on each other, or out of the box
    space-words.js  the words of the diagram; space-times.js: its times
    spacetime.js    the space and the time of a call, as geometry
    sentences.js    what rule R decided for a call, and why
    player.js       which moment is shown: live, paused, stepped, replayed
    saved.js        reads the recording in a saved page
    story-scene.js  which scene of a story is on

Everything that the page shows is an event: a small JSON object, told by the process in which it
happened, at the moment in which it happened (ponte/process/observe.py). So the way is short:

    a process ── UDP ──► collector ─► ordering ─► ring ── long poll ──► the page: web/*.js

The naive try is a page that asks every process for its state, twice a second. It never sees a
process that was killed in between, nor the one reply that was lost. An event that is sent where it
happens arrives although its process is killed right after.

The page folds the events into a state (web/fold.js). So a live page, a page that is stepped back,
and a page that is saved and opened a year later are the same code, with other events.

Only demo.py imports this room, by the name of a module. It speaks both languages of the classroom.
"""
