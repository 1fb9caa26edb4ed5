"""The sentences of the course itself, in English and in Portuguese. Those of a lesson stand in its
texts.py.

A field of a sentence may be a word that has a text of its own: `value.WORD`. So a story says "LOST"
to one class and "PERDIDA" to another one. Portuguese numbers have a decimal comma.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping, Sequence
from typing import Any

from classroom.language import language_here
from course.files import WORK
from ponte.process.options import PYTHON

# By key: English and Portuguese.
Texts = Mapping[str, tuple[str, str]]

TEXTS: Texts = {
    "usage": ("there is no {verb}; there are {verbs}; --help tells more",
              "não existe {verb}; existem {verbs}; --help conta mais"),
    "which_lesson": ("which lesson? there are {numbers}", "qual lição? existem {numbers}"),
    "too_many": ("{word} is one word too many: --help tells which there are",
                 "{word} é uma palavra a mais: --help conta quais existem"),
    "no_lesson": ("there is no lesson {number}: there are {numbers}",
                  "não existe a lição {number}: existem {numbers}"),
    "no_file": (
        "{file} cannot be read or written: {why}; if it belongs in {work}, that must be a folder "
        "in which you may write, on a disk with room",
        "{file} não pode ser lido nem gravado: {why}; se o lugar dele é {work}, isso precisa ser "
        "uma pasta em que você pode gravar, num disco com espaço"),
    "held": (
        "{file}: another terminal writes to it, or was stopped there: end that one, and try again",
        "{file}: outro terminal grava nele, ou foi parado ali: encerre-o, e tente de novo"),
    "refused": (
        "the system refuses: {why}; close other programs, and try again",
        "o sistema recusa: {why}; feche outros programas, e tente de novo"),
    "spoilt_progress": (
        "{file}: line {line} does not follow from the one before: the file was changed. Undo that, "
        "or give it another name: then a new one begins, and your solutions stay",
        "{file}: a linha {line} não segue da anterior: o arquivo foi mudado. Desfaça isso, ou dê a "
        "ele outro nome: então começa um novo, e as suas soluções ficam"),
    "list": ("Ponte course: {done} of {total} lessons", "Curso da Ponte: {done} de {total} lições"),
    "ask": ("Answer with:", "Responda com:"),
    "predicted": ("Your prediction is kept: {answer}.", "A sua previsão está guardada: {answer}."),
    "see_it": ("Now see it:", "Agora veja:"),
    "predict_first": ("predict first: {command}", "faça a previsão antes: {command}"),
    "letter": ("answer with a, b, c or d", "responda com a, b, c ou d"),
    "right": ("You predicted {answer}: right.", "A sua previsão foi {answer}: certo."),
    "not_right": ("You predicted {answer}; it is {right}.",
                  "A sua previsão foi {answer}; é {right}."),
    "passed": ("✓ {name}  {about}  ({runs} schedules)", "✓ {name}  {about}  ({runs} sequências)"),
    "failed": ("✗ {name}  {about}", "✗ {name}  {about}"),
    "all_passed": ("All checks passed.", "Todas as verificações passaram."),
    "see_real": ("See it in the real middleware:", "Veja no middleware de verdade:"),
    "not_real_yet": ("That is not right yet. Check your file:",
                     "Isso ainda não está certo. Verifique o seu arquivo:"),
    "error": ("{file}, line {line}: {why}", "{file}, linha {line}: {why}"),
    "error_nowhere": ("{file}: {why}", "{file}: {why}"),
    "too_long": ("{file} took too long. When it was stopped it was in line {line}:",
                 "{file} demorou demais. Quando foi interrompido, estava na linha {line}:"),
    "too_long_nowhere": ("{file} took too long.", "{file} demorou demais."),
    "ended": ("{file} has ended the process: no exit in a solution.",
              "{file} encerrou o processo: nada de exit numa solução."),
    "ours": ("This is a fault of the course, not of your file: {why}",
             "Isto é uma falha do curso, não do seu arquivo: {why}"),
    "printed": ("Your file printed, in this schedule and those before it:",
                "O seu arquivo imprimiu, nesta sequência e nas anteriores:"),
    "has_predicted": ("You have seen it run. Your prediction stays {answer}.",
                      "Você já viu rodar. A sua previsão continua {answer}."),
    "no_story": ("the first hint is a question about a story: check your file first",
                 "a primeira dica é uma pergunta sobre uma história: antes, verifique o seu "
                 "arquivo"),
    "not_passed": ("A wrong solution is nearly a right one. It opens when yours is right. Check "
                   "it:",
                   "Uma solução errada é quase uma certa. Ela se abre quando a sua estiver certa. "
                   "Verifique:"),
    "see_first": ("There is another wrong solution now. See it first:",
                  "Agora há outra solução errada. Veja antes:"),
    "no_name_yet": ("It is yours alone once you have said who you are, and measure again:",
                    "A medida é só sua depois de você dizer quem é, e medir de novo:"),
    "stopped": ("Stopped.", "Interrompido."),
    "page_is": ("  The lesson: {page}. Begin with p.", "  A lição: {page}. Comece com p."),
    "work": ("Your file is {file}. Make it right.", "O seu arquivo é {file}. Conserte-o."),
    "then": ("Then:", "Depois:"),
    "hints": ("hints {given}/{total}", "dicas {given}/{total}"),
    "file_is": ("  {file}: it is checked whenever you save it",
                "  {file}: é verificado sempre que você salva"),
    "keys": ("  [Enter] check  p predict  r run  v real  h hint  m mutant  f measure  l list  "
             "1-8 lesson  q quit",
             "  [Enter] verifica  p prevê  r roda  v real  h dica  m mutante  f mede  l lista  "
             "1-8 lição  q sai"),
    "no_key": ("there is no key {typed}", "não existe a tecla {typed}"),
    "no_hint": ("the next hint opens after two failed checks, or five minutes",
                "a próxima dica se abre depois de duas verificações que falharam, ou em cinco "
                "minutos"),
    "mutant": ("A wrong solution. Which check will fail first?",
               "Uma solução errada. Qual verificação vai falhar primeiro?"),
    "no_check": ("there is no check {answer}: there are {checks}",
                 "não existe a verificação {answer}: existem {checks}"),
    "mutant_right": ("Right: {check} fails. It is called {name}.",
                     "Certo: {check} falha. Ela se chama {name}."),
    "mutant_not_right": ("It is {check}. It is called {name}.", "É {check}. Ela se chama {name}."),
    "reset": ("{file} is as at the start; your old one is {kept}",
              "{file} está como no começo; o seu antigo é {kept}"),
    "wrong.vacuous": (
        "This check has met no case of \"{missing}\": it says nothing.",
        "Esta verificação não encontrou nenhum caso de \"{missing}\": ela não diz nada."),
    "selftest_failed": (
        "Lessons: {lessons}. Wrong solutions: {mutants}. Not as they should be: {failed}. In "
        "{took_s:.1f} s.",
        "Lições: {lessons}. Soluções erradas: {mutants}. Não estão como deveriam: {failed}. Em "
        "{took_s:.1f} s."),
    "selftest": (
        "Lessons: {lessons}. Wrong solutions: {mutants}, each rejected by its own words. In "
        "{took_s:.1f} s.",
        "Lições: {lessons}. Soluções erradas: {mutants}, cada uma recusada com as palavras dela. "
        "Em {took_s:.1f} s."),
}


def typed_next(command: str, language: str) -> str:
    """A command for this terminal, with --lang where it would be told in another language."""
    return command if language == language_here() else f"{command} --lang {language}"


def text(key: str, language: str, **values: object) -> str:
    """A sentence of the course in "en" or "pt", with its fields filled in."""
    return fill(TEXTS, key, language, values)


def of_system(error: OSError, language: str) -> str:
    """What the system has refused, and what to do."""
    key = ("refused" if error.filename is None else
           "held" if isinstance(error, TimeoutError) else "no_file")
    return text(key, language, file=error.filename, work=WORK, why=error.strerror or error)


def fill(texts: Texts, key: str, language: str, values: Mapping[str, Any]) -> str:
    """The text of that key in "en" or "pt", with its fields filled in. A field that has a text
    `each.FIELD` is a list of dicts, and told as a line for each.
    """
    def told(name: str, value: Any) -> Any:
        if f"each.{name}" in texts:
            return "\n".join(fill(texts, f"each.{name}", language, each) for each in value)
        is_word = isinstance(value, str) and f"value.{value}" in texts
        return fill(texts, f"value.{value}", language, {}) if is_word else value

    said = {name: told(name, value) for name, value in values.items()}
    return _FILLERS[language].vformat(texts[key][language == "pt"], (), said)


# What a file lacks (theirs.py), in Portuguese.
_REASONS = tuple((re.compile(pattern), portuguese) for pattern, portuguese in (
    (r"the file has no word (.+)", r"o arquivo não tem a palavra \1"),
    (r"the file has no (.+)", r"o arquivo não tem \1"),
    (r"the file has ended the registry's process", "o arquivo encerrou o processo do registro"),
    (r"with this file in it, the registry answers no more",
     "com este arquivo, o registro não responde mais"),
    (r"class (\w+) has no attribute (.+)", r"a classe \1 não tem o atributo \2"),
    (r"class (\w+) has no (.+)", r"a classe \1 não tem \2"),
    (r"(\w+) must take no parameters but self",
     r"\1 não pode receber parâmetros além de self"),
    (r"(\w+) must take (\d+) parameters: (.+)", r"\1 precisa receber \2 parâmetros: \3"),
    (r"the file is not in UTF-8: save it so", "o arquivo não está em UTF-8: salve-o assim"),
    (r"the file is empty: reset brings the start back",
     "o arquivo está vazio: reset traz o começo de volta"),
    (r"(\w+) must be async: async def (.+)", r"\1 precisa ser async: async def \2"),
    (r"await nothing but answers of self\.ask",
     "não espere (await) nada além das respostas de self.ask"),
    (r"ask takes the name of a method of Replica, not (.+)",
     r"ask recebe o nome de um método de Replica, e não \1"),
    (r"this cannot be in a message: (.+)", r"isto não pode estar numa mensagem: \1"),
    (r"no (.+) in this lesson: the time of a computer is time\.time\(\)",
     r"nada de \1 nesta lição: a hora de um computador é time.time()"),
    (r"(.+): the stamp of Lamport is (.+), no number",
     r"\1: o carimbo de Lamport é \2, e não um número"),
    (r"(.+): the stamp of Vector is (.+), no dict of counts by name",
     r"\1: o carimbo de Vector é \2, e não um dict de contagens por nome"),
    (r"log returned (.+), not the events that it was given",
     r"log devolveu \1, e não os eventos que recebeu"),
    (r"open returned (.+), and no id", r"open devolveu \1, e nenhum id"),
    (r"pick returned (.+): it is not in the list of servers",
     r"pick devolveu \1: não está na lista de servidores"),
    (r"arrives returned (.+): that is no word of this lesson, and no reply",
     r"arrives devolveu \1: não é palavra desta lição, nem resposta"),
    (r"next_attempt returned (.+): no place that it was given",
     r"next_attempt devolveu \1: não é um lugar que recebeu"),
    (r"(\w+) returned (.+)", r"\1 devolveu \2")))


def reason(why: str, language: str) -> str:
    """What is wrong with a file, in "en" or "pt". What Python says stays as it is."""
    for pattern, portuguese in _REASONS if language == "pt" else ():
        found = pattern.fullmatch(why)
        if found:
            return found.expand(portuguese)
    return why


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


# What --help says in Portuguese; in English it is the docstring of __main__.py.
HELP = f"""{PYTHON} -m course: prever, rodar, ver dar errado, consertar um arquivo, verificar, ver
funcionar.

    (nada), ou N     a tela do curso: ela verifica o seu arquivo sempre que você o salva
    list             as lições, e até onde você chegou
    predict N [a-d]  uma pergunta; responda antes que qualquer coisa rode
    run N            a versão ingênua, com sockets de verdade
    check N          o seu arquivo, em toda sequência de um mundo pequeno
    real N           o seu arquivo dentro da própria Ponte
    hint N           uma pergunta, depois mais
    mutant N [cK]    uma solução errada: qual verificação vai achá-la?
    measure N        uma medida deste computador
    reset N          o seu arquivo como no começo; o antigo é guardado
    name TURMA "NOME"    quem é você: as suas medidas serão só suas
    incident a       algo está errado entre processos de verdade, de a até e: quem é, e o quê?
                     (answer responde, hint dá uma dica)
    tap NOME         cada mensagem que passa por um processo do incidente
    pack             todo o seu trabalho num arquivo, para quem ensina
    collect PASTA    para quem ensina: executa e corrige tudo o que a turma entregou, e grava
                     marks.csv
    selftest [N...]  o curso verifica a si mesmo: as soluções certas passam, cada errada é recusada

--lang en conta tudo em inglês. Os seus arquivos e progress.jsonl ficam na pasta course-work. O
código de saída só é 0 se tudo deu certo: 1 se uma verificação falhou, 2 se há um engano no comando.
"""
