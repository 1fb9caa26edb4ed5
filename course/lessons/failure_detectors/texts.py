"""What the lesson says: each text in English and in Portuguese."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "title": (
        "Failure detectors: dead, or only silent?",
        "Detectores de falhas: morto, ou só em silêncio?"),
    "question": (
        "Three servers beat ten times a second to a registry on the same laptop. Its detector says "
        "GONE after 0.75 s without a beat. One server crashes, and at once the laptop sleeps, for "
        "a second and a half. Then the registry goes on a moment before the servers do. What do "
        "readers of the registry see in that moment?",
        "Três servidores enviam dez batimentos por segundo a um registro no mesmo laptop. O "
        "detector dele diz GONE depois de 0,75 s sem batimento. Um servidor quebra, e logo em "
        "seguida o laptop dorme, por um segundo e meio. Depois o registro volta um instante antes "
        "dos servidores. O que os leitores do registro veem nesse instante?"),
    "answer.a": (
        "Three servers: nothing has changed while the laptop slept",
        "Três servidores: nada mudou enquanto o laptop dormia"),
    "answer.b": (
        "Two servers: only the crashed one has gone",
        "Dois servidores: só o que quebrou sumiu"),
    "answer.c": (
        "No server: the registry has buried all of them",
        "Nenhum servidor: o registro enterrou todos"),
    "answer.d": (
        "The readers get an error",
        "Os leitores recebem um erro"),
    "right": ("c", "c"),
    "naive": (
        "The hasty detector inside Ponte's registry. One of three servers crashed, and the "
        "computer slept for {slept_ms} ms ({how}). When the registry went on, at its worst moment "
        "it listed {fewest} of {living} living servers.",
        "O detector apressado dentro do registro da Ponte. Um de três servidores quebrou, e o "
        "computador dormiu por {slept_ms} ms ({how}). Quando o registro voltou, no pior momento "
        "ele listou {fewest} de {living} servidores vivos."),
    "real": (
        "Your detector inside Ponte's registry. One of three servers crashed, and the computer "
        "slept for {slept_ms} ms ({how}). When the registry went on, at its worst moment it listed "
        "{fewest} of {living} living servers. It listed the dead one for {took_s:.1f} s more; a "
        "lease is {lease_s:.1f} s.",
        "O seu detector dentro do registro da Ponte. Um de três servidores quebrou, e o "
        "computador dormiu por {slept_ms} ms ({how}). Quando o registro voltou, no pior momento "
        "ele listou {fewest} de {living} servidores vivos. O morto ficou na lista por mais "
        "{took_s:.1f} s; um lease é de {lease_s:.1f} s."),
    "value.stopped": (
        "its processes were stopped by SIGSTOP",
        "os processos dele foram parados com SIGSTOP"),
    "value.blocked": (
        "here no process can be stopped, so the loops of registry and servers were blocked",
        "aqui não dá para parar um processo, então os laços do registro e dos servidores foram "
        "bloqueados"),
    "check.c1": (
        "one beat is lost; one of two servers crashes",
        "um batimento se perde; um de dois servidores quebra"),
    "check.c2": (
        "three beats are lost, or a server freezes: it comes back",
        "três batimentos se perdem, ou um servidor congela: ele volta"),
    "check.c3": (
        "the clocks of the servers are wrong, or set back",
        "os relógios dos servidores estão errados, ou alguém os atrasa"),
    "check.c4": (
        "the registry is busy and asks rarely, or asks often",
        "o registro está ocupado e pergunta pouco, ou pergunta muito"),
    "check.c5": (
        "the registry itself is frozen for a while",
        "o próprio registro fica congelado por um tempo"),
    "check.c6": (
        "the registry is frozen, and a server crashes",
        "o registro fica congelado, e um servidor quebra"),
    "check.c7": (
        "the registry is frozen again and again",
        "o registro congela várias vezes"),
    "story.starts": (
        "{name} starts: a beat each {beat_s:g} s, a lease of {lease_s:g} s",
        "{name} começa: um batimento a cada {beat_s:g} s, um lease de {lease_s:g} s"),
    "story.ahead": (
        "the clock of {name} is wrong by {ahead_s:+.0f} s",
        "o relógio de {name} está errado em {ahead_s:+.0f} s"),
    "story.lost": ("{name} → registry: a beat  LOST", "{name} → registro: um batimento  PERDIDO"),
    "story.crashes": ("{name} CRASHES", "{name} QUEBRA"),
    "story.freezes": ("{name} FREEZES", "{name} CONGELA"),
    "story.thaws": ("{name} goes on", "{name} continua"),
    "story.set_back": (
        "somebody sets the clock of {name} back by {back_s:g} s",
        "alguém atrasa o relógio de {name} em {back_s:g} s"),
    "story.registry_freezes": (
        "the registry FREEZES (beats that wait for it: {kept})",
        "o registro CONGELA (batimentos que esperam por ele: {kept})"),
    "value.none": ("none", "nenhum"),
    "story.registry_thaws": ("the registry goes on", "o registro continua"),
    "story.waited": (
        "registry: hears {count} beats that have waited",
        "registro: ouve {count} batimentos que esperaram"),
    "story.says": ("registry: {name} is {said}", "registro: {name} está {said}"),
    "story.says_still": ("registry: {name} is still {said}", "registro: {name} continua {said}"),
    "value.up": ("UP", "UP"),
    "value.suspect": ("SUSPECT", "SUSPECT"),
    "value.gone": ("GONE", "GONE"),
    "story.first_moment": (
        "in its first moment a detector is asked for bank-9, hears a beat of it, is asked again",
        "no primeiro instante pergunta-se a um detector pelo bank-9, ele ouve um batimento dele, "
        "pergunta-se de novo"),
    "story.two_registries": (
        "one detector hears a beat of bank-9; another, new one is asked for bank-9",
        "um detector ouve um batimento do bank-9; pergunta-se a outro, novo, pelo bank-9"),
    "wrong.gone_too_early": (
        "{name} is GONE after {silent_s:.2f} s without a beat, and its lease is {lease_s:g} s. A "
        "lost beat is no death: until the lease is over, {name} is SUSPECT at most.",
        "{name} está GONE depois de {silent_s:.2f} s sem batimento, e o lease é de {lease_s:g} s. "
        "Um batimento perdido não é uma morte: até o lease acabar, {name} está no máximo "
        "SUSPECT."),
    "wrong.suspect_too_early": (
        "{name} is SUSPECT after {silent_s:.2f} s without a beat. Half of its lease is longer: "
        "the lease is {lease_s:g} s.",
        "{name} está SUSPECT depois de {silent_s:.2f} s sem batimento. Metade do lease é mais que "
        "isso: o lease é de {lease_s:g} s."),
    "wrong.up_for_ever": (
        "{name} is still UP after {silent_s:.2f} s without a beat. Half of its lease is over: the "
        "lease is {lease_s:g} s.",
        "{name} ainda está UP depois de {silent_s:.2f} s sem batimento. Metade do lease já passou: "
        "o lease é de {lease_s:g} s."),
    "wrong.suspect_for_ever": (
        "{name} is still only SUSPECT after {silent_s:.2f} s without a beat. Its whole lease is "
        "over: the lease is {lease_s:g} s.",
        "{name} ainda está só SUSPECT depois de {silent_s:.2f} s sem batimento. O lease inteiro já "
        "passou: ele é de {lease_s:g} s."),
    "wrong.not_trusted_again": (
        "{name} beat {silent_s:.2f} s ago, and it is {said}. It was {was} before: it was only "
        "silent, not dead. A beat makes it UP again.",
        "{name} enviou um batimento há {silent_s:.2f} s, e está {said}. Antes estava {was}: só "
        "estava em silêncio, não morto. Um batimento o torna UP de novo."),
    "wrong.better_without_a_beat": (
        "{name} was {was}, and now it is {said}, though no beat of it has come in between.",
        "{name} estava {was}, e agora está {said}, embora nenhum batimento dele tenha chegado "
        "nesse meio-tempo."),
    "wrong.by_another_clock": (
        "{name} is {said} {silent_s:.2f} s after its last beat came; its lease is {lease_s:g} s. "
        "Its clock is wrong by {ahead_s:+.0f} s: what it shows must not count here.",
        "{name} está {said} {silent_s:.2f} s depois que o último batimento dele chegou; o lease é "
        "de {lease_s:g} s. O relógio dele está errado em {ahead_s:+.0f} s: o que ele mostra não "
        "pode valer aqui."),
    "wrong.gone_by_own_pause": (
        "{name} is GONE, and its lease is {lease_s:g} s. Since its last beat the registry ran for "
        "{silent_s:.2f} s only, and was frozen itself for {frozen_s:.2f} s: that is no silence of "
        "{name}.",
        "{name} está GONE, e o lease é de {lease_s:g} s. Desde o último batimento o registro rodou "
        "só por {silent_s:.2f} s, e ficou ele mesmo congelado por {frozen_s:.2f} s: isso não é "
        "silêncio de {name}."),
    "wrong.suspect_by_own_pause": (
        "{name} is SUSPECT, and its lease is {lease_s:g} s. Since its last beat the registry ran "
        "for {silent_s:.2f} s only, and was frozen itself for {frozen_s:.2f} s: that is no silence "
        "of {name}.",
        "{name} está SUSPECT, e o lease é de {lease_s:g} s. Desde o último batimento o registro "
        "rodou só por {silent_s:.2f} s, e ficou ele mesmo congelado por {frozen_s:.2f} s: isso não "
        "é silêncio de {name}."),
    "wrong.excused_for_ever": (
        "{name} is {said}, though its lease is {lease_s:g} s. Since its last beat the registry ran "
        "for {silent_s:.2f} s, without its pauses, and heard nothing: a pause excuses no other "
        "silence.",
        "{name} está {said}, embora o lease seja de {lease_s:g} s. Desde o último batimento o "
        "registro rodou por {silent_s:.2f} s, sem contar as pausas, e não ouviu nada: uma pausa "
        "não perdoa outro silêncio."),
    "wrong.knows_a_stranger": (
        "No beat of bank-9 has ever come, and state says {said}: right is GONE.",
        "Nenhum batimento do bank-9 jamais chegou, e state diz {said}: o certo é GONE."),
    "wrong.not_its_own": (
        "A new detector knows bank-9, though no beat has come to it: two detectors share their "
        "state.",
        "Um detector novo conhece o bank-9, embora nenhum batimento tenha chegado a ele: dois "
        "detectores dividem o mesmo estado."),
    "wrong.no_answer": (
        "state returned {said}: that is none of UP, SUSPECT and GONE.",
        "state devolveu {said}: isso não é UP, nem SUSPECT, nem GONE."),
    "hint.1": (
        "Look at the last line of the story: for how long had the registry heard nothing of that "
        "server then, and how much of that time did the registry itself run? What would your "
        "detector have to know to see the difference?",
        "Olhe a última linha da história: por quanto tempo o registro não tinha ouvido nada "
        "daquele servidor, e em quanto desse tempo o próprio registro rodou? O que o seu detector "
        "precisaria saber para ver a diferença?"),
    "hint.2": (
        "Keep a clock of your own, for all servers: how many seconds the registry has run, and "
        "the `now` at which you counted last. Keep for each name what your clock showed when its "
        "last beat came. No word of an answer needs to be kept.",
        "Mantenha um relógio seu, para todos os servidores: quantos segundos o registro rodou, e "
        "o `now` em que você contou pela última vez. Guarde, para cada nome, o que o seu relógio "
        "mostrava quando o último batimento chegou. Nenhuma resposta precisa ser guardada."),
    "hint.3": (
        "At every call, also when a beat comes, first move your clock on: by the time since the "
        "last call, but by TURN_S at most, since a longer step is a pause. Then, when a beat "
        "comes, note what your clock shows. When the state is asked: is there a beat at all? How "
        "long ago, by your clock? More than a lease, or more than half of it?",
        "A cada chamada, também quando chega um batimento, primeiro avance o seu relógio: pelo "
        "tempo desde a última chamada, mas no máximo TURN_S, porque um passo maior é uma pausa. "
        "Depois, quando chega um batimento, anote o que o seu relógio mostra. Quando se pergunta o "
        "estado: existe algum batimento? Há quanto tempo, pelo seu relógio? Mais que um lease, ou "
        "mais que metade dele?"),
    "measure": (
        "On this computer a dead server was listed for {took_ms:.0f} ms after a sleep of "
        "{slept_ms} ms; a lease is {lease_s:.1f} s.",
        "Neste computador um servidor morto ficou na lista por {took_ms:.0f} ms depois de um sono "
        "de {slept_ms} ms; um lease é de {lease_s:.1f} s."),
    "discuss": (
        "Chandra and Toueg (1996) ask two things of a failure detector. Completeness: a process "
        "that has crashed is suspected in the end. Accuracy: a process that lives is not "
        "suspected. Which of your mistakes broke which of the two? Which of them gets better with "
        "a longer lease, and what does it cost? Why do Ponte's beats carry no time of their "
        "sender? Ponte's own: ponte/discovery/patient_clock.py; and heartbeat.py, by which a "
        "server that was frozen itself does not blame the registries.",
        "Chandra e Toueg (1996) pedem duas coisas de um detector de falhas. Completude: um "
        "processo que quebrou acaba sendo suspeito. Precisão: um processo vivo não é suspeito. "
        "Qual dos seus erros violou qual das duas? Qual delas melhora com um lease mais longo, e o "
        "que isso custa? Por que os batimentos da Ponte não levam a hora de quem os envia? O da "
        "Ponte: ponte/discovery/patient_clock.py; e heartbeat.py, com que um servidor que ficou "
        "ele mesmo congelado não culpa os registros."),
}
