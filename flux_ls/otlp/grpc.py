"""OTLP over gRPC on loopback."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import grpc.aio

from flux_ls.otlp.listen import PortInUse, answers
from flux_ls.otlp.payload import MAX_BODY, Undecodable
from flux_ls.otlp.signals import SIGNALS, TRACES, Signal, export
from flux_ls.otlp.sink import SinkBusy
from flux_ls.otlp.status import Code, status_protobuf
from flux_ls.otlp.worker import Worker

_OPTIONS = (
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", MAX_BODY),
    ("grpc.max_send_message_length", MAX_BODY),
)

log = logging.getLogger(__name__)


class GrpcServer:
    """The trace, logs and metrics services on 127.0.0.1 and ::1. `port` is known once it has started."""

    def __init__(self, worker: Worker, port: int, on_activity: Callable[[], None] = lambda: None) -> None:
        self.port = port
        self._server = grpc.aio.server(options=_OPTIONS)
        self._server.add_generic_rpc_handlers(
            tuple(
                grpc.method_handlers_generic_handler(
                    signal.service,
                    {"Export": grpc.unary_unary_rpc_method_handler(_handler(signal, worker, on_activity))},
                )
                for signal in SIGNALS
            )
        )

    async def start(self) -> None:
        """Raises `PortInUse`."""
        if self.port and answers(self.port):
            raise PortInUse(self.port)
        try:
            self.port = self._server.add_insecure_port(f"127.0.0.1:{self.port}")
        except RuntimeError:
            raise PortInUse(self.port) from None
        try:
            self._server.add_insecure_port(f"[::1]:{self.port}")
        except RuntimeError:
            log.info("gRPC listens on 127.0.0.1 only")
        await self._server.start()

    async def stop(self, grace_s: float = 30.0) -> None:
        """Accepts nothing more and answers what has arrived."""
        await self._server.stop(grace_s)


def _handler(
    signal: Signal, worker: Worker, on_activity: Callable[[], None]
) -> Callable[[bytes, grpc.aio.ServicerContext[Any, Any]], Awaitable[bytes]]:
    # Requests stay bytes here: what gRPC's own deserializer cannot read it answers with INTERNAL.
    async def handle(body: bytes, context: grpc.aio.ServicerContext[Any, Any]) -> bytes:
        on_activity()
        try:
            if signal.export is None:
                return b""
            return await worker.export(lambda sink: export(signal, sink, body, "identity", "protobuf"))
        except SinkBusy as busy:
            await _abort(context, grpc.StatusCode.UNAVAILABLE, Code.UNAVAILABLE, str(busy), busy.retry_after_s)
        except Undecodable as error:
            await _abort(context, grpc.StatusCode.INVALID_ARGUMENT, Code.INVALID_ARGUMENT, str(error))
        except Exception:
            log.exception("an export to %s failed", signal.service)
            await _abort(context, grpc.StatusCode.INTERNAL, Code.INTERNAL, "the collector failed; its log says why")
        raise AssertionError("unreachable")

    return handle


async def _abort(
    context: grpc.aio.ServicerContext[Any, Any],
    status: grpc.StatusCode,
    code: Code,
    message: str,
    retry_after_s: float | None = None,
) -> None:
    details = status_protobuf(code, message, retry_after_s)
    await context.abort(status, message, trailing_metadata=(("grpc-status-details-bin", details),))


def receives_otlp(port: int, timeout_s: float = 1.0) -> bool:
    """Whether the program on the loopback port takes an empty export, which no receiver keeps."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        try:
            channel.unary_unary(f"/{TRACES.service}/Export")(b"", timeout=timeout_s)
        except grpc.RpcError:
            return False
    return True
