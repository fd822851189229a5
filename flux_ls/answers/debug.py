"""The steps of a request: each span with what went in and out, and the rows as they were at that step."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence

from msgspec import Struct, structs

from flux_ls.analysis.evidence import is_failing, is_noise
from flux_ls.analysis.recorded import told_changes
from flux_ls.analysis.row_key import identity
from flux_ls.analysis.statements import told_twice
from flux_ls.answers.frames import Glance
from flux_ls.answers.passages import Passages
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
    rows = Rows((_Change(change, carrier.end_ns) for change, carrier in told), spans)
    known = {span.span_id for span in spans}
    twins = told_twice(spans)
    glance, passages = Glance(workspace), Passages(spans)
    steps = []
    for span, depth in _in_step_order(in_tree_order(spans)):
        own = written.get(span.span_id, ())
        shape = span_shape(glance, passages, span, depth, zero, known, own)
        ended = carried.get(span.span_id, ()) if span.name == wire.TRANSACTION else ()
        states = rows.at_step(span, own, ended)
        noise = not own and (span.span_id in twins or _says_nothing(span))
        steps.append(Step(**structs.asdict(shape), rows_state=states, noise=noise))
    return Debug(request_shape(request), tuple(steps))


def _in_step_order(ordered: Sequence[tuple[Span, int]]) -> list[tuple[Span, int]]:
    """A transaction comes when it has ended: before what began after that."""
    parents = {span.parent_id for span, _ in ordered}
    ending = [
        (index, step)
        for index, step in enumerate(ordered)
        if step[0].name == wire.TRANSACTION and wire.OUTCOME in step[0].attributes and step[0].span_id not in parents
    ]
    moved = {index for index, _ in ending}
    # Where each of them goes: in front of the first span behind it that began after its end.
    waiting = sorted(ending, key=lambda each: each[1][0].end_ns)
    steps: list[tuple[Span, int]] = []
    for index, step in enumerate(ordered):
        if index in moved:
            continue
        due = [each for each in waiting if each[0] < index and each[1][0].end_ns <= step[0].start_ns]
        steps += (each[1] for each in due)
        waiting = [each for each in waiting if each not in due]
        steps.append(step)
    return steps + [each[1] for each in waiting]


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

    def __init__(self, changes: Iterable[_Change], spans: Sequence[Span]) -> None:
        self._changes = [change for change in changes if change.change.key]
        # A statement's change is noted when it has returned: what happens next bounds the time for that.
        begun = {span.start_ns for span in spans if span.name != wire.TRANSACTION}
        self._next = sorted(begun | {change.ended_ns for change in self._changes})
        self._times = [change.change.at_ns for change in self._changes]
        self._order = [change.row for change in self._changes]
        self._of_row: dict[_Row, list[_Change]] = defaultdict(list)
        for row, change in zip(self._order, self._changes, strict=True):
            self._of_row[row].append(change)
        self._times_of_row = {row: [each.change.at_ns for each in told] for row, told in self._of_row.items()}
        self._ends = {row: sorted({each.ended_ns for each in told}) for row, told in self._of_row.items()}
        self._known: dict[tuple[_Row, int, int], RowState] = {}

    def at_step(self, span: Span, own: Sequence[RowChange], ended: Sequence[RowChange]) -> tuple[RowState, ...]:
        """The rows that were changed before, as they were when the step began; its own, as it left them.

        After a statement they are as they were then. Of a transaction `ended` are all that were changed in it, as they
        were when it had ended.
        """
        moments: dict[_Row, int] = {}
        moment = span.start_ns
        before = moment - 1
        if "db.query.text" in span.attributes:
            following = bisect_left(self._next, span.end_ns)
            moment = before = self._next[following] - 1 if following < len(self._next) else span.end_ns
        end = bisect_right(self._times, before)
        for index in range(end - 1, max(end - _LOOKED_BACK, 0) - 1, -1):
            if len(moments) == _ROWS_AT_A_STEP:
                break
            moments.setdefault(self._order[index], moment)
        earlier = dict(reversed(moments.items()))
        for change in own:
            if change.key:
                earlier[change.table, identity(change.key)] = change.at_ns
        for change in ended:
            if change.key:
                earlier[change.table, identity(change.key)] = span.end_ns
        return tuple(self._state(row, at_ns) for row, at_ns in list(earlier.items())[-_ROWS_AT_A_STEP:])

    def _state(self, row: _Row, at_ns: int) -> RowState:
        """It is another one only when a change was made or a transaction ended meanwhile."""
        made, ended = bisect_right(self._times_of_row[row], at_ns), bisect_right(self._ends[row], at_ns)
        state = self._known.get((row, made, ended))
        if state is None:
            state = self._known[row, made, ended] = self._state_after(self._of_row[row][:made], at_ns)
        return state

    def _state_after(self, seen: Sequence[_Change], at_ns: int) -> RowState:
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
