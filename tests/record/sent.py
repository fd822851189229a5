"""What the recorder would send, read in the process that recorded it."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from msgspec import Struct
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import get_current_span

from flux_ls.record import recording
from flux_ls.record.export.otlp import encode_made, encode_span
from flux_ls.record.export.taken import Taken
from flux_ls.record.made import MadeSpan
from flux_ls.record.processor import RecordingProcessor
from flux_ls.record.recording import Recording
from flux_ls.record.wire import INPUT, LOCALS, OUTPUT
from tests.record.receiver import span_of

KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")


class SentSpan(Struct, frozen=True):
    """A span as a receiver would see it."""

    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str | None
    attributes: dict[str, Any]
    events: list[tuple[str, dict[str, Any]]]
    error: str | None
    """The status message, when the status is ERROR."""
    start_ns: int
    end_ns: int

    @property
    def input(self) -> Any:
        return json.loads(self.attributes[INPUT]) if INPUT in self.attributes else None

    @property
    def output(self) -> Any:
        return json.loads(self.attributes[OUTPUT]) if OUTPUT in self.attributes else None

    @property
    def locals(self) -> Any:
        return json.loads(self.attributes[LOCALS]) if LOCALS in self.attributes else None

    @property
    def exceptions(self) -> list[dict[str, Any]]:
        return [attributes for name, attributes in self.events if name == "exception"]


class Sent:
    """The spans of all recordings that were handed over, the latest version of each, in the order they came."""

    def __init__(self, provider: TracerProvider) -> None:
        self.provider = provider
        self.recordings: list[Recording] = []
        self.failed: set[str] = set()
        self._spans: dict[str, SentSpan] = {}

    def take(self, recording: Recording) -> None:
        taken = Taken(recording)
        self.recordings.append(recording)
        if taken.failed:
            self.failed.add(f"{taken.trace_id:032x}")
        for span in taken.spans:
            encoded = (encode_made if isinstance(span, MadeSpan) else encode_span)(taken, span, 1 << 20)
            decoded = _decoded(span_of(encoded))
            self._spans[decoded.span_id] = decoded

    @property
    def spans(self) -> list[SentSpan]:
        # A server's thread may still be about to end what its client has read to the end.
        deadline = time.monotonic() + 40
        while recording.OPEN and time.monotonic() < deadline:
            time.sleep(0.005)
        for each in list(recording.OPEN.values()):
            # Nothing may be left open by what has run to its end.
            raise AssertionError(f"a recording is still open: {each.trace_id:032x} {each.spans}")
        return list(self._spans.values())

    @property
    def roots(self) -> list[SentSpan]:
        """The requests."""
        known = {span.span_id for span in self.spans}
        return [span for span in self.spans if span.parent_id not in known]

    def one(self, name: str | None = None, *, kind: str | None = None) -> SentSpan:
        found = [
            span for span in self.spans if (name is None or span.name == name) and (kind is None or span.kind == kind)
        ]
        assert len(found) == 1, f"{len(found)} of {[(span.name, span.kind) for span in self.spans]}"
        return found[0]

    def children(self, parent: SentSpan) -> list[SentSpan]:
        return [span for span in self.spans if span.parent_id == parent.span_id]

    def clear(self) -> None:
        self.recordings.clear()
        self._spans.clear()
        self.failed.clear()


def _decoded(span: dict[str, Any]) -> SentSpan:
    status = span.get("status", {})
    return SentSpan(
        name=span["name"],
        kind=KINDS[span["kind"]],
        trace_id=span["traceId"],
        span_id=span["spanId"],
        parent_id=span.get("parentSpanId"),
        attributes=_attributes(span["attributes"]),
        events=[(event["name"], _attributes(event["attributes"])) for event in span.get("events", [])],
        error=status.get("message", "") if status.get("code") == 2 else None,
        start_ns=int(span["startTimeUnixNano"]),
        end_ns=int(span["endTimeUnixNano"]),
    )


def _attributes(pairs: list[dict[str, Any]]) -> dict[str, Any]:
    return {pair["key"]: _value(pair["value"]) for pair in pairs}


def _value(value: dict[str, Any]) -> Any:
    ((kind, content),) = value.items()
    return int(content) if kind == "intValue" else content


@contextmanager
def recorder(*installed: Any) -> Iterator[Sent]:
    """The recorder in this process, with the parts of it that have `install` and `uninstall`."""
    provider = TracerProvider()
    provider.add_span_processor(RecordingProcessor())
    sent = Sent(provider)
    # Tests before this one may have left something open in this process, on purpose.
    recording.disconnect()
    recording.CURRENT.set(None)
    recording.connect(sent.take, get_current_span)
    undo: list[Callable[[], None]] = []
    try:
        for part in installed:
            part.install()
            undo.append(part.uninstall)
        yield sent
    finally:
        for each in reversed(undo):
            each()
        recording.disconnect()
        provider.shutdown()
