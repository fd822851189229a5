"""The OpenTelemetry instrumentations of the environment, each set to work when its library gets imported."""

import functools
import importlib.util
import os
import re
import sys
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any, Final

import wrapt
from opentelemetry.instrumentation.dependencies import get_dist_dependency_conflicts

from flux_ls.record.guard import log, tell
from flux_ls.record.instrumentors import PARTS, disabled

GROUP: Final = "opentelemetry_instrumentor"
_MODULES: Final = {
    "aio-pika": "aio_pika",
    "aiohttp-client": "aiohttp",
    "aiohttp-server": "aiohttp",
    "boto3": "boto3",
    "cassandra": "cassandra",
    "confluent_kafka": "confluent_kafka",
    "django": "django.core.handlers.base",
    "grpc_client": "grpc",
    "grpc_server": "grpc",
    "grpc_aio_client": "grpc",
    "grpc_aio_server": "grpc",
    "kafka": "kafka",
    "mysql": "mysql.connector",
    "mysqlclient": "MySQLdb",
    "tortoiseorm": "tortoise",
    "urllib": "urllib.request",
    "system_metrics": "psutil",
}
"""The module whose import sets an instrumentation to work, where it is not called like the instrumentation."""

_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9._-]+)")


def instrument_when_imported() -> None:
    """Never imports a library itself: what the application does not use costs nothing and changes nothing."""
    unwanted = disabled()
    if "*" in unwanted:
        return
    for entry_point in entry_points(group=GROUP):
        if entry_point.name in unwanted or entry_point.name in PARTS:
            continue
        if entry_point.name == "logging" and not _exports_logs():
            continue
        try:
            module = _module_of(entry_point)
            if module is None:
                _instrument(entry_point)
            else:
                wrapt.register_post_import_hook(functools.partial(_imported, entry_point), module)
        except Exception as error:
            tell(f"preparing the instrumentation {entry_point.name}", error)


def _exports_logs() -> bool:
    """Whether the user exports logs or has trace ids in them.

    Its handler on the root logger makes others take logging for set up: werkzeug and Flask would fall silent.
    """
    exporter = os.environ.get("OTEL_LOGS_EXPORTER", "").strip().lower()
    correlated = os.environ.get("OTEL_PYTHON_LOG_CORRELATION", "").strip().lower() == "true"
    return exporter not in ("", "none") or correlated


def _module_of(entry_point: EntryPoint) -> str | None:
    """None when it cannot be told: then it is set to work at once, as OpenTelemetry does it."""
    name = _MODULES.get(entry_point.name)
    if name is not None:
        return name
    guesses = [entry_point.name.replace("-", "_")]
    requires = (entry_point.dist.requires if entry_point.dist is not None else None) or ()
    guesses += [
        found[1].replace("-", "_")
        for each in requires
        if "instruments" in each and (found := _REQUIREMENT.match(each)) is not None
    ]
    for guess in guesses:
        try:
            if importlib.util.find_spec(guess) is not None:
                return guess
        except (ImportError, ValueError):
            continue
    return None


_later: list[EntryPoint] = []


def _imported(entry_point: EntryPoint, module: ModuleType) -> None:
    if entry_point.name == "django":
        _instrument_before(entry_point, module.BaseHandler, "load_middleware")
        return
    spec = getattr(sys.modules.get(entry_point.module), "__spec__", None)
    if getattr(spec, "_initializing", False):
        # An instrumentation for several libraries imports each: it has to be whole before it is set to work.
        _later.append(entry_point)
        return
    _instrument(entry_point)
    while _later:
        _instrument(_later.pop())


def _instrument_before(entry_point: EntryPoint, owner: type, method: str) -> None:
    """Django's adds to the settings, and makes empty ones where there are none: many a `wsgi.py` names them only after
    it has imported Django. By the time that it reads its middleware they are there."""
    original: Any = getattr(owner, method)

    @functools.wraps(original)
    def seen(*args: Any, **kwargs: Any) -> Any:
        setattr(owner, method, original)
        _instrument(entry_point)
        return original(*args, **kwargs)

    setattr(owner, method, seen)


def _instrument(entry_point: EntryPoint) -> None:
    try:
        if entry_point.dist is not None:
            conflict = get_dist_dependency_conflicts(entry_point.dist)
            if conflict:
                log.debug("the instrumentation %s is left out: %s", entry_point.name, conflict)
                return
        instrumentor: Any = entry_point.load()()
        if not instrumentor.is_instrumented_by_opentelemetry:
            instrumentor.instrument(skip_dep_check=True)
    except ModuleNotFoundError as error:
        log.debug("the instrumentation %s is left out: %s", entry_point.name, error)
    except Exception as error:
        tell(f"the instrumentation {entry_point.name}", error)
