"""Bytes and sockets: HTTP messages, the connections that carry them, and how a process waits.

    address.py        where a process listens: a host and a port, and how users write that down
    checks.py         times and ports that users give: right, or an error of one line
    message.py        HTTP messages as values, and how they are written
    fields.py         the lines of a head: names and values
    target.py         request targets, their paths, and hosts
    framing.py        how long a body is, and whether the connection stays open
    chunked.py        a body that comes in chunks
    assembly.py       how a message is put together from bytes: whole, or not at all
    parser.py         how the heads of HTTP messages are read, strictly
    known_heads.py    an optimisation of the parser: heads that came before
    stream.py         a socket with a parser; what a program is, which yields where it waits
    reply_writer.py   how a listener writes its replies: Date, and how long a connection is kept
    serving.py        the programs that serve callers, and their limits
    pool.py           the program that asks others, on connections kept for the next request
    sharing.py        what all clients of a process share
    forking.py        what a forked child leaves to its parent
    threads.py        the driver of threads: each program has one, which waits
    loop.py           the driver of events: one thread carries out all programs
    workers.py        functions of the user beside a loop
    names.py          names of hosts, looked up on a thread
    datagrams.py      UDP sockets of both families, waited for together
    mishaps.py        an error that a thread survives
    tls.py            certificates: who shows one, and whose is accepted
    windows.py        what Windows does otherwise
"""
