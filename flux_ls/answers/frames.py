"""Recorded frames as answers show them: tied to today's text, with the text of the line."""

from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from flux_ls.analysis.recorded import locals_at
from flux_ls.answers.shapes import FrameShape
from flux_ls.model import Frame, FrameLocals, LocatedFrame
from flux_ls.source.workspace import Workspace
from flux_ls.store.reader import Reader

_MOST_ISSUES = 200
"""The latest issues whose frames say where recorded folders are."""


def recorded_frames(reader: Reader) -> list[Frame]:
    """The frames of the latest failures, from which the workspace learns."""
    _, issues = reader.issues()
    latest = sorted(issues, key=lambda issue: -issue.last_seen_ns)[:_MOST_ISSUES]
    return list(dict.fromkeys(frame for issue in latest for frame in issue.failure.frames))


class Glance:
    """A workspace during one answer: a place that comes up again and again, as in a loop, is looked for once."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._known: dict[Frame, FrameShape] = {}

    def shape(self, frame: Frame, recorded_ns: int) -> FrameShape:
        shape = self._known.get(frame)
        if shape is None:
            shape = self._known[frame] = located_shape(self._workspace, self._workspace.locate(frame, recorded_ns))
        return shape


def frame_shape(
    workspace: Workspace | Glance, frame: Frame, recorded_ns: int, variables: Sequence[FrameLocals] = ()
) -> FrameShape:
    """The frame with those of the recorded variables that are its own."""
    if isinstance(workspace, Glance):
        shape = workspace.shape(frame, recorded_ns)
    else:
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
        function_edited=located.function_edited,
    )


def _text_of_line(workspace: Workspace, located: LocatedFrame) -> str | None:
    if located.path is not None and located.anchor in ("exact", "moved", "edited"):
        lines = workspace.lines(Path(located.path))
        if 1 <= located.line <= len(lines):
            return lines[located.line - 1]
    return located.frame.source
