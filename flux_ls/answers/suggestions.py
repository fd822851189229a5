"""What would mend a failure: the rules of `analysis.suggestions`, asked about today's text."""

import logging
from collections.abc import Sequence
from pathlib import Path

from flux_ls.analysis.suggestions import FailingLine, Suggestion, Syntax, suggest
from flux_ls.analysis.suggestions.told import told_of
from flux_ls.answers.shapes import EditShape, PositionShape, SuggestionShape
from flux_ls.model import Failure, LocatedFrame, Span
from flux_ls.source.grammar import parse
from flux_ls.source.workspace import Workspace

log = logging.getLogger(__name__)


def suggestions(workspace: Workspace, failure: Failure, spans: Sequence[Span], ended_ns: int) -> tuple[Suggestion, ...]:
    """Suggestions for the line that failed; none where today's text is not the text that ran."""
    if failure.location is None:
        return ()
    return suggestions_at(workspace, workspace.locate(failure.location, failure.at_ns or ended_ns), failure, spans)


def suggestions_at(
    workspace: Workspace, located: LocatedFrame, failure: Failure, spans: Sequence[Span]
) -> tuple[Suggestion, ...]:
    """The same for a location that was looked up already."""
    failing = failing_line(workspace, located, failure, spans)
    if failing is None:
        return ()
    try:
        return suggest(failing)
    except Exception:
        # Whatever a rule stumbles over: the rest of the answer is worth having.
        log.exception("no suggestions for %s", failing.place)
        return ()


def failing_line(
    workspace: Workspace, located: LocatedFrame, failure: Failure, spans: Sequence[Span]
) -> FailingLine | None:
    """The line with what was recorded of it; None where nothing sure can be said of it."""
    frame = located.frame
    if located.anchor not in ("exact", "moved") or located.path is None or frame.language != "python":
        return None
    path = Path(located.path)
    lines = workspace.lines(path)
    told = told_of(failure, frame, spans)
    if told is None or not 1 <= located.line <= len(lines):
        return None
    source, tree = parse("\n".join(lines))
    line = lines[located.line - 1]
    indent = len(line) - len(line.lstrip())
    return FailingLine(
        path=located.display_path,
        line=located.line,
        function=frame.function,
        syntax=Syntax(lines, source, tree.root_node, workspace.newline(path)),
        failure=failure,
        marks=None if told.marks is None else (indent + told.marks[0] + 1, indent + told.marks[1] + 1),
        locals=told.locals,
        below=told.below,
        spans=tuple(spans),
    )


def suggestion_shape(suggestion: Suggestion) -> SuggestionShape:
    edit = suggestion.edit
    return SuggestionShape(
        title=suggestion.title,
        evidence=suggestion.evidence,
        edit=None
        if edit is None
        else EditShape(
            path=edit.path,
            start=PositionShape(edit.start.line, edit.start.column),
            end=PositionShape(edit.end.line, edit.end.column),
            new_text=edit.new_text,
        ),
    )
