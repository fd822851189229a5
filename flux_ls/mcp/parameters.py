"""What each tool takes: names, types, limits, and what an agent reads of them."""

from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

LEAST_BYTES, DEFAULT_BYTES, MOST_BYTES = 8 * 1024, 24 * 1024, 1024 * 1024
MOST_REQUESTS = 200
MOST_REPLAYED = 100

Id = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=256,
        description="A request: its id as 4 or more hex digits (550e8400), or the service's own request id.",
    ),
]
Table = Annotated[str, Meta(min_length=1, max_length=256, description="The table's name.")]
Since = Annotated[
    str, Meta(max_length=64, description="How far back: 90s, 30m, 2h, 1d, or a time such as 2026-03-01T14:30.")
]
Command = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=2000,
        description="A command that tells good from bad by its exit code (0 good, 125 skip, else bad), run without a "
        "guard in a throw-away checkout of each revision. Needs the user's consent.",
    ),
]
Offset = Annotated[int, Meta(ge=0, description="Leave out so many from the start; for the next page.")]


class Answered(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    max_bytes: Annotated[
        int,
        Meta(
            ge=LEAST_BYTES,
            le=MOST_BYTES,
            description="How long the answer's data may be. What does not fit is cut, the largest values first, and "
            "listed.",
        ),
    ] = DEFAULT_BYTES


class Recent(Answered, frozen=True):
    errors_only: Annotated[bool, Meta(description="Only those that failed or were answered with 4xx.")] = False
    fn: Annotated[
        str | UnsetType,
        Meta(description="Only those through this function, route or span (a part of its name, or with *)."),
    ] = UNSET
    service: Annotated[str | UnsetType, Meta(description="Only those that this service took part in (* allowed).")] = (
        UNSET
    )
    slow_ms: Annotated[float | UnsetType, Meta(description="Only those that took so many milliseconds or longer.")] = (
        UNSET
    )
    since: Since | UnsetType = UNSET
    offset: Offset = 0
    limit: Annotated[int, Meta(ge=1, le=MOST_REQUESTS, description="At most so many, the newest.")] = 20


class OneRequest(Answered, frozen=True):
    id: Id


class SpansOfRequest(Answered, frozen=True):
    id: Id
    span: Annotated[str | UnsetType, Meta(description="Only the span with this span_id, with all that it has.")] = UNSET
    offset: Offset = 0
    limit: Annotated[int, Meta(ge=1, le=1000, description="At most so many spans, in the tree's order.")] = 100


class TwoRequests(Answered, frozen=True):
    id: Annotated[Id, Meta(description="The first request, such as the one that failed.")]
    other: (
        Annotated[Id, Meta(description="The second; without it, the latest good request of the same route.")]
        | UnsetType
    ) = UNSET
    all: Annotated[bool, Meta(description="Also what is the same, and differences of ids, times and other noise.")] = (
        False
    )
    offset: Offset = 0
    limit: Annotated[int, Meta(ge=1, le=1000, description="At most so many spans.")] = 100


class OneRow(Answered, frozen=True):
    table: Table
    id: Annotated[str, Meta(min_length=1, description="The row's primary key: 42, or order_id=7,position=2, or JSON.")]
    limit: Annotated[int, Meta(ge=1, le=1000, description="At most so many changes, the latest.")] = 50


class SomeRows(Answered, frozen=True):
    table: Table
    id: Annotated[
        str | UnsetType,
        Meta(description="The row's primary key: 42, or a=1,b=2, or JSON; without it, all rows of the table."),
    ] = UNSET


class WhichGroups(Answered, frozen=True):
    since: Since | UnsetType = UNSET
    all: Annotated[bool, Meta(description="Also what is resolved or dismissed.")] = False
    offset: Offset = 0
    limit: Annotated[int, Meta(ge=1, le=MOST_REQUESTS, description="At most so many groups, the latest.")] = 20


class MaybeRequest(Answered, frozen=True):
    id: Annotated[Id, Meta(description="Why this request shows nothing; without it, all in general.")] | UnsetType = (
        UNSET
    )


class WhatToExplain(Answered, frozen=True):
    id: Id
    bytes: Annotated[
        int, Meta(ge=2048, le=MOST_BYTES // 2, description="How long the text may be; with a larger `max_bytes`.")
    ] = 12 * 1024


class WhatToReplay(Answered, frozen=True):
    ids: Annotated[list[Id], Meta(max_length=MOST_REPLAYED, description="The requests to run again.")] = []
    window: Annotated[
        str | UnsetType,
        Meta(description="Instead of ids, the HTTP requests of a time: 14:00-14:30, A..B in RFC 3339, or 30m."),
    ] = UNSET
    errors_only: Annotated[bool, Meta(description="Of a window, only those that failed or were answered with 4xx.")] = (
        False
    )
    timeout_s: Annotated[float, Meta(ge=0.1, le=600, description="Seconds for each.")] = 30.0
    pin: Annotated[bool, Meta(description="Pin clock, uuid4 and random to the recording.")] = False
    diff: Annotated[bool, Meta(description="Also what differs from the recording, span by span.")] = False


class WhatToBisect(Answered, frozen=True):
    id: Annotated[Id, Meta(description="The failed request, run at each revision; or give `run`.")] | UnsetType = UNSET
    good: Annotated[
        list[str],
        Meta(max_length=20, description="Revisions that were good; may be left out where a good one is recorded."),
    ] = []
    bad: Annotated[str | UnsetType, Meta(description="A bad revision; without it that of the request, or HEAD.")] = (
        UNSET
    )
    run: Command | UnsetType = UNSET
    jobs: Annotated[int, Meta(ge=1, le=16, description="So many revisions at once.")] = 1
    first_parent: Annotated[bool, Meta(description="Follow only the first parent of merges.")] = False
    timeout_s: (
        Annotated[float, Meta(ge=0, le=3600, description="Skip a revision that takes longer; 0 for no limit.")]
        | UnsetType
    ) = UNSET
    fresh: Annotated[bool, Meta(description="Begin anew, where the same search was stopped that would go on.")] = False


P = TypeVar("P", bound=Answered)


def read(kind: type[P], given: dict[str, Any] | None) -> P:
    """The parameters of a call; null counts as not given, and numbers may be texts. ValueError says what is wrong."""
    known = {name: value for name, value in (given or {}).items() if value is not None}
    try:
        return msgspec.convert(known, kind, strict=False)
    except msgspec.ValidationError as error:
        takes = ", ".join(field.name if field.required else f"{field.name}?" for field in msgspec.structs.fields(kind))
        raise ValueError(f"{str(error).replace('$.', '')}; it takes {{{takes}}}") from None


def schema(kind: type[Answered]) -> dict[str, Any]:
    """Its JSON Schema, in one piece."""
    _, components = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    whole = dict(components.pop(kind.__name__))
    assert not components
    whole.pop("title", None)
    return {**whole, "additionalProperties": False}


def given(value: Any) -> Any:
    return None if value is UNSET else value
