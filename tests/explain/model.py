"""A model's server on this machine: speaks both protocols, keeps what it was sent, answers as it is told."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ANSWER = "The payment has no timeout.\n```diff\n+ timeout=10\n```"


@dataclass
class Model:
    url: str
    status: int = 200
    text: str = ANSWER
    raw: bytes | None = None
    """The body of the answer, instead of a proper one."""
    stop_reason: str = ""
    hang: bool = False
    received: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)
    """Path, headers and body of each request."""
    let_go: threading.Event = field(default_factory=threading.Event)

    @property
    def prompts(self) -> list[str]:
        """What each request's messages say, all of them."""
        return ["".join(message["content"] for message in body["messages"]) for _, _, body in self.received]

    def answer(self, path: str) -> bytes:
        if self.raw is not None:
            return self.raw
        if self.status != 200:
            return json.dumps({"error": {"type": "refused", "message": self.text}}).encode()
        if path.endswith("/messages"):
            told: dict[str, Any] = {
                "id": "msg_1",
                "type": "message",
                "role": "assistant",
                "model": "m",
                "content": [{"type": "text", "text": self.text}] if self.text else [],
                "stop_reason": self.stop_reason or "end_turn",
                "stop_sequence": None,
                "usage": {"input_tokens": 1, "output_tokens": 1},
            }
        else:
            choice = {
                "index": 0,
                "message": {"role": "assistant", "content": self.text},
                "finish_reason": self.stop_reason or "stop",
            }
            told = {"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
        return json.dumps(told).encode()


@contextmanager
def running() -> Iterator[Model]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            model.received.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            if model.hang:
                model.let_go.wait(30)
                return
            answer = model.answer(self.path)
            self.send_response(model.status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    model = Model(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield model
    finally:
        model.let_go.set()
        server.shutdown()
        server.server_close()
        thread.join(5)
