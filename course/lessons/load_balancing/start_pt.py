"""Balanceamento de carga: qual servidor recebe a próxima chamada.

`pick` fica sabendo quais servidores existem, e diz qual deles recebe a próxima chamada. A lista
muda de uma chamada para outra: servidores chegam, saem e voltam. Um servidor é um nome e uma vida:
se reinicia, é outro servidor. Ele pode ser chave de um dicionário.

`settle` fica sabendo como essa chamada terminou: uma vez para cada pick, mesmo que o servidor já
tenha saído da lista. Uma chamada é respondida, ou falha.

    1. Um servidor que falha fica em quarentena: por QUARANTINE_S segundos as chamadas o evitam.
    2. Depois uma chamada o experimenta. Até ela terminar, as outras ainda evitam o servidor.
       Se ela falha, ele volta para a quarentena. Um servidor que responde está saudável.
    3. Dos servidores saudáveis, é escolhido o que tem menos chamadas em andamento. Se vários têm o
       mesmo número, eles são escolhidos em rodízio.
    4. Se nenhum servidor está saudável, um é escolhido mesmo assim: melhor perguntar que desistir.

Por enquanto este balanceador só olha as chamadas em andamento.
"""

QUARANTINE_S = 1.0


class Balancer:
    def __init__(self):
        self.calls = {}         # em andamento, por servidor

    def pick(self, servers, now):
        """Aquele destes servidores que recebe uma chamada; `now` em segundos."""
        picked = min(servers, key=lambda server: self.calls.get(server, 0))
        self.calls[picked] = self.calls.get(picked, 0) + 1
        return picked

    def settle(self, server, answered, now):
        """Uma chamada a este servidor foi respondida (True), ou falhou (False)."""
        self.calls[server] -= 1
