"""System tests once more, with the proxy's engine of events: where it could differ, and where it would hurt most.

Chaos, the rolling restart and the death of proxies have one proxy of each engine, and are not repeated here.
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
