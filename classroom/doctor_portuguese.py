"""The Portuguese sentences of the doctor; portuguese.py takes them in."""

from __future__ import annotations

DOCTOR: dict[str, str] = {
    "Is this computer ready for Ponte?": "Este computador está pronto para a Ponte?",
    "✓ OK": "✓ OK",
    "· NOTE": "· AVISO",
    "✗ BAD": "✗ ERRO",
    "Ready. Start with: {command}": "Pronto. Comece com: {command}",
    "Problems to solve first: {bad}.": "Problemas para resolver antes: {bad}.",
    "a new Python process starts in {took_s:.2f} s":
        "um novo processo Python leva {took_s:.2f} s para começar",
    "no new process can be started: {error}. Does a virus scanner or a policy prevent it?":
        "não foi possível iniciar um processo: {error}. "
        "Um antivírus ou uma regra desta máquina impede?",
    "{protocol} to this computer itself (127.0.0.1) arrives in {took_ms:.1f} ms":
        "{protocol} para este próprio computador (127.0.0.1) chega em {took_ms:.1f} ms",
    "{protocol} to 127.0.0.1 does not arrive: {error}. "
    "Allow Python in the firewall, at least for the loopback address":
        "{protocol} para 127.0.0.1 não chega: {error}. "
        "Libere o Python no firewall, pelo menos para o endereço de loopback",
    "port {port} ({kinds}) is free for the {role}":
        "a porta {port} ({kinds}) está livre para o {role}",
    "port {port}: a {role} of Ponte is running there already. "
    "Use it, or start another one: {command}":
        "porta {port}: já há um {role} da Ponte rodando ali. "
        "Use-o, ou inicie outro com: {command}",
    "port {port} ({kinds}): {reason}. Stop the program that uses it, or type: {command}":
        "porta {port} ({kinds}): {reason}. Pare o programa que a usa, ou digite: {command}",
    " (then type the next command that it prints)":
        " (e depois digite o próximo comando que ele imprime)",
    "console encoding {encoding}: all symbols": "codificação do console: "
                                                "{encoding}; tem todos os símbolos",
    "console encoding {encoding} lacks {missing} symbols, shown in ASCII. "
    "For all: set PYTHONIOENCODING=utf-8 (Windows: also chcp 65001)":
        "a codificação do console, {encoding}, não tem {missing} símbolos, que aparecem em ASCII. "
        "Para ver todos: PYTHONIOENCODING=utf-8 (no Windows, também chcp 65001)",
    "the console has room for {columns} columns (we use {best} at most)":
        "o console tem {columns} colunas (usamos no máximo {best})",
    "{columns} columns are enough: lines are shorter, or go on below. Most room: {best}":
        "{columns} colunas bastam: as linhas ficam mais curtas, ou continuam abaixo. O melhor: "
        "{best}",
    "only {columns} columns: lines will break. Widen the window, up to {best} columns":
        "só {columns} colunas: as linhas vão quebrar. Alargue a janela, até {best} colunas",
    "without --lang, the demo speaks “{language}” here; choose with --lang en or --lang pt":
        "sem --lang, o idioma da demonstração aqui é “{language}”; "
        "escolha com --lang en ou --lang pt",
    "{names} is set. Ponte ignores it; curl does not: use curl --noproxy '*'":
        "no ambiente há {names}. A Ponte não usa isso, mas o curl usa: chame curl --noproxy '*'",
    "no HTTP proxy in the environment": "nenhum proxy HTTP no ambiente",
    "no PONTE_ variable in the environment": "nenhuma variável PONTE_ no ambiente",
    "{names} is set: every role in this terminal takes it as an option. "
    "The commands of the lesson may print something else":
        "no ambiente há {names}: todo papel iniciado neste terminal usa isso como opção. "
        "Os comandos da aula podem mostrar outra coisa",
    "the name localhost leads nowhere: write 127.0.0.1 instead, or add the line "
    "“127.0.0.1 localhost” to the hosts file":
        "o nome localhost não leva a lugar nenhum: escreva 127.0.0.1, ou acrescente a linha "
        "“127.0.0.1 localhost” ao arquivo hosts",
    "localhost is {address}": "localhost é {address}",
    "localhost is {address}, which is not this computer alone: write 127.0.0.1 instead, "
    "and correct the hosts file":
        "localhost é {address}, que não é só este computador: escreva 127.0.0.1, "
        "e corrija o arquivo hosts",
    "localhost is {address} first. Ponte tries all addresses of a name; where another program "
    "does not, write 127.0.0.1":
        "localhost é {address} em primeiro lugar. A Ponte tenta todos os endereços de um nome; "
        "para um programa que não faça isso, escreva 127.0.0.1",
    "no name server: {error}. Write addresses instead of names after --registry":
        "sem servidor de nomes (DNS): {error}. Depois de --registry, escreva endereços, não nomes",
    "the name server does not answer within {wait_s:.0f} s. Write addresses instead of "
    "names after --registry, or look whether the network is connected":
        "o servidor de nomes (DNS) não respondeu em {wait_s:.0f} s. Depois de --registry, escreva "
        "endereços, não nomes; ou veja se a rede está conectada",
    "the name server answers in {took_ms:.0f} ms":
        "o servidor de nomes (DNS) responde em {took_ms:.0f} ms",
    "this computer has no address for others: the lesson works on it alone. "
    "For a class on several, connect it to their network":
        "os outros computadores não alcançam este: a aula funciona só nele. "
        "Para uma turma em vários computadores, conecte-o à rede deles",
    "other computers reach this one at {address}. For a registry that they can use: {command}":
        "os outros computadores alcançam este em {address}. "
        "Para um registry que eles possam usar: {command}",
    "{protocol} to {address} arrives. If other computers do not get through, "
    "allow Python in the firewall of this one":
        "{protocol} para {address} chega. Se outros computadores não conseguirem se conectar, "
        "libere o Python no firewall deste",
    "{protocol} to {address}, which is this computer, does not arrive: {error}. "
    "For a class on several computers, allow Python in the firewall, for incoming TCP and UDP":
        "{protocol} para {address}, que é este computador, não chega: {error}. Para uma turma "
        "em vários computadores, libere o Python no firewall, para TCP e UDP de entrada",
    "processes can be frozen here (steps 6 and 9)":
        "aqui dá para congelar processos (passos 6 e 9)",
    "no SIGSTOP on this system: the demo skips step 6 and a part of step 9":
        "sem SIGSTOP neste sistema: a demonstração pula o passo 6 e uma parte do passo 9",
}
