"""Calls Ponte with the package requests: the XML is that of Python's standard library.

    python3 plain_requests.py URL-OF-THE-GREETER URL-OF-THE-VALUES
"""

from __future__ import annotations

import sys
from typing import Any
from xmlrpc.client import dumps, loads

import requests  # type: ignore[import-untyped]


def check(name: str, found: object, expected: object) -> None:
    print(f"ok {name}" if found == expected else f"FAILED {name}: {found!r}")


greeter, values = sys.argv[1:]
base = greeter.rpartition("/")[0]
with requests.Session() as session:
    def ask(url: str, method: str, *arguments: Any) -> Any:
        reply = session.post(url, data=dumps(arguments, method).encode(),
                             headers={"Content-Type": "text/xml"})
        return loads(reply.content)[0][0]

    check("hello", ask(greeter, "hello", "Hello"), "World")
    check("text", ask(values, "echo", "São <&>"), "São <&>")
    check("kept", ask(values, "connection"), ask(values, "connection"))
    check("pages", session.get(f"{base}/status").json()["state"], "up")
    head = session.head(f"{base}/health")
    check("head", [head.status_code, head.content, session.get(f"{base}/health").text],
          [200, b"", "ok\n"])
