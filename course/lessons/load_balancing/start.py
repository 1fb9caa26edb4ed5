"""Load balancing: which server gets the next call.

`pick` is told which servers there are, and says which of them gets the next call. The list changes
from call to call: servers come, go, and come back. A server is a name and a life: if it restarts,
it is another server. It may be a key of a dictionary.

`settle` is told how that call has ended: once for each pick, also if the server has left the list.
A call may be answered, or it fails.

    1. A server that fails is in quarantine: for QUARANTINE_S seconds calls pass it over.
    2. Then one call tries it. Until that call has ended, the others still pass the server over.
       If it fails, the server is in quarantine again. A server that answers is healthy.
    3. Of the healthy servers, the one with the fewest calls in flight is picked. Where several have
       the same number, they are picked in turn.
    4. If no server is healthy, one is picked all the same: to ask it is better than not to ask.

So far this balancer looks only at the calls in flight.
"""

QUARANTINE_S = 1.0


class Balancer:
    def __init__(self):
        self.calls = {}         # in flight, by server

    def pick(self, servers, now):
        """The one of these servers that gets a call, `now` in seconds."""
        picked = min(servers, key=lambda server: self.calls.get(server, 0))
        self.calls[picked] = self.calls.get(picked, 0) + 1
        return picked

    def settle(self, server, answered, now):
        """A call to this server was answered (True), or it failed (False)."""
        self.calls[server] -= 1
