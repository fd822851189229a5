"""The entry: recorded requests run again, a process each, and what became of them."""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from pathlib import Path
from threading import Event
from typing import get_args

from msgspec.structs import replace

from flux_ls.analysis.assess import assess
from flux_ls.analysis.request import entry_of
from flux_ls.answers.diff import Diff, compared
from flux_ls.model import Request, Span
from flux_ls.record.redaction import redact_text
from flux_ls.replay.after import recorded_paths, spans_of
from flux_ls.replay.batch import Batch, run_alone
from flux_ls.replay.later import later
from flux_ls.replay.outcome import Verdict, judged, line
from flux_ls.replay.process import sweep
from flux_ls.replay.recorded import recording
from flux_ls.replay.rows import Written, newest_first
from flux_ls.replay.shapes import (
    Blocked,
    Cancelled,
    Conditions,
    Kernel,
    Outcome,
    Progress,
    Recording,
    Replay,
    Replayed,
    Report,
    Requests,
    Skipped,
)
from flux_ls.replay.told import Ran
from flux_ls.source.workspace import Workspace
from flux_ls.store.reader import Reader

_MOST_AT_ONCE = 4
_BEAT_S = 0.1
Run = Callable[[Recording, Sequence[str], Event | None], Ran]


def replay(
    reader: Reader,
    workspace: Workspace,
    requests: Requests,
    conditions: Conditions,
    *,
    cancel: Event | None = None,
    report: Report = lambda _: None,
) -> Replay:
    """Runs each request again; the answers come in the order of the requests.

    `report` is called as each is done, from one thread at a time. Raises Cancelled soon after `cancel` is set, when no
    process of it is left.
    """
    sweep()
    stop = _Stop(cancel)
    done = 0
    lock = threading.Lock()

    def one(request: Request, told: Recording | Skipped) -> Replayed:
        nonlocal done
        if isinstance(told, Skipped):
            found = _skipped(request, told)
        else:
            found = replay_one(told, workspace, conditions, stop, batch.run)
        with lock:
            done += 1
            report(Progress(done, len(requests), found))
        return found

    jobs = min(conditions.jobs or min(_MOST_AT_ONCE, os.cpu_count() or 1), len(requests) or 1)
    # The store is read here: a reader is for one thread.
    recordings = [recording(request, reader.spans(request.id), conditions.fill) for request in requests]
    changes = _with_later(reader, [each for each in recordings if isinstance(each, Recording)])
    batch = Batch(conditions, jobs, forks=len(requests) > 1 and not conditions.isolate, written=changes)
    pool = ThreadPoolExecutor(jobs, thread_name_prefix="flux-replay")
    try:
        futures = [pool.submit(one, *each) for each in zip(requests, recordings, strict=True)]
        _wait(futures)
        return summed_up([future.result() for future in futures])
    except BaseException:
        # An interrupt, too: those that run end before this does.
        stop.set()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        batch.close()


def _wait(futures: Sequence[Future[Replayed]]) -> None:
    """Until all are done, or one has broken off. In beats: a wait without an end may not hear of an interrupt."""
    told = wait(futures, _BEAT_S, FIRST_EXCEPTION)
    while told.not_done and not any(each.exception() for each in told.done):
        told = wait(futures, _BEAT_S, FIRST_EXCEPTION)


class _Stop(Event):
    """Set by the caller, or because one of the runs broke off."""

    def __init__(self, asked: Event | None) -> None:
        super().__init__()
        self._asked = asked

    def is_set(self) -> bool:
        return super().is_set() or (self._asked is not None and self._asked.is_set())


def summed_up(answers: Sequence[Replayed]) -> Replay:
    def count(outcome: Outcome) -> int:
        return sum(each.outcome == outcome for each in answers)

    ran = [each for each in answers if each.guard is not None]
    guards = {each.guard for each in ran}
    return Replay(
        requests=tuple(answers),
        passing=count("passing"),
        failing=count("failing"),
        guard="python" if "python" in guards else "namespace" if guards else None,
        blocked=count("blocked"),
        skipped=count("skipped"),
        errors=count("error"),
        kernel=tuple(part for part in get_args(Kernel) if ran and all(part in each.kernel for each in ran)),
    )


def recording_of(reader: Reader, request: Request, conditions: Conditions) -> Recording | Skipped:
    """What a run needs of a recorded request: read once, it needs no store any more."""
    found = recording(request, reader.spans(request.id), conditions.fill)
    return replace(found, written=_with_later(reader, [found])) if isinstance(found, Recording) else found


def _with_later(reader: Reader, recordings: Sequence[Recording]) -> tuple[Written, ...]:
    own = [change for each in recordings for change in each.written]
    return newest_first((*own, *later(reader, own)))


def replay_one(
    recording: Recording,
    workspace: Workspace,
    conditions: Conditions,
    cancel: Event | None = None,
    run: Run | None = None,
) -> Replayed:
    """Runs one request in `conditions.root`, in a process of its own or as `run` does.

    May be called from several threads. Raises Cancelled.
    """
    if cancel is not None and cancel.is_set():
        raise Cancelled
    seen = list(dict.fromkeys(recorded_paths(recording.spans)))
    ran = run(recording, seen, cancel) if run is not None else run_alone(recording, conditions, seen, cancel)
    request = recording.request
    blocked = tuple(_relative(each, conditions.root) for each in ran.blocked)
    if ran.trouble is not None:
        return replace(
            _answer(request, "error" if ran.was_tried else "skipped", redact_text(ran.trouble.reason)),
            mend=ran.trouble.mend,
            blocked=blocked,
            notes=ran.notes,
            guard=ran.guard,
            kernel=ran.kernel,
            own_process=ran.own_process,
        )
    spans, is_told = spans_of(ran, recording, conditions)
    now = assess(spans)
    before = recording.spans if is_told else _entry_alone(recording.spans)
    diff = compared(workspace, request, before, now.request, spans)
    verdict: Verdict = judged(
        request,
        recording.failure,
        now,
        ran.status,
        blocked,
        recording.redacted,
        _answer_differs(diff),
        ran.left_in,
        has_rows=recording.has_rows,
    )
    failed = now.request.failed or (ran.status or 0) >= 500
    return Replayed(
        request_id=request.id,
        name=request.name,
        method=request.method,
        path=request.path,
        was=request.status,
        now=ran.status,
        duration_ms=ran.duration_ms,
        outcome=verdict.outcome,
        reason=_with_rows(verdict, ran),
        diff=diff,
        was_failed=request.failed,
        failed=failed,
        same_failure=verdict.same_failure,
        error=line(now.failure, ran.status) if failed else None,
        mend=verdict.mend,
        blocked=blocked,
        notes=(*recording.notes, *_redacted(recording), *ran.notes),
        guard=ran.guard,
        kernel=ran.kernel,
        own_process=ran.own_process,
        put_back=ran.put_back,
        not_put_back=ran.not_put_back,
        not_put_back_rows=ran.not_put_back_rows,
    )


def _with_rows(verdict: Verdict, ran: Ran) -> str | None:
    if verdict.outcome == "failing" and not verdict.same_failure and ran.not_put_back:
        return f"{verdict.reason} (rows that it met could not be put back)"
    return verdict.reason


def _entry_alone(spans: Sequence[Span]) -> tuple[Span, ...]:
    """What a run without the recorder can be compared with."""
    return (entry_of(list(spans)),)


def _answer_differs(diff: Diff) -> str | None:
    """The first difference of the answers that is no noise, or of the rows that were written."""
    for span in diff.spans:
        if span.before is None or span.after is None or span.after.depth:
            continue
        for field in span.fields:
            if not field.noise and field.path.startswith("output.") and not field.path.startswith("output.headers"):
                return field.path.removeprefix("output.")
    row = next((row for row in diff.rows if row.change != "same"), None)
    told = None if row is None else row.after or row.before
    return f"the rows of {told.table}" if told is not None else None


def _redacted(recording: Recording) -> Iterator[str]:
    if recording.redacted:
        yield f"redacted in the recording, and not given: {', '.join(recording.redacted)}"


def _relative(blocked: Blocked, root: Path) -> Blocked:
    call = redact_text(blocked.call)
    if blocked.path is None:
        return replace(blocked, call=call)
    path = Path(blocked.path)
    base = root.resolve()
    return replace(blocked, call=call, path=str(path.relative_to(base)) if path.is_relative_to(base) else blocked.path)


def _skipped(request: Request, skipped: Skipped) -> Replayed:
    return replace(_answer(request, "skipped", skipped.reason), mend=skipped.mend)


def _answer(request: Request, outcome: Outcome, reason: str) -> Replayed:
    """Of a request that did not come to an answer."""
    return Replayed(
        request_id=request.id,
        name=request.name,
        method=request.method,
        path=request.path,
        was=request.status,
        now=None,
        duration_ms=0.0,
        outcome=outcome,
        reason=reason,
        diff=None,
        was_failed=request.failed,
    )
