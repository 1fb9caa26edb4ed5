"""The service of incident E: the price of a thing.

A server whose name stands on a file beside this one, `NAME.slow`, is slow: as with a disk that is
about to fail, each call takes so many seconds more as the file says. Nothing else is wrong with it.
"""

import os
import time

from server import current_instance, idempotent

_HERE = os.path.dirname(os.path.abspath(__file__))


@idempotent
def price(thing: str) -> int:
    """The price of a thing in cents."""
    try:
        with open(os.path.join(_HERE, f"{current_instance()}.slow"), encoding="utf-8") as file:
            time.sleep(float(file.read()))
    except (OSError, ValueError):
        # It is quick.
        pass
    return 100 + len(thing)
