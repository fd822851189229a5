"""The answers as data: what `--json` prints, what editors get. Fields may be added, never renamed.

Times are RFC 3339 with an offset, durations milliseconds, lines and columns 1-based, paths relative to the workspace
where they map into it.
"""

import json
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
from msgspec import Struct

from flux_ls.model import AnchorState, GroupState, LinkRelation, Request, RowOperation, RowOutcome


def timestamp(ns: int) -> str:
    """RFC 3339 in UTC, to the microsecond; times no calendar has become its nearest end."""
    micros = min(max(ns // 1000, -62135596800_000000), 253402300799_999999)
    seconds, rest = divmod(micros, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest).isoformat(timespec="microseconds")


def milliseconds(ns: int) -> float:
    return round(ns / 1e6, 3)


class RequestShape(Struct, frozen=True):
    id: str
    short_id: str
    started_at: str
    duration_ms: float
    service: str
    environment: str | None
    revision: str | None
    kind: str
    name: str
    method: str | None
    path: str | None
    route: str | None
    function: str | None
    status: int | None
    failed: bool
    error: str | None
    complete: bool
    spans: int
    aliases: tuple[str, ...]


class FrameShape(Struct, frozen=True):
    path: str
    recorded_path: str
    line: int
    recorded_line: int
    column: int | None
    function: str
    in_app: bool
    anchor: AnchorState
    source: str | None
    """The line's text: today's where the frame is anchored, else as recorded."""
    locals: dict[str, Any] | None = None
    reason: str | None = None
    """Why it is unmapped or gone; else what would make the place surer."""
    candidates: tuple[str, ...] = ()
    function_edited: bool = False
    """The line is as it was, but its function is not."""


class RootCause(Struct, frozen=True):
    type: str
    message: str
    span_id: str
    span_name: str
    handled: bool


class LinkShape(Struct, frozen=True):
    type: str
    message: str
    frame: FrameShape | None
    relation: LinkRelation = "raised_from"


class HandledShape(Struct, frozen=True):
    """An error that was dealt with on the way."""

    type: str
    message: str
    span_id: str
    span_name: str
    handled: bool
    location: FrameShape | None


class ProofShape(Struct, frozen=True):
    """The good request that showed a group mended."""

    request_id: str
    status: int | None
    at: str


class GroupCount(Struct, frozen=True):
    fingerprint: str
    count: int
    first_seen: str
    last_seen: str
    state: GroupState = "failing"
    resolved_by: ProofShape | None = None


class ColumnShape(Struct, frozen=True):
    before: Any
    after: Any


class RowShape(Struct, frozen=True):
    """What a request did to one row; `key` is empty when its primary key was not recorded."""

    table: str
    key: dict[str, Any]
    operation: RowOperation
    columns: dict[str, ColumnShape]
    outcome: RowOutcome
    span_id: str
    request_id: str
    at: str
    frame: FrameShape | None


class ContrastShape(Struct, frozen=True):
    """What failing requests of a group have in common that good ones of the same route do not."""

    condition: str
    failing: int
    failing_total: int
    passing: int
    passing_total: int
    where: str


class PositionShape(Struct, frozen=True):
    line: int
    column: int
    """In code points."""


class EditShape(Struct, frozen=True):
    """Text for a range of today's file, its end exclusive."""

    path: str
    start: PositionShape
    end: PositionShape
    new_text: str


class SuggestionShape(Struct, frozen=True):
    """What may mend the failure, and what in the recording says so; `edit` is null where it takes more than one."""

    title: str
    evidence: str
    edit: EditShape | None


class Why(Struct, frozen=True):
    """`root_cause`, `group` and `location` are null for a request that did not fail."""

    request: RequestShape
    root_cause: RootCause | None
    location: FrameShape | None
    location_reason: str | None
    frames: tuple[FrameShape, ...]
    chain: tuple[LinkShape, ...]
    row_changes: tuple[RowShape, ...]
    input: dict[str, Any] | None
    suggestions: tuple[SuggestionShape, ...]
    contrast: tuple[ContrastShape, ...]
    group: GroupCount | None
    handled: tuple[HandledShape, ...]


class SpanShape(Struct, frozen=True):
    span_id: str
    parent_id: str | None
    name: str
    kind: str
    service: str
    start_ms: float
    """Since the request started."""
    duration_ms: float
    status: str
    error: str | None
    input: Any
    output: Any
    frame: FrameShape | None
    row_changes: tuple[RowShape, ...]
    """Those that this span wrote, whichever transaction they were part of."""
    attributes: dict[str, Any]
    """Without the recorder's own, which stand beside them."""
    depth: int
    parent_missing: bool
    """It names a parent that has not arrived."""
    recorded: tuple[Literal["input", "output"], ...] = ()
    """Which of these were recorded: the output of a function may have been null."""
    outcome: RowOutcome | None = None
    """How it ended, of a transaction."""


class Trace(Struct, frozen=True):
    """`spans` stand in the order of the tree: each parent before its children, these by start."""

    request: RequestShape
    spans: tuple[SpanShape, ...]


class RowState(Struct, frozen=True):
    """A row at a moment of a request, as far as its changes tell."""

    table: str
    key: dict[str, Any]
    exists: bool
    columns: dict[str, Any]
    pending: bool
    """Its transaction had not ended."""
    outcome: RowOutcome
    """What became of it; of a pending one, what was to become of it."""


class Step(SpanShape, frozen=True, kw_only=True):
    """A span, and the rows as they were at that step.

    Those that it changed are as it left them, those that were changed before it began as it found them; after a
    statement and a transaction as they were when it had ended.
    """

    rows_state: tuple[RowState, ...]
    noise: bool
    """A message, a connection, or the driver's word on a statement, that says nothing of its own."""


class Debug(Struct, frozen=True):
    """The spans are in the order of the tree, but a transaction stands where it ended."""

    request: RequestShape
    spans: tuple[Step, ...]


class History(Struct, frozen=True):
    """The changes of a row, the newest first; `total` counts those that are not among them as well."""

    table: str
    key: dict[str, Any]
    changes: tuple[RowShape, ...]
    total: int


class BlamedColumn(Struct, frozen=True):
    """The last committed write of a column."""

    column: str
    value: Any
    request_id: str
    function: str | None
    frame: FrameShape | None
    at: str
    revision: str | None
    operation: RowOperation
    key: dict[str, Any]
    """Of the row, which matters when all rows of a table were asked about."""


class Blame(Struct, frozen=True):
    """`attempts` are later writes that did not last, or of which nobody knows whether they did.

    `key` is null when all rows of the table were asked about; `rows` are then the latest change of each of those that
    changed last.
    """

    table: str
    key: dict[str, Any] | None
    columns: tuple[BlamedColumn, ...]
    attempts: tuple[RowShape, ...]
    rows: tuple[RowShape, ...] = ()


class Group(Struct, frozen=True):
    fingerprint: str
    type: str
    message: str
    location: FrameShape | None
    location_reason: str | None
    count: int
    first_seen: str
    last_seen: str
    first_revision: str | None
    sample_request_id: str
    state: GroupState
    route: str | None
    other_locations: tuple[FrameShape, ...] = ()
    """Other lines of today's code that failures of the group point at."""
    resolved_by: ProofShape | None = None
    handled: bool = False
    """Its requests dealt with it, whatever the state."""


class Errors(Struct, frozen=True):
    groups: tuple[Group, ...]


class Check(Struct, frozen=True):
    """One link of the chain from an application to the screen. `mend` says what to do when it is not `ok`."""

    name: str
    ok: bool
    detail: str
    mend: str | None = None


class Doctor(Struct, frozen=True):
    checks: tuple[Check, ...]

    @property
    def broken(self) -> Check | None:
        """The first broken link: what comes after it may only follow from it."""
        return next((check for check in self.checks if not check.ok), None)


class OmittedShape(Struct, frozen=True):
    what: str
    reason: str


class Explain(Struct, frozen=True):
    """`answer` is null unless it was `sent`: then it is what the provider said to `prompt`, byte for byte."""

    prompt: str
    bytes: int
    omitted: tuple[OmittedShape, ...]
    sent: bool
    answer: str | None


class Dismissal(Struct, frozen=True):
    fingerprint: str
    state: Literal["dismissed", "restored"]


_ENCODER = msgspec.json.Encoder()


def to_json(answer: Struct) -> bytes:
    """One line of JSON."""
    try:
        return _ENCODER.encode(answer)
    except UnicodeEncodeError:
        # A file name that is no valid text reaches Python as lone surrogates, which only ASCII JSON can hold.
        return json.dumps(msgspec.to_builtins(answer), separators=(",", ":")).encode()


def request_shape(request: Request) -> RequestShape:
    return RequestShape(
        id=request.id,
        short_id=request.short_id,
        started_at=timestamp(request.started_ns),
        duration_ms=milliseconds(request.duration_ns),
        service=request.service,
        environment=request.environment,
        revision=request.revision,
        kind=request.kind,
        name=request.name,
        method=request.method,
        path=request.path,
        route=request.route,
        function=request.function,
        status=request.status,
        failed=request.failed,
        error=request.error,
        complete=request.complete,
        spans=request.spans,
        aliases=request.aliases,
    )
