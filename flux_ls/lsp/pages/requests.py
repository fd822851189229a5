"""The answers as Markdown documents: what `flux:` addresses show, and what commands return as `text`."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from flux_ls.answers.shapes import Dismissal, Doctor, Errors, FrameShape, RequestShape, Trace, Why
from flux_ls.answers.words import LINK_WORDS
from flux_ls.lsp import words
from flux_ls.lsp.markdown import code, fence

MOST_SPANS = 500


def why(shape: Why) -> str:
    request = shape.request
    lines = [f"# Why did {code('req:' + request.short_id)} fail?", "", _request(request), ""]
    cause = shape.root_cause
    if cause is None:
        lines[0] = f"# {code('req:' + request.short_id)} did not fail"
    else:
        lines += ["## Root cause", "", code(cause.type, 200), "", fence(cause.message or cause.type, limit=4000), ""]
        lines += [f"in the span {code(cause.span_name)}", ""]
        lines += ["## Location", "", _location(shape.location, shape.location_reason), ""]
        if shape.location is not None and shape.location.source:
            lines += [fence(shape.location.source.strip()), ""]
    if shape.frames:
        lines += ["## From handler to fault", "", *_numbered(map(_frame, shape.frames)), ""]
    if len(shape.chain) > 1:
        chain = (
            f"{LINK_WORDS[link.relation]}{code(link.type)} {code(link.message)} {_where(link.frame)}".rstrip()
            for link in shape.chain
        )
        lines += ["## What led to what, root cause first", "", *_numbered(chain), ""]
    if shape.handled:
        handled = (f"{code(each.type)} {code(each.message)} {_where(each.location)}".rstrip() for each in shape.handled)
        lines += ["## Handled on the way", "", *_numbered(handled), ""]
    if shape.input:
        lines += [
            "## Input",
            "",
            *(f"- {code(key)}: {code(str(value), 500)}" for key, value in shape.input.items()),
            "",
        ]
    if shape.group is not None:
        count = words.times(shape.group.count, "failure")
        lines += [f"{count} of this kind, first {_at(shape.group.first_seen)}, last {_at(shape.group.last_seen)}", ""]
    return _text(lines)


def trace(shape: Trace) -> str:
    lines = [f"# Trace of {code('req:' + shape.request.short_id)}", "", _request(shape.request), ""]
    for span in shape.spans[:MOST_SPANS]:
        error = f" — {code(span.error)}" if span.error else ""
        mark = "✗" if span.status == "error" or span.error else "·"
        lines.append(
            f"{'  ' * min(span.depth, 20)}- {mark} {code(span.name)} {_ms(span.duration_ms)}"
            f" at +{_ms(span.start_ms)} {code(span.service)}{error} {_where(span.frame)}".rstrip()
        )
    if len(shape.spans) > MOST_SPANS:
        lines.append(f"- and {words.times(len(shape.spans) - MOST_SPANS, 'more span')}")
    return _text(lines)


def errors(shape: Errors) -> str:
    lines = ["# What fails", ""]
    if not shape.groups:
        lines.append("Nothing that was recorded has failed.")
    for group in shape.groups:
        lines += [
            f"## {code(group.type)} ({group.state})",
            "",
            *([fence(group.message), ""] if group.message else []),
            f"{words.times(group.count, 'time')}, last {_at(group.last_seen)}, "
            f"request {code('req:' + group.sample_request_id[:8])}  ",
            _location(group.location, group.location_reason),
            "",
        ]
    return _text(lines)


def tail(requests: Iterable[RequestShape]) -> str:
    lines = ["# Recent requests", ""]
    for request in requests:
        lines.append(f"- {_request(request)}")
        if request.error:
            lines.append(f"  - {code(request.error)}")
    if len(lines) == 2:
        lines.append("None.")
    return _text(lines)


def doctor(shape: Doctor) -> str:
    broken = shape.broken
    lines = ["# Why is nothing here?", ""]
    lines += [f"The first broken link is **{broken.name}**." if broken else "Every link holds.", ""]
    for check in shape.checks:
        lines.append(f"- {'✓' if check.ok else '✗'} **{check.name}**: {code(check.detail, 1000)}")
        if check.mend and not check.ok:
            lines.append(f"  - to mend it: {code(check.mend, 1000)}")
    return _text(lines)


def dismissal(shape: Dismissal) -> str:
    return _text([f"The issue group {code(shape.fingerprint)} is {shape.state}."])


def status(shape: Mapping[str, Any]) -> str:
    collector, store, broken = shape["collector"], shape["store"], shape["broken"]
    lines = ["# Flux", "", f"- collector: {collector['state']} {code(collector['detail'], 1000)}".rstrip()]
    if collector["http_port"]:
        lines.append(f"  - OTLP over HTTP on port {collector['http_port']}")
    if collector["grpc_port"]:
        lines.append(f"  - OTLP over gRPC on port {collector['grpc_port']}")
    lines.append(f"- store: {store['state']} {code(store['path'], 1000)} {code(store['detail'], 1000)}".rstrip())
    lines.append(f"- failing now: {shape['failing']}, {shape['unplaced']} of them without a place in this workspace")
    if broken:
        lines.append(f"- first broken link: **{broken['name']}**: {code(broken['detail'], 1000)}")
    return _text(lines)


def _request(request: RequestShape) -> str:
    what = " ".join(part for part in (request.method, request.path or request.name) if part)
    status = f" {request.status}" if request.status is not None else ""
    verdict = " **failed**" if request.failed else ""
    partly = "" if request.complete else " (its root span has not arrived)"
    return (
        f"{code(what)}{status}{verdict} {_ms(request.duration_ms)} {code('req:' + request.short_id)} "
        f"{code(request.service)} {_at(request.started_at)}{partly}"
    )


def _location(frame: FrameShape | None, reason: str | None) -> str:
    if frame is None:
        return f"No location: {reason or 'none was recorded'}."
    return _frame(frame)


def _frame(frame: FrameShape) -> str:
    return f"{_where(frame)} in {code(frame.function or 'module')}{_anchor(frame)}"


def _where(frame: FrameShape | None) -> str:
    return "" if frame is None else code(f"{frame.path}:{frame.line}", 300)


def _anchor(frame: FrameShape) -> str:
    if frame.anchor == "exact" and frame.recorded_path.replace("\\", "/").endswith(frame.path):
        return ""
    recorded = f"{frame.recorded_path}:{frame.recorded_line}"
    reason = f", {code(frame.reason, 300)}" if frame.reason else ""
    return f" ({frame.anchor}, recorded at {code(recorded, 300)}{reason})"


def _numbered(lines: Iterable[str]) -> list[str]:
    return [f"{number}. {line}" for number, line in enumerate(lines, start=1)]


def _at(timestamp: str) -> str:
    return words.at(int(datetime.fromisoformat(timestamp).timestamp()) * words.SECOND_NS)


def _ms(milliseconds: float) -> str:
    return words.duration(int(milliseconds * 1e6))


def _text(lines: list[str]) -> str:
    return "\n".join(lines).rstrip() + "\n"
