"""Recorded frames as answers show them: tied to today's text, with the text of the line."""

from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from flux_ls.analysis.recorded import locals_at
from flux_ls.answers.shapes import FrameShape
from flux_ls.model import Frame, FrameLocals, LocatedFrame
from flux_ls.source.workspace import Workspace


def frame_shape(
    workspace: Workspace, frame: Frame, recorded_ns: int, variables: Sequence[FrameLocals] = ()
) -> FrameShape:
    """The frame with those of the recorded variables that are its own."""
    shape = located_shape(workspace, workspace.locate(frame, recorded_ns))
    found = locals_at(frame, variables) if variables else None
    return shape if found is None else replace(shape, locals=dict(found))


def located_shape(workspace: Workspace, located: LocatedFrame) -> FrameShape:
    frame = located.frame
    return FrameShape(
        path=located.display_path,
        recorded_path=frame.path,
        line=located.line,
        recorded_line=frame.line,
        column=located.column,
        function=located.function,
        in_app=frame.in_app,
        anchor=located.anchor,
        source=_text_of_line(workspace, located),
        reason=located.reason,
        candidates=located.candidates,
    )


def _text_of_line(workspace: Workspace, located: LocatedFrame) -> str | None:
    if located.path is not None and located.anchor in ("exact", "moved", "edited"):
        lines = workspace.lines(Path(located.path))
        if 1 <= located.line <= len(lines):
            return lines[located.line - 1]
    return located.frame.source
