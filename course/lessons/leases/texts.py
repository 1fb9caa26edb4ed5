"""What the lesson says: each text in English and in Portuguese."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "title": (
        "Naming, leases, soft state: who is alive?",
        "Nomes, leases, estado temporário: quem está vivo?"),
    "question": (
        "A registry lists servers by their beats. bank-1 runs at port 4242, crashes, and starts "
        "again at port 4243. Then an old beat of port 4242 arrives late. The registry believes "
        "each beat, and forgets nothing. After that, bank-1 crashes for good. What do readers "
        "see?",
        "Um registro lista servidores pelos seus batimentos. O bank-1 roda na porta 4242, quebra, "
        "e começa de novo na porta 4243. Então um batimento antigo da porta 4242 chega atrasado. "
        "O registro acredita em cada batimento, e não esquece nada. Depois o bank-1 quebra de "
        "vez. O que os leitores veem?"),
    "answer.a": (
        "Port 4243, and after the last crash nothing",
        "A porta 4243, e depois da última quebra nada"),
    "answer.b": (
        "Port 4243, and it stays listed after the last crash",
        "A porta 4243, e ela continua na lista depois da última quebra"),
    "answer.c": (
        "Port 4242, and it stays listed after the last crash",
        "A porta 4242, e ela continua na lista depois da última quebra"),
    "answer.d": (
        "Both ports, until somebody removes one",
        "As duas portas, até alguém remover uma"),
    "right": ("c", "c"),
    "naive": (
        "The table that believes everything, inside Ponte's registry: bank-1 started again, and "
        "readers saw port {restarted_port}. A late beat of its old life came, and they saw port "
        "{late_port}. Then it crashed for good. Its lease was {lease_s} s, and {took_s:.1f} s "
        "after its last beat it was still listed.",
        "A tabela que acredita em tudo, dentro do registro da Ponte: o bank-1 começou de novo, e "
        "os leitores viram a porta {restarted_port}. Chegou um batimento atrasado da vida antiga, "
        "e eles viram a porta {late_port}. Então ele quebrou de vez. O lease era de {lease_s} s, "
        "e {took_s:.1f} s depois do último batimento ele ainda estava na lista."),
    "real": (
        "Your table inside Ponte's registry: bank-1 started again, and readers saw port "
        "{restarted_port}. A late beat of its old life came, and they saw port {late_port}. Then "
        "it crashed for good. Its lease was {lease_s} s, and readers saw it for {took_s:.1f} s "
        "after its last beat.",
        "A sua tabela dentro do registro da Ponte: o bank-1 começou de novo, e os leitores viram "
        "a porta {restarted_port}. Chegou um batimento atrasado da vida antiga, e eles viram a "
        "porta {late_port}. Então ele quebrou de vez. O lease era de {lease_s} s, e os leitores o "
        "viram por {took_s:.1f} s depois do último batimento."),
    "check.c1": ("one of two servers crashes", "um de dois servidores quebra"),
    "check.c2": (
        "beats are lost, and a server freezes for a while",
        "batimentos se perdem, e um servidor congela por um tempo"),
    "check.c3": (
        "a server crashes, and its beats come late",
        "um servidor quebra, e os batimentos dele chegam atrasados"),
    "check.c4": (
        "a server starts again at another port, and old beats come late",
        "um servidor recomeça em outra porta, e batimentos antigos chegam atrasados"),
    "check.c5": (
        "a server says goodbye, with two faults",
        "um servidor se despede, com duas falhas"),
    "check.c6": (
        "leases of several lengths; the registry restarts",
        "leases de várias durações; o registro reinicia"),
    "check.c7": (
        "what beat returns, and what is kept a minute later",
        "o que beat devolve, e o que fica guardado um minuto depois"),
    "check.c8": ("any two faults", "quaisquer duas falhas"),
    "wrong.dead_listed": (
        "{name} is still listed at port {port}. Its last beat came {silent_s} s ago, and its "
        "lease is {lease_s} s.",
        "{name} ainda está na lista, na porta {port}. O último batimento chegou há {silent_s} s, "
        "e o lease é de {lease_s} s."),
    "wrong.looking_keeps_it": (
        "{name} is still listed at port {port}, {silent_s} s after its last beat; its lease is "
        "{lease_s} s. It goes in time when nobody looks: so a lookup must not change a lease.",
        "{name} ainda está na lista, na porta {port}, {silent_s} s depois do último batimento; o "
        "lease é de {lease_s} s. Ele sai na hora quando ninguém consulta: então uma consulta não "
        "pode mudar um lease."),
    "wrong.living_missing": (
        "{name} is not listed, though it lives. Its last beat came {silent_s} s ago, and its "
        "lease is {lease_s} s.",
        "{name} não está na lista, embora esteja vivo. O último batimento chegou há {silent_s} s, "
        "e o lease é de {lease_s} s."),
    "wrong.stays_out": (
        "The lease of {name} was over. Now the same life beats again, and it is not listed: it "
        "was only silent, not dead.",
        "O lease de {name} tinha acabado. Agora a mesma vida envia batimentos de novo, e não está "
        "na lista: ela só estava em silêncio, não morta."),
    "wrong.new_life_missing": (
        "{name} has started again (life {life}, port {port}) and beats, and it is not listed.",
        "{name} começou de novo (vida {life}, porta {port}) e envia batimentos, mas não está na "
        "lista."),
    "wrong.late_beat_revives": (
        "{name} is listed at port {port}, though the lease of its newest beat is over. Beat {seq} "
        "came late, when it or a newer one had come already: it must not count.",
        "{name} está na lista, na porta {port}, embora o lease do batimento mais novo tenha "
        "acabado. O batimento {seq} chegou atrasado, quando ele ou um mais novo já tinha chegado: "
        "ele não pode valer."),
    "wrong.old_port": (
        "{name} is listed at port {port}, where an older life was. The youngest life that has "
        "beaten is at port {right}.",
        "{name} está na lista na porta {port}, onde estava uma vida mais velha. A vida mais nova "
        "que enviou batimentos está na porta {right}."),
    "wrong.goodbye_undone": (
        "{name} has said goodbye, and it is listed at port {port}.",
        "{name} se despediu, e está na lista, na porta {port}."),
    "wrong.goodbye_of_another_life": (
        "A late goodbye of life {life} came, and {name} is not listed any more. But its life "
        "{younger} runs and beats.",
        "Chegou uma despedida atrasada da vida {life}, e {name} não está mais na lista. Mas a "
        "vida {younger} dele está rodando e envia batimentos."),
    "wrong.lists_a_stranger": (
        "{name} is listed, and no beat of it has come to this table.",
        "{name} está na lista, e nenhum batimento dele chegou a esta tabela."),
    "wrong.not_empty": (
        "A new table lists {names}, though no beat has come to it: two tables share their state.",
        "Uma tabela nova lista {names}, embora nenhum batimento tenha chegado a ela: duas tabelas "
        "dividem o mesmo estado."),
    "wrong.not_its_own": (
        "The first beat of bank-9 that comes to a new table must count. Another table has heard of "
        "later ones: the two tables share their state.",
        "O primeiro batimento do bank-9 que chega a uma tabela nova tem que valer. Outra tabela "
        "ouviu falar de batimentos posteriores: as duas tabelas dividem o mesmo estado."),
    "wrong.not_new": (
        "Two lookups returned the same dictionary. What a reader changes in it, or a later lookup, "
        "then changes what another reader has.",
        "Duas consultas devolveram o mesmo dicionário. O que um leitor muda nele, ou uma consulta "
        "posterior, muda então o que outro leitor tem."),
    "wrong.keeps_for_ever": (
        "Nothing has come from {servers} servers for more than REMEMBER_S, and something of their "
        "beats is still kept.",
        "Nada chegou de {servers} servidores há mais de REMEMBER_S, e algo dos batimentos deles "
        "continua guardado."),
    "wrong.said_ack": (
        "beat returned ACK for beat {seq} of {name} (life {life}). Right is: {right}.",
        "beat devolveu ACK para o batimento {seq} de {name} (vida {life}). O certo é: {right}."),
    "wrong.said_old": (
        "beat returned OLD for beat {seq} of {name} (life {life}). Right is: {right}.",
        "beat devolveu OLD para o batimento {seq} de {name} (vida {life}). O certo é: {right}."),
    "wrong.said_superseded": (
        "beat returned SUPERSEDED for beat {seq} of {name} (life {life}). Right is: {right}.",
        "beat devolveu SUPERSEDED para o batimento {seq} de {name} (vida {life}). O certo é: "
        "{right}."),
    "wrong.no_answer": (
        "beat returned {said} for a beat of {name}: that is none of ACK, SUPERSEDED and OLD.",
        "beat devolveu {said} para um batimento de {name}: isso não é ACK, nem SUPERSEDED, nem "
        "OLD."),
    "wrong.no_lookup": (
        "lookup returned {found}: that is no dictionary.",
        "lookup devolveu {found}: isso não é um dicionário."),
    "wrong.no_port": (
        "{name} is listed at {port}, and no beat of it had that port. Right is {right}.",
        "{name} está na lista em {port}, e nenhum batimento dele tinha essa porta. O certo é "
        "{right}."),
    "story.starts": (
        "{name} (life {life}, port {port}) starts",
        "{name} (vida {life}, porta {port}) começa"),
    "story.stops": (
        "{name} (life {life}, port {port}) stops",
        "{name} (vida {life}, porta {port}) para"),
    "story.crashes": (
        "{name} (life {life}, port {port}) CRASHES",
        "{name} (vida {life}, porta {port}) QUEBRA"),
    "story.shortens": (
        "{name} (life {life}, port {port}) has leases of {lease_s:.0f} s from now on",
        "{name} (vida {life}, porta {port}) passa a ter leases de {lease_s:.0f} s"),
    "story.freezes": (
        "{name} (life {life}, port {port}) FREEZES",
        "{name} (vida {life}, porta {port}) CONGELA"),
    "story.goes_on": (
        "{name} (life {life}, port {port}) goes on",
        "{name} (vida {life}, porta {port}) continua"),
    "story.registry_restarts": (
        "the registry RESTARTS: it has a new table",
        "o registro REINICIA: tem uma tabela nova"),
    "story.sends_beat": (
        "{name} (life {life}, port {port}) → registry: beat {seq}{fate}",
        "{name} (vida {life}, porta {port}) → registro: batimento {seq}{fate}"),
    "story.sends_goodbye": (
        "{name} (life {life}, port {port}) → registry: goodbye (number {seq}){fate}",
        "{name} (vida {life}, porta {port}) → registro: despedida (número {seq}){fate}"),
    "story.late_beat": (
        "registry: a late beat {seq} of {name} comes (life {life}, port {port})",
        "registro: chega um batimento {seq} atrasado de {name} (vida {life}, porta {port})"),
    "story.late_goodbye": (
        "registry: a late goodbye of {name} comes (life {life}, port {port}, number {seq})",
        "registro: chega uma despedida atrasada de {name} (vida {life}, porta {port}, número "
        "{seq})"),
    "story.said": (
        "registry: beat {seq} of {name} (life {life}) has come: \"{said}\"",
        "registro: o batimento {seq} de {name} (vida {life}) chegou: \"{said}\""),
    "story.lookup": ("lookup: {found}", "consulta: {found}"),
    "story.first_table": (
        "a first registry: beat 1 of bank-9 comes (life 1, port 4901)",
        "um primeiro registro: chega o batimento 1 de bank-9 (vida 1, porta 4901)"),
    "story.second_table": (
        "a second registry, with a new table: lookup: {found}",
        "um segundo registro, com uma tabela nova: consulta: {found}"),
    "story.first_table_left": (
        "a first registry: beat 1 of bank-9, and goodbyes of its lives 1 and 2",
        "um primeiro registro: o batimento 1 de bank-9, e despedidas das vidas 1 e 2 dele"),
    "story.second_table_first": (
        "a second registry, with a new table: beat 1 of bank-9 comes (life 1, port 4901)",
        "um segundo registro, com uma tabela nova: chega o batimento 1 de bank-9 (vida 1, porta "
        "4901)"),
    "story.many": (
        "{servers} servers send beats, start again, or say goodbye; then only bank-1 beats",
        "{servers} servidores enviam batimentos, recomeçam, ou se despedem; depois só o bank-1 "
        "envia"),
    "story.silence": (
        "the others have not beaten for {silent_s:.0f} s",
        "os outros ficaram {silent_s:.0f} s sem enviar batimentos"),
    "value.arrives": ("", ""),
    "value.lost": ("  LOST", "  PERDIDO"),
    "value.late": ("  HELD BACK", "  RETIDO"),
    "value.very late": ("  HELD BACK for long", "  RETIDO por muito tempo"),
    "value.twice": ("  and a COPY is held back", "  e uma CÓPIA fica retida"),
    "value.nobody": ("nobody", "ninguém"),
    "hint.1": (
        "Look at the last line of the story, and at the newest beat of that server before it. "
        "How old is that beat, and of which life? What would your table have to know to answer "
        "another way?",
        "Olhe a última linha da história, e o batimento mais novo daquele servidor antes dela. "
        "Que idade ele tem, e de qual vida é? O que a sua tabela precisaria saber para responder "
        "de outro jeito?"),
    "hint.2": (
        "For each name keep: the newest beat, when it came, and whether it is listed. Keep it "
        "also when the lease is over, and after a goodbye: it tells which beats are late.",
        "Para cada nome, guarde: o batimento mais novo, quando ele chegou, e se está na lista. "
        "Guarde isso também quando o lease acaba, e depois de uma despedida: é o que diz quais "
        "batimentos estão atrasados."),
    "hint.3": (
        "In this order: is the beat of an older life than the one you know? Is it of the same "
        "life: has that life said goodbye, or has this number or a later one come? If not, it "
        "counts, and takes the place of all you knew. And when time passes: is the lease over? "
        "Then it is not listed. Is even the memory over? Only then forget.",
        "Nesta ordem: o batimento é de uma vida mais velha do que a que você conhece? É da mesma "
        "vida: ela já se despediu, ou este número ou um maior já chegou? Se não, ele vale, e toma "
        "o lugar de tudo o que você sabia. E quando o tempo passa: o lease acabou? Então não está "
        "na lista. Até o prazo da memória acabou? Só então esqueça."),
    "measure": (
        "A server at port {new_port}, yours alone: on this computer readers saw it for "
        "{took_ms:.0f} ms after its last beat.",
        "Um servidor na porta {new_port}, só sua: neste computador os leitores o viram por "
        "{took_ms:.0f} ms depois do último batimento."),
    "discuss": (
        "For up to a lease a dead server is listed: what must callers do meanwhile? What gets "
        "better, and what worse, if the lease is shorter? A registry that restarts has forgotten "
        "all numbers: what can a late beat do then, and how does the epoch in Ponte's beats help? "
        "Ponte's own: ponte/discovery/leases.py and ponte/discovery/lease_states.py.",
        "Por até um lease, um servidor morto está na lista: o que os chamadores precisam fazer "
        "enquanto isso? O que melhora, e o que piora, se o lease é mais curto? Um registro que "
        "reinicia esqueceu todos os números: o que um batimento atrasado pode fazer então, e como "
        "a época nos batimentos da Ponte ajuda? A da Ponte: ponte/discovery/leases.py e "
        "ponte/discovery/lease_states.py."),
}
