"""Which calls are kept, and what is told of those that fail."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from werkzeug.exceptions import InternalServerError, NotFound

from flux_ls.record import settings, wire
from flux_ls.record.functions import calls, span
from tests.record.functions.conftest import Request
from tests.record.sent import Sent

HERE = "tests.record.functions.test_calls"


@span
def double(n: int) -> int:
    if n < 0:
        raise ValueError(f"no {n}")
    return 2 * n


def omitted(sent: Sent) -> object:
    return json.loads(sent.one("request").attributes[wire.OMITTED_CALLS])


@pytest.fixture
def keeping() -> Iterator[Callable[..., None]]:
    before = settings.in_force()

    def keep(**given: Any) -> None:
        settings.put_in_force(replace(before, **given))
        calls.configure()

    yield keep
    keep()


def test_calls_beyond_the_cap_are_counted(request_: Request, sent: Sent, keeping: Callable[..., None]) -> None:
    keeping(record_calls=3)
    with request_():
        for n in range(10):
            assert double(n) == 2 * n
    assert [each.input["n"] for each in sent.spans if each.name == "double"] == [0, 1, 2]
    assert omitted(sent) == {f"{HERE}.double": 7}


def test_the_cap_is_of_each_request(request_: Request, sent: Sent, keeping: Callable[..., None]) -> None:
    keeping(record_calls=1)
    for n in range(3):
        with request_():
            double(n)
    assert [each.input["n"] for each in sent.spans if each.name == "double"] == [0, 1, 2]


def test_no_calls_are_kept_on_request(request_: Request, sent: Sent, keeping: Callable[..., None]) -> None:
    keeping(record_calls=0)
    with request_():
        double(1)
    assert [each.name for each in sent.spans] == ["request"]
    assert omitted(sent) == {f"{HERE}.double": 1}


def test_failing_calls_are_kept_beyond_the_cap(request_: Request, sent: Sent, keeping: Callable[..., None]) -> None:
    keeping(record_calls=2)
    with request_():
        for n in range(5):
            double(n)
        started = time.time_ns()
        for _ in range(calls.MOST_FAILED + 5):
            with pytest.raises(ValueError, match="no -1"):
                double(-1)
    failing = [each for each in sent.spans if each.error]
    assert len(failing) == calls.MOST_FAILED
    assert all(each.input == {"n": -1} and each.start_ns >= started for each in failing)
    assert omitted(sent) == {f"{HERE}.double": 3 + 5}


@span
def outer(n: int) -> int:
    return middle(n)


def middle(n: int) -> int:
    try:
        return double(n)
    except ValueError:
        if n == -2:
            raise KeyError("instead") from None
        raise


def test_a_failure_is_told_from_the_inside_out(request_: Request, sent: Sent) -> None:
    with request_() as recording, pytest.raises(ValueError, match="no -1"):
        outer(-1)
    assert recording.failed
    inner, outside = sent.one("double"), sent.one("outer")
    assert inner.parent_id == outside.span_id
    assert inner.error == outside.error == "ValueError: no -1"
    assert inner.output is outside.output is None
    [told], [told_again] = inner.exceptions, outside.exceptions
    assert told["exception.type"] == "ValueError"
    assert told["exception.message"] == "no -1"
    stack = told["exception.stacktrace"]
    assert stack.startswith("Traceback (most recent call last):\n")
    assert stack.endswith("ValueError: no -1\n")
    assert "flux_ls" not in stack
    assert told_again == {"exception.type": "ValueError", "exception.message": "no -1"}


def test_another_exception_is_told_anew(request_: Request, sent: Sent) -> None:
    with request_(), pytest.raises(KeyError):
        outer(-2)
    assert [each["exception.type"] for each in sent.one("double").exceptions] == ["ValueError"]
    [told] = sent.one("outer").exceptions
    assert "middle" in told["exception.stacktrace"]


def test_every_attempt_is_told(request_: Request, sent: Sent) -> None:
    """Exceptions that follow each other tend to live at one address."""

    @span("attempt")
    def attempt() -> None:
        raise TimeoutError("late")

    @span("retry")
    def retry() -> None:
        for _ in range(4):
            try:
                attempt()
            except TimeoutError:
                continue
        attempt()

    with request_(), pytest.raises(TimeoutError):
        retry()
    assert ["exception.stacktrace" in each.exceptions[0] for each in sent.spans if each.name == "attempt"] == [True] * 5
    assert "exception.stacktrace" not in sent.one("retry").exceptions[0]


class Own(Exception):
    class Inner(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")


@pytest.mark.parametrize(
    ("error", "type_", "message", "line"),
    [
        (ValueError(), "ValueError", "", "ValueError"),
        (KeyError("k"), "KeyError", "'k'", "KeyError: 'k'"),
        (Own("two\nlines"), f"{HERE}.Own", "two\nlines", "Own: two"),
        (
            Own.Inner(),
            f"{HERE}.Own.Inner",
            "<the message cannot be read: RuntimeError>",
            "Inner: <the message cannot be read: RuntimeError>",
        ),
        (OSError("password=hunter2"), "OSError", "password=[redacted]", "OSError: password=[redacted]"),
        (InternalServerError("x"), "werkzeug.exceptions.InternalServerError", ..., ...),
    ],
)
def test_how_an_exception_is_told(
    error: Exception, type_: str, message: object, line: object, request_: Request, sent: Sent
) -> None:
    @span("fails")
    def fails() -> None:
        raise error

    with request_(), pytest.raises(type(error)):
        fails()
    found = sent.one("fails")
    [told] = found.exceptions
    assert told["exception.type"] == type_
    if message is not ...:
        assert told["exception.message"] == message
        assert found.error == line
    assert "hunter2" not in str(found)


@pytest.mark.parametrize(
    ("error", "type_"),
    [
        (NotFound(), "werkzeug.exceptions.NotFound"),
        (SystemExit(1), "SystemExit"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (StopIteration(), "StopIteration"),
    ],
)
def test_what_is_no_failure(error: BaseException, type_: str, request_: Request, sent: Sent) -> None:
    @span("ends")
    def ends() -> None:
        raise error

    with request_() as recording:
        with pytest.raises(type(error)):
            ends()
        assert not recording.failed
    found = sent.one("ends")
    assert (found.error, found.exceptions) == (None, [])
    assert found.attributes["error.type"] == type_
    assert wire.OUTPUT not in found.attributes


def test_a_huge_message_is_cut(request_: Request, sent: Sent) -> None:
    @span("fails")
    def fails() -> None:
        raise ValueError("x" * 50_000_000)

    with request_(), pytest.raises(ValueError, match="x"):
        fails()
    assert len(str(sent.one("fails"))) < 100_000


@pytest.mark.parametrize(
    ("name", "value", "recorded"),
    [
        ("get_api_key", "k-123", "[redacted]"),
        ("get_api_key", {"key": "k-123"}, "[redacted]"),
        ("check_password", True, True),
        ("password", None, None),
        ("get_author", "Ann", "Ann"),
    ],
)
def test_outputs_of_functions_that_give_secrets(
    name: str, value: object, recorded: object, request_: Request, sent: Sent
) -> None:
    module: dict[str, Any] = {"__name__": "secrets", "value": value}
    exec(f"def {name}(): return value", module)
    span(module[name])
    with request_():
        assert module[name]() == value
    assert sent.one(name).output == recorded


def test_sdk_spans_are_inside_the_call_that_runs(request_: Request, sent: Sent) -> None:
    tracer = sent.provider.get_tracer("tests")

    @span("leaf")
    def leaf() -> None: ...

    @span("calls")
    def makes_a_span() -> None:
        with tracer.start_as_current_span("sdk"):
            leaf()

    with request_():
        makes_a_span()
        leaf()
    inside, outside = (each for each in sent.spans if each.name == "leaf")
    assert sent.one("sdk").parent_id == sent.one("calls").span_id
    assert inside.parent_id == sent.one("sdk").span_id
    assert outside.parent_id == sent.one("request").span_id


def test_nothing_is_recorded_outside_of_a_request(sent: Sent) -> None:
    assert double(2) == 4
    assert sent.spans == []


@pytest.mark.parametrize("broken", ["begin", "returned", "failed"])
def test_the_application_does_not_notice_what_fails_here(
    broken: str, request_: Request, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("ours")

    monkeypatch.setattr(calls, {"begin": "snapshot_items", "returned": "snapshot", "failed": "MadeEvent"}[broken], fail)
    with request_():
        assert double(2) == 4
        with pytest.raises(ValueError, match="no -1"):
            double(-1)
