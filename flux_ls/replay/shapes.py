"""What is asked of a replay and what it answers, as frozen structs; the answers are those of `--json`."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from msgspec import Struct

from flux_ls.answers.diff import Diff
from flux_ls.config import Settings
from flux_ls.model import AttributeValue, Failure, Request, Span
from flux_ls.replay.rows import NotPutBack, Written

Outcome = Literal["passing", "failing", "blocked", "skipped", "error"]
"""`passing`: it was bad and is good now, or it was good and is the same. `failing`: it fails, in the same way, in
another, or for the first time. `blocked`: it fails because a side effect was refused. `skipped`: it was not run, or its
answer says nothing. `error`: the application could not be run."""
Guard = Literal["namespace", "python"]
"""What kept the side effects in: the kernel, below Python, or Python's hooks alone."""


Kernel = Literal["namespace", "seccomp", "landlock"]
"""The kernel's parts of the guard: no network, a word about each connection, no files outside the scratch folder."""


class Conditions(Struct, frozen=True, kw_only=True):
    """Under what the requests run."""

    root: Path
    """The folder whose code runs: the working tree, or another one of the same project."""
    app: str = ""
    """`pkg.mod:app`, or a factory; empty to look for it."""
    python: str = "python3"
    environ: Mapping[str, str] | None = None
    """The environment of the application; None for that of this process."""
    timeout_s: float = 30.0
    """For each request, from the start of its process."""
    allow: tuple[str, ...] = ()
    """Services that may be reached, HOST:PORT, or the path of a socket."""
    allow_writes: bool = False
    """Databases and files are the real ones."""
    pin: bool = False
    """Clock, uuid4 and random as they were, or at least the same in every run."""
    fill: Mapping[str, str] = {}
    """What stands for redacted values, by the name of a header or field."""
    namespace: bool = True
    """Put the network out of reach by the kernel, where it can do that."""
    seccomp: bool = True
    """Have the kernel ask about each connection, where it can do that."""
    isolate: bool = False
    """Import the application anew for each request."""
    jobs: int = 0
    """Requests that run at once; 0 for as many as the machine has processors, up to 4."""
    settings: Settings = Settings()
    """What is recorded of the run, and which code counts as the user's."""


class RecordedCall(Struct, frozen=True):
    """A call that the request made to another service, and what it was answered."""

    method: str
    url: str
    request_headers: Mapping[str, AttributeValue]
    request_body: AttributeValue
    asked: bool
    """The body was recorded, or there was none."""
    status: int | None
    """None where no answer came."""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    error: str = ""
    """The type of the exception that the call ended with."""
    lacking: str = ""
    """Why the recorded answer cannot be given again; empty when it can."""


class Sent(Struct, frozen=True):
    """A request as it is sent again."""

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    scheme: str = "http"
    raw_target: bool = True
    """Its WSGI server told the request's target as it came, too, which not all of them do."""


class Recording(Struct, frozen=True):
    """All that a run of one request needs, read from the store."""

    request: Request
    sent: Sent
    calls: tuple[RecordedCall, ...]
    spans: tuple[Span, ...]
    failure: Failure | None
    """The exception that it failed with; None when it did not, or told none."""
    inserted: tuple[str, ...] = ()
    """The tables in which it made rows that lasted."""
    has_rows: bool = False
    """Some of what it did to rows was recorded."""
    written: tuple[Written, ...] = ()
    """What it committed to rows, and what others did later to the same ones, the newest first."""
    redacted: tuple[str, ...] = ()
    """The names of values that had been redacted, and are not given."""
    notes: tuple[str, ...] = ()


class Skipped(Struct, frozen=True):
    """Why a request cannot be replayed, and what would mend that."""

    reason: str
    mend: str


class Blocked(Struct, frozen=True):
    """A side effect that was refused: what was called, and the line of the user's code that did."""

    call: str
    path: str | None = None
    line: int | None = None
    function: str | None = None


class Replayed(Struct, frozen=True):
    """One request, as it was and as it is. `was` and `now` are statuses; null where there was no answer."""

    request_id: str
    name: str
    method: str | None
    path: str | None
    was: int | None
    now: int | None
    duration_ms: float
    outcome: Outcome
    reason: str | None
    """What there is to say; null for a request that passes without a word."""
    diff: Diff | None
    was_failed: bool = False
    failed: bool = False
    """It fails now: a status of 500 or more, or an exception that nobody handled."""
    same_failure: bool = False
    """It fails as it did: the same exception through the same functions."""
    error: str | None = None
    """What it fails with now, in a line."""
    mend: str | None = None
    blocked: tuple[Blocked, ...] = ()
    """Side effects that were refused, whatever came of it."""
    notes: tuple[str, ...] = ()
    guard: Guard | None = None
    """null when nothing ran."""
    kernel: tuple[Kernel, ...] = ()
    own_process: str | None = None
    """Of one of several: why it was not forked from a process that had imported the application; null when it was."""
    put_back: int = 0
    """Rows of the throw-away database that were put back to what they were before the request, as was recorded."""
    not_put_back: tuple[NotPutBack, ...] = ()
    """The first of those that could not be."""
    not_put_back_rows: int = 0
    """How many of them there are."""


class Replay(Struct, frozen=True):
    """`guard` is the weakest that was in force; null when nothing ran. `kernel` was in force for all that ran."""

    requests: tuple[Replayed, ...]
    passing: int
    failing: int
    guard: Guard | None
    blocked: int = 0
    skipped: int = 0
    errors: int = 0
    kernel: tuple[Kernel, ...] = ()


class Progress(Struct, frozen=True):
    """A request is done; they may end in another order than they were asked in."""

    done: int
    total: int
    latest: Replayed


Report = Callable[[Progress], None]
Requests = Sequence[Request]


class Cancelled(Exception):
    """The caller's cancel event was set; nothing of it runs any more."""
