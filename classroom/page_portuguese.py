"""The Portuguese sentences of the live page's programs; portuguese.py takes them in.

Those that the page itself shows stand in dashboard/web/words-pt.js.
"""

from __future__ import annotations

PAGE: dict[str, str] = {
    # ---- classroom/command.py
    "  demo.py page                   all of it live on a page of the browser, with faults at a "
    "click\n"
    "  demo.py join CODE              this computer takes part in a page that shows a CODE":
        "  demo.py page                   tudo ao vivo numa página do navegador, com falhas a um "
        "clique\n"
        "  demo.py join CODE              este computador participa de uma página que mostra um "
        "CODE",

    # ---- dashboard/command.py
    "All of Ponte live on a page of the browser: a registry, three servers, a proxy and a client, "
    "with faults at a click.":
        "Toda a Ponte ao vivo numa página do navegador: um registry, três servidores, um proxy e "
        "um cliente, com falhas a um clique.",
    "the port of the page (default: any free one)":
        "a porta da página (padrão: qualquer uma livre)",
    "print the address, and open nothing": "mostra o endereço e não abre nada",
    "the steps of the demo on the page: question, votes, fault, proof":
        "os passos da demonstração na página: pergunta, votos, falha, prova",
    "the class joins in by phone and laptop; HOST is that of this machine in their network":
        "a turma participa com celulares e notebooks; HOST é o endereço desta máquina na rede "
        "da turma",
    "write all events into a new file": "grava todos os eventos num arquivo novo",
    "show what is in such a file, and start nothing":
        "mostra o que há num arquivo desses e não inicia nada",
    "start nothing, and watch the processes of the registry that runs there":
        "não inicia nada: observa os processos do registry que roda nesse endereço",
    "also stop when standard input ends": "termina também quando a entrada padrão termina",
    "it is too long": "é longo demais",
    "it is a saved page: open it in a browser": "é uma página salva: abra num navegador",
    "it is no recording of this page": "não é uma gravação desta página",
    "another version of Ponte has recorded it": "foi gravado por outra versão da Ponte",
    "there is no event in it": "não há nenhum evento nele",
    "its line {line} is no event, or events before it are missing":
        "a linha {line} não é um evento, ou faltam eventos antes dela",
    "--attach {given}: name the registry as HOST:PORT, such as 127.0.0.1:4100":
        "--attach {given}: informe o registry como HOST:PORTA, por exemplo 127.0.0.1:4100",
    "--replay starts nothing: leave out --{other}":
        "--replay não inicia nada: tire --{other}",
    "--attach {address}: it is not on this machine. A process tells only a page on its own "
    "machine: open the page there":
        "--attach {address}: não está nesta máquina. Um processo só conta a uma página da própria "
        "máquina: abra a página lá",
    "--attach starts nothing: leave out --story and --class":
        "--attach não inicia nada: tire --story e --class",
    "--{option}: name a file": "--{option}: falta o nome de um arquivo",
    "--record {file}: it exists, and would be written over: choose another name":
        "--record {file}: o arquivo já existe e seria sobrescrito: escolha outro nome",
    "{option} {file}: there is no folder {folder}": "{option} {file}: não existe a pasta {folder}",
    "{option} {file}: that is no regular file":
        "{option} {file}: isso não é um arquivo comum",
    "{option} {file}: that is a folder": "{option} {file}: isso é uma pasta",
    "{option} {file}: the system does not allow it": "{option} {file}: o sistema não permite",
    "{option} {file}: there is no such file": "{option} {file}: não existe esse arquivo",
    "{option} {file}: {error}": "{option} {file}: {error}",
    "cannot listen on {address}: {error} - choose another port with --port, or none, for any free "
    "one":
        "não foi possível escutar em {address}: {error} - escolha outra porta com --port, ou "
        "nenhuma, para qualquer uma livre",
    "Stopped. The processes go on.": "Interrompido. Os processos continuam.",
    "The page is at {url} - stop with Ctrl-C": "A página está em {url} - para terminar: Ctrl-C",
}
