"""Snippets that really fail, looked at as `why` looks at a failure, mended by a suggestion's edit, and run again."""

import asyncio
import inspect
import itertools
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flux_ls.analysis.assess import assess
from flux_ls.analysis.suggestions import Edit, FailingLine, Suggestion, suggest
from flux_ls.answers.suggestions import failing_line
from flux_ls.model import ExceptionRecord, Failure, Resource, Span
from flux_ls.otlp.stacktrace import InAppRule, parse_stacktrace
from flux_ls.record.values.snapshot import snapshot
from flux_ls.source.grammar import parse
from flux_ls.source.lines import split_lines
from flux_ls.source.workspace import Workspace

_numbers = itertools.count()
_AT_NS = 1_800_000_000_000_000_000
"""After the files were written: what runs is the text that is there."""


@dataclass(frozen=True)
class Ran:
    """One run of a snippet's `main`."""

    error: BaseException | None
    value: object = None


class Snippet:
    """A module in a project of its own; `main()` is what fails. `name` is its file."""

    def __init__(self, folder: Path, text: str, name: str = "app.py") -> None:
        self.folder = folder
        self.file = folder / name
        self.write(text)

    def write(self, text: str) -> None:
        self.text = text
        self.file.write_bytes(text.encode())

    def run(self, *arguments: object) -> Ran:
        """A fresh module each time, under the file's own name."""
        names: dict[str, Any] = {"__name__": f"snippet_{next(_numbers)}", "__file__": str(self.file)}
        source = self.file.read_bytes()
        try:
            exec(compile(source, str(self.file), "exec"), names)
            value = names["main"](*arguments)
            if inspect.iscoroutine(value):
                value = asyncio.run(value)
        except BaseException as error:
            return Ran(error)
        return Ran(None, value)

    def failing(
        self,
        *arguments: object,
        locals: bool = True,
        marks: bool = True,
        spans: Iterable[Span] = (),
        attributes: Mapping[str, Any] | None = None,
    ) -> FailingLine:
        """The line that `main` fails on. `locals` and `marks` say whether the recording has them."""
        error = self.run(*arguments).error
        assert error is not None, "it did not fail"
        return self.look_at(error, locals=locals, marks=marks, spans=spans, attributes=attributes)

    def look_at(
        self,
        error: BaseException,
        *,
        locals: bool = True,
        marks: bool = True,
        spans: Iterable[Span] = (),
        attributes: Mapping[str, Any] | None = None,
    ) -> FailingLine:
        stack = "".join(traceback.format_exception(error))
        if not marks:
            stack = "\n".join(line for line in stack.split("\n") if not line.strip() or line.strip(" ~^"))
        kind = type(error).__qualname__
        if type(error).__module__ != "builtins":
            kind = f"{type(error).__module__}.{kind}"
        rule = InAppRule(include=(str(self.folder),))
        raised = parse_stacktrace(stack, type=kind, message=str(error), rule=rule)
        told = {"flux.locals": self._locals(error)} if locals else {}
        span = span_of("main", ExceptionRecord(raised, "event", _AT_NS, stack), **told, **(attributes or {}))
        found = self.line_of((span, *spans))
        assert found is not None, stack
        return found

    def line_of(self, spans: tuple[Span, ...]) -> FailingLine | None:
        failure = assess(spans).failure
        assert failure is not None
        workspace = Workspace([self.folder])
        assert failure.location is not None
        return failing_line(workspace, workspace.locate(failure.location, _AT_NS), failure, spans)

    def _locals(self, error: BaseException) -> str:
        import msgspec

        frames = [
            {
                "path": frame.f_code.co_filename,
                "line": line,
                "function": frame.f_code.co_name,
                "locals": {name: snapshot(value) for name, value in frame.f_locals.items() if name[:2] != "__"}
                if frame.f_code.co_name != "<module>"
                else {},
            }
            for frame, line in traceback.walk_tb(error.__traceback__)
            if frame.f_code.co_filename == str(self.file)
        ]
        return msgspec.json.encode(frames, enc_hook=repr).decode()

    def suggestions(self, *arguments: object, **how: Any) -> tuple[Suggestion, ...]:
        return suggest(self.failing(*arguments, **how))

    def mended(self, suggestion: Suggestion) -> "Snippet":
        """The project with the edit made."""
        assert suggestion.edit is not None
        text = applied(self.text, suggestion.edit)
        folder = self.folder / f"mended-{next(_numbers)}"
        folder.mkdir()
        return Snippet(folder, text, self.file.name)


def span_of(name: str, *records: ExceptionRecord, span_id: str = "00000000000000aa", **attributes: Any) -> Span:
    return Span(
        trace_id="550e8400e29b41d4a716446655440000",
        span_id=span_id,
        parent_id=None,
        name=name,
        kind="server",
        start_ns=_AT_NS - 10_000_000,
        end_ns=_AT_NS,
        status="error",
        status_message="",
        attributes=attributes,
        resource=Resource("shop", None, None, {}),
        scope="tests",
        exceptions=records,
    )


def call_out(method: str, url: str, ms: float, *, number: int = 1, status: int | None = None, **more: Any) -> Span:
    """The CLIENT span of an HTTP call; without a status it failed."""
    attributes = {"http.request.method": method, "url.full": url, **more}
    if status is not None:
        attributes["http.response.status_code"] = status
    return Span(
        trace_id="550e8400e29b41d4a716446655440000",
        span_id=f"{0xC0 + number:016x}",
        parent_id="00000000000000aa",
        name=method,
        kind="client",
        start_ns=_AT_NS - int(ms * 1e6) - 1,
        end_ns=_AT_NS - 100 + number,
        status="unset" if status is not None and status < 400 else "error",
        status_message="",
        attributes=attributes,
        resource=Resource("shop", None, None, {}),
        scope="tests",
    )


def applied(text: str, edit: Edit) -> str:
    """The text with the edit made, as an editor makes it."""
    start, end = offset(text, edit.start.line, edit.start.column), offset(text, edit.end.line, edit.end.column)
    assert start <= end
    return text[:start] + edit.new_text + text[end:]


def offset(text: str, line: int, column: int) -> int:
    at = 0
    for _ in range(line - 1):
        while text[at] not in "\r\n":
            at += 1
        at += 2 if text.startswith("\r\n", at) else 1
    assert column - 1 <= len(split_lines(text)[line - 1])
    return at + column - 1


def parses(text: str) -> bool:
    return not parse(text)[1].root_node.has_error


def failure_of(failing: FailingLine) -> Failure:
    return failing.failure
