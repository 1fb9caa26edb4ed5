"""What /metrics shows of each role: the families of numbers, in a table each. Pure.

Each family is read from the status of the process, so /status has every number of /metrics, and
the two pages cannot say different things.

What has gone is not shown: no server without a lease, no service without a server. So the length of
a page is bounded by what is alive, also after months. No label has a value that a caller can
invent.

Beside a server, the label is called `server`: Prometheus itself adds one that is called `instance`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from ponte.calls.endpoint import READER_STATES
from ponte.process.measures import (
    COUNTER,
    GAUGE,
    HISTOGRAM,
    Family,
    Sample,
    Status,
    labelled,
    number,
)


def _of_every_role(role: str) -> tuple[Family, ...]:
    """The families that all processes have."""
    prefix = f"ponte_{role}"
    return (
        Family(f"{prefix}_connections", GAUGE, "Connections that are open now.",
               number("connections")),
        Family(f"{prefix}_threads", GAUGE, "Threads of the process.", number("threads")),
        Family(f"{prefix}_engine_errors_total", COUNTER,
               "Programs of the engine that failed; zero is the only good value.",
               number("engine_errors")),
        Family(f"{prefix}_thread_deaths_total", COUNTER,
               "Threads that an exception ended; zero is the only good value.",
               number("thread_deaths")),
        # Names that every Prometheus client has. A start that moves on is a process that was
        # started again: its counters begin at 0.
        Family("process_start_time_seconds", GAUGE,
               "When the process was started, in seconds since 1970.", number("started_at")),
        Family("process_cpu_seconds_total", COUNTER, "Processor time that the process has used.",
               number("cpu_s")),
    )


def _of_every_sender(role: str) -> tuple[Family, ...]:
    """The families of the processes that send beats."""
    prefix = f"ponte_{role}"
    return (
        Family(f"{prefix}_draining", GAUGE, "1 while it leaves, and takes no new calls; else 0.",
               lambda status: [({}, status["state"] == "draining")]),
        Family(f"{prefix}_silent_registries", GAUGE,
               "Registries of which no answer to a beat has come for some seconds.",
               number("silent_registries")),
    )


# ---- the server

SERVER = (
    Family("ponte_server_info", GAUGE, "1, with the name of the server and of its service.",
           lambda status: [({"service": status["service"], "server": status["instance"]}, 1)]),
    # Not requests.calls: that one goes back when a call is refused after all.
    Family("ponte_server_calls_total", COUNTER, "Calls that have run, also those with a fault.",
           lambda status: [({}, sum(shown["count"] for shown in status["durations"].values()))]),
    Family("ponte_server_faults_total", COUNTER,
           "Calls that have run and ended in a fault: the function raised, or does not exist.",
           number("faults")),
    Family("ponte_server_repeats_total", COUNTER,
           "Attempts that did not run, because an earlier attempt of the same call did.",
           number("requests", "repeats")),
    Family("ponte_server_refused_total", COUNTER, "Attempts that were refused before they ran.",
           number("requests", "refused")),
    Family("ponte_server_running_calls", GAUGE, "Calls that run now.", number("running")),
    Family("ponte_server_call_duration_seconds", HISTOGRAM,
           "Time from a whole request to its reply, by method; (other) is a method that does not "
           "exist, or a call of more than 4 KiB.", labelled("method", "durations")),
    Family("ponte_server_sessions", GAUGE, "Sessions of callers that are remembered.",
           number("sessions")),
    Family("ponte_server_remembered_bytes", GAUGE, "Size of all that is remembered of calls.",
           number("remembered_bytes")),
    Family("ponte_server_acked_beats_total", COUNTER, "Beats that a registry has answered.",
           number("beats_acked")),
    *_of_every_sender("server"), *_of_every_role("server"))


# ---- the proxy

def _endpoints(status: Status) -> Iterator[tuple[dict[str, str], Status]]:
    """The labels, and the row in the status, of each server that the proxy may ask."""
    for service, rows in status["services"].items():
        for row in rows:
            yield {"service": service, "server": row["instance"]}, row


def _states(status: Status) -> Iterator[Sample]:
    for labels, row in _endpoints(status):
        for state in READER_STATES:
            yield {**labels, "state": state}, row["state"] == state


def _by_service(status: Status) -> Iterator[Sample]:
    for outcome, services in status["durations"].items():
        for service, shown in services.items():
            if status["services"].get(service):
                yield {"service": service, "outcome": outcome}, shown


def _endpoint_family(name: str, kind: str, text: str, key: str) -> Family:
    def read(status: Status) -> Iterable[Sample]:
        return [(labels, row[key]) for labels, row in _endpoints(status)]
    return Family(f"ponte_proxy_endpoint_{name}", kind, text, read)


PROXY = (
    Family("ponte_proxy_info", GAUGE, "1, with the name of the proxy.",
           lambda status: [({"proxy": status["instance"]}, 1)]),
    Family("ponte_proxy_calls_total", COUNTER, "Calls that the proxy has begun to relay.",
           number("requests", "calls")),
    Family("ponte_proxy_retries_total", COUNTER, "Attempts of calls that were not answered.",
           number("requests", "retries")),
    Family("ponte_proxy_not_sent_calls_total", COUNTER, "Calls that cannot have run anywhere.",
           number("requests", "not_sent")),
    Family("ponte_proxy_unknown_calls_total", COUNTER, "Calls of which nobody knows if they ran.",
           number("requests", "unknown")),
    Family("ponte_proxy_call_duration_seconds", HISTOGRAM,
           "Time from the start of the first attempt to the reply, by service and outcome.",
           _by_service),
    Family("ponte_proxy_sessions", GAUGE, "Sessions of callers that are remembered.",
           number("sessions")),
    Family("ponte_proxy_endpoint_state", GAUGE,
           "1 for the state in which the registries show the server, 0 for the other states.",
           _states),
    _endpoint_family("quarantined", GAUGE,
                     "1 while calls pass over the server because of a failure; else 0.",
                     "quarantined"),
    _endpoint_family("running_calls", GAUGE, "Attempts at the server that wait for a reply.",
                     "calls"),
    _endpoint_family("calls_total", COUNTER, "Attempts at the server that have ended.",
                     "calls_total"),
    _endpoint_family("failures_total", COUNTER, "Attempts at the server that failed.",
                     "failures_total"),
    *_of_every_sender("proxy"), *_of_every_role("proxy"))


# ---- the registry

def _leases(status: Status) -> Iterator[Sample]:
    found = Counter(endpoint["state"] for endpoint in status["endpoints"])
    for state in READER_STATES:
        yield {"state": state}, found[state]


REGISTRY = (
    Family("ponte_registry_leases", GAUGE, "Servers and proxies that have a lease, by state.",
           _leases),
    Family("ponte_registry_datagrams_total", COUNTER, "Datagrams, by what became of them.",
           labelled("outcome", "datagrams")),
    Family("ponte_registry_waiting_readers", GAUGE, "Long polls that wait for a change.",
           number("readers")),
    Family("ponte_registry_warming", GAUGE,
           "1 after a start, while servers may be missing; else 0.", number("warming")),
    Family("ponte_registry_lateness_seconds_total", COUNTER,
           "Time for which the process itself stood still; no lease has lost it.",
           number("lateness_s")),
    *_of_every_role("registry"))


FAMILIES = {"server": SERVER, "proxy": PROXY, "registry": REGISTRY}
