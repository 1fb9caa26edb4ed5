"""Header blocks of HPACK, and whole sessions of HTTP/2, as each end of a connection gets them.

Whatever the bytes: no exception but the named ones, the same events in whatever pieces they come,
bounded memory, and what is sent back is whole frames, with a GOAWAY as the last where it ends.
"""

from __future__ import annotations

from interop.grpc import frames, hpack
from interop.grpc.events import Data, Ended, Event, Headers, Trailers
from interop.grpc.frames import END_HEADERS, END_STREAM, PADDED, PREFACE, frame
from interop.grpc.h2 import MAX_STREAMS, Connection
from interop.grpc.hpack import (
    ENTRY_BYTES,
    LIST_BYTES,
    TABLE_BYTES,
    BadBlock,
    Decoder,
    TooManyFields,
)
from interop.grpc.stream_table import MAX_CLOSED
from tests.fuzz.mutate import Target

POST = ((b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/ponte.greeter.Greeter/hello"),
        (b":authority", b"127.0.0.1:4242"), (b"te", b"trailers"), (b"content-length", b"12"))
REPLY = ((b":status", b"200"), (b"content-type", b"application/grpc"))
TRAILERS = ((b"grpc-status", b"0"),)
WORLD = b"\0\0\0\0\7\n\5World"
# Blocks that use the table: literals that are kept, a name and a field of the table, new sizes.
BLOCKS = (b"\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff",
          b"\x40\x0acustom-key\x0dcustom-header\xbe\x7e\x03two\xbf", b"\x20\x3f\xe1\x1f\x82",
          b"\x10\x08password\x06secret\x04\x0c/sample/path", b"\xbe\xbe\xbe\xbe")
# Pieces in which a session comes, beside all at once.
PIECE_BYTES = 7
# A session of a fuzzer is short. What ours may hold for it: data of the open streams, answers, and
# the few bytes of each reply.
MAX_QUEUED_BYTES = 256 * 1024


def check_hpack(data: bytes) -> str:
    """The input is blocks, each with its length in one byte before it. Each is sent twice."""
    decoder, without_memory, result, at = Decoder(), Decoder(), "empty", 0
    while at < len(data):
        block = data[at + 1:at + 1 + data[at]]
        at += 1 + data[at]
        try:
            for _ in range(2):
                fields = decoder.decode(block)
                assert fields == without_memory._decode(block)
        except BadBlock as bad:
            return str(bad)[:20]
        except TooManyFields:
            return "too many fields"
        finally:
            check_table(decoder)
        size = sum(len(name) + len(value) + ENTRY_BYTES for name, value in fields)
        assert size <= LIST_BYTES
        # What we write, we read.
        assert Decoder().decode(hpack.encode(fields)) == fields
        result = "blocks"
    return result


def check_table(decoder: Decoder) -> None:
    size = sum(len(name) + len(value) + ENTRY_BYTES for name, value in decoder.table)
    assert size == decoder.table_bytes <= TABLE_BYTES


def begun(is_client: bool) -> Connection:
    """An end that has sent what comes first; a client has two requests open."""
    ours = Connection(is_client)
    if is_client:
        ours.request(POST, end_stream=True)
        ours.request(POST)
    ours.data_to_send()
    return ours


def check_server(data: bytes) -> str:
    return check(data, is_client=False)


def check_client(data: bytes) -> str:
    return check(data, is_client=True)


def check(data: bytes, is_client: bool) -> str:
    whole, pieces = begun(is_client), begun(is_client)
    events = whole.receive(data, 0.0)
    of_pieces: list[Event] = []
    for at in range(0, len(data), PIECE_BYTES):
        of_pieces += pieces.receive(data[at:at + PIECE_BYTES], 0.0)
    assert events == of_pieces
    assert not any(isinstance(event, Ended) for event in events[:-1])
    sent = whole.data_to_send()
    assert sent == pieces.data_to_send()
    check_sent(whole, sent)
    check_answering(data, is_client)
    if whole.is_ended:
        last = events[-1]
        assert isinstance(last, Ended)
        return last.why[:20]
    return f"{len({type(event) for event in events})} kinds of events"


def check_answering(data: bytes, is_client: bool) -> None:
    """The same session with an owner who answers each request, and consumes what comes."""
    ours = begun(is_client)
    for at in range(0, len(data), 1000):
        for event in ours.receive(data[at:at + 1000], at / 1000):
            if isinstance(event, Data):
                ours.consumed(event.stream_id, len(event.data))
            if isinstance(event, Trailers) or (isinstance(event, (Headers, Data))
                                               and event.end_stream):
                ours.send_headers(event.stream_id, REPLY)
                ours.send_data(event.stream_id, WORLD * 3000)
                ours.send_headers(event.stream_id, TRAILERS, end_stream=True)
        assert ours.open_streams <= MAX_STREAMS
        assert len(ours._streams.closed) <= MAX_CLOSED
        check_sent(ours, ours.data_to_send())
        assert ours.queued_bytes <= MAX_STREAMS * len(WORLD) * 3000 + MAX_QUEUED_BYTES


def check_sent(ours: Connection, sent: bytes) -> None:
    """Whole frames; the last is GOAWAY where the connection has ended."""
    at, kind = 0, None
    while at < len(sent):
        high, low, kind, _, _ = frames.HEADER.unpack_from(sent, at)
        assert high << 8 | low <= frames.FRAME_BYTES
        at += frames.HEADER.size + (high << 8 | low)
    assert at == len(sent)
    assert kind in (None, frames.GOAWAY) or not ours.is_ended


def session_of_a_client() -> bytes:
    client = Connection(is_client=True)
    sent = client.data_to_send()
    for end in (True, False):
        call = client.request(POST)
        client.send_data(call, WORLD, end_stream=end)
    client.send_headers(call, TRAILERS, end_stream=True)
    client.reset(client.request(POST), frames.CANCEL)
    client.ping(b"12345678")
    return sent + client.data_to_send()


def session_of_a_server() -> bytes:
    server = Connection(is_client=False)
    for stream_id in (1, 3):
        server._streams.begin(stream_id).receiving = stream_id == 3
        server.send_headers(stream_id, REPLY)
        server.send_data(stream_id, WORLD)
    server.send_headers(1, TRAILERS, end_stream=True)
    server.reset(3, frames.REFUSED_STREAM)
    server.drain()
    server.stop_accepting()
    return server.data_to_send()


_BLOCK = hpack.encode(POST)
BEGIN = PREFACE + frames.settings({frames.INITIAL_WINDOW_SIZE: 100, frames.MAX_FRAME_SIZE: 20_000})
SESSIONS = (
    session_of_a_client(),
    BEGIN + frame(frames.HEADERS, 0, 1, _BLOCK[:9]) + frame(frames.CONTINUATION, 0, 1, _BLOCK[9:12])
    + frame(frames.CONTINUATION, END_HEADERS, 1, _BLOCK[12:])
    + frame(frames.DATA, END_STREAM | PADDED, 1, b"\x05" + WORLD + bytes(5))
    + frames.window_update(1, 5000) + frames.window_update(0, 5000),
    BEGIN + frame(frames.PRIORITY, 0, 3, b"\0\0\0\1\x0f")
    + b"".join(frame(frames.HEADERS, END_HEADERS | END_STREAM, 2 * number + 1, block)
               for number, block in enumerate(BLOCKS)) + frames.goaway(0, 0, b"bye"),
)
WORDS = (*(frame(kind, flags, stream_id, payload) for kind, flags, stream_id, payload in (
    (frames.DATA, END_STREAM, 1, b"x"), (frames.DATA, 0, 1, b""), (frames.HEADERS, 5, 5, _BLOCK),
    (frames.RST_STREAM, 0, 1, b"\0\0\0\x08"), (frames.SETTINGS, 0, 0, b"\0\4\0\0\0\0"),
    (frames.SETTINGS, 1, 0, b""), (frames.SETTINGS, 0, 0, b"\0\4\x7f\xff\xff\xff"),
    (frames.PING, 0, 0, b"12345678"), (frames.WINDOW_UPDATE, 0, 0, b"\x7f\xff\xff\xff"),
    (frames.WINDOW_UPDATE, 0, 1, b"\0\0\0\1"), (frames.CONTINUATION, 4, 1, b""),
    (frames.PUSH_PROMISE, 4, 1, b"\0\0\0\2"), (0xBE, 0, 0, b"?"))),
    b"\xff\xff\xff\x7f", b"\x80", b"\xbe", b"\x20", b"\x3f\xe1\x1f", b"\0\0\0")

TARGETS = (
    Target("hpack", tuple(b"".join(bytes([len(block)]) + block for block in blocks)
                          for blocks in (BLOCKS, BLOCKS[::-1], (_BLOCK, BLOCKS[1]))),
           (b"\x40\x01a\x01b", b"\xbe", b"\x7e\x01c", b"\x20", b"\x3f\xe1\x1f", b"\x80", b"\x82",
            b"\xff\xff\xff\xff\x7f", b"\x00\x85\xf2\xb2\x4a\x84\xff", b"\xff"), check_hpack),
    Target("http2-server", SESSIONS, WORDS, check_server),
    Target("http2-client", (session_of_a_server(), session_of_a_server()[:100]), WORDS,
           check_client),
)
