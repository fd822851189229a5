"""The vocabulary: what every part of Flux hands to the next, as frozen structs.

Times are nanoseconds since the Unix epoch, lines and columns are 1-based, ids are lower-case hex.
Nothing here does IO or knows where a value came from.
"""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

AttributeValue = str | bool | int | float | None | list["AttributeValue"] | dict[str, "AttributeValue"]
"""An OTLP AnyValue; bytes arrive as base64 text."""
Attributes = Mapping[str, AttributeValue]

SpanKind = Literal["unspecified", "internal", "server", "client", "producer", "consumer"]
SpanStatus = Literal["unset", "ok", "error"]
Language = Literal["python", "javascript", "go", "java"]
AnchorState = Literal["exact", "moved", "edited", "gone", "unmapped"]
GroupState = Literal["failing", "handled", "resolved", "dismissed"]
RowOperation = Literal["insert", "update", "delete"]
RowOutcome = Literal["committed", "rolled_back", "unknown"]


class Frame(Struct, frozen=True, omit_defaults=True):
    """One stack entry, as it was recorded."""

    path: str
    line: int
    function: str
    in_app: bool
    column: int | None = None
    source: str | None = None
    """The text of the line, when the stack trace carried it."""
    language: Language = "python"
    revision: str | None = None
    """The commit that ran, where the telemetry told it."""
    blob: str | None = None
    """The id that git gives to the text that ran, where it differed from the commit's."""


class Raised(Struct, frozen=True):
    """An exception as its stack trace tells it, with what led to it.

    `frames` run from the outermost call to the line that raised. `cause` is explicit
    (`raise ... from`, `Caused by:`), `context` is what was being handled meanwhile.
    """

    type: str
    message: str
    frames: tuple[Frame, ...] = ()
    cause: "Raised | None" = None
    context: "Raised | None" = None
    members: tuple["Raised", ...] = ()
    """What an exception group holds."""
    notes: tuple[str, ...] = ()
    truncated: bool = False
    """The stack was cut by a length limit: its innermost frames may be missing."""


class ExceptionRecord(Struct, frozen=True):
    """An exception that telemetry recorded on a span: as a span event or as a log record."""

    raised: Raised
    recorded_in: Literal["event", "log"]
    at_ns: int
    stacktrace: str = ""
    event_name: str = ""
    """The log record's event name, such as `http.server.request.exception`; empty for plain logging."""


class Event(Struct, frozen=True):
    """A span event other than an exception."""

    name: str
    at_ns: int
    attributes: Attributes


class Resource(Struct, frozen=True):
    """What emitted the spans."""

    service: str
    environment: str | None
    revision: str | None
    attributes: Attributes


class Span(Struct, frozen=True):
    """One operation of a request, with attribute names as today's conventions spell them."""

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    kind: SpanKind
    start_ns: int
    end_ns: int
    status: SpanStatus
    status_message: str
    attributes: Attributes
    resource: Resource
    scope: str
    """The name of the instrumentation that made the span."""
    exceptions: tuple[ExceptionRecord, ...] = ()
    events: tuple[Event, ...] = ()


class ColumnChange(Struct, frozen=True):
    """One column of a changed row. `before` is None for an insert, `after` for a delete."""

    name: str
    before: AttributeValue
    after: AttributeValue


class RowChange(Struct, frozen=True):
    """What a request did to one row of the database."""

    table: str
    key: Mapping[str, AttributeValue]
    """The primary key by column; empty when the recorder could not tell it."""
    operation: RowOperation
    columns: tuple[ColumnChange, ...]
    outcome: RowOutcome
    span_id: str
    """The span in which it was written."""
    request_id: str
    at_ns: int
    frame: Frame | None
    """The line of the user's code that wrote it."""


class FrameLocals(Struct, frozen=True):
    """The local variables of one in-app frame when it failed."""

    path: str
    line: int
    function: str
    locals: Mapping[str, AttributeValue]


class Request(Struct, frozen=True):
    """One recorded execution, as a line of `flux tail` shows it."""

    id: str
    started_ns: int
    duration_ns: int
    service: str
    environment: str | None
    revision: str | None
    kind: Literal["http", "rpc", "message", "run"]
    name: str
    method: str | None
    path: str | None
    route: str | None
    function: str | None
    status: int | None
    failed: bool
    error: str | None
    complete: bool
    """False until the root span has arrived."""
    spans: int
    aliases: tuple[str, ...] = ()
    """The service's own ids of this request, such as its `x-request-id`."""

    @property
    def short_id(self) -> str:
        return self.id[:8]

    @property
    def ended_ns(self) -> int:
        return self.started_ns + self.duration_ns

    @property
    def bad(self) -> bool:
        """Whether `--errors-only` shows it: failed, or a 4xx answer."""
        return self.failed or (self.status is not None and self.status >= 400)


LinkRelation = Literal["root_cause", "raised_from", "cause", "context", "member"]
"""How an exception stands in a chain: the root cause; raised from the one before it; or beside that way: the cause of
one, what was being handled when one was raised, another member of a group."""


class Link(Struct, frozen=True):
    """One exception of a failure's chain: the root cause, then what was raised from it, then what else was told."""

    type: str
    message: str
    frame: Frame | None
    """The innermost in-app frame of this exception, if it has one."""
    relation: LinkRelation = "raised_from"


class Failure(Struct, frozen=True):
    """The error a request died of, or one that was handled on the way."""

    fingerprint: str
    type: str
    message: str
    span_id: str
    span_name: str
    handled: bool
    location: Frame | None
    location_reason: str | None
    """Why there is no location; None when there is one."""
    frames: tuple[Frame, ...]
    """The in-app path from handler to fault, across spans and services."""
    chain: tuple[Link, ...]
    at_ns: int


class Assessment(Struct, frozen=True):
    """What the spans of one request mean together."""

    request: Request
    failure: Failure | None
    handled: tuple[Failure, ...]


class Route(Struct, frozen=True):
    """An entry point of a service and how it has been doing."""

    id: int
    service: str
    name: str
    function: Frame | None
    """Where its handler was last seen; None when telemetry never said."""
    requests: int
    failures: int
    last_good_id: str | None
    last_good_ns: int | None
    last_good_revision: str | None
    last_good_status: int | None = None


class Proof(Struct, frozen=True):
    """The good run that showed an issue mended: of the same route, later than its last failure and on newer code."""

    request_id: str
    status: int | None
    at_ns: int
    """When it began."""


class Issue(Struct, frozen=True):
    """An issue group at one location: the failures with one fingerprint that point at one line."""

    id: int
    failure: Failure
    """The latest of them."""
    route: Route | None
    count: int
    first_seen_ns: int
    last_seen_ns: int
    first_revision: str | None
    last_revision: str | None
    sample_request_id: str
    dismissed: bool
    proof: Proof | None = None
    """Kept since somebody saw it mended; None from its next failure on."""


class LocatedFrame(Struct, frozen=True):
    """A recorded frame tied to the text that the user has today."""

    frame: Frame
    anchor: AnchorState
    path: str | None
    """Absolute path of today's file; None while unmapped."""
    display_path: str
    """Relative to the workspace where it maps into it, else as recorded."""
    line: int
    column: int | None
    end_column: int | None
    """The responsible text on the line: code points, end exclusive."""
    function: str
    """Qualified name where the source could be read, else as recorded."""
    function_line: int | None
    """Line of today's `def`, for lenses."""
    function_edited: bool = False
    """The line is as it was, but its function is not."""
    reason: str | None = None
    """Why it is unmapped or gone; else what would make the place surer: the commit that ran, say, where it is not
    here."""
    candidates: tuple[str, ...] = ()
    """Files that fit equally well."""
