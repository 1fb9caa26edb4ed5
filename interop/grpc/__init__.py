"""gRPC beside XML-RPC, built from the ground: each file is one idea, from the bytes upwards.

    frames.py       the frames of HTTP/2, how they are written, and the two kinds of faults. Pure
    huffman.py      the code of header strings. Pure
    hpack.py        the compression of header fields. Pure
    fields.py       which header fields are allowed. Pure
    patience.py     how much work for nothing a peer may cause. Pure
    streams.py      one stream: its states and windows. Pure
    outbox.py       what waits to be sent, and in which order. Pure
    h2.py           a connection: bytes in, events out. Pure
"""
