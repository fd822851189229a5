"""Stack traces as other interpreters, exporters and machines print them."""

import pytest

from flux_ls.model import Raised
from flux_ls.otlp.stacktrace import InAppRule, parse_stacktrace


def frames(raised: Raised) -> list[tuple[str, int, str]]:
    return [(frame.path, frame.line, frame.function) for frame in raised.frames]


SHOP_38 = """\
Traceback (most recent call last):
  File "/srv/app/shop.py", line 11, in middle
    return leaf(n)
  File "/srv/app/shop.py", line 6, in leaf
    n / 0
ZeroDivisionError: division by zero

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/srv/app/shop.py", line 21, in pay
    down(6)
  File "/srv/app/shop.py", line 15, in down
    if n: return down(n - 1)
  File "/srv/app/shop.py", line 15, in down
    if n: return down(n - 1)
  File "/srv/app/shop.py", line 15, in down
    if n: return down(n - 1)
  [Previous line repeated 3 more times]
  File "/srv/app/shop.py", line 16, in down
    return middle(n)
  File "/srv/app/shop.py", line 13, in middle
    raise KeyError("no") from error
KeyError: 'no'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/srv/app/shop.py", line 28, in main
    try: Shop().pay()
  File "/srv/app/shop.py", line 23, in pay
    raise self.Error("declined: %s" % {
Shop.Error: declined: {'a': 1, 'b': 2}
"""
SHOP_313 = """\
Traceback (most recent call last):
  File "/srv/app/shop.py", line 11, in middle
    return leaf(n)
  File "/srv/app/shop.py", line 6, in leaf
    n / 0
    ~~^~~
ZeroDivisionError: division by zero

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/srv/app/shop.py", line 21, in pay
    down(6)
    ~~~~^^^
  File "/srv/app/shop.py", line 15, in down
    if n: return down(n - 1)
                 ~~~~^^^^^^^
  File "/srv/app/shop.py", line 15, in down
    if n: return down(n - 1)
                 ~~~~^^^^^^^
  File "/srv/app/shop.py", line 15, in down
    if n: return down(n - 1)
                 ~~~~^^^^^^^
  [Previous line repeated 3 more times]
  File "/srv/app/shop.py", line 16, in down
    return middle(n)
  File "/srv/app/shop.py", line 13, in middle
    raise KeyError("no") from error
KeyError: 'no'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/srv/app/shop.py", line 28, in main
    try: Shop().pay()
         ~~~~~~~~~~^^
  File "/srv/app/shop.py", line 23, in pay
    raise self.Error("declined: %s" % {
    ...<2 lines>...
    })
Shop.Error: declined: {'a': 1, 'b': 2}
order 7
of customer 9
"""


@pytest.mark.parametrize(("text", "notes"), [(SHOP_38, ()), (SHOP_313, ("order 7", "of customer 9"))])
@pytest.mark.parametrize("kind", ["Shop.Error", "__main__.Shop.Error", "Error"])
def test_versions_of_python_tell_the_same(text: str, notes: tuple[str, ...], kind: str) -> None:
    raised = parse_stacktrace(text, type=kind, message="declined: {'a': 1, 'b': 2}")
    assert (raised.type, raised.message, raised.notes) == ("Shop.Error", "declined: {'a': 1, 'b': 2}", notes)
    assert frames(raised) == [("/srv/app/shop.py", 28, "main"), ("/srv/app/shop.py", 23, "pay")]
    assert [frame.source for frame in raised.frames] == ["try: Shop().pay()", 'raise self.Error("declined: %s" % {']
    assert raised.context is not None
    assert (raised.context.type, raised.context.message) == ("KeyError", "'no'")
    assert [line for _, line, _ in frames(raised.context)] == [21, 15, 15, 15, 16, 13]
    assert raised.context.cause is not None
    assert raised.context.cause.type == "ZeroDivisionError"
    assert frames(raised.context.cause)[-1] == ("/srv/app/shop.py", 6, "leaf")


ONE = 'Traceback (most recent call last):\n  File "/srv/app/shop.py", line 3, in pay\n    charge()\n'


def check(tail: str, type: str, message: str, expected: tuple[str, str, tuple[str, ...]]) -> None:
    raised = parse_stacktrace(ONE + tail, type=type, message=message)
    assert (raised.type, raised.message, raised.notes) == expected
    assert frames(raised) == [("/srv/app/shop.py", 3, "pay")]
    assert not raised.truncated


@pytest.mark.parametrize(
    ("tail", "type", "message", "expected"),
    [
        ("shop.Declined: no\n", "Declined", "no", ("shop.Declined", "no", ())),
        ("shop.Declined: no\n", "", "", ("shop.Declined", "no", ())),
        ("shop.Declined\n", "shop.Declined", "", ("shop.Declined", "", ())),
        # A log record says str(args[0]), the stack says str(error).
        ("KeyError: 'plan'\n", "KeyError", "plan", ("KeyError", "'plan'", ())),
        ("shop.Declined: card 7: no\n", "Declined", "no", ("shop.Declined", "card 7: no", ())),
        ("shop.Declined: card 7:\n  no funds\n", "Declined", "7", ("shop.Declined", "card 7:\n  no funds", ())),
        (
            "shop.Declined: <exception str() failed>\n",
            "Declined",
            "",
            ("shop.Declined", "<exception str() failed>", ()),
        ),
        # Python appends what it would suggest.
        (
            "AttributeError: 'A' object has no attribute 'totl'. Did you mean: 'total'?\nand a note\n",
            "AttributeError",
            "'A' object has no attribute 'totl'",
            ("AttributeError", "'A' object has no attribute 'totl'", ("Did you mean: 'total'?", "and a note")),
        ),
        # Without the line end at the end.
        ("ValueError: x", "ValueError", "x", ("ValueError", "x", ())),
        ("ValueError", "ValueError", "", ("ValueError", "", ())),
        # The message is cut by the same limit, the frames are all there.
        ("ValueError: a long mess", "ValueError", "a long message", ("ValueError", "a long message", ())),
    ],
)
def test_type_and_message(tail: str, type: str, message: str, expected: tuple[str, str, tuple[str, ...]]) -> None:
    check(tail, type, message, expected)


def test_message_that_looks_like_a_stack_tells_nothing() -> None:
    message = f"worker said:\n{SHOP_38}"
    raised = parse_stacktrace(f"{ONE}shop.Failed: {message}\n", type="shop.Failed", message=message)
    assert frames(raised) == [("/srv/app/shop.py", 3, "pay")]
    assert (raised.message, raised.cause, raised.context, raised.notes) == (message, None, None, ())


def test_message_of_a_cause_that_looks_like_frames_tells_nothing() -> None:
    inner = f"{ONE}ValueError: bad line\n{ONE}KeyError: 'fake'\n"
    joint = "\nThe above exception was the direct cause of the following exception:\n\n"
    raised = parse_stacktrace(f"{inner}{joint}{ONE}shop.Failed: outer\n", type="shop.Failed", message="outer")
    assert raised.cause is not None
    assert raised.cause.type == "ValueError"
    assert raised.cause.message == f"bad line\n{ONE}KeyError: 'fake'"
    assert frames(raised.cause) == [("/srv/app/shop.py", 3, "pay")]
    assert raised.cause.cause is None


def test_same_error_as_cause_and_outcome() -> None:
    joint = "\nThe above exception was the direct cause of the following exception:\n\n"
    other = ONE.replace("line 3, in pay", "line 9, in retry")
    raised = parse_stacktrace(f"{ONE}OSError: down\n{joint}{other}OSError: down\n", type="OSError", message="down")
    assert frames(raised) == [("/srv/app/shop.py", 9, "retry")]
    assert raised.cause is not None
    assert (raised.cause.type, raised.cause.message, frames(raised.cause)[0][1]) == ("OSError", "down", 3)


def test_message_that_is_what_follows_the_cause() -> None:
    message = "\n\nThe above exception was the direct cause of the following exception:"
    joint = f"{message}\n\n"
    raised = parse_stacktrace(f"ValueError{joint}{ONE}ValueError: {message}\n", type="ValueError", message=message)
    assert frames(raised) == [("/srv/app/shop.py", 3, "pay")]
    assert raised.cause == Raised("ValueError", "")


def test_cut_stack_keeps_what_is_known() -> None:
    at = SHOP_38.index("line 23, in pay")
    raised = parse_stacktrace(SHOP_38[: at + 6], type="Shop.Error", message="declined")
    assert raised.truncated
    assert frames(raised) == [("/srv/app/shop.py", 28, "main")]
    assert raised.context is not None
    assert not raised.context.truncated
    assert raised.context.type == "KeyError"
    early = parse_stacktrace(SHOP_38[: SHOP_38.index("\nThe above") + 20], type="Shop.Error", message="declined")
    assert early.truncated
    assert early.frames == ()
    assert early.context is not None
    assert (early.context.type, early.context.message) == ("ZeroDivisionError", "division by zero")


def test_exceptiongroup_of_older_pythons_and_members_without_traceback() -> None:
    text = """\
  + Exception Group Traceback (most recent call last):
  |   File "/srv/app/jobs.py", line 4, in run
  |     raise ExceptionGroup("jobs
  | exceptiongroup.ExceptionGroup: jobs
  | failed (2 sub-exceptions)
  | note
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/srv/app/jobs.py", line 9, in job
    |     charge()
    | ValueError: first
    +---------------- 2 ----------------
    | KeyError: 'second'
    +------------------------------------
"""
    for printed in (text, text.strip()):
        raised = parse_stacktrace(printed, type="ExceptionGroup", message="jobs\nfailed (2 sub-exceptions)")
        assert raised.type == "exceptiongroup.ExceptionGroup"
        assert raised.notes == ("note",)
        assert frames(raised) == [("/srv/app/jobs.py", 4, "run")]
        assert [(each.type, each.message, frames(each)) for each in raised.members] == [
            ("ValueError", "first", [("/srv/app/jobs.py", 9, "job")]),
            ("KeyError", "'second'", []),
        ]


def test_frames_as_they_come() -> None:
    text = (
        "Traceback (most recent call last):\n"
        '  File "C:\\work\\my app\\shop.py", line 3, in <module>\n'
        '  File "<frozen importlib._bootstrap>", line 1176, in _find_and_load\n'
        '  File "<string>", line 1, in <lambda>\n'
        '  File "/srv/a"b, line 2.py", line 12, in naïve\n'
        '    File "fake.py", line 1, in fake\n'
        '  File "/usr/lib/python3.11/json/decoder.py", line None, in decode\n'
        "ValueError: x\n"
    )
    raised = parse_stacktrace(text, type="ValueError", message="x")
    assert [
        (*entry, frame.in_app, frame.source) for entry, frame in zip(frames(raised), raised.frames, strict=True)
    ] == [
        ("C:\\work\\my app\\shop.py", 3, "<module>", True, None),
        ("<frozen importlib._bootstrap>", 1176, "_find_and_load", False, None),
        ("<string>", 1, "<lambda>", False, None),
        ('/srv/a"b, line 2.py', 12, "naïve", True, 'File "fake.py", line 1, in fake'),
        ("/usr/lib/python3.11/json/decoder.py", 0, "decode", False, None),
    ]


@pytest.mark.parametrize(
    "text",
    [
        SHOP_313.replace("\n", "\r\n"),
        "\n" + SHOP_313,
        f"request failed:\n{SHOP_313}",
        f"2026-01-01 ERROR in shop: boom\n{SHOP_313}",
        SHOP_313.replace('File "', 'File \x1b[35m"').replace("Shop.Error:", "\x1b[1;35mShop.Error\x1b[0m:"),
    ],
)
def test_other_wrappings(text: str) -> None:
    raised = parse_stacktrace(text, type="Shop.Error", message="declined: {'a': 1, 'b': 2}")
    assert frames(raised) == [("/srv/app/shop.py", 28, "main"), ("/srv/app/shop.py", 23, "pay")]
    assert raised.context is not None
    assert raised.context.cause is not None
    assert not raised.truncated


def test_colours_of_the_message_stay() -> None:
    message = "\x1b[31mred\x1b[0m"
    raised = parse_stacktrace(f"{ONE}ValueError: {message}\n", type="ValueError", message=message)
    assert raised.message == message
    assert not raised.truncated


def test_a_bare_stack_is_no_cut_one() -> None:
    text = ONE.partition("\n")[2]
    raised = parse_stacktrace(text, type="ValueError", message="x")
    assert frames(raised) == [("/srv/app/shop.py", 3, "pay")]
    assert not raised.truncated


def test_without_a_stack() -> None:
    assert parse_stacktrace("", type="ValueError", message="x") == Raised("ValueError", "x")
    assert parse_stacktrace("ValueError: x\n", type="ValueError", message="x") == Raised("ValueError", "x")


def test_rule_decides_what_is_in_app() -> None:
    raised = parse_stacktrace(SHOP_38, type="Shop.Error", rule=InAppRule(exclude=("/srv/app",)))
    assert not any(frame.in_app for frame in raised.frames)
