"""Starlette: the application object and the endpoint functions; what builds upon it inherits the former."""

import functools
import inspect
from types import ModuleType
from typing import Any

from flux_ls.record.patches import Patches
from flux_ls.record.servers import asgi
from flux_ls.record.servers.exchange import Exchange
from flux_ls.record.servers.handlers import method_of, record_handler


def install(patches: Patches) -> None:
    def patch(module: ModuleType) -> None:
        patches.replace(
            module.Starlette, "__call__", lambda call: asgi.seen_application(call, patches, expected, find_handler)
        )

    patches.when_imported("starlette.applications", patch)
    patches.when_imported(
        "starlette.routing", lambda module: patches.replace(module, "request_response", _seen_request_response)
    )


def expected(app: Any, _: asgi.Scope) -> bool:
    return bool(getattr(app, "_is_instrumented_by_opentelemetry", False))


def find_handler(exchange: Exchange, scope: asgi.Scope) -> None:
    """Routing has noted in the scope who answers."""
    endpoint = scope.get("endpoint")
    if inspect.isclass(endpoint):
        endpoint = method_of(endpoint, scope["method"], "dispatch")
    if endpoint is not None:
        exchange.handled_by(endpoint, getattr(scope.get("route"), "path", None))


def _seen_request_response(request_response: Any) -> Any:
    """A route makes an application of its endpoint function with this."""

    @functools.wraps(request_response)
    def seen(func: Any) -> Any:
        record_handler(func)
        return request_response(func)

    return seen
