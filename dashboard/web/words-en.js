/* The words of the page in English: what happened, what the diagram says, and why.

   The same keys stand in words-pt.js, with the same {fields}; a test compares them. The words
   themselves are those of docs/words.md. Buttons and headings are in the files that draw them. */
"use strict";

Object.assign(Ponte.words.en, {
    // What was let loose, and what became of it.
    "log.fault.kill": "{who} was killed (kill -9): it says no goodbye",
    "log.fault.freeze": "{who} is frozen: alive, connected, and deaf",
    "log.fault.thaw": "{who} thaws, and knows of nothing",
    "log.fault.drain": "{who} drains: it finishes its calls and takes no new ones",
    "log.fault.start": "{who} starts again",
    "log.fault.lose": "The next reply of {who} will be lost on its way",
    "log.fault.cut": "The link of {who} is cut",
    "log.fault.mend": "The link of {who} is whole again",
    "log.fault.slow": "The link of {who} is slow: {ms} ms more each way",
    "log.fault.burst": "A burst of {count} calls",
    "log.lost.reply": "A reply of {who} was lost on its way",
    "log.lost.request": "A request to {who} was lost on its way",
    "log.lost.held": "A message of {who} is held on its cut link",
    "log.lost.late": "A late reply of {who} found nobody waiting",
    "log.proc.ended": "{who} has ended",
    "log.proc.gone": "{who} is gone",
    // What the registry believes.
    "log.lease.up": "{registry}: {who} is up",
    "log.lease.back": "{registry}: {who} is back",
    "log.lease.suspect": "{registry}: {who} is suspect, half its lease has burned",
    "log.lease.expired": "{registry}: the lease of {who} is over, it is off the list",
    "log.lease.draining": "{registry}: {who} is draining, no new calls",
    "log.lease.left": "{registry}: {who} has said goodbye",
    // Truth beside belief.
    "banner.kill": "{who} was killed (kill -9), but {registry} still says: up",
    "banner.freeze": "{who} is frozen, but {registry} still says: up",
    // Calls, and the page itself.
    "log.call.unknown": "Call #{number} {method}: unknown, it may have run",
    "log.call.not sent": "Call #{number} {method}: not sent, it has not run",
    "log.resolved.answered": "Call #{number} {method} is resolved: it has run",
    "log.resolved.fault": "Call #{number} {method} is resolved: it has run, with an error",
    "log.resolved.not sent": "Call #{number} {method} is resolved: it never ran, and never will",
    "log.resolved.unknown": "Call #{number} {method}: nobody can tell yet whether it ran",
    "log.gap": "Events of {who} were lost on their way to this page: {count}",
    "log.recording.stopped": "The recording has stopped: {why}",
    // The diagram of space and time.
    "diagram.stranger": "a stranger",
    "diagram.refused": "refused",
    "diagram.lost": "lost",
    "diagram.not arrived": "not arrived",
    "diagram.no answer": "no answer",
    "diagram.late": "late",
    "diagram.nobody waits": "nobody waits",
    "diagram.unknown": "unknown",
    "diagram.told": "as told",
    "diagram.repeat": "repeat",
    "diagram.session": "session",
    "diagram.resolve": "resolve",
    "diagram.run": "runs",
    "diagram.memory": "memory",
    "event.send": "{time}: {who} sends to {other}",
    "event.recv": "{time}: {who} gets the request",
    "event.reply": "{time}: {who} sends the reply",
    "event.settle": "{time}: {who} has the reply of {other}",
    "event.gave up": "{time}: {who} waits for {other} no longer",
    "event.told": "{time}: {who} tells nothing itself; {other} says so",
    // Rule R: what it decided, and why.
    "explain.begun": "The call has begun.",
    "explain.waits": "Under way: {who} has not answered yet.",
    "explain.one": "One attempt, answered by {by}: final.",
    "explain.answered": "One attempt, answered: final.",
    "explain.fault": "{by} answered with an error of the call: that is an answer too, and final.",
    "explain.refused": "{who}: never sent, so it cannot have run. Another may be asked.",
    "explain.declined": "{who}: refused, so it has not run. Another may be asked.",
    "explain.opening":
        "{who}: no session came in time. It carried no call, so nothing ran. Another may be asked.",
    "explain.unknown.idempotent":
        "{who}: it may have run. It does no harm if it runs twice, so another may be asked.",
    "explain.unknown.alone":
        "{who}: it may have run. It does no harm if it runs twice, so it may be asked again.",
    "explain.unknown.once":
        "{who}: it may have run, and must not run twice. So only {who} may be asked again.",
    "explain.unknown.plain":
        "{who}: it may have run, and remembers no calls. So nobody is asked again.",
    "explain.again.refused": "Asked again, it refused: that tells nothing of the first attempt.",
    "explain.then.answered": "{by} answered.",
    "explain.then.memory": "{by} knew the number, and sent the first reply again: it ran once.",
    "explain.then.waited":
        "{by} knew the number, and the repeat waited for the first run: it ran once.",
    "explain.then.ran": "The number was new to {by}: it ran now, once.",
    "explain.notSent": "Nobody could be reached ({who}): it has not run. Calling again is safe.",
    "explain.nobody": "No server is known, so nothing was sent. Calling again is safe.",
    "explain.end.unknown": "No answer in time: unknown, nobody guesses.",
    "explain.end.idempotent": "No answer in time: unknown. It may be called again.",
    "explain.late": "The request came late: nobody waited any more.",
    "explain.late.refused": "The request came late and did not run: its caller had gone.",
    "explain.late.ran": "The request came late and ran: nobody waited any more.",
    "explain.resolved.waits": "Resolve asks what became of it.",
    "explain.resolved.answered": "Resolve asked, and knows: it has run once.",
    "explain.resolved.fault": "Resolve asked, and knows: it has run, with an error.",
    "explain.resolved.not sent": "Resolve asked, and knows: it has not run, and never will.",
    "explain.resolved.unknown": "Resolve asked, and nobody could tell.",
    "explain.gap":
        "Events were lost on their way to this page ({count}): the picture may lack some.",
});
