"""What pages are made of."""

from collections.abc import Iterable
from datetime import datetime

from flux_ls.answers.shapes import FrameShape, ProofShape, RequestShape
from flux_ls.answers.words import fixed
from flux_ls.lsp import words
from flux_ls.lsp.markdown import code


def request_line(request: RequestShape) -> str:
    what = " ".join(part for part in (request.method, request.path or request.name) if part)
    status = f" {request.status}" if request.status is not None else ""
    verdict = " **failed**" if request.failed else ""
    partly = "" if request.complete else " (its root span has not arrived)"
    return (
        f"{code(what)}{status}{verdict} {duration(request.duration_ms)} {code('req:' + request.short_id)} "
        f"{code(request.service)} {moment(request.started_at)}{partly}"
    )


def location(frame: FrameShape | None, reason: str | None) -> str:
    if frame is None:
        return f"No location: {reason or 'none was recorded'}."
    return frame_line(frame)


def frame_line(frame: FrameShape) -> str:
    return f"{where(frame)} in {code(frame.function or 'module')}{_anchor(frame)}"


def where(frame: FrameShape | None) -> str:
    return "" if frame is None else code(f"{frame.path}:{frame.line}", 300)


def _anchor(frame: FrameShape) -> str:
    if frame.anchor == "exact" and frame.recorded_path.replace("\\", "/").endswith(frame.path):
        return ""
    recorded = f"{frame.recorded_path}:{frame.recorded_line}"
    reason = f", {code(frame.reason, 300)}" if frame.reason else ""
    return f" ({frame.anchor}, recorded at {code(recorded, 300)}{reason})"


def mended(proof: ProofShape | None) -> str:
    """Behind what failed, the run that showed it mended."""
    if proof is None:
        return ""
    return f", {code(fixed(proof))} {moment(proof.at)}"


def numbered(lines: Iterable[str]) -> list[str]:
    return [f"{number}. {line}" for number, line in enumerate(lines, start=1)]


def moment(timestamp: str) -> str:
    return words.at(int(datetime.fromisoformat(timestamp).timestamp()) * words.SECOND_NS)


def duration(milliseconds: float) -> str:
    return words.duration(int(milliseconds * 1e6))


def text(lines: list[str]) -> str:
    return "\n".join(lines).rstrip() + "\n"
