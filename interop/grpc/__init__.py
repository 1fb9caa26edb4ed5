"""gRPC beside XML-RPC, built from the ground: each file is one idea, from the bytes upwards.

    frames.py       the frames of HTTP/2, how they are written, and the two kinds of faults. Pure
    huffman.py      the code of header strings. Pure
    hpack.py        the compression of header fields. Pure
    fields.py       which header fields are allowed. Pure
    patience.py     how much work for nothing a peer may cause. Pure
    streams.py      one stream: its states and windows. Pure
    outbox.py       what waits to be sent, and in which order. Pure
    stream_table.py  which streams are open and which were, and what may be sent in them. Pure
    incoming.py     cuts what comes into frames, and joins header blocks. Pure
    events.py       what a connection tells. Pure
    h2.py           a connection: bytes in, events out. Pure
    protobuf.py     messages: values become bytes, and come back. Pure
    contract.py     the methods and messages of a service, from its functions. Pure
    descriptors.py  messages that describe messages, and the text of a .proto. Pure
    framing.py      messages in a stream, and their compression. Pure
    statuses.py     the statuses, and which one tells which outcome of rule R. Pure
    calls.py        a call, told in the words of XML-RPC, and its reply in those of gRPC. Pure
    health.py       whether a server takes calls. Pure
    reflection.py   which services and types there are. Pure
    exchanges.py    what happens on one stream: a call, health, reflection
    door.py         the connections of a server, on the same port as those of XML-RPC
    server.py       a server with both doors
    client.py       a caller, of our servers and of others
"""
