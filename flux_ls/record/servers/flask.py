"""Flask: the application object, the view function, the exception that nobody handled."""

import functools
import sys
from types import ModuleType
from typing import Any

from flux_ls.record.guard import guarded, tell
from flux_ls.record.patches import Patches
from flux_ls.record.servers import wsgi
from flux_ls.record.servers.exchange import SERVING
from flux_ls.record.servers.handlers import method_of


def install(patches: Patches) -> None:
    def patch(module: ModuleType) -> None:
        patches.replace(module.Flask, "__call__", lambda call: wsgi.seen_application(call, patches, _expected))
        patches.replace(module.Flask, "ensure_sync", lambda ensure: _seen_ensure_sync(ensure, module))
        module.got_request_exception.connect(_unhandled)

    patches.when_imported("flask.app", patch)


def uninstall() -> None:
    module = sys.modules.get("flask.app")
    if module is not None:
        module.got_request_exception.disconnect(_unhandled)


def _expected(app: Any, _: wsgi.Environ) -> bool:
    return bool(getattr(app, "_is_instrumented_by_opentelemetry", False))


def _seen_ensure_sync(ensure_sync: Any, module: ModuleType) -> Any:
    """Flask asks this for what it calls of a view function, right before it calls."""

    @functools.wraps(ensure_sync)
    def seen(self: Any, func: Any) -> Any:
        exchange = SERVING.get()
        if exchange is None or exchange.recording is None or exchange.handled:
            return ensure_sync(self, func)
        try:
            request = module.request
            if self.view_functions.get(request.endpoint) is func:
                owner = getattr(func, "view_class", None)
                handler = func if owner is None else method_of(owner, request.method, "dispatch_request")
                exchange.handled_by(handler, request.url_rule.rule)
        except Exception as error:
            tell("looking for a view function", error)
        return ensure_sync(self, func)

    return seen


@guarded
def _unhandled(_: Any, *, exception: BaseException, **__: Any) -> None:
    exchange = SERVING.get()
    if exchange is not None:
        exchange.died(exception)
