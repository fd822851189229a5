"""How entry points have been doing, for the traffic lens."""

import os
from collections import defaultdict
from pathlib import Path

from flux_ls.analysis.latency import latency
from flux_ls.lsp.code_lens import Traffic
from flux_ls.model import Route
from flux_ls.source.workspace import Workspace
from flux_ls.store.reader import Reader


def traffic_of(reader: Reader, workspace: Workspace, path: str) -> tuple[Traffic, ...]:
    """The entry points in the file at `path`; one function may serve several routes."""
    real = os.path.realpath(path)
    served: dict[int, list[Route]] = defaultdict(list)
    for route in reader.routes():
        if route.function is None or Path(route.function.path.replace("\\", "/")).name != Path(path).name:
            continue
        located = workspace.locate(route.function, route.last_good_ns or 0)
        if located.function_line is not None and located.path is not None and os.path.realpath(located.path) == real:
            served[located.function_line].append(route)
    lines = workspace.lines(Path(path))
    made = []
    for line, routes in sorted(served.items()):
        took = latency([duration for route in routes for duration in reader.route_durations(route.id)])
        made.append(
            Traffic(
                line=line,
                text=lines[line - 1] if line <= len(lines) else "",
                requests=sum(route.requests for route in routes),
                p95_ns=None if took is None else took.p95,
            )
        )
    return tuple(made)
