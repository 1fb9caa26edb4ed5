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
"""

QUARANTINE_S = 1.0


class Record:
    def __init__(self):
        self.calls = 0          # in flight
        self.turn = 0           # when it was picked last
        self.trial_at = None    # in quarantine: the end of it
        self.on_trial = False   # its one call is on its way


class Balancer:
    def __init__(self):
        self.turn = 0           # how many calls were picked
        self.records = {}       # by server; also of servers that are not in the list now

    def pick(self, servers, now):
        """The one of these servers that gets a call, `now` in seconds."""
        records = {server: self.records.setdefault(server, Record()) for server in servers}
        healthy = [server for server in servers if records[server].trial_at is None]
        due = [server for server in servers if server not in healthy
               and not records[server].on_trial and now >= records[server].trial_at]
        picked = min(due or healthy or servers,
                     key=lambda server: (records[server].calls, records[server].turn))
        self.turn += 1
        records[picked].turn = self.turn
        records[picked].calls += 1
        if due:
            records[picked].on_trial = True
        return picked

    def settle(self, server, answered, now):
        """A call to this server was answered (True), or it failed (False)."""
        record = self.records[server]
        record.calls -= 1
        if answered:
            record.trial_at = None
        elif record.trial_at is None or record.on_trial:
            record.trial_at = now + QUARANTINE_S
        record.on_trial = False
