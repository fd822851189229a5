"""Generators behave as they do alone, whatever is sent, thrown or closed; what they yield is recorded."""

import asyncio
import contextlib
import gc
import inspect
import traceback
from collections.abc import Callable, Generator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flux_ls.record import wire
from flux_ls.record.functions import span
from flux_ls.record.opened import open_recording
from tests.record.functions.conftest import Request
from tests.record.sent import Sent, recorder

GENERATORS = """
def plain(log):
    for each in range(3):
        log.append((yield each))
    return "end"
def catches(log):
    while True:
        try:
            log.append((yield len(log)))
        except KeyError as error:
            log.append(repr(error))
        except GeneratorExit:
            log.append("closed")
            raise
def catches_all(log):
    for each in range(4):
        try:
            log.append((yield each))
        except Exception as error:
            log.append((repr(error), repr(error.__context__)))
    raise OSError("after all")
def returns_when_closed(log):
    try:
        yield 1
    except GeneratorExit:
        return 2
def cleans_up(log):
    try:
        yield 1
        yield 2
    finally:
        log.append("clean")
def raises(log):
    yield 1
    raise ValueError("here")
def raises_stop(log):
    yield 1
    raise StopIteration("here")
def delegates(log):
    log.append((yield from catches_all(log)))
def changes(log):
    try:
        yield 1
    except KeyError as error:
        raise OSError("instead") from error
"""
ASYNC_GENERATORS = (
    GENERATORS.replace("def ", "async def ")
    .replace('    return "end"\n', "")
    .replace("        return 2\n", "        return\n")
    .replace("StopIteration(", "StopAsyncIteration(")
    .replace(
        "    log.append((yield from catches_all(log)))",
        "    async for each in catches_all(log):\n        log.append((yield each))",
    )
)
NAMES = [line.split()[1].partition("(")[0] for line in GENERATORS.splitlines() if line.startswith("def ")]

THROWN = [KeyError("k"), RuntimeError("r"), StopIteration("s"), GeneratorExit()]
Step = tuple[str, Any]
steps = st.lists(
    st.one_of(
        st.tuples(st.just("next"), st.none()),
        st.tuples(st.just("send"), st.integers(0, 9)),
        st.tuples(
            st.just("throw"), st.sampled_from([KeyError("k"), RuntimeError("r"), StopIteration("s"), GeneratorExit()])
        ),
        st.tuples(st.just("close"), st.none()),
    ),
    max_size=7,
)


def made(source: str, record: bool) -> dict[str, Any]:
    module: dict[str, Any] = {"__name__": "generators"}
    exec(compile(source, "/app/generators.py", "exec"), module)
    if record:
        for name in NAMES:
            span(module[name])
    return module


def told(error: BaseException) -> list[object]:
    """What is to be seen of an exception: also where it has been."""
    return [
        repr(error),
        repr(error.__cause__),
        repr(error.__context__),
        [(each.name, each.lineno) for each in traceback.extract_tb(error.__traceback__) if each.name in NAMES],
    ]


def again(error: BaseException) -> BaseException:
    return type(error)(*error.args)


def run(function: Callable[[list[object]], Generator[Any, Any, Any]], plan: list[Step]) -> list[object]:
    log: list[object] = []
    generator = function(log)
    states: list[object] = []
    for what, value in plan:
        try:
            if what == "next":
                got = next(generator)
            elif what == "send":
                got = generator.send(value)
            elif what == "throw":
                got = generator.throw(again(value))
            else:
                got = generator.close()
        except BaseException as error:
            got = told(error)
        states.append((got, inspect.getgeneratorstate(generator)))
    with contextlib.suppress(RuntimeError):
        generator.close()
    return [states, log]


async def run_async(function: Callable[[list[object]], Any], plan: list[Step]) -> list[object]:
    log: list[object] = []
    generator = function(log)
    states: list[object] = []
    for what, value in plan:
        try:
            if what == "next":
                got = await anext(generator)
            elif what == "send":
                got = await generator.asend(value)
            elif what == "throw":
                got = await generator.athrow(again(value))
            else:
                got = await generator.aclose()
        except BaseException as error:
            got = told(error)
        states.append(got)
    with contextlib.suppress(RuntimeError):
        await generator.aclose()
    return [states, log]


@pytest.mark.parametrize("name", NAMES)
@given(plan=steps)
def test_behave_as_alone(name: str, plan: list[Step]) -> None:
    expected = run(made(GENERATORS, record=False)[name], plan)
    recorded = made(GENERATORS, record=True)[name]
    assert run(recorded, plan) == expected
    with recorder():
        opened = open_recording("a request")
        try:
            assert run(recorded, plan) == expected
        finally:
            opened.close()


@pytest.mark.parametrize("name", NAMES)
@given(plan=steps)
def test_async_ones_behave_as_alone(name: str, plan: list[Step]) -> None:
    expected = asyncio.run(run_async(made(ASYNC_GENERATORS, record=False)[name], plan))
    recorded = made(ASYNC_GENERATORS, record=True)[name]
    assert asyncio.run(run_async(recorded, plan)) == expected
    with recorder():
        opened = open_recording("a request")
        try:
            assert asyncio.run(run_async(recorded, plan)) == expected
        finally:
            opened.close()


@pytest.mark.parametrize("recorded", [False, True])
def test_one_that_ignores_being_closed(recorded: bool, request_: Request) -> None:
    @span
    def ignores_close() -> Generator[int, None, None]:
        try:
            yield 1
        except GeneratorExit:
            yield 2

    with request_() if recorded else contextlib.nullcontext():
        generator = ignores_close()
        assert next(generator) == 1
        with pytest.raises(RuntimeError, match="generator ignored GeneratorExit"):
            generator.close()
        assert inspect.getgeneratorstate(generator) == "GEN_SUSPENDED"
        assert next(generator, "end") == "end"


@span
def numbers(n: int) -> Generator[int, str, str]:
    yield from range(n)
    return "end"


@span
async def async_numbers(n: int) -> Any:
    for each in range(n):
        yield each


async def _all(values: Any) -> list[object]:
    return [each async for each in values]


@pytest.mark.parametrize(
    ("consume", "output"),
    [
        (lambda: list(numbers(0)), []),
        (lambda: list(numbers(3)), [0, 1, 2]),
        (lambda: list(numbers(1000)), [*range(20), {wire.MORE: 980}]),
        (lambda: next(numbers(5)), [0]),
        (lambda: asyncio.run(_all(async_numbers(0))), []),
        (lambda: asyncio.run(_all(async_numbers(3))), [0, 1, 2]),
        (lambda: asyncio.run(_all(async_numbers(1000))), [*range(20), {wire.MORE: 980}]),
    ],
)
def test_output(consume: Callable[[], object], output: object, request_: Request, sent: Sent) -> None:
    with request_():
        consume()
        gc.collect()
    found = sent.one(next(each.name for each in sent.spans if each.name.endswith("numbers")))
    assert found.output == output
    assert found.error is None


def test_what_was_yielded_before_it_failed(request_: Request, sent: Sent) -> None:
    @span("fails")
    def fails() -> Generator[int, None, None]:
        yield 1
        raise OSError("then")

    with request_(), pytest.raises(OSError, match="then"):
        list(fails())
    found = sent.one("fails")
    assert (found.output, found.error) == ([1], "OSError: then")


def test_the_consumer_is_not_inside(request_: Request, sent: Sent) -> None:
    @span("inner")
    def inner() -> None: ...

    @span("work")
    def work() -> None: ...

    @span("source")
    def source() -> Generator[int, None, None]:
        inner()
        yield 1
        inner()

    with request_():
        for _ in source():
            work()
    generator, consumer = sent.one("source"), sent.one("work")
    assert consumer.parent_id == sent.one("request").span_id == generator.parent_id
    assert [each.parent_id for each in sent.spans if each.name == "inner"] == [generator.span_id] * 2


def test_interleaved_and_left_unfinished(request_: Request, sent: Sent) -> None:
    @span("after")
    def after() -> None: ...

    with request_():
        first, second = numbers(3), numbers(3)
        assert [next(first), next(second), next(first), next(second)] == [0, 0, 1, 1]
        first.close()
        del second
        gc.collect()
        after()
    assert sent.one("after").parent_id == sent.one("request").span_id
    assert [each.output for each in sent.spans if each.name == "numbers"] == [[0, 1], [0, 1]]


def test_context_managers(request_: Request, sent: Sent) -> None:
    @contextlib.contextmanager
    @span("opened")
    def opened(name: str) -> Generator[str, None, None]:
        try:
            yield name
        except KeyError:
            raise OSError("instead") from None

    with request_():
        with opened("a") as name:
            assert name == "a"
        with pytest.raises(ValueError, match="through"), opened("b"):
            raise ValueError("through")
        with pytest.raises(OSError, match="instead"), opened("c"):
            raise KeyError("in")
    found = {each.input["name"]: each.error for each in sent.spans if each.name == "opened"}
    assert found == {"a": None, "b": "ValueError: through", "c": "OSError: instead"}


def test_cancelled(request_: Request, sent: Sent) -> None:
    @span("waits")
    async def waits() -> None:
        await asyncio.sleep(30)

    async def main() -> None:
        task: asyncio.Task[None] = asyncio.ensure_future(waits())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()

    with request_():
        asyncio.run(main())
    found = sent.one("waits")
    assert (found.error, found.exceptions, found.output) == (None, [], None)
    assert found.attributes["error.type"] == "asyncio.exceptions.CancelledError"


def test_tasks_side_by_side(request_: Request, sent: Sent) -> None:
    @span("leaf")
    async def leaf(n: int) -> int:
        await asyncio.sleep(0)
        return n

    @span("branch")
    async def branch(n: int) -> int:
        await asyncio.sleep(0.001 * (3 - n))
        return await leaf(n)

    async def main() -> list[int]:
        return await asyncio.gather(*(branch(n) for n in range(3)))

    with request_():
        assert asyncio.run(main()) == [0, 1, 2]
    branches = {each.span_id: each.input["n"] for each in sent.spans if each.name == "branch"}
    assert {branches[each.parent_id or ""]: each.output for each in sent.spans if each.name == "leaf"} == {
        0: 0,
        1: 1,
        2: 2,
    }


def test_an_unawaited_coroutine_warns_as_ever(request_: Request) -> None:
    @span
    async def forgotten() -> None: ...

    def forget() -> None:
        forgotten()
        gc.collect()

    with request_(), pytest.warns(RuntimeWarning, match=r"forgotten' was never awaited") as caught:
        forget()
    assert len(caught) == 1
