"""Steps 3 to 6 of the attack: what a key stops, and what it does not.

Each step predicts, shows what happens, and adds the checks of its proof.
"""

from __future__ import annotations

import contextlib
import os
import random
import socket
import stat
import time
from xmlrpc.client import ServerProxy

from classroom.attack_scene import (
    PATIENCE_S,
    VICTIM,
    call_greeter,
    datagrams,
    listed,
    loot,
    restart_registry,
    run_client,
    say_command,
    shown,
)
from classroom.cast import Actor, run_program
from classroom.failing import DEAD_S
from classroom.stage import Stage
from classroom.working import NEWS_S
from lab.tcp_relay import TcpRelay
from lab.thief import NOTHING
from lab.udp_relay import UdpRelay
from ponte.discovery.beats import decode_answer
from ponte.net.address import show
from ponte.net.datagrams import LONGEST_BYTES
from ponte.process.keys import NEW_KEY_BYTES, read_key

# The type of an answer that only tells the epoch: the beat had another one, and changed nothing.
EPOCH = "epoch"
CENTS = 1000
# Forged beats to see refused, and how often a recorded one is sent again.
TIMES = 3
# How long we listen for an answer that is not to come, in seconds.
SILENCE_S = 0.1


# ---- 3 the key ----------------------------------------------------------------------------------

def turn_the_key(stage: Stage) -> None:
    stage.predict("TURN THE KEY",
                  "A secret key is to sign every beat. Which processes need a copy of its file?",
                  "THE KEY → THE TRUE SERVER IS BACK")
    cast = stage.cast
    path = os.path.join(cast.folder(), "lab.key")
    make = ["registry.py", "--make-key", path]
    say_command(stage, make)
    made = run_program(*make)
    stage.tell("every machine that takes part needs a copy of this file; nobody else may have one")
    cast.key_file = path
    registry = restart_registry(stage)
    say_command(stage, registry.arguments)
    cast[VICTIM].kill()
    server = cast.start_server(VICTIM, "greeter", registry).await_banner()
    say_command(stage, server.arguments)
    stage.until(lambda: listed(stage, VICTIM) == server.address, PATIENCE_S)
    stage.tell("client.py sends no beats: it takes --key-file too, and needs none. "
               "The thief has none")

    count = len(bytes.fromhex(read_key(path).decode()))
    stage.check(made.returncode == 0 and count == NEW_KEY_BYTES, "the key has {count} random bytes",
                count=count)
    # Windows has no modes.
    if os.name == "posix":
        mode = stat.S_IMODE(os.stat(path).st_mode)
        stage.check(mode == 0o600, "its file has the mode {mode:o}: only its owner may open it",
                    mode=mode)
    now = listed(stage, VICTIM)
    stage.check_limit(now == server.address,
                      "lookup names {address}, where the true {name} listens",
                      address=shown(now), name=VICTIM)


# ---- 4 the forged beats, with a key -------------------------------------------------------------

def try_again(stage: Stage) -> None:
    stage.predict("THE SAME BEATS AGAIN",
                  "The thief has never stopped. What does it hear now, and who gets the next call?",
                  "NO SIGNATURE → NO ANSWER, AND COUNTED")
    server, thief = stage.cast[VICTIM], stage.cast["thief"]
    before = loot(thief.lines())
    dropped_before, acked_before = datagrams(stage, "signature"), _acked(server)
    # Beats of the server show that it is not everybody whom the registry refuses.
    stage.until(lambda: datagrams(stage, "signature") >= dropped_before + TIMES
                and _acked(server) > acked_before, PATIENCE_S)
    count = datagrams(stage, "signature") - dropped_before
    acked = max(_acked(server) - acked_before, 0)
    stage.tell("the registry has dropped {count} beats of the thief for their signature",
               count=count)
    value, code = call_greeter(stage, "Hello", "--key-file", stage.cast.key_file)

    got, now = loot(thief.lines()), listed(stage, VICTIM)
    stage.check_limit(count >= TIMES and acked > 0,
                      "forged beats refused and counted: {count}; "
                      "beats of {name} acknowledged: {acked}",
                      count=count, name=VICTIM, acked=acked)
    # The thief tells changes only: so also what held when this step began.
    answers = [answer for answer in got.answers[len(before.answers) - 1:] if answer != NOTHING]
    stage.check(not answers, "answers that the thief got in this step: {answers}",
                answers=", ".join(answers) or stage.words("none"))
    stage.check((value, code, now) == ("World", 0, server.address),
                'the client got "{value}"; lookup names {address}, the true {name}',
                value=value, address=shown(now), name=VICTIM)
    stage.check(got.calls == before.calls, "calls that the thief took in this step: {count}",
                count=len(got.calls) - len(before.calls))


def _acked(server: Actor) -> int:
    """How many beats of a server the registry has acknowledged, as the server counts them.

    0 for a server that has ended, as one does whose name was taken.
    """
    return int(server.status()["beats_acked"]) if server.is_running else 0


# ---- 5 a recording ------------------------------------------------------------------------------

def replay_a_beat(stage: Stage) -> None:
    name = "server-2"
    stage.predict("A RECORDED BEAT",
                  "The thief records a signed beat of {name}, which then dies. Is it of use?",
                  "A RECORDED BEAT → TOO OLD", name=name)
    cast = stage.cast
    with contextlib.closing(UdpRelay(cast["registry"].address, random.Random(1))) as tap:
        cast.start_server(name, "greeter", tap.address).await_banner()
        stage.until(lambda: listed(stage, name) is not None, PATIENCE_S)
        cast[name].kill()
        killed_at, recorded = time.perf_counter(), tap.last
    stage.tell("recorded: {count} bytes, with the right signature; then kill -9 {name}",
               count=len(recorded), name=name)
    old_before = datagrams(stage, "old")
    answers = _replay(stage, recorded, SILENCE_S)
    stage.until(lambda: datagrams(stage, "old") - old_before >= TIMES, PATIENCE_S)
    old = datagrams(stage, "old") - old_before
    stage.tell("sent again {sent} times: the registry knows the number of this beat", sent=TIMES)
    gone = stage.until(lambda: listed(stage, name) is None, PATIENCE_S)
    gone_s = time.perf_counter() - killed_at

    stage.tell("the registry starts again: it remembers no number, but has a new epoch")
    restart_registry(stage)
    told = stage.news_count
    stage.until(lambda: listed(stage, VICTIM) is not None, PATIENCE_S)
    # What the registry prints of it reaches us a little later.
    stage.until(lambda: stage.news_count > told, NEWS_S)
    answers_later, revived = _replay(stage, recorded, PATIENCE_S), listed(stage, name)

    stage.check((old, answers) == (TIMES, []),
                "recorded beats dropped as old: {count} of {sent}; answers: {answers}",
                count=old, sent=TIMES, answers=len(answers))
    stage.check_limit(gone and gone_s <= DEAD_S,
                      "{name} left lookup {gone_s:.2f} s after its death (at most {limit_s:.1f} s)",
                      name=name, gone_s=gone_s, limit_s=DEAD_S)
    stage.check((answers_later, revived) == ([EPOCH] * TIMES, None),
                "after the restart, of an old epoch: {count} of {sent}; "
                "{name} is in lookup: {listed}",
                count=answers_later.count(EPOCH), sent=TIMES, name=name,
                listed=stage.words("yes") if revived else stage.words("no"))


def _replay(stage: Stage, datagram: bytes, wait_s: float) -> list[str]:
    """Sends a datagram TIMES times, and waits for each answer; returns the types of what came."""
    answers = []
    key = read_key(stage.cast.key_file)
    with socket.socket(type=socket.SOCK_DGRAM) as udp:
        udp.settimeout(wait_s)
        for _ in range(TIMES):
            udp.sendto(datagram, stage.cast["registry"].address)
            with contextlib.suppress(socket.timeout):
                answers.append(decode_answer(udp.recv(LONGEST_BYTES), key).type)
    return answers


# ---- 6 what the key does not do -----------------------------------------------------------------

def without_a_beat(stage: Stage) -> None:
    stage.predict("WITHOUT A BEAT",
                  "The thief forges nothing now. It reads the network, and calls a port. "
                  "What can it do?", "THE KEY SIGNS BEATS, AND PROTECTS NO CALL")
    cast = stage.cast
    with contextlib.closing(TcpRelay()) as tap:
        bank = cast.start_server("bank-1", "bank", cast["registry"], advertise=tap.address)
        tap.target = bank.await_banner().address
        stage.until(lambda: listed(stage, "bank-1", "bank") is not None, PATIENCE_S)
        run_client(stage, "bank", "deposit", "ana", str(CENTS))
        sent = ("deposit", "ana", str(CENTS))
        read = [word for word in sent if f">{word}<".encode() in tap.heard]
    stage.tell("the thief stood between client and bank, and read: {text}", style="failed",
               text=" ".join(read))
    with ServerProxy(f"http://{show(bank.address)}/bank") as stock:
        balance = stock.deposit("thief", CENTS)
    stage.tell("the thief called the port of the bank by itself: deposit → {balance}",
               style="failed", balance=balance)
    stage.tell("the key signs beats, and nothing else. TLS closes both ways: docs/security.md")

    stage.check(len(read) == len(sent), "words of the call that were read on its way: "
                                        "{count} of {sent}", count=len(read), sent=len(sent))
    stage.check(balance == CENTS, "the call of the thief was executed: its balance is {balance}",
                balance=balance)
