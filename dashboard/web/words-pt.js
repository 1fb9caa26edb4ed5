/* As palavras da página em português do Brasil: as mesmas chaves e os mesmos {campos} do inglês. */
"use strict";

Object.assign(Ponte.words.pt, {
    // O que foi provocado, e no que deu.
    "log.fault.kill": "{who} foi morto (kill -9): não se despede",
    "log.fault.freeze": "{who} está congelado: vivo, conectado e surdo",
    "log.fault.thaw": "{who} descongela, sem saber de nada",
    "log.fault.drain": "{who} está saindo: termina suas chamadas e não aceita novas",
    "log.fault.start": "{who} é iniciado de novo",
    "log.fault.lose": "A próxima resposta de {who} vai se perder no caminho",
    "log.fault.cut": "O link de {who} foi cortado",
    "log.fault.mend": "O link de {who} voltou a funcionar",
    "log.fault.slow": "O link de {who} está lento: {ms} ms a mais em cada sentido",
    "log.fault.burst": "Uma rajada de {count} chamadas",
    "log.lost.reply": "Uma resposta de {who} se perdeu no caminho",
    "log.lost.request": "Um pedido para {who} se perdeu no caminho",
    "log.lost.held": "Uma mensagem de {who} está retida no link cortado",
    "log.lost.late": "Uma resposta atrasada de {who} não encontrou ninguém esperando",
    "log.proc.ended": "{who} terminou",
    "log.proc.gone": "{who} não está mais aqui",
    // No que o registry acredita.
    "log.lease.up": "{registry}: {who} está no ar",
    "log.lease.back": "{registry}: {who} voltou",
    "log.lease.suspect": "{registry}: {who} é suspeito, metade do lease já queimou",
    "log.lease.expired": "{registry}: o lease de {who} acabou, ele saiu da lista",
    "log.lease.draining": "{registry}: {who} está saindo, sem novas chamadas",
    "log.lease.left": "{registry}: {who} se despediu",
    // A verdade ao lado da crença.
    "banner.kill": "{who} foi morto (kill -9), mas {registry} ainda diz: no ar",
    "banner.freeze": "{who} está congelado, mas {registry} ainda diz: no ar",
    // As chamadas, e a própria página.
    "log.call.unknown": "Chamada #{number} {method}: desconhecida, pode ter rodado",
    "log.call.not sent": "Chamada #{number} {method}: não enviada, não rodou",
    "log.resolved.answered": "Chamada #{number} {method} esclarecida: rodou",
    "log.resolved.fault": "Chamada #{number} {method} esclarecida: rodou, com um erro",
    "log.resolved.not sent": "Chamada #{number} {method} esclarecida: não rodou, e nunca vai rodar",
    "log.resolved.unknown": "Chamada #{number} {method}: ninguém sabe ainda se rodou",
    "log.gap": "Eventos de {who} se perderam a caminho desta página: {count}",
    "log.recording.stopped": "A gravação parou: {why}",
    // O diagrama de espaço e tempo.
    "diagram.stranger": "um estranho",
    "diagram.refused": "recusado",
    "diagram.lost": "perdido",
    "diagram.not arrived": "não chegou",
    "diagram.no answer": "sem resposta",
    "diagram.late": "atrasado",
    "diagram.nobody waits": "ninguém espera",
    "diagram.unknown": "desconhecido",
    "diagram.told": "segundo outro",
    "diagram.repeat": "repetição",
    "diagram.session": "sessão",
    "diagram.resolve": "esclarecer",
    "diagram.run": "executa",
    "diagram.memory": "memória",
    "event.send": "{time}: {who} envia para {other}",
    "event.recv": "{time}: {who} recebe o pedido",
    "event.reply": "{time}: {who} envia a resposta",
    "event.settle": "{time}: {who} tem a resposta de {other}",
    "event.gave up": "{time}: {who} não espera mais por {other}",
    "event.told": "{time}: {who} não conta nada; quem diz isto é {other}",
    // A regra R: o que ela decidiu, e por quê.
    "explain.begun": "A chamada começou.",
    "explain.waits": "Em andamento: {who} ainda não respondeu.",
    "explain.one": "Uma tentativa, respondida por {by}: definitivo.",
    "explain.answered": "Uma tentativa, respondida: definitivo.",
    "explain.fault":
        "{by} respondeu com um erro da chamada: também é uma resposta, e é definitiva.",
    "explain.refused": "{who}: nem foi enviada, então não pode ter rodado. Pode-se pedir a outro.",
    "explain.declined": "{who}: recusada, então não rodou. Pode-se pedir a outro.",
    "explain.opening":
        "{who}: nenhuma sessão veio a tempo. Não levava a chamada, então nada rodou. "
        + "Pode-se pedir a outro.",
    "explain.unknown.idempotent":
        "{who}: pode ter rodado. Não faz mal se rodar duas vezes, então pode-se pedir a outro.",
    "explain.unknown.alone":
        "{who}: pode ter rodado. Não faz mal se rodar duas vezes, então pode-se pedir de novo.",
    "explain.unknown.once":
        "{who}: pode ter rodado, e não deve rodar duas vezes. Só se pede de novo a {who}.",
    "explain.unknown.plain":
        "{who}: pode ter rodado, e não se lembra de chamadas. Então não se pede a mais ninguém.",
    "explain.again.refused":
        "Chamado de novo, recusou: isso nada diz da primeira tentativa.",
    "explain.then.answered": "{by} respondeu.",
    "explain.then.memory":
        "{by} conhecia o número e enviou a primeira resposta de novo: rodou uma vez.",
    "explain.then.waited":
        "{by} conhecia o número, e a repetição esperou a primeira execução: rodou uma vez.",
    "explain.then.ran": "O número era novo para {by}: rodou agora, uma vez.",
    "explain.notSent":
        "Ninguém foi alcançado ({who}): não rodou. É seguro chamar de novo.",
    "explain.nobody":
        "Nenhum servidor é conhecido, então nada foi enviado. É seguro chamar de novo.",
    "explain.end.unknown": "Sem resposta a tempo: desconhecida, ninguém adivinha.",
    "explain.end.idempotent": "Sem resposta a tempo: desconhecida. Pode-se chamar de novo.",
    "explain.late": "O pedido chegou atrasado: ninguém esperava mais.",
    "explain.late.refused": "O pedido chegou atrasado e não rodou: quem chamou já se fora.",
    "explain.late.ran": "O pedido chegou atrasado e rodou: ninguém esperava mais.",
    "explain.resolved.waits": "O resolve pergunta o que aconteceu com ela.",
    "explain.resolved.answered": "O resolve perguntou, e agora se sabe: rodou uma vez.",
    "explain.resolved.fault": "O resolve perguntou, e agora se sabe: rodou, com um erro.",
    "explain.resolved.not sent":
        "O resolve perguntou, e agora se sabe: não rodou, e nunca vai rodar.",
    "explain.resolved.unknown": "O resolve perguntou, e ninguém soube dizer.",
    "explain.gap":
        "Eventos se perderam a caminho desta página ({count}): pode faltar algo na figura.",
});
