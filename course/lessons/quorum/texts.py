"""What the lesson says: each text in English and in Portuguese."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "title": (
        "Partitions, replication: do you read what you wrote?",
        "Partições e replicação: você lê o que escreveu?"),
    "question": (
        "Three replicas keep a price. Ana writes 2000, and later 1000. She takes the first answer "
        "as enough. Replica r1 is cut off during the second write; then it is back, and r2 and r3 "
        "are cut off. Then Ana reads. What does she get?",
        "Três réplicas guardam um preço. Ana escreve 2000, e depois 1000. Para ela, a primeira "
        "resposta basta. A réplica r1 fica isolada durante a segunda escrita; depois ela volta, e "
        "a r2 e a r3 ficam isoladas. Então Ana lê. O que ela recebe?"),
    "answer.a": ("1000, the newest price", "1000, o preço mais novo"),
    "answer.b": ("2000: her own write is not read", "2000: a própria escrita não é lida"),
    "answer.c": ("Nothing: she waits for r2 or r3", "Nada: ela espera a r2 ou a r3"),
    "answer.d": ("An error: the replicas differ", "Um erro: as réplicas divergem"),
    "right": ("b", "b"),
    "naive": (
        "Three replicas, and the first answer is enough. Ana wrote {first}, and then {second} "
        "while r1 was cut off. Then only r1 was there, and she read: {alone}. With r3 back, the "
        "read has given: {read}.",
        "Três réplicas, e a primeira resposta basta. Ana escreveu {first}, e depois {second}, com "
        "a r1 isolada. Depois só havia a r1, e ela leu: {alone}. Com a r3 de volta, a leitura deu: "
        "{read}."),
    "real": (
        "Your register on three servers of Ponte. Ana wrote {first}, and then {second} while r1 "
        "was cut off. Then only r1 was there, and she read: {alone}. With r3 back, the read has "
        "given: {read}.",
        "O seu registrador em três servidores da Ponte. Ana escreveu {first}, e depois {second}, "
        "com a r1 isolada. Depois só havia a r1, e ela leu: {alone}. Com a r3 de volta, a leitura "
        "deu: {read}."),
    "value.no answer": ("no answer", "nenhuma resposta"),
    "check.c1": ("some replicas get a message late", "algumas réplicas recebem tarde uma mensagem"),
    "check.c2": (
        "four and five replicas, and a network in two parts",
        "quatro e cinco réplicas, e uma rede em duas partes"),
    "check.c3": ("a message comes twice", "uma mensagem chega duas vezes"),
    "check.c4": ("replicas are cut off for ever", "réplicas ficam isoladas para sempre"),
    "check.c5": (
        "two writers, one after the other; their clocks differ",
        "dois escritores, um depois do outro; os relógios divergem"),
    "check.c6": (
        "an old message comes after a newer one",
        "uma mensagem velha chega depois de uma mais nova"),
    "check.c7": ("two writers at once", "dois escritores ao mesmo tempo"),
    "check.c8": (
        "a client crashes in the middle of a write",
        "um cliente morre no meio de uma escrita"),
    "wrong.own_write_not_read": (
        "{client} wrote {written}, and then read {value}: its own write is not read.",
        "{client} escreveu {written}, e depois leu {value}: a própria escrita não é lida."),
    "wrong.old_value": (
        "{client} read {value}, though {writer} had written {written} before that read began.",
        "{client} leu {value}, embora {writer} já tivesse escrito {written} antes do começo dessa "
        "leitura."),
    "wrong.went_back": (
        "{other} read {first}; after that {client} read {value}. No order of the writes gives "
        "both: the register went back.",
        "{other} leu {first}; depois disso {client} leu {value}. Nenhuma ordem das escritas dá as "
        "duas leituras: o registrador voltou atrás."),
    "wrong.nobody_wrote": (
        "{client} read {value}: nobody has written that.",
        "{client} leu {value}: ninguém escreveu isso."),
    "wrong.no_order": (
        "{client} read {value}: no order of all reads and writes gives that.",
        "{client} leu {value}: nenhuma ordem de todas as leituras e escritas dá isso."),
    "wrong.waits_for_ever": (
        "{client} waits for ever in {what}, though it reaches {reached} of {count} replicas.",
        "{client} espera para sempre em {what}, embora alcance {reached} de {count} réplicas."),
    "wrong.asks_without_end": (
        "{client} has asked {questions} times in one operation, and it has not ended.",
        "{client} perguntou {questions} vezes numa só operação, e ela não terminou."),
    "value.a write": ("a write", "uma escrita"),
    "value.a read": ("a read", "uma leitura"),
    "story.cut": (
        "the network parts: {clients} cannot reach {replicas}",
        "a rede se parte: {clients} não alcança {replicas}"),
    "story.writes": ("{client} writes {value}", "{client} escreve {value}"),
    "story.reads": ("{client} reads", "{client} lê"),
    "story.asks": (
        "  {client} → replicas: {question}{fate}{replicas}",
        "  {client} → réplicas: {question}{fate}{replicas}"),
    "story.gets_late": (
        "  {replica} gets the LATE {question} of {client}",
        "  {replica} recebe ATRASADA a mensagem {question} de {client}"),
    "story.answers": ("  {replica} → {client}: {answer}", "  {replica} → {client}: {answer}"),
    "story.written": (
        "{client}: the write of {value} has ended",
        "{client}: a escrita de {value} terminou"),
    "story.read": (
        "{client}: the read has ended: {value}",
        "{client}: a leitura terminou: {value}"),
    "value.prompt": ("", ""),
    "value.late": ("   LATE at ", "   ATRASA em "),
    "value.twice": ("   LATE, but TWICE in time at ", "   ATRASA, mas chega DUAS VEZES em "),
    "value.crash": (
        "   the client CRASHES, it has gone only to ",
        "   o cliente MORRE, ela só foi para "),
    "hint.1": (
        "Look at the last read of the story. Which replicas had the newest value when it began? "
        "Which of them did the read hear, and what would have made sure that they meet?",
        "Olhe a última leitura da história. Quais réplicas tinham o valor mais novo quando ela "
        "começou? Quais a leitura ouviu, e o que garantiria que os dois grupos se encontrem?"),
    "hint.2": (
        "Keep with the value a version: a number, and the name of the writer. Keep the answers by "
        "replica, so that each replica counts once. A clock is no number.",
        "Guarde com o valor uma versão: um número e o nome do escritor. Guarde as respostas por "
        "réplica, para que cada réplica conte uma vez. Um relógio não serve de número."),
    "hint.3": (
        "A write first learns from more than half the highest number, then stores its value with "
        "the next one at more than half. A read takes the newest of more than half, and before it "
        "gives it, makes sure that more than half have it. A replica keeps the newer one.",
        "A escrita primeiro aprende de mais da metade o maior número, depois guarda o valor com o "
        "próximo em mais da metade. A leitura pega o mais novo de mais da metade e, antes de "
        "entregá-lo, garante que mais da metade o tenha. A réplica fica com o mais novo."),
    "measure": (
        "A price of {second}, yours alone: on this computer the read ended {took_ms:.1f} ms after "
        "the second of three replicas was back.",
        "Um preço de {second}, só seu: neste computador a leitura terminou {took_ms:.1f} ms depois "
        "que a segunda de três réplicas voltou."),
    "discuss": (
        "Ponte's registries keep no quorum: a client asks them all and takes the union, and one "
        "is enough (ponte/discovery/view.py). Why is that right for a list of servers, and wrong "
        "for a price? And in your register: what if a client crashes in a write, starts again "
        "with its old name, and writes another value? What if a replica forgets all?",
        "Os registros da Ponte não formam quórum: o cliente pergunta a todos e fica com a união, e "
        "um só basta (ponte/discovery/view.py). Por que isso serve para uma lista de servidores, e "
        "não para um preço? E no seu registrador: e se um cliente morre numa escrita, volta com o "
        "mesmo nome e escreve outro valor? E se uma réplica esquece tudo?"),
}
