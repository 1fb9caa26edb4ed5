"""The sentences of the incidents, in English and in Portuguese.

Those of one incident begin with its letter. `symptom` is what somebody complains of: it names no
cause. `figure1` and `figure2` ask for a number; `story` is told when the answer is right, or after
the last try.
"""

from __future__ import annotations

from course.words import Texts

TEXTS: Texts = {
    # ---- the screen
    "no_incident": ("there is no incident {letter}: there are {letters}",
                    "não existe o incidente {letter}: existem {letters}"),
    "runs_already": ("an incident runs already, {letter}; end it in its terminal with Enter",
                     "já há um incidente rodando, {letter}; encerre-o no terminal dele com Enter"),
    "runs_not": ("incident {letter} does not run; start it in another terminal: {command}",
                 "o incidente {letter} não está rodando; inicie-o em outro terminal: {command}"),
    "nothing_runs": ("no incident runs; start one in another terminal: {command}",
                     "nenhum incidente está rodando; inicie um em outro terminal: {command}"),
    "verb": ("after the letter comes answer, hint or nothing",
             "depois da letra vem answer, hint ou nada"),
    "starts": ("Incident {letter}. The processes start ...",
               "Incidente {letter}. Os processos estão iniciando ..."),
    "not_started": ("a process did not start: {why}", "um processo não iniciou: {why}"),
    "no_port": ("log: {log}", "log: {log}"),
    "look": ("Where to look:", "Onde olhar:"),
    "look_tap": ("{command}   each message that passes by a process (all behind it: from the "
                 "start)",
                 "{command}   cada mensagem que passa por um processo (com all no fim: desde o "
                 "início)"),
    "look_status": ("{command}   what a process says of itself; /metrics, too",
                    "{command}   o que um processo diz de si mesmo; /metrics também"),
    "look_log": ("{file}   what a process prints", "{file}   o que um processo imprime"),
    "look_call": ("{command}   one call, and how it went",
                  "{command}   uma chamada, e como ela foi"),
    "look_page": ("{command}   the live page", "{command}   a página ao vivo"),
    "wait": ("All is well so far. Look around: within {within_s:.0f} s something goes wrong.",
             "Por enquanto está tudo bem. Olhe ao redor: em até {within_s:.0f} s algo dá errado."),
    "what_to_type": ("Type answer, hint or ports, and Enter. Enter alone ends the incident.",
                     "Digite answer (resposta), hint (dica) ou ports (portas), e Enter. Enter "
                     "sozinho encerra o incidente."),
    "too_early": ("Nothing is wrong yet: wait for the complaint.",
                  "Ainda não há nada errado: espere a reclamação."),
    "hint_line": ("Hint {number} of {count}, which costs {points} points: {text}",
                  "Dica {number} de {count}, que custa {points} pontos: {text}"),
    "no_hint": ("There are no more hints.", "Não há mais dicas."),
    "ended": ("The incident has ended; all of its processes, too.",
              "O incidente terminou, e todos os processos dele também."),
    # ---- the answer
    "ask.who": ("Who is the cause?", "Quem é a causa?"),
    "ask.kind": ("Which kind of trouble?", "Que tipo de problema?"),
    "ask.command": ("Which command proves it? NAME is the process that you have named.",
                    "Qual comando prova isso? NOME é o processo que você apontou."),
    "ask.remedy": ("What helps?", "O que resolve?"),
    "choose": ("a number from 1 to {count}: ", "um número de 1 a {count}: "),
    "number": ("a number: ", "um número: "),
    "measuring": ("Your answer is compared with the running processes ...",
                  "A sua resposta está sendo comparada com os processos em execução ..."),
    "not_readable": ("a process does not answer: {why}", "um processo não responde: {why}"),
    "part": ("  {mark} {part}", "  {mark} {part}"),
    "part.who": ("who: {given}", "quem: {given}"),
    "part.kind": ("kind: {given}", "tipo: {given}"),
    "part.figure1": ("first figure: {given:g}", "primeiro número: {given:g}"),
    "part.figure2": ("second figure: {given:g}", "segundo número: {given:g}"),
    "part.command": ("command: {given}", "comando: {given}"),
    "part.remedy": ("remedy: {given}", "solução: {given}"),
    "points": ("{points} of 100 points. Hints: {hints}. Try {attempt} of {most}.",
               "{points} de 100 pontos. Dicas: {hints}. Tentativa {attempt} de {most}."),
    "again": ("Look again, and type answer once more: it costs {points} points.",
              "Olhe de novo e digite answer mais uma vez: isso custa {points} pontos."),
    "was": ("It was {who}.", "Foi {who}."),
    "practice": ("You were told before what kind of trouble this is: practice, without points.",
                 "Você já soube antes que tipo de problema é este: é treino, sem pontos."),
    # ---- the tap
    "tap_names": ("there is no tap of {name}: there are {names}",
                  "não há escuta de {name}: existem {names}"),
    "tap_which": ("say of whom: {names}", "diga de quem: {names}"),
    "tap_since": ("after the name comes {all} or nothing", "depois do nome vem {all} ou nada"),
    "tap_follows": ("Each message that passes by {name}: → comes, ← leaves. Ctrl-C ends it.",
                    "Cada mensagem que passa por {name}: → chega, ← sai. Ctrl-C encerra."),
    "tap_over": ("The incident has ended.", "O incidente terminou."),
    # ---- the kinds
    "kind.wrong_key": ("a process signs with the wrong key",
                       "um processo assina com a chave errada"),
    "kind.answers_lost": ("messages arrive one way, and the answers are lost",
                          "as mensagens chegam num sentido, e as respostas se perdem"),
    "kind.no_call_ids": ("a client does not mark its calls, so that a repeat cannot be told from "
                         "a new one",
                         "um cliente não identifica as chamadas, e não dá para distinguir uma "
                         "repetição de uma chamada nova"),
    "kind.stale_view": ("a process goes on with an old list of servers",
                        "um processo continua com uma lista antiga de servidores"),
    "kind.slow": ("a process is slow, and otherwise in good health",
                  "um processo está lento e, de resto, saudável"),
    "kind.crashed": ("a process has died", "um processo morreu"),
    "kind.frozen": ("a process is frozen: it is there, and does nothing",
                    "um processo está congelado: está lá, mas não faz nada"),
    "kind.same_name": ("two processes have the same name", "dois processos têm o mesmo nome"),
    # ---- the commands
    "command.tap_registry": ("{python} -m course tap registry",
                             "{python} -m course tap registry"),
    "command.tap_name": ("{python} -m course tap NAME", "{python} -m course tap NOME"),
    "command.tap_called": ("{python} -m course tap {called} all   (the server that is called)",
                           "{python} -m course tap {called} all   (o servidor que é chamado)"),
    "command.status_registry": ("curl -s {registry}/status   twice: which counts of datagrams "
                                "grow?",
                                "curl -s {registry}/status   duas vezes: quais contagens de "
                                "datagramas crescem?"),
    "command.status_name": ("curl -s http://ADDRESS-OF-NAME/status",
                            "curl -s http://ENDEREÇO-DE-NOME/status"),
    "command.log_name": ("the log of NAME", "o log de NOME"),
    "command.trace": ("{python} client.py {example} --registry {where} --trace --repeat 50 "
                      "--every 0.1",
                      "{python} client.py {example} --registry {where} --trace --repeat 50 "
                      "--every 0.1"),
    # ---- A: a server with the wrong key
    "a.symptom": ("One of the three servers gets no more calls. Its process runs, and its log says "
                  "that no registry answers. The other two are well.",
                  "Um dos três servidores não recebe mais chamadas. O processo dele está "
                  "rodando, e "
                  "o log dele diz que nenhum registry responde. Os outros dois estão bem."),
    "a.figure1": ("How many datagrams a second does the registry drop now, because of one reason?",
                  "Quantos datagramas por segundo o registry descarta agora, por um mesmo motivo?"),
    "a.figure2": ("How many of its beats were acked since that server was started (beats_acked)?",
                  "Quantos batimentos desse servidor foram confirmados desde que ele iniciou "
                  "(beats_acked)?"),
    "a.remedy.1": ("restart the registry, so that it has a new epoch",
                   "reiniciar o registry, para que ele tenha uma nova época"),
    "a.remedy.2": ("give the server the key that all others have, and restart it",
                   "dar ao servidor a chave que todos os outros têm e reiniciá-lo"),
    "a.remedy.3": ("repair the network on the way back from the registry to the server",
                   "consertar a rede no caminho de volta, do registry para o servidor"),
    "a.remedy.4": ("give the server a longer lease", "dar ao servidor um lease mais longo"),
    "a.hint.1": ("The server says: no registry answers. What does the registry say: does it hear "
                 "the server?",
                 "O servidor diz: nenhum registry responde. E o registry, o que diz: ele ouve o "
                 "servidor?"),
    "a.hint.2": ("Read /status of the registry twice, and compare \"datagrams\". Which count grows "
                 "that is not \"ack\"?",
                 "Leia duas vezes o /status do registry e compare \"datagrams\". Qual contagem "
                 "cresce, além de \"ack\"?"),
    "a.hint.3": ("`tap registry` shows the beats of that server come in. Does anything leave for "
                 "it? Of what kind of datagram says a registry nothing at all, to anybody?",
                 "`tap registry` mostra os batimentos desse servidor chegando. Sai algo para ele? "
                 "A que tipo de datagrama um registry não responde nada, a ninguém?"),
    "a.story": ("{who} was restarted with the key of last year. The registry drops each of its "
                "beats (\"signature\", some 10 a second) and answers none, so {who} is never "
                "listed, and none of its beats is acked. Its log line is the same as where no "
                "registry runs: it cannot tell these apart. The registry can.",
                "{who} foi reiniciado com a chave do ano passado. O registry descarta cada um dos "
                "batimentos dele (\"signature\", uns 10 por segundo) e não responde a nenhum; por "
                "isso {who} nunca aparece na lista, e nenhum batimento dele é confirmado. A linha "
                "no log é a mesma de quando nenhum registry está rodando: ele não sabe a "
                "diferença. O registry sabe."),
    # ---- B: answers are lost, and the registry restarts
    "b.symptom": ("One of the three servers gets no more calls. Its process runs, and its log says "
                  "that no registry answers. The other two are well. The registry was restarted a "
                  "moment ago.",
                  "Um dos três servidores não recebe mais chamadas. O processo dele está "
                  "rodando, e "
                  "o log dele diz que nenhum registry responde. Os outros dois estão bem. O "
                  "registry foi reiniciado há pouco."),
    "b.figure1": ("How many answers a second that are no \"ack\" does the registry send now?",
                  "Quantas respostas por segundo que não são \"ack\" o registry envia agora?"),
    "b.figure2": ("How many of its beats were acked since that server was started (beats_acked)?",
                  "Quantos batimentos desse servidor foram confirmados desde que ele iniciou "
                  "(beats_acked)?"),
    "b.remedy.1": ("give the server the key that all others have, and restart it",
                   "dar ao servidor a chave que todos os outros têm e reiniciá-lo"),
    "b.remedy.2": ("restart the registry once more", "reiniciar o registry mais uma vez"),
    "b.remedy.3": ("repair the way back: let datagrams from the registry reach the server",
                   "consertar o caminho de volta: deixar os datagramas do registry chegarem ao "
                   "servidor"),
    "b.remedy.4": ("let the server send beats more often",
                   "fazer o servidor enviar batimentos com mais frequência"),
    "b.hint.1": ("The server says: no registry answers. What does the registry say: does it hear "
                 "the server, and does it answer?",
                 "O servidor diz: nenhum registry responde. E o registry, o que diz: ele ouve o "
                 "servidor, e responde?"),
    "b.hint.2": ("Compare `tap registry` with `tap` of that server: which messages are in one, and "
                 "not in the other?",
                 "Compare `tap registry` com `tap` desse servidor: quais mensagens estão em um e "
                 "não estão no outro?"),
    "b.hint.3": ("Each beat carries an epoch, that of one run of the registry. Compare the epoch "
                 "of "
                 "that server's beats with those of the others. How would it learn the new one?",
                 "Cada batimento traz uma época, a de uma execução do registry. Compare a época "
                 "dos "
                 "batimentos desse servidor com a dos outros. Como ele saberia da nova?"),
    "b.story": ("The answers of the registry to {who} were lost for a while, and nobody noticed: "
                "its beats arrived, and it stayed listed. Then the registry restarted, with a new "
                "epoch. It says so in each answer (\"epoch\", some 10 a second), and {who} never "
                "hears it: its beats carry the old epoch, and its beats_acked stands still. The "
                "log line is the same as with a wrong key.",
                "As respostas do registry a {who} já se perdiam havia algum tempo, e ninguém "
                "percebeu: os batimentos dele chegavam, e ele continuava na lista. Então o "
                "registry "
                "reiniciou, com uma nova época. Ele diz isso em cada resposta (\"epoch\", umas 10 "
                "por segundo), e {who} nunca ouve: os batimentos dele trazem a época antiga, e o "
                "beats_acked dele parou. A linha no log é a mesma de uma chave errada."),
    # ---- C: lost replies, and a client without call ids
    "c.symptom": ("Each of three tills, ana, bia and caio, has made {count} deposits of {cents} "
                  "cents, on the account of its own name. Their logs show no error. But "
                  "one account has too much money. (Some replies are lost on this network. That "
                  "is known, and hits all tills alike.)",
                  "Cada um de três caixas, ana, bia e caio, fez {count} depósitos de {cents} "
                  "centavos, na conta do seu próprio nome. Os logs não mostram nenhum erro. Mas "
                  "uma conta tem dinheiro demais. (Algumas respostas se perdem nesta rede. Isso é "
                  "sabido e atinge todos os caixas igualmente.)"),
    "c.figure1": ("By how many cents has that account too much?",
                  "Quantos centavos essa conta tem a mais?"),
    "c.figure2": ("How many repeats has the server known as such, and answered from memory "
                  "(\"repeats\")?",
                  "Quantas repetições o servidor reconheceu e respondeu da memória (\"repeats\")?"),
    "c.remedy.1": ("let the server drop a deposit that equals the one before",
                   "fazer o servidor descartar um depósito igual ao anterior"),
    "c.remedy.2": ("give that till a longer timeout", "dar a esse caixa um tempo limite mais "
                                                      "longo"),
    "c.remedy.3": ("mark deposit as idempotent", "marcar deposit como idempotente"),
    "c.remedy.4": ("let that till mark each call, and repeat it with the same mark",
                   "fazer esse caixa identificar cada chamada e repeti-la com a mesma "
                   "identificação"),
    "c.hint.1": ("Which account is it? Ask the bank for all three balances. How much should there "
                 "be?",
                 "Qual é a conta? Pergunte ao banco os três saldos. Quanto deveria haver?"),
    "c.hint.2": ("A reply that is lost leads to the same request once more. How does the server "
                 "know that it is the same one?",
                 "Uma resposta perdida leva ao mesmo pedido mais uma vez. Como o servidor sabe que "
                 "é o mesmo?"),
    "c.hint.3": ("`tap bank-1 all` shows each deposit, and behind it how it is marked. Compare the "
                 "three tills.",
                 "`tap bank-1 all` mostra cada depósito e, no fim da linha, como ele é "
                 "identificado. "
                 "Compare os três caixas."),
    "c.story": ("{who} is a program that knows nothing of Ponte: the xmlrpc.client of Python's own "
                "library. When its connection breaks before the reply, it sends the request once "
                "more, by itself and without saying so. Its requests have no call id, so the "
                "server "
                "runs a repeat as a new deposit. The other two tills lost replies just as often: "
                "the server knew their repeats, and answered from memory.",
                "{who} é um programa que não sabe nada da Ponte: o xmlrpc.client da própria "
                "biblioteca do Python. Quando a conexão cai antes da resposta, ele envia o pedido "
                "mais uma vez, por conta própria e sem avisar. Os pedidos dele não têm "
                "identificação de chamada; por isso o servidor executa uma repetição como um "
                "depósito novo. Os outros dois caixas perderam respostas com a mesma frequência: o "
                "servidor reconheceu as repetições deles e respondeu da memória."),
    # ---- D: a proxy that follows a dead registry
    "d.symptom": ("The servers were replaced by new ones, one of the two registries is down, and "
                  "since then one of the two shops gets an error for each of its calls. Each shop "
                  "calls through a proxy of its own.",
                  "Os servidores foram trocados por novos, um dos dois registries caiu e, desde "
                  "então, uma das duas lojas recebe um erro em cada chamada. Cada loja chama por "
                  "um "
                  "proxy próprio."),
    "d.figure1": ("How many servers does the cause believe to be up (\"state\" in its /status)?",
                  "Quantos servidores a causa acredita que estão no ar (\"state\" no /status "
                  "dela)?"),
    "d.figure2": ("Of 20 calls through it, how many fail? {python} -m course.incidents.caller me "
                  "greeter hello Hello --at ADDRESS --every 0.05 --count 20",
                  "De 20 chamadas por ela, quantas falham? {python} -m course.incidents.caller eu "
                  "greeter hello Hello --at ENDEREÇO --every 0.05 --count 20"),
    "d.remedy.1": ("restart it with both registries: --registry HOST:PORT,HOST:PORT",
                   "reiniciá-la com os dois registries: --registry HOST:PORTA,HOST:PORTA"),
    "d.remedy.2": ("give the new servers the ports of the old ones",
                   "dar aos servidores novos as portas dos antigos"),
    "d.remedy.3": ("let the callers try each call more often",
                   "fazer os chamadores tentarem cada chamada mais vezes"),
    "d.remedy.4": ("let it forget all servers as soon as a registry is silent",
                   "fazê-la esquecer todos os servidores assim que um registry silencia"),
    "d.hint.1": ("Which shop has errors, and through which process does it call? Read the logs of "
                 "the two.",
                 "Qual loja tem erros, e por qual processo ela chama? Leia os logs das duas."),
    "d.hint.2": ("Compare \"services\" in /status of the two proxies: whom does each of them know?",
                 "Compare \"services\" no /status dos dois proxies: quem cada um conhece?"),
    "d.hint.3": ("`tap` of each proxy shows which registries it asks. How many does each follow, "
                 "and which of these live?",
                 "`tap` de cada proxy mostra quais registries ele consulta. Quantos cada um "
                 "segue, e "
                 "quais deles estão vivos?"),
    "d.story": ("{who} follows one registry alone, and that one is dead. It goes on with the list "
                "that it has: {count} servers, all \"up\", all in quarantine since each call to "
                "them fails. So it answers 503 (not executed) to every call. The other proxy "
                "follows both registries, and learned of the new servers from the one that lives.",
                "{who} segue um registry só, e esse está morto. Ele continua com a lista que tem: "
                "{count} servidores, todos \"up\", todos em quarentena, porque cada chamada a eles "
                "falha. Por isso ele responde 503 (não executada) a toda chamada. O outro proxy "
                "segue os dois registries e soube dos servidores novos pelo que está vivo."),
    # ---- E: a slow server
    "e.symptom": ("Some customers say that the shop is slow, most of them not. There is no "
                  "failure. "
                  "All servers are \"up\", and no log has a line about it.",
                  "Alguns clientes dizem que a loja está lenta; a maioria, não. Não há nenhuma "
                  "falha. Todos os servidores estão \"up\", e nenhum log tem uma linha sobre "
                  "isso."),
    "e.figure1": ("How many milliseconds does a slow call take?",
                  "Quantos milissegundos demora uma chamada lenta?"),
    "e.figure2": ("Of 100 calls through the proxy, how many does the cause get now? (Read "
                  "\"calls_total\" in /status of proxy-1 twice; a fair share is 33.)",
                  "De 100 chamadas pelo proxy, quantas a causa recebe agora? (Leia \"calls_total\" "
                  "no /status de proxy-1 duas vezes; a parte justa é 33.)"),
    "e.remedy.1": ("another policy of the proxy: round_robin",
                   "outra política do proxy: round_robin"),
    "e.remedy.2": ("a longer timeout for the customers", "um tempo limite mais longo para os "
                   "clientes"),
    "e.remedy.3": ("take it out (drain it), find out why, and watch the times of each server from "
                   "now on",
                   "tirá-lo de serviço (drenar), descobrir o motivo e, daqui em diante, vigiar os "
                   "tempos de cada servidor"),
    "e.remedy.4": ("a shorter lease, so that it is taken for dead",
                   "um lease mais curto, para que ele seja dado como morto"),
    "e.hint.1": ("A mean over all calls hides it. The log of customers has the median and p99: "
                 "what "
                 "do they say together?",
                 "Uma média de todas as chamadas esconde isso. O log de customers traz a mediana e "
                 "o p99: o que eles dizem juntos?"),
    "e.hint.2": ("Who measures times by server, and not over all of them?",
                 "Quem mede os tempos por servidor, e não os de todos juntos?"),
    "e.hint.3": ("Each server has \"durations\" in its /status; and `tap` of a server shows how "
                 "long "
                 "each reply took.",
                 "Cada servidor tem \"durations\" no /status; e `tap` de um servidor mostra quanto "
                 "demorou cada resposta."),
    "e.story": ("{who} needs {slow_ms:.0f} ms for each call, and does everything else right: it "
                "beats, it answers, nothing fails. No lease and no quarantine notices that. "
                "least_calls sends it fewer calls, since each stays there longer: that keeps the "
                "median low, and p99 as high as before.",
                "{who} precisa de {slow_ms:.0f} ms para cada chamada e faz todo o resto certo: "
                "envia batimentos, responde, nada falha. Nenhum lease e nenhuma quarentena "
                "percebe isso. least_calls manda menos chamadas para ele, porque cada uma demora "
                "mais ali: isso mantém a mediana baixa, e o p99 tão alto quanto antes."),
}
