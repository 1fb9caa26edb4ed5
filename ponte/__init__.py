"""What the actors share, in five folders. They are named after the concepts of a course.

The actors are the programs at the top level: client.py, server.py, registry.py, proxy.py.

    net         bytes and sockets: HTTP/1.1, programs and their two drivers, TLS
    rpc         remote procedure calls: calls and results as XML, and which function they mean
    calls       what happens to a call: rule R, balancing, at most once
    discovery   who is there: heartbeats, leases, and how readers follow them
    process     what every process does: options, log lines, stopping, status pages, keys

Imports run one way, to the left: net <- rpc, calls <- process, discovery <- the actors.
"""
