"""Two requests compared: their spans aligned, every difference by its path, and a verdict in words."""

from collections.abc import Iterable
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from flux_ls.analysis.assess import assess
from flux_ls.analysis.diff.compare import Comparison, Field, RowDifference, SpanDifference, compare
from flux_ls.analysis.diff.paths import read, written
from flux_ls.analysis.diff.verdict import ADDRESSES, Subject, Verdict, given_differently, judge
from flux_ls.analysis.evidence import is_noise
from flux_ls.analysis.recorded import row_changes
from flux_ls.analysis.route import route_name
from flux_ls.analysis.statements import told_twice
from flux_ls.answers.frames import Glance
from flux_ls.answers.passages import Passages
from flux_ls.answers.rows import row_shape
from flux_ls.answers.shapes import RequestShape, RowShape, SpanShape, request_shape
from flux_ls.answers.trace import changes_by_span, first_start, span_shape
from flux_ls.model import Request, RowChange, Span
from flux_ls.source.workspace import Workspace
from flux_ls.store.reader import Reader

_ADDRESSES = frozenset(written(("attributes", name)) for name in ADDRESSES)
_LOOKED_BACK = 5000
"""Requests that are looked through for one to compare with."""


class NothingToCompare(Exception):
    """There is no good request of the route to compare the given one with."""

    def __init__(self, request: Request) -> None:
        super().__init__(
            f"no other good request of {route_name(request)} is in the store to compare req:{request.short_id} with:"
            " give two ids"
        )


class FieldShape(Struct, frozen=True):
    """One difference. `path` is where it is afterwards, of something removed where it was before.

    Of a list's item that `moved`, `before` and `after` are its positions.
    """

    path: str
    before: Any
    after: Any
    noise: bool
    change: Literal["added", "removed", "changed", "moved"]
    before_path: str
    reason: str | None
    """Why it is noise, in a word; null for a difference that counts."""
    repeats: bool = False
    """The same was told of a span before: what came in is handed from function to function."""


class SpanDiff(Struct, frozen=True):
    """`same` may have fields that are noise."""

    change: Literal["added", "removed", "changed", "same"]
    before: SpanShape | None
    after: SpanShape | None
    fields: tuple[FieldShape, ...]
    noise: bool
    """Added or removed, but only because of the circumstances; or it says nothing of its own: a message, or the
    driver's word on a statement."""


class RowDiff(Struct, frozen=True):
    """A row change of one request, or one of each that stand for each other; paths lead into these."""

    change: Literal["added", "removed", "changed", "same"]
    before: RowShape | None
    after: RowShape | None
    fields: tuple[FieldShape, ...]


class Diff(Struct, frozen=True):
    """`muted` counts the differences that are noise; `chosen` says which request was not given but found.

    `given` are the places where what the caller gave differs.
    """

    before: RequestShape
    after: RequestShape
    verdict: Verdict
    summary: str
    spans: tuple[SpanDiff, ...]
    rows: tuple[RowDiff, ...]
    muted: int
    chosen: Literal["before", "after"] | None = None
    given: tuple[str, ...] = ()


def diff(reader: Reader, workspace: Workspace, before: str, after: str) -> Diff:
    """Raises what `Reader.resolve` raises for an id that is unknown, ambiguous or none at all."""
    return _diff(reader, workspace, reader.resolve(before), reader.resolve(after))


def diff_with_good(reader: Reader, workspace: Workspace, id: str) -> Diff:
    """A request against the last good one of its route, the earlier of the two first. Raises NothingToCompare too."""
    given = reader.resolve(id)
    good = _last_good(reader, given)
    if good is None:
        raise NothingToCompare(given)
    if good.started_ns > given.started_ns:
        return _diff(reader, workspace, given, good, "after")
    return _diff(reader, workspace, good, given, "before")


def _last_good(reader: Reader, given: Request) -> Request | None:
    name = route_name(given)
    route = next((each for each in reader.routes() if (each.service, each.name) == (given.service, name)), None)
    if route is None or route.last_good_id is None:
        return None
    if route.last_good_id != given.id:
        return reader.request(route.last_good_id)
    for request in reader.requests(service=given.service, newest_first=True, limit=_LOOKED_BACK):
        if request.id != given.id and request.complete and not request.bad and route_name(request) == name:
            return request
    return None


def _diff(
    reader: Reader,
    workspace: Workspace,
    before: Request,
    after: Request,
    chosen: Literal["before", "after"] | None = None,
) -> Diff:
    return compared(workspace, before, reader.spans(before.id), after, reader.spans(after.id), chosen)


def compared(
    workspace: Workspace,
    before: Request,
    ours: tuple[Span, ...],
    after: Request,
    theirs: tuple[Span, ...],
    chosen: Literal["before", "after"] | None = None,
) -> Diff:
    """Two requests by their spans, wherever these came from."""
    comparison = compare(ours, theirs)
    verdict, summary = judge(_subject(before, ours), _subject(after, theirs), comparison)
    if before.id == after.id:
        summary = "Identical: it is one request"
    one, other = _Shapes(workspace, before, ours), _Shapes(workspace, after, theirs)
    return Diff(
        before=request_shape(before),
        after=request_shape(after),
        verdict=verdict,
        summary=summary,
        spans=_without_echoes(_span(each, one, other) for each in comparison.spans),
        rows=_rows(workspace, comparison),
        muted=comparison.muted,
        chosen=chosen,
        given=tuple(given_differently(comparison)),
    )


def _subject(request: Request, spans: tuple[Span, ...]) -> Subject:
    return Subject(request, assess(spans).failure)


class _Shapes:
    """The spans of one request as answers show them."""

    def __init__(self, workspace: Workspace, request: Request, spans: tuple[Span, ...]) -> None:
        self._glance, self._passages = Glance(workspace), Passages(spans)
        self._zero = first_start(spans, request.started_ns)
        self._known = {span.span_id for span in spans}
        self._twins = told_twice(spans)
        self._changes: dict[str, list[RowChange]] = changes_by_span(row_changes(spans))

    def say_nothing(self, span: Span | None) -> bool:
        """Whether it is a message, or the driver's word on a statement of which the object mapper told."""
        return span is None or is_noise(span) or span.span_id in self._twins

    def __call__(self, span: Span | None, depth: int) -> SpanShape | None:
        if span is None:
            return None
        changes = self._changes.get(span.span_id, ())
        return span_shape(self._glance, self._passages, span, depth, self._zero, self._known, changes)


def _span(difference: SpanDifference, before: _Shapes, after: _Shapes) -> SpanDiff:
    return SpanDiff(
        change=difference.change,
        before=before(difference.before, difference.depth_before),
        after=after(difference.after, difference.depth_after),
        fields=tuple(map(_field, difference.fields)),
        noise=difference.noise or (before.say_nothing(difference.before) and after.say_nothing(difference.after)),
    )


def _without_echoes(spans: Iterable[SpanDiff]) -> tuple[SpanDiff, ...]:
    """The spans, with a mark on what only repeats a difference above: an input handed on, a result handed back."""
    said: set[tuple[str, str]] = set()
    marked = []
    for span in spans:
        if span.noise or span.change != "changed":
            marked.append(span)
            continue
        given = any(field.path.startswith("input") and not field.noise for field in span.fields)
        fields = []
        for field in span.fields:
            echo = None if field.noise else _echo(field)
            if not field.noise and given and field.path in _ADDRESSES:
                fields.append(replace(field, repeats=True))
            elif echo is None:
                fields.append(field)
            else:
                fields.append(replace(field, repeats=echo in said))
                said.add(echo)
        marked.append(replace(span, fields=tuple(fields)))
    return tuple(marked)


def _echo(field: FieldShape) -> tuple[str, str] | None:
    """What two fields have in common that tell the same: the name that the value goes by, and the values."""
    steps = read(field.path)
    if steps[0] == "input" and len(steps) > 1:
        names = [step for step in steps if isinstance(step, str)]
        # By another name when it is missing rather than null on one side.
        return f"input {names[-1]}", repr((field.before, field.after))
    if steps in (("output",), ("output", "body")):
        return "output", repr(field.after)
    return None


def _rows(workspace: Workspace, comparison: Comparison) -> tuple[RowDiff, ...]:
    glance = Glance(workspace)

    def shape(row: RowChange | None) -> RowShape | None:
        return None if row is None else row_shape(glance, row)

    def told(row: RowDifference) -> RowDiff:
        return RowDiff(row.change, shape(row.before), shape(row.after), tuple(map(_field, row.fields)))

    return tuple(map(told, comparison.rows))


def _field(field: Field) -> FieldShape:
    change = field.change
    return FieldShape(
        path=written(change.path),
        before=change.before,
        after=change.after,
        noise=field.noise,
        change=change.change,
        before_path=written(change.before_path),
        reason=field.reason,
    )
