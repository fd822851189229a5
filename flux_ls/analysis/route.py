"""Routes: the low-cardinality name of the entry point a request came in by, and where its handler is."""

import re

from flux_ls.analysis.version import as_it_ran
from flux_ls.model import Frame, Request, Span

_VARYING = re.compile(r"^(?:\d+|[0-9a-fA-F]{8,}|[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}|.*\d.{15,})$")


def route_name(request: Request) -> str:
    """`POST /users/{id}`: the route as instrumentation named it, else the path with what varies replaced."""
    if request.method is None and not (request.kind == "http" and (request.path or request.route)):
        return request.name
    # Of a web socket, which has no method, the name begins with what it is.
    method = request.method or request.name.partition(" ")[0]
    return f"{method} {request.route or _pattern(request.path or '')}"


def handler_of(entry: Span) -> Frame | None:
    """The function that handles what comes in by this span, as far as the span itself tells.

    An exception it recorded passed through the handler: its outermost in-app frame is that.
    """
    path, line = entry.attributes.get("code.file.path"), entry.attributes.get("code.line.number")
    function = entry.attributes.get("code.function.name")
    if isinstance(path, str) and isinstance(line, int) and isinstance(function, str):
        return as_it_ran(Frame(path, line, function, in_app=True), entry)
    for record in reversed(entry.exceptions):
        for frame in record.raised.frames:
            if frame.in_app:
                return as_it_ran(frame, entry)
    return None


def _pattern(path: str) -> str:
    return "/".join("{id}" if _VARYING.match(part) else part for part in path.split("/"))
