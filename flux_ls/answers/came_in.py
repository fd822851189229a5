"""What came in with a request: as it was recorded, else as far as the attributes of its entry span tell."""

from urllib.parse import parse_qs

from flux_ls.analysis import recorded
from flux_ls.model import Attributes, AttributeValue, Request, Span

_PLAIN = {
    "rpc.service": "service",
    "rpc.method": "rpc_method",
    "messaging.destination.name": "destination",
    "messaging.message.id": "message_id",
    "messaging.operation.type": "operation",
    "celery.task_name": "task",
    "process.command_args": "command",
}


def input_of(request: Request, entry: Span) -> dict[str, AttributeValue] | None:
    """What was recorded of a request (with its route and its parameters), or of a call its arguments by name.

    Without a recorder method, path, route, query; or what a message or a run says of itself. None when nothing.
    """
    told = recorded.input_of(entry)
    if isinstance(told, dict):
        if request.method is None:
            return told or None
        by_route = {name: value for name, value in (_told(request, entry) or {}).items() if name in ("route", "params")}
        return {**told, **by_route}
    if told is not None:
        return {**(_told(request, entry) or {}), "input": told}
    return _told(request, entry)


def _told(request: Request, entry: Span) -> dict[str, AttributeValue] | None:
    attributes = entry.attributes
    found: dict[str, AttributeValue] = {}
    if request.method is not None:
        found["method"] = request.method
    if request.path is not None:
        found["path"] = request.path
    if request.route is not None:
        found["route"] = request.route
        if request.path is not None and (params := route_params(request.route, request.path)):
            found["params"] = dict(params)
    if query := _query(attributes):
        found["query"] = query
    if isinstance(body := attributes.get("http.request.body.size"), int):
        found["body_size"] = body
    for name, key in _PLAIN.items():
        if (value := attributes.get(name)) not in (None, ""):
            found[key] = value
    return found or None


def route_params(route: str, path: str) -> dict[str, str]:
    """The values that a path has for the parameters of its route: `/users/<int:id>`, `/users/{id}`, `/users/:id`.

    Empty when the path does not fit the route segment by segment (mounted applications report only their part).
    """
    wanted, given = route.strip("/^$").split("/"), path.strip("/").split("/")
    params: dict[str, str] = {}
    for at, segment in enumerate(wanted):
        name, takes_rest = _parameter(segment)
        if at >= len(given):
            return {}
        if name is None:
            if segment != given[at]:
                return {}
        elif takes_rest and at == len(wanted) - 1:
            params[name] = "/".join(given[at:])
            return params
        else:
            params[name] = given[at]
    return params if len(wanted) == len(given) else {}


def _parameter(segment: str) -> tuple[str | None, bool]:
    """The parameter's name, and whether it may hold slashes; None for a literal segment."""
    if segment.startswith("<") and segment.endswith(">"):
        converter, _, name = segment[1:-1].rpartition(":")
        return name, converter == "path"
    if segment.startswith("{") and segment.endswith("}"):
        name, _, converter = segment[1:-1].partition(":")
        return name.lstrip("*"), converter == "path" or name.startswith("*")
    if segment.startswith(":") and len(segment) > 1:
        return segment[1:].rstrip("?*+"), segment.endswith("*")
    return None, False


def _query(attributes: Attributes) -> dict[str, AttributeValue]:
    text = attributes.get("url.query")
    if not isinstance(text, str) or not text:
        return {}
    try:
        values = parse_qs(text.removeprefix("?"), keep_blank_values=True, max_num_fields=200)
    except ValueError:
        return {"": text}
    return {key: found[0] if len(found) == 1 else list(found) for key, found in values.items()}
