"""A server so fast that only the proxy before it is measured: it always sends the same reply.

    python3 -m bench.cheap    prints its address; ends when its standard input ends

One thread, one selector.
"""

from __future__ import annotations

import selectors
import socket

from bench.load import RECEIVE_BYTES, message_bytes
from bench.processes import end_with_parent
from ponte.net.address import show
from ponte.net.message import Reply, encode_reply
from ponte.rpc.marshal import CONTENT_TYPE, encode_result

RESULT = encode_result("World")
BACKLOG = 4096


def main() -> None:
    end_with_parent()
    reply = encode_reply(Reply(200, {"Content-Type": CONTENT_TYPE}, RESULT))
    selector = selectors.DefaultSelector()
    listener = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
    selector.register(listener, selectors.EVENT_READ)
    # The received part of the next request of each connection.
    received: dict[socket.socket, bytes] = {}
    print(f"cheap: listening on {show(listener.getsockname())}", flush=True)
    while True:
        for key, _ in selector.select():
            sock = key.fileobj
            assert isinstance(sock, socket.socket)
            if sock is listener:
                connection, _ = listener.accept()
                selector.register(connection, selectors.EVENT_READ)
                received[connection] = b""
            elif not _serve(sock, received, reply):
                selector.unregister(sock)
                del received[sock]
                sock.close()


def _serve(sock: socket.socket, received: dict[socket.socket, bytes], reply: bytes) -> bool:
    """Replies if the whole request has arrived; False when the connection has ended."""
    try:
        data = sock.recv(RECEIVE_BYTES)
        if data:
            received[sock] += data
            length = message_bytes(received[sock])
            if length and len(received[sock]) >= length:
                received[sock] = received[sock][length:]
                sock.sendall(reply)
    except OSError:
        return False
    return bool(data)


if __name__ == "__main__":
    main()
