"""The sentences of the course itself, in English and in Portuguese. Those of a lesson stand in its
texts.py.
"""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
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
    "selftest": ("{lessons} lessons, {mutants} wrong solutions, each rejected by its own words; "
                 "in {took_s:.1f} s", "{lessons} lições, {mutants} soluções erradas, cada uma "
                 "recusada com as palavras dela; em {took_s:.1f} s"),
}


def text(key: str, language: str, **values: object) -> str:
    """A sentence in "en" or "pt", with its fields filled in."""
    english, portuguese = TEXTS[key]
    return (portuguese if language == "pt" else english).format(**values)
