"""Bytes and sockets: HTTP messages, the connections that carry them, and the proxy's engines.

    address.py        where a process listens: a host and a port
    message.py        HTTP messages as values, and how they are written
    fields.py         the lines of a head: names and values
    target.py         request targets and hosts
    framing.py        how long a body is, and whether the connection stays open
    chunked.py        a body that comes in chunks
    parser.py         how HTTP messages are read, strictly: whole, or not at all
    known_heads.py    an optimisation of the parser: heads that came before
    tls.py            certificates: who shows one, and whose is accepted
    wire.py           one connection that blocks, and a listener with a thread for each
    pool.py           connections to others, kept open for the next request
    threads.py        the proxy's engine of threads
    loop.py           an event loop: one thread for many sockets
    events.py         the proxy's engine of events, on such loops
"""
