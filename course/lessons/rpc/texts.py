"""What the lesson says: each text in English and in Portuguese."""

from __future__ import annotations

# What each caller was told, a line each.
_TOLD = (
    "  deposit({amount}), in two pieces: {deposit}\n"
    "  deposit(1) twice, in one piece: {together}\n"
    "  greet(José), cut in its head and in a letter: {greeting}\n"
    "  withdraw, of too much: {withdrawal}\n"
    "  _empty(), which is private: {private}\n"
    "  the balance: {balance}",
    "  deposit({amount}), em dois pedaços: {deposit}\n"
    "  deposit(1) duas vezes, num pedaço só: {together}\n"
    "  greet(José), cortada no cabeçalho e numa letra: {greeting}\n"
    "  withdraw, acima do saldo: {withdrawal}\n"
    "  _empty(), que é privado: {private}\n"
    "  o saldo: {balance}")

TEXTS: dict[str, tuple[str, str]] = {
    "title": (
        "RPC, framing, dispatch: where does a message end?",
        "RPC, framing e despacho: onde termina uma mensagem?"),
    "question": (
        "A client calls deposit(100) on a bank, over TCP. On the way the bytes of the call are "
        "cut: most of them arrive in one piece, the last ones in a second piece. The server takes "
        "each piece for one message. What is the client told?",
        "Um cliente chama deposit(100) num banco, por TCP. No caminho os bytes da chamada são "
        "cortados: a maior parte chega num pedaço, os últimos num segundo pedaço. O servidor toma "
        "cada pedaço por uma mensagem. O que o cliente recebe?"),
    "answer.a": (
        "100: TCP puts the pieces together again",
        "100: o TCP junta os pedaços de novo"),
    "answer.b": (
        "Nothing: the server waits for the rest until a timeout",
        "Nada: o servidor espera pelo resto até o tempo acabar"),
    "answer.c": (
        "An error: the server has read half a message",
        "Um erro: o servidor leu meia mensagem"),
    "answer.d": (
        "200: two pieces are two calls",
        "200: dois pedaços são duas chamadas"),
    "right": ("c", "c"),
    "naive": (
        "What callers were told by Ponte's server, which takes each piece for a message:\n"
        + _TOLD[0],
        "O que os chamadores receberam do servidor da Ponte, que toma cada pedaço por uma "
        "mensagem:\n" + _TOLD[1]),
    "real": (
        "What callers were told by Ponte's server with your file:\n" + _TOLD[0],
        "O que os chamadores receberam do servidor da Ponte com o seu arquivo:\n" + _TOLD[1]),
    "value.no reply": ("no reply", "nenhuma resposta"),
    "value.half a reply": ("half a reply", "meia resposta"),
    "check.c1": ("one message, cut anywhere", "uma mensagem, cortada em qualquer lugar"),
    "check.c2": (
        "two messages, also in one piece",
        "duas mensagens, também num pedaço só"),
    "check.c3": (
        "letters of two bytes, cut anywhere",
        "letras de dois bytes, cortadas em qualquer lugar"),
    "check.c4": (
        "other headers, and texts that look like a head",
        "outros cabeçalhos, e textos que parecem um cabeçalho"),
    "check.c5": ("methods that raise an exception", "métodos que lançam uma exceção"),
    "check.c6": (
        "names that callers must not reach",
        "nomes que os chamadores não podem alcançar"),
    "check.c7": (
        "two callers at the same time, and a long connection",
        "dois chamadores ao mesmo tempo, e uma conexão longa"),
    "check.c8": ("bytes that are no message", "bytes que não são mensagem"),

    # What happens.
    "story.piece": ("{caller} → server: {bytes}", "{caller} → servidor: {bytes}"),
    "story.reads_on": (
        "server: reads on, and asks for no message yet",
        "servidor: continua lendo, e ainda não pede nenhuma mensagem"),
    "story.runs": ("server: {run} RUNS", "servidor: {run} RODA"),
    "story.reply": ("server → {caller}: {text}", "servidor → {caller}: {text}"),
    "story.refused": (
        "server: {caller} has sent what is no message, the connection is closed",
        "servidor: {caller} mandou algo que não é mensagem, a conexão é fechada"),

    "story.and_so_on": ("... and so on", "... e assim por diante"),

    # The parser.
    "wrong.half": (
        "The caller sent \"{text}\". {came} of the {length} bytes of this message had come, and "
        "the parser took \"{got}\" for the whole text.",
        "O chamador mandou \"{text}\". Tinham chegado {came} dos {length} bytes dessa mensagem, e "
        "o parser tomou \"{got}\" pelo texto inteiro."),
    "wrong.missing": (
        "All {length} bytes of the message with the text \"{text}\" have come, and next_message "
        "does not give it.",
        "Todos os {length} bytes da mensagem com o texto \"{text}\" chegaram, e next_message não a "
        "entrega."),
    "wrong.refused_a_right_one": (
        "The message with the text \"{text}\" is right, or may still become so, and the parser "
        "refused it: {error}.",
        "A mensagem com o texto \"{text}\" está certa, ou ainda pode ficar, e o parser a recusou: "
        "{error}."),
    "wrong.refused_nothing": (
        "All messages that had come were out: then next_message gives None. It raised {error}.",
        "Todas as mensagens que chegaram já tinham saído: então next_message dá None. Ela lançou "
        "{error}."),
    "wrong.one_too_many": (
        "All messages that had come were out, and next_message gave one more: \"{got}\".",
        "Todas as mensagens que chegaram já tinham saído, e next_message deu mais uma: "
        "\"{got}\"."),
    "wrong.another_text": (
        "The caller sent the text \"{text}\", and next_message gave \"{got}\".",
        "O chamador mandou o texto \"{text}\", e next_message deu \"{got}\"."),
    "wrong.another_head": (
        "The caller sent the head \"{head}\", and next_message gave \"{got}\".",
        "O chamador mandou o cabeçalho \"{head}\", e next_message deu \"{got}\"."),
    "wrong.no_message": (
        "next_message must give a pair of texts (head, text), or None. It gave {got}.",
        "next_message deve dar um par de textos (cabeçalho, texto), ou None. Deu {got}."),
    "wrong.took_no_message": (
        "These bytes are no message ({name}), and next_message took \"{got}\" out of them.",
        "Estes bytes não são mensagem ({name}), e next_message tirou \"{got}\" deles."),
    "wrong.not_refused": (
        "What has come cannot become a message any more ({name}), and next_message still waits for "
        "more of it.",
        "O que chegou não pode mais virar mensagem ({name}), e next_message continua esperando o "
        "resto."),
    "wrong.parser_died": (
        "These bytes are no message ({name}): that is a ValueError. The parser raised {error}.",
        "Estes bytes não são mensagem ({name}): isso é um ValueError. O parser lançou {error}."),
    "wrong.keeps_messages": (
        "All {count} messages are out, and the parser still keeps {kept} of their {total} bytes.",
        "Todas as {count} mensagens já saíram, e o parser ainda guarda {kept} dos {total} bytes "
        "delas."),
    "value.length of other digits": ("a length in digits of another script",
                                     "um tamanho em dígitos de outra escrita"),
    "value.no length": ("no length", "sem tamanho"),
    "value.no length, but a header": ("no length", "sem tamanho"),
    "value.a length behind a bare line feed": (
        "its lines end in \\r\\n, so \"Content-Length\" behind a bare \\n is no header",
        "as linhas dele terminam em \\r\\n, e \"Content-Length\" depois de um \\n sozinho não é "
        "campo"),
    "value.a length behind another line end": (
        "its lines end in \\r\\n, so \"Content-Length\" behind another character is no header",
        "as linhas dele terminam em \\r\\n, e \"Content-Length\" depois de outro caractere não é "
        "campo"),
    "value.a head that is just too long": ("a head of more than MAX_HEAD_BYTES",
                                           "um cabeçalho de mais de MAX_HEAD_BYTES"),
    "value.length -1": ("a length of -1", "um tamanho de -1"),
    "value.length -11": ("a length of -11", "um tamanho de -11"),
    "value.length +11": ("a length of +11, not of digits alone",
                         "um tamanho de +11, não só de dígitos"),
    "value.length 1_1": ("a length of 1_1, not of digits alone",
                         "um tamanho de 1_1, não só de dígitos"),
    "value.length 11, 11": ("a length of 11, 11, not of digits alone",
                            "um tamanho de 11, 11, não só de dígitos"),
    "value.length 1 1": ("a length of 1 1, not of digits alone",
                         "um tamanho de 1 1, não só de dígitos"),
    "value.length 0x0b": ("a length of 0x0b, not of digits alone",
                          "um tamanho de 0x0b, não só de dígitos"),
    "value.length 11.0": ("a length of 11.0, not of digits alone",
                          "um tamanho de 11.0, não só de dígitos"),
    "value.length eleven": ("a length that is a word", "um tamanho que é uma palavra"),
    "value.no digits": ("a length without digits", "um tamanho sem dígitos"),
    "value.two lengths": ("two lengths", "dois tamanhos"),
    "value.two equal lengths": ("two lengths", "dois tamanhos"),
    "value.text too long": ("a text of more than MAX_TEXT_BYTES",
                            "um texto de mais de MAX_TEXT_BYTES"),
    "value.text far too long": ("a text of more than MAX_TEXT_BYTES",
                                "um texto de mais de MAX_TEXT_BYTES"),
    "value.no UTF-8": ("a text that is not in UTF-8", "um texto que não está em UTF-8"),
    "value.a head without end": ("a head of more than MAX_HEAD_BYTES",
                                 "um cabeçalho de mais de MAX_HEAD_BYTES"),
    "value.a long head": ("a head of more than MAX_HEAD_BYTES",
                          "um cabeçalho de mais de MAX_HEAD_BYTES"),

    # The reply.
    "wrong.no_bytes": ("write must return bytes. It returned {got}.",
                       "write deve devolver bytes. Devolveu {got}."),
    "wrong.reply_cannot_be_read": (
        "The caller cannot read the reply: it does not say where it ends. write made {bytes}",
        "O chamador não consegue ler a resposta: ela não diz onde termina. write fez {bytes}"),
    "wrong.reply_length": (
        "The text of the reply, \"{text}\", has {length} bytes, and the reply does not say so. "
        "write made {bytes}",
        "O texto da resposta, \"{text}\", tem {length} bytes, e a resposta não diz isso. write fez "
        "{bytes}"),
    "wrong.another_reply": (
        "The caller must read the text \"{text}\". write made {bytes}",
        "O chamador deve ler o texto \"{text}\". write fez {bytes}"),
    "wrong.another_reply_head": (
        "The head of the reply must begin with \"{head}\". write made {bytes}",
        "O cabeçalho da resposta deve começar com \"{head}\". write fez {bytes}"),

    # The dispatcher.
    "wrong.server_died": (
        "A call of \"{name}\" has ended the server: dispatch raised {error}.",
        "Uma chamada de \"{name}\" derrubou o servidor: dispatch lançou {error}."),
    "wrong.no_answer": (
        "dispatch must return (RESULT, a value) or (FAULT, a text). For \"{name}\" it returned "
        "{got}.",
        "dispatch deve devolver (RESULT, um valor) ou (FAULT, um texto). Para \"{name}\" devolveu "
        "{got}."),
    "wrong.not_for_callers": (
        "A caller called \"{name}\". That is no public method, and dispatch served it: {got}.",
        "Um chamador chamou \"{name}\". Isso não é um método público, e dispatch o serviu: {got}."),
    "wrong.ran_without_a_method": (
        "A caller called \"{name}\". That is no public method, and yet this has run: {run}.",
        "Um chamador chamou \"{name}\". Isso não é um método público, e mesmo assim isto rodou: "
        "{run}."),
    "wrong.ran_twice": ("One call of \"{name}\" has run twice.",
                        "Uma chamada de \"{name}\" rodou duas vezes."),
    "wrong.another_run": ("The caller called {run}, and that is not what has run.",
                          "O chamador chamou {run}, e não foi isso que rodou."),
    "wrong.fault_is_a_value": (
        "The call of \"{name}\" has failed, and its caller takes \"{got}\" for its result.",
        "A chamada de \"{name}\" falhou, e o chamador toma \"{got}\" pelo resultado."),
    "wrong.value_is_a_fault": (
        "The method \"{name}\" returns {what} when it runs, and its caller is told of a fault: "
        "{got}.",
        "O método \"{name}\" devolve {what} quando roda, e o chamador recebe uma falha: {got}."),
    "wrong.no_text": (
        "The fault of \"{name}\" needs a text. It has {got}.",
        "A falha de \"{name}\" precisa de um texto. Tem {got}."),
    "wrong.another_fault": (
        "The fault of \"{name}\" must say \"{what}\". It says \"{got}\".",
        "A falha de \"{name}\" deve dizer \"{what}\". Ela diz \"{got}\"."),
    "wrong.another_value": (
        "The call of \"{name}\" has returned {what}, and its caller is told {got}.",
        "A chamada de \"{name}\" devolveu {what}, e o chamador recebe {got}."),

    "hint.1": (
        "Look at the last piece of bytes in the story. Which of its bytes belong to which message, "
        "and where does the server read that? If a method has run: what did its caller have to be "
        "told?",
        "Olhe o último pedaço de bytes da história. Quais bytes dele pertencem a qual mensagem, e "
        "onde o servidor lê isso? Se um método rodou: o que o chamador precisava receber?"),
    "hint.2": (
        "For each connection keep one thing: the bytes that have come and are in no message yet. "
        "Keep bytes, not a text: a piece may end in the middle of a letter.",
        "Para cada conexão, guarde uma coisa: os bytes que chegaram e ainda não estão em nenhuma "
        "mensagem. Guarde bytes, não um texto: um pedaço pode terminar no meio de uma letra."),
    "hint.3": (
        "In this order: is the empty line there? Is there one length, of digits alone, and not too "
        "long? Are so many bytes there behind the empty line? Only then does the message leave the "
        "buffer, and what follows it stays. For a call: is the name public? Is it a method? Only "
        "then does it run, and whatever it raises is caught.",
        "Nesta ordem: a linha vazia chegou? Há um só tamanho, só de dígitos, e não grande demais? "
        "Chegaram tantos bytes depois da linha vazia? Só então a mensagem sai do buffer, e o que "
        "vem depois dela fica. Para uma chamada: o nome é público? É um método? Só então ele roda, "
        "e tudo o que ele lançar é apanhado."),
    "measure": (
        "A deposit of {amount}, yours alone, in two pieces: on this computer it took "
        "{took_ms:.1f} ms.",
        "Um depósito de {amount}, só seu, em dois pedaços: neste computador levou "
        "{took_ms:.1f} ms."),
    "discuss": (
        "A message could end with a mark, as in a chat: what would a text with that mark need? "
        "Two servers read one head with two lengths, and each takes another one: what can an "
        "attacker send? And how much of an exception may a stranger see? Ponte's own: "
        "ponte/net/assembly.py, ponte/net/framing.py, ponte/rpc/dispatcher.py.",
        "Uma mensagem poderia terminar com uma marca, como num chat: do que um texto com essa "
        "marca precisaria? Dois servidores leem um cabeçalho com dois tamanhos, e cada um usa "
        "outro: o que um atacante pode mandar? E quanto de uma exceção um estranho pode ver? Na "
        "Ponte: ponte/net/assembly.py, ponte/net/framing.py, ponte/rpc/dispatcher.py."),
}
