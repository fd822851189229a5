"""Both receivers on real sockets, in a thread of their own, in front of a sink that keeps what it is given."""

import asyncio
import contextlib
import gzip
import http.client
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from flux_ls.otlp.grpc import GrpcServer
from flux_ls.otlp.http import HttpServer, Receiver
from flux_ls.otlp.listen import listen, port_of
from flux_ls.otlp.sink import Outcome
from flux_ls.otlp.worker import Worker

PROTOBUF = "application/x-protobuf"
JSON = "application/json"


@dataclass
class Recording:
    """A sink that keeps the messages, and answers or raises what it is told to."""

    messages: list[Any] = field(default_factory=list)
    threads: set[int] = field(default_factory=set)
    outcome: Outcome = field(default_factory=Outcome)
    error: Exception | None = None
    gate: threading.Event | None = None
    """An export waits until it is set."""
    closed: bool = False

    def traces(self, message: ExportTraceServiceRequest, body: bytes = b"") -> Outcome:
        return self._take(message)

    def logs(self, message: ExportLogsServiceRequest) -> Outcome:
        return self._take(message)

    def close(self) -> None:
        self.closed = True
        self.threads.add(threading.get_ident())

    def _take(self, message: Any) -> Outcome:
        self.threads.add(threading.get_ident())
        if self.gate is not None:
            assert self.gate.wait(50)
        if self.error is not None:
            raise self.error
        self.messages.append(message)
        return self.outcome

    def span_names(self) -> list[str]:
        return [
            span.name
            for message in self.messages
            for resource in message.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "")


class Receivers:
    """What a test has in hand: the ports, the sink, and the loop to look into."""

    def __init__(self, sink: Recording, worker: Worker, loop: asyncio.AbstractEventLoop) -> None:
        self.sink = sink
        self.worker = worker
        self.loop = loop
        self.http_port = 0
        self.grpc_port = 0
        self.activity = 0

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
        *,
        host: str = "127.0.0.1",
        chunked: bool = False,
        timeout_s: float = 40,
    ) -> Answer:
        connection = http.client.HTTPConnection(host, self.http_port, timeout=timeout_s)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers or {}, encode_chunked=chunked)
            return answer_of(connection)

    def post(self, path: str, body: bytes, content_type: str = PROTOBUF, **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.request("POST", path, body, {"content-type": content_type, **named})

    def healthy(self) -> bool:
        return self.request("GET", "/flux/health").status == 200

    def in_loop(self, work: Callable[[], Any]) -> Any:
        async def call() -> Any:
            return work()

        return asyncio.run_coroutine_threadsafe(call(), self.loop).result(40)


def answer_of(connection: http.client.HTTPConnection) -> Answer:
    response = connection.getresponse()
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, headers, response.read())


@contextlib.contextmanager
def receiving(*, pause_s: float = 30.0, **limits: int) -> Iterator[Receivers]:
    """Receivers that run until the block ends, and then stop as the collector stops them."""
    sink = Recording()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="receivers")
    thread.start()
    worker = Worker(lambda: sink, **limits)
    receivers = Receivers(sink, worker, loop)

    def touch() -> None:
        receivers.activity += 1

    async def start() -> tuple[HttpServer, GrpcServer]:
        await worker.start()
        sockets = listen(0)
        http_server = HttpServer(Receiver(worker, lambda: {"flux": "test"}, touch, pause_s=pause_s), sockets)
        await http_server.start()
        grpc_server = GrpcServer(worker, 0, touch)
        await grpc_server.start()
        receivers.http_port, receivers.grpc_port = port_of(sockets), grpc_server.port
        return http_server, grpc_server

    async def stop() -> None:
        await asyncio.gather(http_server.stop(), grpc_server.stop())
        await worker.stop()

    try:
        http_server, grpc_server = asyncio.run_coroutine_threadsafe(start(), loop).result(40)
        try:
            yield receivers
        finally:
            asyncio.run_coroutine_threadsafe(stop(), loop).result(40)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(40)
        loop.close()


def zipped(body: bytes) -> bytes:
    return gzip.compress(body, 1)
