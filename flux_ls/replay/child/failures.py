"""The exception that a request died of: the one that left the application, or that its framework made a 500 of."""

import traceback
from types import ModuleType
from typing import Any

from flux_ls.replay.child.imports import when_imported

_seen: list[BaseException] = []


def install() -> None:
    def watch_flask(flask: ModuleType) -> None:
        flask.got_request_exception.connect(_flask, weak=False)

    def watch_django(signals: ModuleType) -> None:
        signals.got_request_exception.connect(_django, weak=False)

    when_imported("flask", watch_flask)
    when_imported("django.core.signals", watch_django)


def _flask(_: Any, exception: BaseException, **__: Any) -> None:
    _seen.append(exception)


def _django(**_: Any) -> None:
    import sys

    error = sys.exc_info()[1]
    if error is not None:
        _seen.append(error)


def saw(error: BaseException) -> None:
    _seen.append(error)


def told() -> dict[str, str] | None:
    """The last of them, as OpenTelemetry would record it."""
    if not _seen:
        return None
    error = _seen[-1]
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ in ("builtins", None) else f"{kind.__module__}.{kind.__qualname__}"
    return {
        "type": name,
        "message": _text(error),
        "stacktrace": "".join(traceback.format_exception(error)),
    }


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return ""
