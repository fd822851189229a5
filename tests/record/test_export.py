"""What is sent says the same as OpenTelemetry's own exporter would, and more."""

import json
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from flux_ls.record import recording
from flux_ls.record.export.packing import Collector
from flux_ls.record.export.process import Process
from flux_ls.record.export.spans import ThroughExporter
from flux_ls.record.export.taken import Taken
from flux_ls.record.made import MadeEvent, MadeSpan
from flux_ls.record.processor import RecordingProcessor
from flux_ls.record.recording import Recording
from flux_ls.record.values import Captured
from tests.record.receiver import Got, spans_of

TOLD = {"flux.recorder": "python/1"}


class Recorder:
    """Spans are recorded, and go to an exporter of the application's as well."""

    def __init__(self, resource: Mapping[str, str] = MappingProxyType({})) -> None:
        self.recordings: list[Recording] = []
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False, resource=Resource(resource))
        self.provider.add_span_processor(RecordingProcessor())
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = self.provider.get_tracer("shop", "1.2")
        self.process = Process("shop", lambda: TOLD)

    def bodies(self, dropped: int = 0, span_budget: int = 32768) -> list[bytes]:
        taken = [Taken(recorded) for recorded in self.recordings]
        self.recordings.clear()
        destination = Collector("http://127.0.0.1:1", span_budget, self.process)
        return [parcel.content for parcel in destination.pack(taken, dropped)]

    def sent(self, dropped: int = 0, span_budget: int = 32768) -> list[Got]:
        return [got for body in self.bodies(dropped, span_budget) for got in spans_of(body)]


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    recorder = Recorder()
    recording.connect(recorder.recordings.append, trace.get_current_span)
    yield recorder
    recording.disconnect()


def parse(body: bytes) -> list[Span]:
    request = ExportTraceServiceRequest.FromString(body)
    return [span for part in request.resource_spans for scope in part.scope_spans for span in scope.spans]


def as_otel_has_it(spans: Sequence[Any]) -> list[Span]:
    encoded = encode_spans(spans)
    return [span for part in encoded.resource_spans for scope in part.scope_spans for span in scope.spans]


def comparable(spans: list[Span]) -> list[Span]:
    for span in spans:
        span.flags = 0
        span.status.SetInParent()
        for link in span.links:
            link.flags = 0
        # Instrumentations do not give the order of attributes a meaning.
        for owner in (span, *span.events, *span.links):
            ordered = sorted(owner.attributes, key=lambda each: each.key)
            del owner.attributes[:]
            owner.attributes.extend(ordered)
    return spans


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
SCALARS = st.one_of(TEXTS, st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats())
VALUES = st.one_of(
    SCALARS, st.lists(TEXTS, max_size=3), st.lists(st.integers(-9, 9), max_size=3), st.lists(st.booleans(), max_size=3)
)
NAMES = st.sampled_from(["http.route", "a", "ä", "db.statement", "x.y"])
ATTRIBUTES = st.dictionaries(NAMES, VALUES, max_size=4)


@given(
    attributes=ATTRIBUTES,
    events=st.lists(st.tuples(TEXTS, ATTRIBUTES, st.integers(0, 2**63)), max_size=3),
    links=st.lists(st.tuples(st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), ATTRIBUTES), max_size=2),
    kind=st.sampled_from(trace.SpanKind),
    status=st.sampled_from(trace.StatusCode),
    described=TEXTS,
    name=TEXTS,
)
def test_a_span_is_sent_as_opentelemetry_sends_it(
    attributes: Any, events: Any, links: Any, kind: Any, status: Any, described: str, name: str
) -> None:
    recorder = Recorder()
    recording.connect(recorder.recordings.append, trace.get_current_span)
    try:
        links = [trace.Link(trace.SpanContext(trace_id, span_id, False), each) for trace_id, span_id, each in links]
        start = recorder.tracer.start_as_current_span
        with start("root"), start(name, kind=kind, attributes=attributes, links=links) as span:
            for event_name, event_attributes, at in events:
                span.add_event(event_name, event_attributes, at)
            span.set_status(status, described if status is trace.StatusCode.ERROR else None)
        (body,) = recorder.bodies()
    finally:
        recording.disconnect()
    expected = as_otel_has_it(recorder.exporter.get_finished_spans())
    # NaN is not equal to itself; its bytes are.
    assert [span.SerializeToString(deterministic=True) for span in comparable(parse(body))] == [
        span.SerializeToString(deterministic=True) for span in comparable(expected)
    ]


def test_what_is_equal_and_not_the_same_is_sent_as_it_is(recorder: Recorder) -> None:
    with recorder.tracer.start_as_current_span("root"):
        for value in (1, True, 1.0, 0.0, -0.0, False, 0, "1", (1, True), (True, 1), 1):
            recorder.tracer.start_span("same", attributes={"a": value}).end()
    (body,) = recorder.bodies()
    expected = as_otel_has_it(recorder.exporter.get_finished_spans())
    assert [span.SerializeToString() for span in comparable(parse(body))] == [
        span.SerializeToString() for span in comparable(expected)
    ]


def test_an_exception_is_sent_as_opentelemetry_sends_it(recorder: Recorder) -> None:
    with pytest.raises(ValueError, match="no"), recorder.tracer.start_as_current_span("root"):
        raise ValueError("no")
    (body,) = recorder.bodies()
    assert comparable(parse(body)) == comparable(as_otel_has_it(recorder.exporter.get_finished_spans()))


def test_the_process_is_told_with_it(recorder: Recorder) -> None:
    with recorder.tracer.start_as_current_span("root"):
        pass
    (got,) = recorder.sent()
    assert got.resource == {"service.name": "shop", **TOLD}
    assert got.scope == "shop"


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        ({}, "shop"),
        ({"service.name": "unknown_service"}, "shop"),
        ({"service.name": "unknown_service:python"}, "shop"),
        ({"service.name": "till"}, "till"),
    ],
)
def test_a_service_keeps_its_name(resource: dict[str, str], expected: str) -> None:
    assert Process("shop", lambda: TOLD).attributes(Resource(resource))["service.name"] == expected


def test_a_given_revision_wins() -> None:
    process = Process("shop", lambda: {"vcs.ref.head.revision": "found"})
    assert process.attributes(Resource({"vcs.ref.head.revision": "given"}))["vcs.ref.head.revision"] == "given"


def test_what_was_dropped_is_told(recorder: Recorder) -> None:
    with recorder.tracer.start_as_current_span("root"):
        pass
    (got,) = recorder.sent(dropped=3)
    assert got.resource["flux.dropped_spans"] == 3


def test_what_is_added_goes_to_flux_and_not_to_the_applications_exporter(recorder: Recorder) -> None:
    with recorder.tracer.start_as_current_span("root", attributes={"kept": 1, "replaced": 1}):
        here = recording.current()
        assert here is not None
        here.annotate(here.root_id, {"flux.input": Captured({"plan": "pro"}), "replaced": 2})
        here.add(MadeSpan("call", 7, here.root_id, 1, 2, scope="flux_ls.record.functions"))
    call, root = sorted(recorder.sent(), key=lambda got: got.name)
    assert root.attributes == {"kept": 1, "replaced": 2, "flux.input": '{"plan":"pro"}'}
    assert (call.scope, call.span["parentSpanId"]) == ("flux_ls.record.functions", root.span["spanId"])
    (theirs,) = recorder.exporter.get_finished_spans()
    assert theirs.attributes == {"kept": 1, "replaced": 1}


def test_what_has_more_to_tell_counts_as_the_later_one(recorder: Recorder) -> None:
    with recorder.tracer.start_as_current_span("root"):
        here = recording.current()
        assert here is not None
        with recorder.tracer.start_as_current_span("child"):
            pass
        here.annotate(here.root_id, {"flux.input": Captured({})})
    child, root = recorder.sent()
    theirs = {span.name: span.end_time for span in recorder.exporter.get_finished_spans()}
    assert int(root.span["endTimeUnixNano"]) == theirs["root"] + 1  # type: ignore[operator]
    assert int(child.span["endTimeUnixNano"]) == theirs["child"]


def test_a_span_started_in_a_call_is_a_child_of_the_call(recorder: Recorder) -> None:
    with recorder.tracer.start_as_current_span("root"):
        token = recording.enter(7)
        with recorder.tracer.start_as_current_span("query"):
            pass
        recording.leave(token)
    query, _ = recorder.sent()
    assert query.span["parentSpanId"] == f"{7:016x}"


def test_a_made_span_with_events_stays_within_its_budget(recorder: Recorder) -> None:
    with recorder.tracer.start_as_current_span("root"):
        here = recording.current()
        assert here is not None
        events = [
            MadeEvent("flux.row_change", at, {"flux.row.after": Captured({"text": "x" * 4000, "id": at}), "n": at})
            for at in range(20)
        ]
        here.add(MadeSpan("transaction", 7, here.root_id, 1, 2, scope="rows", events=events, error="ValueError: no"))
    made = next(got for got in recorder.sent(span_budget=8192) if got.name == "transaction")
    told = [{each["key"]: each["value"] for each in event["attributes"]} for event in made.span["events"]]
    assert [each["n"]["intValue"] for each in told] == list(range(20))
    texts = [each["flux.row.after"]["stringValue"] for each in told]
    assert sum(map(len, texts)) <= 8192
    assert all(json.loads(text) for text in texts)
    assert made.span["status"] == {"code": 2, "message": "ValueError: no"}


SECRETS: dict[str, tuple[dict[str, Any], str]] = {
    "by its name": ({"http.request.header.authorization": "Basic c2VjcmV0OnNlY3JldA=="}, "c2VjcmV0"),
    "in a list by its name": ({"http.request.header.x_api_key": ("zq81mfp2",)}, "zq81mfp2"),
    "in an address": ({"http.url": "https://alice:hunter2@example.org/x"}, "hunter2"),
    "in a statement": ({"db.statement": "UPDATE users SET password = 'hunter2' WHERE id = 1"}, "hunter2"),
}


@pytest.mark.parametrize(("attributes", "secret"), SECRETS.values(), ids=SECRETS)
def test_secrets_of_other_peoples_attributes_stay_here(
    recorder: Recorder, attributes: dict[str, Any], secret: str
) -> None:
    with recorder.tracer.start_as_current_span("root", attributes=attributes):
        pass
    (body,) = recorder.bodies()
    assert secret.encode() not in body
    assert b"[redacted]" in body


def test_a_secret_in_a_message_stays_here(recorder: Recorder) -> None:
    secret = "hunter2"
    with pytest.raises(ValueError, match=secret), recorder.tracer.start_as_current_span("root"):
        raise ValueError(f"no access: password={secret}")
    (body,) = recorder.bodies()
    assert b"password=hunter2" not in body
    assert b"ValueError" in body


def test_half_a_surrogate_pair_does_not_lose_anything(recorder: Recorder) -> None:
    with recorder.tracer.start_as_current_span("root"):
        here = recording.current()
        assert here is not None
        here.add(MadeSpan("\ud800", 7, here.root_id, 1, 2, scope="x", attributes={"a": "\udfff", "b": 1}))
    made, root = recorder.sent()
    assert (made.name, made.attributes) == ("\\ud800", {"a": "\\udfff", "b": 1})
    assert root.name == "root"


def test_a_span_that_cannot_be_encoded_takes_no_other_with_it(recorder: Recorder) -> None:
    with recorder.tracer.start_as_current_span("root"):
        here = recording.current()
        assert here is not None
        broken = MadeSpan("broken", 7, here.root_id, 1, 2, scope="x")
        broken.kind = "nonsense"  # type: ignore[assignment]
        here.add(broken)
    assert [got.name for got in recorder.sent()] == ["root"]


def test_much_is_sent_in_several_parcels(recorder: Recorder) -> None:
    for _ in range(40):
        with recorder.tracer.start_as_current_span("root", attributes={"a": "x" * 30_000}):
            pass
    bodies = recorder.bodies()
    assert len(bodies) > 1
    assert max(map(len, bodies)) < 600 * 1024
    assert sum(len(parse(body)) for body in bodies) == 40


def test_through_an_exporter_goes_the_same(recorder: Recorder) -> None:
    with recorder.tracer.start_as_current_span("root", attributes={"a": 1}) as root:
        here = recording.current()
        assert here is not None
        root.record_exception(ValueError("no"))
        here.annotate(here.root_id, {"flux.input": Captured({"plan": "pro"})})
        event = MadeEvent("flux.row_change", 5, {"flux.row.key": Captured({"id": 1})})
        here.add(MadeSpan("call", 7, here.root_id, 1, 2, scope="calls", kind="client", events=[event], error="E: no"))
        token = recording.enter(7)
        with recorder.tracer.start_as_current_span("query"):
            pass
        recording.leave(token)
    taken = [Taken(recorder.recordings[0])]
    exporter = InMemorySpanExporter()
    destination: SpanExporter = exporter
    through = ThroughExporter(destination, 32768, recorder.process)
    for parcel in through.pack(taken, 0):
        through.send(parcel)
    recorder.recordings[0].spans, recorder.recordings[0].annotations = taken[0].spans, taken[0].annotations
    (body,) = recorder.bodies()
    assert comparable(as_otel_has_it(exporter.get_finished_spans())) == comparable(parse(body))
    assert exporter.get_finished_spans()[0].resource.attributes["service.name"] == "shop"
