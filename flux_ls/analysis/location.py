"""Location: the in-app frame that is responsible, the way to it, and the chain of exceptions that tells it."""

from collections.abc import Sequence

from msgspec import Struct

from flux_ls.analysis.chain import (
    fault_path,
    in_app,
    is_cancellation,
    paths,
    related_links,
    responsible,
    same,
    same_type,
)
from flux_ls.analysis.evidence import Died, Evidence
from flux_ls.analysis.request import http_status
from flux_ls.analysis.root_cause import Step
from flux_ls.analysis.version import Versions, as_it_ran
from flux_ls.model import Frame, Link, LinkRelation, Raised, Span

CHAIN_LIMIT = 16
FRAME_LIMIT = 60
"""In-app frames of a failure that are kept: the outermost and the innermost."""


class Fault(Struct, frozen=True):
    """What went wrong and where; the fields are those of a failure."""

    type: str
    message: str
    location: Frame | None
    location_reason: str | None
    frames: tuple[Frame, ...]
    chain: tuple[Link, ...]
    own_frames: tuple[Frame, ...]
    """Those of `frames` that the failing service's own records gave."""


def find_fault(evidence: Evidence, steps: Sequence[Step]) -> Fault:
    """The fault at the end of the error's way.

    The exception recorded nearest to the origin gives type and message. Its innermost in-app frame is the
    location; when it has none, because a library recorded it below the user's code, that of the same exception
    as the spans above recorded it; then the `code.*` attributes of the origin or a span above it.
    """
    spans = evidence.tree.spans
    recorded = [(step.index, step.died) for step in steps if step.died is not None]
    if not recorded:
        return _unrecorded_fault(evidence, steps)
    index, died = recorded[-1]
    way = fault_path(died.raised)
    location = _nearest(way)
    above = [record for _, record in recorded[:-1]]
    if location is None:
        location = _above(way[-1], above, cut=_is_cut(way))
    if location is None and not _is_cut(way):
        over = fault_path(died.raised, contexts=True)
        if _nearest(over) is not None:
            way, location = over, _nearest(over)
    ways = _ways([*above, died], way)
    frames = _joined(ways)
    own = _joined([each for (at, _), each in zip(recorded, ways, strict=True) if _same_service(spans, at, index)])
    reason = None
    if location is None and not _is_cut(way):
        location = _code_location(evidence, steps[-1].index)
    if location is None:
        reason = _reason(way)
    elif location not in frames:
        frames, own = (*frames, location), (*own, location)
    # A time limit is the fault; the await that it cancelled is the place.
    root = next((raised for raised in reversed(way) if not is_cancellation(raised)), way[-1])
    versions = Versions()
    for at, record in recorded:
        versions.learn(spans[at], fault_path(record.raised, contexts=True))
    return Fault(
        type=root.type,
        message=root.message,
        location=None if location is None else versions.of(location),
        location_reason=reason,
        frames=versions.of_all(frames),
        chain=versions.of_chain(_chain([*above, died], ways)),
        own_frames=versions.of_all(own),
    )


def _unrecorded_fault(evidence: Evidence, steps: Sequence[Step]) -> Fault:
    span = evidence.tree.spans[steps[-1].index]
    status = http_status(span)
    location = _code_location(evidence, steps[-1].index)
    service = span.resource.service
    if status is not None and status >= 500:
        who = f"{service} was answered {status}" if span.kind == "client" else f"{service} answered {status}"
        reason = f"no exception was recorded: {who} without recording one"
    else:
        reason = f"no exception was recorded: the span {span.name!r} of {service} failed without recording one"
    type, message = _told(span, status)
    frames = () if location is None else (location,)
    chain = (Link(type, message, location, "root_cause"),)
    return Fault(type, message, location, reason if location is None else None, frames, chain, frames)


def _told(span: Span, status: int | None) -> tuple[str, str]:
    """Type and message of a failure that no exception tells of."""
    name = span.attributes.get("error.type")
    type = name if isinstance(name, str) and name and not name.isdigit() and name != "_OTHER" else ""
    message = span.status_message.strip()
    if type and message.startswith(f"{type}: "):
        message = message[len(type) + 2 :]
    if not type:
        type = f"HTTP {status}" if status is not None and status >= 500 else "Error"
    return type, message or "no exception was recorded"


def _nearest(way: Sequence[Raised]) -> Frame | None:
    """The responsible frame of the last link, else of the nearest link before it that has one."""
    for raised in reversed(way):
        if _is_cut([raised]):
            return None
        frame = responsible(raised)
        if frame is not None:
            return frame
    return None


def _is_cut(way: Sequence[Raised]) -> bool:
    last = way[-1]
    return last.truncated and (not last.frames or any(frame.language == "python" for frame in last.frames))


def _above(wanted: Raised, records: Sequence[Died], *, cut: bool) -> Frame | None:
    """The frame that the nearest span above recorded for the exception; of a cut stack only this exception's own."""
    for died in reversed(records):
        way = _way_to(wanted, died)
        if way is None:
            if cut:
                continue
            way = tuple(fault_path(died.raised))
        frame = _nearest(way[-1:] if cut else way)
        if frame is not None:
            return frame
    return None


def _way_to(wanted: Raised, died: Died) -> tuple[Raised, ...] | None:
    for way in paths(died.raised):
        if same(wanted, way[-1], loosely=len(way) == 1):
            return way
    return None


def _ways(records: Sequence[Died], last: Sequence[Raised]) -> list[Sequence[Raised]]:
    """Of every record its links on the error's way: to the exception that the next record tells of."""
    ways: list[Sequence[Raised]] = [last]
    below = last[0]
    for died in reversed(records[:-1]):
        way = _way_to(below, died) or tuple(fault_path(died.raised))
        ways.append(way)
        below = way[0]
    ways.reverse()
    return ways


def _joined(ways: Sequence[Sequence[Raised]]) -> tuple[Frame, ...]:
    frames: tuple[Frame, ...] = ()
    for way in ways:
        for raised in way:
            frames = _spliced(frames, _once(in_app(raised)))
    if len(frames) > FRAME_LIMIT:
        head = FRAME_LIMIT // 4
        frames = frames[:head] + frames[head - FRAME_LIMIT :]
    return frames


def _spliced(outer: tuple[Frame, ...], inner: tuple[Frame, ...]) -> tuple[Frame, ...]:
    """One path of two: a cause's stack begins where it was caught, a child span's where the span began."""
    if not inner or outer[-len(inner) :] == inner:
        return outer
    for shared in range(min(len(outer), len(inner)), 0, -1):
        if outer[-shared:] == inner[:shared]:
            return outer + inner[shared:]
    joint = (inner[0].path, inner[0].function)
    for index in range(len(outer) - 1, -1, -1):
        if (outer[index].path, outer[index].function) == joint:
            return outer[:index] + inner
    return outer + inner


def _once(frames: tuple[Frame, ...]) -> tuple[Frame, ...]:
    return tuple(frame for index, frame in enumerate(frames) if index == 0 or frame != frames[index - 1])


def _chain(records: Sequence[Died], ways: Sequence[Sequence[Raised]]) -> tuple[Link, ...]:
    """Root cause first, then what was raised from it, then what else the records tell of."""
    led = [raised for way in reversed(ways) for raised in reversed(way)]
    ordered: list[tuple[Raised, LinkRelation]] = [
        (raised, "raised_from") for raised in led if len(led) == 1 or not is_cancellation(raised)
    ]
    ordered += [link for died in reversed(records) for link in related_links(died.raised)]
    kept: list[tuple[Raised, LinkRelation]] = []
    for raised, relation in ordered:
        if len(kept) == CHAIN_LIMIT:
            break
        if not any(_repeats(raised, other) for other, _ in kept):
            kept.append((raised, relation if kept else "root_cause"))
    return tuple(Link(raised.type, raised.message, responsible(raised), relation) for raised, relation in kept)


def _repeats(one: Raised, other: Raised) -> bool:
    """Whether two records' links are one exception, of which a log record may have shortened the message."""
    if same(one, other, loosely=False):
        return True
    short, long = sorted((one.message, other.message), key=len)
    return bool(short) and short in long and same_type(one.type, other.type)


def _code_location(evidence: Evidence, index: int) -> Frame | None:
    tree = evidence.tree
    for at in (index, *tree.ancestors(index)):
        attributes = tree.spans[at].attributes
        path, line = attributes.get("code.file.path"), attributes.get("code.line.number")
        if isinstance(path, str) and path and isinstance(line, int) and line > 0:
            function = attributes.get("code.function.name")
            frame = Frame(path, line, function if isinstance(function, str) else "", in_app=True)
            return as_it_ran(frame, tree.spans[at])
    return None


def _same_service(spans: Sequence[Span], one: int, other: int) -> bool:
    return spans[one].resource.service == spans[other].resource.service


def _reason(way: Sequence[Raised]) -> str:
    if _is_cut(way):
        return "the stack trace was cut by OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT: its innermost frames are missing"
    if not any(raised.frames for raised in way):
        return "the exception was recorded without a stack trace"
    return "every frame of the stack trace is library code"
