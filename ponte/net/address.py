"""Where a process listens: a host and a port."""

from __future__ import annotations

import functools

Address = tuple[str, int]


@functools.lru_cache(maxsize=1024)      # every attempt of a call names its endpoint
def show(address: Address) -> str:
    """HOST:PORT, with an IPv6 host in brackets."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
