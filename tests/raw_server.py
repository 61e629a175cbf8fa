"""A server that sends the very bytes of a test, HTTP or not, on the loopback interface."""

from __future__ import annotations

import socket
import socketserver
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager


class RawServer(socketserver.ThreadingTCPServer):
    """Answers one request of each connection with the bytes of ``answer``, piece by piece, and closes it.

    A piece that is None resets the connection.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, answer: Callable[[bytes], Iterable[bytes | None]]) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self.answer = answer
        self.requests: list[bytes] = []
        self.stopped = threading.Event()

    def url(self, path: str = "/a", host: str = "127.0.0.1") -> str:
        """An address of this server."""
        return f"http://{host}:{self.server_address[1]}{path}"

    def drip(self, text: bytes, every: float = 0.02) -> Iterator[bytes]:
        """A byte at a time, and for ever."""
        while not self.stopped.wait(every):
            yield text[:1]
            text = text[1:] + text[:1]


class _Answering(socketserver.BaseRequestHandler):
    server: RawServer

    def handle(self) -> None:
        asked = b""
        while b"\r\n\r\n" not in asked and (more := self.request.recv(65536)):
            asked += more
        self.server.requests.append(asked)
        try:
            for piece in self.server.answer(asked):
                if piece is None:
                    self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    self.request.close()
                    return
                self.request.sendall(piece)
        except OSError:
            return  # The client has heard enough.


@contextmanager
def serving(answer: Callable[[bytes], Iterable[bytes | None]] | bytes) -> Iterator[RawServer]:
    """A running server; every connection gets the same bytes, or what a function makes of its request."""
    server = RawServer((lambda _: [answer]) if isinstance(answer, bytes) else answer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stopped.set()
        server.shutdown()
        server.server_close()
        thread.join()
