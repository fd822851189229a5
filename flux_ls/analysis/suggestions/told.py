"""What the records of a failure tell about its frame: what ran below it, and what the interpreter marked."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

from flux_ls.analysis.chain import all_links, same_type
from flux_ls.analysis.recorded import locals_at, locals_of
from flux_ls.analysis.version import as_recorded
from flux_ls.model import AttributeValue, ExceptionRecord, Failure, Frame, Raised, Span

_MARKS = re.compile(r"[ |]*([~^]+)\s*")
_UNKNOWN = ("<unknown>",)


class Told(Struct, frozen=True):
    """`marks` are offsets into the line's text without its indentation, end exclusive."""

    below: tuple[str, ...]
    marks: tuple[int, int] | None
    locals: Mapping[str, AttributeValue] | None


def told_of(failure: Failure, frame: Frame, spans: Iterable[Span]) -> Told | None:
    """None when no recorded stack has the frame."""
    spans, frame = tuple(spans), as_recorded(frame)
    found = [
        (record, link)
        for span in spans
        for record in span.exceptions
        for link in all_links(record.raised)
        if frame in link.frames
    ]
    own = [pair for pair in found if same_type(pair[1].type, failure.type) and pair[1].message == failure.message]
    chosen = next(iter(own or found), None)
    if chosen is None:
        return None
    record, link = chosen
    return Told(_below(link, frame), marks_of(record, frame), _locals(frame, spans))


def _below(link: Raised, frame: Frame) -> tuple[str, ...]:
    if link.truncated:
        return _UNKNOWN
    last = max(index for index, each in enumerate(link.frames) if each == frame)
    return tuple(each.function for each in link.frames[last + 1 :])


def _locals(frame: Frame, spans: tuple[Span, ...]) -> Mapping[str, AttributeValue] | None:
    for span in reversed(spans):
        found = locals_at(frame, locals_of(span))
        if found is not None:
            return found
    return None


def marks_of(record: ExceptionRecord, frame: Frame) -> tuple[int, int] | None:
    """What the stack marks on the frame's line (`~~~^^^`); None where it marks nothing, or not the same each time."""
    source = (frame.source or "").strip()
    if not source or "^" not in record.stacktrace:
        return None
    found = set(_marks(record.stacktrace, frame, source))
    if len(found) != 1 or (marks := found.pop()) is None:
        return None
    if any(unicodedata.east_asian_width(char) in "WF" for char in source[: marks[1]]):
        # Interpreters differ in whether a wide character moves a mark by one or by two.
        return None
    return marks if marks[1] <= len(source) else None


def _marks(stacktrace: str, frame: Frame, source: str) -> Iterator[tuple[int, int] | None]:
    header = f'File "{frame.path}", line {frame.line}, in {frame.function}'
    lines = stacktrace.split("\n")
    for at, line in enumerate(lines[:-1]):
        if not line.endswith(header) or line[: -len(header)].strip(" |"):
            continue
        printed = lines[at + 1]
        if printed.strip().lstrip("| ") != source:
            continue
        marked = _MARKS.fullmatch(lines[at + 2]) if at + 2 < len(lines) else None
        indent = printed.index(source)
        if marked is None or marked.start(1) < indent:
            yield None
        else:
            yield marked.start(1) - indent, marked.end(1) - indent
