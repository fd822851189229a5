"""How a place in the code looks: path and line, the line's text, and what is known of its age."""

from pathlib import Path

from flux_ls.answers.shapes import FrameShape
from flux_ls.cli.terminal import Terminal, clipped, plain


def place(terminal: Terminal, frame: FrameShape) -> str:
    """`payments/create.py : line 42  in create_charge`."""
    path = terminal.paint(plain(frame.path), "mark")
    where = f"{path} : line {frame.line}"
    return f"{where}  in {plain(frame.function)}" if frame.function else where


def source_lines(terminal: Terminal, frame: FrameShape) -> list[str]:
    """The line with its number, and a mark under the responsible part when that is known."""
    if not frame.source or not frame.source.strip():
        return []
    gutter = f"  {frame.line} │ "
    text = plain(frame.source.strip().expandtabs(4))
    width = None if terminal.width is None else terminal.width - len(gutter) - 2
    return [terminal.paint(gutter, "dim") + clipped(text, width)]


def anchor_note(frame: FrameShape, root: Path) -> str | None:
    """What to know about how the recorded place and today's code fit together; None when they are the same."""
    recorded = f"{plain(frame.recorded_path)} line {frame.recorded_line}"
    edited = "its function has been edited since" if frame.function_edited else None
    match frame.anchor:
        case "exact":
            same = Path(frame.recorded_path) == root / frame.path and frame.recorded_line == frame.line
            return "; ".join(filter(None, (None if same else f"recorded as {recorded}", edited))) or None
        case "moved":
            return "; ".join(filter(None, (f"moved since it was recorded as {recorded}", edited)))
        case "edited":
            return f"unverified: the code was edited since; recorded as {recorded}"
        case "gone":
            return f"gone from today's code{_because(frame)}; recorded as {recorded}"
        case "unmapped":
            return f"not found in this workspace{_because(frame)}"


def _because(frame: FrameShape) -> str:
    reason = f": {plain(frame.reason)}" if frame.reason else ""
    candidates = f" ({', '.join(map(plain, frame.candidates))})" if frame.candidates else ""
    return reason + candidates
