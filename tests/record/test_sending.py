"""What happens to recordings when the receiver is well, slow, busy, broken or gone; and the application never waits."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from flux_ls.record import export, recording
from flux_ls.record.export import worker as workers
from flux_ls.record.export.packing import Collector
from flux_ls.record.export.process import Process
from flux_ls.record.made import MadeSpan, new_trace_id
from flux_ls.record.processor import RecordingProcessor
from tests.e2e.processes import free_port
from tests.quickest import quickest
from tests.record.programs import run_program
from tests.record.receiver import Receiver, eventually


@pytest.fixture
def tracer() -> Iterator[trace.Tracer]:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(RecordingProcessor())
    recording.connect(export.hand_over, trace.get_current_span)
    yield provider.get_tracer("test")
    recording.disconnect()
    end_sending()


def end_sending() -> None:
    """For good: who is still at it would take what the next one is to send, or complain in the log of another test."""
    worker = workers._worker
    export.stop()
    eventually(lambda: worker is None or worker._thread is None)


def send_to(endpoint: str, record_rate: float = 1.0) -> workers.Worker:
    end_sending()
    export.send_to(Collector(endpoint, 32768, Process("shop", lambda: {"flux.recorder": "x"})), record_rate)
    assert workers._worker is not None
    return workers._worker


def request(tracer: trace.Tracer, name: str, *, failing: bool = False) -> None:
    with tracer.start_as_current_span(name) as span:
        if failing:
            span.set_status(trace.StatusCode.ERROR)


def test_a_failing_request_is_sent_at_once(tracer: trace.Tracer) -> None:
    with Receiver() as receiver:
        send_to(receiver.endpoint)
        request(tracer, "warm", failing=True)
        receiver.wait_for("warm")
        took = []
        for number in range(20):
            began = time.monotonic()
            request(tracer, f"failing {number}", failing=True)
            (got,) = receiver.wait_for(f"failing {number}")
            took.append(got.at - began)
        # On a busy machine each may take longer; if they waited for others, all would.
        assert sorted(took)[5] < workers.BATCH_S / 2


def test_requests_that_went_well_are_sent_together(tracer: trace.Tracer) -> None:
    with Receiver() as receiver:
        send_to(receiver.endpoint)
        began = time.monotonic()
        for number in range(50):
            request(tracer, f"fine {number}")
        receiver.wait_for("fine 0", "fine 49")
        assert len(receiver.exports) <= 3 + (receiver.tries[-1] - began) / workers.BATCH_S


def test_a_receiver_that_comes_back_gets_everything(tracer: trace.Tracer) -> None:
    with Receiver(lambda number: 503 if number < 2 else 200) as receiver:
        send_to(receiver.endpoint)
        request(tracer, "one", failing=True)
        request(tracer, "two")
        receiver.wait_for("one", "two")
        assert len(receiver.spans) == 2


def test_it_waits_as_long_as_it_is_asked_to(tracer: trace.Tracer) -> None:
    with Receiver(lambda number: 429 if number == 0 else 200, retry_after="1") as receiver:
        send_to(receiver.endpoint)
        request(tracer, "one", failing=True)
        receiver.wait_for("one")
        assert receiver.tries[1] - receiver.tries[0] >= 1


@pytest.mark.parametrize("status", [400, 404, 500])
def test_what_is_refused_is_dropped_and_told(tracer: trace.Tracer, status: int) -> None:
    with Receiver(lambda number: status if number == 0 else 200) as receiver:
        send_to(receiver.endpoint)
        request(tracer, "one", failing=True)
        eventually(lambda: receiver.tries)
        request(tracer, "two", failing=True)
        (two,) = receiver.wait_for("two")
        assert [got.name for got in receiver.spans] == ["two"]
        assert two.resource["flux.dropped_spans"] == 1


def test_a_connection_that_was_closed_meanwhile(tracer: trace.Tracer) -> None:
    with Receiver() as receiver:
        worker = send_to(receiver.endpoint)
        request(tracer, "one", failing=True)
        receiver.wait_for("one")
        assert export.flush(30)  # it has its answer as well
        worker._destination._sender._connection.sock.shutdown(socket.SHUT_RDWR)  # type: ignore[attr-defined]
        request(tracer, "two", failing=True)
        receiver.wait_for("two")
        assert len(receiver.spans) == 2


def test_nobody_is_there_and_the_application_does_not_wait(tracer: trace.Tracer) -> None:
    worker = send_to(f"http://127.0.0.1:{free_port()}")

    def many() -> None:
        for number in range(400):
            request(tracer, f"{number}", failing=number % 2 == 0)

    for _ in range(5):
        assert quickest(many, within=1) < 1
    assert not export.flush(0.2)
    assert worker._backlog_size < workers.MUCH_WAITS


def test_what_waits_is_bounded_and_failures_stay(tracer: trace.Tracer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "MUCH_WAITS", 300_000)
    ready = threading.Event()
    with Receiver(lambda _: 200 if ready.is_set() else 503) as receiver:
        worker = send_to(receiver.endpoint)
        request(tracer, "the failure", failing=True)
        eventually(lambda: receiver.tries)
        for number in range(40):
            with tracer.start_as_current_span(f"fine {number}", attributes={"a": f"{number} " + "word " * 5_000}):
                pass
            export.flush(0)
            eventually(lambda: not worker._queue and not worker._busy)
        assert worker._backlog_size <= 300_000
        ready.set()
        export.flush(5)
        (failure,) = receiver.wait_for("the failure")
        eventually(lambda: not worker._backlog)
        request(tracer, "after")
        (after,) = receiver.wait_for("after")
        dropped = after.resource["flux.dropped_spans"]
        assert dropped > 0
        assert len(receiver.spans) == 42 - dropped
        assert failure.name == "the failure"


def test_a_slow_receiver_loses_the_oldest_and_says_so(tracer: trace.Tracer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "MANY_WAIT", 10)
    answered = threading.Event()
    with Receiver(lambda number: 503 if number == 0 and answered.wait(30) else 200) as receiver:
        worker = send_to(receiver.endpoint)
        worker._destination._sender.hurry(30)  # type: ignore[attr-defined]
        request(tracer, "held up", failing=True)
        eventually(lambda: receiver.tries)
        for number in range(30):
            request(tracer, f"fine {number}")
        answered.set()
        receiver.wait_for("held up", "fine 29")
        assert receiver.named("fine 29")[0].resource["flux.dropped_spans"] == 20
        assert not receiver.named("fine 0")


def test_a_receiver_that_does_not_answer_is_tried_again(tracer: trace.Tracer) -> None:
    with Receiver(lambda number: None if number == 0 else 200) as receiver:
        worker = send_to(receiver.endpoint)
        worker._destination._sender.hurry(0.5)  # type: ignore[attr-defined]
        request(tracer, "held up", failing=True)
        receiver.wait_for("held up")
        assert len(receiver.tries) > 1


def test_a_share_of_those_that_went_well_and_all_that_failed(tracer: trace.Tracer) -> None:
    with Receiver() as receiver:
        send_to(receiver.endpoint, record_rate=0.25)
        for _ in range(1000):
            request(tracer, "fine")
        for _ in range(20):
            request(tracer, "failing", failing=True)
        assert export.flush(30)
        assert 150 < len(receiver.named("fine")) < 350
        assert len(receiver.named("failing")) == 20


def test_services_choose_the_same_requests(tracer: trace.Tracer) -> None:
    chosen = []
    traces = [new_trace_id() for _ in range(300)]
    for _ in range(2):
        with Receiver() as receiver:
            send_to(receiver.endpoint, record_rate=0.5)
            for trace_id in traces:
                far = trace.SpanContext(trace_id, 6, is_remote=True, trace_flags=trace.TraceFlags(1))
                context = trace.set_span_in_context(trace.NonRecordingSpan(far))
                tracer.start_span("server", context=context).end()
            assert export.flush(30)
            chosen.append({got.span["traceId"] for got in receiver.spans})
    assert chosen[0] == chosen[1]
    assert 90 < len(chosen[0]) < 210


def test_a_long_request_shows_before_it_ends(tracer: trace.Tracer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "LONG_NS", 100_000_000)
    monkeypatch.setattr(workers, "LOOK_S", 0.05)
    with Receiver() as receiver:
        send_to(receiver.endpoint)
        request(tracer, "starts the sender")
        with tracer.start_as_current_span("root"):
            request(tracer, "query")
            receiver.wait_for("query")
            assert not receiver.named("root")
        receiver.wait_for("root")
        assert len(receiver.named("query")) == 1


def test_nobody_holds_a_request_for_ever(tracer: trace.Tracer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "LONG_NS", 100_000_000)
    monkeypatch.setattr(workers, "LOOK_S", 0.05)
    with Receiver() as receiver:
        send_to(receiver.endpoint)
        request(tracer, "starts the sender")
        with tracer.start_as_current_span("root"):
            here = recording.current()
            assert here is not None
            here.hold()
        (root,) = receiver.wait_for("root")
        here.annotate(here.root_id, {"flux.output": "late"})
        here.release()
        eventually(lambda: len(receiver.named("root")) == 2)
        again = receiver.named("root")[1]
        assert again.attributes == {"flux.output": "late"}
        assert int(again.span["endTimeUnixNano"]) > int(root.span["endTimeUnixNano"])


def test_what_is_added_late_is_sent_on_its_own(tracer: trace.Tracer) -> None:
    with Receiver() as receiver:
        send_to(receiver.endpoint)
        with tracer.start_as_current_span("root"):
            here = recording.current()
            assert here is not None
        receiver.wait_for("root")
        here.add(MadeSpan("late", 7, here.root_id, 1, 2, scope="x"))
        receiver.wait_for("late")


PROGRAM = """
    import sys, time
    from flux_ls.record import start
    start(endpoint=sys.argv[1])
    from opentelemetry import trace
    for number in range(20):
        with trace.get_tracer("x").start_as_current_span("work") as span:
            if number == 19:
                span.set_status(trace.StatusCode.ERROR)
    print("done")
"""
LEAVING = (
    """
    import atexit, sys, time
    left = []
    # The last to be called, and what is called first of all.
    atexit.register(lambda: print(time.monotonic() - left[0], file=sys.stderr))
"""
    + PROGRAM
    + """
    atexit.register(lambda: left.append(time.monotonic()))
"""
)


def test_what_was_recorded_is_sent_at_the_exit(tmp_path: Path) -> None:
    with Receiver() as receiver:
        ended = run_program(tmp_path, PROGRAM, receiver.endpoint)
        assert (ended.code, ended.out, ended.err) == (0, "done\n", "")
        assert len(receiver.named("work")) == 20


def test_an_exit_is_not_held_up(tmp_path: Path) -> None:
    def held_up(endpoint: str) -> float:
        ended = run_program(tmp_path, LEAVING, endpoint, patient=False)
        assert (ended.code, ended.out) == (0, "done\n")
        return float(ended.err)

    def least(endpoint: str, bound: float) -> float:
        # A busy machine takes longer, now and then.
        return next((took for took in (held_up(endpoint) for _ in range(5)) if took < bound), bound)

    with Receiver(lambda _: None) as receiver:
        assert 0.9 < least(receiver.endpoint, 1.6) < 1.6
        eventually(lambda: receiver.tries)
    assert least(f"http://127.0.0.1:{free_port()}", 0.8) < 0.8


def test_a_busy_machine_loses_nothing_at_the_exit(tmp_path: Path) -> None:
    """Each step may take long, if only it is made."""
    slow = """
    import time
    from flux_ls.record.export.worker import Worker

    def slowly(step):
        def run(*args):
            time.sleep(0.5)
            return step(*args)
        return run

    Worker._take, Worker._send = slowly(Worker._take), slowly(Worker._send)
"""
    with Receiver() as receiver:
        ended = run_program(
            tmp_path, slow + PROGRAM.replace("range(20)", "range(17, 20)"), receiver.endpoint, patient=False
        )
        assert (ended.code, ended.out, ended.err) == (0, "done\n", "")
        assert len(receiver.named("work")) == 3


class EndsLate(workers.Worker):
    """Its thread has seen that it shall end for a fork, and does so when the fork is over."""

    told = False
    seen, go = threading.Event(), threading.Event()

    @property
    def _stopping(self) -> bool:
        if self.told and threading.current_thread() is self._thread:
            self.after_fork_in_parent()
            self.seen.set()
            assert self.go.wait(40)
            return True
        return self.told

    @_stopping.setter
    def _stopping(self, told: bool) -> None:
        self.told = told


def test_what_is_recorded_while_the_sender_ends_for_a_fork_is_sent(tracer: trace.Tracer) -> None:
    with Receiver() as receiver:
        worker = send_to(receiver.endpoint)
        request(tracer, "one", failing=True)
        receiver.wait_for("one")
        eventually(lambda: worker._asleep)
        worker.__class__ = EndsLate
        worker.before_fork()
        assert EndsLate.seen.wait(40)
        request(tracer, "two", failing=True)
        EndsLate.go.set()
        receiver.wait_for("two")


QUIET = {"PYTHONWARNINGS": "ignore::DeprecationWarning"}
"""From Python 3.12 on, a fork warns where a thread has not ended in time."""

FORKING = """
    import os, sys, time
    from flux_ls.record import start
    start(endpoint=sys.argv[1])
    from opentelemetry import trace
    tracer = trace.get_tracer("x")
    with tracer.start_as_current_span("before"):
        pass
    with tracer.start_as_current_span("around"):
        with tracer.start_as_current_span("ended before"):
            pass
        child = os.fork()
        if not child:
            for number in range(3):
                with tracer.start_as_current_span(f"child {number}"):
                    pass
            from flux_ls.record import export
            assert export.flush(30)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
    with tracer.start_as_current_span("after"):
        pass
"""


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="no fork here")
def test_a_fork_sends_nothing_twice_and_loses_nothing(tmp_path: Path) -> None:
    with Receiver() as receiver:
        ended = run_program(tmp_path, FORKING, receiver.endpoint, env=QUIET)
        assert (ended.code, ended.err) == (0, "")
        expected = ["after", "around", "before", "child 0", "child 1", "child 2", "ended before"]
        assert sorted(got.name for got in receiver.spans) == expected
        trace_ids = {got.name: got.span["traceId"] for got in receiver.spans}
        assert trace_ids["child 0"] == trace_ids["around"]


FORKING_AMID_AN_ANSWER = """
    import os, sys, time
    from flux_ls.record import export, start
    start(endpoint=sys.argv[1])
    from opentelemetry import trace
    tracer = trace.get_tracer("x")
    with tracer.start_as_current_span("before") as span:
        span.set_status(trace.StatusCode.ERROR)

    def waits_for_the_body():
        for frame in sys._current_frames().values():
            names = set()
            while frame is not None:
                names.add(frame.f_code.co_name)
                frame = frame.f_back
            if {"_post", "read", "readinto"} <= names:
                return True

    while not waits_for_the_body():
        time.sleep(0.01)
    child = os.fork()
    if not child:
        with tracer.start_as_current_span("child"):
            pass
        assert export.flush(30)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
"""


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="no fork here")
def test_a_child_forked_while_an_answer_comes_goes_its_own_way(tmp_path: Path) -> None:
    """The thread that reads the answer holds a lock, which in the child nobody lets go."""
    with Receiver(body_waits=lambda number: number == 0) as receiver:
        ended = run_program(tmp_path, FORKING_AMID_AN_ANSWER, receiver.endpoint, env=QUIET, patient=False)
        assert (ended.code, ended.err) == (0, "")
        assert [got.name for got in receiver.spans] == ["before", "child"]


WORKERS = """
    import os, sys
    from flux_ls.record import start
    for number in range(2):
        child = os.fork()
        if not child:
            start(endpoint=sys.argv[1])
            from opentelemetry import trace
            with trace.get_tracer("x").start_as_current_span(f"worker {number}"):
                pass
            from flux_ls.record import export
            assert export.flush(30)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
"""


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="no fork here")
def test_forks_that_start_by_themselves_have_ids_of_their_own(tmp_path: Path) -> None:
    with Receiver() as receiver:
        ended = run_program(tmp_path, WORKERS, receiver.endpoint)
        assert (ended.code, ended.err) == (0, "")
        assert sorted(got.name for got in receiver.spans) == ["worker 0", "worker 1"]
        assert len({got.span["traceId"] for got in receiver.spans}) == 2


POOL = """
    import multiprocessing, sys
    from flux_ls.record import start
    from opentelemetry import trace

    def work(number):
        with trace.get_tracer("x").start_as_current_span(f"job {number}"):
            return number

    if __name__ == "__main__":
        start(endpoint=sys.argv[1])
        with trace.get_tracer("x").start_as_current_span("before"):
            pass
        for number in range(3):
            process = multiprocessing.get_context("fork").Process(target=work, args=(number,))
            process.start()
            process.join()
            assert process.exitcode == 0
"""


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="no fork here")
def test_a_process_of_multiprocessing_sends_what_it_did(tmp_path: Path) -> None:
    with Receiver() as receiver:
        ended = run_program(tmp_path, POOL, receiver.endpoint, env=QUIET)
        assert (ended.code, ended.err) == (0, "")
        assert sorted(got.name for got in receiver.spans) == ["before", "job 0", "job 1", "job 2"]
