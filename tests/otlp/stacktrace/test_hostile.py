"""Any text gives some answer, soon, and of bounded size."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flux_ls.model import Language, Raised
from flux_ls.otlp import stacktrace
from flux_ls.otlp.stacktrace import InAppRule, parse_stacktrace, python_blocks
from flux_ls.otlp.stacktrace.kept import (
    EXCEPTIONS_KEPT,
    FRAMES_KEPT_INNER,
    FRAMES_KEPT_OUTER,
    LINKS_KEPT_INNER,
    LINKS_KEPT_OUTER,
    READ_LENGTH,
)
from flux_ls.otlp.stacktrace.python_blocks import Parser

pytestmark = pytest.mark.slow

LANGUAGES: list[Language | None] = [None, "python", "javascript", "go", "java"]

PIECES = [
    "Traceback (most recent call last):",
    '  File "/srv/a.py", line 3, in f',
    '  File "/srv/a.py", line 99999999999999999999',
    "    f()",
    "    ~~^^",
    "  [Previous line repeated 3 more times]",
    "ValueError: x",
    "ValueError",
    "The above exception was the direct cause of the following exception:",
    "During handling of the above exception, another exception occurred:",
    "  + Exception Group Traceback (most recent call last):",
    '  |   File "/srv/a.py", line 3, in f',
    "  | ExceptionGroup: x (2 sub-exceptions)",
    "  +-+---------------- 1 ----------------",
    "    | ValueError: x",
    "    +---------------- 2 ----------------",
    "    +---------------- ... ----------------",
    "    | ExceptionGroup: y (1 sub-exception)",
    "    +-+---------------- 1 ----------------",
    "      +------------------------------------",
    "    at f (/srv/a.js:1:2)",
    "    at f (/srv/a.js:1:2) {",
    "  [cause]: Error: x",
    "  [errors]: [",
    "    Error: x",
    "        at /srv/a.js:1:2,",
    "    ... 3 lines matching cause stack trace ...",
    "f@/srv/a.js:1:2",
    "goroutine 1 [running]:",
    "main.f(0x1)",
    "panic(0x1)",
    "\t/srv/a.go:1 +0x1",
    "panic: x",
    "\tat a.B.c(B.java:3)",
    "\t... 3 more",
    "Caused by: a.B: x",
    "\tSuppressed: a.B: x",
    "\x1b[31m",
]
TEXT = st.builds(
    lambda glue, parts: glue.join(parts),
    st.sampled_from(["\n", "\n", "", "\r\n"]),
    st.lists(st.sampled_from(PIECES) | st.text(max_size=20) | st.just(""), max_size=30),
)


def size(raised: Raised) -> int:
    around = [raised.cause, raised.context, *raised.members]
    assert len(raised.frames) <= FRAMES_KEPT_INNER + FRAMES_KEPT_OUTER
    return 1 + sum(size(each) for each in around if each is not None)


@given(
    TEXT,
    st.sampled_from(["", "ValueError", "a.B", "Error"]),
    st.sampled_from(["", "x", "\n"]) | TEXT,
    st.sampled_from(LANGUAGES),
)
def test_any_text_is_answered(text: str, kind: str, message: str, language: Language | None) -> None:
    raised = parse_stacktrace(text, type=kind, message=message, language=language)
    size(raised)
    assert message in ("", raised.message) or raised.type
    if not text:
        assert raised == Raised(kind, message)


MEGABYTES = 10_000_000
JOINT = "\n\nThe above exception was the direct cause of the following exception:\n\n"
BLOCK = 'Traceback (most recent call last):\n  File "/srv/a.py", line 3, in f\nValueError: x'


def nested(depth: int) -> str:
    lines = ["  + Exception Group Traceback (most recent call last):", '  |   File "/srv/a.py", line 3, in f']
    for at in range(1, depth):
        lines += [
            f"{'  ' * at}| ExceptionGroup: x (1 sub-exception)",
            f"{'  ' * at}+-+---------------- 1 ----------------",
        ]
    return "\n".join(lines)


UNITS: list[tuple[Language, str, str]] = [
    ("python", "newlines", "\n"),
    ("python", "blanks", " "),
    ("python", "indented", "    \n"),
    ("python", "python frames", '  File "/srv/a.py", line 3, in f\n'),
    ("python", "python frames with quotes", '  File "' + '", line 1' * 400 + "\n"),
    ("python", "python blocks", BLOCK + JOINT),
    ("python", "sentences", JOINT),
    ("python", "no frames", "ValueError: x" + JOINT),
    ("python", "margins", "    | \n"),
    ("python", "member titles", "    +---------------- 2 ----------------\n"),
    ("python", "group starts", "  +-+---------------- 1 ----------------\n"),
    ("javascript", "javascript frames", "    at f (/srv/a.js:1:2)\n"),
    ("javascript", "javascript causes", "    at f (/srv/a.js:1:2) {\n  [cause]: Error: x\n"),
    ("javascript", "javascript parentheses", "    at (" + "(" * 4000 + "\n"),
    ("javascript", "javascript eval", "    at eval (eval at " + "(1:1:1" * 600 + ")\n"),
    ("python", "colons", ":1"),
    ("javascript", "at signs", "@" * 4000 + ":1:1\n"),
    ("go", "go frames", "main.f(0x1)\n\t/srv/a.go:1 +0x1\n"),
    ("go", "go blanks", "f\n\t" + " " * 4000 + "\n"),
    ("go", "goroutines", "goroutine 1 [running]:\n"),
    ("go", "go panics", "panic(0x1)\n\t/a.go:1 +0x1\n"),
    ("java", "java frames", "\tat a.B.c(B.java:3)\n"),
    ("java", "java causes", "\tat a.B.c(B.java:3)\nCaused by: a.B: x\n"),
    ("java", "java common", "\tat a.B.c(B.java:3)\nCaused by: a.B: x\n\t... 999999 more\n"),
    ("java", "java tabs", "\t" * 4000 + "\n"),
    ("java", "java dots", "\tat " + "a." * 2000 + "(\n"),
    ("python", "escapes", "\x1b[3"),
    ("python", "long paths", '  File "/' + "bin/" * 1000 + 'a", line 1, in f\n'),
    ("python", "long windows paths", '  File "c:/' + "python/lib/" * 370 + 'a", line 1, in f\n'),
]  # fmt: skip


@pytest.mark.parametrize(("language", "name", "unit"), UNITS)
def test_ten_megabytes(language: Language, name: str, unit: str) -> None:
    """Time grows with the length, not with its square: a square would take minutes."""
    text = "Traceback (most recent call last):\n" * (name != "blanks") + unit * (MEGABYTES // len(unit))
    begun = time.process_time()
    for each in LANGUAGES:
        some = text if each == language else text[: MEGABYTES // 20]
        raised = parse_stacktrace(some, type="ValueError", message="x" * 50, language=each)
        assert size(raised) <= EXCEPTIONS_KEPT + 64
    assert time.process_time() - begun < 20, name


@pytest.mark.parametrize(("language", "name", "unit"), UNITS)
def test_of_ten_megabytes_few_lines_are_looked_at(
    monkeypatch: pytest.MonkeyPatch, language: Language, name: str, unit: str
) -> None:
    """Of Python's by count; of what the others are handed by length."""
    lines, handed = 0, []
    line_at, parser = Parser.ends_at, stacktrace._PARSERS[language]

    def counted(self: Parser, at: int) -> tuple[int, int]:
        nonlocal lines
        lines += 1
        return line_at(self, at)

    def seen(text: str, type: str, message: str, rule: InAppRule) -> Raised:
        handed.append(len(text))
        return parser(text, type, message, rule)

    monkeypatch.setattr(Parser, "ends_at", counted)
    monkeypatch.setitem(stacktrace._PARSERS, language, seen)
    text = "Traceback (most recent call last):\n" * (name != "blanks") + unit * (MEGABYTES // len(unit))
    raised = parse_stacktrace(text, type="ValueError", message="x" * 50, language=language)
    if language == "python":
        assert lines < 15_000
    else:
        assert handed == [pytest.approx(READ_LENGTH, abs=10_000)]
        assert raised.truncated


def deep(frames: int) -> str:
    lines = [f'  File "/srv/a{at % 7}.py", line {at + 1}, in f{at % 5}\n    f({at})\n' for at in range(frames)]
    return "Traceback (most recent call last):\n" + "".join(lines) + "RecursionError: too deep\n"


@pytest.mark.parametrize("frames", [300, 401, 600, 1000, 5000])
def test_what_is_stepped_over_is_what_is_not_kept(monkeypatch: pytest.MonkeyPatch, frames: int) -> None:
    chain = deep(frames)[:-1] + JOINT + deep(3)[:-1] + JOINT + deep(frames)
    for text in (deep(frames), chain):
        quickly = parse_stacktrace(text, type="RecursionError", message="too deep", language="python")
        with monkeypatch.context() as patch:
            patch.setattr(python_blocks, "LONG_RUN", 10**9)
            patch.setattr(python_blocks, "READ_LENGTH", 10**9)
            assert quickly == parse_stacktrace(text, type="RecursionError", message="too deep", language="python")


def test_the_innermost_frame_of_ten_megabytes_is_found() -> None:
    text = deep(MEGABYTES // 50)
    raised = parse_stacktrace(text, type="RecursionError", message="too deep", language="python")
    assert len(text) > MEGABYTES
    assert (raised.frames[-1].line, raised.frames[0].line, raised.truncated) == (MEGABYTES // 50, 1, False)


def test_of_a_chain_without_end_the_recorded_exception_is_found() -> None:
    text = (BLOCK + JOINT) * (MEGABYTES // len(BLOCK + JOINT)) + BLOCK.replace("line 3", "line 7") + "\n"
    raised = parse_stacktrace(text, type="ValueError", message="x", language="python")
    assert ([frame.line for frame in raised.frames], raised.truncated) == ([7], False)
    assert size(raised) == LINKS_KEPT_INNER + LINKS_KEPT_OUTER


@pytest.mark.parametrize("length", [1000, 2_000_000])
def test_a_long_message_does_not_count(length: int) -> None:
    said = "x" * length
    cause = BLOCK.replace(": x", f": {said}")
    text = cause + JOINT + BLOCK.replace("line 3", "line 7").replace(": x", f": {said}") + "\n"
    raised = parse_stacktrace(text, type="ValueError", message=said, language="python")
    assert ([frame.line for frame in raised.frames], raised.message, raised.truncated) == ([7], said, False)
    assert raised.cause is not None
    assert raised.cause.message == said


def test_message_that_nearly_repeats_itself() -> None:
    text = (BLOCK + JOINT) * (MEGABYTES // len(BLOCK + JOINT))
    begun = time.process_time()
    raised = parse_stacktrace(text, type="ValueError", message=text[len(BLOCK) - 1 : -1] + "?", language="python")
    assert time.process_time() - begun < 20
    assert size(raised) <= EXCEPTIONS_KEPT


def test_groups_nested_without_end() -> None:
    begun = time.process_time()
    raised = parse_stacktrace(nested(2000), type="ExceptionGroup", message="x (1 sub-exception)", language="python")
    assert time.process_time() - begun < 20
    assert 10 < size(raised) < 100


def test_endless_causes_in_javascript() -> None:
    text = "Error: x\n    at f (/srv/a.js:1:2) {\n"
    for depth in range(1, 1000):
        text += f"{'  ' * depth}[cause]: Error: x\n{'  ' * depth}    at f (/srv/a.js:1:2) {{\n"
    assert 10 < size(parse_stacktrace(text, type="Error", message="x", language="javascript")) < 100


def test_long_chain_keeps_both_ends() -> None:
    links = [BLOCK.replace("line 3", f"line {at}").replace(": x", f": {at}") for at in range(1, 501)]
    raised = parse_stacktrace(JOINT.join(links) + "\n", type="ValueError", message="500")
    lines = []
    link: Raised | None = raised
    while link is not None:
        lines.append(link.frames[0].line)
        link = link.cause
    assert lines == [*range(500, 468, -1), *range(32, 0, -1)]
