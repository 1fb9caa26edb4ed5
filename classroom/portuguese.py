"""The Portuguese sentence for each English one that the classroom prints.

The key is the English sentence as it stands in the code, with the same {fields} in the same
formats; tests/classroom/test_language.py compares both. Identifiers and the words of the protocol
(registry, proxy, lookup, lease) stay English; docs/words.md has the Portuguese word for each idea.
What a program said, such as the reason of an error, is in classroom/reasons.py.
"""

from __future__ import annotations

from classroom.answers_portuguese import ANSWERS
from classroom.attack_portuguese import ATTACK
from classroom.doctor_portuguese import DOCTOR
from classroom.join_portuguese import JOIN
from classroom.page_portuguese import PAGE
from classroom.predict_portuguese import PREDICT
from classroom.swap_portuguese import SWAP

PORTUGUESE: dict[str, str] = {
    **ANSWERS,
    **ATTACK,
    **DOCTOR,
    **PAGE,
    **SWAP,
    **JOIN,
    **PREDICT,

    # ---- story.py: around the steps
    "PONTE: a bridge between processes": "PONTE: uma ponte entre processos",
    "Nine steps. Real processes, real sockets, real failures: nothing is simulated.":
        "Nove passos. Processos, sockets e falhas de verdade: nada é simulado.",
    "client ──► proxy ──► server-1 · server-2 · server-3\n"
    "   │         │          │ ♥        │ ♥        │ ♥\n"
    "   └─ who? ──┴─────► registry ◄────┴──────────┘\n"
    "                        ♥ heartbeats":
        "client ──► proxy ──► server-1 · server-2 · server-3\n"
        "   │         │          │ ♥        │ ♥        │ ♥\n"
        "   └─ quem? ─┴─────► registry ◄────┴──────────┘\n"
        "                        ♥ batimentos",
    "PROOF": "PROVA",
    "✓ PASSED": "✓ PASSOU",
    "✗ FAILED": "✗ FALHOU",
    "- SKIPPED": "- PULADO",
    "WHAT WE PROVED": "O QUE PROVAMOS",
    "{passed} of {total} proofs passed, in {took_s:.1f} s.":
        "{passed} de {total} provas passaram, em {took_s:.1f} s.",
    "{skipped} skipped.": "Passos pulados: {skipped}.",
    "Your turn, one role per terminal. Start with: {command}":
        "Sua vez, um papel por terminal. Comece com: {command}",
    "The story ends here: {error}": "A história termina aqui: {error}",
    "The processes of step 1 start, for a story that begins at step {first}.":
        "Os processos do passo 1 sobem, porque a história começa no passo {first}.",
    "Stopped. All processes are gone.": "Interrompido. Todos os processos foram encerrados.",
    "standard input is not a terminal, so nobody can press Enter: use  {command}":
        "a entrada padrão não é um terminal, e ninguém consegue apertar Enter: use  {command}",

    # ---- stage.py: in every step
    "PREDICT": "PREVEJA",
    "         Enter to find out… ": "         Enter para descobrir… ",
    "+{when_s:.2f} s": "+{when_s:.2f} s",
    "         Enter to go on… ": "         Enter para continuar… ",
    "this computer was busy: a pause of {wanted_ms:.0f} ms took {took_ms:.0f} ms":
        "este computador estava ocupado: uma pausa de {wanted_ms:.0f} ms levou {took_ms:.0f} ms",
    "this computer was busy: {load:.1f} programs wanted its cores, of which it has {cores}":
        "este computador estava ocupado: {load:.1f} programas disputavam seus {cores} núcleos",
    "registry: {name} is up, at {address}": "registry: {name} está no ar, em {address}",
    "registry: {name} is back": "registry: {name} voltou",
    "registry: {name} is suspect: half its lease passed without a heartbeat":
        "registry: {name} está sob suspeita: meio lease (concessão) se passou sem batimentos",
    "registry: {name} is out: its lease expired":
        "registry: {name} saiu da lista: seu lease (concessão) expirou",

    # ---- working.py: 1 discovery
    "DISCOVERY": "DESCOBERTA",
    "Three servers and a proxy start, each on a random port. How will anyone find them?":
        "Três servidores e um proxy vão subir, cada um numa porta qualquer. Como encontrá-los?",
    "registry listens at {address}: the only address that others must know":
        "o registry escuta em {address}: o único endereço que todos precisam conhecer",
    "lookup names {found} of {started} processes that we started":
        "o lookup (consulta) mostra {found} dos {started} processos que iniciamos",
    "{same} of {started} addresses are those that the processes printed themselves":
        "{same} dos {started} endereços são os que os próprios processos mostraram na tela",
    # ---- 2 RPC
    "RPC: a call that looks local": "RPC: uma chamada que parece local",
    'A client calls greeter.hello("Hello"). It knows no address of a server. Who answers?':
        'Um cliente chama greeter.hello("Hello") sem conhecer nenhum servidor. Quem responde?',
    "Python's own xmlrpc.client, at {url} → {value}":
        "o xmlrpc.client do Python, em {url} → {value}",
    'the client process sent "Hello" and printed "{value}", exit code {code}':
        'o programa cliente enviou "Hello" e mostrou "{value}"; código de saída: {code}',
    "it needed {attempts} attempt, answered by {server}":
        "tentativas: {attempts}; quem respondeu foi {server}",
    'a stock XML-RPC client, unchanged, got "{value}" from the same proxy':
        'um cliente XML-RPC comum, sem nenhuma mudança, recebeu "{value}" do mesmo proxy',
    # ---- 3 heartbeats
    "NOBODY CALLS": "NINGUÉM CHAMA",
    "HEARTBEATS": "BATIMENTOS",
    "Now nobody calls anybody. Is the network silent?":
        "Agora ninguém chama ninguém. A rede está em silêncio?",
    "no calls; each ♥ is a UDP datagram that the registry acknowledged":
        "nenhuma chamada; cada ♥ é um datagrama UDP que o registry confirmou",
    "{name}  {hearts}  every {every_s:.2f} s": "{name}  {hearts}  a cada {every_s:.2f} s",
    "at least {least} acknowledged heartbeats from each of {servers} servers in {took_s:.1f} s":
        "pelo menos {least} batimentos confirmados de cada um dos {servers} servidores, "
        "em {took_s:.1f} s",
    "in this time, {calls} calls went through the proxy":
        "nesse tempo, {calls} chamadas passaram pelo proxy",
    "longest silence {silence_s:.2f} s; a lease lasts {lease_s:.1f} s":
        "maior silêncio: {silence_s:.2f} s; um lease (concessão: "
        "quanto um batimento vale) dura {lease_s:.1f} s",
    # ---- 4 balancing
    "ONE PROXY, THREE SERVERS": "UM PROXY, TRÊS SERVIDORES",
    "BALANCING": "BALANCEAMENTO",
    "{calls} calls go through one proxy to three servers. How many does each get?":
        "{calls} chamadas vão por um proxy até três servidores. Quantas cada um recebe?",
    "{calls} times whoami(), one after the other":
        "whoami() {calls} vezes, uma chamada depois da outra",
    "{answered} of {calls} calls answered, in {took_s:.2f} s":
        "{answered} de {calls} chamadas respondidas, em {took_s:.2f} s",
    "shares {shares}: the largest minus the smallest is {spread}":
        "parte de cada um: {shares}; diferença entre a maior e a menor: {spread}",

    # ---- failing.py: 5 kill
    "A SERVER DIES": "UM SERVIDOR MORRE",
    "KILL → FALLBACK": "PROCESSO MORTO → OUTROS ASSUMEM",
    "{callers} callers never pause. {name} dies by kill -9. How many calls fail?":
        "{callers} clientes chamam sem parar. {name} morre com kill -9. Quantas chamadas falham?",
    "{callers} callers; {count} calls so far, answered by {names}":
        "{callers} clientes; {count} chamadas até aqui, respondidas por {names}",
    "kill -9 {name} (process {pid})": "kill -9 {name} (processo {pid})",
    "attempts that failed at the kill or just after: {retries}; each was made again elsewhere":
        "tentativas que falharam na morte ou logo depois: {retries}; cada uma foi refeita em outro",
    "{name} starts again, as a new process": "{name} é iniciado de novo, como outro processo",
    "{calls} calls, {failed} failed; the slowest took {slowest_ms:.0f} ms":
        "{calls} chamadas, {failed} com falha; a mais lenta levou {slowest_ms:.0f} ms",
    "{count} of them came after the kill; all were answered by {names}":
        "{count} delas vieram depois da morte; quem respondeu foi {names}",
    "{name} left lookup {gone_s:.2f} s after its death (at most {limit_s:.1f} s)":
        "{name} saiu do lookup {gone_s:.2f} s depois de morrer (limite: {limit_s:.1f} s)",
    # ---- 6 freeze
    "A SERVER FREEZES": "UM SERVIDOR CONGELA",
    "FREEZE → SUSPICION": "CONGELAMENTO → SUSPEITA",
    "{name} is frozen, not killed: connected, but silent. What happens to its calls?":
        "{name} congela, mas não morre: conectado, só que mudo. O que acontece com as chamadas?",
    "this system has no SIGSTOP to freeze a process with, and we do not fake it":
        "este sistema não tem SIGSTOP para congelar um processo, e aqui nada é simulado",
    "{signal} {name} (process {pid}): frozen": "{signal} {name} (processo {pid}): congelado",
    "{count} calls waited for it, gave up, and were answered by other servers: "
    "{slowest_ms:.0f} ms at most":
        "{count} chamadas esperaram por ele e foram respondidas por outros: "
        "no máximo {slowest_ms:.0f} ms",
    "{signal} {name}: it continues as if nothing had happened":
        "{signal} {name}: continua como se nada tivesse acontecido",
    "{name} answers calls again": "{name} volta a responder chamadas",
    "suspect after {suspect_s:.2f} s, out of lookup after {gone_s:.2f} s "
    "(at most {limit_s:.1f} s)":
        "suspeito após {suspect_s:.2f} s, fora do lookup após {gone_s:.2f} s "
        "(limite: {limit_s:.1f} s)",
    "{calls} calls during the freeze, {failed} failed; the slowest took {slowest_ms:.0f} ms":
        "{calls} chamadas durante o congelamento, {failed} com falha; "
        "a mais lenta levou {slowest_ms:.0f} ms",
    "calls that began during the freeze and were answered by {name}: {count}":
        "chamadas feitas durante o congelamento e respondidas por {name}: {count}",
    "back in lookup {back_s:.2f} s after {signal} (at most {limit_s:.1f} s), and answering":
        "de volta ao lookup {back_s:.2f} s após {signal} (limite: {limit_s:.1f} s), "
        "e respondendo",

    # ---- outcomes.py: 7 a lost reply
    "A REPLY IS LOST": "UMA RESPOSTA SE PERDE",
    "A LOST REPLY → NO DOUBLE EXECUTION": "RESPOSTA PERDIDA → NADA DE EXECUÇÃO DUPLA",
    "deposit({cents}) runs, but its reply is lost, and the client tries again. The balance?":
        "deposit({cents}) roda, a resposta se perde, e o cliente tenta de novo. Qual é o saldo?",
    "bank-1 stands behind a relay at {address}, which will lose replies":
        "um relay (intermediário) em {address}, na frente de bank-1, vai perder respostas",
    "its caller saw one call, one value, and no error":
        "quem chamou viu uma chamada, um valor e nenhum erro",
    "Ponte attempt {number}: {what} ({took_ms:.1f} ms)":
        "tentativa {number} da Ponte: {what} ({took_ms:.1f} ms)",
    "bank-1 knew the call's number: it sent the first reply again, and ran nothing":
        "bank-1 já conhecia o número da chamada: reenviou a resposta, e não executou de novo",
    "the relay lost {lost} replies, one for each client":
        "o relay perdeu {lost} respostas, uma de cada cliente",
    "xmlrpc.client: 1 call, executions: {runs}; the balance of ana is {balance}, not {cents}":
        "xmlrpc.client: 1 chamada, execuções: {runs}; o saldo de ana é {balance}, não {cents}",
    "Ponte: 1 call, {attempts} attempts, executions: {runs}; the balance of bia is {balance}":
        "Ponte: 1 chamada, {attempts} tentativas, execuções: {runs}; o saldo de bia é {balance}",
    # ---- 8 everything down
    "EVERYTHING DIES": "TUDO MORRE",
    "EVERYTHING DOWN → AN HONEST ERROR": "TUDO FORA DO AR → UM ERRO HONESTO",
    "Registry, proxy and all servers die at once. What does the client say, and when?":
        "Registry, proxy e servidores morrem todos de uma vez. O que o cliente diz, e quando?",
    "kill -9 for {count} processes: {names}": "kill -9 em {count} processos: {names}",
    'client: hello("Hello") → {error}: {meaning}, after {took_ms:.0f} ms':
        'client: hello("Hello") → {error}: {meaning}, após {took_ms:.0f} ms',
    "everything starts again; the client was not restarted":
        "tudo é iniciado de novo, menos o cliente, que continua o mesmo",
    '{error} says "{meaning}": {attempts} endpoints tried, none of them reached':
        '{error} diz "{meaning}": {attempts} endereços tentados, nenhum alcançado',
    "the error came after {took_ms:.0f} ms; the call's timeout is {timeout_ms:.0f} ms":
        "o erro veio após {took_ms:.0f} ms; o prazo da chamada era de {timeout_ms:.0f} ms",
    'the same client got "{value}" again, {back_s:.2f} s after the new start':
        'o mesmo cliente recebeu "{value}" de novo, {back_s:.2f} s depois da reinicialização',
    # ---- silence.py: 9 silence
    "A BANK FALLS SILENT": "UM BANCO SE CALA",
    "SILENCE → UNKNOWN, AND WHO CAN KNOW": "SILÊNCIO → DESCONHECIDO, E QUEM PODE SABER",
    "A bank freezes during one deposit, before a second, and dies during a third. Which ran?":
        "Um banco congela num depósito, antes de outro, e morre num terceiro. Quais rodaram?",
    "{account}: deposit_coins({cents}) is running: {name} counts the coins":
        "{account}: deposit_coins({cents}) está rodando: {name} conta as moedas",
    "bia: deposit_coins({cents}) goes to the frozen bank":
        "bia: deposit_coins({cents}) vai para o banco congelado",
    "{account}: deposit_coins({cents}) → {told}, after {took_ms:.0f} ms":
        "{account}: deposit_coins({cents}) → {told}, após {took_ms:.0f} ms",
    "{account}: resolve() → {told}: it has run": "{account}: resolve() → {told}: rodou",
    "{account}: resolve() → {told}: it has not run, and it never will":
        "{account}: resolve() → {told}: não rodou, e nunca vai rodar",
    "{account}: resolve() → {told}: nobody can know":
        "{account}: resolve() → {told}: ninguém pode saber",
    "frozen: {told} after {ana_ms:.0f} and {bia_ms:.0f} ms "
    "(the timeout is {timeout_ms:.0f} ms); executions: {runs}":
        "congelado: {told} após {ana_ms:.0f} e {bia_ms:.0f} ms "
        "(o prazo era de {timeout_ms:.0f} ms); execuções: {runs}",
    "ana: resolve told {told} after {took_ms:.1f} ms; the balance is {balance}":
        "ana: o resolve respondeu {told} após {took_ms:.1f} ms; o saldo é {balance}",
    "bia: resolve told {told} after {took_ms:.1f} ms; the balance is {balance}":
        "bia: o resolve respondeu {told} após {took_ms:.1f} ms; o saldo é {balance}",
    "killed: {told}; resolve told the same after {took_ms:.1f} ms: "
    "the only process that knew is dead":
        "morto: {told}; o resolve respondeu o mesmo após {took_ms:.1f} ms: "
        "o único que sabia morreu",

    # ---- roles.py and caller.py: one role in a terminal of its own
    "next terminal": "próximo terminal",
    "process {pid}": "processo {pid}",
    "♥ {beats}, {per_s:.1f}/s · up {up}, other {other}":
        "♥ {beats} ({per_s:.1f}/s) · no ar {up}, outros {other}",
    "● {calls}, from memory {repeats} · ♥ {beats}": "● {calls}, da memória {repeats} · ♥ {beats}",
    "● {calls}, again {retries} · {live}": "● {calls}, repetidas {retries} · {live}",
    "Saying Hello until Ctrl-C: who answers?": "Dizendo Hello até Ctrl-C: quem responde?",
    "♥ heartbeats: {beats}, {per_s:.1f}/s · up: {up}, suspect or draining: {other}":
        "♥ batimentos: {beats} ({per_s:.1f}/s) · no ar: {up} · suspeitos ou saindo: {other}",
    "● calls: {calls}, answered from memory: {repeats} · ♥ heartbeats: {beats}":
        "● chamadas: {calls} · respondidas da memória: {repeats} · ♥ batimentos: {beats}",
    "● calls: {calls}, tried again: {retries} · servers: {live}":
        "● chamadas: {calls} · novas tentativas: {retries} · servidores: {live}",
    "Saying Hello until Ctrl-C. Stop a server, or kill one, and watch who answers.":
        "Dizendo Hello até Ctrl-C. Pare ou mate um servidor e veja quem responde.",
    "✓ {shown}  {way:<28} {took_ms:7.1f} ms": "✓ {shown}  {way:<28} {took_ms:7.1f} ms",
    "{server}, no proxy": "{server}, sem proxy",
    "attempt {number}: {trace}": "tentativa {number}: {trace}",

    # ---- command.py
    "The guided demo of Ponte: nine steps, real processes, each step proved.":
        "A demonstração guiada da Ponte: nove passos, processos de verdade, cada passo provado.",
    "no key presses; the exit code is 1 if a proof fails":
        "não espera nenhuma tecla; o código de saída é 1 se uma prova falhar",
    "begin at step N": "começa no passo N",
    "{given}: there are steps 1 to {last}, such as --from 5":
        "{given}: existem os passos 1 a {last}, como em --from 5",
    "the language (default: that of the locale)": "o idioma (padrão: o do sistema)",
    "usage: ": "uso: ",
    "the word after demo.py": "a palavra depois de demo.py",
    "options": "opções",
    "show this help": "mostra esta ajuda",
    "instead of the demo, see below": "em vez da demonstração; veja abaixo",
    "one role in a terminal of its own "
    "(each says what to type in the next; --help tells its options):\n"
    "  demo.py registry               who is alive; port 4100\n"
    "  demo.py server [NAME] [FILE]   serves services/greeter.py; "
    "named server-1, server-2, ... by itself\n"
    "  demo.py proxy                  one address for all servers; port 4180\n"
    "  demo.py client                 says Hello until Ctrl-C\n"
    "  demo.py client greeter hello Hello --trace     one call; as client.py\n"
    "and\n"
    "  demo.py doctor                 is this computer ready?":
        "um papel em seu próprio terminal "
        "(cada um diz o que digitar no próximo; --help mostra as opções):\n"
        "  demo.py registry               quem está vivo; porta 4100\n"
        "  demo.py server [NAME] [FILE]   serve services/greeter.py; "
        "seu nome: server-1, server-2, ...\n"
        "  demo.py proxy                  um endereço para todos os servidores; porta 4180\n"
        "  demo.py client                 diz Hello até Ctrl-C\n"
        "  demo.py client greeter hello Hello --trace     uma chamada; como client.py\n"
        "e\n"
        "  demo.py doctor                 este computador está pronto?",
    "{given}: take 1 or 0": "{given}: escolha 1 ou 0",
    "{given}: there are {one} and {other}": "{given}: existem {one} e {other}",
    "write it first: demo.py {place}": "escreva primeiro: demo.py {place}",
    " Did you mean {close}?": " Você quis dizer {close}?",
    "there is no {place!r}.{guess} There are: {places}; or nothing, for the guided demo":
        "não existe {place!r}.{guess} Existem: {places}; ou nada, para a demonstração guiada",
}
