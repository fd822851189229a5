"""HTTP as raw bytes: what a server answers, to the last byte."""

import re
import socket
import time
from collections.abc import Callable, Sequence

from msgspec import Struct

_VOLATILE = re.compile(rb"(?im)^(date|expires|last-modified): .*\r\n")


class Talk(Struct, frozen=True):
    """What a client sends, piece by piece."""

    name: str
    pieces: tuple[bytes, ...]
    hangs_up: bool = False
    """Leaves without waiting for the answer."""


def request(method: str, target: str, body: bytes = b"", *headers: str, length: bool = True) -> bytes:
    head = [f"{method} {target} HTTP/1.1", "Host: shop.test", "Connection: close", *headers]
    if body and length:
        head.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*head, "", ""]).encode() + body


def form(method: str, target: str, body: bytes, kind: str) -> bytes:
    return request(method, target, body, f"Content-Type: {kind}")


def chunked(*pieces: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def talk(port: int, what: Talk) -> bytes:
    """Everything that comes back; `Date` and the like left out."""
    with socket.create_connection(("127.0.0.1", port), timeout=40) as connection:
        for number, piece in enumerate(what.pieces):
            if number:
                time.sleep(0.05)  # so that it is another packet
            connection.sendall(piece)
        if what.hangs_up:
            return b""
        received = b""
        try:
            while piece := connection.recv(65536):
                received += piece
        except ConnectionResetError:
            received += b"<reset>"
    return _VOLATILE.sub(b"", received)


BOUNDARY = "frontier"
MULTIPART = (
    b'--frontier\r\nContent-Disposition: form-data; name="plan"\r\n\r\npro\r\n'
    b'--frontier\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n'
    b"Content-Type: application/octet-stream\r\n\r\n" + bytes(range(256)) * 40 + b"\r\n--frontier--\r\n"
)

TALKS: Sequence[Talk] = (
    Talk("plain", (request("GET", "/plain"),)),
    Talk("head", (request("HEAD", "/plain"),)),
    Talk("json", (form("POST", "/signup", b'{"email": "ada@example.org", "plan": "pro"}', "application/json"),)),
    Talk("bad json", (form("POST", "/signup", b"{", "application/json"),)),
    Talk("form", (form("POST", "/form", b"a=1&b=%20x", "application/x-www-form-urlencoded"),)),
    Talk("multipart", (form("POST", "/form", MULTIPART, f"multipart/form-data; boundary={BOUNDARY}"),)),
    Talk("large body", (form("POST", "/size", b"y" * 2_000_000, "application/octet-stream"),)),
    Talk("large body in a form", (form("POST", "/form", b"a=" + b"y" * 100_000, "application/x-www-form-urlencoded"),)),
    Talk("body not read", (form("POST", "/unread", b"z" * 1000, "text/plain"),)),
    Talk("body read in part", (form("POST", "/some", b"abcdef", "text/plain"),)),
    Talk("body by lines", (form("POST", "/lines", b"one\ntwo\nthree", "text/plain"),)),
    Talk("no body", (request("POST", "/size", b"", "Content-Length: 0"),)),
    Talk("body in two packets", (form("POST", "/size", b"12345", "text/plain")[:-3], b"345")),
    Talk(
        "chunked body",
        (request("POST", "/size", chunked(b"abc", b"defgh"), "Transfer-Encoding: chunked", length=False),),
    ),
    Talk("expect", (request("POST", "/size", b"", "Content-Length: 5", "Expect: 100-continue"), b"12345")),
    Talk("stream", (request("GET", "/stream"),)),
    Talk("stream breaks", (request("GET", "/breaks"),)),
    Talk("large answer", (request("GET", "/large"),)),
    Talk("file", (request("GET", "/file"),)),
    Talk("file, head", (request("HEAD", "/file"),)),
    Talk("file, range", (request("GET", "/file", b"", "Range: bytes=10-29"),)),
    Talk("bytes from memory", (request("GET", "/memory"),)),
    Talk("not modified", (request("GET", "/fresh", b"", 'If-None-Match: "one"'),)),
    Talk("no content", (request("GET", "/none"),)),
    Talk("exception", (request("GET", "/fails"),)),
    Talk("not found", (request("GET", "/nowhere?token=abc"),)),
    Talk("wrong method", (request("DELETE", "/plain"),)),
    Talk("closing", (request("GET", "/closes"),)),
    Talk("raw", (request("GET", "/raw"),)),
    Talk("async", (request("GET", "/async"),)),
    Talk("background", (request("POST", "/background"),)),
    Talk("odd path", (request("GET", "/users/7%2F8/%E2%82%AC?x=%FF&y"),)),
)

HANG_UPS: Sequence[Talk] = (
    Talk("hangs up", (request("GET", "/large"),), hangs_up=True),
    Talk("hangs up amid the body", (form("POST", "/size", b"12345", "text/plain")[:-3],), hangs_up=True),
)
"""What these leave in a log depends on who is quicker."""


def everything(
    port: int, log: Callable[[], str], left_out: Sequence[str] = (), last: str = ""
) -> tuple[dict[str, bytes], str]:
    """The answers to everything, and what `log` says when it has come to `last`. Then clients hang up."""
    answers = {each.name: talk(port, each) for each in TALKS if each.name not in left_out}
    deadline = time.monotonic() + 40
    while last not in log():
        assert time.monotonic() < deadline, log()
        time.sleep(0.02)  # what runs after an answer may still be at it
    logged = log()
    for each in HANG_UPS:
        talk(port, each)
    answers["in the end"] = talk(port, TALKS[0])
    return answers, logged
