"""Questions on the live page: the nine steps of the demo, and a question about any fault.

    story       begins the nine steps; `--story` begins them with the page
    predict     {fault, who}: a question about one fault on one process (questions.py)
    vote        {answer, delta}: the teacher counts hands
    next        goes on: from the votes to the fault, and from the proof to the next question
    skip        the same, but passes over the step of the question
    end story   ends what is on

The steps start processes of their own, with the names that the class knows from the page. Two
processes of one name would be a riddle. So those of the laboratory end before the story, and start
again after it. A question about a fault is about the laboratory's own processes.

Threads: one tells the story; commands and votes come on any.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Mapping
from typing import Any, Callable

from classroom.both import BothLanguages, in_both
from classroom.cast import Cast, StartFailed
from classroom.story import STEPS, Ending, play
from classroom.working import prepare
from dashboard.ballot import Ballot, Put
from dashboard.laboratory import Laboratory
from dashboard.page_stage import PageStage, told
from dashboard.prediction import Prediction
from dashboard.processes import Refused
from dashboard.remote import Ended, Remote
from dashboard.ring import Ring
from ponte.net.address import Address, show
from ponte.process import observe

# How long `close` waits for a step that runs, in seconds. Its processes are killed before.
CLOSE_S = 5.0


class Story:
    """What asks the class. A part of the page: see dashboard/command.py.

    Parameters: `put` takes events; `ring` has those of all processes; `collector`, where processes
    tell their events; `plays`: whether `start` begins the nine steps.

    Attribute: `ballot`, where phones vote.
    """

    def __init__(self, put: Put, ring: Ring, collector: Address, laboratory: Laboratory,
                 plays: bool) -> None:
        self._put, self._ring, self._collector = put, ring, collector
        self._laboratory, self._plays = laboratory, plays
        self._words = BothLanguages()
        self.ballot = Ballot(put)
        # Guarded by self._lock: who tells now, its remote, its processes, what was last told of
        # each of them, and whether `close` was called.
        self._lock = threading.Lock()
        self._teller: threading.Thread | None = None
        self._remote = Remote()
        self._cast: Cast | None = None
        self._seen: dict[str, Mapping[str, Any]] = {}
        self._closed = False
        self.commands: dict[str, Callable[[Mapping[str, Any]], object]] = {
            "story": lambda body: self._begin(self._tell_demo),
            "predict": self._predict, "vote": self._press,
            "next": lambda body: self._go_on("next"), "skip": lambda body: self._go_on("skip"),
            "end story": lambda body: self._end()}

    # ---- a part of the page

    def start(self) -> None:
        """Begins the nine steps, where the page was asked to."""
        if self._plays:
            self._begin(self._tell_demo)

    def close(self) -> None:
        """Ends what is on, with all its processes."""
        with self._lock:
            self._closed = True
            teller, cast = self._teller, self._cast
        self._remote.end()
        self.ballot.stop()
        if cast:
            # A step may wait for them.
            cast.end_all()
        if teller:
            teller.join(CLOSE_S)

    # ---- commands

    def _begin(self, plot: Callable[[], None]) -> None:
        self._must_have_processes()
        with self._lock:
            if self._closed:
                raise Refused("no story", "the page ends")
            if self._teller:
                raise Refused("story is on", "a story is on: end it first")
            self._remote = Remote()
            self._teller = threading.Thread(target=self._run, args=(plot,), name="story",
                                            daemon=True)
            self._teller.start()

    def _predict(self, body: Mapping[str, Any]) -> None:
        fault, who = str(body.get("fault", "")), str(body.get("who", ""))
        self._must_have_processes()
        prediction = Prediction(fault, who, self._laboratory, self._words)
        self._begin(lambda: self._tell_prediction(prediction))

    def _must_have_processes(self) -> None:
        if not self._laboratory.commands:
            raise Refused("only watches", "this page only watches: it has no processes for a story")

    def _press(self, body: Mapping[str, Any]) -> None:
        answer, delta = body.get("answer"), body.get("delta", 1)
        if type(answer) is not int or delta not in (1, -1):
            raise ValueError("a vote has an answer from 0 to 3, and a delta of 1 or -1")
        self.ballot.press(answer, delta)

    def _go_on(self, what: str) -> None:
        with self._lock:
            remote, is_on = self._remote, self._teller is not None
        if not is_on:
            raise Refused("no story", "no story is on")
        if not remote.press(what):
            raise Refused("step runs", "the step is still running: wait for its proof")

    def _end(self) -> None:
        with self._lock:
            if not self._teller:
                raise Refused("no story", "no story is on")
            self._remote.end()

    # ---- the thread that tells

    def _run(self, plot: Callable[[], None]) -> None:
        try:
            plot()
        finally:
            self.ballot.clear()
            with self._lock:
                self._teller = None

    def _tell_demo(self) -> None:
        """The nine steps, with processes of their own."""
        results: list[dict[str, Any]] = []
        end: dict[str, Any] = {"ended": "failed"}
        # Whatever fails on the way: what was begun ends, and the laboratory starts again.
        with contextlib.ExitStack() as closing:
            closing.callback(self._start_laboratory)
            closing.callback(lambda: self._put(told("end", results=results, **end)))
            self._put(told("begin", kind="demo", of=len(STEPS), title=in_both(
                self._words("PONTE: a bridge between processes"))))
            self._laboratory.stop()
            cast = Cast(show(self._collector), self._hear)
            closing.callback(self._forget_all)
            closing.callback(self._hold, None)
            closing.callback(cast.close)
            self._hold(cast)
            stage = PageStage(self._put, self.ballot, self._remote, cast, steps=len(STEPS))
            closing.callback(observe.stop)
            closing.callback(stage.close)
            self._tell_client()
            observe.start(self._collector, name="client")
            try:
                ending = self._tell_steps(stage, results)
                end["ended"] = "failed" if ending.what == "ended" else "finished"
                if ending.reason:
                    end["text"] = in_both(ending.reason)
            except Ended:
                end["ended"] = "stopped"

    def _hold(self, cast: Cast | None) -> None:
        """Those are the processes that `close` ends."""
        with self._lock:
            self._cast = cast

    def _tell_steps(self, stage: PageStage, results: list[dict[str, Any]]) -> Ending:
        """Plays the steps, and collects how they ended. Raises Ended."""
        ending = Ending("passed")
        for step in STEPS:
            if stage.number == 1 and ending.what == "skipped":
                # All other steps need the processes of the first one.
                ending = play(stage, prepare)
                if ending.what == "ended":
                    return ending
            ending = play(stage, step)
            self._remote.look()
            stage.show_proof(ending)
            results.append({"step": stage.number, "proves": in_both(stage.proves),
                            "what": "failed" if ending.what == "ended" else ending.what})
            if ending.what == "ended":
                return ending
            if ending.what != "skipped":
                stage.discuss()
        return Ending("passed")

    def _hear(self, event: Mapping[str, Any]) -> None:
        """What happens to a process of the story."""
        if event["k"] == "proc":
            with self._lock:
                self._seen[event["who"]] = event
        self._put(event)

    def _forget_all(self) -> None:
        """The page forgets the processes of the story, also those that were killed in it."""
        with self._lock:
            seen, self._seen = self._seen, {}
        for event in seen.values():
            # It happens now, so the time of what was told before is left out.
            told_now = {name: value for name, value in event.items() if name != "t"}
            self._put({**told_now, "state": "gone", "forget": True})

    def _tell_client(self) -> None:
        """This process calls, in a story: the page shows it as the client."""
        self._hear({"k": "proc", "p": "laboratory", "who": "client", "role": "client",
                    "state": "up", "pid": os.getpid(), "port": 0, "service": "", "can": []})

    def _start_laboratory(self) -> None:
        with self._lock:
            if self._closed:
                return
        try:
            self._laboratory.start()
        except (StartFailed, OSError) as error:
            self._put(told("end", ended="failed", text=in_both(
                self._words("The story ends here: {error}", error=error))))

    def _tell_prediction(self, prediction: Prediction) -> None:
        """One question about one fault, with the processes of the laboratory."""
        how = "stopped"
        try:
            prediction.run(self._put, self._ring, self.ballot, self._remote)
            how = "finished"
        except Ended:
            pass
        finally:
            self._put(told("end", ended=how, results=[]))
