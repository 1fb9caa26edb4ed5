"""O que pode ser tentado depois, quando uma tentativa de chamada não teve resposta.

Uma chamada é enviada a um lugar depois do outro, até que um responda. Cada tentativa acaba assim:

    ANSWERED   veio uma resposta inteira: um valor ou uma falha (fault)
    NOT_SENT   não pode ter rodado: ninguém escuta ali, ou o servidor a recusou. Esse lugar não é
               consultado de novo
    UNKNOWN    pode ter rodado: não veio resposta

Um lugar é uma vida de um servidor: `place.name` e `place.life`. Um servidor que reinicia tem o
mesmo nome, e outra vida. Enquanto vive, ele lembra cada chamada, e manda a primeira resposta de
novo se a mesma chamada chega ali outra vez (lição 5). Outros lugares nada sabem dessa chamada.

Por enquanto toda chamada é enviada até três vezes, a um lugar depois do outro.
"""

NOT_SENT, ANSWERED, UNKNOWN = "not sent", "answered", "unknown"

TRIES = 3       # tentativas de uma chamada que podem ter rodado, somando todos os saltos
BURST = 10      # novas tentativas permitidas de uma vez; mais nunca se guardam
SHARE = 0.1     # novas tentativas permitidas por chamada, a longo prazo


class Budget:
    """As novas tentativas de um processo: as de chamadas que podem já ter rodado. Todas as chamadas
    dele dividem este orçamento.
    """

    def earn(self):
        """Uma nova chamada começa: Call chama isto, uma vez."""

    def spend(self):
        """Paga uma nova tentativa; False: ela não é permitida. Se ela não é enviada, o próximo
        lugar é consultado pelo mesmo preço.
        """
        return True


class Call:
    """Uma chamada em um salto, que pode fazer até `tries` tentativas (das que podem ter rodado,
    também nos saltos seguintes). Em `deadline` ninguém espera mais. Se é `idempotent`, pode rodar
    mais de uma vez.
    """

    def __init__(self, budget, idempotent, deadline, tries=TRIES):
        self.budget, self.idempotent = budget, idempotent
        self.deadline, self.tries = deadline, tries
        self.outcome = NOT_SENT     # da chamada inteira, até agora
        self.made = 0

    def next_attempt(self, now, places):
        """Para onde vai agora, e quantas tentativas o próximo salto recebe; None: a chamada acabou.

        O próximo salto pode usar todas as que recebe. Por isso elas contam aqui também, se o
        resultado é UNKNOWN: guarde algumas para uma nova tentativa daqui.
        `places`: os lugares conhecidos agora, o melhor primeiro, e qualquer um serve; talvez
        nenhum.
        """
        if self.outcome == ANSWERED or self.made == TRIES:
            return None
        self.made += 1
        return places[self.made % len(places) - 1], TRIES

    def settle(self, outcome):
        """Em que deu a última tentativa."""
        self.outcome = outcome
