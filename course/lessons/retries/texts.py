"""What the lesson says: each text in English and in Portuguese."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "title": (
        "Retries, fallback, storms: who may be asked next?",
        "Novas tentativas, alternativas, tempestades: a quem se pode perguntar depois?"),
    "question": (
        "A client calls balance(). The call goes over three hops: the client asks a proxy, that "
        "proxy asks another proxy, and that one asks a server. Each hop makes up to three "
        "attempts. All servers fail. How many attempts of this one call come to the servers?",
        "Um cliente chama balance(). A chamada passa por três saltos: o cliente pergunta a um "
        "proxy, esse proxy pergunta a outro proxy, e este pergunta a um servidor. Cada salto faz "
        "até três tentativas. Todos os servidores falham. Quantas tentativas desta única chamada "
        "chegam aos servidores?"),
    "answer.a": ("3: one call has three attempts", "3: uma chamada tem três tentativas"),
    "answer.b": ("9: three hops of three", "9: três saltos de três"),
    "answer.c": ("12", "12"),
    "answer.d": ("27", "27"),
    "right": ("d", "d"),
    "naive": (
        "Three attempts at every hop. Attempts that came to the failing servers (in the "
        "simulation): {attempts}. And between two real banks, with one lost reply: runs of the "
        "deposit: {runs}. The caller was told: {told}. The banks hold {balance} in all.",
        "Três tentativas em cada salto. Tentativas que chegaram aos servidores com falha (na "
        "simulação): {attempts}. E entre dois bancos de verdade, com uma resposta perdida: "
        "execuções do depósito: {runs}. O chamador recebeu: {told}. Os bancos têm {balance} ao "
        "todo."),
    "real": (
        "Your rule inside Ponte's client, with two banks and one lost reply. The caller was told: "
        "{told}. Runs of the deposit: {runs}. The banks hold {balance} in all. Over three hops, "
        "attempts that came to the failing servers (in the simulation): {attempts}.",
        "A sua regra dentro do cliente da Ponte, com dois bancos e uma resposta perdida. O "
        "chamador recebeu: {told}. Execuções do depósito: {runs}. Os bancos têm {balance} ao todo. "
        "Em três saltos, tentativas que chegaram aos servidores com falha (na simulação): "
        "{attempts}."),
    "check.c1": ("one reply is lost", "uma resposta se perde"),
    "check.c2": (
        "servers refuse, one comes up, or there is none",
        "servidores recusam, um aparece, ou não há nenhum"),
    "check.c3": (
        "two faults: messages are lost, servers refuse",
        "duas falhas: mensagens se perdem, servidores recusam"),
    "check.c4": (
        "a reply is lost or a server refuses, and it restarts",
        "uma resposta se perde ou um servidor recusa, e ele reinicia"),
    "check.c5": (
        "a function that may run twice; three servers, one alone, one that restarts, one that is "
        "silent",
        "uma função que pode rodar duas vezes; três servidores, um só, um que reinicia, um que não "
        "responde"),
    "check.c6": (
        "the deadline passes, or has passed before",
        "o prazo acaba, ou já acabou antes"),
    "check.c7": ("three hops, and all servers fail", "três saltos, e todos os servidores falham"),
    "check.c8": (
        "hundreds of calls, and all servers fail",
        "centenas de chamadas, e todos os servidores falham"),
    "check.c9": ("any three faults", "quaisquer três falhas"),
    "wrong.ran_twice": (
        "The call must run once, and it ran twice: at {first} and at {second}.",
        "A chamada deve rodar uma vez, e rodou duas: em {first} e em {second}."),
    "wrong.asks_after_an_answer": (
        "The call was answered, and it was sent once more, to {place}.",
        "A chamada foi respondida, e foi enviada mais uma vez, para {place}."),
    "wrong.asks_again_where_refused": (
        "{place} had refused the call or was gone, and it was asked again.",
        "{place} tinha recusado a chamada ou não existia mais, e foi consultado de novo."),
    "wrong.asks_after_the_deadline": (
        "The deadline is at {deadline_s} s, nobody waits any more, and {place} is asked.",
        "O prazo é em {deadline_s} s, ninguém espera mais, e {place} é consultado."),
    "wrong.too_many_attempts": (
        "{attempts} attempts of one call may have run; {most} are allowed, over all hops.",
        "{attempts} tentativas de uma chamada podem ter rodado; são permitidas {most}, somando "
        "todos os saltos."),
    "wrong.no_attempt": (
        "next_attempt returned {choice}: that is neither None nor a known place with a number.",
        "next_attempt devolveu {choice}: isso não é None, nem um lugar conhecido com um número."),
    "wrong.hands_on_nothing": (
        "{place} is asked and gets {tries} tries: so it may not even make one attempt.",
        "{place} é consultado e recebe {tries} tentativas: assim não pode fazer nem uma."),
    "wrong.may_have_run": (
        "The caller was told \"{told}\", but the call was sent to {place}, and it may have run "
        "there.",
        "O chamador recebeu \"{told}\", mas a chamada foi enviada para {place}, e pode ter rodado "
        "lá."),
    "wrong.says_another_thing": (
        "The caller was told \"{told}\", and the right outcome is \"{right}\".",
        "O chamador recebeu \"{told}\", e o resultado certo é \"{right}\"."),
    "wrong.gave_up": (
        "The call gave up after {attempts} attempts that cannot have run. {unasked} was not "
        "asked yet.",
        "A chamada desistiu depois de {attempts} tentativas que não podem ter rodado. {unasked} "
        "ainda não foi consultado."),
    "wrong.gave_all_tries_away": (
        "The call has {most} tries over all hops. The rule handed on so many of them that none was "
        "left after {attempts} attempts, and the outcome stayed unknown.",
        "A chamada tem {most} tentativas, somando todos os saltos. A regra passou tantas adiante "
        "que depois de {attempts} não restou nenhuma, e o resultado ficou desconhecido."),
    "wrong.stays_with_the_silent_one": (
        "{place} was asked {attempts} times and never replied, and no other server was asked. This "
        "call may run twice: another one could have answered.",
        "{place} foi consultado {attempts} vezes e nunca respondeu, e nenhum outro servidor foi "
        "consultado. Esta chamada pode rodar duas vezes: outro poderia ter respondido."),
    "wrong.budgets_share": (
        "The budget of one process is empty, and so is that of another one: they share their "
        "state.",
        "O orçamento de um processo está vazio, e o de outro também: eles dividem o mesmo estado."),
    "wrong.burst": (
        "A full budget allows {burst} retries at once. After {retries} this one allowed no more.",
        "Um orçamento cheio permite {burst} novas tentativas de uma vez. Depois de {retries} este "
        "não permitiu mais."),
    "wrong.keeps_more": (
        "A budget never keeps more than {burst} retries. After {calls} calls without a retry this "
        "one allowed {retries} at once.",
        "Um orçamento nunca guarda mais de {burst} novas tentativas. Depois de {calls} chamadas "
        "sem nova tentativa este permitiu {retries} de uma vez."),
    "wrong.is_not_full_again": (
        "A budget that was empty is full again after {calls} calls without a retry, and allows "
        "{burst} at once. This one allowed {retries}.",
        "Um orçamento que estava vazio fica cheio outra vez depois de {calls} chamadas sem nova "
        "tentativa, e permite {burst} de uma vez. Este permitiu {retries}."),
    "wrong.pays_again": (
        "The budget was full, and call {calls} was not answered: a server refused its retry, and "
        "the next server was not asked. That retry was paid for already.",
        "O orçamento estava cheio, e a chamada {calls} não foi respondida: um servidor recusou a "
        "nova tentativa dela, e o próximo não foi consultado. Essa tentativa já estava paga."),
    "wrong.pays_for_nothing": (
        "{calls} calls ended, and none of them made a retry. Still the budget is empty: something "
        "was paid for that is no retry, or was not sent.",
        "{calls} chamadas terminaram, e nenhuma fez uma nova tentativa. Mesmo assim o orçamento "
        "está vazio: algo foi pago que não é nova tentativa, ou que não foi enviado."),
    "wrong.budget_too_small": (
        "{calls} calls became {attempts} attempts. The budget allows more: each new call earns, "
        "also while the servers fail, so that there are about {least}.",
        "{calls} chamadas viraram {attempts} tentativas. O orçamento permite mais: cada chamada "
        "nova rende, também enquanto os servidores falham, e assim são umas {least}."),
    "wrong.unknown_though_it_could_be_known": (
        "The outcome stayed unknown after {attempts} attempts, and one more could have told it, "
        "without harm.",
        "O resultado ficou desconhecido depois de {attempts} tentativas, e mais uma poderia "
        "revelá-lo, sem dano."),
    "wrong.storm": (
        "{calls} calls became {attempts} attempts. With a budget there are at most {most}.",
        "{calls} chamadas viraram {attempts} tentativas. Com um orçamento são no máximo {most}."),
    "wrong.fallback_needs_no_budget": (
        "The budget is empty, one server refused the call, and no other server was asked. A "
        "refused call has not run: to ask the next server is no retry.",
        "O orçamento está vazio, um servidor recusou a chamada, e nenhum outro foi consultado. "
        "Uma chamada recusada não rodou: consultar o próximo servidor não é nova tentativa."),
    "wrong.budget_stays_empty": (
        "The servers are well again, {calls} calls were answered, and still no retry is allowed.",
        "Os servidores se recuperaram, {calls} chamadas foram respondidas, e ainda assim nenhuma "
        "nova tentativa é permitida."),
    "story.attempt": (
        "attempt {number} → {place}: {what}",
        "tentativa {number} → {place}: {what}"),
    "story.beside": (
        "another call of this process → {place}",
        "outra chamada deste processo → {place}"),
    "story.beside_ends": (
        "the other call's attempt comes to: {what}",
        "a tentativa da outra chamada acaba em: {what}"),
    "value.must not be": ("it must NOT be made", "NÃO pode ser feita"),
    "value.bank-1 (life 2)": ("bank-1 (life 2)", "bank-1 (vida 2)"),
    "value.bank-2 (life 2)": ("bank-2 (life 2)", "bank-2 (vida 2)"),
    "value.bank-3 (life 2)": ("bank-3 (life 2)", "bank-3 (vida 2)"),
    "value.gone": ("nobody listens there any more", "ninguém mais escuta ali"),
    "value.refused": ("REFUSED, it has not run", "RECUSADA, não rodou"),
    "value.refused_late": (
        "REFUSED after a long time, it has not run", "RECUSADA depois de muito tempo, não rodou"),
    "value.request_lost": ("the request is LOST", "o pedido se PERDE"),
    "value.runs_reply_lost": ("it RUNS, the reply is LOST", "ela RODA, a resposta se PERDE"),
    "value.runs_reply_comes": ("it RUNS, the reply comes", "ela RODA, a resposta chega"),
    "value.known_reply_lost": (
        "it has run before, the first reply comes again, and is LOST",
        "ela já rodou, a primeira resposta volta, e se PERDE"),
    "value.known_reply_comes": (
        "it has run before, the first reply comes again",
        "ela já rodou, a primeira resposta volta"),
    "story.restarts": (
        "{name} RESTARTS: it is another life, and remembers nothing",
        "{name} REINICIA: é outra vida, e não lembra nada"),
    "story.joins": ("{name} comes up", "{name} aparece"),
    "story.one_try": (
        "{calls} calls that have one try, without a reply: {attempts} attempts",
        "{calls} chamadas que têm uma só tentativa, sem resposta: {attempts} tentativas"),
    "story.deadlines_pass": (
        "{calls} calls without a reply until their deadline: {attempts} attempts",
        "{calls} chamadas sem resposta até o fim do prazo: {attempts} tentativas"),
    "story.told": ("the caller is told: {told}", "o chamador recebe: {told}"),
    "value.answered": ("answered", "respondida"),
    "value.not sent": ("not sent", "não enviada"),
    "value.unknown": ("unknown", "desconhecido"),
    "value.not executed": ("not executed", "não executada"),
    "value.outcome unknown, it may have run": (
        "outcome unknown, it may have run",
        "resultado desconhecido, pode ter rodado"),
    "story.came": (
        "attempts at the servers: {each} = {attempts}",
        "tentativas nos servidores: {each} = {attempts}"),
    "story.handed_on": (
        "{who} → {place}, tries: {tries}",
        "{who} → {place}, tentativas: {tries}"),
    "value.the client": ("the client", "o cliente"),
    "story.phase": (
        "{servers}: {calls} calls, two at a time: {attempts} attempts",
        "{servers}: {calls} chamadas, duas de cada vez: {attempts} tentativas"),
    "value.the servers answer": ("the servers answer", "os servidores respondem"),
    "value.all servers FAIL": ("all servers FAIL", "todos os servidores FALHAM"),
    "hint.1": (
        "Look at the last two attempts of the story. What does your rule know after the first of "
        "them: that it cannot have run, or only that no reply came? Which place could tell?",
        "Olhe as duas últimas tentativas da história. O que a sua regra sabe depois da primeira: "
        "que ela não pode ter rodado, ou só que não veio resposta? Que lugar poderia dizer?"),
    "hint.2": (
        "For each call keep: its outcome so far, the places that were asked, the place with the "
        "unknown outcome, how many tries are left, and whether the next attempt must be paid "
        "for. A budget keeps one number.",
        "Para cada chamada, guarde: o resultado até agora, os lugares já consultados, o lugar "
        "com o resultado desconhecido, quantas tentativas restam, e se a próxima precisa ser "
        "paga. Um orçamento guarda um número."),
    "hint.3": (
        "In this order: is it answered, or is the deadline over? Was the latest outcome unknown: "
        "are there tries left, and does the budget pay? May another place be asked? If not, may "
        "the same one be asked again? And an unknown call stays unknown until it is answered.",
        "Nesta ordem: já foi respondida, ou o prazo acabou? O último resultado foi desconhecido: "
        "restam tentativas, e o orçamento paga? Outro lugar pode ser consultado? Se não, o mesmo "
        "pode ser consultado de novo? E uma chamada desconhecida continua desconhecida até ser "
        "respondida."),
    "measure": (
        "A deposit of {amount}, yours alone: on this computer the answer came {took_ms:.1f} ms "
        "after the call, with a lost reply and your next attempt in between.",
        "Um depósito de {amount}, só seu: neste computador a resposta chegou {took_ms:.1f} ms "
        "depois da chamada, com uma resposta perdida e a sua próxima tentativa no meio."),
    "discuss": (
        "A rule that hands on one try to each hop is right. What is lost when the first hop knows "
        "only one proxy? When is it right to ask another server after an unknown outcome? Why is a "
        "refused call free, and a retry not? Ponte's own: ponte/calls/rule.py and "
        "ponte/calls/budget.py.",
        "Uma regra que passa adiante uma tentativa a cada salto está certa. O que se perde quando "
        "o primeiro salto conhece só um proxy? Quando é correto consultar outro servidor depois "
        "de um resultado desconhecido? Por que uma chamada recusada é grátis, e uma nova "
        "tentativa não? A da Ponte: ponte/calls/rule.py e ponte/calls/budget.py."),
}
