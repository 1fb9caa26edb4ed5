"""System tests of calls, once more with the other engines: a proxy on a loop, the rest on threads.

They are those that an engine could fail: a server that dies or freezes, a reply that is lost, and
a message that is cut at any byte. The tests of chaos, of a rolling restart and of the death of
proxies have one proxy with each engine already.
"""

from __future__ import annotations

import unittest

from tests.system import test_cuts, test_failures

# The engine of the proxies, and that of registries and servers.
SWAPPED = ("events", "threads")


class ServerKilledBehindEvents(test_failures.ServerKilled):
    engine, server_engine = SWAPPED


class ServerFrozenBehindEvents(test_failures.ServerFrozen):
    engine, server_engine = SWAPPED


class ReplyLostBehindEvents(test_failures.ReplyLost):
    engine, server_engine = SWAPPED


class CutEveryByteBehindEvents(test_cuts.CutEveryByte):
    """Every byte of a call that must not run twice; of others every fourth, as they are cut alike.
    """

    engine, server_engine = SWAPPED
    step = 4


if __name__ == "__main__":
    unittest.main()
