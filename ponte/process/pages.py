"""The pages for operators, the same in registry, server and proxy.

    GET /           the state of the process, for people (ponte/process/front_page.py)
    GET /health     200 as long as the process answers at all
    GET /status     what the process knows of itself, as JSON
    GET /metrics    the numbers of the status, in the Prometheus text format 0.0.4

HEAD gives the head of the same reply. A query is passed over, as is a slash at the end. Which
numbers there are: ponte/process/families.py.
"""

from __future__ import annotations

import json
import threading
import time
from typing import Any, Callable, Union

from ponte.net.message import Reply, Request, text_reply
from ponte.net.target import path_in
from ponte.process.families import FAMILIES
from ponte.process.front_page import front_page
from ponte.process.logs import thread_deaths
from ponte.process.measures import write

PAGES = ("/health", "/status", "/metrics")
METHODS = ("GET", "HEAD")

Json = Union[str, int, float, None, list[Any], dict[str, Any]]

# Seconds since 1970. Every process imports this file while it starts.
_STARTED_AT = round(time.time(), 3)


def page(request: Request, role: str, own_status: Callable[[], dict[str, Json]]) -> Reply | None:
    """The reply to a request for a page; None for a request that is for something else.

    `role` is a name in FAMILIES. `own_status` is called for every page but /health. A wrong
    method gets 405. The body of a reply to HEAD is left out where it is sent
    (ponte/net/serving.py).
    """
    # The target of CONNECT is an address. No process of Ponte opens tunnels.
    if request.method == "CONNECT":
        return text_reply(405, "no tunnels here", Allow="GET, POST")
    # "OPTIONS *" asks about the whole process.
    if request.target == "*":
        return text_reply(405, "pages are read with GET or HEAD, and calls are made by POST",
                          Allow="GET, HEAD, POST")
    path = path_in(request.target)
    # A POST to / is a call of a stock client.
    if path not in PAGES and (path != "/" or request.method not in METHODS):
        return None
    if request.method not in METHODS:
        return text_reply(405, f"{path} is read with GET or HEAD", Allow=", ".join(METHODS))
    if path == "/health":
        return Reply(200, {"Content-Type": "text/plain; charset=utf-8"}, b"ok\n")
    status = {**own_status(), "thread_deaths": thread_deaths.count,
              "threads": threading.active_count(), "started_at": _STARTED_AT,
              "cpu_s": round(time.process_time(), 3)}
    return _shown(path, request, role, status)


def _shown(path: str, request: Request, role: str, status: dict[str, Json]) -> Reply:
    """A page that is made of the status."""
    if path == "/":
        return front_page(role, status, request.headers.get("accept-language", ""))
    if path == "/status":
        content, body = "application/json; charset=utf-8", f"{json.dumps(status, indent=2)}\n"
    else:
        content = "text/plain; version=0.0.4; charset=utf-8"
        body = write(FAMILIES[role], status)
    return Reply(200, {"Content-Type": content}, body.encode("utf-8", "replace"))
