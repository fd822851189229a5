"""What a model would be told about a request: the sections of the prompt, from the answers to other questions."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flux_ls.answers.debug import debug as ask_debug
from flux_ls.answers.rows import Run, beyond, runs
from flux_ls.answers.shapes import Explain, FrameShape, OmittedShape, RequestShape, SpanShape, Why
from flux_ls.answers.spoken_of import spoken_of_first
from flux_ls.answers.values import pairs, shown
from flux_ls.answers.why import why as ask_why
from flux_ls.answers.words import LINK_WORDS
from flux_ls.explain.prompt import DEFAULT_BYTES, Omitted, Section, compose
from flux_ls.source.workspace import Workspace
from flux_ls.store.reader import Reader

_AROUND = 40
"""Lines on each side of the failing one, where no function or a long one is around it."""
_MOST_FUNCTIONS = 4
_MOST_SPANS = 300
_MOST_ROWS = 50
_VALUE = 400
_SPAN_VALUE = 160
_READABLE = ("exact", "moved", "edited")


def explain(reader: Reader, workspace: Workspace, id: str, limit: int = DEFAULT_BYTES) -> Explain:
    """The prompt, sent to nobody. Raises what `Reader.resolve` raises for an id that names no single request."""
    why = ask_why(reader, workspace, id)
    spans = tuple(step for step in ask_debug(reader, workspace, why.request.id).spans if not step.noise)
    telling = _Telling(workspace, why, spans)
    prompt = compose(list(telling.sections()), limit)
    omitted = (*telling.omitted, *prompt.omitted)
    return Explain(
        prompt=prompt.text,
        bytes=prompt.bytes,
        omitted=tuple(OmittedShape(each.what, each.reason) for each in omitted),
        sent=False,
        answer=None,
    )


class _Telling:
    """The sections about one request, and what was left out before any budget."""

    def __init__(self, workspace: Workspace, why: Why, spans: tuple[SpanShape, ...]) -> None:
        self._workspace = workspace
        self._why = why
        self._spans = spans
        self.omitted: list[Omitted] = []
        self._shown: set[tuple[str, int]] = set()
        """The functions whose text is told already, by path and first line."""

    def sections(self) -> Iterator[Section]:
        """In the order of how much they tell."""
        why = self._why
        yield Section("The request", _request(why.request), 0.1)
        yield Section("Root cause", self._root_cause(), 0.2)
        if why.location is not None:
            yield from self._source_at(why.location, "The function that failed", 0.35)
        yield Section("Exceptions, root cause first", self._chain(), 0.1)
        if why.location is not None and why.location.locals:
            variables = spoken_of_first(why.location.locals, why.location.source)
            yield Section("Local variables where it failed", _named(variables), 0.15)
        yield Section("Input of the request", _named(why.input or {}), 0.1)
        rows = runs(why.row_changes)
        yield Section("Rows that it changed", "\n".join(map(_row, rows[:_MOST_ROWS])), 0.1)
        if left := beyond(rows, _MOST_ROWS):
            self.omitted.append(Omitted(f"{left:,} more row changes", "too many"))
        common = (
            f"{each.condition}: {each.failing} of {each.failing_total} failures, {each.passing} of "
            f"{each.passing_total} successes ({each.where})"
            for each in why.contrast
        )
        yield Section("What failing requests have in common", "\n".join(common), 0.05)
        suggested = (f"{each.title} — {each.evidence}" for each in why.suggestions)
        yield Section("What rules suggest", "\n".join(suggested), 0.05)
        yield Section("Calls that led to it, outermost first", self._frames(), 0.1)
        yield from self._callers()
        yield Section("Errors that were handled on the way", self._handled(), 0.05)
        yield self._tree()

    def _root_cause(self) -> str:
        why = self._why
        if why.root_cause is None:
            return "The request failed, and no span says of what." if why.request.failed else "It did not fail."
        lines = [f"{why.root_cause.type}: {why.root_cause.message}", f"in the span {why.root_cause.span_name}"]
        if why.location is not None:
            lines.append(f"at {_place(why.location)}")
        else:
            lines.append(f"no location: {why.location_reason}")
        return "\n".join(lines)

    def _chain(self) -> str:
        return "\n".join(
            f"{LINK_WORDS[link.relation]}{link.type}: {link.message}"
            + (f" at {_place(link.frame)}" if link.frame is not None else "")
            for link in self._why.chain
        )

    def _handled(self) -> str:
        return "\n".join(
            f"{each.type}: {each.message}" + (f" at {_place(each.location)}" if each.location is not None else "")
            for each in self._why.handled
        )

    def _frames(self) -> str:
        return "\n".join(f"{_place(frame)}: {(frame.source or '').strip()}".rstrip(": ") for frame in self._why.frames)

    def _callers(self) -> Iterator[Section]:
        """The text of the functions that led to the failing one, the nearest first."""
        told = 0
        for frame in reversed(self._why.frames[:-1]):
            for section in self._source_at(frame, f"A function that called it: {frame.function}", 0.15):
                told += 1
                if told > _MOST_FUNCTIONS:
                    self.omitted.append(Omitted(f"the text of {frame.function} and of what called it", "too many"))
                    return
                yield section

    def _source_at(self, frame: FrameShape, title: str, share: float) -> Iterator[Section]:
        """The text of the function around a line, with numbers and a mark on the line; of the user's own files only."""
        if not frame.in_app:
            return
        path = self._file(frame)
        if path is None:
            self.omitted.append(Omitted(f"the text of {frame.path}", frame.reason or "it is not in this workspace"))
            return
        lines = self._workspace.lines(path)
        first, last = self._reach(path, frame.line, len(lines))
        if (frame.path, first) in self._shown or not 1 <= frame.line <= len(lines):
            return
        self._shown.add((frame.path, first))
        numbered = [
            f"{'>' if number == frame.line else ' '} {number:>5}  {lines[number - 1]}"
            for number in range(first, last + 1)
        ]
        edited = " (edited since it failed)" if frame.anchor == "edited" else ""
        heading = f"{frame.path}, lines {first} to {last}{edited}; > marks the line"
        yield Section(title, "\n".join([heading, *numbered]), share, keep=frame.line - first + 1)

    def _reach(self, path: Path, line: int, count: int) -> tuple[int, int]:
        around = [each for each in self._workspace.functions(path) if each.covers(line) and each.kind == "def"]
        first, last = max(1, line - _AROUND), min(count, line + _AROUND)
        if around:
            function = max(around, key=lambda each: each.first_line)
            first, last = function.first_line, function.last_line
            if last - first > 4 * _AROUND:
                first, last = max(first, line - 2 * _AROUND), min(last, line + 2 * _AROUND)
        return first, last

    def _file(self, frame: FrameShape) -> Path | None:
        """Today's file of a frame; None where it is not one of the workspace."""
        if frame.anchor not in _READABLE:
            return None
        if Path(frame.path).is_absolute():
            # A pair of path_map may lead out of the workspace: what is there is not shown to others.
            return None
        return self._workspace.absolute(frame.path)

    def _tree(self) -> Section:
        lines = []
        for span in self._spans[:_MOST_SPANS]:
            values = [
                f" {name}={shown(value, _SPAN_VALUE)}"
                for name, value in (("in", span.input), ("out", span.output))
                if name + "put" in span.recorded
            ]
            statement = span.attributes.get("db.query.text")
            if isinstance(statement, str):
                values.insert(0, f" {_cut(statement)}")
            if span.outcome is not None:
                values.append(f" {span.outcome.replace('_', ' ')}")
            error = f" ERROR {span.error}" if span.error else ""
            lines.append(f"{'  ' * min(span.depth, 20)}{span.name} {span.duration_ms:g} ms{error}{''.join(values)}")
        if len(self._spans) > _MOST_SPANS:
            self.omitted.append(Omitted(f"{len(self._spans) - _MOST_SPANS} more spans", "too many"))
        return Section("Spans, with milliseconds", "\n".join(lines), 0.15)


def _request(request: RequestShape) -> str:
    what = " ".join(part for part in (request.method, request.path or request.name) if part)
    lines = [f"{what} ({request.kind} of {request.service}), took {request.duration_ms:g} ms"]
    if request.status is not None:
        lines.append(f"answered {request.status}")
    lines.append(f"at {request.started_at}, request {request.id}")
    if request.revision:
        lines.append(f"revision {request.revision}")
    return "\n".join(lines)


def _place(frame: FrameShape) -> str:
    state = "" if frame.anchor == "exact" else f" ({frame.anchor}, recorded as line {frame.recorded_line})"
    where = f"{frame.path}:{frame.line}{state}"
    return f"{where} in {frame.function}" if frame.function else where


def _cut(statement: str) -> str:
    told = " ".join(statement.split())
    return told if len(told) <= _SPAN_VALUE else f"{told[:_SPAN_VALUE]}…"


def _row(run: Run) -> str:
    row = run.row
    changes = ", ".join(
        f"{name}: {shown(each.before, _SPAN_VALUE)} → {shown(each.after, _SPAN_VALUE)}"
        for name, each in row.columns.items()
    )
    outcome = row.outcome.replace("_", " ")
    by = f" by {_place(row.frame)}" if row.frame is not None else ""
    again = f" in {run.count:,} changes" if run.count > 1 else ""
    return f"{row.operation} {row.table} {pairs(row.key)}: {changes}{again} ({outcome}){by}"


def _named(values: dict[str, Any]) -> str:
    return "\n".join(f"{name} = {_value(value)}" for name, value in values.items())


def _value(value: object) -> str:
    text = shown(value, _VALUE)
    try:
        whole = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        return text
    return whole if len(whole) <= _VALUE else text
