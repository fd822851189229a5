"""The steps of a request: each span with what went in and out, and the rows as they were at that step."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence

from msgspec import Struct, structs

from flux_ls.analysis.evidence import is_failing, is_noise
from flux_ls.analysis.recorded import told_changes
from flux_ls.analysis.row_key import identity
from flux_ls.answers.shapes import Debug, RowState, Step, request_shape
from flux_ls.answers.trace import changes_by_span, first_start, in_tree_order, span_shape
from flux_ls.model import AttributeValue, RowChange, Span
from flux_ls.record import wire
from flux_ls.source.workspace import Workspace
from flux_ls.store.reader import Reader

_ROWS_AT_A_STEP = 20
_LOOKED_BACK = 500
_Row = tuple[str, str]


def debug(reader: Reader, workspace: Workspace, id: str) -> Debug:
    """Raises what `Reader.resolve` raises for an id that is unknown, ambiguous or none at all."""
    request = reader.resolve(id)
    spans = reader.spans(request.id)
    zero = first_start(spans, request.started_ns)
    told = told_changes(spans)
    written = changes_by_span(change for change, _ in told)
    carried: dict[str, list[RowChange]] = defaultdict(list)
    for change, carrier in told:
        carried[carrier.span_id].append(change)
    rows = Rows(_Change(change, carrier.end_ns) for change, carrier in told)
    known = {span.span_id for span in spans}
    steps = []
    for span, depth in in_tree_order(spans):
        own = written.get(span.span_id, ())
        shape = span_shape(workspace, span, depth, zero, known, own)
        ended = carried.get(span.span_id, ()) if span.name == wire.TRANSACTION else ()
        states = rows.at_step(span, own, ended)
        steps.append(Step(**structs.asdict(shape), rows_state=states, noise=not own and _says_nothing(span)))
    return Debug(request_shape(request), tuple(steps))


def _says_nothing(span: Span) -> bool:
    """Messages of a protocol, and connections that were made: not where anything happens, unless it fails."""
    if is_noise(span):
        return True
    connecting = span.name == "connect" and "db.system.name" in span.attributes
    return connecting and not span.exceptions and not is_failing(span)


class _Change(Struct, frozen=True):
    change: RowChange
    ended_ns: int
    """When its transaction did."""

    @property
    def row(self) -> _Row:
        return self.change.table, identity(self.change.key)


class Rows:
    """The rows that a request changed, through time."""

    def __init__(self, changes: Iterable[_Change]) -> None:
        self._changes = [change for change in changes if change.change.key]
        self._times = [change.change.at_ns for change in self._changes]
        self._order = [change.row for change in self._changes]
        self._of_row: dict[_Row, list[_Change]] = defaultdict(list)
        for row, change in zip(self._order, self._changes, strict=True):
            self._of_row[row].append(change)

    def at_step(self, span: Span, own: Sequence[RowChange], ended: Sequence[RowChange]) -> tuple[RowState, ...]:
        """The rows that were changed before, as they were when the step began; its own, as it left them.

        Of a transaction `ended` are all that were changed in it, as they were when it had ended.
        """
        moments: dict[_Row, int] = {}
        end = bisect_right(self._times, span.start_ns - 1)
        for index in range(end - 1, max(end - _LOOKED_BACK, 0) - 1, -1):
            if len(moments) == _ROWS_AT_A_STEP:
                break
            moments.setdefault(self._order[index], span.start_ns)
        earlier = dict(reversed(moments.items()))
        for change in own:
            if change.key:
                earlier[change.table, identity(change.key)] = change.at_ns
        for change in ended:
            if change.key:
                earlier[change.table, identity(change.key)] = span.end_ns
        return tuple(self._state(row, at_ns) for row, at_ns in list(earlier.items())[-_ROWS_AT_A_STEP:])

    def _state(self, row: _Row, at_ns: int) -> RowState:
        seen = [each for each in self._of_row[row] if each.change.at_ns <= at_ns]
        kept = [each for each in seen if each.change.outcome != "rolled_back" or each.ended_ns > at_ns]
        exists = seen[0].change.operation != "insert"
        columns = _before(seen) if exists else {}
        for each in kept:
            change = each.change
            exists = change.operation != "delete"
            if change.operation == "insert":
                columns = {}
            columns.update((column.name, column.after) for column in change.columns)
        last = kept[-1] if kept else seen[-1]
        return RowState(
            table=last.change.table,
            key=dict(last.change.key),
            exists=exists,
            columns=columns if exists else {},
            pending=any(each.ended_ns > at_ns for each in kept),
            outcome=last.change.outcome if kept else "rolled_back",
        )


def _before(changes: Iterable[_Change]) -> dict[str, AttributeValue]:
    """What each column held before the first change that speaks of it."""
    columns: dict[str, AttributeValue] = {}
    for each in changes:
        if each.change.operation == "insert":
            break
        for column in each.change.columns:
            columns.setdefault(column.name, column.before)
    return columns
