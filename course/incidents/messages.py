"""What passes by a participant, one line a message: `python3 -m course tap NAME` shows it. Pure.

    17:07:17.430  → server-2  POST /bank deposit("ana", 125)  NO CALL ID
    17:07:17.432  ← server-2  200 "250"  1.9 ms
    17:07:17.500  ← server-2  beat #41 of server-2: up, epoch 9f86d081
    17:07:17.501  → server-2  ack of #41 to server-2

→ comes to the participant, ← leaves it. A message is noted as a dict for JSON, and told in the
language of the reader. Nothing here checks a signature: a tap has no key.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any
from xmlrpc.client import Fault

from course import words
from ponte.discovery.beats import BadDatagram, beat_from_line
from ponte.net.message import Reply, Request
from ponte.net.target import path_in
from ponte.rpc.marshal import decode_call, decode_result

# Characters of a value that a line shows.
MAX_VALUE = 60

# A message: what it is, "k", and its fields.
Note = dict[str, Any]

TEXTS: words.Texts = {
    "line": ("{at}  {arrow} {name}  {text}",) * 2,
    "call": ("POST {path} {method}({params})  {id}",) * 2,
    "get": ("{method} {path}",) * 2,
    "reply": ("{status} {value}  {took_ms:.1f} ms",) * 2,
    "none": ("NO CALL ID", "SEM IDENTIFICAÇÃO DE CHAMADA"),
    "number": ("call {session}/{number}", "chamada {session}/{number}"),
    "repeat": ("REPEAT of call {session}/{number}", "REPETIÇÃO da chamada {session}/{number}"),
    "idempotent": ("idempotent", "idempotente"),
    "opening": ("opens a session", "abre uma sessão"),
    "cut": ("the connection ended before the reply", "a conexão terminou antes da resposta"),
    "nobody": ("a connection to {to}: nobody listens there",
               "uma conexão com {to}: ninguém escuta ali"),
    "beat": ("beat #{seq} of {who}: {state}, epoch {epoch}",
             "batimento #{seq} de {who}: {state}, época {epoch}"),
    "answer": ("{type} of #{seq} to {who}", "{type} de #{seq} a {who}"),
    "datagram": ("a datagram of {bytes} bytes", "um datagrama de {bytes} bytes"),
    "stream": ("bytes that are no HTTP", "bytes que não são HTTP")}


def of_request(request: Request) -> Note:
    """A request: a call, or the reading of a page."""
    path = path_in(request.target)
    try:
        method, params = decode_call(request.body)
    except (Fault, ValueError, RecursionError):
        return {"k": "get", "method": request.method, "path": path}
    shown = ", ".join(json.dumps(param, ensure_ascii=False, default=str) for param in params)
    return {"k": "call", "path": path, "method": method, "params": _short(shown), **_id(request)}


def _id(request: Request) -> Note:
    """How a call is marked, so that a server knows a repeat of it: "none" for not at all."""
    session = request.headers.get("call-session", "")
    if request.call_number:
        return {"id": "repeat" if "call-repeat" in request.headers else "number",
                "session": session[:6], "number": request.call_number.partition("-")[0]}
    if session == "new":
        return {"id": "opening"}
    return {"id": "idempotent" if "call-idempotent" in request.headers else "none"}


def of_reply(reply: Reply, took_s: float) -> Note:
    """A reply, so many seconds after its request."""
    try:
        value = json.dumps(decode_result(reply.body), ensure_ascii=False, default=str)
    except (Fault, ValueError, RecursionError) as error:
        value = reply.body.decode("utf-8", "replace")
        # Else it is a page, or an error of HTTP: its text says it.
        if isinstance(error, Fault) and "<fault>" in value:
            value = f"fault {error.faultCode}: {error.faultString}"
    return {"k": "reply", "status": reply.status, "value": _short(value.strip()),
            "took_ms": round(took_s * 1000, 1)}


def of_datagram(data: bytes) -> Note:
    """A beat, or an answer to one."""
    line = data.partition(b"\n")[2]
    try:
        beat = beat_from_line(line)
    except BadDatagram:
        pass
    else:
        return {"k": "beat", "who": beat.instance, "seq": beat.seq, "state": beat.state,
                "epoch": beat.epoch or "-"}
    try:
        fields = json.loads(line)
        return {"k": "answer", "type": str(fields["type"]), "seq": int(fields["seq"]),
                "who": str(fields["instance"])}
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return {"k": "datagram", "bytes": len(data)}


def told(note: Mapping[str, Any], language: str) -> str:
    """The line of a message that was noted, with its "at", "name" and "into"."""
    values = dict(note)
    if note["k"] == "call":
        values["id"] = words.fill(TEXTS, note["id"], language, note)
    at = note["at"]
    return words.fill(TEXTS, "line", language, {
        "at": f"{time.strftime('%H:%M:%S', time.localtime(at))}.{int(at * 1000) % 1000:03}",
        "arrow": "→" if note["into"] else "←", "name": note["name"],
        "text": words.fill(TEXTS, note["k"], language, values)})


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_VALUE else f"{line[:MAX_VALUE - 1]}…"
