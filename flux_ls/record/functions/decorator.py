"""`@flux_ls.record.span`: records the calls of one function, or of all methods of a class."""

import logging
from collections.abc import Callable
from types import FunctionType
from typing import Any, TypeVar, overload

from flux_ls.record.functions.calls import Site
from flux_ls.record.functions.wrapper import site_of, wrapped
from flux_ls.record.guard import say_once, tell

F = TypeVar("F")


@overload
def span(function: F, /) -> F: ...
@overload
def span(function: str | None = None, /, *, name: str | None = None) -> Callable[[F], F]: ...
def span(function: Any = None, /, *, name: str | None = None) -> Any:
    """Records each call of the function as a span with its arguments and what it returned, raised or yielded.

    Write `@span`, or `@span("charge the card")` for a name of your own. It takes functions of every kind, and
    classes, of which it records the methods (`__call__` too, no other names with two underscores). Next to
    `@staticmethod`, `@classmethod` or a framework's decorator it may stand on either side as long as these leave the
    function a function; what is no function any more (a property, a cached function, a partial) stays as it is.

    The function remains the object it was. Without a recorder, or outside of a request, it costs next to nothing.
    """
    if function is None or isinstance(function, str):
        chosen = function if name is None else name
        return lambda found: _recorded(found, chosen)
    return _recorded(function, name)


def _recorded(found: Any, name: str | None) -> Any:
    try:
        if isinstance(found, type):
            for key, member in list(vars(found).items()):
                if not key.startswith("__") or key == "__call__":
                    function = member.__func__ if isinstance(member, staticmethod | classmethod) else member
                    if type(function) is FunctionType:
                        _record(function, None)
            return found
        function = found.__func__ if isinstance(found, staticmethod | classmethod) else found
        if type(function) is FunctionType:
            _record(function, name)
        else:
            say_once(
                "span: a %s is left as it is: put @span below what makes it one", type(found).__qualname__,
                level=logging.INFO,
            )  # fmt: skip
    except Exception as error:
        tell("wrapping a function", error)
    return found


def _record(function: FunctionType, name: str | None) -> None:
    code = function.__code__
    known = site_of(code)
    if known is not None:
        # A pattern has found it before.
        known.by_pattern = False
        known.name = known.name if name is None else name
        return
    if code.co_name.startswith("<") and name is None and code.co_name != "<lambda>":
        return
    module = function.__module__ or function.__globals__.get("__name__") or "?"
    function.__code__ = wrapped(code, Site(code, module, name))
