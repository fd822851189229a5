"""The function that answers a request: where it is in the user's code, and that its calls are recorded."""

import functools
import inspect
from collections.abc import Callable
from types import FunctionType
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from flux_ls.record.functions.calls import Site
from flux_ls.record.functions.wrapper import site_of, wrapped
from flux_ls.record.guard import Guard
from flux_ls.record.in_app import is_in_app

_wrapped: WeakSet[FunctionType] = WeakSet()
_known: WeakKeyDictionary[Callable[..., Any], dict[str, object]] = WeakKeyDictionary()


def record_handler(handler: Any) -> dict[str, object]:
    """Records the calls of the user's function under the handler's decorators from now on.

    Answers its `code.*` attributes; empty when there is no such function.
    """
    try:
        known = _known.get(handler)
    except TypeError:  # not to be held weakly, or not hashable
        return _record(handler)
    if known is None:
        known = _known[handler] = _record(handler)
    return known


def code_of(function: Any) -> dict[str, object]:
    """`code.*` attributes of the function under all decorators; empty when it is none of Python's."""
    function = innermost(function)
    if not isinstance(function, FunctionType):
        return {}
    code = function.__code__
    return {
        "code.function.name": f"{function.__module__}.{function.__qualname__}",
        "code.file.path": code.co_filename,
        "code.line.number": code.co_firstlineno,
    }


def innermost(handler: Any) -> Any:
    """The function under partials, bound methods and decorators that tell what they decorate."""
    for _ in range(20):
        if isinstance(handler, functools.partial):
            handler = handler.func
        elif inspect.ismethod(handler):
            handler = handler.__func__
        elif "__wrapped__" in getattr(handler, "__dict__", ()):
            handler = handler.__wrapped__
        elif isinstance(handler, FunctionType) or inspect.isclass(handler):
            break
        else:
            handler = getattr(type(handler), "__call__")  # noqa: B004, B009 - the method itself is wanted
            break
    return handler


def method_of(owner: type, name: str, default: str) -> Any:
    """The method of a class-based view that answers a request of that HTTP method."""
    name = name.lower()
    method = getattr(owner, name, None)
    if method is None and name == "head":
        method = getattr(owner, "get", None)
    return method or getattr(owner, default, None)


def _record(handler: Any) -> dict[str, object]:
    function = innermost(handler)
    if not isinstance(function, FunctionType) or not is_in_app(function.__code__.co_filename):
        return {}
    with Guard("recording a handler"):
        code = function.__code__
        site = site_of(code)
        if site is None:
            site = Site(code, function.__module__)
            function.__code__ = wrapped(code, site)
            _wrapped.add(function)
        return site.attributes
    return {}


def forget() -> None:
    """The handlers are as they were."""
    _known.clear()
    for function in list(_wrapped):
        site = site_of(function.__code__)
        if site is not None:
            function.__code__ = site.code
    _wrapped.clear()
