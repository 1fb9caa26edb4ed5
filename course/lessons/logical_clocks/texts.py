"""What the lesson says: each text in English and in Portuguese."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "title": (
        "Logical clocks: what came before what?",
        "Relógios lógicos: o que veio antes do quê?"),
    "question": (
        "Ana calls put(100) on a bank, and gets its reply. Both machines write each event into a "
        "log, with the time of their own wall clock. The bank's clock is 2 s behind. The two logs "
        "are merged, and sorted by time. What does the merged log say?",
        "A Ana chama put(100) num banco, e recebe a resposta. As duas máquinas escrevem cada "
        "evento num log, com a hora do próprio relógio. O relógio do banco está 2 s atrasado. Os "
        "dois logs são juntados, e ordenados pela hora. O que diz o log que resulta?"),
    "answer.a": (
        "The request, then the reply: the network keeps the order",
        "O pedido, depois a resposta: a rede mantém a ordem"),
    "answer.b": (
        "The reply, then the request",
        "A resposta, depois o pedido"),
    "answer.c": (
        "Request and reply have the same time",
        "O pedido e a resposta têm a mesma hora"),
    "answer.d": (
        "Now one, now the other: it depends on the network",
        "Ora um, ora outro: depende da rede"),
    "right": ("b", "b"),
    "naive": (
        "Two real calls, and stamps of wall clocks; the bank's is 2 s behind. The merged log:\n"
        "{log}\n"
        "The reply to ana stands at place {reply_place}, her request at place {request_place}. Is "
        "every cause logged before its effect: {is_in_order}. Her request and the reply: "
        "{reply_order}. The requests of ana and bia: {other_order}.",
        "Duas chamadas de verdade, e a hora dos relógios das máquinas; o do banco está 2 s "
        "atrasado. O log que resulta:\n"
        "{log}\n"
        "A resposta para ana está no lugar {reply_place}, o pedido dela no lugar {request_place}. "
        "Toda causa está no log antes do seu efeito: {is_in_order}. O pedido dela e a resposta: "
        "{reply_order}. Os pedidos de ana e de bia: {other_order}."),
    "real": (
        "Two real calls, and your stamps travel in them; the bank's wall clock is 2 s behind. "
        "Your log:\n"
        "{log}\n"
        "The reply to ana stands at place {reply_place}, her request at place {request_place}. Is "
        "every cause logged before its effect: {is_in_order}. Her request and the reply: "
        "{reply_order}. The requests of ana and bia: {other_order}.",
        "Duas chamadas de verdade, e os seus carimbos viajam nelas; o relógio do banco está 2 s "
        "atrasado. O seu log:\n"
        "{log}\n"
        "A resposta para ana está no lugar {reply_place}, o pedido dela no lugar {request_place}. "
        "Toda causa está no log antes do seu efeito: {is_in_order}. O pedido dela e a resposta: "
        "{reply_order}. Os pedidos de ana e de bia: {other_order}."),
    "each.log": ("  {place:2}  {stamp:>6}  {event}", "  {place:2}  {stamp:>6}  {event}"),
    "check.c1": (
        "Lamport: a call, and one wall clock is wrong",
        "Lamport: uma chamada, e o relógio de uma máquina está errado"),
    "check.c2": (
        "Lamport: three processes, and two messages are late or lost",
        "Lamport: três processos, e duas mensagens atrasam ou se perdem"),
    "check.c3": (
        "Lamport: one log, whoever collects the events",
        "Lamport: um só log, não importa quem junta os eventos"),
    "check.c4": ("Vector: a call", "Vector: uma chamada"),
    "check.c5": (
        "Vector: three processes, and messages that cross",
        "Vector: três processos, e mensagens que se cruzam"),
    "check.c6": (
        "Vector: one message is late, or comes twice",
        "Vector: uma mensagem atrasa, ou chega duas vezes"),
    "check.c7": (
        "Vector: two processes appear later",
        "Vector: dois processos aparecem depois"),
    "check.c8": (
        "both clocks: any messages among three, and any two faults",
        "os dois relógios: quaisquer mensagens entre três, e quaisquer duas falhas"),
    "wrong.effect_first": (
        "The log has \"{effect}\" before \"{cause}\". But the second one is a cause of the first: "
        "messages lead from it to there.",
        "O log tem \"{effect}\" antes de \"{cause}\". Mas o segundo é causa do primeiro: mensagens "
        "levam dele até lá."),
    "wrong.not_later": (
        "\"{cause}\" has the stamp {cause_time}, and \"{effect}\" has {effect_time}. The first one "
        "is a cause of the second, so its stamp must be smaller.",
        "\"{cause}\" tem o carimbo {cause_time}, e \"{effect}\" tem {effect_time}. O primeiro é "
        "causa do segundo, então o carimbo dele tem de ser menor."),
    "wrong.two_logs": (
        "Two collectors got the same events in different orders, and made different logs: at place "
        "{place} one has \"{one}\", the other \"{other}\".",
        "Dois coletores receberam os mesmos eventos em ordens diferentes, e fizeram logs "
        "diferentes: no lugar {place} um tem \"{one}\", o outro \"{other}\"."),
    "wrong.not_the_same_events": (
        "log was given {count} events and returned {made}; they must be the same ones, each once.",
        "log recebeu {count} eventos e devolveu {made}; têm de ser os mesmos, cada um uma vez."),
    "wrong.no_log": (
        "log returned {said}: that is no list of events.",
        "log devolveu {said}: isso não é uma lista de eventos."),
    "wrong.no_time": (
        "The stamp of \"{event}\" is {stamp}: that is no number.",
        "O carimbo de \"{event}\" é {stamp}: isso não é um número."),
    "wrong.no_vector": (
        "The stamp of \"{event}\" is {stamp}: that is no dict of counts by the name of a process.",
        "O carimbo de \"{event}\" é {stamp}: isso não é um dict de contagens por nome de "
        "processo."),
    "wrong.knows_without_a_message": (
        "At \"{event}\" the clock of {name} said {said}. A new clock that gets the same messages "
        "in the same order says {alone}: so the first one knows something that no message told it. "
        "The clocks are on different machines.",
        "Em \"{event}\" o relógio de {name} disse {said}. Um relógio novo que recebe as mesmas "
        "mensagens na mesma ordem diz {alone}: então o primeiro sabe algo que nenhuma mensagem "
        "contou. Os relógios estão em máquinas diferentes."),
    "wrong.changes_afterwards": (
        "The stamp of \"{event}\" was {was}, and has become {now}. A stamp that was given stays as "
        "it is.",
        "O carimbo de \"{event}\" era {was}, e virou {now}. Um carimbo que foi dado fica como "
        "está."),
    "wrong.same_stamp": (
        "\"{one}\" and \"{other}\" have the same stamp, {stamp}. The first one came before the "
        "second, and nobody can tell it from that.",
        "\"{one}\" e \"{other}\" têm o mesmo carimbo, {stamp}. O primeiro veio antes do segundo, e "
        "por ele ninguém percebe isso."),
    "wrong.miscounts": (
        "The stamp of \"{event}\" says that it knows {said} events of {name}. With this event it "
        "knows {right}.",
        "O carimbo de \"{event}\" diz que conhece {said} eventos de {name}. Com este evento, "
        "ele conhece {right}."),
    "wrong.claims_a_cause": (
        "order says \"{said}\" of \"{one}\" ({one_stamp}) and \"{other}\" ({other_stamp}). They "
        "are at once: no messages lead from one to the other.",
        "order diz \"{said}\" de \"{one}\" ({one_stamp}) e \"{other}\" ({other_stamp}). Eles são "
        "simultâneos: nenhuma mensagem leva de um ao outro."),
    "wrong.misses_the_cause": (
        "order says \"{said}\" of \"{one}\" ({one_stamp}) and \"{other}\" ({other_stamp}). It is "
        "\"{right}\": one is a cause of the other.",
        "order diz \"{said}\" de \"{one}\" ({one_stamp}) e \"{other}\" ({other_stamp}). É "
        "\"{right}\": um é causa do outro."),
    "wrong.turned_round": (
        "order says \"{said}\" of \"{one}\" ({one_stamp}) and \"{other}\" ({other_stamp}). It is "
        "\"{right}\".",
        "order diz \"{said}\" de \"{one}\" ({one_stamp}) e \"{other}\" ({other_stamp}). É "
        "\"{right}\"."),
    "wrong.no_order": (
        "order returned {said} for \"{one}\" ({one_stamp}) and \"{other}\" ({other_stamp}): that "
        "is none of the three words.",
        "order devolveu {said} para \"{one}\" ({one_stamp}) e \"{other}\" ({other_stamp}): isso "
        "não é nenhuma das três palavras."),
    "story.event": ("{event}   [{stamps}]{fate}", "{event}   [{stamps}]{fate}"),
    "story.skew": (
        "the wall clock of {name} is {skew}",
        "o relógio da máquina de {name} está {skew}"),
    "story.joins": ("{name} appears", "{name} aparece"),
    "story.log": ("the log:", "o log:"),
    "story.logged": ("{place:>2}  [{stamp}]  {event}", "{place:>2}  [{stamp}]  {event}"),
    "value.arrives": ("", ""),
    "value.late": ("  HELD BACK", "  RETIDA"),
    "value.twice": ("  and a COPY is held back", "  e uma CÓPIA fica retida"),
    "value.lost": ("  LOST", "  PERDIDA"),
    "value.behind": ("2 s BEHIND", "2 s ATRASADO"),
    "value.ahead": ("2 s AHEAD", "2 s ADIANTADO"),
    "value.before": ("before", "antes"),
    "value.after": ("after", "depois"),
    "value.at once": ("at once", "simultâneos"),
    "value.yes": ("yes", "sim"),
    "value.no": ("no", "não"),
    "hint.1": (
        "Look at the last message of the story that led from one process to another: at its two "
        "stamps, where it went out and where it came in. What did the receiver learn from the "
        "stamp that it carried?",
        "Olhe a última mensagem da história que levou de um processo a outro: os dois carimbos, "
        "onde ela saiu e onde chegou. O que quem recebeu aprendeu com o carimbo que ela trazia?"),
    "hint.2": (
        "Lamport: one number, which never goes back. Vector: a number for each process, how many "
        "of its events are known here; a process that is missing has 0.",
        "Lamport: um número, que nunca volta atrás. Vector: um número para cada processo, quantos "
        "eventos dele são conhecidos aqui; um processo que falta tem 0."),
    "hint.3": (
        "At each event of your own, count up. When a message comes, first take over what its stamp "
        "knows better than you, entry by entry, then count up. Give away a copy. For order, ask "
        "whether one stamp knows all that the other one knows, then the same the other way round; "
        "if neither does, the events are at once. For equal times in the log, the names decide.",
        "A cada evento seu, conte mais um. Quando chega uma mensagem, primeiro fique com o que o "
        "carimbo dela sabe melhor do que você, entrada por entrada, e só então conte mais um. "
        "Entregue uma cópia. Para order, pergunte se um carimbo sabe tudo o que o outro sabe, "
        "depois o mesmo ao contrário; se nenhum dos dois sabe, os eventos são simultâneos. No log, "
        "entre horas iguais, os nomes decidem."),
    "measure": (
        "A deposit of {amount}, yours alone: on this computer the call with its stamps took "
        "{took_ms:.1f} ms. In a message, a stamp of Lamport is {lamport_bytes} bytes; a vector of "
        "{processes} processes is {vector_bytes} bytes.",
        "Um depósito de {amount}, só seu: neste computador a chamada com os carimbos levou "
        "{took_ms:.1f} ms. Numa mensagem, um carimbo de Lamport tem {lamport_bytes} bytes; um "
        "vetor de {processes} processos tem {vector_bytes} bytes."),
    "discuss": (
        "Bia's request stands in your log before the bank's first event, though she called when "
        "ana had her reply. Is the log wrong? What would your clocks say after a process has "
        "crashed and counts from 1 again? Ponte has no logical clocks: it compares only numbers of "
        "one name, as a server's incarnations: ponte/discovery/incarnations.py.",
        "O pedido de bia está no seu log antes do primeiro evento do banco, embora ela tenha "
        "chamado quando ana já tinha a resposta. O log está errado? O que diriam os seus relógios "
        "depois que um processo quebrou e conta de novo a partir de 1? A Ponte não tem relógios "
        "lógicos: ela só compara números de um mesmo nome, como as vidas de um servidor: "
        "ponte/discovery/incarnations.py."),
}
