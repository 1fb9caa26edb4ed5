"""Load on a URL from a separate process: by wrk if it is installed, otherwise by bench/load.py.

wrk is a closed loop too (see bench/load.py). At the end it looks at each latency longer than twice
the mean time between two calls of a connection, and adds the latencies of the calls that it assumes
were omitted in that time: so its p99 is the stricter one. For POST it needs a script, which also
makes it print JSON. It takes whole seconds only; bench/load.py does the shorter rounds.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile

from bench.load import BODY, HEADERS, HELLO, IDEMPOTENT, Call, Sample
from bench.processes import ROOT

# Seconds after the end of a round until a load counts as failed.
EXTRA_S = 30.0

SCRIPT = f"""
wrk.method = "POST"
wrk.body = [==[{BODY.decode()}]==]

function done(summary, latency, requests)
    local e = summary.errors
    io.write(string.format(
        '{{"calls_per_s": %.1f, "p50_ms": %.4f, "p99_ms": %.4f, "errors": %d, "calls": %d}}\\n',
        summary.requests / summary.duration * 1e6, latency:percentile(50) / 1000,
        latency:percentile(99) / 1000,
        e.connect + e.read + e.write + e.status + e.timeout, summary.requests))
end
"""


def is_installed() -> bool:
    return shutil.which("wrk") is not None


def takes(seconds: float) -> bool:
    """Whether wrk is installed, and can do rounds of that many seconds."""
    return is_installed() and seconds >= 1


def drive(url: str, connections: int, seconds: float, *, kind: str = IDEMPOTENT) -> Sample:
    """One round of load of a kind (see bench/load.py), by wrk if it can: it cannot number calls."""
    return (by_wrk if takes(seconds) else by_ours)(url, connections, seconds, kind)


def by_wrk(url: str, connections: int, seconds: float, kind: str = IDEMPOTENT) -> Sample:
    whole_s = max(round(seconds), 1)
    handle, script = tempfile.mkstemp(suffix=".lua")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(SCRIPT)
        for name, value in HEADERS[kind].items():
            file.write(f'wrk.headers["{name}"] = "{value}"\n')
    try:
        return by_command("wrk", "-t1", f"-c{connections}", f"-d{whole_s}s", "-s", script, url,
                          within_s=whole_s)
    finally:
        os.remove(script)


def by_ours(url: str, connections: int, seconds: float, kind: str = IDEMPOTENT,
            call: Call = HELLO) -> Sample:
    return by_command(sys.executable, "-S", "-m", "bench.load", "--url", url,
                      "--connections", str(connections), "--seconds", str(seconds),
                      "--kind", kind, "--call", json.dumps(call), within_s=seconds)


def by_command(*command: str, within_s: float) -> Sample:
    """The sample that a program prints as JSON in its last line."""
    return parse(printed_by(*command, within_s=within_s))


def printed_by(*command: str, within_s: float) -> str:
    """What a program prints that runs for `within_s` seconds. RuntimeError if it fails."""
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, check=False, timeout=within_s + EXTRA_S)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {done.stdout}{done.stderr}")
    return done.stdout


def parse(printed: str) -> Sample:
    """The sample in the last line of what a load has printed."""
    return Sample(**json.loads(printed.strip().splitlines()[-1]))
