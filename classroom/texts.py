"""Every sentence of the classroom, in English and in Portuguese side by side. Identifiers stay English in both.

A sentence is found by its key; {names} in it are filled in by whoever tells it. Where an `{x:.2f}` stands in one
language it stands in the other.
"""

from __future__ import annotations

import locale
from collections.abc import Mapping

LANGUAGES = ("en", "pt")

TEXTS: dict[str, tuple[str, str]] = {
    # ---- around the steps
    "intro.title": ("PONTE: a bridge between processes", "PONTE: uma ponte entre processos"),
    "intro.text": (
        "Eight steps. Real processes, real sockets, real failures: nothing is simulated.",
        "Oito passos. Processos, sockets e falhas de verdade: nada é simulado."),
    "intro.picture": (
        "client ──► proxy ──► server-1 · server-2 · server-3\n"
        "   │         │          │ ♥        │ ♥        │ ♥      ♥ heartbeats\n"
        "   └─ who? ──┴─────► registry ◄────┴──────────┘",
        "client ──► proxy ──► server-1 · server-2 · server-3\n"
        "   │         │          │ ♥        │ ♥        │ ♥      ♥ batimentos\n"
        "   └─ quem? ─┴─────► registry ◄────┴──────────┘"),
    "predict": ("PREDICT", "PREVEJA"),
    "enter": ("         Enter to find out… ", "         Enter para descobrir… "),
    "proof": ("PROOF", "PROVA"),
    "passed": ("✓ PASSED", "✓ PASSOU"),
    "failed": ("✗ FAILED", "✗ FALHOU"),
    "skipped": ("- SKIPPED", "- PULADO"),
    "summary.title": ("WHAT WE PROVED", "O QUE PROVAMOS"),
    "summary.count": ("{passed} of {total} proofs passed, in {took_s:.1f} s.",
                      "{passed} de {total} provas passaram, em {took_s:.1f} s."),
    "summary.skipped": ("{skipped} skipped.", "{skipped} pulado(s)."),
    "summary.next": ("Your turn, one role per terminal. Start with: {command}",
                     "Sua vez, um papel por terminal. Comece com: {command}"),
    "ended": ("The story ends here: {error}", "A história termina aqui: {error}"),
    "interrupted": ("Stopped. All processes are gone.", "Interrompido. Todos os processos foram encerrados."),
    "need.auto": (
        "standard input is not a terminal, so nobody can press Enter: use  python3 demo.py --auto",
        "a entrada padrão não é um terminal, e ninguém pode apertar Enter: use  python3 demo.py --auto"),
    # ---- what the registry says
    "news.up": ("registry: {instance} is up, at {address}", "registry: {instance} está no ar, em {address}"),
    "news.back": ("registry: {instance} is back", "registry: {instance} voltou"),
    "news.suspect": ("registry: {instance} is suspect: half its lease went by without a heartbeat",
                     "registry: {instance} é suspeito: meio lease sem um batimento"),
    "news.expired": ("registry: {instance} is out: its lease expired",
                     "registry: {instance} está fora: seu lease expirou"),
    "news.other": ("registry: {instance}: {what}", "registry: {instance}: {what}"),
    # ---- 1 discovery
    "discovery.title": ("DISCOVERY", "DESCOBERTA"),
    "discovery.predict": (
        "Three servers and a proxy start, each on a random port. How will anyone find them?",
        "Três servidores e um proxy iniciam, cada um numa porta qualquer. Como encontrá-los?"),
    "discovery.registry": ("registry listens at {address}: the only address that others must know",
                           "registry escuta em {address}: o único endereço que os outros precisam saber"),
    "discovery.lookup": ('lookup("greeter") → {names}', 'lookup("greeter") → {names}'),
    "discovery.all": ("lookup names {found} of {started} processes that we started",
                      "lookup conhece {found} dos {started} processos que iniciamos"),
    "discovery.same": ("{same} of {started} addresses are those that the processes printed themselves",
                       "{same} dos {started} endereços são os que os próprios processos imprimiram"),
    # ---- 2 RPC
    "rpc.title": ("RPC: a call that looks local", "RPC: uma chamada que parece local"),
    "rpc.predict": (
        'A client calls greeter.hello("Hello"). It knows no address of a server. Who answers?',
        'Um cliente chama greeter.hello("Hello"), sem saber de nenhum servidor. Quem responde?'),
    "rpc.stock": ("Python's own xmlrpc.client, at {url} → {value}", "o xmlrpc.client do Python, em {url} → {value}"),
    "rpc.answer": ('the client process sent "Hello" and printed "{value}", exit code {code}',
                   'o processo client enviou "Hello" e imprimiu "{value}", código de saída {code}'),
    "rpc.attempts": ("it needed {attempts} attempt, answered by {by}",
                     "precisou de {attempts} tentativa, respondida por {by}"),
    "rpc.stock.answer": ('a stock XML-RPC client, unchanged, got "{value}" from the same proxy',
                         'um cliente XML-RPC comum, sem mudanças, recebeu "{value}" do mesmo proxy'),
    # ---- 3 heartbeats
    "heartbeats.title": ("HEARTBEATS", "BATIMENTOS"),
    "heartbeats.predict": ("Now nobody calls anybody. Is the network silent?",
                           "Agora ninguém chama ninguém. A rede está em silêncio?"),
    "heartbeats.watch": ("no calls; each ♥ is a UDP datagram that the registry acknowledged",
                         "nenhuma chamada; cada ♥ é um datagrama UDP que o registry confirmou"),
    "heartbeats.row": ("{name}  {hearts}  every {every_s:.2f} s", "{name}  {hearts}  a cada {every_s:.2f} s"),
    "heartbeats.beats": ("{least} acknowledged heartbeats or more from each of {servers} servers in {took_s:.1f} s",
                         "{least} batimentos confirmados ou mais de cada um de {servers} servidores em {took_s:.1f} s"),
    "heartbeats.calls": ("{calls} calls went through the proxy meanwhile",
                         "{calls} chamadas passaram pelo proxy enquanto isso"),
    "heartbeats.silence": ("longest silence {silence_s:.2f} s; a lease lasts {lease_s:.1f} s",
                           "maior silêncio {silence_s:.2f} s; um lease dura {lease_s:.1f} s"),
    # ---- 4 balancing
    "balancing.title": ("BALANCING", "BALANCEAMENTO"),
    "balancing.predict": ("{calls} calls go through one proxy to three servers. How many does each get?",
                          "{calls} chamadas passam por um proxy para três servidores. Quantas cada um recebe?"),
    "balancing.watch": ("{calls} times whoami(), one after the other", "{calls} vezes whoami(), uma após a outra"),
    "balancing.row": ("{name}  {bar}  {count}", "{name}  {bar}  {count}"),
    "balancing.all": ("{answered} of {calls} calls answered, in {took_s:.2f} s",
                      "{answered} de {calls} chamadas respondidas, em {took_s:.2f} s"),
    "balancing.shares": ("shares {shares}: the largest minus the smallest is {spread}",
                         "partes {shares}: a maior menos a menor é {spread}"),
    # ---- 5 kill
    "kill.title": ("KILL → FALLBACK", "MATAR → FALLBACK"),
    "kill.predict": ("{callers} callers never pause. {name} dies by kill -9. How many calls fail?",
                     "{callers} clientes chamam sem parar. {name} morre com kill -9. Quantas falham?"),
    "kill.load": ("{callers} callers; {count} calls so far, answered by {names}",
                  "{callers} clientes; {count} chamadas até aqui, respondidas por {names}"),
    "kill.kill": ("kill -9 {name} (process {pid})", "kill -9 {name} (processo {pid})"),
    "kill.retries": ("{flying} calls were in flight at that moment; the proxy tried {retries} at another server",
                     "{flying} chamadas estavam no ar naquele momento; o proxy tentou {retries} em outro servidor"),
    "kill.again": ("{name} starts again, as a new process", "{name} inicia de novo, como um novo processo"),
    "kill.failed": ("{calls} calls, {failed} failed; the slowest took {slowest_ms:.0f} ms",
                    "{calls} chamadas, {failed} falharam; a mais lenta levou {slowest_ms:.0f} ms"),
    "kill.others": ("{count} of them came after the kill; all were answered by {names}",
                    "{count} delas vieram depois do kill; todas respondidas por {names}"),
    "kill.gone": ("{name} left lookup {gone_s:.2f} s after its death (at most {limit_s:.1f} s)",
                  "{name} saiu do lookup {gone_s:.2f} s depois de morrer (no máximo {limit_s:.1f} s)"),
    # ---- 6 freeze
    "freeze.title": ("FREEZE → SUSPICION", "CONGELAR → SUSPEITA"),
    "freeze.predict": (
        "{name} is frozen, not killed: connected, but silent. What happens to its calls?",
        "{name} congela, não morre: conectado, mas mudo. O que acontece com suas chamadas?"),
    "freeze.windows": ("this system has no SIGSTOP to freeze a process with, and we do not fake it",
                       "este sistema não tem SIGSTOP para congelar um processo, e nós não fingimos"),
    "freeze.freeze": ("SIGSTOP {name} (process {pid}): frozen", "SIGSTOP {name} (processo {pid}): congelado"),
    "freeze.slow": ("{count} calls waited for it, gave up, and were answered by others: {slowest_ms:.0f} ms at most",
                    "{count} chamadas esperaram, desistiram, e outros responderam: {slowest_ms:.0f} ms no máximo"),
    "freeze.thaw": ("SIGCONT {name}: it wakes up, and knows of nothing", "SIGCONT {name}: acorda, e não sabe de nada"),
    "freeze.answers": ("{name} answers calls again", "{name} responde chamadas de novo"),
    "freeze.suspect": ("suspect after {suspect_s:.2f} s, out of lookup after {gone_s:.2f} s (at most {limit_s:.1f} s)",
                       "suspeito após {suspect_s:.2f} s, fora do lookup após {gone_s:.2f} s (máximo {limit_s:.1f} s)"),
    "freeze.failed": ("{calls} calls during the freeze, {failed} failed; the slowest took {slowest_ms:.0f} ms",
                      "{calls} chamadas durante o gelo, {failed} falharam; a mais lenta levou {slowest_ms:.0f} ms"),
    "freeze.others": ("calls that began during the freeze and were answered by {name}: {count}",
                      "chamadas que começaram durante o gelo e {name} respondeu: {count}"),
    "freeze.back": ("back in lookup {back_s:.2f} s after SIGCONT (at most {limit_s:.1f} s), and answering",
                    "de volta ao lookup {back_s:.2f} s após SIGCONT (no máximo {limit_s:.1f} s), e respondendo"),
    # ---- 7 a lost reply
    "lost.title": ("A LOST REPLY → NO DOUBLE EXECUTION", "RESPOSTA PERDIDA → SEM EXECUÇÃO DUPLA"),
    "lost.predict": (
        'deposit({cents}) runs, but its reply is lost, and the client tries again. The balance?',
        'deposit({cents}) executa, a resposta se perde, e o cliente tenta de novo. Qual o saldo?'),
    "lost.relay": ("bank-1 stands behind a relay at {address}, which will lose replies",
                   "bank-1 está atrás de um relay em {address}, que vai perder respostas"),
    "lost.stock": ('xmlrpc.client: deposit("ana", {cents}) → {value}',
                   'xmlrpc.client: deposit("ana", {cents}) → {value}'),
    "lost.ponte": ('Ponte: deposit("bia", {cents}) → {value}', 'Ponte: deposit("bia", {cents}) → {value}'),
    "lost.silent": ("its caller saw one call, one value, and no error",
                    "quem chamou viu uma chamada, um valor e nenhum erro"),
    "lost.attempt": ("Ponte attempt {number}: {what} ({took_ms:.1f} ms)",
                     "Ponte tentativa {number}: {what} ({took_ms:.1f} ms)"),
    "lost.memory": ("bank-1 knew the call's id: it sent the first reply again, and ran nothing",
                    "bank-1 conhecia o id da chamada: reenviou a primeira resposta, e nada executou"),
    "lost.cut": ("the relay lost {lost} replies, one for each client",
                 "o relay perdeu {lost} respostas, uma de cada cliente"),
    "lost.twice": ("xmlrpc.client: 1 call, executions: {runs}; the balance of ana is {balance}, not {cents}",
                   "xmlrpc.client: 1 chamada, execuções: {runs}; o saldo de ana é {balance}, não {cents}"),
    "lost.once": ("Ponte: 1 call, {attempts} attempts, executions: {runs}; the balance of bia is {balance}",
                  "Ponte: 1 chamada, {attempts} tentativas, execuções: {runs}; o saldo de bia é {balance}"),
    # ---- 8 everything down
    "down.title": ("EVERYTHING DOWN → AN HONEST ERROR", "TUDO FORA DO AR → UM ERRO HONESTO"),
    "down.predict": ("Registry, proxy and all servers die at once. What does the client say, and when?",
                     "Registry, proxy e servidores morrem todos de uma vez. O que o cliente diz, e quando?"),
    "down.kill": ("kill -9 for {count} processes: {names}", "kill -9 em {count} processos: {names}"),
    "down.call": ('client: hello("Hello") → {error}, after {took_ms:.0f} ms',
                  'client: hello("Hello") → {error}, após {took_ms:.0f} ms'),
    "down.attempt": ("{number}. {attempt}", "{number}. {attempt}"),
    "down.again": ("everything starts again; the client was not restarted",
                   "tudo inicia de novo; o cliente não foi reiniciado"),
    "down.world": ('client: hello("Hello") → {value}', 'client: hello("Hello") → {value}'),
    "down.honest": ("{error} says \"{meaning}\": {attempts} endpoints tried, none of them reached",
                    "{error} diz \"{meaning}\": {attempts} endpoints tentados, nenhum alcançado"),
    "down.soon": ("it came after {took_ms:.0f} ms; the call had {timeout_ms:.0f} ms",
                  "veio após {took_ms:.0f} ms; a chamada tinha {timeout_ms:.0f} ms"),
    "down.back": ('the same client got "{value}" again, {back_s:.2f} s after the new start',
                  'o mesmo cliente recebeu "{value}" de novo, {back_s:.2f} s após o novo início'),
    # ---- one role in a terminal of its own
    "role.next": ("next terminal", "próximo terminal"),
    "count.registry": ("♥ {beats} heartbeats, {per_s:.1f}/s · {up} up, {other} suspect or draining",
                       "♥ {beats} batimentos, {per_s:.1f}/s · {up} no ar, {other} suspeitos ou saindo"),
    "count.server": ("● {calls} calls, {repeats} answered from memory · ♥ {beats} heartbeats",
                     "● {calls} chamadas, {repeats} respondidas de memória · ♥ {beats} batimentos"),
    "count.proxy": ("● {calls} calls, {retries} tried again · servers: {live}",
                    "● {calls} chamadas, {retries} tentadas de novo · servidores: {live}"),
    "caller.hint": ("Saying Hello until Ctrl-C. Stop a server, or kill one, and watch who answers.",
                    "Dizendo Hello até Ctrl-C. Pare um servidor, ou mate um, e veja quem responde."),
    "caller.via": ("{by} via {endpoint}", "{by} via {endpoint}"),
    "caller.direct": ("{by}, no proxy", "{by}, sem proxy"),
    "caller.attempt": ("attempt {number}: {trace}", "tentativa {number}: {trace}"),
    "caller.sum": ("{calls} calls, {failed} failed", "{calls} chamadas, {failed} falharam"),
    # ---- the doctor
    "doctor.title": ("Is this computer ready for Ponte?", "Este computador está pronto para a Ponte?"),
    "doctor.ok": ("✓ OK  ", "✓ OK   "),
    "doctor.note": ("· NOTE", "· AVISO"),
    "doctor.bad": ("✗ BAD ", "✗ RUIM "),
    "doctor.healthy": ("Ready. Start with: python3 demo.py", "Pronto. Comece com: python3 demo.py"),
    "doctor.sick": ("{bad} to put right first.", "{bad} a corrigir antes."),
    "doctor.python": ("Python {version}, {path}", "Python {version}, {path}"),
    "doctor.process": ("a new Python process starts in {took_s:.2f} s",
                       "um novo processo Python inicia em {took_s:.2f} s"),
    "doctor.noprocess": ("no new process can be started: {error}. Is there a virus scanner or a policy against it?",
                         "nenhum processo novo inicia: {error}. Há um antivírus ou uma política que impeça?"),
    "doctor.loopback": ("{protocol} to this computer itself (127.0.0.1) arrives in {took_ms:.1f} ms",
                        "{protocol} para este mesmo computador (127.0.0.1) chega em {took_ms:.1f} ms"),
    "doctor.noloopback": (
        "{protocol} to 127.0.0.1 does not arrive: {error}. Allow Python in the firewall, for the loopback at least",
        "{protocol} para 127.0.0.1 não chega: {error}. Libere o Python no firewall, ao menos para o loopback"),
    "doctor.port": ("port {port} ({kinds}) is free for the {role}",
                    "a porta {port} ({kinds}) está livre para o {role}"),
    "doctor.ours": ("port {port}: a {role} of Ponte is running there already",
                    "porta {port}: um {role} da Ponte já está rodando ali"),
    "doctor.taken": ("port {port} ({kinds}): {reason}. Stop who has it, or: python3 demo.py {role} --port 0",
                     "porta {port} ({kinds}): {reason}. Pare quem a usa, ou: python3 demo.py {role} --port 0"),
    "doctor.taken.registry": (
        "port {port} ({kinds}): {reason}. Stop who has it, or: python3 demo.py {role} --port 0  and type the next "
        "command that it prints",
        "porta {port} ({kinds}): {reason}. Pare quem a usa, ou: python3 demo.py {role} --port 0  e digite o próximo "
        "comando que ele imprime"),
    "doctor.encoding": ("console encoding {encoding}: all symbols",
                        "codificação do console {encoding}: todos os símbolos"),
    "doctor.symbols": (
        "console encoding {encoding} lacks {missing} symbols, shown in ASCII. For all: set PYTHONIOENCODING=utf-8 "
        "(Windows: also chcp 65001)",
        "a codificação {encoding} não tem {missing} símbolos, mostrados em ASCII. Para todos: PYTHONIOENCODING=utf-8 "
        "(Windows: também chcp 65001)"),
    "doctor.columns.ok": ("the console has room for {columns} columns (we use {best} at most)",
                          "o console tem espaço para {columns} colunas (usamos {best} no máximo)"),
    "doctor.columns.note": ("only {columns} columns: lines will break. Widen the window, up to {best} columns",
                            "só {columns} colunas: as linhas vão quebrar. Alargue a janela, até {best} colunas"),
    "doctor.locale": ("the demo speaks “{language}” here; choose with --lang en or --lang pt",
                      "a demo fala “{language}” aqui; escolha com --lang en ou --lang pt"),
    "doctor.proxies": ("{names} is set. Ponte does not obey it; curl does: use curl --noproxy '*'",
                       "{names} está definido. A Ponte não obedece; o curl sim: use curl --noproxy '*'"),
    "doctor.noproxies": ("no HTTP proxy in the environment", "nenhum proxy HTTP no ambiente"),
    "doctor.freeze": ("processes can be frozen here (step 6)", "processos podem ser congelados aqui (passo 6)"),
    "doctor.nofreeze": ("no SIGSTOP on this system: step 6 of the demo is skipped",
                        "sem SIGSTOP neste sistema: o passo 6 da demo é pulado"),
    # ---- the command line
    "help.what": ("The guided demo of Ponte: eight steps, real processes, each step proved.",
                  "A demo guiada da Ponte: oito passos, processos de verdade, cada passo provado."),
    "help.auto": ("no key presses; the exit code is 1 if a proof fails",
                  "sem apertar teclas; o código de saída é 1 se uma prova falhar"),
    "help.lang": ("the language (default: that of the locale)", "o idioma (padrão: o do sistema)"),
    "help.place": ("instead of the demo, see below", "em vez da demo, veja abaixo"),
    "help.roles": (
        "one role in a terminal of its own (each says what to type in the next; --help tells its options):\n"
        "  demo.py registry               who is alive; port 4100\n"
        "  demo.py server [NAME] [FILE]   serves services/greeter.py; named server-1, server-2, ... by itself\n"
        "  demo.py proxy                  one address for all servers; port 4180\n"
        "  demo.py client                 says Hello until Ctrl-C\n"
        "  demo.py client greeter hello Hello --trace     one call; as client.py\n"
        "and\n"
        "  demo.py doctor                 is this computer ready?",
        "um papel em seu próprio terminal (cada um diz o que digitar no próximo; --help mostra as opções):\n"
        "  demo.py registry               quem está vivo; porta 4100\n"
        "  demo.py server [NAME] [FILE]   serve services/greeter.py; chama-se server-1, server-2, ... sozinho\n"
        "  demo.py proxy                  um endereço para todos os servidores; porta 4180\n"
        "  demo.py client                 diz Hello até Ctrl-C\n"
        "  demo.py client greeter hello Hello --trace     uma chamada; como client.py\n"
        "e\n"
        "  demo.py doctor                 este computador está pronto?"),
    "help.first": ("write it first: demo.py {place}", "escreva primeiro: demo.py {place}"),
    "help.guess": (" Did you mean {close}?", " Você quis dizer {close}?"),
    "help.unknown": ("there is no {place!r}.{guess} There are: {places}; or nothing, for the guided demo",
                     "não existe {place!r}.{guess} Existem: {places}; ou nada, para a demo guiada"),
}


class Words:
    """The sentences in one language."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._column = LANGUAGES.index(language)

    def __call__(self, key: str, **values: object) -> str:
        return TEXTS[key][self._column].format(**values)


def choose_language(environ: Mapping[str, str], system: str | None = None) -> str:
    """"pt" where the locale is Portuguese, else "en".

    As gettext reads it: the first of these variables that is set decides. Without any of them (Windows), `system`
    does: the locale's name, such as "Portuguese_Brazil".
    """
    for variable in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if environ.get(variable):
            return "pt" if environ[variable].lower().startswith("pt") else "en"
    return "pt" if (system or "").lower().startswith(("pt", "portuguese")) else "en"


def system_locale() -> str | None:
    """The name of the system's locale, where it has one that Python understands."""
    try:
        return locale.getlocale()[0]
    except ValueError:
        return None     # a name that Python cannot parse
