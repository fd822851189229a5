"""Spans of the provider that the recorder sets up: they tell what the SDK's would, and others hear of them as ever."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor, Tracer, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, get_current_span

from flux_ls.record import recording
from flux_ls.record.distro import make_provider
from flux_ls.record.processor import RecordingProcessor
from flux_ls.record.providers import Ids
from flux_ls.record.quick_spans import Provider, QuickSpan, QuickTracer
from tests.record.sent import Sent

FAR = SpanContext(5, 6, is_remote=True, trace_flags=TraceFlags(1))
PLAIN = SpanContext(5, 6, is_remote=False, trace_flags=TraceFlags(1))


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    recording.disconnect()
    recording.CURRENT.set(None)
    yield
    recording.disconnect()
    recording.CURRENT.set(None)


def sent_by(kind: type[TracerProvider], do: Callable[[Any], None], **settings: Any) -> Sent:
    provider = kind(shutdown_on_exit=False, **settings)
    provider.add_span_processor(RecordingProcessor())
    sent = Sent(provider)
    recording.connect(sent.take, get_current_span)
    tracer = provider.get_tracer("test", "1")
    with suppress(RuntimeError), tracer.start_as_current_span("root"):
        do(tracer)
    return sent


def told(sent: Sent) -> list[Any]:
    names = {span.span_id: span.name for span in sent.spans}
    return [
        (
            span.name,
            span.kind,
            names.get(span.parent_id or "", span.parent_id),
            repr(span.attributes),  # one and True are equal
            [(name, {**attributes, "exception.stacktrace": ""}) for name, attributes in span.events],
            span.error,
            span.end_ns >= span.start_ns > 0,
        )
        for span in sent.spans
    ]


def values(tracer: Any) -> None:
    with tracer.start_as_current_span("x", kind=SpanKind.CLIENT, attributes={"a": 1, "l": ["x", "y"]}) as span:
        for value in ("text", 7, True, 1.5, ["a", "b"], (1, 2), [], b"bytes", {"b": 1}):
            span.set_attribute(f"set {value!r}", value)
        span.set_attributes({"c": "1", "d": 2, "e": ["f"]})
        span.set_attributes({"g": "1", "h": False})


def the_same_key_twice(tracer: Any) -> None:
    with tracer.start_as_current_span("x") as span:
        span.set_attributes({"a": 1, "b": 2})
        span.set_attribute("a", 3)


def keys_that_are_none(tracer: Any) -> None:
    with tracer.start_as_current_span("x") as span:
        span.set_attribute("", "nothing")
        span.set_attribute(7, "seven")
        span.set_attributes({"": 1, "a": 2})
        span.set_attributes({8: 1, "b": 2})


def more_attributes_than_there_may_be(tracer: Any) -> None:
    with tracer.start_as_current_span("x") as span:
        for number in range(150):
            span.set_attribute(f"a{number}", number)


def secrets(tracer: Any) -> None:
    with tracer.start_as_current_span("x") as span:
        span.set_attribute("password", "correct horse")
        span.set_attribute("db.statement", "SELECT 1 WHERE password = 'correct horse'")


def events_and_links(tracer: Any) -> None:
    with tracer.start_as_current_span("x", links=[Link(PLAIN, {"a": 1})]) as span:
        span.add_event("happened", {"a": 1}, timestamp=7)
    with tracer.start_as_current_span("y") as span:
        span.add_link(PLAIN, {"a": 1})
        span.add_event("happened")
        span.add_event("again", {"b": "2"})


def more_events_than_there_may_be(tracer: Any) -> None:
    with tracer.start_as_current_span("x") as span:
        for number in range(150):
            span.add_event(f"{number}")
            span.add_link(PLAIN, {"number": number})


def an_exception(tracer: Any) -> None:
    with tracer.start_as_current_span("x"), tracer.start_as_current_span("y"):
        raise RuntimeError("boom")


def an_exception_that_is_not_told(tracer: Any) -> None:
    with tracer.start_as_current_span("x", record_exception=False, set_status_on_exception=False):
        raise RuntimeError("boom")


def an_exception_in_the_span_itself(tracer: Any) -> None:
    with tracer.start_span("x", record_exception=False):
        raise RuntimeError("boom")


def status_and_name(tracer: Any) -> None:
    with tracer.start_as_current_span("x") as span:
        span.set_status(Status(StatusCode.ERROR, "no"))
        span.update_name("another")
    with tracer.start_as_current_span("y") as span:
        span.set_status(StatusCode.OK)
        span.set_status(StatusCode.ERROR)


def after_its_end(tracer: Any) -> None:
    span = tracer.start_span("x")
    span.end()
    span.end()
    span.set_attribute("a", 1)
    span.set_attributes({"a": 1})
    span.set_status(StatusCode.ERROR)
    span.add_event("late")
    span.add_link(PLAIN)
    span.update_name("another")
    assert not span.is_recording()


def times(tracer: Any) -> None:
    tracer.start_span("x", start_time=5).end(9)


def other_parents(tracer: Any) -> None:
    for parent in (FAR, PLAIN, SpanContext(5, 6, is_remote=False), trace.INVALID_SPAN_CONTEXT):
        around = trace.set_span_in_context(trace.NonRecordingSpan(parent))
        tracer.start_span("x", context=around).end()
    around = trace.set_span_in_context(get_current_span())
    tracer.start_span("y", context=around).end()


def a_call_around(tracer: Any) -> None:
    token = recording.enter(7)
    tracer.start_span("x").end()
    recording.leave(token)


@pytest.mark.parametrize(
    "do",
    [
        values,
        the_same_key_twice,
        keys_that_are_none,
        more_attributes_than_there_may_be,
        secrets,
        events_and_links,
        more_events_than_there_may_be,
        an_exception,
        an_exception_that_is_not_told,
        an_exception_in_the_span_itself,
        status_and_name,
        after_its_end,
        times,
        other_parents,
        a_call_around,
    ],
    ids=lambda do: do.__name__,
)
def test_they_tell_what_the_sdks_tell(do: Callable[[Any], None]) -> None:
    theirs, ours = sent_by(TracerProvider, do), sent_by(Provider, do)
    assert told(ours) == told(theirs)
    assert len(told(ours)) > 1
    assert len(ours.failed) == len(theirs.failed)
    assert not recording.BY_SPAN


def test_those_of_a_request_that_begins_here_are_quick_and_below_another_service_the_first_is_the_sdks() -> None:
    kinds: list[type] = []

    def look(tracer: Any) -> None:
        kinds.append(type(get_current_span()))
        around = trace.set_span_in_context(trace.NonRecordingSpan(FAR))
        with tracer.start_as_current_span("far", context=around) as far:
            kinds.append(type(far))
            with tracer.start_as_current_span("below") as span:
                kinds.append(type(span))
                assert span.get_span_context().trace_id == FAR.trace_id

    sent_by(Provider, look)
    assert [kind is QuickSpan for kind in kinds] == [True, False, True]


def test_their_contexts_are_those_of_the_sdk() -> None:
    found: list[list[Any]] = []

    def look(tracer: Any) -> None:
        for around in (None, trace.set_span_in_context(trace.INVALID_SPAN)):
            with tracer.start_as_current_span("x", context=around) as span:
                made = span.get_span_context()
                found[-1].append((made.trace_flags, made.is_remote, made.is_valid, dict(made.trace_state)))
                found[-1].append((span.parent is None, type(made.trace_flags), made.trace_id != made.span_id))

    for kind, settings in ((TracerProvider, {"id_generator": Ids()}), (Provider, {})):
        found.append([])
        sent_by(kind, look, **settings)
    assert found[0] == found[1]
    assert len(found[0]) == 4


@pytest.mark.parametrize(
    ("settings", "variables"),
    [
        ({"sampler": ALWAYS_ON}, {}),
        ({"span_limits": SpanLimits(max_span_attribute_length=3)}, {}),
        ({"span_limits": SpanLimits(max_span_attributes=0)}, {}),
        ({}, {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "1.0"}),
        ({}, {"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": "3"}),
    ],
)
def test_what_somebody_has_set_otherwise_is_left_to_the_sdk(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], variables: dict[str, str]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert type(Provider(shutdown_on_exit=False, **settings).get_tracer("x")) is Tracer
    assert told(sent_by(Provider, values, **settings)) == told(sent_by(TracerProvider, values, **settings))


def test_a_version_of_the_sdk_that_is_not_known_is_left_to_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    before = ReadableSpan.__init__

    def with_more(self: Any, *args: Any, **kwargs: Any) -> None:
        before(self, *args, **kwargs)
        self._more = 1

    monkeypatch.setattr(ReadableSpan, "__init__", with_more)
    assert type(Provider(shutdown_on_exit=False).get_tracer("x")) is Tracer


def test_without_what_it_is_made_of_the_provider_is_the_sdks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("opentelemetry.sdk.trace._Span")
    monkeypatch.delitem(sys.modules, "flux_ls.record.quick_spans")
    made = make_provider("http://127.0.0.1:1", with_exporters=False)
    assert type(made) is TracerProvider
    assert type(made.id_generator) is Ids


class Others(SpanProcessor):
    def __init__(self) -> None:
        self.heard: list[Any] = []

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        self.heard.append(("start", span.name, dict(span.attributes), parent_context is None))

    def on_end(self, span: Any) -> None:
        self.heard.append(("end", span.name, dict(span.attributes), len(span.events), type(span)))


def test_processors_of_the_application_hear_of_them_as_ever() -> None:
    heard = []
    for kind in (TracerProvider, Provider):
        others = Others()

        def do(tracer: Any, others: Others = others, provider: list[Any] | None = None) -> None:
            tracer.span_processor.add_span_processor(others)
            with tracer.start_as_current_span("x", attributes={"a": 1}) as span:
                span.set_attribute("b", 2)
                span.add_event("c")

        sent = sent_by(kind, do)
        assert {span.name for span in sent.spans} == {"root", "x"}
        heard.append(others.heard)
    assert heard[0] == heard[1]
    assert [what for what, *_ in heard[0]] == ["start", "end", "end"]


def test_a_span_that_two_threads_end_is_sent_once() -> None:
    def do(tracer: Any) -> None:
        for _ in range(50):
            span = tracer.start_span("x")
            ready = threading.Barrier(2)

            def end(span: Any = span, ready: threading.Barrier = ready) -> None:
                ready.wait()
                span.end()

            threads = [threading.Thread(target=end) for _ in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        here = recording.current()
        assert here is not None
        assert len(here.spans) == 50

    assert sent_by(Provider, do).recordings


def test_a_tracer_can_become_the_sdks_again() -> None:
    tracer = Provider(shutdown_on_exit=False).get_tracer("x")
    assert type(tracer) is QuickTracer
    tracer.become_the_sdks()
    assert type(tracer) is Tracer
