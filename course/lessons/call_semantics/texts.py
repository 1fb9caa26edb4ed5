"""What the lesson says: each text in English and in Portuguese."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "title": (
        "Call semantics: once, or at most once?",
        "Semântica de chamadas: uma vez, ou no máximo uma?"),
    "question": (
        "A client calls put(100) on a bank. The call runs, its reply is lost, and the "
        "client tries again. The server remembers nothing. What is the balance?",
        "Um cliente chama put(100) num banco. A chamada roda, a resposta se perde, e o "
        "cliente tenta de novo. O servidor não lembra nada. Qual é o saldo?"),
    "answer.a": ("0: no reply, no deposit", "0: sem resposta, sem depósito"),
    "answer.b": ("100", "100"),
    "answer.c": ("200", "200"),
    "answer.d": (
        "The client gets an error, and nobody knows",
        "O cliente recebe um erro, e ninguém sabe"),
    "right": ("c", "c"),
    "naive": (
        "The server that remembers nothing. The caller was told: {told}. Runs of the call: {runs}. "
        "The balance: {balance}.",
        "O servidor que não lembra nada. O chamador recebeu: {told}. Execuções da chamada: {runs}. "
        "O saldo: {balance}."),
    "real": (
        "Your memory inside Ponte's server. The caller was told: {told}. Runs of the call: {runs}. "
        "The balance: {balance}.",
        "A sua memória dentro do servidor da Ponte. O chamador recebeu: {told}. Execuções da "
        "chamada: {runs}. O saldo: {balance}."),
    "check.c1": ("one message is lost", "uma mensagem se perde"),
    "check.c2": ("one message comes twice", "uma mensagem chega duas vezes"),
    "check.c3": ("one run takes long", "uma execução demora"),
    "check.c4": ("one message comes a minute later", "uma mensagem chega um minuto depois"),
    "check.c5": (
        "the server restarts, and a message is lost",
        "o servidor reinicia, e uma mensagem se perde"),
    "check.c6": ("two callers, and one fault", "dois chamadores, e uma falha"),
    "check.c7": (
        "two calls at once, and two faults",
        "duas chamadas ao mesmo tempo, e duas falhas"),
    "check.c8": ("any two faults", "quaisquer duas falhas"),
    "check.c9": (
        "three calls at once, or two callers, the server restarts, and a message is lost",
        "três chamadas ao mesmo tempo, ou dois chamadores, o servidor reinicia, e uma mensagem se "
        "perde"),
    "check.c10": (
        "twelve calls at once, or twelve callers, and a message is lost",
        "doze chamadas ao mesmo tempo, ou doze chamadores, e uma mensagem se perde"),
    "wrong.ran_twice": (
        "{call} ran twice: the balance is {balance}.",
        "{call} rodou duas vezes: o saldo é {balance}."),
    "wrong.zero_is_a_reply": (
        "{call} ran twice: the balance is {balance}. Its first reply was 0, and 0 is a reply, too.",
        "{call} rodou duas vezes: o saldo é {balance}. A primeira resposta foi 0, e 0 também é "
        "resposta."),
    "wrong.knows_an_earlier_life": (
        "The server has restarted, and its new memory answers {call} as if it knew the calls of "
        "the life before: two memories share their state.",
        "O servidor reiniciou, e a memória nova trata {call} como se conhecesse as chamadas da "
        "vida anterior: duas memórias dividem o mesmo estado."),
    "wrong.waits_for_nothing": (
        "An attempt of {call} is told to wait, but {call} does not run: it would wait for ever.",
        "Uma tentativa de {call} recebe a ordem de esperar, mas {call} não está rodando: esperaria "
        "para sempre."),
    "wrong.ended_is_never": (
        "An attempt of {call} came late: its caller has ended with it. arrives said {action}, and "
        "right is NEVER.",
        "Uma tentativa de {call} chegou atrasada: o chamador já encerrou o assunto. arrives disse "
        "{action}, e o certo é NEVER."),
    "wrong.has_not_ended": (
        "arrives said NEVER of a repeat of {call}, and its caller has not ended with it: it still "
        "waits for the reply.",
        "arrives disse NEVER sobre uma repetição de {call}, mas o chamador não encerrou o assunto: "
        "ele ainda espera a resposta."),
    "wrong.cannot_have_run": (
        "arrives said UNKNOWN of the first attempt of {call}: nobody has asked for it before, so "
        "it cannot have run.",
        "arrives disse UNKNOWN sobre a primeira tentativa de {call}: ninguém tinha pedido essa "
        "chamada antes, então ela não pode ter rodado."),
    "wrong.ran_though_refused": (
        "{call} ran after its caller had been told that it was refused.",
        "{call} rodou depois que o chamador soube que ela foi recusada."),
    "wrong.refused_though_it_ran": (
        "{call} has run, and its caller was told that it was refused.",
        "{call} rodou, e o chamador recebeu uma recusa."),
    "wrong.ran_late": (
        "{call} ran after its caller had ended with it (it was told: {told}).",
        "{call} rodou depois que o chamador encerrou o assunto (ele recebeu: {told})."),
    "wrong.answered_without_a_run": (
        "{call} was answered, and never ran.",
        "{call} foi respondida, e nunca rodou."),
    "wrong.reply_of_another_call": (
        "{call} was answered with the reply of another call: {reply}.",
        "{call} recebeu a resposta de outra chamada: {reply}."),
    "wrong.session_is_not_known": (
        "arrives said {action} of {call}, whose session is not known, and its caller still waits. "
        "It would never ask for another session.",
        "arrives disse {action} de {call}, cuja sessão não é conhecida, e o chamador ainda espera. "
        "Ele nunca pediria outra sessão."),
    "wrong.id_was_used": (
        "open returned the id {id}, which another session has, or had before the server restarted.",
        "open devolveu o id {id}, que outra sessão tem, ou tinha antes de o servidor reiniciar."),
    "wrong.no_action": (
        "arrives said {action} of {call}: that is no word of this lesson, and no reply.",
        "arrives disse {action} de {call}: isso não é palavra desta lição, nem resposta."),
    "wrong.never_told": (
        "The caller of {call} was told nothing at all.",
        "O chamador de {call} não recebeu nada."),
    "wrong.not_prompt": (
        "Nothing went wrong, and yet the caller of {call} was told \"{told}\", or too late.",
        "Nada deu errado, e mesmo assim o chamador de {call} recebeu \"{told}\", ou tarde "
        "demais."),
    "wrong.unknown_though_it_is_known": (
        "{call} was told \"{told}\", though only one thing went wrong, and its reply was "
        "there.",
        "{call} recebeu \"{told}\", embora só uma coisa tenha dado errado, e a resposta "
        "estivesse lá."),
    "wrong.keeps_old_replies": (
        "The reply of {call} is still kept, though its caller has said that it is not "
        "needed.",
        "A resposta de {call} continua guardada, embora o chamador tenha dito que não "
        "precisa dela."),
    "story.call": (
        "{caller} → server: call {call} (number {number}, oldest {oldest}){fate}",
        "{caller} → servidor: chamada {call} (número {number}, mais antigo {oldest}){fate}"),
    "story.repeat": (
        "{caller} → server: repeat {call} (number {number}, oldest {oldest}){fate}",
        "{caller} → servidor: repetição de {call} (número {number}, mais antigo {oldest}){fate}"),
    "story.late": (
        "what was held back of {call} arrives",
        "chega o que estava retido de {call}"),
    "story.has_run": (
        "server: {call} has run at last, finished is called",
        "servidor: {call} enfim terminou, finished é chamado"),
    "story.told": ("{caller} is told of {call}: {told}", "{caller} recebe de {call}: {told}"),
    "story.told_reply": (
        "{caller} is told of {call}: balance {told}",
        "{caller} recebe de {call}: saldo {told}"),
    "story.restarts": (
        "the server RESTARTS: it remembers nothing",
        "o servidor REINICIA: não lembra nada"),
    "story.opens": (
        "{caller} asks for a session: {session}", "{caller} pede uma sessão: {session}"),
    "story.waits": (
        "server: {call} runs already, it waits",
        "servidor: {call} já está rodando, ela espera"),
    "story.never": (
        "server: {call} must not run any more",
        "servidor: {call} não pode mais rodar"),
    "story.from_memory": (
        "server: {call} is answered from memory",
        "servidor: {call} é respondida da memória"),
    "story.says": (
        "server: of {call}, arrives says {action}",
        "servidor: sobre {call}, arrives diz {action}"),
    "story.runs": (
        "server: {call} RUNS, balance {balance}",
        "servidor: {call} RODA, saldo {balance}"),
    "story.to_nobody": (
        "server → nobody: {caller} does not wait for this any more",
        "servidor → ninguém: {caller} não espera mais por isto"),
    "story.answer": (
        "server → {caller}: {call}, {reply}{fate}",
        "servidor → {caller}: {call}, {reply}{fate}"),
    "story.reply": (
        "server → {caller}: {call}, balance {reply}{fate}",
        "servidor → {caller}: {call}, saldo {reply}{fate}"),
    "value.arrives": ("", ""),
    "value.lost": ("  LOST", "  PERDIDA"),
    "value.twice": ("  TWICE", "  DUAS VEZES"),
    "value.late": ("  HELD BACK", "  RETIDA"),
    "value.unknown": ("outcome unknown", "resultado desconhecido"),
    "value.refused": ("refused, it has not run", "recusada, não rodou"),
    "value.not executed": ("not executed", "não executada"),
    "value.outcome unknown, it may have run": (
        "outcome unknown, it may have run",
        "resultado desconhecido, pode ter rodado"),
    "hint.1": (
        "Look at the last two lines of the story about your server. What would it have to "
        "know to answer the second one differently from the first?",
        "Olhe as duas últimas linhas da história sobre o seu servidor. O que ele precisaria"
        " saber para tratar a segunda de outro jeito?"),
    "hint.2": (
        "For each session keep three things: which numbers run now, the reply of each that "
        "has run, and below which number all have ended.",
        "Para cada sessão, guarde três coisas: quais números rodam agora, a resposta de "
        "cada um que rodou, e abaixo de qual número todos terminaram."),
    "hint.3": (
        "In this order: is the session known at all? Has the caller ended with this number?"
        " Is there a reply? Does it run? Only then may it run.",
        "Nesta ordem: a sessão é conhecida? O chamador já encerrou este número? Há uma "
        "resposta? Ele está rodando? Só então pode rodar."),
    "measure": (
        "A deposit of {amount}, yours alone: on this computer the answer from memory came "
        "{took_ms:.1f} ms after the call, with a lost reply in between.",
        "Um depósito de {amount}, só seu: neste computador a resposta da memória chegou "
        "{took_ms:.1f} ms depois da chamada, com uma resposta perdida no meio."),
    "discuss": (
        "Your memory is lost when the server restarts. What may it tell a repeat then, and "
        "what not? What would a memory on disk change, and what not? Ponte's own: "
        "ponte/calls/once.py.",
        "A sua memória se perde quando o servidor reinicia. O que ele pode dizer então a "
        "uma repetição, e o que não? O que mudaria com a memória em disco, e o que não? A "
        "da Ponte: ponte/calls/once.py."),
}
