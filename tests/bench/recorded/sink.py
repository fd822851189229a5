"""A server that takes whatever is exported to it and counts the bytes: the recorders' collector in the benchmarks."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Sink(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.taken = 0
        self.bodies: list[bytes] | None = None
        """What is exported, where somebody wants to look at it."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Sink

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.taken += len(body)
        if self.server.bodies is not None:
            self.server.bodies.append(body)
        is_json = "json" in self.headers.get("Content-Type", "")
        answer = b"{}" if is_json else b""
        self.send_response(200)
        self.send_header("Content-Type", self.headers.get("Content-Type", "application/x-protobuf"))
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *words: object) -> None:
        pass


@contextmanager
def sink() -> Iterator[Sink]:
    server = Sink()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
