"""Canaries: servers of this machine that count who comes, and files that nobody may change."""

import hashlib
import os
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
        self._kind = kind
        self._count = 0
        self._own: object = None
        self._heard = threading.Event()
        if kind == socket.SOCK_STREAM:
            self.socket.listen(64)
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def came(self) -> int:
        """How many came before now: whoever knocks last is heard last."""
        self._heard.clear()
        with socket.socket(self.socket.family, self._kind) as own:
            own.bind(("127.0.0.1", 0) if self.socket.family == socket.AF_INET else f"\0canary-{id(own)}-{os.getpid()}")
            self._own = own.getsockname()
            own.connect(self.socket.getsockname())
            if self._kind == socket.SOCK_DGRAM:
                own.send(b"me")
            assert self._heard.wait(30)
        return self._count

    @property
    def port(self) -> int:
        return int(self.socket.getsockname()[1])

    def _serve(self) -> None:
        while True:
            try:
                if self._kind == socket.SOCK_DGRAM:
                    self._note(self.socket.recvfrom(4096)[1])
                    continue
                connection, peer = self.socket.accept()
            except OSError:
                return
            with connection:
                if self._note(peer):
                    continue
                connection.settimeout(2)
                try:
                    connection.sendall(b"220 canary\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                    connection.recv(4096)
                except OSError:
                    pass

    def _note(self, peer: object) -> bool:
        """Whether that was this program, which asks how many came."""
        if mine := peer == self._own:
            self._heard.set()
        else:
            self._count += 1
        return mine


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
