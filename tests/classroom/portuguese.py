"""What is wrong in a Portuguese line: English words, a decimal point, a word that nobody says."""

from __future__ import annotations

import re

# English words that no Portuguese text about programs borrows.
_ENGLISH = re.compile(
    r"\b(?:the|of|at|by|is|are|was|were|be|been|and|to|on|in|not|with|without|its|it|this|that|from|"
    r"for|after|before|has|have|had|will|who|what|which|when|where|there|here|one|once|again|"
    r"answer(?:s|ed)?|refused|timed|timeout|out|executed|unknown|outcome|reply|replies|attempts?|"
    r"calls?|called|sent|lost|down|up|suspect|expired|draining|left|back|frozen|killed?|failed|"
    r"passed|skipped|address|name|known?|connect(?:ion|ed)?|ended|stream|stranger|port|running|"
    r"stopping|start(?:ed)?|heartbeats?|seconds?|every)\b", re.IGNORECASE)
# Commands, calls, what stands in quotes or braces, addresses, options, and the names of processes,
# signals and errors.
_IDENTIFIERS = re.compile(
    r"\$ .*|\bpython3? \S.*|\{[^}]*\}|--[\w-]+(?: en\b| pt\b)?|\w+\.py\b.*|[\w.]+\([^)]*\)"
    r"|\bkill -9\b|\b(?:NotSent|OutcomeUnknown|whoami)\b|\S+:\d+|http\S+|“[^”]*”"
    r"|curl --noproxy \S+|\bSIG\w+|\bPYTHON\w+=\S+")
# No part of a version or of an address, and no point between thousands.
_DECIMAL_POINT = re.compile(r"(?<![\d.])\d+\.(?:\d{1,2}|\d{4,})(?![\d.])")
# Translated word for word; or a second word for an idea that has one (docs/words.md).
_NOT_IN_BRAZIL = re.compile(
    r"\b(gelo|RUIM|de memória|girar|a chamada tinha|a maior menos a menor|nada executou|"
    r"não rodou nada|um servidor de cada vez|no kill|do kill|inicia(?:m)? de novo|o novo início|"
    r"iniciam(?=,)|fallback|(?:a|da|na|uma) demo|desfecho)\b", re.IGNORECASE)


def english_in(text: str) -> list[str]:
    """The English words in a Portuguese text that are no identifiers."""
    return _ENGLISH.findall(_IDENTIFIERS.sub(" ", text))


def has_decimal_point(text: str) -> bool:
    """Whether a number is written with a decimal point."""
    return bool(_DECIMAL_POINT.search(_IDENTIFIERS.sub(" ", text)))


def not_in_brazil(text: str) -> list[str]:
    """The words that a lecturer in Brazil would not say."""
    return _NOT_IN_BRAZIL.findall(re.sub(r"\bdemo\.py", " ", text))
