"""The answers of which a class chooses one, in Portuguese. See portuguese.py."""

from __future__ import annotations

ANSWERS: dict[str, str] = {
    # ---- 1 discovery
    "Somebody tries every port": "Alguém tenta todas as portas",
    "They tell a registry, whose address all know":
        "Eles avisam um registry, cujo endereço todos conhecem",
    "A file on every machine lists their ports": "Um arquivo em cada máquina lista as portas",
    "Nobody can: a server needs a fixed port": "Não dá: um servidor precisa de uma porta fixa",
    # ---- 2 RPC
    "Nobody: a client must be given an address": "Ninguém: o cliente precisa receber um endereço",
    "The registry, in place of the servers": "O registry, no lugar dos servidores",
    "One of the three servers": "Um dos três servidores",
    "All three: the first reply counts": "Os três: vale a primeira resposta",
    # ---- 3 heartbeats
    "Yes: without calls nothing is sent": "Sim: sem chamadas, nada é enviado",
    "No: each server keeps saying that it is alive":
        "Não: cada servidor continua avisando que está vivo",
    "No: the registry asks each server in turn": "Não: o registry pergunta a um servidor por vez",
    "Yes, until a server fails": "Sim, até que um servidor falhe",
    # ---- 4 balancing
    "A third each, or nearly": "Um terço cada um, ou quase",
    "The first one gets all, the others wait": "O primeiro recebe todas, e os outros esperam",
    "It is chance: one may get twice as many": "É sorte: um pode receber o dobro",
    "The one that started first gets most": "O que subiu primeiro recebe a maior parte",
    # ---- 5 kill
    "All, until the proxy learns of it": "Todas, até que o proxy fique sabendo",
    "A third, until its lease expires": "Um terço, até que seu lease (concessão) expire",
    "Only those that it is running": "Só as que ele está executando",
    "None": "Nenhuma",
    # ---- 6 freeze
    "They wait until it thaws": "Esperam até que ele descongele",
    "They fail with an error": "Falham com um erro",
    "They wait a while, then another server answers":
        "Esperam um pouco, e outro servidor responde",
    "They go elsewhere at once: the registry knows":
        "Vão logo para outro: o registry já sabe",
    # ---- 7 a lost reply
    "0: no answer, no deposit": "0: sem resposta, sem depósito",
    "100, with any client": "100, com qualquer cliente",
    "200, with any client": "200, com qualquer cliente",
    "200 with xmlrpc.client, 100 with Ponte": "200 com xmlrpc.client, 100 com a Ponte",
    # ---- 8 everything down
    "Nothing: it waits until somebody is back": "Nada: ele espera até que alguém volte",
    "At once: the call has not run": "Na hora: a chamada não rodou",
    "After its timeout: the call may have run":
        "Quando o prazo acaba: a chamada pode ter rodado",
    "It answers from its memory": "Ele responde da própria memória",
    # ---- 9 silence
    "All: the bank was there for each of them": "Todos: o banco estava lá para cada um",
    "None: no caller got an answer": "Nenhum: ninguém recebeu resposta",
    "The first; not the second; the third, nobody knows":
        "O primeiro, sim; o segundo, não; do terceiro ninguém sabe",
    "Nobody can know it of any of them": "De nenhum deles se pode saber",
}
