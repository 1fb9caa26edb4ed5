"""Um registrador que vários computadores guardam: um valor, que clientes leem e escrevem.

Cada réplica guarda o valor, um número; há uma Replica em cada um de `count` computadores. Cada
cliente tem um Register, e faz uma coisa depois da outra. O que precisa valer:

    nenhum cliente distingue o registrador de um valor num só lugar: nenhuma leitura dá valor velho
    um cliente que alcança mais da metade das réplicas termina cada leitura e cada escrita

Uma réplica pode ficar isolada, até para sempre. Uma mensagem pode chegar tarde, ou duas vezes. Os
relógios de dois computadores divergem.

`self.ask("fetch")` manda uma pergunta a todas as réplicas: cada uma chama o método dela com esse
nome. Depois chegam as respostas, uma por uma, em qualquer ordem, e algumas nunca:

    async for replica, answer in self.ask("fetch"):
        ...

Esse laço espera a próxima resposta até você sair dele; enquanto isso, os outros continuam. A
pergunta está a caminho mesmo que você não leia nenhuma resposta. Mensagens levam números, textos,
None, e tuplas, listas e dicionários deles. Um registrador em que ninguém escreveu dá None.

Por enquanto a primeira resposta basta.
"""

import time


class Replica:
    def __init__(self):
        self.version, self.value = 0, None

    def fetch(self):
        return self.version, self.value

    def store(self, version, value):
        if version > self.version:
            self.version, self.value = version, value


class Register:
    def __init__(self, me, count, ask):
        self.me, self.count, self.ask = me, count, ask  # me: o nome deste cliente

    async def write(self, value):
        await self.first("store", time.time(), value)

    async def read(self):
        _, value = await self.first("fetch")
        return value

    async def first(self, *question):
        """O que a primeira réplica responde."""
        answers = {}
        async for replica, answer in self.ask(*question):
            answers[replica] = answer
            break
        return next(iter(answers.values()))
