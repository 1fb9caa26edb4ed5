"""The laboratory: links that break in chosen ways, and a judge of what callers were told then.

    tcp_relay.py   a relay for connections: it delays, holds, cuts or refuses them
    udp_relay.py   a relay for datagrams: it loses, duplicates and reorders them
    checker.py     compares what callers were told with what the servers executed

Tests, the demo, the course and the live page use it. No part of the middleware imports it.
"""
