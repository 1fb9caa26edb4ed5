"""HAProxy and nginx beside Ponte's proxy, each with the shortest configuration that is fair.

All keep connections to clients and servers open, go round robin, log nothing, and use as many
threads or processes as they choose on this machine (HAProxy: its default; nginx: auto). HAProxy may
share every connection to a server. Each closes idle connections to servers after one or two
seconds, because a server takes only a limited number of them.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
import time
from collections.abc import Sequence

from bench.processes import START_S, Child, Stage, free_port
from bench.wrk import by_ours
from ponte.net.address import Address, show

HAPROXY = """
global
    maxconn 3000
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend clients
    bind 127.0.0.1:{port}
    default_backend servers
backend servers
    balance roundrobin
    http-reuse always
    default-server pool-purge-delay 1s
{servers}
"""

NGINX = """
daemon off;
pid {folder}/nginx-{port}.pid;
error_log {folder}/nginx-{port}.log;
worker_processes {workers};
events {{ worker_connections 4096; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path {folder}/body-{port};
    proxy_temp_path {folder}/proxy-{port};
    fastcgi_temp_path {folder}/fastcgi-{port};
    uwsgi_temp_path {folder}/uwsgi-{port};
    scgi_temp_path {folder}/scgi-{port};
{http}
}}
"""

NGINX_PROXY = """
    upstream servers {{
{servers}
        keepalive 512;
        keepalive_timeout 2s;
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://servers;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }}
    }}
"""

NGINX_CHEAP = """
    server {{
        listen 127.0.0.1:{port};
        listen 127.0.0.1:{other};
        default_type "{content_type}";
        return 200 "{body}";
    }}
"""


def find(program: str) -> str:
    """The path of an installed program, also in folders for administrators; "" if missing."""
    return shutil.which(program) or shutil.which(program,
                                                 path="/usr/local/sbin:/usr/sbin:/sbin") or ""


def start_haproxy(stage: Stage, servers: Sequence[Address]) -> Address:
    port = free_port()
    lines = [f"    server s{number} {show(server)}" for number, server in enumerate(servers)]
    path = stage.file(f"haproxy-{port}.cfg", HAPROXY.format(port=port, servers="\n".join(lines)))
    return _started(_leashed(stage, find("haproxy"), "-db", "-f", path), port)


def start_nginx(stage: Stage, servers: Sequence[Address]) -> Address:
    port = free_port()
    lines = "\n".join(f"        server {show(server)};" for server in servers)
    return _start_nginx(stage, port, "auto", NGINX_PROXY.format(port=port, servers=lines))


def start_cheap_nginx(stage: Stage, content_type: str, body: bytes) -> Sequence[Address]:
    """One process of nginx at two ports, which replies to every request with `body`."""
    port, other = free_port(), free_port()
    text = body.decode().replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    http = NGINX_CHEAP.format(port=port, other=other, content_type=content_type, body=text)
    first = _start_nginx(stage, port, "1", http)
    return first, (first[0], other)


def _start_nginx(stage: Stage, port: int, workers: str, http: str) -> Address:
    text = NGINX.format(folder=stage.folder, port=port, workers=workers, http=http)
    path = stage.file(f"nginx-{port}.conf", text)
    return _started(_leashed(stage, find("nginx"), "-p", stage.folder, "-e",
                             os.path.join(stage.folder, "start.log"),
                             "-c", path), port)


def _leashed(stage: Stage, *command: str) -> Child:
    """Starts a program that would not end by itself when its standard input ends."""
    return stage.start(sys.executable, "-S", "-m", "bench.leash", *command)


def _started(child: Child, port: int) -> Address:
    """Waits until it accepts connections."""
    address = ("127.0.0.1", port)
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and child.is_running:
        try:
            socket.create_connection(address, 1.0).close()
            return address
        except OSError:
            time.sleep(0.01)
    raise RuntimeError(f"{' '.join(child.command)} does not listen:\n{child.log()}")


def wait_until_serves(url: str) -> None:
    """Waits until a call is answered: a proxy must first know its servers."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        sample = by_ours(url, 1, 0.05)
        if sample.calls_per_s and not sample.errors:
            return
    raise RuntimeError(f"no answer at {url} within {START_S:.0f} s")
