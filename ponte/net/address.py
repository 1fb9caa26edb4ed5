"""Where a process listens: a host and a port."""

from __future__ import annotations

import functools

Address = tuple[str, int]


# Every attempt of a call shows its address, and there are few of them: so the results are kept.
@functools.lru_cache(maxsize=1024)
def show(address: Address) -> str:
    """HOST:PORT, with an IPv6 host in brackets.

    >>> show(("127.0.0.1", 4100)), show(("::1", 4100))
    ('127.0.0.1:4100', '[::1]:4100')
    """
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
