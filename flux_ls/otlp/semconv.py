"""Semantic conventions: attribute names of every age, spelled as today's conventions spell them.

Most SDKs still emit the old HTTP and database names by default. Normalising once, here, means that nothing
downstream knows there ever were two.
Source: OpenTelemetry semantic conventions 1.37, the migration guides for HTTP, database and code attributes.
"""

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from flux_ls.model import AttributeValue, Resource

_RENAMED = {
    "http.method": "http.request.method",
    "http.status_code": "http.response.status_code",
    "http.url": "url.full",
    "http.scheme": "url.scheme",
    "http.user_agent": "user_agent.original",
    "http.client_ip": "client.address",
    "http.request_content_length": "http.request.body.size",
    "http.response_content_length": "http.response.body.size",
    "http.flavor": "network.protocol.version",
    "net.host.name": "server.address",
    "http.server_name": "server.address",
    "http.host": "server.address",
    "net.host.port": "server.port",
    "net.peer.name": "server.address",
    "net.peer.port": "server.port",
    "net.peer.ip": "network.peer.address",
    "net.sock.peer.addr": "network.peer.address",
    "net.sock.peer.port": "network.peer.port",
    "db.system": "db.system.name",
    "db.statement": "db.query.text",
    "db.operation": "db.operation.name",
    "db.name": "db.namespace",
    "db.sql.table": "db.collection.name",
    "db.mongodb.collection": "db.collection.name",
    "db.cassandra.table": "db.collection.name",
    "db.cosmosdb.container": "db.collection.name",
    "code.filepath": "code.file.path",
    "code.lineno": "code.line.number",
    "code.column": "code.column.number",
    "messaging.operation": "messaging.operation.type",
    "messaging.destination": "messaging.destination.name",
    "messaging.message_id": "messaging.message.id",
    "faas.execution": "faas.invocation_id",
    "deployment.environment": "deployment.environment.name",
    "vcs.repository.ref.revision": "vcs.ref.head.revision",
}
_COMPOSED = ("http.target", "code.function", "code.namespace")
_OLD = frozenset((*_RENAMED, *_COMPOSED))
_WORTH_PLANNING = 128
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


def normalised(attributes: dict[str, AttributeValue]) -> dict[str, AttributeValue]:
    """The same attributes under today's names; a name that is already today's wins over an old one."""
    names = tuple(attributes)
    plan = _plan(names) if len(names) <= _WORTH_PLANNING else _plan.__wrapped__(names)
    if plan is None:
        return attributes
    today = {new: attributes[recorded] for new, recorded in plan.names}
    if plan.has_target:
        _split_target(attributes, today)
    if plan.has_function:
        _join_function(attributes, today)
    return today


class _Plan(NamedTuple):
    """How to rename the attributes of spans that carry the same names."""

    names: tuple[tuple[str, str], ...]
    """Today's name and the recorded one."""
    has_target: bool
    has_function: bool


@lru_cache(maxsize=1024)
def _plan(names: tuple[str, ...]) -> _Plan | None:
    # An instrumentation puts the same names on all of its spans, so that this is hardly ever worked out anew.
    old = _OLD.intersection(names)
    has_target = "http.target" in old or "http.url" in old or ("url.full" in names and "url.path" not in names)
    if not old and not has_target:
        return None
    today = {name: name for name in names if name not in old}
    # In the order of the table: two old names may mean the same one of today.
    for name in _RENAMED:
        if name in old:
            today.setdefault(_RENAMED[name], name)
    return _Plan(tuple(today.items()), has_target, "code.function" in old)


def resource_of(attributes: dict[str, AttributeValue]) -> Resource:
    """What emitted the spans; a `service.version` that is a commit id counts as the revision."""
    today = normalised(attributes)
    revision = _text(today.get("vcs.ref.head.revision"))
    if revision is None:
        version = _text(today.get("service.version"))
        revision = version if version and _COMMIT.fullmatch(version) else None
    return Resource(
        service=_text(today.get("service.name")) or "unknown_service",
        environment=_text(today.get("deployment.environment.name")),
        revision=revision,
        attributes=today,
    )


def _split_target(old: dict[str, AttributeValue], today: dict[str, AttributeValue]) -> None:
    target = _text(old.get("http.target"))
    if target is None and "url.path" not in today:
        target = _text(today.get("url.full"))
    if target is None:
        return
    if target.startswith("/"):
        # Not a URL: `//a/b` is a path here.
        path, _, query = target.partition("#")[0].partition("?")
    else:
        try:
            parts = urlsplit(target)
        except ValueError:
            return
        path, query = parts.path, parts.query
    if path:
        today.setdefault("url.path", path)
    if query:
        today.setdefault("url.query", query)


def _join_function(old: dict[str, AttributeValue], today: dict[str, AttributeValue]) -> None:
    function, namespace = _text(old.get("code.function")), _text(old.get("code.namespace"))
    if function:
        told = not namespace or function.startswith(f"{namespace}.")
        qualified = function if told else f"{namespace}.{function}"
        today.setdefault("code.function.name", qualified)


def _text(value: AttributeValue) -> str | None:
    return value if isinstance(value, str) and value else None
