r"""RPC: enquadramento e despacho. Como uma chamada sai de um fluxo de bytes, e roda.

Um fluxo carrega bytes, não mensagens: uma mensagem pode chegar em vários pedaços, e duas num pedaço
só. Por isso cada mensagem diz onde termina. Isso é o *enquadramento* (framing):

    POST /bank HTTP/1.1\r\n     o cabeçalho: as linhas dele terminam em \r\n, e em nada mais
    Content-Length: 11\r\n      quantos bytes tem o texto
    \r\n                        uma linha vazia termina o cabeçalho
    deposit 100                 o texto, em UTF-8

Outros campos podem estar no cabeçalho: eles são ignorados. O nome de um campo vem em letras
minúsculas ou maiúsculas, e pode haver espaços em volta do valor. Uma mensagem tem um só
Content-Length, feito só dos dígitos 0 a 9. Um texto tem no máximo MAX_TEXT_BYTES. Um cabeçalho tem
no máximo MAX_HEAD_BYTES: conte com a linha vazia ou sem ela, os dois estão certos.

O *despacho* (dispatch) é o que vem depois: o nome na chamada é procurado, e o método roda. O que
ele lançar vira uma falha: o chamador fica sabendo, e o servidor continua vivo.

Por enquanto cada pedaço é tomado por uma mensagem, e roda tudo o que for chamado.
"""

MAX_HEAD_BYTES, MAX_TEXT_BYTES = 1000, 10_000

RESULT, FAULT = "result", "fault"


class Parser:
    """Lê as mensagens de uma conexão. Não guarda nada de uma mensagem que já saiu."""

    def __init__(self):
        self.piece = b""        # o que chegou

    def feed(self, data):
        """Recebe os bytes que chegaram: um pedaço de qualquer tamanho. Mais podem chegar antes que
        se peça a próxima mensagem.
        """
        self.piece = data

    def next_message(self):
        """A próxima mensagem como (head, text), ou None enquanto ela não chegou inteira.

        O cabeçalho vem sem o último \\r\\n e sem a linha vazia. Lança ValueError se os
        próximos bytes não podem virar uma mensagem: o mais tardar quando um cabeçalho errado está
        inteiro, quando um cabeçalho ou o tamanho que ele diz é grande demais, ou quando um texto
        errado está inteiro. Então ninguém sabe onde outra mensagem começa, e a conexão é fechada. O
        que estava inteiro antes desses bytes saiu primeiro.
        """
        if not self.piece:
            return None
        head, _, text = self.piece.partition(b"\r\n\r\n")
        self.piece = b""
        return head.decode("latin-1"), text.decode("utf-8")


def write(head, text):
    """Os bytes de uma mensagem. `head` vem sem Content-Length e sem a linha vazia."""
    head += f"\r\nContent-Length: {len(text)}\r\n\r\n"
    return head.encode("latin-1") + text.encode("utf-8")


def dispatch(service, name, params):
    """Roda o método `name` do objeto `service`. Nunca lança exceção.

    (RESULT, o que o método devolveu); (FAULT, "ValueError: not a number") se ele lançou isso, ou
    qualquer outra coisa; (FAULT, um texto), sem rodar nada, se não há um método com exatamente esse
    nome, ou se o nome começa com _: isso é privado. Um método herdado também é um método. Uma
    property não é: ler já seria rodar.
    """
    return RESULT, getattr(service, name)(*params)
