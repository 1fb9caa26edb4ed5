"""The pages for operators, the same in registry, server and proxy.

    GET /health     200 as long as the process answers at all
    GET /status     what the process knows of itself, as JSON
    GET /metrics    the numbers of the status, in the Prometheus text format 0.0.4
"""

from __future__ import annotations

import json
from typing import Any, Callable, Union

from ponte.net.message import Reply, Request, text_reply
from ponte.process.logs import thread_deaths

PAGES = ("/health", "/status", "/metrics")

Json = Union[str, int, float, None, list[Any], dict[str, Any]]


def page(request: Request, role: str, own_status: Callable[[], dict[str, Json]]) -> Reply | None:
    """The reply to a request for a page; None for a request that is for something else.

    `role` is the first word of every metric: "server" gives `ponte_server_...`. `own_status` is
    called for /status and /metrics only. A wrong method gets 405.
    """
    # The target of CONNECT is an address. No process of Ponte opens tunnels.
    if request.method == "CONNECT":
        return text_reply(405, "no tunnels here", Allow="GET, POST")
    if request.target not in PAGES:
        return None
    if request.method != "GET":
        return text_reply(405, f"{request.target} is read with GET", Allow="GET")
    if request.target == "/health":
        return Reply(200, {"Content-Type": "text/plain"}, b"ok\n")
    status = {**own_status(), "thread_deaths": thread_deaths.count}
    if request.target == "/status":
        content, body = "application/json", json.dumps(status, indent=2)
    else:
        content = "text/plain; version=0.0.4"
        body = "\n".join(_metrics(f"ponte_{role}", status))
    return Reply(200, {"Content-Type": content}, f"{body}\n".encode())


def _metrics(prefix: str, status: dict[str, Json]) -> list[str]:
    """The numbers of a status page, one a line; texts and lists are left out.

        >>> for line in _metrics("ponte_server", {"running": 2, "requests": {"calls": 7}}):
        ...     print(line)
        ponte_server_running 2
        ponte_server_requests{name="calls"} 7
    """
    lines = []
    for name, value in status.items():
        if isinstance(value, (int, float)):
            lines.append(f"{prefix}_{name} {value}")
        elif isinstance(value, dict):
            lines += [f'{prefix}_{name}{{name="{label}"}} {number}'
                      for label, number in value.items() if isinstance(number, (int, float))]
    return lines
