"""The Portuguese sentences of the attack; portuguese.py takes them in."""

from __future__ import annotations

ATTACK: dict[str, str] = {
    # ---- command.py
    "  demo.py attack                 a second guided story: steal calls, and stop the thief":
        "  demo.py attack                 outra história guiada: roubar chamadas e deter o ladrão",
    "{place} begins at its step 1: --from is for the demo":
        "{place} começa no passo 1: --from é para a demonstração",

    # ---- stage.py
    "registry: {name} has another address now: {address}":
        "registry: {name} agora tem outro endereço: {address}",

    # ---- attack.py: around the steps
    "PONTE: an attack, and a defence": "PONTE: um ataque e uma defesa",
    "Six steps, on this computer alone: a thief, real processes, real beats.":
        "Seis passos, só neste computador: um ladrão, processos e batimentos de verdade.",
    "client ───► server-1       thief\n"
    "   │           │ ♥          │ ♥ forged\n"
    "   └─ who? ─► registry ◄────┘":
        "client ───► server-1       ladrão\n"
        "   │           │ ♥          │ ♥ falso\n"
        "   └─ quem? ► registry ◄────┘",
    "Your turn: the attack lab in docs/security.md has every command, and the thief to type.":
        "Sua vez: docs/security.md (em inglês) traz cada comando, e o programa do ladrão.",
    # ---- 1 a forged beat
    "FORGE A BEAT": "FALSIFICAR UM BATIMENTO",
    "WITHOUT A KEY, ANY PROGRAM CAN BE A SERVER":
        "SEM CHAVE, QUALQUER PROGRAMA PODE SER UM SERVIDOR",
    "A stranger sends a beat in the name of {name}, and there is no key. Who is believed?":
        "Sem chave: um estranho envia um batimento como {name}. Em quem o registry acredita?",
    "the thief has a trap at {address}, and sends UDP datagrams. Its beat:":
        "o ladrão tem uma armadilha em {address} e envia datagramas UDP. Seu batimento:",
    "the registry answered the thief: {answers}":
        "tipos das respostas do registry ao ladrão: {answers}",
    "{name} was told that a younger process has its name, and has ended itself":
        "{name} soube que um processo mais novo tem seu nome, e se encerrou",
    "before: lookup named {address}, where {name} listened":
        "antes: o lookup indicava {address}, onde {name} escutava",
    "now: lookup names {address}, the trap of the thief":
        "agora: o lookup indica {address}, a armadilha do ladrão",
    "the true {name} is still running: {runs}": "o verdadeiro {name} ainda está rodando: {runs}",
    "yes": "sim",
    "no": "não",
    # ---- 2 a stolen call
    "STEAL A CALL": "ROUBAR UMA CHAMADA",
    "A STOLEN CALL → NO ERROR ANYWHERE": "UMA CHAMADA ROUBADA → NENHUM ERRO",
    "A client sends its {text} to greeter.hello. What does it see, and who else sees it?":
        "Um cliente envia a sua {text} a greeter.hello. O que ele vê, e quem mais vê?",
    "password": "senha",
    "I have your": "Tenho a sua",
    "the thief took {call}": "o ladrão pegou {call}",
    "calls that the thief got: {calls}": "chamadas que o ladrão recebeu: {calls}",
    'the client printed what the thief wished, "{value}"; exit code {code}: no error':
        'o cliente imprimiu o que o ladrão quis, "{value}"; código de saída {code}: sem erro',

    # ---- attack_scene.py
    "{error} - or start this story again: it takes other ports":
        "{error} - ou inicie esta história de novo: ela usa outras portas",

    # ---- attack_key.py: 3 the key
    "TURN THE KEY": "ATIVAR A CHAVE",
    "THE KEY → THE TRUE SERVER IS BACK": "A CHAVE → O SERVIDOR VERDADEIRO VOLTA",
    "A secret key is to sign every beat. Which processes need a copy of its file?":
        "Uma chave vai assinar cada batimento. Quais processos precisam de uma cópia do arquivo?",
    "every machine that takes part needs a copy of this file; nobody else may have one":
        "cada máquina participante precisa de uma cópia deste arquivo; mais ninguém pode tê-la",
    "client.py sends no beats: it takes --key-file too, and needs none. The thief has none":
        "client.py não envia batimentos: aceita --key-file sem precisar. O ladrão não tem chave",
    "the key has {count} random bytes": "a chave tem {count} bytes aleatórios",
    "its file has the mode {mode:o}: only its owner may open it":
        "o arquivo tem o modo {mode:o}: só o dono pode abri-lo",
    "lookup names {address}, where the true {name} listens":
        "o lookup indica {address}, onde o verdadeiro {name} escuta",
    # ---- 4 the forged beats, with a key
    "THE SAME BEATS AGAIN": "OS MESMOS BATIMENTOS, DE NOVO",
    "NO SIGNATURE → NO ANSWER, AND COUNTED": "SEM ASSINATURA → SEM RESPOSTA, E CONTADO",
    "The thief has never stopped. What does it hear now, and who gets the next call?":
        "O ladrão nunca parou. O que ele ouve agora, e quem recebe a próxima chamada?",
    "the registry has dropped {count} beats of the thief for their signature":
        "o registry descartou {count} batimentos do ladrão, por causa da assinatura",
    "forged beats refused and counted: {count}; beats of {name} acknowledged: {acked}":
        "batimentos falsos recusados e contados: {count}; de {name}, confirmados: {acked}",
    "answers that the thief got in this step: {answers}":
        "respostas que o ladrão recebeu neste passo: {answers}",
    "none": "nenhuma",
    'the client got "{value}"; lookup names {address}, the true {name}':
        'o cliente recebeu "{value}"; o lookup indica {address}, o verdadeiro {name}',
    "calls that the thief took in this step: {count}":
        "chamadas que o ladrão pegou neste passo: {count}",
    # ---- 5 a recording
    "A RECORDED BEAT": "UM BATIMENTO GRAVADO",
    "A RECORDED BEAT → TOO OLD": "UM BATIMENTO GRAVADO → VELHO DEMAIS",
    "The thief records a signed beat of {name}, which then dies. Is it of use?":
        "O ladrão grava um batimento assinado de {name}, que depois morre. Consegue usá-lo?",
    "recorded: {count} bytes, with the right signature; then kill -9 {name}":
        "gravado: {count} bytes, com a assinatura certa; depois, kill -9 {name}",
    "sent again {sent} times: the registry knows the number of this beat":
        "enviado de novo {sent} vezes: o registry já conhece o número deste batimento",
    "the registry starts again: it remembers no number, but has a new epoch":
        "o registry reinicia: não se lembra de números, mas tem uma nova época (epoch)",
    "recorded beats dropped as old: {count} of {sent}; answers: {answers}":
        "batimentos gravados descartados por serem antigos: {count} de {sent}; "
        "respostas: {answers}",
    "after the restart, of an old epoch: {count} of {sent}; {name} is in lookup: {listed}":
        "após o reinício, de uma época antiga: {count} de {sent}; {name} está no lookup: {listed}",
    # ---- 6 what the key does not do
    "WITHOUT A BEAT": "SEM NENHUM BATIMENTO",
    "THE KEY SIGNS BEATS, AND PROTECTS NO CALL": "A CHAVE ASSINA BATIMENTOS E NÃO PROTEGE CHAMADAS",
    "The thief forges nothing now. It reads the network, and calls a port. What can it do?":
        "O ladrão não falsifica mais: lê a rede e chama uma porta. O que ele ainda consegue?",
    "the thief stood between client and bank, and read: {text}":
        "o ladrão ficou entre o cliente e o banco, e leu: {text}",
    "the thief called the port of the bank by itself: deposit → {balance}":
        "o próprio ladrão chamou a porta do banco: deposit → {balance}",
    "the key signs beats, and nothing else. TLS closes both ways: docs/security.md":
        "a chave assina batimentos, e nada mais. TLS fecha os dois caminhos: docs/security.md",
    "words of the call that were read on its way: {count} of {sent}":
        "palavras da chamada lidas no caminho: {count} de {sent}",
    "the call of the thief was executed: its balance is {balance}":
        "a chamada do ladrão foi executada: seu saldo é {balance}",
}
