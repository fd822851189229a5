"""Canaries: servers of this machine that count who comes, and files that nobody may change."""

import hashlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Canary:
    """Accepts whoever connects, answers as HTTP and SMTP servers would, and counts."""

    def __init__(self, kind: socket.SocketKind = socket.SOCK_STREAM, path: str | None = None) -> None:
        family = socket.AF_INET if path is None else socket.AF_UNIX
        self.socket = socket.socket(family, kind)
        self.socket.bind(("127.0.0.1", 0) if path is None else path)
        self.came = 0
        self._kind = kind
        if kind == socket.SOCK_STREAM:
            self.socket.listen(64)
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self.socket.getsockname()[1])

    def _serve(self) -> None:
        while True:
            try:
                if self._kind == socket.SOCK_DGRAM:
                    self.socket.recvfrom(4096)
                    self.came += 1
                    continue
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.came += 1
            with connection:
                connection.settimeout(2)
                try:
                    connection.sendall(b"220 canary\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                    connection.recv(4096)
                except OSError:
                    pass


@contextmanager
def canary(kind: socket.SocketKind = socket.SOCK_STREAM, path: str | None = None) -> Iterator[Canary]:
    bird = Canary(kind, path)
    try:
        yield bird
    finally:
        bird.socket.close()


def checksums(folder: Path) -> dict[str, str]:
    """Of every file below the folder, links and all."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
