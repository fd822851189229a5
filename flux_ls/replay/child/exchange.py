"""A request and its answer, as both interfaces have them."""

import base64
from dataclasses import dataclass, field
from typing import Any

KEPT = 1 << 20
"""Bytes of an answer that are told; the rest is counted."""
ENDLESS = 64 << 20
"""After so many bytes nobody reads on."""


@dataclass(frozen=True)
class Sent:
    method: str
    path: str
    query: str
    headers: list[tuple[str, str]]
    body: bytes
    scheme: str
    raw_target: bool = True

    @staticmethod
    def of(told: dict[str, Any]) -> "Sent":
        headers = [(name, value) for name, value in told["headers"]]
        return Sent(
            told["method"],
            told["path"],
            told["query"],
            headers,
            base64.b64decode(told["body"]),
            told["scheme"],
            told["raw_target"],
        )

    def header(self, wanted: str) -> str | None:
        return next((value for name, value in self.headers if name.lower() == wanted), None)

    @property
    def address(self) -> tuple[str, int]:
        """The host and port that the client asked."""
        host = self.header("host") or "localhost"
        name, _, port = host.rpartition(":")
        return (name, int(port)) if name and port.isdigit() else (host, 443 if self.scheme == "https" else 80)


@dataclass
class Answered:
    status: int | None = None
    headers: list[tuple[str, str]] = field(default_factory=list)
    total: int = 0
    _kept: bytearray = field(default_factory=bytearray)

    def add(self, piece: bytes) -> bool:
        """Whether there is more to be read."""
        self.total += len(piece)
        self._kept += piece[: max(0, KEPT - len(self._kept))]
        return self.total < ENDLESS

    def told(self) -> dict[str, Any]:
        return {
            "status": self.status,
            "headers": self.headers,
            "body": base64.b64encode(self._kept).decode("ascii"),
            "body_total": self.total,
        }
