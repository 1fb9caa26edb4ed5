"""The Portuguese sentences of the swap; portuguese.py takes them in."""

from __future__ import annotations

SWAP: dict[str, str] = {
    # ---- command.py
    "  demo.py swap                   a third: each part replaced by its industrial peer":
        "  demo.py swap                   uma terceira: cada parte trocada pelo par da indústria",

    # ---- swap_scene.py
    "{program} is missing:  {command}": "falta {program}:  {command}",

    # ---- swap.py: around the steps
    "PONTE: each part swapped for its industrial peer":
        "PONTE: cada parte trocada pelo seu par da indústria",
    "Seven steps with real programs, as far as this computer has them.":
        "Sete passos com programas de verdade, os que este computador tiver.",
    "client ───►  proxy  ───►  server\n"
    "gRPC        HAProxy       Perl\n"
    "             nginx\n"
    "   └─ who? ─► registry ◄──┘\n"
    "             DNS  bind  Consul":
        "client ───►  proxy  ───►  server\n"
        "gRPC        HAProxy       Perl\n"
        "             nginx\n"
        "   └─ quem? ► registry ◄──┘\n"
        "             DNS  bind  Consul",
    "Your turn: docs/interop.md has every command, and a table of what each swap loses.":
        "Sua vez: docs/interop.pt-BR.md traz cada comando, e uma tabela do que se perde.",
    # ---- 1 DNS
    "ASK BY DNS": "PERGUNTAR POR DNS",
    "DNS FINDS IT → ONLY WHO LIVES": "O DNS ENCONTRA → SÓ QUEM VIVE",
    "A program knows DNS, and nothing of Ponte. A server dies. What does it hear?":
        "Um programa conhece DNS, e nada da Ponte. Um servidor morre. O que ele ouve?",
    "dig was told exactly the ports that live: {ports}":
        "o dig ouviu exatamente as portas vivas: {ports}",
    "Hello → {value}, where DNS has led": "Hello → {value}, aonde o DNS levou",
    "kill -9 {name}": "kill -9 {name}",
    "{name} is out of DNS, {gone_s:.1f} s after kill -9":
        "{name} saiu do DNS {gone_s:.1f} s após o kill -9",
    # ---- 2, 3 relays
    "HAPROXY IN OUR PROXY'S PLACE": "O HAPROXY NO LUGAR DO NOSSO PROXY",
    "HAPROXY RELAYS IT → NO CALL TO THE DEAD": "O HAPROXY REPASSA → NENHUMA CHAMADA AOS MORTOS",
    "HAProxy is never told by its configuration who lives. Who answers through it?":
        "A configuração do HAProxy nunca diz quem vive. Quem responde através dele?",
    "NGINX IN OUR PROXY'S PLACE": "O NGINX NO LUGAR DO NOSSO PROXY",
    "NGINX RELAYS IT → A NEW FILE AT EACH CHANGE":
        "O NGINX REPASSA → UM ARQUIVO NOVO A CADA MUDANÇA",
    "nginx reads a file and cannot be told. How does it learn who lives?":
        "O nginx lê um arquivo e não ouve avisos. Como ele fica sabendo quem vive?",
    "through {program} these answered: {names}": "através do {program} responderam: {names}",
    "Hello → {value}, through {program}": "Hello → {value}, através do {program}",
    "{gone_s:.1f} s after kill -9 every call goes to the other one":
        "{gone_s:.1f} s após o kill -9, toda chamada vai para o outro",
    "the file of servers names {name} no more": "o arquivo de servidores não cita mais {name}",
    # ---- 4 Consul
    "CONSUL IN OUR REGISTRY'S PLACE": "O CONSUL NO LUGAR DO NOSSO REGISTRY",
    "CONSUL KNOWS IT → LEASES THERE, TOO": "O CONSUL SABE → LEASES TAMBÉM LÁ",
    "No registry of ours is asked. A server dies without a word. Does Consul find out?":
        "Nenhum registry nosso é usado. Um servidor morre calado. O Consul descobre?",
    "Consul's list of who is well: {names}": "a lista do Consul de quem está bem: {names}",
    "Hello → {value}, found by Consul alone": "Hello → {value}, encontrado só pelo Consul",
    "{name} is off Consul's list, {gone_s:.1f} s after kill -9":
        "{name} saiu da lista do Consul {gone_s:.1f} s após o kill -9",
    # ---- 5 bind
    "TELL THE DNS SERVER OF THE HOUSE": "CONTAR AO SERVIDOR DE DNS DA CASA",
    "BIND KNOWS IT → BY SIGNED UPDATES": "O BIND SABE → POR ATUALIZAÇÕES ASSINADAS",
    "bind knows no leases. Who takes a dead server out of its zone?":
        "O bind não conhece leases. Quem tira um servidor morto da zona dele?",
    "bind's zone holds exactly who lives: {ports}":
        "a zona do bind tem exatamente quem vive: {ports}",
    "Hello → {value}, where bind has led": "Hello → {value}, aonde o bind levou",
    "{name} is out of bind's zone, {gone_s:.1f} s after kill -9":
        "{name} saiu da zona do bind {gone_s:.1f} s após o kill -9",
    # ---- 6 gRPC
    "TWO PROTOCOLS, ONE PORT": "DOIS PROTOCOLOS, UMA PORTA",
    "GRPC CALLS IT → THE SERVER TELLS ITS TYPES": "O GRPC CHAMA → O SERVIDOR CONTA SEUS TIPOS",
    "grpcurl has never heard of the greeter. How does it know what hello takes?":
        "O grpcurl nunca ouviu falar do greeter. Como ele sabe o que hello recebe?",
    "grpcurl: Hello → {value}": "grpcurl: Hello → {value}",
    "Python's own client, at the same port: Hello → {value}":
        "o cliente do próprio Python, na mesma porta: Hello → {value}",
    "our client of gRPC: {line}": "o nosso cliente de gRPC: {line}",
    # ---- 7 Perl
    "A SERVER IN PERL": "UM SERVIDOR EM PERL",
    "PERL ANSWERS IT → A SIDECAR BEATS": "O PERL RESPONDE → UM SIDECAR ENVIA OS BATIMENTOS",
    "A server in Perl knows nothing of heartbeats. It dies. Who tells the registry?":
        "Um servidor em Perl não sabe enviar batimentos. Ele morre. Quem conta ao registry?",
    "this copy of Ponte has no tests/: the server is there":
        "esta cópia da Ponte não tem tests/: o servidor está lá",
    "Hello → {value}": "Hello → {value}",
    "the server in Perl has ended, and cannot say so":
        "o servidor em Perl se encerrou, e não pode dizer isso",
    "its sidecar has noticed: out of lookup after {gone_s:.1f} s":
        "o sidecar percebeu: fora do lookup depois de {gone_s:.1f} s",
}
