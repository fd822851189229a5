"""The rim between the recorder and the application: nothing that goes wrong on our side crosses it."""

import functools
import logging
from collections.abc import Callable
from types import TracebackType
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

log = logging.getLogger("flux_ls.record")
# Without a handler of its own a warning would be printed on the application's standard error.
log.addHandler(logging.NullHandler())

_MANY = 200
_told: set[tuple[str, str]] = set()


def guarded(function: Callable[P, R]) -> Callable[P, R | None]:
    """The function, which answers None instead of raising; meant for hooks that the application calls."""
    what = f"{function.__module__}.{function.__qualname__}"

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R | None:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            tell(what, error)
            return None

    return run


class Guard:
    """`with Guard("reading the body"):` ends quietly, whatever fails in the block."""

    __slots__ = ("_what",)

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        tell(self._what, error)
        return True


def tell(what: str, error: BaseException, level: int = logging.DEBUG) -> None:
    """Logs a failure of the recorder the first time that it happens."""
    try:
        key = (what, type(error).__qualname__)
        if key in _told or len(_told) >= _MANY:
            return
        _told.add(key)
        log.log(level, "%s failed: %s", what, type(error).__name__, exc_info=error)
    except Exception:  # a handler of the application's, a type with a broken name: nothing is worth more noise
        return


def say_once(message: str, *details: object, level: int = logging.WARNING) -> None:
    """Logs something that the user should know, the first time."""
    try:
        key = (message, "")
        if key not in _told and len(_told) < _MANY:
            _told.add(key)
            log.log(level, message, *details)
    except Exception:
        return
