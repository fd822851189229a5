"""Pages about more than one request: what fails, what came last, what is connected."""

from collections.abc import Iterable, Mapping
from typing import Any

from flux_ls.answers.shapes import Dismissal, Doctor, Errors, RequestShape
from flux_ls.lsp import words
from flux_ls.lsp.markdown import code, fence
from flux_ls.lsp.pages.parts import location, mended, moment, request_line, text


def errors(shape: Errors) -> str:
    lines = ["# What fails", ""]
    if not shape.groups:
        lines.append("Nothing that was recorded has failed.")
    for group in shape.groups:
        lines += [
            f"## {code(group.type)} ({group.state})",
            "",
            *([fence(group.message), ""] if group.message else []),
            f"{words.times(group.count, 'time')}, last {moment(group.last_seen)}, "
            f"request {code('req:' + group.sample_request_id[:8])}{mended(group.resolved_by)}  ",
            location(group.location, group.location_reason),
            "",
        ]
    return text(lines)


def tail(requests: Iterable[RequestShape]) -> str:
    lines = ["# Recent requests", ""]
    for request in requests:
        lines.append(f"- {request_line(request)}")
        if request.error:
            lines.append(f"  - {code(request.error)}")
    if len(lines) == 2:
        lines.append("None.")
    return text(lines)


def doctor(shape: Doctor) -> str:
    broken = shape.broken
    lines = ["# Why is nothing here?", ""]
    lines += [f"The first broken link is **{broken.name}**." if broken else "Every link holds.", ""]
    for check in shape.checks:
        lines.append(f"- {'✓' if check.ok else '✗'} **{check.name}**: {code(check.detail, 1000)}")
        if check.mend and not check.ok:
            lines.append(f"  - to mend it: {code(check.mend, 1000)}")
    return text(lines)


def dismissal(shape: Dismissal) -> str:
    return text([f"The issue group {code(shape.fingerprint)} is {shape.state}."])


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
    return text(lines)
