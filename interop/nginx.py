"""python3 -m interop.nginx: keeps nginx in step with the servers that live.

    python3 -m interop.nginx --print-config > nginx.conf
    python3 -m interop.nginx --nginx "nginx -c $PWD/nginx.conf"    # writes ponte-upstreams.conf
    nginx -c $PWD/nginx.conf

The problem: nginx knows the servers of its configuration, and ours come and go. (Its own look-ups
in DNS ask for addresses alone, and not for ports.) The idea: a part of the configuration is a file
of its own. This process follows the registries as any reader does, writes that file anew when
something has changed, lets nginx test it (`nginx -t`), and tells nginx to load it. A file that
nginx refuses is taken back. An equal view writes nothing, and loads nothing.

Servers that drain are left out at once. nginx learns that some 0.1 s later than our proxy: that is
what --linger of a server is for. After a reload the old workers end their calls. They would also
close the kept connections of callers, perhaps when a call is just on its way: so the configuration
that is printed keeps none (`keepalive_timeout 0`).

What a swap of our proxy for nginx keeps: a call goes to servers that live, none is lost in a
restart in order, and none runs twice, since nginx sends on to a second server only what has not
been sent, unless it is told `non_idempotent` (python3 -m tests.interop retries). Where a service
has no server, the 503 says Not-Executed. nginx's own 502 says nothing: some of those calls have
run. What it loses: a memory of calls, so a call whose server died is unknown, and cannot be
resolved.

Source: nginx's documentation of ngx_http_upstream_module, ngx_http_proxy_module and
ngx_http_map_module.

Threads: one that writes, and one that follows each registry.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Sequence

from interop.upstreams import Keeper, Trouble, Upstream, Upstreams
from ponte.net.address import Address, show
from ponte.process import options
from ponte.process.options import (
    UsageError,
    chosen_tls,
    given_by,
    reader_options,
    shown_by_argparse,
)
from ponte.process.running import begin, farewell, hold, run
from ponte.process.stopping import Stop

log = logging.getLogger("ponte.nginx")

BIND: Address = ("127.0.0.1", 8080)
INCLUDE, COMMAND = "ponte-upstreams.conf", "nginx"
# Seconds between two looks at the file, beside those at each change; for nginx to test or load a
# file; and until something that nginx has refused is tried again.
LOOK_S, NGINX_S, REFUSED_S = 1.0, 10.0, 3.0


# With what the line of a server begins.
SERVER = "    server "


# ---- what is written: pure

def include_text(servers: Upstreams) -> str:
    """The file with the servers, for nginx to include.

    nginx takes names of upstreams that differ in capitals alone for one: so they are numbers.

    >>> print(include_text({"greeter": [Upstream("127.0.0.1", 4242), Upstream("::1", 1, True)]}))
    # Written by interop.nginx, again and again.
    map $uri $ponte_service {
        default "";
        "~^/greeter/?$" ponte_1;
    }
    upstream ponte_1 {
        # greeter
        server 127.0.0.1:4242 max_fails=1 fail_timeout=1s;
        keepalive 16;
    }
    <BLANKLINE>
    """
    ways, groups = "", ""
    number = 0
    for service, found in sorted(servers.items()):
        addresses = [show(each[:2]) for each in found if not each.drains]
        # A group without a server is an error of nginx.
        if not addresses:
            continue
        number += 1
        ways += f'    "~^/{re.escape(service)}/?$" ponte_{number};\n'
        lines = "".join(f"{SERVER}{address} max_fails=1 fail_timeout=1s;\n"
                        for address in sorted(addresses))
        groups += f"upstream ponte_{number} {{\n    # {service}\n{lines}    keepalive 16;\n}}\n"
    return ("# Written by interop.nginx, again and again.\n"
            f'map $uri $ponte_service {{\n    default "";\n{ways}}}\n{groups}')


def united(before: Upstreams, servers: Upstreams) -> dict[str, list[Upstream]]:
    """All servers of both; where they contradict each other, the later word counts.

    >>> one = Upstream("127.0.0.1", 4242)
    >>> united({"a": [one]}, {"b": [one], "a": [one._replace(drains=True)]})["a"]
    [Upstream(host='127.0.0.1', port=4242, drains=True)]
    """
    found = {}
    for service in {**before, **servers}:
        known = {each[:2]: each for each in (*before.get(service, ()), *servers.get(service, ()))}
        found[service] = list(known.values())
    return found


def configuration(bind: Address, include: str) -> str:
    """A whole configuration of nginx to begin with. Its own files are beside the included one."""
    folder = os.path.dirname(os.path.abspath(include))
    temporary = "\n".join(f"    {what}_temp_path {_quoted(os.path.join(folder, 'nginx-temp'))};"
                          for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    return f"""\
# nginx in the place of Ponte's proxy. interop.nginx writes the file that is included.
worker_processes auto;
pid {_quoted(os.path.join(folder, "nginx.pid"))};
error_log {_quoted(os.path.join(folder, "nginx-error.log"))};

events {{
    worker_connections 1024;
}}

http {{
    access_log off;
    default_type text/plain;
{temporary}
    include {_quoted(os.path.abspath(include))};

    server {{
        listen {show(bind)};
        # A kept connection of a caller would be closed when a worker ends, perhaps with a call on
        # its way.
        keepalive_timeout 0;
        client_max_body_size 1m;
        client_body_buffer_size 1m;
        location / {{
            # No service of this name, or none of its servers lives: nothing was executed.
            if ($ponte_service = "") {{
                add_header Not-Executed 1 always;
                return 503 "no live server\\n";
            }}
            proxy_pass http://$ponte_service;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_connect_timeout 1s;
            proxy_read_timeout 60s;
            proxy_max_temp_file_size 0;
            # nginx's default. With non_idempotent, calls run twice. Its 502 is never a refusal:
            # some of those calls have run.
            proxy_next_upstream error timeout;
        }}
    }}
}}
"""


def _servers_in(text: str | None) -> set[str]:
    return {line for line in (text or "").splitlines() if line.startswith(SERVER)}


def _quoted(path: str) -> str:
    """A path as nginx takes it. Raises ValueError for one that it cannot take."""
    path = path.replace(os.sep, "/")
    if not path.isprintable() or any(char in path for char in "\"'\\;{}$*?[]"):
        raise ValueError(f"{path!r}: nginx takes no path with such characters")
    return f'"{path}"'


# ---- the file, and nginx

class Include:
    """The file with the servers: a turn of a Keeper. For one thread.

    Parameters: `path` of the file; `command`, how nginx is called, with its options.

    Attribute: `loads`, how many times nginx was told to load it.
    """

    def __init__(self, path: str, command: Sequence[str]) -> None:
        self.loads = 0
        self._path, self._command = path, list(command)
        # The last text of ours that nginx has found right, and the servers in it; and the one that
        # it was told to load. None: there is none yet.
        self._good: str | None = None
        self._told: Upstreams = {}
        self._loaded: str | None = None
        # A text that nginx has refused, why, and when it is tried again.
        self._refused: tuple[str, str, float] = "", "", 0.0

    def keep(self, servers: Upstreams, is_complete: bool) -> None:
        """Makes nginx have these servers. Raises Trouble or OSError."""
        # 1. Nothing is taken away that may still be there, nor what an earlier life has written.
        wanted = servers if is_complete else united(self._told, servers)
        text = include_text(wanted)
        if not is_complete and self._good is None and _servers_in(self._read()) - _servers_in(text):
            return
        # 2. An equal view changes nothing.
        if text == self._loaded == self._read():
            return
        # 3. What nginx has refused is not tried again at once.
        refused, why, until = self._refused
        if text == refused and time.monotonic() < until:
            raise Trouble(why)
        try:
            self._test(text)
            self._good, self._told = text, wanted
            self._load(text)
        except Trouble as trouble:
            self._refused = text, str(trouble), time.monotonic() + REFUSED_S
            raise

    def _test(self, text: str) -> None:
        """Writes a text, and takes it back if nginx refuses it."""
        before = self._read() if self._good is None else self._good
        self._write(text)
        try:
            why = self._nginx("-t")
        except OSError as error:
            why = f"{self._command[0]}: {error.strerror or error}"
        if why:
            if before is None:
                os.unlink(self._path)
            else:
                self._write(before)
            raise Trouble(f"nginx refuses {self._path}, which is taken back: {why}")

    def _load(self, text: str) -> None:
        began = time.monotonic()
        why = self._nginx("-s", "reload")
        if why:
            raise Trouble(f"nginx did not load {self._path} (it reads it when it starts): {why}")
        self.loads += 1
        self._loaded = text
        log.info("nginx: %d servers, told to load them in %.0f ms", text.count(SERVER),
                 (time.monotonic() - began) * 1000)

    def _read(self) -> str | None:
        try:
            with open(self._path, encoding="utf-8") as file:
                return file.read()
        except FileNotFoundError:
            return None

    def _write(self, text: str) -> None:
        """Replaces the file as a whole: nginx may start at any moment."""
        beside = f"{self._path}.new"
        with open(beside, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, self._path)

    def _nginx(self, *arguments: str) -> str:
        """Calls nginx. Returns what is wrong, in one line; "" if nothing is."""
        try:
            ended = subprocess.run([*self._command, *arguments], check=False, timeout=NGINX_S,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE)
        except subprocess.TimeoutExpired:
            return f"{shlex.join(self._command)} has not ended within {NGINX_S:g} s"
        if not ended.returncode:
            return ""
        lines = ended.stderr.decode("utf-8", "replace").strip().splitlines() or ["no word"]
        # A warning may stand before what it is about.
        serious = [line for line in lines if "[emerg]" in line or "[error]" in line]
        return f"{(serious or lines)[0]:.300}"


# ---- the process ---------------------------------------------------------------------------------

def _command(text: str) -> list[str]:
    words = shlex.split(text)
    if not words:
        raise ValueError("how is nginx called?")
    return words


def command_line() -> argparse.ArgumentParser:
    """What reads the options."""
    parser = reader_options("Keeps nginx in step with the servers that Ponte's registries name.")
    parser.add_argument("--include", default=INCLUDE, metavar="FILE",
                        help="the file that it writes, and nginx includes (default: %(default)s)")
    parser.add_argument("--nginx", type=shown_by_argparse(_command), default=COMMAND,
                        metavar="COMMAND",
                        help='how nginx is called, as in "nginx -c /home/ana/nginx.conf" '
                             "(default: %(default)s)")
    parser.add_argument("--print-config", action="store_true",
                        help="print a whole configuration of nginx, and end")
    parser.add_argument("--bind", type=options.parse_address, default=show(BIND),
                        metavar="HOST:PORT",
                        help="in that configuration: where nginx takes calls (default: "
                             "%(default)s)")
    return parser


def main(arguments: Sequence[str]) -> int:
    """Keeps nginx in step until it is stopped; returns the exit code."""
    chosen = command_line().parse_args(arguments)
    option = given_by(chosen, "--include")
    try:
        text = configuration(chosen.bind, chosen.include)
    except ValueError as error:
        raise UsageError(f"{option} {error}") from None
    if chosen.print_config:
        print(text, end="")
        return 0
    if not shutil.which(chosen.nginx[0]):
        raise UsageError(f"{given_by(chosen, '--nginx')} {chosen.nginx[0]}: no such program: "
                         "install nginx, or say where it is")
    folder = os.path.dirname(os.path.abspath(chosen.include))
    if not os.access(folder, os.W_OK):
        raise UsageError(f"{option} {chosen.include}: this user cannot write into {folder}")
    begin(chosen)
    stop = Stop(chosen.until_eof)
    include = Include(os.path.abspath(chosen.include), chosen.nginx)
    with contextlib.closing(Keeper(log, "nginx", include.keep, chosen.registry, tick_s=LOOK_S,
                                   tls=chosen_tls(chosen, listens=False))) as keeps:
        keeps.start()
        reason = hold(stop, f"nginx: keeps {chosen.include} in step")
    return farewell("nginx", reason, f"; {chosen.include} stays as it is")


if __name__ == "__main__":
    run(main)
