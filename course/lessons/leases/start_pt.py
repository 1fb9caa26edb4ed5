"""Leases: quem está vivo, como um registro sabe pelos batimentos.

Um servidor que quebra não consegue se tirar de uma lista. Por isso ele ganha o lugar só por um
tempo, um *lease*, e manda batimentos. Cada batimento que vale renova o lease. Um batimento tem:

    name       do servidor
    life       cresce cada vez que um servidor com este nome começa
    seq        cresce a cada batimento de uma vida, a partir de 1
    port       onde esta vida atende chamadas
    lease_s    segundos depois deste batimento em que o servidor continua na lista
    leaving    True: o servidor se despede, e para

Batimentos viajam como datagramas: um pode se perder, chegar duas vezes, ou chegar muitos segundos
atrasado. `beat` diz o que acontece com um batimento, a primeira destas que for verdade:

    ACK          vale: é mais novo que todos os que vieram deste nome
    SUPERSEDED   uma vida mais nova tem o nome: uma mais velha não pode voltar
    OLD          este batimento, ou um posterior desta vida, já chegou; ou esta vida se despediu

Um registro que reinicia faz uma tabela nova e vazia: o estado dele é temporário (soft state).

Por enquanto esta tabela acredita em tudo, para sempre.
"""

ACK, SUPERSEDED, OLD = "ack", "superseded", "old"

# Segundos em que um batimento atrasado ainda pode chegar. Depois, esqueça o que não está mais na
# lista.
REMEMBER_S = 60.0


class Table:
    def __init__(self):
        self.ports = {}         # por nome

    def beat(self, beat, now):
        """Chegou um batimento, em `now` segundos: ACK, SUPERSEDED ou OLD."""
        self.ports[beat.name] = beat.port
        return ACK

    def expire(self, now):
        """Chamado muitas vezes por segundo: faz o que já está na hora."""

    def lookup(self, now):
        """A porta de cada servidor que está na lista, por nome: um dicionário novo."""
        return dict(self.ports)
