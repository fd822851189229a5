"""FastAPI: the application object and the endpoint functions."""

import functools
from types import ModuleType
from typing import Any

from opentelemetry import trace

from flux_ls.record.patches import Patches
from flux_ls.record.servers import asgi, starlette
from flux_ls.record.servers.handlers import record_handler


def install(patches: Patches) -> None:
    def patch(module: ModuleType) -> None:
        # It may have a method of its own, in front of Starlette's.
        patches.replace(
            module.FastAPI,
            "__call__",
            lambda call: asgi.seen_application(call, patches, _expected, starlette.find_handler),
        )

    patches.when_imported("fastapi.applications", patch)
    patches.when_imported(
        "fastapi.routing", lambda module: patches.replace(module, "get_request_handler", _seen_get_request_handler)
    )


def _expected(app: Any, scope: asgi.Scope) -> bool:
    return starlette.expected(app, scope) or _makes_spans_itself(app)


def _makes_spans_itself(app: Any) -> bool:
    config = getattr(getattr(app, "_native_telemetry", None), "config", None)
    if not isinstance(config, dict) or not config.get("tracing"):
        return False
    provider = config.get("tracer_provider") or trace.get_tracer_provider()
    return not isinstance(provider, trace.ProxyTracerProvider | trace.NoOpTracerProvider)


def _seen_get_request_handler(get_request_handler: Any) -> Any:
    """A route makes what calls its endpoint function with this."""

    @functools.wraps(get_request_handler)
    def seen(*args: Any, **kwargs: Any) -> Any:
        dependant = kwargs["dependant"] if "dependant" in kwargs else args[0] if args else None
        record_handler(getattr(dependant, "call", None))
        return get_request_handler(*args, **kwargs)

    return seen
