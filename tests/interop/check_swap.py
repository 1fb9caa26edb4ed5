"""`python3 demo.py swap` with all of its programs: every proof passes, in both languages."""

from __future__ import annotations

import os
import re
import subprocess
import sys

from tests.interop.peers import GRPCURL, Peers
from tests.interop.told import figure, told
from tests.system.cluster import Cluster
from tests.system.harness import ROOT

# make_method comes with RPC::XML.
PROGRAMS = {"dig": "bind9-dnsutils", "haproxy": "haproxy", "nginx": "nginx", "named": "bind9",
            "make_method": "librpc-xml-perl"}
STORY_S = 120.0


def install(peers: Peers) -> None:
    peers.commands(grpcurl=GRPCURL, consul="consul")


def check_story(house: Cluster, peers: Peers) -> None:
    """Seven steps, seven proofs, none passed over."""
    del house
    path = os.pathsep.join((os.path.join(peers.folder, "bin"), os.environ.get("PATH", "")))
    for language, proved in (("en", r"7 of 7 proofs passed, in ([0-9.]+) s"),
                             ("pt", r"7 de 7 provas passaram, em ([0-9,]+) s")):
        ended = subprocess.run([sys.executable, "demo.py", "swap", "--auto", "--lang", language],
                               cwd=ROOT, env={**os.environ, "PATH": path}, text=True,
                               capture_output=True, check=False, timeout=STORY_S,
                               encoding="utf-8")
        found = re.search(proved, ended.stdout)
        assert ended.returncode == 0 and found, ended.stdout + ended.stderr
        told("demo.py swap", f"{language}: 7 of 7 proofs")
        figure(f"demo.py swap, {language}", f"{found[1]} s")
