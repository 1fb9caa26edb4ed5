"""Detectores de falhas: morto, ou só em silêncio?

Um registro ouve os batimentos de servidores. Dos batimentos e do silêncio, o detector dele diz o
que cada servidor é:

    UP         o último batimento chegou há meio lease, ou menos
    SUSPECT    nenhum batimento há mais de meio lease: os chamadores o procuram por último
    GONE       nenhum batimento há mais de um lease, ou nenhum até hoje: os chamadores não o veem

(Depois de exatamente meio lease, ou exatamente um, qualquer das duas palavras está certa.)

Um servidor em silêncio pode estar morto, ou congelado, ou os batimentos dele se perdem: ninguém tem
como saber qual dos três. Por isso o próximo batimento o torna UP de novo. E o próprio registro pode
ficar congelado (um laptop dorme, alguém aperta Ctrl-Z). Então nenhum batimento é ouvido, e nenhum
servidor tem culpa: uma pausa dessas não é silêncio, mas o silêncio de antes dela e o de depois dela
se somam.

    lease_s         a duração de um lease, em segundos
    now             segundos no relógio do registro; ele anda também com o registro congelado
    beat.name       o nome do servidor
    beat.sent_at    segundos no relógio do computador do servidor, que qualquer um pode acertar

Enquanto o registro roda, ele pergunta pelo estado de cada servidor que já enviou um batimento, a
cada TURN_S segundos ou mais vezes. Como um detector pode saber que ficou congelado?

Por enquanto este detector diz GONE assim que um batimento se atrasa.
"""

UP, SUSPECT, GONE = "up", "suspect", "gone"

TURN_S = 0.5            # enquanto o registro roda, ele pergunta pelo menos a cada TURN_S


class Detector:
    def __init__(self, lease_s, now):
        self.lease_s = lease_s
        self.heard_at = {}          # por nome: quando chegou o último batimento

    def heard(self, beat, now):
        """Chegou um batimento."""
        self.heard_at[beat.name] = now

    def state(self, name, now):
        """UP, SUSPECT ou GONE."""
        if name not in self.heard_at:
            return GONE
        return UP if now - self.heard_at[name] <= self.lease_s / 2 else GONE
