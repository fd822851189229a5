"""Fuzzes the decoding of received bodies: `python tests/fuzz/otlp_payload.py [SECONDS]` (needs atheris).

Whatever the bytes, a body is a message or `Undecodable` or `TooLarge`, and what is a message can be read again.
"""

import sys
import tempfile
from pathlib import Path

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

_LIMIT = 1024 * 1024
_MESSAGES = (ExportTraceServiceRequest, ExportLogsServiceRequest)


def one_input(data: bytes) -> None:
    """The first byte chooses encoding, format and message; the rest is the body."""
    if not data:
        return
    from flux_ls.otlp import payload  # here, so that atheris can instrument it first

    choice, body = data[0], data[1:]
    try:
        plain = payload.decompress(body, "gzip" if choice & 1 else "identity", _LIMIT)
        message = payload.decode(plain, "json" if choice & 2 else "protobuf", _MESSAGES[choice >> 2 & 1])
    except (payload.Undecodable, payload.TooLarge) as error:
        refused = str(error)
    else:
        refused = ""
        assert type(message).FromString(message.SerializeToString()).ByteSize() == message.ByteSize()
    assert len(refused) < 300


SEEDS = (
    b"\2" + b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","kind":2}]}]}]}',
    b"\6" + b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"\\ud83d"}}]}]}]}',
    b"\0"
    + ExportTraceServiceRequest(resource_spans=[{"scope_spans": [{"spans": [{"name": "a"}]}]}]).SerializeToString(),
    b"\1\x1f\x8b\x08\0\0\0\0\0\0\xff",
)


def main() -> int:
    try:
        import atheris
    except ImportError:
        print("skipped: atheris is not installed (pip install atheris)")
        return 0
    seconds = sys.argv[1] if len(sys.argv) > 1 else "60"
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(SEEDS):
            (Path(corpus) / str(number)).write_bytes(seed)
        with atheris.instrument_imports(include=["flux_ls"]):
            one_input(SEEDS[0])
        atheris.Setup([sys.argv[0], f"-max_total_time={seconds}", corpus], one_input)
        atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
