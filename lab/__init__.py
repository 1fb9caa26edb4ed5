"""The laboratory: links that break in chosen ways, and a judge of what callers were told then.

    tcp_relay.py   a relay for connections: it delays, cuts or refuses them, and delivers late
    accepter.py    accepts connections until it is closed
    relayed.py     one connection of the relay
    fates.py       what the relay does to one connection
    udp_relay.py   a relay for datagrams: it loses, duplicates and reorders them
    strangers.py   processes that have taken the port of a server that died
    thief.py       a program without the key that claims to be a server
    checker.py     compares what callers were told with what the servers executed
    explore/       every order in which the messages of a few calls can arrive

Tests, the demo, the course and the live page use it. No part of the middleware imports it.
"""
