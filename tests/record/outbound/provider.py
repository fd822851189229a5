"""A provider to call: a real HTTP server in a thread, with answers of every kind."""

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CHARGE = {"id": "ch_1", "amount": 2900, "client_secret": "sk_live_0123456789abcdef01234567"}


class Provider(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 50

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        length = int(self.headers.get("Content-Length") or 0)
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(length)
        if path == "/charge":
            self._answer(200, json.dumps(CHARGE).encode(), "application/json")
        elif path == "/echo":
            self._answer(200, body, self.headers.get("Content-Type", "application/octet-stream"))
        elif path == "/gzip":
            content = gzip.compress(json.dumps(CHARGE).encode())
            self._answer(200, content, "application/json", [("Content-Encoding", "gzip")])
        elif path == "/moved":
            self._answer(302, b"over there", "text/plain", [("Location", "/charge")])
        elif path == "/down":
            self._answer(503, b"try later", "text/plain")
        elif path == "/gone":
            self._answer(404, b"no such charge", "text/plain")
        elif path == "/pieces":
            self.send_response(200)
            self.send_header("Content-Type", "text/plain")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for number in range(4):
                self.wfile.write(b"8\r\npiece %d\n\r\n" % number)
            self.wfile.write(b"0\r\n\r\n")
        elif path == "/large":
            self._answer(200, b"x" * 1_000_000, "text/plain")
        elif path == "/hangs":
            stopping.wait(20)
            self.close_connection = True

    do_POST = do_PUT = do_HEAD = do_GET

    def _answer(self, status: int, body: bytes, kind: str, headers: list[tuple[str, str]] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers or []:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


stopping = threading.Event()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_: Any) -> None:
        pass  # clients of these tests hang up


@contextmanager
def provider() -> Iterator[str]:
    """Its base address."""
    server = _Server(("127.0.0.1", 0), Provider)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    stopping.clear()
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        stopping.set()
        server.shutdown()
        server.server_close()
        thread.join(40)
