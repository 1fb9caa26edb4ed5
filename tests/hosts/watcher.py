"""python3 -m tests.hosts.watcher SERVICE HOST:PORT ...: a client that prints whom it knows.

It prints a line with the names of its endpoints, sorted, whenever they have changed. It ends with
its standard input.
"""

from __future__ import annotations

import sys
import threading
import time

from client import Client

LOOK_S = 0.02


def watch(client: Client) -> None:
    """Prints for ever."""
    before = ""
    while True:
        known = " ".join(sorted(endpoint.instance for endpoint in client.endpoints))
        if known != before:
            print(f"knows: {known}", flush=True)
            before = known
        time.sleep(LOOK_S)


if __name__ == "__main__":
    service, *registries = sys.argv[1:]
    stub = Client(service, registries=[(host, int(port)) for host, _, port in
                                       (each.rpartition(":") for each in registries)])
    threading.Thread(target=watch, args=(stub,), daemon=True).start()
    sys.stdin.read()
