"""System tests of calls, once more with the proxy's engine of events.

They are those that its loops could fail: a server that dies or freezes, a reply that is lost, and
a message that is cut at any byte. The tests of chaos, of a rolling restart and of the death of
proxies have one proxy with each engine already.
"""

from __future__ import annotations

import unittest

from tests.system import test_cuts, test_failures


class ServerKilledBehindEvents(test_failures.ServerKilled):
    engine = "events"


class ServerFrozenBehindEvents(test_failures.ServerFrozen):
    engine = "events"


class ReplyLostBehindEvents(test_failures.ReplyLost):
    engine = "events"


class CutEveryByteBehindEvents(test_cuts.CutEveryByte):
    engine = "events"


if __name__ == "__main__":
    unittest.main()
