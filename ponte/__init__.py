"""What the actors share, in five rooms. A concept of the course has a room, and in it a file.

    net         bytes and sockets: HTTP/1.1, connections, threads and loops, TLS
    rpc         remote procedure calls: calls and results as XML, and which function they mean
    calls       what happens to a call: rule R, balancing, at most once
    discovery   who is there: heartbeats, leases, and how readers follow them
    process     what every process does: options, log lines, stopping, status pages, keys

Imports run one way: net <- rpc, calls <- process, discovery <- the actors.
"""
