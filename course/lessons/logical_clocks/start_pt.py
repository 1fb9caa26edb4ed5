"""Relógios lógicos: qual evento veio antes de qual, em máquinas cujos relógios não concordam.

Cada processo tem o próprio relógio lógico. Ele pede ao relógio um carimbo em cada evento seu:

    step()           algo acontece neste processo
    send()           uma mensagem sai; ela leva este carimbo
    receive(stamp)   uma mensagem chega; este é o carimbo que ela traz

Um carimbo de `Lamport` é um número. O de um efeito é maior que o da causa.

Um carimbo de `Vector` é um dict: para cada processo, quantos eventos dele este evento conhece; a si
mesmo ele também conhece. Assim, dois carimbos dizem se um evento pode ser causa do outro.

Por enquanto, o primeiro relógio lê o relógio da máquina, e o segundo não conta nada.
"""

BEFORE, AFTER, AT_ONCE = "before", "after", "at once"


class Lamport:
    def __init__(self, wall):
        self.wall = wall        # wall() dá os segundos no relógio desta máquina

    def step(self):
        return self.wall()

    def send(self):
        return self.step()

    def receive(self, time):
        return self.step()


class Vector:
    def __init__(self, name, names):
        self.name = name        # deste processo
        self.names = names      # os processos que há agora; podem vir outros

    def step(self):
        return {}

    def send(self):
        return self.step()

    def receive(self, counts):
        return self.step()


def order(one, other):
    """Se o evento com o carimbo `one` de Vector veio antes (BEFORE) ou depois (AFTER) do outro, ou
    se são simultâneos (AT_ONCE)."""
    return AT_ONCE


def log(events):
    """Os eventos de todos os processos numa só ordem. Cada um tem um `time`, de Lamport, e um
    `name`, o do processo. Dois coletores recebem os eventos em ordens diferentes, e têm de fazer o
    mesmo log."""
    return sorted(events, key=lambda event: event.time)
