"""Bytes in and out: the frames of the base protocol over standard input and output, or over one TCP connection."""

import asyncio
import contextlib
import json
import logging
import os
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import BinaryIO

from flux_ls.lsp.protocol import FluxProtocol

log = logging.getLogger(__name__)

CHUNK = 1 << 16
LONGEST_BODY = 1 << 28
LONGEST_HEADER = 1 << 14


class FramingLost(Exception):
    """The stream no longer makes sense: where the next message starts is unknown."""


class Frames:
    """Cuts a stream of bytes into message bodies."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._wanted: int | None = None

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The bodies that `chunk` completes; raises FramingLost."""
        self._buffer += chunk
        while True:
            if self._wanted is None:
                self._wanted = self._header()
            if self._wanted is None:
                return
            if len(self._buffer) < self._wanted:
                return
            body = bytes(self._buffer[: self._wanted])
            del self._buffer[: self._wanted]
            self._wanted = None
            yield body

    def _header(self) -> int | None:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > LONGEST_HEADER:
                raise FramingLost("no end of a message header in sight")
            return None
        lines = bytes(self._buffer[:end]).split(b"\r\n")
        del self._buffer[: end + 4]
        for line in lines:
            name, _, value = line.partition(b":")
            if name.strip().lower() == b"content-length" and value.strip().isdigit():
                if (length := int(value)) > LONGEST_BODY:
                    raise FramingLost(f"a message of {length} bytes")
                return length
        raise FramingLost("a message header without Content-Length")


async def converse(protocol: FluxProtocol, chunks: AsyncIterator[bytes]) -> None:
    """Feeds what the client sends to `protocol` until it says `exit`, or is gone."""
    frames = Frames()

    async def read() -> None:
        try:
            async for chunk in chunks:
                for body in frames.feed(chunk):
                    _deliver(protocol, body)
                    if protocol.exited.is_set():
                        return
        except FramingLost as error:
            log.error("the client's messages cannot be told apart any more: %s", error)

    reading = asyncio.create_task(read())
    leaving = asyncio.create_task(protocol.exited.wait())
    await asyncio.wait({reading, leaving}, return_when=asyncio.FIRST_COMPLETED)
    for task in (reading, leaving):
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await reading


def _deliver(protocol: FluxProtocol, body: bytes) -> None:
    try:
        message = json.loads(body)
    except (ValueError, RecursionError) as error:
        log.warning("ignored a message that is no JSON: %s", error)
        return
    try:
        protocol.handle_message(message)
    except Exception:
        log.exception("a message could not be handled")


async def over_stdio(protocol: FluxProtocol, stop_work: Callable[[], Awaitable[None]]) -> None:
    """One session over standard input and output."""
    stdin, stdout = _take_standard_streams()
    protocol.set_writer(_Flushed(stdout))
    await converse(protocol, _chunks(stdin))
    await stop_work()


def _take_standard_streams() -> tuple[BinaryIO, BinaryIO]:
    """The streams for messages. What anybody else prints goes to standard error from now on: it would break them."""
    sys.stdout.flush()
    out = os.dup(1)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    # Unbuffered: a thread still reading at exit would hold the lock of a buffer, which Python's end needs.
    return open(0, "rb", buffering=0, closefd=False), open(out, "wb")  # noqa: PTH123


class _Flushed:
    """A writer whose every message leaves at once."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, data: bytes) -> None:
        self._stream.write(data)
        self._stream.flush()

    def close(self) -> None:
        self._stream.close()


async def _chunks(stream: BinaryIO) -> AsyncIterator[bytes]:
    """What a blocking stream has, read in a thread of its own."""
    loop = asyncio.get_running_loop()
    arrived: asyncio.Queue[bytes] = asyncio.Queue()

    def pump() -> None:
        chunk = b"-"
        while chunk:
            try:
                chunk = stream.read(CHUNK) or b""
            except OSError:
                chunk = b""
            try:
                loop.call_soon_threadsafe(arrived.put_nowait, chunk)
            except RuntimeError:
                return  # The loop has ended.

    threading.Thread(target=pump, name="flux-stdin", daemon=True).start()
    while chunk := await arrived.get():
        yield chunk


async def over_tcp(protocol: FluxProtocol, host: str, port: int, stop_work: Callable[[], Awaitable[None]]) -> None:
    """One session over the first connection to `host:port`; the port in use is said on standard error."""
    ended = asyncio.Event()
    taken = False

    async def session(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal taken
        if taken:
            writer.close()
            return
        taken = True
        protocol.set_writer(writer)

        async def chunks() -> AsyncIterator[bytes]:
            with contextlib.suppress(ConnectionError):
                while chunk := await reader.read(CHUNK):
                    yield chunk

        try:
            await converse(protocol, chunks())
            await stop_work()
            with contextlib.suppress(ConnectionError):
                await writer.drain()
            writer.close()
        finally:
            ended.set()

    server = await asyncio.start_server(session, host, port)
    async with server:
        bound = server.sockets[0].getsockname()
        sys.stderr.write(f"flux-ls listens on {bound[0]}:{bound[1]}\n")
        sys.stderr.flush()
        await ended.wait()
