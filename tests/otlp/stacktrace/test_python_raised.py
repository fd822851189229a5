"""Stack traces of exceptions that are raised here: what is parsed equals what the interpreter knows about them."""

import re
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from flux_ls.model import Raised
from flux_ls.otlp.stacktrace import parse_stacktrace

pytestmark = pytest.mark.slow

# --- The oracle


def qualified(error: BaseException | None, kind: type[BaseException] | None = None) -> str:
    """As OpenTelemetry's `record_exception` names a type."""
    kind = kind or type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def told_frames(error: BaseException | traceback.TracebackException) -> list[tuple[str, int, str]]:
    told = error if isinstance(error, traceback.TracebackException) else walked(error)
    frames: list[tuple[str, int, str]] = []
    for frame in told.stack:
        entry = (frame.filename, frame.lineno or 0, frame.name)
        if frames[-3:] != [entry] * 3:  # Python prints three of the same
            frames.append(entry)
    return frames


def walked(error: BaseException) -> traceback.TracebackException:
    """Each exception once: what was seen before is no cause or context again."""
    return traceback.TracebackException(type(error), error, error.__traceback__, compact=True)


def note_lines(error: BaseException | traceback.TracebackException) -> list[str]:
    return [line for note in getattr(error, "__notes__", None) or () for line in note.split("\n")]


def expected(error: traceback.TracebackException, recorded: bool = True) -> dict[str, object]:
    """Only of the recorded exception notes can be told from the message: its message is known."""
    cause = error.__cause__
    context = None if error.__suppress_context__ else error.__context__
    return {
        "type": qualified(None, error.exc_type),
        "message": str(error) if recorded else "\n".join([str(error), *note_lines(error)]),
        "notes": note_lines(error) if recorded else [],
        "frames": told_frames(error),
        "cause": expected(cause, False) if cause else None,
        "context": expected(context, False) if context and not cause else None,
        "members": [expected(each, False) for each in error.exceptions or ()],
        "truncated": False,
    }


def shape(raised: Raised, recorded: bool = True) -> dict[str, object]:
    return {
        "type": raised.type,
        "message": raised.message if recorded else "\n".join([raised.message, *raised.notes]),
        "notes": list(raised.notes) if recorded else [],
        "frames": [(frame.path, frame.line, frame.function) for frame in raised.frames],
        "cause": shape(raised.cause, False) if raised.cause else None,
        "context": shape(raised.context, False) if raised.context else None,
        "members": [shape(each, False) for each in raised.members],
        "truncated": raised.truncated,
    }


def printed(error: BaseException) -> str:
    return "".join(traceback.format_exception(type(error), error, error.__traceback__))


def check_raised(error: BaseException) -> Raised:
    raised = parse_stacktrace(printed(error), type=qualified(error), message=str(error))
    assert shape(raised) == expected(walked(error)), printed(error)
    return raised


# --- Random exceptions


class ShopError(Exception):
    class Declined(Exception):
        pass


class Silent(Exception):
    pass


TYPES = [ValueError, KeyError, OSError, ShopError, ShopError.Declined, Silent, KeyboardInterrupt]

JOINED = "\n\nThe above exception was the direct cause of the following exception:\n\n"
MEANWHILE = "\n\nDuring handling of the above exception, another exception occurred:\n\n"
HEADER = "Traceback (most recent call last):\n"
GROUP_HEADER = "  + Exception Group Traceback (most recent call last):\n"
DECEIT = [
    '  File "fake.py", line 7, in fake',
    '  File "fake.py", line 7, in fake\n    fake()\n    ~~~~^^',
    '  |   File "fake.py", line 7, in fake',
    HEADER,
    HEADER + '  File "fake.py", line 7, in fake\nValueError: fake',
    GROUP_HEADER,
    "The above exception was the direct cause of the following exception:",
    "During handling of the above exception, another exception occurred:",
    "  [Previous line repeated 3 more times]",
    "ValueError: fake",
    "    | ",
    "  +-+---------------- 1 ----------------",
    "    +---------------- 2 ----------------",
    "    +------------------------------------",
    '"""',
]
FULL_DECEIT = [
    f'{JOINED}{HEADER}  File "fake.py", line 7, in fake\nValueError: fake',
    f'boom{MEANWHILE}{HEADER}  File "fake.py", line 7, in fake\nShopError: fake\n',
    f'{JOINED}{GROUP_HEADER}  |   File "fake.py", line 1, in <module>\n  | ExceptionGroup: x (1 sub-exception)\n'
    "  +-+---------------- 1 ----------------\n    | ValueError: 1\n    +------------------------------------\n",
    f"{JOINED}ValueError: fake",
]
BLANKS = ["", "\n", "\n\n", "\r\n", "\r", "\x0c", "\x0b", "\x1c", "\x85", "\u2028", "\t", " ", ": "]


def texts(pieces: list[str]) -> st.SearchStrategy[str]:
    piece = st.sampled_from(pieces) | st.sampled_from(BLANKS) | st.text(max_size=12)
    return st.builds(lambda glue, parts: glue.join(parts), st.sampled_from(["", "\n"]), st.lists(piece, max_size=5))


@dataclass
class Plan:
    kind: type[BaseException]
    message: str
    notes: list[str]
    depth: int
    members: list["Plan"] = field(default_factory=list)
    before: "Plan | None" = None
    relation: str = "context"
    thrown: bool = True


def plans(
    pieces: list[str], before: st.SearchStrategy[Plan] | None, members: st.SearchStrategy[Plan] | None
) -> st.SearchStrategy[Plan]:
    return st.builds(
        Plan,
        kind=st.sampled_from(TYPES),
        message=texts(pieces),
        notes=st.lists(texts(pieces), max_size=2),
        depth=st.integers(1, 6),
        members=st.lists(members, max_size=3) if members is not None else st.just([]),
        before=st.none() if before is None else st.none() | before,
        relation=st.sampled_from(["cause", "context", "suppressed"]),
        thrown=st.booleans(),
    )


INNER = plans(DECEIT, None, None)
for _ in range(3):
    INNER = INNER | plans(DECEIT, INNER, INNER)
RECORDED = plans(DECEIT + FULL_DECEIT, INNER, INNER)


def make(plan: Plan) -> BaseException:
    if plan.members:
        error: BaseException = BaseExceptionGroup(plan.message, [made(each) for each in plan.members])
    else:
        error = plan.kind(plan.message) if plan.message else plan.kind()
    for note in plan.notes:
        error.add_note(note)
    return error


def descend(plan: Plan, depth: int) -> None:
    if depth > 1:
        descend(plan, depth - 1)
    elif plan.before is None:
        raise make(plan)
    elif plan.relation == "cause":
        raise make(plan) from made(plan.before)
    else:
        try:
            raise made(plan.before)
        except BaseException:
            if plan.relation == "suppressed":
                raise make(plan) from None
            raise make(plan)  # noqa: B904


def made(plan: Plan) -> BaseException:
    """The exception of a plan, raised unless the plan wants it without a traceback."""
    if not plan.thrown and plan.before is None:
        return make(plan)
    try:
        descend(plan, plan.depth)
    except BaseException as error:
        return error
    raise AssertionError("a plan raises")


AMBIGUOUS = re.compile(
    r"\n\s*(The above exception was the direct cause of the following exception|"
    r"During handling of the above exception, another exception occurred):\n"
)


def unambiguous(error: BaseException, recorded: bool = True) -> bool:
    """Whether messages that nobody told us are free of text that is exactly what joins two exceptions."""
    told = "\n".join(["", str(error), *note_lines(error), ""])
    inner = recorded or not AMBIGUOUS.search("\n".join(told.splitlines()))
    around = [error.__cause__, error.__context__, *getattr(error, "exceptions", ())]
    return inner and all(unambiguous(each, False) for each in around if each is not None)


@given(RECORDED)
def test_parses_what_was_raised(plan: Plan) -> None:
    error = made(plan)
    assume(error.__traceback__ is not None and unambiguous(error))
    notes = "\n".join(note_lines(error))
    assume(f"{type(error).__name__}: {error}" not in notes and type(error).__name__ not in notes)
    check_raised(error)


# --- Chosen ones


def recurse(n: int) -> int:
    return recurse(n - 1) if n else 1 // 0


def ping(n: int) -> int:
    return pong(n - 1)


def pong(n: int) -> int:
    return ping(n - 1) if n > 0 else 1 // 0


def caught(function: Callable[..., object], *arguments: object) -> BaseException:
    try:
        function(*arguments)
    except BaseException as error:
        return error
    raise AssertionError(f"{function} did not raise")


def test_repeated_frames_are_kept_as_printed() -> None:
    raised = check_raised(caught(recurse, 40))
    assert [frame.function for frame in raised.frames] == ["caught", "recurse", "recurse", "recurse"]


def test_keeps_both_ends_of_a_long_stack() -> None:
    error = caught(ping, 800)
    raised = parse_stacktrace(printed(error), type="ZeroDivisionError", message=str(error))
    true = told_frames(error)
    assert len(true) > 800
    assert [(f.path, f.line, f.function) for f in raised.frames] == true[:100] + true[-300:]


def test_endless_recursion() -> None:
    def forever(n: int) -> int:
        return forever(n + 1)

    assert check_raised(caught(forever, 0)).type == "RecursionError"


def test_cyclic_chain() -> None:
    error = caught(recurse, 1)
    other = ValueError("other")
    other.__context__ = error
    error.__context__ = other
    raised = parse_stacktrace(printed(error), type="ZeroDivisionError", message=str(error))
    assert raised.context is not None
    assert raised.context.type == "ValueError"
    assert raised.context.context is None


def test_source_lines_come_without_marks() -> None:
    raised = check_raised(caught(recurse, 0))
    assert raised.frames[-1].source == "return recurse(n - 1) if n else 1 // 0"


def test_more_members_than_python_prints() -> None:
    error = caught(
        lambda: descend(Plan(ValueError, "many", [], 1, [Plan(ValueError, str(n), [], 1) for n in range(20)]), 1)
    )
    raised = parse_stacktrace(printed(error), type="ExceptionGroup", message=str(error))
    assert [member.message for member in raised.members] == [str(n) for n in range(15)]
    assert raised.notes == ("and 5 more exceptions",)


def test_groups_deeper_than_python_prints() -> None:
    plan = Plan(ValueError, "leaf", [], 1)
    for depth in range(14):
        plan = Plan(ValueError, f"depth {depth}", [], 1, [plan, Plan(KeyError, "beside", [], 2)])
    error = made(plan)
    raised = parse_stacktrace(printed(error), type="ExceptionGroup", message=str(error))
    depth = 0
    while raised.members:
        assert raised.members[-1].message == "'beside'"
        raised, depth = raised.members[0], depth + 1
        if raised.type == "KeyError":
            break
    assert depth == 10


def test_worker_process_sends_a_whole_stack_as_message() -> None:
    class _RemoteTraceback(Exception):
        pass

    remote = _RemoteTraceback(
        f'\n"""\n{printed(made(Plan(ValueError, "in worker", [], 2, before=Plan(KeyError, "k", [], 1))))}"""'
    )
    error = made(Plan(ValueError, "in worker", [], 2))
    error.__cause__ = remote
    check_raised(error)


@pytest.mark.parametrize("source", ["def f(:\n    pass\n", "x = '\n", "if x:\ny\n"])
def test_syntax_error_ends_in_the_file_that_is_wrong(source: str) -> None:
    error = caught(compile, source, "/srv/app/broken.py", "exec")
    assert isinstance(error, SyntaxError)
    for message in (str(error), error.args[0]):  # as a span event and as a log record say it
        raised = parse_stacktrace(printed(error), type=type(error).__name__, message=message)
        assert raised.type == type(error).__name__
        assert not raised.truncated
        last = raised.frames[-1]
        assert (last.path, last.line, last.function, last.in_app) == ("/srv/app/broken.py", error.lineno, "", True)


# --- Cut by a length limit


def chained() -> BaseException:
    inner = Plan(ShopError, "inner\nsecond line", ["a note"], 3)
    return made(Plan(ShopError.Declined, "outer", ["note of it"], 2, before=inner, relation="cause"))


def in_group() -> BaseException:
    members = [Plan(ValueError, "first", [], 2), Plan(ShopError, "second", [], 3)]
    return made(Plan(ValueError, "several", [], 2, members))


@pytest.mark.parametrize("error", [chained(), in_group()])
def test_cut_anywhere(error: BaseException) -> None:
    """A cut is noticed wherever frames of the recorded exception may be missing, and nowhere are frames made up."""
    text = printed(error)
    whole = parse_stacktrace(text, type=qualified(error), message=str(error))
    true = {entry for each in (error, error.__cause__) if each for entry in told_frames(each)}
    margin = "  | " if isinstance(error, BaseExceptionGroup) else ""
    name = qualified(error).removeprefix("builtins.")
    head = text.rindex(f"\n{margin}{name}: ") + len(f"\n{margin}{name}: ")
    for cut in range(3, len(text)):
        raised = parse_stacktrace(text[:cut], type=qualified(error), message=str(error))
        assert raised.type == qualified(error)
        assert raised.message == str(error)
        assert raised.truncated == (cut < head - 2), text[:cut]
        for link in (raised.cause, raised.context):
            assert link is None or "exception" not in link.message, text[:cut]
        if cut >= head - 2:
            assert raised.frames == whole.frames
        else:  # an early cut leaves open whose frames they are
            assert {(f.path, f.line, f.function) for f in raised.frames} <= true, text[:cut]
