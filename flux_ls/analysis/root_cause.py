"""Root cause: from a span that failed down to the one that its error came from."""

import re
from collections.abc import Iterator
from itertools import chain

from msgspec import Struct

from flux_ls.analysis.chain import all_links, paths, responsible, same, same_type, told_by_status
from flux_ls.analysis.evidence import CLOCK_TOLERANCE_NS, Died, Evidence, is_noise, same_process
from flux_ls.analysis.request import http_status
from flux_ls.model import Raised, Span

_ABORTED_CALLS = (1, 4)
"""gRPC codes CANCELLED and DEADLINE_EXCEEDED: the caller's doing, whatever the callee did meanwhile."""
_EXCEPTION_NAME = re.compile(r"[A-Za-z_$][\w$.]*")


class Step(Struct, frozen=True):
    """A span that the error passed through, and the exception recorded there, if one was."""

    index: int
    died: Died | None


class _Match(Struct, frozen=True):
    rank: tuple[int, int]
    """Exceptions before status messages, the exception itself before its causes."""
    index: int
    died: Died | None


def descend(evidence: Evidence, start: int, died: Died | None = None) -> list[Step]:
    """The way of the error from `start`, that failed, to its origin, the last step.

    `died` is the exception to trace; by default what the span died of. At each span, the error came from below

    1. when a descendant recorded the same exception or one that it was raised from, or ended with a status
       message that tells it. Spans between that recorded nothing pass it through; one that died of something
       else, or that answered well, does not;
    2. when a call to another service failed and the exception speaks of that answer (its status code or URL), or
       nothing began between the call and the exception;
    3. when the span recorded no exception of its own end, from the failing child that ended last.

    Visits each notable span a bounded number of times and does not recurse.
    """
    doubtful = died is None
    carried = _own_death(evidence, start) if died is None else died
    steps = [Step(start, carried)]
    while True:
        here = steps[-1].index
        if carried is None:
            following = _last_failed(evidence, here)
            if following is None:
                return steps
            carried, doubtful = _own_death(evidence, following), True
            steps.append(Step(following, carried))
            continue
        match = _propagated(evidence, here, carried)
        if match is not None:
            steps.append(Step(match.index, match.died))
            carried, doubtful = match.died or carried, False
            continue
        called = _failed_call(evidence, here, carried)
        if called is not None:
            steps.append(called)
            carried, doubtful = called.died, True
            continue
        if doubtful and not carried.certain:
            later = _last_failed(evidence, here, after_ns=carried.at_ns + CLOCK_TOLERANCE_NS)
            if later is not None:
                # What was recorded had been handled by the time the child failed.
                steps[-1] = Step(here, None)
                carried = None
                continue
        steps.extend(Step(index, None) for index in _unrecorded(evidence, here, carried))
        return steps


def _own_death(evidence: Evidence, index: int) -> Died | None:
    found = evidence.died.get(index)
    return found[0] if found else None


def _propagated(evidence: Evidence, here: int, died: Died) -> _Match | None:
    """The nearest descendant that the exception came from: of the best matches the last, unless that only got it from
    one that ran meanwhile."""
    spans = evidence.tree.spans
    ways = list(paths(died.raised))
    found: list[_Match] = []
    waiting = list(reversed(evidence.below[here]))
    while waiting:
        index = waiting.pop()
        if index in evidence.walled:
            continue
        match = _match(evidence, index, died, ways) if _in_time(spans[index], spans[here], died) else None
        if match is not None:
            found.append(match)
        elif _lets_through(evidence, index):
            waiting.extend(reversed(evidence.below[index]))
    rank = min((match.rank for match in found), default=None)
    of_rank = (match for match in found if match.rank == rank)
    latest_first = sorted(of_rank, key=lambda match: _end(spans, match.index), reverse=True)
    best = next(iter(latest_first), None)
    for match in latest_first[1:]:
        if best is not None and _got_it_from(spans, best, match):
            best = match
    return best


def _got_it_from(spans: tuple[Span, ...], outer: _Match, inner: _Match) -> bool:
    """Whether the exception of one span was thrown into another around it, such as FastAPI throws that of a route into
    the dependencies with `yield`. Where their stacks end in different lines it was raised twice."""
    span, around = spans[inner.index], spans[outer.index]
    if span.start_ns < around.start_ns or span.end_ns > around.end_ns or not same_process(span, around):
        return False
    places = {place for match in (outer, inner) if match.died and (place := responsible(match.died.raised)) is not None}
    return len(places) < 2 and (span.start_ns, span.end_ns) != (around.start_ns, around.end_ns)


def _match(evidence: Evidence, index: int, died: Died, ways: list[tuple[Raised, ...]]) -> _Match | None:
    recorded = evidence.died.get(index)
    if recorded:
        for rank, way in enumerate(ways):
            for candidate in recorded:
                if same(candidate.raised, way[-1], loosely=candidate.logged != (died.logged and rank == 0)):
                    return _Match((0, rank), index, candidate)
        return None
    message = evidence.tree.spans[index].status_message
    if message and index in evidence.failing:
        for rank, way in enumerate(ways):
            if told_by_status(message, way[-1]):
                return _Match((1, rank), index, None)
    return None


def _lets_through(evidence: Evidence, index: int) -> bool:
    """Whether an exception from below can have passed a span that recorded no trace of it."""
    if index in evidence.failing:
        return index not in evidence.died
    return evidence.tree.spans[index].kind not in ("server", "consumer")


def _in_time(span: Span, ancestor: Span, died: Died) -> bool:
    deadline = max(ancestor.end_ns, died.at_ns)
    return span.end_ns <= deadline + CLOCK_TOLERANCE_NS or not same_process(span, ancestor)


def _failed_call(evidence: Evidence, here: int, died: Died) -> Step | None:
    """The call to another service that made the exception, when that service tells what happened to it."""
    tree = evidence.tree
    own = tree.spans[here]
    if own.kind == "client" and here in evidence.telling and not _answered(own):
        return None
    waiting = list(reversed(evidence.below[here]))
    calls: list[int] = []
    while waiting:
        index = waiting.pop()
        if index in evidence.walled or index in evidence.background or index not in evidence.telling:
            continue
        span = tree.spans[index]
        if index in evidence.failing and _is_call(span, own, recorded=index in evidence.died):
            if _in_time(span, own, died):
                calls.append(index)
        elif _lets_through(evidence, index):
            waiting.extend(reversed(evidence.below[index]))
    if not calls:
        return None
    text = [link.message for link in all_links(died.raised)]
    calls.sort(key=lambda index: (tree.spans[index].end_ns, index), reverse=True)
    for index in calls:
        if own.kind == "client" or _named(tree.spans[index], text):
            return Step(index, _own_death(evidence, index))
    if _last_activity(evidence, here, calls[0], died):
        return Step(calls[0], _own_death(evidence, calls[0]))
    return None


def _is_call(span: Span, caller: Span, *, recorded: bool) -> bool:
    if span.kind == "client":
        return not recorded and _answered(span)
    return span.kind == "server" and not same_process(span, caller)


def _answered(client: Span) -> bool:
    """Whether the callee's failure is what the caller got, rather than silence or a dead line."""
    status = http_status(client)
    if status is not None:
        return status >= 500
    attributes = client.attributes
    if "rpc.system" in attributes or "rpc.system.name" in attributes:
        code = attributes.get("rpc.grpc.status_code", attributes.get("rpc.response.status_code"))
        return code not in (*_ABORTED_CALLS, "CANCELLED", "DEADLINE_EXCEEDED")
    return client.status == "error" and client.kind == "client" and "http.request.method" not in attributes


def _named(call: Span, text: list[str]) -> bool:
    status, url = http_status(call), call.attributes.get("url.full")
    address = url.partition("?")[0] if isinstance(url, str) else ""
    code = re.compile(rf"(?<![\w.]){status}(?![\w.])") if status is not None and status >= 500 else None
    return any((address and address in message) or (code and code.search(message)) for message in text)


def _last_activity(evidence: Evidence, here: int, call: int, died: Died) -> bool:
    """Whether nothing that went well began between the call's end and the exception."""
    tree = evidence.tree
    ended = tree.spans[call].end_ns
    for index in chain(range(here + 1, call), range(tree.ends[call], tree.ends[here])):
        if index in evidence.failing:
            continue
        span = tree.spans[index]
        if ended <= span.start_ns < died.at_ns and same_process(span, tree.spans[here]) and not is_noise(span):
            return False
    return True


def _last_failed(evidence: Evidence, here: int, after_ns: int | None = None) -> int | None:
    """The nearest failing descendant that ended last before the span did.

    One that only says that a call went wrong, with nothing known of why, counts when there is no other. Of two
    database spans of one statement (object mapper and driver) the one that recorded the exception is taken.
    """
    spans = evidence.tree.spans
    candidates: list[int] = []
    waiting = list(reversed(evidence.below[here]))
    while waiting:
        index = waiting.pop()
        if index in evidence.walled or index in evidence.settled or index in evidence.background:
            continue
        span = spans[index]
        if index in evidence.failing:
            if after_ns is None or (span.end_ns > after_ns and same_process(span, spans[here])):
                candidates.append(index)
        elif span.kind not in ("server", "consumer") and span.status != "ok":
            waiting.extend(reversed(evidence.below[index]))
    if not candidates:
        return None
    last = max(candidates, key=lambda index: (index in evidence.telling or _speaks(spans[index]), *_end(spans, index)))
    if last not in evidence.telling:
        twins = [index for index in candidates if index in evidence.telling and _within(spans[index], spans[last])]
        last = max(twins, key=lambda index: _end(spans, index), default=last)
    return last


def _end(spans: tuple[Span, ...], index: int) -> tuple[int, int]:
    return spans[index].end_ns, index


def _speaks(span: Span) -> bool:
    return span.kind != "client" or (bool(span.status_message) and http_status(span) is None)


def _within(inner: Span, outer: Span) -> bool:
    return (
        "db.system.name" in inner.attributes
        and "db.system.name" in outer.attributes
        and outer.start_ns <= inner.start_ns
        and inner.end_ns <= outer.end_ns
    )


def _unrecorded(evidence: Evidence, here: int, died: Died) -> Iterator[int]:
    """Failing spans below that recorded nothing but the exception's type (`error.type`), outermost first."""
    spans = evidence.tree.spans
    nearest: dict[int, list[int]] = {}
    waiting = [(index, here) for index in reversed(evidence.below[here])]
    while waiting:
        index, above = waiting.pop()
        if index in evidence.walled:
            continue
        span = spans[index]
        if not _in_time(span, spans[here], died):
            continue
        if index in evidence.failing and index not in evidence.died and _typed(span, died):
            nearest.setdefault(above, []).append(index)
            above = index
        if _lets_through(evidence, index):
            waiting.extend((child, above) for child in reversed(evidence.below[index]))
    at = here
    while at in nearest:
        at = max(nearest[at], key=lambda index: _end(spans, index))
        yield at


def _typed(span: Span, died: Died) -> bool:
    name = span.attributes.get("error.type")
    if not isinstance(name, str) or not _EXCEPTION_NAME.fullmatch(name):
        return False
    return any(same_type(name, way[-1].type) for way in paths(died.raised))
