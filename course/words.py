"""The sentences of the course itself, in English and in Portuguese. Those of a lesson stand in its
texts.py.

A field of a sentence may be a word that has a text of its own: `value.WORD`. So a story says "LOST"
to one class and "PERDIDA" to another one. Portuguese numbers have a decimal comma.
"""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from typing import Any

# By key: English and Portuguese.
Texts = Mapping[str, tuple[str, str]]

TEXTS: Texts = {
    "usage": ("say what to do: {verbs}; --help tells more",
              "diga o que fazer: {verbs}; --help conta mais"),
    "no_lesson": ("there is no lesson {number}: there are {numbers}",
                  "não existe a lição {number}: existem {numbers}"),
    "list": ("Ponte course: {done} of {total} lessons", "Curso da Ponte: {done} de {total} lições"),
    "ask": ("Answer with: {command}", "Responda com: {command}"),
    "predicted": ("Your prediction is kept: {answer}. Now see it: {command}",
                  "A sua previsão está guardada: {answer}. Agora veja: {command}"),
    "predict_first": ("predict first: {command}", "faça a previsão antes: {command}"),
    "letter": ("answer with a, b, c or d", "responda com a, b, c ou d"),
    "right": ("You predicted {answer}: right.", "A sua previsão foi {answer}: certo."),
    "not_right": ("You predicted {answer}; it is {right}.",
                  "A sua previsão foi {answer}; é {right}."),
    "passed": ("✓ {name}  {about}  ({runs} schedules)", "✓ {name}  {about}  ({runs} sequências)"),
    "failed": ("✗ {name}  {about}", "✗ {name}  {about}"),
    "all_passed": ("All checks passed. See it in the real middleware: {command}",
                   "Todas as verificações passaram. Veja no middleware de verdade: {command}"),
    "error": ("Your file, line {line}: {why}", "O seu arquivo, linha {line}: {why}"),
    "error_nowhere": ("Your file: {why}", "O seu arquivo: {why}"),
    "too_long": ("Your file took too long. When it was stopped it was in line {line}.",
                 "O seu arquivo demorou demais. Quando foi interrompido, estava na linha {line}."),
    "ended": ("Your file has ended the process: no exit in a solution.",
              "O seu arquivo encerrou o processo: nada de exit numa solução."),
    "ours": ("This is a fault of the course, not of your file: {why}",
             "Isto é uma falha do curso, não do seu arquivo: {why}"),
    "printed": ("Your file printed: {text}", "O seu arquivo imprimiu: {text}"),
    "work": ("Write in {file}, then: {command}", "Escreva em {file}, depois: {command}"),
    "no_hint": ("the next hint opens after two failed checks, or five minutes",
                "a próxima dica se abre depois de duas verificações que falharam, ou em cinco "
                "minutos"),
    "mutant": ("A wrong solution, {name}. Which check will fail? Answer with: {command}",
               "Uma solução errada, {name}. Qual verificação vai falhar? Responda com: {command}"),
    "mutant_right": ("Right: {check} fails. {says}", "Certo: {check} falha. {says}"),
    "mutant_not_right": ("It is {check}. {says}", "É {check}. {says}"),
    "reset": ("{file} is as at the start; your old one is {kept}",
              "{file} está como no começo; o seu antigo é {kept}"),
    "wrong.vacuous": (
        "This check has met no case of \"{missing}\": it says nothing.",
        "Esta verificação não encontrou nenhum caso de \"{missing}\": ela não diz nada."),
    "selftest_failed": (
        "{lessons} lessons, {mutants} wrong solutions, in {took_s:.1f} s: {failed} are not as they "
        "should be",
        "{lessons} lições, {mutants} soluções erradas, em {took_s:.1f} s: {failed} não estão como "
        "deveriam"),
    "selftest": ("{lessons} lessons, {mutants} wrong solutions, each rejected by its own words; "
                 "in {took_s:.1f} s", "{lessons} lições, {mutants} soluções erradas, cada uma "
                 "recusada com as palavras dela; em {took_s:.1f} s"),
}


def text(key: str, language: str, **values: object) -> str:
    """A sentence of the course in "en" or "pt", with its fields filled in."""
    return fill(TEXTS, key, language, values)


def fill(texts: Texts, key: str, language: str, values: Mapping[str, Any]) -> str:
    """The text of that key in "en" or "pt", with its fields filled in."""
    said = {name: fill(texts, f"value.{value}", language, {})
            if isinstance(value, str) and f"value.{value}" in texts else value
            for name, value in values.items()}
    return _FILLERS[language].vformat(texts[key][language == "pt"], (), said)


def story_line(texts: Texts, language: str, line: Sequence[Any]) -> str:
    """A line of a story: its time, its key, and its values, which may have gone through JSON."""
    at_s, key, values = line
    time = " " * 10 if at_s is None else f"{_FILLERS[language].format('{:8.3f}', at_s)} s"
    return f"{time}  {fill(texts, f'story.{key}', language, values)}"


class _Filler(string.Formatter):
    def __init__(self, point: str) -> None:
        self._point = point

    def format_field(self, value: Any, format_spec: str) -> str:
        """The field in words; a number with this language's decimal point."""
        shown: str = super().format_field(value, format_spec)
        return shown.replace(".", self._point) if isinstance(value, float) else shown


_FILLERS = {"en": _Filler("."), "pt": _Filler(",")}
