"""The front page of a process: `GET /` shows its own state to people.

A page without a script, made anew for each request, in English or in Portuguese, as the browser
asks for it (Accept-Language, RFC 9110 section 12.5.4). It shows what /status says, and nothing
else: so the two cannot differ.

Names of other processes and of services stand on it. Everything is escaped, and the head of the
page forbids scripts and everything from elsewhere (Content Security Policy, W3C).
"""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

from ponte.net.address import show
from ponte.net.message import Reply

Status = Mapping[str, Any]

STYLE = """
:root { color-scheme: light dark; --line: #c9ced6; --faint: #555c66; --good: #006644;
        --warn: #7a4d00 }
@media (prefers-color-scheme: dark) {
  :root { --line: #4a515c; --faint: #b3bac4; --good: #5fd3a1; --warn: #f0b95a } }
body { font: 18px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 2rem; margin: 0; overflow-wrap: anywhere }
p { margin: .3rem 0 1rem; color: var(--faint) }
table { border-collapse: collapse; width: 100%; margin: 0 0 1.5rem }
table.numbers { width: auto; min-width: 24rem }
caption { text-align: left; font-weight: 600; padding: .3rem 0 }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-top: 1px solid var(--line);
         overflow-wrap: anywhere }
thead th { font-size: 16px; color: var(--faint); font-weight: 400 }
tbody th { font-weight: 600 }
.numbers th { font-weight: 400 }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums }
.up { color: var(--good) } .suspect, .draining { color: var(--warn) }
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
HEADERS = {"Content-Type": "text/html; charset=utf-8", "Vary": "Accept-Language",
           "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
           "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; "
                                      f"frame-ancestors 'none'; style-src 'sha256-{_STYLE_HASH}'"}
# A sign beside each state, for readers who cannot tell its colour.
SIGNS = {"up": "●", "suspect": "?", "draining": "◐"}

# The Portuguese text for each English one.
PORTUGUESE = {
    "registry": "registry", "server": "servidor", "proxy": "proxy",
    "It knows who is alive: every process below has sent a heartbeat within its lease.":
        "Ele sabe quem está no ar: cada processo abaixo enviou um batimento dentro do seu lease.",
    "It has just started: who is missing below may be alive.":
        "Ele acabou de iniciar: quem falta abaixo pode estar no ar.",
    "It serves {service}. It is {state}.": "Ele serve {service}. Estado: {state}.",
    "It passes calls on to the servers below. It is {state}.":
        "Ele repassa chamadas aos servidores abaixo. Estado: {state}.",
    "up": "no ar", "suspect": "suspeito", "draining": "saindo",
    "Who is alive": "Quem está no ar", "nobody": "ninguém",
    "service": "serviço", "name": "nome", "state": "estado", "address": "endereço",
    "Servers, as this proxy sees them": "Servidores, como este proxy os vê",
    "calls now": "chamadas agora", "calls": "chamadas", "failures": "falhas",
    "in quarantine": "em quarentena", "yes": "sim", "no": "não",
    "Calls by function": "Chamadas por função", "function": "função",
    "mean time": "tempo médio", "none yet": "nenhuma ainda",
    "In numbers": "Em números", "calls that run now": "chamadas que rodam agora",
    "calls that ended in a fault": "chamadas que terminaram em fault",
    "repeats that did not run again": "repetições que não rodaram de novo",
    "attempts refused before they ran": "tentativas recusadas antes de rodar",
    "attempts beyond the first": "tentativas além da primeira",
    "calls not sent": "chamadas não enviadas",
    "calls with an unknown outcome": "chamadas com resultado desconhecido",
    "sessions of callers": "sessões de quem chama",
    "heartbeats that were acknowledged": "batimentos confirmados",
    "registries that are silent": "registries em silêncio",
    "open connections": "conexões abertas", "readers that wait for news":
        "leitores à espera de novidades",
    "Datagrams, by what became of them": "Datagramas, pelo que foi feito deles",
    "running for": "no ar há", "{minutes} min {seconds} s": "{minutes} min {seconds} s",
    "For programs: ": "Para programas: ",
    "Reload the page to see what is new.": "Recarregue a página para ver as novidades.",
}


class Table(NamedTuple):
    """A table of the page: `rows` of texts, or of numbers; `empty` is said where there is none."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    empty: str = ""


class _State(str):
    """The state of a process, which has a colour and a sign."""


class _Words:
    """The texts of the page in one language, "pt-BR" or "en"."""

    def __init__(self, language: str) -> None:
        self.language = language

    def __call__(self, text: str, **values: object) -> str:
        """An English text in this language, with its {fields} filled in."""
        return (PORTUGUESE[text] if self.language == "pt-BR" else text).format(**values)

    def milliseconds(self, duration_s: float) -> str:
        text = f"{duration_s * 1000:.1f} ms"
        return text.replace(".", ",") if self.language == "pt-BR" else text


def front_page(role: str, status: Status, accept_language: str = "") -> Reply:
    """The page of a process. `role` is "registry", "server" or "proxy"; `status`, its /status.

    `accept_language` is what the browser asks for: Portuguese where that is before English.
    """
    say = _Words(preferred(accept_language))
    name = str(status.get("instance", role))
    sentence, tables = _CONTENTS[role](status, say)
    up_s = int(time.time() - status["started_at"])
    up = say("{minutes} min {seconds} s", minutes=up_s // 60, seconds=up_s % 60)
    lines = [
        "<!DOCTYPE html>", f'<html lang="{say.language}"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(name)} - Ponte</title><style>{STYLE}</style></head><body>",
        f"<h1>{escape(name)}</h1><p>{escape(say(role))} · {escape(say('running for'))} {up}</p>",
        f"<p>{escape(sentence)}</p>",
        *(_table(table, say) for table in tables),
        f"<p>{escape(say('Reload the page to see what is new.'))} {escape(say('For programs: '))}",
        '<a href="/status">/status</a> · <a href="/metrics">/metrics</a> · '
        '<a href="/health">/health</a></p></body></html>']
    return Reply(200, HEADERS, "\n".join(lines).encode("utf-8", "replace"))


def preferred(accept_language: str) -> str:
    """The language of the page: "pt-BR" or "en".

    >>> preferred("pt-BR,pt;q=0.9,en;q=0.8"), preferred("en,pt;q=0.5"), preferred("de")
    ('pt-BR', 'en', 'en')
    """
    best, language = 0.0, "en"
    for part in accept_language.split(",")[:20]:
        tag, _, weight = part.strip().partition(";")
        match = re.fullmatch(r"\s*q=([01](?:\.\d{0,3})?)", weight)
        share = float(match[1]) if match else 0.0 if weight else 1.0
        found = {"pt": "pt-BR", "en": "en"}.get(tag[:2].lower())
        if found and share > best:
            best, language = share, found
    return language


# ---- what each role shows ------------------------------------------------------------------------

Contents = tuple[str, list[Table]]


def _registry(status: Status, say: _Words) -> Contents:
    rows = [(each["instance"], each["service"], _State(each["state"]),
             show((each["host"], each["port"]))) for each in status["endpoints"]]
    numbers = [("readers that wait for news", status["readers"]),
               ("open connections", status["connections"])]
    sentence = ("It has just started: who is missing below may be alive." if status["warming"] else
                "It knows who is alive: every process below has sent a heartbeat within its lease.")
    return say(sentence), [
        Table("Who is alive", ("name", "service", "state", "address"), rows, "nobody"),
        Table("Datagrams, by what became of them", (), sorted(status["datagrams"].items()),
              "none yet"),
        _numbers(numbers, say)]


def _server(status: Status, say: _Words) -> Contents:
    rows = [(name, shown["count"], say.milliseconds(shown["sum_s"] / (shown["count"] or 1)))
            for name, shown in sorted(status["durations"].items())]
    requests = status["requests"]
    numbers = [("calls that run now", status["running"]),
               ("calls that ended in a fault", status["faults"]),
               ("repeats that did not run again", requests["repeats"]),
               ("attempts refused before they ran", requests["refused"]),
               ("sessions of callers", status["sessions"]),
               ("heartbeats that were acknowledged", status["beats_acked"]),
               ("registries that are silent", status["silent_registries"]),
               ("open connections", status["connections"])]
    sentence = say("It serves {service}. It is {state}.", service=status["service"],
                   state=say(status["state"]))
    return sentence, [
        Table("Calls by function", ("function", "calls", "mean time"), rows, "none yet"),
        _numbers(numbers, say)]


def _proxy(status: Status, say: _Words) -> Contents:
    rows = [(each["instance"], service, _State(each["state"]), each["calls"], each["calls_total"],
             each["failures_total"], say("yes") if each["quarantined"] else say("no"))
            for service, members in sorted(status["services"].items()) for each in members]
    requests = status["requests"]
    numbers = [("calls", requests["calls"]), ("attempts beyond the first", requests["retries"]),
               ("calls not sent", requests["not_sent"]),
               ("calls with an unknown outcome", requests["unknown"]),
               ("sessions of callers", status["sessions"]),
               ("registries that are silent", status["silent_registries"]),
               ("open connections", status["connections"])]
    sentence = say("It passes calls on to the servers below. It is {state}.",
                   state=say(status["state"]))
    columns = ("name", "service", "state", "calls now", "calls", "failures", "in quarantine")
    return sentence, [Table("Servers, as this proxy sees them", columns, rows, "nobody"),
                      _numbers(numbers, say)]


_CONTENTS: Mapping[str, Callable[[Status, _Words], Contents]] = {
    "registry": _registry, "server": _server, "proxy": _proxy}


def _numbers(numbers: Iterable[tuple[str, object]], say: _Words) -> Table:
    return Table("In numbers", (), [(say(text), value) for text, value in numbers])


# ---- HTML ----------------------------------------------------------------------------------------

def _table(table: Table, say: _Words) -> str:
    title = escape(say(table.title))
    if not table.rows:
        return f"<p>{title}: {escape(say(table.empty))}</p>"
    head = "".join(f'<th scope="col"{_kind(value)}>{escape(say(column))}</th>'
                   for column, value in zip(table.columns, table.rows[0]))
    head = f"<thead><tr>{head}</tr></thead>" if head else ""
    rows = "\n".join(_row(row, say) for row in table.rows)
    kind = "" if table.columns else ' class="numbers"'
    return f"<table{kind}><caption>{title}</caption>{head}<tbody>\n{rows}\n</tbody></table>"


def _row(row: Sequence[object], say: _Words) -> str:
    first, *rest = row
    cells = "".join(f"<td{_kind(value)}>{_shown(value, say)}</td>" for value in rest)
    return f'<tr><th scope="row">{escape(str(first))}</th>{cells}</tr>'


def _kind(value: object) -> str:
    return ' class="number"' if isinstance(value, (int, float)) else ""


def _shown(value: object, say: _Words) -> str:
    if isinstance(value, _State):
        known = value if value in SIGNS else "other"
        return (f'<span class="{known}">{SIGNS.get(value, "·")} '
                f'{escape(say(value) if value in SIGNS else str(value))}</span>')
    return escape(str(value))
