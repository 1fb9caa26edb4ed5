"""The Portuguese sentences of joining a class; portuguese.py takes them in."""

from __future__ import annotations

JOIN: dict[str, str] = {
    # ---- dashboard/class_mode.py
    "the class is open already": "a participação da turma já está aberta",
    "--class: this computer has no address in a network: connect it first":
        "--class: este computador não tem endereço em nenhuma rede: conecte-o primeiro",
    "--class {address}: take an IPv4 address of this computer, such as {example}":
        "--class {address}: use um endereço IPv4 deste computador, por exemplo {example}",
    "--class: cannot listen at {address}: {error}":
        "--class: não é possível escutar em {address}: {error}",

    # ---- dashboard/join.py: what was typed
    "This computer takes part in a class, with a server of its own. CODE: see the projector.":
        "Este computador participa de uma aula, com um servidor próprio. CODE: no projetor.",
    "the code; a name for the server; a file of functions (default: services/kiosk.py)":
        "o código; um nome para o servidor; um arquivo de funções (padrão: services/kiosk.py)",
    "the words after demo.py join": "as palavras depois de demo.py join",
    "the port of the server (default: any free one)":
        "a porta do servidor (padrão: qualquer uma livre)",
    "{code}: a code has {length} letters and digits, and this one has {what}":
        "{code}: um código tem {length} letras e dígitos, e este tem {what}",
    "{code}: no code has a {what!r}": "{code}: nenhum código tem {what!r}",
    "{code}: a letter of it is wrong: compare it with the projector":
        "{code}: há uma letra errada: compare com o projetor",
    "after the code, give one NAME and one FILE at most":
        "depois do código, informe no máximo um nome e um arquivo",
    "{name}: a name has letters or digits": "{name}: um nome tem letras ou dígitos",

    # ---- dashboard/join.py: coming in
    "{file} has no {missing}: the class calls that, and will get an error":
        "{file} não tem {missing}: a turma chama isso e vai receber um erro",
    "no way leads from here to {address}: is this computer in the network of the class?":
        "não há caminho daqui até {address}: este computador está na rede da turma?",
    "{name}: a name of the class's own computer: choose another NAME":
        "{name}: é um nome do computador da aula: escolha outro nome",
    "{name} is taken in this class: choose another NAME":
        "{name} já tem dono nesta turma: escolha outro nome",
    "the class has no room for one more server": "a turma não tem lugar para mais um servidor",
    "a router between here and the class hides {host}: no call would arrive":
        "um roteador entre este computador e a turma esconde {host}: nenhuma chamada chegaria",
    "this version of Ponte does not fit the class: fetch ponte.pyz again":
        "esta versão da Ponte não combina com a da turma: baixe ponte.pyz outra vez",
    "no class is open at {address}: the code is old, or the class is over":
        "nenhuma turma está aberta em {address}: o código é antigo, ou a aula acabou",
    "the class at {address} does not know this code: it is of an earlier class":
        "a turma em {address} não conhece este código: ele é de uma aula anterior",
    "nothing answers at {address}: another network, or one that keeps computers apart?":
        "nada responde em {address}: outra rede, ou uma que isola os computadores?",

    # ---- dashboard/join.py: taking part
    "joined as {name}, at {address} - stop with Ctrl-C":
        "entrou como {name}, em {address} - para terminar: Ctrl-C",
    "no call has come yet: does a firewall here block port {port}?":
        "ainda não chegou nenhuma chamada: um firewall daqui bloqueia a porta {port}?",
    "the class does not answer now; this server goes on, and waits":
        "a turma não responde agora; este servidor continua e espera",
    "the class answers again": "a turma voltou a responder",
    "another process has the name {name} now": "outro processo tem o nome {name} agora",
    "the class has ended": "a aula acabou",
    "calls answered: {calls}": "chamadas respondidas: {calls}",
}
