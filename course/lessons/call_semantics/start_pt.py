"""No máximo uma vez: o que um servidor lembra das chamadas que recebeu.

Um chamador pede uma sessão uma vez. Cada chamada dele tem o próximo número dessa sessão, e diz qual
é o número mais antigo cujo resultado o chamador ainda espera: as respostas dos números abaixo dele
precisam ser esquecidas. Várias chamadas podem estar em andamento ao mesmo tempo, e chegar
em qualquer ordem.

`arrives` é avisado de cada tentativa de chamada que chega, e diz o que acontece com ela:

    RUN            rode agora; `finished` é chamado com a resposta quando ela tiver rodado
    WAIT           já está rodando: a resposta dela serve a esta tentativa também
    NEVER          não pode rodar: o chamador já encerrou o assunto
    REFUSE         não pode rodar: a sessão não é conhecida. O chamador pede outra
    UNKNOWN        nada se sabe dela: pode ter rodado
    uma resposta   aquela com que `finished` foi chamado, que nunca é None

Um servidor que reinicia faz uma memória nova e vazia.

Por enquanto esta memória não lembra nada.
"""

RUN, WAIT, NEVER, REFUSE, UNKNOWN = "run", "wait", "never", "refuse", "unknown"


class Memory:
    def __init__(self, new_id):
        self.new_id = new_id    # cria um id que nenhuma sessão de nenhuma vida jamais teve

    def open(self):
        """Uma sessão nova; devolve o id dela."""
        return self.new_id()

    def arrives(self, name, number, oldest, is_repeat):
        """O que acontece com uma tentativa da chamada `number` na sessão `name`.

        `is_repeat`: o chamador já enviou esta chamada antes.
        """
        return RUN

    def finished(self, name, number, reply):
        """A chamada `number` rodou, e esta é a resposta dela."""
