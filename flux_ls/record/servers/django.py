"""Django: its WSGI and ASGI handlers, the views, the exception that nobody handled."""

import functools
import sys
from types import ModuleType
from typing import Any

from flux_ls.record.guard import Guard, guarded
from flux_ls.record.patches import Patches
from flux_ls.record.servers import asgi, wsgi
from flux_ls.record.servers.exchange import SERVING
from flux_ls.record.servers.handlers import method_of

_INSTRUMENTATION = "opentelemetry.instrumentation.django"


def install(patches: Patches) -> None:
    def patch(module: ModuleType) -> None:
        module.got_request_exception.connect(_unhandled)

    patches.when_imported(
        "django.core.handlers.wsgi",
        lambda module: patches.replace(
            module.WSGIHandler, "__call__", lambda call: wsgi.seen_application(call, patches, _expected)
        ),
    )
    patches.when_imported(
        "django.core.handlers.asgi",
        lambda module: patches.replace(
            module.ASGIHandler, "__call__", lambda call: asgi.seen_application(call, patches, _expected_async)
        ),
    )
    patches.when_imported(
        "django.core.handlers.base",
        lambda module: patches.replace(module.BaseHandler, "make_view_atomic", _seen_make_view_atomic),
    )
    patches.when_imported("django.core.signals", patch)


def uninstall() -> None:
    module = sys.modules.get("django.core.signals")
    if module is not None:
        module.got_request_exception.disconnect(_unhandled)


def _expected(_: object, __: object) -> bool:
    from django.conf import settings

    return any(isinstance(name, str) and name.startswith(_INSTRUMENTATION) for name in settings.MIDDLEWARE)


def _expected_async(app: object, scope: object) -> bool:
    if not _expected(app, scope):
        return False
    middleware = sys.modules.get(f"{_INSTRUMENTATION}.middleware.otel_middleware")
    return bool(getattr(middleware, "_is_asgi_supported", True))


def _seen_make_view_atomic(make_view_atomic: Any) -> Any:
    """Django asks this for what it calls of a view, right before it calls."""

    @functools.wraps(make_view_atomic)
    def seen(self: Any, view: Any) -> Any:
        exchange = SERVING.get()
        if exchange is not None:
            with Guard("looking at a view"):
                owner = getattr(view, "view_class", None) or getattr(view, "cls", None)
                handler = view if owner is None else method_of(owner, exchange.method(), "dispatch")
                exchange.handled_by(handler)
        return make_view_atomic(self, view)

    return seen


@guarded
def _unhandled(**_: Any) -> None:
    exchange = SERVING.get()
    error = sys.exc_info()[1]
    if exchange is not None and error is not None:
        exchange.died(error)
