"""The Portuguese sentences of predictions on the live page; portuguese.py takes them in."""

from __future__ import annotations

PREDICT: dict[str, str] = {
    # ---- page_stage.py, prediction.py
    "the teacher passed over this step": "quem apresenta pulou este passo",
    "WHAT WILL HAPPEN?": "O QUE VAI ACONTECER?",

    # ---- questions.py: a process dies, freezes, or leaves
    "{name} dies by kill -9, and {calls} calls of hello follow at once. How many are answered?":
        "{name} morre com kill -9, e logo vêm {calls} chamadas de hello. Quantas são respondidas?",
    "{name} freezes, and {calls} calls of hello follow at once. How many are answered?":
        "{name} congela, e logo vêm {calls} chamadas de hello. Quantas são respondidas?",
    "{name} is told to leave, and {calls} calls of hello follow at once. How many are answered?":
        "{name} recebe a ordem de sair, e logo vêm {calls} chamadas de hello. "
        "Quantas são respondidas?",
    "All of them": "Todas",
    "Only those that need nothing of it": "Só as que não precisam dele",
    "None, until its lease expires": "Nenhuma, até que seu lease (concessão) expire",
    "Nobody can know": "Não dá para saber",
    "{answered} of {calls} calls were answered; the slowest took {slowest_ms:.0f} ms":
        "{answered} de {calls} chamadas foram respondidas; a mais lenta levou "
        "{slowest_ms:.0f} ms",
    "calls that needed another attempt: {more}":
        "chamadas que precisaram de outra tentativa: {more}",
    # ---- a frozen server
    "{name} freezes, and a call of buy goes to it. What is the caller told?":
        "{name} congela, e uma chamada de buy vai para ele. O que dizem a quem chamou?",
    "A count: another server sells the coffee": "Um número: outro servidor vende o café",
    "That the coffee was not sold": "Que o café não foi vendido",
    "That nobody knows whether it is sold": "Que não se sabe se ele foi vendido",
    "Nothing: the caller waits for ever": "Nada: quem chamou espera para sempre",
    "calls of buy that went to {name}: {met}; unknown outcomes: {unknown}":
        "chamadas de buy que foram para {name}: {met}; resultados desconhecidos: {unknown}",
    "executions at {name} so far: {runs}": "execuções em {name} até aqui: {runs}",
    "{answered} of the {others} other calls were answered":
        "{answered} das outras {others} chamadas foram respondidas",
    # ---- a lost reply
    '{name} runs buy("coffee"), and its reply is lost. How often is the coffee sold?':
        '{name} executa buy("coffee"), e a resposta se perde. Quantas vezes o café é vendido?',
    "Never: the client got no answer": "Nenhuma: o cliente não recebeu resposta",
    "Once: the repeat is answered from memory": "Uma: a repetição é respondida da memória",
    "Twice: the client sends it again": "Duas: o cliente envia de novo",
    "replies of {name} that were lost: {lost}": "respostas de {name} que se perderam: {lost}",
    "executions of this call: {runs}": "execuções desta chamada: {runs}",
    "answers from memory: {memory}; attempts at {name}: {attempts}":
        "respostas da memória: {memory}; tentativas em {name}: {attempts}",
    # ---- a link that is cut, or slow
    "The link to {name} is cut, but its heartbeats have another way. "
    "What does the registry say of it?":
        "O link até {name} é cortado, mas os batimentos vão por outro caminho. "
        "O que o registry diz dele?",
    "It is up": "Está no ar",
    "It is suspect": "Está sob suspeita",
    "It is gone": "Saiu da lista",
    "It is about to leave": "Está saindo",
    "heartbeats of {name} that the registry took meanwhile: {beats}":
        "batimentos de {name} que o registry aceitou nesse tempo: {beats}",
    "Each message to {name}, or from it, takes {slow_ms} ms longer. "
    "How many of {calls} calls take so long?":
        "Cada mensagem de ou para {name} leva {slow_ms} ms a mais. "
        "Quantas de {calls} chamadas demoram tanto?",
    "None: they go elsewhere at once": "Nenhuma: vão logo para outro",
    "Some: those that it answers": "Algumas: as que ele responde",
    "All: each waits for it": "Todas: cada uma espera por ele",
    "None: they all fail": "Nenhuma: todas falham",
    "{slow} of {calls} calls took {slow_ms} ms or longer":
        "{slow} de {calls} chamadas levaram {slow_ms} ms ou mais",
    "those of them that went to {name}: {met}": "as que foram para {name}: {met}",
    # ---- everything
    "Registry, proxy and all servers die at once. What is a caller of hello told?":
        "Registry, proxy e servidores morrem todos de uma vez. O que dizem a quem chama hello?",
    "That the call has not run": "Que a chamada não rodou",
    "That nobody knows whether it ran": "Que não se sabe se ela rodou",
    "World, from memory": "World, da memória",
    "{not_sent} of {calls} callers were told that the call has not run":
        "a {not_sent} de {calls} clientes se disse que a chamada não rodou",
    "the slowest was told after {slowest_ms:.0f} ms":
        "o mais lento ficou sabendo após {slowest_ms:.0f} ms",
}
