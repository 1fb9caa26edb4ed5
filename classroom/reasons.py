"""What a program said, in Portuguese: why an attempt failed, who answered, how long it took.

The programs speak English alone, in their logs and in their errors. The demo quotes them: the
reason of an error stands in a field of a Portuguese sentence, or in a line of its own. What we know
of such a text is put into Portuguese here. All else stays as it is: a name, an address, a text of
the author of a function.
"""

from __future__ import annotations

import errno
import re

from ponte.net.windows import error_text

# What the errors of the system mean. The system has the words, in English or in its own language.
_ERRORS = {
    errno.ECONNREFUSED: "conexão recusada",
    errno.ECONNRESET: "a conexão foi cortada pelo outro lado",
    errno.ECONNABORTED: "a conexão foi abortada",
    errno.EPIPE: "o outro lado fechou a conexão",
    errno.ETIMEDOUT: "o tempo da conexão acabou",
    errno.EHOSTUNREACH: "nenhum caminho leva a essa máquina",
    errno.ENETUNREACH: "nenhum caminho leva a essa rede",
    errno.EHOSTDOWN: "a máquina está desligada",
    errno.ENETDOWN: "a rede está fora do ar",
    errno.EADDRINUSE: "o endereço já está em uso",
    errno.EADDRNOTAVAIL: "esse endereço não é desta máquina",
    errno.EACCES: "permissão negada",
    errno.EPERM: "operação não permitida",
    errno.EMFILE: "arquivos abertos demais",
    errno.ENOENT: "arquivo ou pasta não existe",
    errno.ENOMEM: "falta memória",
    errno.EINVAL: "argumento inválido",
}
# What is wrong with a reply that came (ponte/net/parser.py, framing.py, fields.py, chunked.py).
_MALFORMED = {
    "not an HTTP reply": "isso não é HTTP",
    "malformed status line": "linha de status malformada",
    "more bytes than one reply": "bytes a mais depois dela",
    "a change of protocol that was not requested": "uma troca de protocolo que ninguém pediu",
    "a reply without a length cannot be told from a truncated one":
        "sem tamanho: não se sabe se está inteira",
    "both Content-Length and Transfer-Encoding": "Content-Length e Transfer-Encoding juntos",
    "Transfer-Encoding in HTTP/1.0": "Transfer-Encoding em HTTP/1.0",
    "Transfer-Encoding other than chunked": "um Transfer-Encoding que não é chunked",
    "Content-Length is not a number": "Content-Length não é um número",
    "Connection must not name Host or Content-Length":
        "um cabeçalho não pode citar Host nem Content-Length",
    "malformed header line": "linha de cabeçalho malformada",
    "malformed chunk size": "tamanho de chunk malformado",
    "a chunk longer than its size": "um chunk maior que seu tamanho",
    "an endless line in a chunked body": "uma linha sem fim num corpo chunked",
    "a line that ends in a bare LF": "uma linha que termina só com LF",
}
# The same with something of their own in the middle.
_MALFORMED_FORMS = {
    r"a body of more than (\d+) bytes": r"um corpo com mais de \1 bytes",
    r"headers of more than (\d+) bytes": r"cabeçalhos com mais de \1 bytes",
    r"more than (\d+) headers": r"mais de \1 cabeçalhos",
    r"more than (\d+) trailers": r"mais de \1 trailers",
    r"two headers (\S+)": r"dois cabeçalhos \1",
}
_PHRASES = {
    **_MALFORMED,
    **{error_text(number): portuguese for number, portuguese in _ERRORS.items()},
    # ---- the phases of an attempt, and what came of it (ponte/net/pool.py, ponte/calls/hop.py)
    "attempt:": "tentativa:",
    "connect:": "ao conectar:",
    "send:": "ao enviar:",
    "reply:": "sem resposta:",
    "asking for a session:": "ao pedir uma sessão:",
    "answered": "respondida",
    "answered by": "respondida por",
    "timed out": "o tempo acabou",
    "the stream ended before a reply": "a conexão terminou antes dela",
    "the stream ended in the middle of a message": "a conexão terminou no meio dela",
    "the pool was closed": "as conexões foram fechadas",
    "this client was closed": "este cliente foi fechado",
    "the TLS handshake failed:": "a negociação TLS falhou:",
    "a stranger on this port:": "um estranho nesta porta:",
    # ---- names of hosts
    "the name has no address": "o nome não tem endereço",
    "Name or service not known": "o nome não tem endereço",
    "No address associated with hostname": "o nome não tem endereço",
    "nodename nor servname provided, or not known": "o nome não tem endereço",
    "getaddrinfo failed": "o nome não tem endereço",
    "Temporary failure in name resolution": "o servidor de nomes não responde",
    # ---- the outcomes, and why there was no attempt (ponte/calls/errors.py, client.py)
    "not executed": "não executada",
    "outcome unknown": "resultado desconhecido",
    "unknown outcome:": "resultado desconhecido:",
    "outcome unknown, it may have run": "resultado desconhecido, pode ter rodado",
    "outcome unknown, it has run, and nobody has its reply":
        "resultado desconhecido: rodou, e ninguém tem a resposta",
    "its time was over before an endpoint could be asked":
        "o prazo acabou antes que se pudesse perguntar a um endpoint",
    "no registry answers at": "nenhum registry responde em",
    "no registry can be read:": "nenhum registry pôde ser lido:",
    "no live server of": "nenhum servidor no ar de",
    "and no proxy": "e nenhum proxy",
    "start one with:": "inicie um com:",
    # ---- refusals
    "this server is stopping": "este servidor está parando",
    "this proxy is stopping": "este proxy está parando",
    "calls are running already": "chamadas já estão rodando",
    "its caller has left": "quem chamou foi embora",
    "its deadline had passed before it could begin": "o prazo dela acabou antes que começasse",
    "too many calls are on their way": "há chamadas demais a caminho",
    "too many connections; --max-connections allows more":
        "há conexões demais; --max-connections permite mais",
    "the request took too long to arrive": "o pedido demorou demais para chegar",
    "no live server, or no time to ask one": "nenhum servidor no ar, ou sem tempo para perguntar",
    "another attempt of this call may have run": "outra tentativa desta chamada pode ter rodado",
    "nobody is there to ask": "não há a quem perguntar",
    "nobody can be asked: it was sent without a number, as idempotent (then call it again) or to a "
    "server that remembers no calls; or this error is a copy":
        "não há a quem perguntar: foi enviada sem número, como idempotente (então chame de novo) "
        "ou a um servidor que não se lembra de chamadas; ou este erro é uma cópia",
    "unknown: nothing is known of this call here":
        "resultado desconhecido: aqui não se sabe nada desta chamada",
    "never runs: its caller has ended with this call":
        "nunca vai rodar: quem chamou já encerrou esta chamada",
    "it has run, and its reply is gone": "rodou, e a resposta se perdeu",
    "it has not run, and never will": "não rodou, e nunca vai rodar",
    "a repeat needs a call-session": "uma repetição precisa de call-session",
    "a repeat, a resolve and a number need a call-session":
        "uma repetição, um resolve e um número precisam de call-session",
    "the system gives no thread:": "o sistema não dá mais threads:",
    "has relayed it before": "já a encaminhou antes",
    "this server has one service:": "este servidor tem um único serviço:",
    "takes XML-RPC by POST": "recebe XML-RPC por POST",
    "nothing here:": "não há nada aqui:",
    "the first attempt of this call is still running":
        "a primeira tentativa desta chamada ainda está rodando",
    "this proxy does not know all services yet": "este proxy ainda não conhece todos os serviços",
    "it needs the session that comes with this": "ela precisa da sessão que vem com esta resposta",
    "internal error": "erro interno",
    # ---- a process that does not start
    "it printed nothing": "não imprimiu nada",
    "cannot listen on": "não consegue escutar em",
    "choose another port with --port (0 = any free one), or stop the process that has this one":
        "escolha outra porta com --port (0 = qualquer uma livre), ou pare o processo que a usa",
    "this machine has no such address": "esta máquina não tem esse endereço",
    "no such file": "esse arquivo não existe",
    "give a file of plain functions, such as": "dê um arquivo com funções comuns, como",
    "give one NAME and one FILE at most, as in:": "dê no máximo um nome e um arquivo, como em:",
    # ---- a mistake on the command line (argparse, ponte/process/options.py)
    "expected one argument": "falta o valor dela",
    "unrecognized arguments:": "argumentos desconhecidos:",
    "ignored explicit argument": "ela não aceita um valor:",
    "(--help shows all options)": "(--help mostra todas as opções)",
}
# The states of a server in a registry, as in "registry: server-1: draining". A server may be named
# like a state.
_STATES = {"up": "no ar", "back": "de volta", "changed": "mudou", "suspect": "suspeito",
           "draining": "saindo", "left": "saiu", "expired": "fora da lista"}
_STATE = re.compile(r"(?<=: )(?:{})$".format("|".join(_STATES)))
# The longer of two phrases that begin alike comes first.
_PHRASE = re.compile(r"(?<!\w)(?:{})(?!\w)".format(
    "|".join(re.escape(phrase) for phrase in sorted(_PHRASES, key=len, reverse=True))))
# "reply:" before what is wrong with a reply that came. Before all else there was no reply.
_REPLY_CAME = re.compile(r"(?<!\w)reply:(?= (?:HTTP \d|{}))".format(
    "|".join([*map(re.escape, _MALFORMED), *_MALFORMED_FORMS])))
# Texts with something of their own in the middle, and how they are written in Portuguese.
_FORMS = tuple((re.compile(form), portuguese) for form, portuguese in (
    *_MALFORMED_FORMS.items(),
    # Where a proxy tried in vain before: "..., tried server-3: connect: ..."
    (r", tried (?=\S+: )", "; antes tentou "),
    # "server-1 at 127.0.0.1:4242"
    (r" at (?=\S+:\d+\b)", " em "),
    (r"(\d)\.(\d+ m?s\b)", r"\1,\2"),
    (r"\[(?:Errno|WinError) -?\d+\] ", ""),
    (r"(\S+) takes (\d+), not (\d+) parameters", r"\1 recebe \2, e não \3 parâmetros"),
    (r"\bargument (-\S+):", r"opção \1:"),
    (r"invalid choice: (.*) \(choose from ", r"não serve \1 (escolha entre "),
    (r"ambiguous option: (\S+) could match ", r"opção ambígua: \1 pode ser "),
    (r"is not a port: take a number from (\d+) to ", r"não é uma porta: dê um número de \1 a "),
    (r"no (?:method|service) ('[^']*'); there are:", r"não existe \1; existem:"),
))


def in_portuguese(said: str) -> str:
    """A text of a program, with what we know of it in Portuguese.

    >>> in_portuguese("server-1 at 127.0.0.1:4242: reply: timed out (0.3 ms)")
    'server-1 em 127.0.0.1:4242: sem resposta: o tempo acabou (0,3 ms)'
    """
    text = _REPLY_CAME.sub("na resposta:", said)
    text = _PHRASE.sub(lambda found: _PHRASES[found[0]], text)
    text = _STATE.sub(lambda found: _STATES[found[0]], text)
    for form, portuguese in _FORMS:
        text = form.sub(portuguese, text)
    return text
