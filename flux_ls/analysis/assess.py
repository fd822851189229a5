"""Assessment: what the spans of one request mean together."""

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from flux_ls.analysis.evidence import Died, Evidence, gather, is_noise
from flux_ls.analysis.fingerprint import fingerprint, unqualified
from flux_ls.analysis.location import find_fault
from flux_ls.analysis.request import describe, failed, http_status
from flux_ls.analysis.root_cause import Step, descend
from flux_ls.analysis.tree import Tree, build
from flux_ls.model import Assessment, Failure, Frame, Request, Span

HANDLED_LIMIT = 20
"""Handled failures of one request that are kept."""
_LOOKED_AT = 3 * HANDLED_LIMIT
ERROR_LENGTH = 200
_CONTROL_FLOW = frozenset({"CancelledError", "GeneratorExit", "StopIteration", "StopAsyncIteration"})
_ANSWERED_4XX = frozenset({"HTTPException", "Http404", "RequestValidationError", "PermissionDenied", "ValidationError"})
_Key = tuple[str, str, Frame | None]


def assess(spans: Sequence[Span]) -> Assessment:
    """The request, what it died of, and what was handled on the way; raises ValueError without spans.

    The same for every order of `spans`. A background span that failed (it ended after its parent, or a queue's
    consumer ran it) is what a request died of that died of nothing else, and makes it a failed one.
    """
    tree = build(spans)
    evidence = gather(tree)
    start = 0 if failed(tree.spans[0]) else _background_failure(evidence)
    failure = None
    ways: list[Step] = []
    if start is not None:
        ways = descend(evidence, start)
        failure = _failure(evidence, ways, handled=False)
    request = _request(tree, failure)
    return Assessment(request, failure, tuple(_handled(evidence, request, failure, ways)))


def _background_failure(evidence: Evidence) -> int | None:
    spans = evidence.tree.spans
    candidates = [index for index in evidence.detached if _failed_alone(evidence, index)]
    return min(candidates, key=lambda index: (spans[index].end_ns, index), default=None)


def _failed_alone(evidence: Evidence, index: int) -> bool:
    """Whether a background span failed like an entry would; that a call was answered badly is not enough."""
    span = evidence.tree.spans[index]
    if is_noise(span) or (span.kind in ("client", "producer") and index not in evidence.telling):
        return False
    return failed(replace(span, parent_id=None))


def _request(tree: Tree, failure: Failure | None) -> Request:
    entry = tree.spans[0]
    complete = entry.parent_id is None
    request = describe(
        entry,
        started_ns=entry.start_ns if complete else min(span.start_ns for span in tree.spans),
        ended_ns=entry.end_ns if complete else max(span.end_ns for span in tree.spans),
        spans=len(tree.spans),
        complete=complete,
        function=_endpoint(tree),
    )
    if request.kind == "http" and request.status is None:
        request = replace(request, status=_sent_status(tree))
    if failure is None:
        return request
    return replace(request, failed=True, error=_one_line(failure))


def _endpoint(tree: Tree) -> str | None:
    """The handler, as a framework's own span around it names it."""
    for span in tree.spans:
        if span.name == "fastapi.endpoint":
            function = span.attributes.get("code.function.name")
            return function if isinstance(function, str) else None
    return None


def _sent_status(tree: Tree) -> int | None:
    """The status that the entry's own message spans sent, for entry spans that ended without noting it."""
    return next(
        (
            status
            for index, span in enumerate(tree.spans)
            if tree.parents[index] == 0 and is_noise(span) and (status := http_status(span)) is not None
        ),
        None,
    )


def _one_line(failure: Failure) -> str:
    message = failure.message.strip().partition("\n")[0].strip()
    line = f"{unqualified(failure.type)}: {message}" if message else unqualified(failure.type)
    return line if len(line) <= ERROR_LENGTH else line[: ERROR_LENGTH - 1].rstrip() + "…"


def _failure(evidence: Evidence, steps: Sequence[Step], *, handled: bool) -> Failure:
    origin = evidence.tree.spans[steps[-1].index]
    fault = find_fault(evidence, steps)
    died = next((step.died for step in reversed(steps) if step.died is not None), None)
    return Failure(
        fingerprint=fingerprint(
            fault.type, fault.own_frames or fault.frames, span_name=origin.name, service=origin.resource.service
        ),
        type=fault.type,
        message=fault.message,
        span_id=origin.span_id,
        span_name=origin.name,
        handled=handled,
        location=fault.location,
        location_reason=fault.location_reason,
        frames=fault.frames,
        chain=fault.chain,
        at_ns=died.at_ns if died is not None else origin.end_ns,
    )


def _handled(evidence: Evidence, request: Request, failure: Failure | None, ways: Sequence[Step]) -> Iterator[Failure]:
    """Each exception that the request survived, once, in the order of the spans."""
    spent: set[tuple[int, int]] = set()
    _spend(evidence, ways, spent)
    seen: set[_Key] = set() if failure is None else {_key(failure)}
    kept = looked_at = 0
    for index in sorted(evidence.died):
        for number, died in enumerate(evidence.died[index]):
            answer = http_status(evidence.tree.spans[index]) or request.status
            if (index, number) in spent or _is_ordinary(died, answer):
                continue
            if kept == HANDLED_LIMIT or looked_at == _LOOKED_AT:
                return
            looked_at += 1
            steps = descend(evidence, index, died)
            _spend(evidence, steps, spent)
            found = _failure(evidence, steps, handled=True)
            if _key(found) in seen or _is_part(found, failure, died):
                continue
            seen.add(_key(found))
            kept += 1
            yield found


def _spend(evidence: Evidence, steps: Sequence[Step], spent: set[tuple[int, int]]) -> None:
    for step in steps:
        for number, died in enumerate(evidence.died.get(step.index, ())):
            if died is step.died:
                spent.add((step.index, number))


def _is_ordinary(died: Died, answer: int | None) -> bool:
    """Exceptions that are a way of saying something: a cancellation, or the 4xx answer that the caller got."""
    name = unqualified(died.raised.type)
    if name in _CONTROL_FLOW:
        return True
    if answer is None or not 400 <= answer < 500:
        return False
    return name in _ANSWERED_4XX or died.raised.message.lstrip().startswith(str(answer))


def _is_part(found: Failure, failure: Failure | None, died: Died) -> bool:
    """Whether a record only repeats what the failure's chain says.

    One with a place of its own does when it is another of the failure's group: nobody handled it.
    """
    if failure is None:
        return False
    return any(
        unqualified(link.type) == unqualified(died.raised.type)
        and link.message == died.raised.message
        and (found.location is None or link.relation == "member")
        for link in failure.chain
    )


def _key(failure: Failure) -> _Key:
    return unqualified(failure.type), failure.message, failure.location
