"""What the difference of two requests comes to: fixed, regressed, changed or identical, in words."""

from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from flux_ls.analysis.diff.compare import Comparison, Field, RowDifference, SpanDifference
from flux_ls.analysis.diff.noise import Judge, Place, Renaming
from flux_ls.analysis.diff.paths import written
from flux_ls.analysis.diff.rows import bare
from flux_ls.analysis.fingerprint import unqualified
from flux_ls.analysis.route import route_name
from flux_ls.model import AttributeValue, Failure, Request, RowChange

Verdict = Literal["FIXED", "REGRESSED", "CHANGED", "IDENTICAL"]

_NAMED = 2
"""Things of one kind that a summary names; the others are counted."""
_LONGEST = 120
_FORMS = ("url.full", "http.target", "http.url")
ADDRESSES = ("url.path", "url.query", *_FORMS)
"""Attributes that only repeat where a request went."""
_STATUS_CODE = ("attributes", "http.response.status_code")
_TIMED_OUT = ("timeout", "timed out", "deadline exceeded")


class Subject(Struct, frozen=True):
    """One of the two requests, and what it died of."""

    request: Request
    failure: Failure | None


def judge(before: Subject, after: Subject, comparison: Comparison) -> tuple[Verdict, str]:
    """The verdict and its summary. FIXED and REGRESSED are said of one scenario only: the same kind and route."""
    other = other_scenario(before.request, after.request)
    if other is not None:
        return "CHANGED", other
    given = given_differently(comparison)
    verdict, summary = _judged(before, after, comparison, given)
    unfinished = [f"req:{one.request.short_id}" for one in (before, after) if not one.request.complete]
    if unfinished:
        summary = f"{summary} (incomplete: {' and '.join(unfinished)} without a root span)"
    return verdict, summary


def other_scenario(before: Request, after: Request) -> str | None:
    """Why the two requests cannot be compared as one scenario; None when they can."""
    if before.service != after.service:
        return f"Not the same scenario: {before.service} against {after.service}"
    ours, theirs = route_name(before), route_name(after)
    # A request that failed early may not know its route.
    if before.kind == after.kind and (ours == theirs or (before.method, before.path) == (after.method, after.path)):
        return None
    return f"Not the same scenario: {ours} against {theirs}"


def given_differently(comparison: Comparison) -> list[str]:
    """Where what the caller gave differs."""
    entry = next((span for span in comparison.spans if span.before is not None and span.after is not None), None)
    if entry is None:
        return []
    paths = [
        written(field.change.path) for field in entry.fields if field.change.path[0] == "input" and not field.noise
    ]
    if not paths:
        changes = [field.change for field in entry.fields if not field.noise and len(field.change.path) == 2]
        # A server that tells its address in another form has been asked the same.
        said = [change for change in changes if change.change == "changed" or change.path[-1] not in _FORMS]
        paths = [str(change.path[-1]) for change in said if change.path[-1] in ADDRESSES]
    return _few(paths, "value")


def _judged(before: Subject, after: Subject, comparison: Comparison, given: list[str]) -> tuple[Verdict, str]:
    was, now = before.request, after.request
    differently = f"; but the input differs: {', '.join(given)}" if given else ""
    if was.failed and now.failed:
        identical = comparison.identical
        return "IDENTICAL" if identical else "CHANGED", _still_failing(before, after) + (
            "" if identical else differently
        )
    if comparison.identical and was.failed == now.failed:
        return "IDENTICAL", f"Identical{_muted(comparison)}"
    if was.failed and not now.bad:
        # Only the same input shows that it is the code that has changed its ways.
        head = f"Passes, but with other input ({', '.join(given)}), so no fix is proven" if given else "Fix verified"
        return "FIXED", "; ".join([f"{head}: {_mended(before, comparison)}", *_rows(comparison, "committed")])
    if was.failed:
        return (
            "CHANGED",
            f"No longer failing, but refused with {now.status}: {_mended(before, comparison)}{differently}",
        )
    if now.failed:
        head = f"Fails, but with other input ({', '.join(given)})" if given else "Regressed"
        return "REGRESSED", "; ".join([f"{head}: {_broken(after, comparison)}", *_rows(comparison, "rolled_back")])
    return "CHANGED", "; ".join(_differences(was, now, comparison, given))


def _muted(comparison: Comparison) -> str:
    count = comparison.muted
    return f" but for {count:,} {'difference' if count == 1 else 'differences'} in ids and timings" if count else ""


def _still_failing(before: Subject, after: Subject) -> str:
    ours, theirs = before.failure, after.failure
    if ours is None or theirs is None:
        return "Still failing, and no span says why"
    if unqualified(ours.type) == unqualified(theirs.type) and _same_text(ours.message, theirs.message):
        return f"Not fixed: the same error, {_error(after)}"
    if ours.fingerprint == theirs.fingerprint:
        return f"Not fixed: the same error, {_error(after)} (it was {_short(ours.message)!r})"
    return f"Still failing, but differently: {_error(after)} instead of {_error(before)}"


def _same_text(before: str, after: str) -> bool:
    if before == after:
        return True
    judge = Judge(Renaming(), 0, 0)
    return judge.of_values(Place(("error",)), before, after) is not None


def _error(subject: Subject) -> str:
    failure = subject.failure
    if failure is None:
        return subject.request.error or "an error that no span tells"
    message = _short(failure.message)
    told = f"{unqualified(failure.type)}: {message}" if message else unqualified(failure.type)
    return f"{told} in {failure.span_name}" if failure.span_name else told


def _short(text: str) -> str:
    line = text.strip().partition("\n")[0].strip()
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1].rstrip() + "…"


def _mended(before: Subject, comparison: Comparison) -> str:
    """What became of the span that the failed request died of."""
    failure = before.failure
    pair = _of_span(comparison, failure.span_id, "before") if failure is not None else None
    if failure is None or pair is None or pair.before is None:
        return "the request succeeds"
    name = pair.before.name
    if pair.after is None:
        return f"{name} is not called any more"
    timed_out = any(word in f"{failure.type} {failure.message}".lower() for word in _TIMED_OUT)
    if timed_out:
        told = f"{name} answers in {_took((pair.after.end_ns - pair.after.start_ns) / 1e6)} instead of timing out"
    else:
        told = f"{name} succeeds instead of failing with {unqualified(failure.type)}"
        message = _short(failure.message)
        told = f"{told}: {message}" if message else told
    new = dict.fromkeys(
        str(field.change.path[-1])
        for each in _with_below(comparison, pair)
        for field in each.fields
        if field.change.change == "added" and field.change.path[0] == "input" and not field.noise
    )
    return f"{told}, now with {', '.join(_few([*new], 'value'))}" if new else told


def _with_below(comparison: Comparison, pair: SpanDifference) -> Iterator[SpanDifference]:
    """A span that is there afterwards, and those below it."""
    inside = False
    for each in comparison.spans:
        if each is pair:
            inside = True
        elif inside and each.after is not None and each.depth_after <= pair.depth_after:
            return
        if inside:
            yield each


def _broken(after: Subject, comparison: Comparison) -> str:
    failure = after.failure
    told = f"{after.request.name} fails with {_error(after)}"
    pair = _of_span(comparison, failure.span_id, "after") if failure is not None else None
    return f"{told}, which is new" if pair is not None and pair.change == "added" else told


def _took(ms: float) -> str:
    return f"{ms:.0f} ms" if ms >= 9.5 else f"{ms:.1f} ms"


def _of_span(comparison: Comparison, span_id: str, side: Literal["before", "after"]) -> SpanDifference | None:
    for pair in comparison.spans:
        span = pair.before if side == "before" else pair.after
        if span is not None and span.span_id == span_id:
            return pair
    return None


def _rows(comparison: Comparison, outcome: str) -> list[str]:
    """Rows that came to this end only now: `users id=42 plan is committed`."""
    by_row: dict[str, list[RowChange]] = {}
    for row in comparison.rows:
        told = row.after
        if told is not None and told.outcome == outcome and (row.before is None or row.before.outcome != outcome):
            by_row.setdefault(_key_words(told), []).append(told)
    ending = "is committed" if outcome == "committed" else "was rolled back"
    return _few([f"{subject}{_column(changes)} {ending}" for subject, changes in by_row.items()], "row")


def _key_words(row: RowChange) -> str:
    key = " ".join(f"{name}={_plain(value)}" for name, value in row.key.items())
    return f"{row.table} {key}".strip()


def _column(changes: list[RowChange]) -> str:
    """The one column that was written, if it was one."""
    if any(change.operation != "update" for change in changes):
        return ""
    columns = {column.name for change in changes for column in change.columns}
    return f" {columns.pop()}" if len(columns) == 1 else ""


def _plain(value: AttributeValue) -> str:
    return str(bare(value))[:40]


def _differences(was: Request, now: Request, comparison: Comparison, given: list[str]) -> list[str]:
    told: list[str] = [f"the input differs ({', '.join(given)})"] if given else []
    if was.status != now.status:
        told.append(f"{was.name} answers {now.status} instead of {was.status}")
    for change, words in (("added", "new"), ("removed", "gone")):
        names = [_name(span) for span in comparison.spans if span.change == change and not span.noise]
        if names:
            told.append(f"{', '.join(_few(list(dict.fromkeys(names)), 'span'))} {words}")
    changed = [span for span in comparison.spans if span.change == "changed"]
    fields = [
        _field(span, field)
        for span in changed
        for field in _telling(span.fields)
        if not (given and _is_given(field))
        if was.status == now.status or field.change.path != _STATUS_CODE
    ]
    told += _few(list(dict.fromkeys(fields)), "difference")
    rows = [row for row in comparison.rows if row.change != "same"]
    if rows:
        told.append(f"{', '.join(_few(list(dict.fromkeys(map(_row_name, rows))), 'row'))} written differently")
    return [f"Changed: {told[0]}", *told[1:]] if told else ["Changed"]


def _is_given(field: Field) -> bool:
    """What only follows from other input."""
    path = field.change.path
    return path[0] == "input" or (path[0] == "attributes" and path[-1] in ADDRESSES)


def _telling(fields: tuple[Field, ...]) -> Iterator[Field]:
    """What counts, the recorded values before the attributes that repeat them."""
    counting = [field for field in fields if not field.noise and field.change.path != ("status",)]
    values = [field for field in counting if field.change.path[0] in ("input", "output", "error", "duration_ms")]
    yield from values or counting


def _field(span: SpanDifference, field: Field) -> str:
    if field.change.path == ("duration_ms",):
        return f"{_name(span)} takes {_took(field.change.after)} instead of {_took(field.change.before)}"
    return f"{_name(span)} {written(field.change.path)}"


def _name(span: SpanDifference) -> str:
    told = span.after or span.before
    return (told.name if told is not None else "") or "(no name)"


def _row_name(row: RowDifference) -> str:
    told = row.after or row.before
    assert told is not None
    return _key_words(told)


def _few(told: list[str], one: str) -> list[str]:
    """The first of them, and how many more there are."""
    if len(told) <= _NAMED + 1:
        return told
    more = len(told) - _NAMED
    return [*told[:_NAMED], f"{more:,} more {one}s"]
