"""What a recording takes, where in it one is, and when it is handed over."""

import asyncio
import contextvars
import threading
from collections.abc import Iterator

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from flux_ls.record import recording
from flux_ls.record.export.taken import Taken, span_id_of
from flux_ls.record.made import MadeSpan, new_span_id
from flux_ls.record.opened import open_recording
from flux_ls.record.processor import RecordingProcessor
from flux_ls.record.recording import Recording, current, enter, leave, position


class Session:
    """A recorder whose recordings come here instead of to a sender."""

    def __init__(self) -> None:
        self.handed: list[Recording] = []
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(RecordingProcessor())
        self.tracer = provider.get_tracer("test")

    def take(self, recorded: Recording) -> None:
        recorded.queued = True
        self.handed.append(recorded)

    def taken(self) -> list[Taken]:
        out = []
        for recorded in self.handed:
            recorded.queued = False
            out.append(Taken(recorded))
        self.handed.clear()
        return out

    def names(self) -> list[list[str]]:
        return [[span.name for span in taken.spans] for taken in self.taken()]  # type: ignore[union-attr]


@pytest.fixture
def session() -> Iterator[Session]:
    session = Session()
    recording.connect(session.take, trace.get_current_span)
    yield session
    recording.disconnect()
    recording.CURRENT.set(None)


def made(name: str = "made", parent_id: int = 0, error: str | None = None) -> MadeSpan:
    return MadeSpan(name, new_span_id(), parent_id, 1, 2, scope="test", error=error)


def test_nothing_is_recorded_outside_of_a_request(session: Session) -> None:
    assert current() is None
    assert position() == 0


def test_nothing_is_recorded_without_a_recorder() -> None:
    with TracerProvider(shutdown_on_exit=False).get_tracer("x").start_as_current_span("root"):
        assert current() is None


def test_what_happens_in_a_request_goes_together(session: Session) -> None:
    with session.tracer.start_as_current_span("root") as root:
        here = current()
        assert here is not None
        assert here.trace_id == root.get_span_context().trace_id
        assert here.root_id == position() == root.get_span_context().span_id
        with session.tracer.start_as_current_span("child"):
            assert current() is here
        here.add(made())
        assert session.handed == []
    assert current() is None
    assert session.names() == [["child", "made", "root"]]
    assert not recording.BY_SPAN
    assert not recording.OPEN


def test_a_call_is_where_things_happen_until_a_span_is_started_in_it(session: Session) -> None:
    with session.tracer.start_as_current_span("root") as root:
        outer = enter(7)
        assert position() == 7
        with session.tracer.start_as_current_span("child") as child:
            assert position() == child.get_span_context().span_id
            inner = enter(8)
            assert position() == 8
            with session.tracer.start_as_current_span("grandchild"):
                pass
            leave(inner)
            assert position() == child.get_span_context().span_id
        assert position() == 7
        leave(outer)
        assert position() == root.get_span_context().span_id
    (taken,) = session.taken()
    grandchild, child_span, _ = map(span_id_of, taken.spans)
    assert taken.parents == {child_span: 7, grandchild: 8}


def test_leaving_in_another_context_than_entering(session: Session) -> None:
    token = contextvars.copy_context().run(enter, 7)
    leave(token)
    assert position() == 0


def test_a_thread_without_our_context_is_known_by_its_span(session: Session) -> None:
    found: list[Recording | None] = []

    def work(span: trace.Span) -> None:
        with trace.use_span(span):
            found.append(current())
        found.append(current())

    with session.tracer.start_as_current_span("root") as root:
        thread = threading.Thread(target=work, args=(root,))
        thread.start()
        thread.join()
        assert found == [current(), None]


def test_what_a_task_does_after_the_end_is_sent_on_its_own(session: Session) -> None:
    async def main() -> None:
        ended = asyncio.Event()

        async def late() -> None:
            await ended.wait()
            with session.tracer.start_as_current_span("late"):
                here = current()
                assert here is not None
                here.add(made("later"))

        async def request() -> asyncio.Task[None]:
            with session.tracer.start_as_current_span("root"):
                return asyncio.create_task(late())

        task = await request()
        assert session.names() == [["root"]]
        ended.set()
        await task

    asyncio.run(main())
    assert session.names() == [["later", "late"]]


def test_a_context_that_outlives_its_request_records_nothing(session: Session) -> None:
    with session.tracer.start_as_current_span("root"):
        here = current()

    def elsewhere() -> Recording | None:
        recording.CURRENT.set(here)
        return current()

    # OpenTelemetry's context says that nothing runs there.
    assert contextvars.Context().run(elsewhere) is None


def test_a_remote_parent_begins_a_recording_here(session: Session) -> None:
    far = trace.SpanContext(5, 6, is_remote=True, trace_flags=trace.TraceFlags(1))
    context = trace.set_span_in_context(trace.NonRecordingSpan(far))
    with session.tracer.start_as_current_span("server", context=context):
        here = current()
        assert here is not None
        assert here.trace_id == 5
        with session.tracer.start_as_current_span("child"):
            pass
    assert session.names() == [["child", "server"]]


def test_a_trace_of_its_own_within_a_request(session: Session) -> None:
    with session.tracer.start_as_current_span("outer"):
        outer = current()
        with session.tracer.start_as_current_span("inner", context=trace.set_span_in_context(trace.INVALID_SPAN)):
            assert current() is not outer
        assert current() is outer
    assert session.names() == [["inner"], ["outer"]]


def test_a_hold_keeps_it_open(session: Session) -> None:
    with session.tracer.start_as_current_span("root") as root:
        here = current()
        assert here is not None
        here.hold()
        here.hold()
    here.release()
    assert session.handed == []
    here.annotate(root.get_span_context().span_id, {"flux.output": "late"})
    here.release()
    (taken,) = session.taken()
    assert taken.annotations == {here.root_id: {"flux.output": "late"}}
    here.release()
    assert session.handed == []


def test_annotations_are_merged_and_the_last_one_wins(session: Session) -> None:
    with session.tracer.start_as_current_span("root"):
        here = current()
        assert here is not None
        with session.tracer.start_as_current_span("child") as child:
            here.annotate(child.get_span_context().span_id, {"a": 1, "b": 1})
        here.annotate(child.get_span_context().span_id, {"b": 2})
    (taken,) = session.taken()
    assert taken.annotations == {child.get_span_context().span_id: {"a": 1, "b": 2}}


def test_the_first_span_is_sent_again_with_what_is_found_out_late(session: Session) -> None:
    with session.tracer.start_as_current_span("root"):
        here = current()
        assert here is not None
        here.annotate(here.root_id, {"a": 1})
    session.taken()
    here.annotate(here.root_id, {"b": 2})
    (taken,) = session.taken()
    assert [span_id_of(span) for span in taken.spans] == [here.root_id]
    assert taken.annotations == {here.root_id: {"a": 1, "b": 2}}
    assert taken.again == 1


FAILING = {
    "a status": lambda span: span.set_status(trace.StatusCode.ERROR),
    "an exception": lambda span: span.record_exception(ValueError()),
}


@pytest.mark.parametrize("how", [*FAILING, "a made span", "said so"])
def test_what_makes_it_failing(session: Session, how: str) -> None:
    with session.tracer.start_as_current_span("root"):
        here = current()
        assert here is not None
        with session.tracer.start_as_current_span("child") as child:
            if how in FAILING:
                FAILING[how](child)
        if how == "a made span":
            here.add(made(error="ValueError: no"))
        if how == "said so":
            here.mark_failed()
        assert here.failed
    assert session.taken()[0].failed


def test_what_goes_well_has_not_failed(session: Session) -> None:
    with session.tracer.start_as_current_span("root") as root:
        root.set_status(trace.StatusCode.OK)
        root.add_event("something")
    assert not session.taken()[0].failed


def test_many_spans_are_handed_over_in_pieces(session: Session) -> None:
    with session.tracer.start_as_current_span("root"):
        here = current()
        assert here is not None
        for _ in range(recording.MANY_SPANS + 1):
            here.add(made())
        assert session.handed == [here]
        (piece,) = session.taken()
        assert len(piece.spans) == recording.MANY_SPANS + 1
        here.add(made("last"))
    assert session.names() == [["last", "root"]]


def test_spans_that_cannot_be_sent_are_counted(session: Session) -> None:
    with session.tracer.start_as_current_span("root"):
        here = current()
        assert here is not None
        for _ in range(3 * recording.MANY_SPANS):
            here.add(made())
        assert len(here.spans) == 2 * recording.MANY_SPANS
        (piece,) = session.taken()
        assert piece.dropped == recording.MANY_SPANS


def test_calls_that_were_not_kept_are_told_on_the_first_span(session: Session) -> None:
    with session.tracer.start_as_current_span("root"):
        here = current()
        assert here is not None
        here.omitted_calls["shop.price"] = 1951
    (taken,) = session.taken()
    assert taken.annotations == {here.root_id: {"flux.calls.omitted": '{"shop.price":1951}'}}


def test_a_recording_without_a_span_of_the_sdk(session: Session) -> None:
    opened = open_recording("script", attributes={"x": 1})
    assert current() is opened.recording
    assert position() == opened.recording.root_id
    with session.tracer.start_as_current_span("child") as child:
        assert child.get_span_context().trace_id == opened.recording.trace_id
    opened.close("ValueError: no")
    opened.close()
    assert current() is None
    assert position() == 0
    (taken,) = session.taken()
    child_span, root = taken.spans
    assert child_span.parent.span_id == opened.recording.root_id  # type: ignore[union-attr]
    assert isinstance(root, MadeSpan)
    assert (root.name, root.error, root.attributes, root.parent_id) == ("script", "ValueError: no", {"x": 1}, 0)
    assert taken.failed


def test_the_applications_random_numbers_are_its_own() -> None:
    import random

    from flux_ls.record.providers import Ids

    random.seed(1)
    expected = random.random()
    random.seed(1)
    ids = {Ids().generate_trace_id() for _ in range(100)} | {new_span_id() for _ in range(100)}
    assert random.random() == expected
    random.seed(1)
    assert Ids().generate_trace_id() not in ids
