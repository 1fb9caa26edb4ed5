"""Pages."""

from __future__ import annotations

import json
from typing import Any, Callable, Union

from ponte.net.message import Reply, Request, text_reply
from ponte.process.logs import thread_deaths

PAGES = ("/health", "/status", "/metrics")

Json = Union[str, int, float, None, list[Any], dict[str, Any]]


def page(request: Request, role: str, own_status: Callable[[], dict[str, Json]]) -> Reply | None:
    """The reply to GET /health, /status (JSON) and /metrics (Prometheus text format 0.0.4), and to what is no page
    anywhere; None for all else.
    """
    if request.method == "CONNECT":         # its target is an address, which is nobody's page
        return text_reply(405, "nobody here is a tunnel", Allow="GET, POST")
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
        content, body = "text/plain; version=0.0.4", "\n".join(_metrics(f"ponte_{role}", status))
    return Reply(200, {"Content-Type": content}, f"{body}\n".encode())


def _metrics(prefix: str, status: dict[str, Json]) -> list[str]:
    """The numbers of a status page: {"a": 1, "b": {"c": 2}} gives `prefix_a 1` and `prefix_b{name="c"} 2`."""
    lines = []
    for name, value in status.items():
        if isinstance(value, (int, float)):
            lines.append(f"{prefix}_{name} {value}")
        elif isinstance(value, dict):
            lines += [f'{prefix}_{name}{{name="{label}"}} {number}' for label, number in value.items()
                      if isinstance(number, (int, float))]
    return lines
