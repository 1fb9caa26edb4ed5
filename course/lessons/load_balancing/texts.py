"""What the lesson says: each text in English and in Portuguese."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "title": (
        "Load balancing: who gets the next call?",
        "Balanceamento de carga: quem recebe a próxima chamada?"),
    "question": (
        "A proxy gives each call to the bank with the fewest calls in flight. Three banks run. "
        "bank-2 and bank-3 work on a long report each. bank-1 breaks: every call that comes to it "
        "fails at once. Now 1,000 deposits come, one after the other. How many of them fail?",
        "Um proxy dá cada chamada ao banco com menos chamadas em andamento. Há três bancos. O "
        "bank-2 e o bank-3 trabalham num relatório demorado cada um. O bank-1 quebra: toda chamada "
        "que chega a ele falha na hora. Agora chegam 1.000 depósitos, um depois do outro. Quantos "
        "falham?"),
    "answer.a": (
        "1: after the first failure the proxy avoids bank-1",
        "1: depois da primeira falha o proxy evita o bank-1"),
    "answer.b": ("some 333: a third of them", "uns 333: um terço deles"),
    "answer.c": ("500: every second one", "500: um sim, um não"),
    "answer.d": ("1,000: all of them", "1.000: todos"),
    "right": ("d", "d"),
    "naive": (
        "The balancer that looks only at the calls in flight, inside Ponte's proxy: {failed} of "
        "{calls} deposits failed. They were {amount} each, and the banks hold {balance}.",
        "O balanceador que só olha as chamadas em andamento, dentro do proxy da Ponte: {failed} "
        "de {calls} depósitos falharam. Cada um era de {amount}, e os bancos têm {balance}."),
    "real": (
        "Your balancer inside Ponte's proxy, with three banks of which one fails at once: "
        "{failed} of {calls} deposits failed. They were {amount} each, and the banks hold "
        "{balance}. When bank-1 was well again, calls were made for {back_s:.1f} s. bank-1 "
        "answered one of them: {came_back}.",
        "O seu balanceador dentro do proxy da Ponte, com três bancos, dos quais um falha na hora: "
        "{failed} de {calls} depósitos falharam. Cada um era de {amount}, e os bancos têm "
        "{balance}. Quando o bank-1 ficou bom de novo, chamadas foram feitas por {back_s:.1f} s. "
        "O bank-1 respondeu a uma delas: {came_back}."),
    "value.yes": ("yes", "sim"),
    "value.no": ("no", "não"),
    "check.c1": ("a server fails at once", "um servidor falha na hora"),
    "check.c2": (
        "all servers are well: fewest calls, and in turn",
        "todos os servidores estão bem: menos chamadas, e em rodízio"),
    "check.c3": (
        "a server fails, and is well again before its quarantine ends",
        "um servidor falha, e fica bom antes do fim da quarentena"),
    "check.c4": (
        "many calls come at once when a quarantine ends",
        "muitas chamadas chegam juntas quando uma quarentena termina"),
    "check.c5": (
        "a server is still broken when its quarantine ends",
        "um servidor ainda está quebrado quando a quarentena termina"),
    "check.c6": (
        "servers come, go, come back and restart",
        "servidores chegam, saem, voltam e reiniciam"),
    "check.c7": ("no server is healthy", "nenhum servidor está saudável"),
    "check.c8": (
        "any two faults: failures, slow calls, calls that hang",
        "quaisquer duas falhas: chamadas que falham, demoram ou travam"),
    "wrong.asks_in_quarantine": (
        "Call {number} goes to {server}, which failed {ago_ms} ms ago, though {other} is healthy. "
        "A server that fails at once has no call in flight: it looks idle.",
        "A chamada {number} vai para {server}, que falhou há {ago_ms} ms, embora {other} esteja "
        "saudável. Um servidor que falha na hora não tem chamada em andamento: parece livre."),
    "wrong.forgotten_quarantine": (
        "Call {number} goes to {server}, which failed {ago_ms} ms ago, though {other} is healthy. "
        "The list of servers has changed since that failure. The quarantine must not be "
        "forgotten.",
        "A chamada {number} vai para {server}, que falhou há {ago_ms} ms, embora {other} esteja "
        "saudável. A lista de servidores mudou depois dessa falha. A quarentena não pode ser "
        "esquecida."),
    "wrong.late_failure": (
        "Call {number} goes to {server}, though {other} is healthy. A call to {server} had hung, "
        "and failed {ago_ms} ms ago: then its quarantine begins, also if it was not in the list.",
        "A chamada {number} vai para {server}, embora {other} esteja saudável. Uma chamada a "
        "{server} tinha travado, e falhou há {ago_ms} ms: nesse momento começa a quarentena, mesmo "
        "que ele não estivesse na lista."),
    "wrong.failed_trial": (
        "Call {number} goes to {server}, though {other} is healthy. {server} has failed the call "
        "that tried it, {ago_ms} ms ago: its quarantine must begin again.",
        "A chamada {number} vai para {server}, embora {other} esteja saudável. {server} falhou na "
        "chamada que o experimentou, há {ago_ms} ms: a quarentena dele tem que recomeçar."),
    "wrong.two_trials": (
        "Call {number} goes to {server}, while call {trial} still tries it, and other servers are "
        "healthy. Nobody knows yet if {server} is well: one call is enough to learn it.",
        "A chamada {number} vai para {server}, enquanto a chamada {trial} ainda o experimenta, e "
        "outros servidores estão saudáveis. Ninguém sabe ainda se {server} está bem: uma chamada "
        "basta para descobrir."),
    "wrong.busier": (
        "Call {number} goes to {server}. Calls in flight there: {calls}. At {other}, which is "
        "healthy: {fewer}.",
        "A chamada {number} vai para {server}. Chamadas em andamento lá: {calls}. Em {other}, que "
        "está saudável: {fewer}."),
    "wrong.not_in_turn": (
        "Call {number} goes to {server} again. All servers are healthy and have no call in "
        "flight, and it is the turn of {other}.",
        "A chamada {number} vai para {server} de novo. Todos os servidores estão saudáveis e sem "
        "chamadas em andamento, e é a vez de {other}."),
    "wrong.starves": (
        "Call {number} goes to {server}. {other} is healthy and has no more calls in flight, and "
        "{passed} calls in a row have passed it over.",
        "A chamada {number} vai para {server}. {other} está saudável e não tem mais chamadas em "
        "andamento, e {passed} chamadas seguidas passaram por ele sem escolhê-lo."),
    "wrong.stays_out": (
        "Call {number} goes to {server}, though it is the turn of {other}. {other} failed once, "
        "and has answered since then: it is healthy, and has no more calls in flight.",
        "A chamada {number} vai para {server}, embora seja a vez de {other}. {other} falhou uma "
        "vez, e depois respondeu: está saudável, e não tem mais chamadas em andamento."),
    "wrong.never_tried": (
        "Call {number} goes to {server}. The quarantine of {other} is over, and no call tries it: "
        "so it stays away for ever, even if it is well.",
        "A chamada {number} vai para {server}. A quarentena de {other} acabou, e nenhuma chamada "
        "o experimenta: assim ele fica de fora para sempre, mesmo que esteja bem."),
    "wrong.old_life_blamed": (
        "Call {number} goes to {server}, though it is the turn of {other}. That is a new life: it "
        "has not failed, and none of its calls are in flight. What its old life did is not its "
        "fault.",
        "A chamada {number} vai para {server}, embora seja a vez de {other}. Essa é uma vida "
        "nova: não falhou, e nenhuma chamada dela está em andamento. O que a vida antiga fez não é "
        "culpa dela."),
    "wrong.not_listed": (
        "Call {number} goes to {server}, which has left the list of servers.",
        "A chamada {number} vai para {server}, que já saiu da lista de servidores."),
    "wrong.not_its_own": (
        "A new balancer, which has given no call to anybody, gives two calls to {other}, and none "
        "to {server}. Another balancer has calls there: the two share their state.",
        "Um balanceador novo, que ainda não deu chamada a ninguém, dá duas chamadas a {other}, e "
        "nenhuma a {server}. Outro balanceador tem chamadas lá: os dois dividem o mesmo estado."),
    "wrong.not_its_own_trial": (
        "The quarantine of {server} is over, and a balancer does not try it. Another balancer "
        "tries it already: the two share their state.",
        "A quarentena de {server} acabou, e um balanceador não o experimenta. Outro balanceador "
        "já o experimenta: os dois dividem o mesmo estado."),
    "wrong.no_answer": (
        "pick returned {said}: that is none of the servers that it was given.",
        "pick devolveu {said}: não é nenhum dos servidores que recebeu."),
    "story.clock": (
        "the clock of this computer goes on every {tick_ms} ms, and stands still between",
        "o relógio deste computador anda a cada {tick_ms} ms, e fica parado no meio tempo"),
    "story.call": ("call {number} → {server}{fate}", "chamada {number} → {server}{fate}"),
    "value.answers": ("", ""),
    "value.fails": (": it FAILS at once", ": FALHA na hora"),
    "value.breaks": (
        ": it FAILS at once, the server is BROKEN",
        ": FALHA na hora, o servidor está QUEBRADO"),
    "value.slow": (": SLOW", ": DEMORA"),
    "value.hangs": (": it HANGS", ": TRAVA"),
    "story.late_answer": (
        "{server} answers call {number} at last",
        "{server} enfim responde à chamada {number}"),
    "story.late_failure": (
        "call {number} to {server} FAILS at last",
        "a chamada {number} a {server} enfim FALHA"),
    "story.breaks": ("{server} BREAKS", "{server} QUEBRA"),
    "story.joins": ("{server} comes to the list", "{server} entra na lista"),
    "story.leaves": ("{server} leaves the list", "{server} sai da lista"),
    "story.restarts": ("{server} RESTARTS: a new life", "{server} REINICIA: uma vida nova"),
    "hint.1": (
        "Look at the last call of the story, and at the server that it went to. What had come of "
        "the calls before it? What could your balancer know then: from each pick, and from each "
        "settle?",
        "Olhe a última chamada da história, e o servidor para onde ela foi. O que aconteceu com as "
        "chamadas anteriores? O que o seu balanceador podia saber naquele momento: por cada pick, "
        "e por cada settle?"),
    "hint.2": (
        "For each server keep four things: its calls in flight; when it was picked last; when its "
        "quarantine ends, if it is in one; and whether a call that tries it is on its way. Keep "
        "them when the list of servers changes.",
        "Para cada servidor, guarde quatro coisas: as chamadas em andamento; quando foi escolhido "
        "pela última vez; quando a quarentena termina, se está em uma; e se uma chamada que o "
        "experimenta está a caminho. Guarde tudo isso quando a lista de servidores muda."),
    "hint.3": (
        "In this order: is there a server whose quarantine is over, and that no call tries yet? "
        "It gets this call. If not: are there healthy servers? If not: all of the list. Of these, "
        "the fewest calls in flight; of equals, the one that was picked longest ago. When a call "
        "ends: count it out first, however it ended. An answer ends a quarantine; a failure "
        "begins one, if the server was healthy or this call tried it.",
        "Nesta ordem: há um servidor cuja quarentena acabou, e que nenhuma chamada experimenta "
        "ainda? Ele recebe esta chamada. Se não: há servidores saudáveis? Se não: toda a lista. "
        "Destes, o que tem menos chamadas em andamento; entre iguais, o que foi escolhido há mais "
        "tempo. Quando uma chamada termina: primeiro desconte-a, como quer que tenha terminado. "
        "Uma resposta encerra a quarentena; uma falha começa uma, se o servidor estava saudável ou "
        "se era essa chamada que o experimentava."),
    "measure": (
        "Deposits of {amount}, yours alone: on this computer a deposit through the proxy took "
        "{took_ms:.2f} ms on average, while one of three banks was broken. {failed} of {calls} "
        "failed.",
        "Depósitos de {amount}, só seus: neste computador um depósito pelo proxy levou "
        "{took_ms:.2f} ms em média, enquanto um de três bancos estava quebrado. {failed} de "
        "{calls} falharam."),
    "discuss": (
        "Does your balancer notice a bank "
        "that answers everything, but wrongly? What if a thousand clients have the same balancer, "
        "and all quarantines end at the same moment? Your balancer has a record of each life that "
        "it ever met: when may it forget one? Ponte's own: ponte/calls/balancing.py.",
        "O seu balanceador percebe um banco que responde a tudo, mas responde errado? E se mil "
        "clientes têm o mesmo balanceador, e todas as quarentenas terminam no mesmo instante? O "
        "seu balanceador guarda um registro de cada vida que já encontrou: quando pode esquecer "
        "um? O da Ponte: ponte/calls/balancing.py."),
}
