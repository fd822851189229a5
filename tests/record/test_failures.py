"""The variables that are recorded of a failure."""

import contextlib
import gc
import importlib.util
import json
import sys
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flux_ls.record import failures, wire
from flux_ls.record.failures.frames import MOST_FRAMES
from flux_ls.record.functions import span
from flux_ls.record.opened import open_recording
from tests.record.sent import Sent, recorder

ME = __file__


@pytest.fixture
def sent() -> Iterator[Sent]:
    with recorder() as sent:
        yield sent


def seen(function: Callable[[], object], times: int = 1) -> None:
    """Runs the function as a request whose server sees what it raises."""
    opened = open_recording("request")
    try:
        function()
    except BaseException as error:
        for _ in range(times):
            failures.saw(error, opened.recording.root_id)
    opened.close("failed")


def locals_of(sent: Sent, name: str = "request") -> list[dict[str, Any]]:
    [root] = [each for each in sent.spans if each.name == name]
    return root.locals or []


def variables(frames: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    return [(each["function"].rpartition(".")[2], each["locals"]) for each in frames]


def pay(order: dict[str, object], card_number: str) -> None:
    import decimal  # noqa: F401
    from json import loads  # noqa: F401

    amount = order["amount"]

    def local() -> None: ...

    alias = local  # noqa: F841
    raise TimeoutError(f"paying {amount}")


def checkout(user: str) -> None:
    order = {"amount": 29, "password": "hunter2"}
    pay(order, card_number="4111111111111111")


def test_variables_of_each_frame(sent: Sent) -> None:
    seen(lambda: checkout("ann"))
    frames = locals_of(sent)[-2:]
    order = {"amount": 29, "password": "[redacted]"}
    checked, paid = variables(frames)
    assert checked == ("checkout", {"user": "ann", "order": order})
    alias = {"$type": "function", "$repr": "tests.record.test_failures.pay.<locals>.local"}
    assert paid == ("pay", {"order": order, "card_number": "[redacted]", "amount": 29, "alias": alias})
    assert [each["path"] for each in frames] == [ME, ME]
    lines = Path(ME).read_text().splitlines()
    assert [lines[each["line"] - 1].strip().partition("(")[0] for each in frames] == ["pay", "raise TimeoutError"]


def test_once_for_each_exception(sent: Sent) -> None:
    seen(lambda: checkout("ann"), times=3)
    assert [name for name, _ in variables(locals_of(sent))].count("pay") == 1


def test_only_own_code(sent: Sent) -> None:
    def parse(text: str) -> None:
        json.loads(text)

    seen(lambda: parse("{"))
    assert [name for name, _ in variables(locals_of(sent))][-1] == "parse"
    assert all(each["path"] == ME for each in locals_of(sent))


def test_the_innermost_frames_of_a_deep_stack(sent: Sent) -> None:
    def down(n: int) -> None:
        if n == 0:
            raise ValueError
        down(n - 1)

    seen(lambda: down(100))
    assert [each["locals"]["n"] for each in locals_of(sent)] == list(reversed(range(MOST_FRAMES)))


def test_endless_recursion(sent: Sent) -> None:
    def endless(n: int) -> None:
        endless(n + 1)

    seen(lambda: endless(0))
    assert len(locals_of(sent)) == MOST_FRAMES


def cause() -> None:
    first = 1  # noqa: F841
    raise KeyError("first")


def effect() -> None:
    second = 2  # noqa: F841
    try:
        cause()
    except KeyError as error:
        raise ValueError("second") from error


def context() -> None:
    third = 3  # noqa: F841
    try:
        cause()
    except KeyError:
        raise ValueError("third")  # noqa: B904


def unrelated() -> None:
    fourth = 4  # noqa: F841
    try:
        cause()
    except KeyError:
        raise ValueError("fourth") from None


def group() -> None:
    errors: list[Exception] = []
    for function in (cause, unrelated):
        try:
            function()
        except Exception as error:
            errors.append(error)
    raise ExceptionGroup("both", errors)


def circle() -> None:
    one, two = ValueError("one"), KeyError("two")
    one.__cause__, two.__cause__ = two, one
    raise one


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (effect, ["effect", "effect", "cause"]),
        (context, ["context", "context", "cause"]),
        (unrelated, ["unrelated"]),
        (group, ["group", "group", "cause", "group", "unrelated"]),
        (circle, ["circle"]),
    ],
)
def test_what_led_to_it(function: Callable[[], None], expected: list[str], sent: Sent) -> None:
    seen(function)
    found = [name for name, _ in variables(locals_of(sent))]
    assert found[found.index(expected[0]) :] == expected


def test_each_span_tells_the_frames_that_no_other_has_told(sent: Sent) -> None:
    inner = span("inner")(lambda a: checkout(a))

    @span("outer")
    def outer(b: str) -> None:
        inner(b)

    seen(lambda: outer("ann"))
    assert [name for name, _ in variables(locals_of(sent, "inner"))] == ["<lambda>", "checkout", "pay"]
    [(name, told)] = variables(locals_of(sent, "outer"))
    assert (name, told["b"]) == ("outer", "ann")
    assert "outer" not in [name for name, _ in variables(locals_of(sent))]


def test_an_exception_that_is_raised_again_elsewhere(sent: Sent) -> None:
    @span("inner")
    def inner() -> None:
        raise ValueError

    def request() -> None:
        kept: list[Exception] = []
        try:
            inner()
        except ValueError as error:
            kept.append(error)
        raise kept[0]

    seen(request)
    assert [name for name, _ in variables(locals_of(sent, "inner"))] == ["inner"]
    assert "request" in [name for name, _ in variables(locals_of(sent))]


def test_what_leaves_the_request_is_told_after_many_that_did_not(sent: Sent) -> None:
    @span("attempt")
    def attempt(n: int) -> None:
        raise TimeoutError(n)

    def request() -> None:
        for n in range(100):
            with contextlib.suppress(TimeoutError):
                attempt(n)
        attempt(100)

    seen(request)
    attempts = [each for each in sent.spans if each.name == "attempt"]
    assert sum(each.locals is not None for each in attempts) == 8
    assert ("attempt", {"n": 100}) in variables(locals_of(sent))


def test_nothing_is_kept_alive(sent: Sent) -> None:
    class Thing: ...

    alive: list[weakref.ref[Thing]] = []

    class Own(Exception): ...

    def fail(kind: type[Exception]) -> None:
        thing = Thing()
        alive.append(weakref.ref(thing))
        raise kind

    opened = open_recording("request")
    gc.disable()
    try:
        for kind in (ValueError, Own):
            try:
                fail(kind)
            except Exception as error:
                failures.saw(error, opened.recording.root_id)
        assert [each() for each in alive] == [None, None]
    finally:
        gc.enable()
        opened.close()


def test_looking_changes_nothing(sent: Sent) -> None:
    class Lazy:
        looked = 0

        @property
        def field(self) -> int:
            Lazy.looked += 1
            return 1

        def __repr__(self) -> str:
            Lazy.looked += 1
            return ""

        def __bool__(self) -> bool:
            Lazy.looked += 1
            return True

    errors: list[Exception] = []

    def fail() -> None:
        lazy = Lazy()  # noqa: F841
        error = ValueError("x")
        errors.append(error)
        raise error

    seen(fail)
    assert Lazy.looked == 0
    assert vars(errors[0]) == {}
    assert errors[0].__context__ is errors[0].__cause__ is None


def test_a_script_s_own_variables(tmp_path: Path, sent: Sent) -> None:
    file = tmp_path / "job.py"
    file.write_text(
        "import json\nfrom json import loads\nrows = [1]\ndef f(): ...\nclass C: ...\nsecret = 'x'\nrows[2]\n"
    )
    spec = importlib.util.spec_from_file_location("job", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    seen(lambda: spec.loader.exec_module(module))  # type: ignore[union-attr]
    assert locals_of(sent)[-1] == {
        "path": str(file),
        "line": 7,
        "function": "<module>",
        "locals": {"rows": [1], "secret": "[redacted]"},
    }


def test_very_many_variables(sent: Sent) -> None:
    names: dict[str, Any] = {"ValueError": ValueError}
    source = "def many(first):\n" + "".join(f"    v{n} = {n}\n" for n in range(200)) + "    raise ValueError\n"
    exec(compile(source, ME, "exec"), names)
    seen(lambda: names["many"](0))
    frame = locals_of(sent)[-1]["locals"]
    assert len(frame) == 41
    assert frame["first"] == 0
    assert frame[wire.MORE] == 161


def test_without_a_request() -> None:
    with pytest.raises(TimeoutError) as caught:
        checkout("ann")
    failures.saw(caught.value)
    assert vars(caught.value) == {}


def test_under_the_span_that_runs(sent: Sent) -> None:
    tracer = sent.provider.get_tracer("tests")
    with tracer.start_as_current_span("request"), tracer.start_as_current_span("inside"):
        try:
            checkout("ann")
        except TimeoutError as error:
            failures.saw(error)
    assert [name for name, _ in variables(locals_of(sent, "inside"))][-1] == "pay"


def test_a_debugger_sees_no_frame_of_ours() -> None:
    @span
    def look() -> list[str]:
        frame: Any = sys._getframe()
        files = []
        while frame is not None:
            files.append(frame.f_code.co_filename)
            frame = frame.f_back
        return files

    assert not [file for file in look() if "flux_ls/record" in file]
