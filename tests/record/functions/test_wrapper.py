"""A recorded function is, to everybody who looks at it or calls it, what it was."""

import abc
import asyncio
import contextlib
import functools
import gc
import inspect
import io
import logging
import pickle
import sys
import traceback
import types
import typing
import unittest.mock
import warnings
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from flux_ls.record.functions import span
from tests.record.functions.conftest import Request

EVERY_KIND = """
import asyncio, types
def plain(a, b=2):
    "What it says."
    return a, b
def every(a, b=2, /, c=3, *rest, d, e=5, **named): return a, b, c, rest, d, e, named
def star(*, only): return only
def rest(*rest): return rest
def named(**named): return named
def nothing(): pass
def annotated(a: int, b: "str" = "x") -> "list[int]": return [a, b]
async def awaits(a): await asyncio.sleep(0); return a
def yields(n): yield from range(n); return "end"
async def both(n):
    for each in range(n): yield each
@types.coroutine
def old_style(): yield
class Base:
    def greet(self, name): return f"Hello {name}"
class Thing(Base):
    def __init__(self, base=1): self.base = base
    def greet(self, name="you"): return super().greet(name) + "!"
    def closes_over_class(self): return __class__.__name__
    def private(self, *, __secret=1): return __secret
    @classmethod
    def make(cls, *args): return cls(*args)
    @staticmethod
    def add(a, b): return a + b
def counter(start):
    count, step = start, 1
    def increase(by=step):
        nonlocal count
        count += by * step
        return count
    return increase
increase = counter(5)
anonymous = lambda a, b=1: (a, b)
"""
NAMES = [
    "plain", "every", "star", "rest", "named", "nothing", "annotated", "awaits", "yields", "both", "old_style",
    "Base.greet", "Thing.greet", "Thing.closes_over_class", "Thing.private", "Thing.make", "Thing.add", "counter",
    "increase", "anonymous",
]  # fmt: skip


def made() -> dict[str, Any]:
    """All functions of `EVERY_KIND`, made anew."""
    module: dict[str, Any] = {"__name__": "every.kind"}
    exec(compile(EVERY_KIND, "/app/kinds.py", "exec"), module)
    return module


def found(module: dict[str, Any], name: str) -> Any:
    owner, _, attribute = name.rpartition(".")
    return vars(module[owner])[attribute] if owner else module[name]


def look(function: Any) -> dict[str, object]:
    """What introspection tells of a function."""
    function = getattr(function, "__func__", function)
    code = function.__code__
    return {
        "signature": str(inspect.signature(function)),
        "argspec": str(inspect.getfullargspec(function)),
        "kinds": [
            inspect.isfunction(function),
            inspect.iscoroutinefunction(function),
            asyncio.iscoroutinefunction(function),
            inspect.isgeneratorfunction(function),
            inspect.isasyncgenfunction(function),
        ],
        "names": [function.__name__, function.__qualname__, function.__module__, function.__doc__],
        "defaults": [function.__defaults__, function.__kwdefaults__, function.__annotations__],
        "cells": [each.cell_contents for each in function.__closure__ or () if type(each.cell_contents) is int],
        "code": [
            code.co_name, code.co_qualname, code.co_filename, code.co_firstlineno, code.co_flags, code.co_argcount,
            code.co_posonlyargcount, code.co_kwonlyargcount, code.co_freevars,
            code.co_varnames[: code.co_argcount + code.co_kwonlyargcount],
        ],
        "dict": vars(function),
        "unwrapped": inspect.unwrap(function) is function,
    }  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_looks_the_same(name: str) -> None:
    before = found(made(), name)
    function = found(made(), name)

    assert span(function) is function

    assert look(function) == look(before)
    assert getattr(function, "__func__", function).__code__ != getattr(before, "__func__", before).__code__


CALLS: list[Callable[[dict[str, Any]], object]] = [
    lambda m: m["plain"](1),
    lambda m: m["plain"](b=1, a=2),
    lambda m: m["every"](1, 2, 3, 4, 5, d=6, f=7, a=8),
    lambda m: m["every"](1, d=6),
    lambda m: m["star"](only=[1]),
    lambda m: m["rest"](1, 2),
    lambda m: m["named"](self=1, _flux_named=2, values=3),
    lambda m: m["nothing"](),
    lambda m: m["annotated"](1),
    lambda m: asyncio.run(m["awaits"](4)),
    lambda m: list(m["yields"](3)),
    lambda m: asyncio.run(_all(m["both"](3))),
    lambda m: m["Thing"]().greet(),
    lambda m: m["Thing"].greet(m["Thing"](), name="me"),
    lambda m: m["Thing"]().closes_over_class(),
    lambda m: m["Thing"]().private(_Thing__secret=3),
    lambda m: m["Thing"].make(7).base,
    lambda m: m["Thing"]().add(1, b=2),
    lambda m: (m["increase"](), m["increase"](3), m["counter"](1)()),
    lambda m: m["anonymous"](1),
]
WRONG: list[Callable[[dict[str, Any]], object]] = [
    lambda m: m["plain"](),
    lambda m: m["plain"](1, 2, 3),
    lambda m: m["plain"](1, c=2),
    lambda m: m["every"](a=1, d=2),
    lambda m: m["star"](1),
    lambda m: m["Thing"].greet(),
    lambda m: m["Thing"]().greet(1, 2),
    lambda m: m["yields"](),
    lambda m: m["awaits"](1, 2),
    lambda m: list(m["yields"]("x")),
    lambda m: asyncio.run(_all(m["both"]("x"))),
]


async def _all(values: Any) -> list[object]:
    return [each async for each in values]


def outcome(call: Callable[[dict[str, Any]], object], module: dict[str, Any]) -> object:
    try:
        return call(module)
    except Exception as error:
        return traceback.format_exception(error)


@pytest.mark.parametrize("recorded", [False, True], ids=["alone", "recorded"])
@pytest.mark.parametrize("call", CALLS + WRONG)
def test_answers_the_same(call: Callable[[dict[str, Any]], object], recorded: bool, request_: Request) -> None:
    bare, module = made(), made()
    for name in NAMES:
        span(found(module, name))

    with request_() if recorded else contextlib.nullcontext():
        for _ in range(60):  # past the calls that are kept
            assert outcome(call, module) == outcome(call, bare)


class Wrong(Exception):
    pass


def raises(depth: int) -> None:
    if depth:
        raises(depth - 1)
    raise Wrong("at the bottom")


def reraises() -> None:
    try:
        raises(1)
    except Wrong as error:
        raise ValueError("worse") from error


def passes_on() -> None:
    try:
        raises(0)
    finally:
        "on the way"


def groups() -> None:
    errors: list[Exception] = []
    for depth in range(2):
        try:
            raises(depth)
        except Wrong as error:
            errors.append(error)
    raise ExceptionGroup("two", errors)


async def raises_later() -> None:
    await asyncio.sleep(0)
    raises(1)


async def gathers() -> None:
    await asyncio.gather(raises_later(), asyncio.sleep(0))


def yields_and_raises() -> Any:
    yield 1
    raises(0)


@contextlib.contextmanager
def managed() -> Any:
    try:
        yield
    except Wrong:
        raise KeyError("in the manager") from None


async def async_yields_and_raises() -> Any:
    yield 1
    await raises_later()


FAILURES: list[Callable[[], object]] = [
    lambda: raises(3),
    reraises,
    passes_on,
    groups,
    lambda: asyncio.run(raises_later()),
    lambda: asyncio.run(gathers()),
    lambda: list(yields_and_raises()),
    lambda: asyncio.run(_all(async_yields_and_raises())),
]


def printed(call: Callable[[], object]) -> str:
    """What Python prints, and what a log has of it."""
    log = io.StringIO()
    logger = logging.getLogger("tests.printed")
    logger.propagate = False
    logger.handlers = [logging.StreamHandler(log)]
    out = io.StringIO()
    try:
        call()
    except BaseException as error:
        logger.exception("failed")
        with contextlib.redirect_stderr(out):
            sys.__excepthook__(type(error), error, error.__traceback__)
    assert out.getvalue()
    return log.getvalue() + out.getvalue()


@pytest.fixture
def failing_functions() -> Any:
    """Bare at first; `wrap()` wraps the functions above where they are, until the test ends."""
    functions = [
        raises, reraises, passes_on, groups, raises_later, gathers, yields_and_raises, async_yields_and_raises,
        managed.__wrapped__,  # type: ignore[attr-defined]
    ]  # fmt: skip
    codes = [function.__code__ for function in functions]

    def wrap() -> None:
        for function in functions:
            span(function)

    yield wrap
    for function, code in zip(functions, codes, strict=True):
        function.__code__ = code


@pytest.mark.parametrize("recorded", [False, True], ids=["alone", "recorded"])
@pytest.mark.parametrize("call", FAILURES)
def test_prints_the_same(
    call: Callable[[], object], recorded: bool, request_: Request, failing_functions: Callable[[], None]
) -> None:
    expected = printed(call)
    failing_functions()
    assert raises.__code__.co_varnames[0] == "depth"
    with request_() if recorded else contextlib.nullcontext():
        for _ in range(25):
            assert printed(call) == expected


def test_the_same_exception_arrives(request_: Request) -> None:
    thrown = Wrong("this one")

    @span
    def throw() -> None:
        raise thrown

    with request_(), pytest.raises(Wrong) as caught:
        throw()
    assert caught.value is thrown
    assert thrown.__context__ is None
    assert vars(thrown) == {}


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError, StopIteration])
def test_what_is_no_error_passes(kind: type[BaseException], request_: Request) -> None:
    thrown = kind()

    @span
    def throw() -> None:
        raise thrown

    with request_(), pytest.raises(kind) as caught:
        throw()
    assert caught.value is thrown
    assert [each.name for each in traceback.extract_tb(caught.tb)] == ["test_what_is_no_error_passes", "throw"]


def test_nothing_is_kept_alive(request_: Request) -> None:
    class Thing:
        pass

    @span
    def use(thing: Thing) -> None:
        raise Wrong(thing)

    with request_():
        thing = Thing()
        alive = weakref.ref(thing)
        gc.disable()
        try:
            with contextlib.suppress(Wrong):
                use(thing)
            del thing
            assert alive() is None, "something holds on to an argument, the exception or its frames"
        finally:
            gc.enable()


@span
def importable(a: int) -> int:
    return a


def test_is_pickled_by_reference() -> None:
    assert pickle.loads(pickle.dumps(importable)) is importable


def test_its_source_is_found() -> None:
    assert inspect.getsource(importable) == "@span\ndef importable(a: int) -> int:\n    return a\n"


def test_defaults_can_be_changed(request_: Request) -> None:
    @span
    def function(a: int = 1, *, b: int = 2) -> tuple[int, int]:
        return a, b

    function.__defaults__ = (10,)
    function.__kwdefaults__["b"] = 20
    with request_():
        assert function() == (10, 20)


def test_names_of_the_module_do_not_matter(request_: Request) -> None:
    module: dict[str, Any] = {"__name__": "odd", "BaseException": 1, "type": 2, "getattr": 3, "current": 4}
    exec("def f(current, site): raise ValueError(current)", module)
    span(module["f"])
    with request_(), pytest.raises(ValueError, match="7"):
        module["f"](7, 8)


def test_abstract_methods_stay_abstract() -> None:
    class Shape(abc.ABC):
        @span
        @abc.abstractmethod
        def area(self) -> float: ...

    assert Shape.__abstractmethods__ == {"area"}
    with pytest.raises(TypeError, match="abstract"):
        Shape()  # type: ignore[abstract]


def test_descriptors_are_told_their_name() -> None:
    told: list[str] = []

    class Named:
        def __init__(self, function: Callable[..., object]) -> None:
            self.function = function

        def __set_name__(self, owner: type, name: str) -> None:
            told.append(name)

    class Owner:
        member = span(Named(lambda self: 1))

    assert told == ["member"]
    assert isinstance(vars(Owner)["member"], Named)


@pytest.mark.parametrize(
    "make",
    [
        lambda f: functools.lru_cache(f),
        lambda f: functools.partial(f, 1),
        lambda f: property(f),
        lambda f: functools.cached_property(f),
        lambda f: functools.singledispatchmethod(f),
        lambda f: unittest.mock.Mock(),
        lambda f: len,
        lambda f: types.SimpleNamespace(),
        lambda f: None.__class__,
    ],
)
def test_what_is_no_function_stays(make: Callable[[Any], Any]) -> None:
    made = make(lambda a: a)
    assert span(made) is made


def test_a_cache_above_still_caches(request_: Request, sent: Any) -> None:
    @functools.lru_cache
    @span
    def square(n: int) -> int:
        return n * n

    with request_():
        assert [square(3), square(3)] == [9, 9]
    assert square.cache_info().hits == 1
    assert len([each for each in sent.spans if each.name.endswith("square")]) == 1


def test_mocks_keep_the_signature() -> None:
    mock = unittest.mock.create_autospec(importable)
    with pytest.raises(TypeError):
        mock()


def test_types_are_found() -> None:
    assert typing.get_type_hints(importable) == {"a": int, "return": int}


def test_recursion(request_: Request, sent: Any) -> None:
    @span
    def factorial(n: int) -> int:
        return n * factorial(n - 1) if n else 1

    with request_():
        assert factorial(5) == 120
    spans = {each.input["n"]: each for each in sent.spans if each.name.endswith("factorial")}
    assert {n: each.output for n, each in spans.items()} == {0: 1, 1: 1, 2: 2, 3: 6, 4: 24, 5: 120}
    assert all(spans[n].parent_id == spans[n + 1].span_id for n in range(5))


def test_wrapping_warns_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        module = made()
        for name in NAMES:
            span(found(module, name))


def test_a_second_span_changes_nothing() -> None:
    @span("one")
    @span
    def function() -> None: ...

    assert look(function)["names"][0] == "function"  # type: ignore[index]
    assert sum(isinstance(const, types.CodeType) for const in function.__code__.co_consts) == 1
