"""Recorded lines against today's text."""

from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flux_ls.model import Frame
from flux_ls.source.anchors import Anchor
from flux_ls.source.by_text import anchor
from flux_ls.source.functions import FunctionIndex
from flux_ls.source.lines import split_lines
from flux_ls.source.places import Text
from tests.source.frames import frame

FAILED, BEFORE, AFTER = 1000, 900, 1100

SHOP = """\
import os
LIMIT = int(os.environ["LIMIT"])  # module

class Gateway:
    def charge(self, card):
        if not card:
            raise ValueError("no card")  # the fault
        total = sum(price(x) for x in card)
        return total

    def refund(self, card):
        if not card:
            raise ValueError("no card")  # the fault
        return retry(
            lambda: self.charge(card),
            times=3,
        )

def price(item):
    return item["price"]
"""
FAULT = 'raise ValueError("no card")  # the fault'


def text_of(source: str, *, python: bool = True) -> Text:
    return Text(split_lines(source), FunctionIndex.parse(source) if python else None)


def found(recorded: Frame, source: str, modified_ns: int | None = AFTER, *, python: bool = True) -> Anchor:
    return anchor(recorded, text_of(source, python=python), FAILED, modified_ns)


def edited(*changes: tuple[str, str]) -> str:
    text = SHOP
    for before, after in changes:
        assert before in text
        text = text.replace(before, after, 1)
    return text


@pytest.mark.parametrize(
    ("recorded", "text", "expected"),
    [
        pytest.param(frame(line=7, source=FAULT), SHOP, ("exact", 7, "Gateway.charge", 5), id="same line"),
        pytest.param(
            frame(line=7, source=FAULT), "# one\n# two\n" + SHOP, ("moved", 9, "Gateway.charge", 7), id="lines above"
        ),
        pytest.param(
            frame(line=13, function="Gateway.refund", source=FAULT),
            "\n" * 6 + SHOP,
            ("moved", 19, "Gateway.refund", 17),
            id="lines above, and the same text of another function under the old line",
        ),
        pytest.param(
            frame(line=13, source=FAULT),
            SHOP,
            ("moved", 7, "Gateway.charge", 5),
            id="the text, but in another function",
        ),
        pytest.param(
            frame(line=7, source=FAULT),
            edited(
                ("        if not card:\n            raise", "        if card is None:\n            raise"),
                ("LIMIT =", "\nLIMIT ="),
            ),
            ("moved", 8, "Gateway.charge", 6),
            id="other lines of the function edited",
        ),
        pytest.param(
            frame(line=7, source=FAULT),
            edited((FAULT, 'raise ValueError("no card given")')),
            ("edited", 7, "Gateway.charge", 5),
            id="the line edited",
        ),
        pytest.param(
            frame(line=7, source=FAULT),
            edited((FAULT, 'raise ValueError("no card given")'), ("import os", "import os\n\n\n")),
            ("edited", 10, "Gateway.charge", 8),
            id="the line edited and moved",
        ),
        pytest.param(
            frame(line=7, source=FAULT),
            edited(("if not card:\n            " + FAULT, "pass")),
            ("edited", 7, "Gateway.charge", 5),
            id="the line deleted: its old place, unverified",
        ),
        pytest.param(
            frame(line=7, source=FAULT),
            edited(("if not card:\n            " + FAULT, "pass"), ("import os", "import os" + "\n" * 20)),
            ("edited", 25, "Gateway.charge", 25),
            id="the line deleted and the function moved: its head",
        ),
        pytest.param(
            frame(line=7, source=FAULT),
            edited(("def charge", "def pay")),
            ("gone", 7, None, None),
            id="the function renamed",
        ),
        pytest.param(frame(line=7, source=FAULT), "", ("gone", 7, None, None), id="an empty file"),
        pytest.param(
            frame(line=2, function="<module>", source='LIMIT = int(os.environ["LIMIT"])  # module'),
            "\n" + SHOP,
            ("moved", 3, "<module>", None),
            id="module code moved",
        ),
        pytest.param(
            frame(line=2, function="<module>", source='LIMIT = int(os.environ["LIMIT"])  # module'),
            edited((' int(os.environ["LIMIT"])', ' int(os.environ.get("LIMIT", 5))')),
            ("edited", 2, "<module>", None),
            id="module code edited",
        ),
        pytest.param(
            frame(line=2, function="<module>", source='LIMIT = int(os.environ["LIMIT"])  # module'),
            edited(('LIMIT = int(os.environ["LIMIT"])  # module\n', "")),
            ("gone", 2, None, None),
            id="module code deleted",
        ),
        pytest.param(
            frame(line=7, function="<module>", source=FAULT),
            SHOP,
            ("gone", 7, None, None),
            id="module code that is none",
        ),
        pytest.param(
            frame(line=8, function="<genexpr>", source="total = sum(price(x) for x in card)"),
            "\n" + SHOP,
            ("moved", 9, "Gateway.charge", 6),
            id="a comprehension belongs to its function",
        ),
        pytest.param(
            frame(line=15, function="<lambda>", source="lambda: self.charge(card),"),
            "\n" + SHOP,
            ("moved", 16, "Gateway.refund.<lambda>", 12),
            id="a lambda has the head of its function",
        ),
        pytest.param(
            frame(line=15, function="refund", source="lambda: self.charge(card),"),
            SHOP,
            ("exact", 15, "Gateway.refund", 11),
            id="the same line as its function reports it",
        ),
        pytest.param(
            frame(line=4, function="Gateway", source="class Gateway:"),
            "\n" + SHOP,
            ("moved", 5, "Gateway", 5),
            id="a class body",
        ),
        pytest.param(
            frame(line=20, function="", source='return item["price"]'),
            "\n" + SHOP,
            ("moved", 21, "price", 20),
            id="no function recorded",
        ),
        pytest.param(
            frame("/srv/shop/api.py", 20, "shop.api.price", 'return item["price"]'),
            SHOP,
            ("exact", 20, "price", 19),
            id="function named with its module",
        ),
        pytest.param(frame(line=20, function="price"), SHOP, ("edited", 20, "price", 19), id="no text, file touched"),
        pytest.param(
            frame(line=20, function="charge"),
            SHOP,
            ("edited", 5, "Gateway.charge", 5),
            id="no text, another function there",
        ),
        pytest.param(frame(line=20, function="nobody"), SHOP, ("gone", 20, None, None), id="no text, function gone"),
        pytest.param(frame(line=99, function="<module>"), SHOP, ("gone", 99, None, None), id="no text, no such line"),
    ],
)
def test_python(recorded: Frame, text: str, expected: tuple[str, int, str | None, int | None]) -> None:
    today = found(recorded, text)
    assert (today.state, today.line, today.function, today.function_line) == expected
    assert (today.reason is not None) == (today.state == "gone")


PHRASES = """\
def charge(card):
    if not card:
        return None
    try:
        send(card)
    finally:
        card.close()


def refund(card):
    if not card:
        return 0
    total = card.total
    return total
"""


@pytest.mark.parametrize(
    ("line", "source", "expected"),
    [
        # Short, and in another function as well: it may have been written anew where it is.
        (2, "if not card:", "edited"),
        (4, "try:", "edited"),
        (5, "send(card)", "moved"),
        (3, "return None", "moved"),
        (7, "card.close()", "moved"),
    ],
)
def test_a_phrase_that_is_elsewhere_is_not_known_again(line: int, source: str, expected: str) -> None:
    recorded = frame(line=line, source=source)
    assert (found(recorded, PHRASES).state, found(recorded, PHRASES).line) == ("exact", line)
    later = found(recorded, "import os\n\n" + PHRASES)
    assert (later.state, later.line, later.function) == (expected, line + 2, "charge")


def test_no_text_in_an_untouched_file() -> None:
    assert found(frame(line=20, function="price"), SHOP, BEFORE).state == "exact"
    assert found(frame(line=20, function="price"), SHOP, FAILED).state == "exact"
    assert found(frame(line=20, function="price"), SHOP, None).state == "edited"
    assert found(frame(line=18, function="<module>"), SHOP, BEFORE).state == "gone"


TWICE = """\
def charge():
    try:
        send()
    except OSError:
        send()
"""


@pytest.mark.parametrize(
    ("line", "text", "modified_ns", "expected"),
    [
        (5, TWICE, BEFORE, ("exact", 5)),
        (5, TWICE, AFTER, ("edited", 5)),
        (5, "\n\n" + TWICE, AFTER, ("edited", 5)),
        (3, "\n\n\n\n\n\n" + TWICE, None, ("edited", 9)),
    ],
)
def test_a_text_that_stands_twice_is_sure_only_while_nobody_touched_the_file(
    line: int, text: str, modified_ns: int | None, expected: tuple[str, int]
) -> None:
    today = found(frame(line=line, source="send()"), text, modified_ns)
    assert (today.state, today.line) == expected


def test_the_same_text_in_two_functions_of_that_name() -> None:
    text = SHOP.replace("def refund", "def charge")
    assert found(frame(line=7, source=FAULT), text, BEFORE).state == "exact"
    assert found(frame(line=7, source=FAULT), text, AFTER).state == "edited"
    assert found(frame(line=9, source="return total"), "\n" + text, AFTER).state == "moved"


def test_overloads_are_one_function() -> None:
    text = dedent("""\
        @overload
        def f(x: int) -> int: ...
        @overload
        def f(x: str) -> str: ...
        def f(x):
            return 1 / x
        """)
    assert found(frame(line=5, function="f", source="return 1 / x"), text).line == 6
    assert found(frame(line=5, function="f", source="return 2 / y"), text).line == 6


SCRIPT = """\
// a comment
const a = 1; const s = "\U0001f40d"; throw new Error("x"); // trailing "//"

  app.get("http://x", () => load(id)) /* note */
"""


@pytest.mark.parametrize(
    ("line", "column", "modified_ns", "expected"),
    [
        (2, 36, BEFORE, ("exact", "new Error")),
        (2, 35, BEFORE, ("edited", None)),
        (2, 37, BEFORE, ("edited", None)),
        (2, 400, BEFORE, ("edited", None)),
        (2, None, BEFORE, ("exact", None)),
        (2, 36, AFTER, ("edited", None)),
        (4, 29, BEFORE, ("exact", "load")),
        (1, None, BEFORE, ("gone", None)),
        (3, None, BEFORE, ("gone", None)),
        (9, 1, BEFORE, ("gone", None)),
        (0, 1, BEFORE, ("gone", None)),
    ],
)
def test_javascript(line: int, column: int | None, modified_ns: int, expected: tuple[str, str | None]) -> None:
    recorded = frame("/srv/app/x.js", line, "load", column=column, language="javascript")
    today = found(recorded, SCRIPT, modified_ns, python=False)
    assert today.state == expected[0]
    if today.column is None or today.end_column is None:
        assert today.state == "gone"
        return
    text = split_lines(SCRIPT)[line - 1]
    if expected[1] is None:
        assert text[today.column - 1 : today.end_column - 1] == text.partition(" // t")[0].partition(" /*")[0].strip()
    else:
        assert text[today.column - 1 : today.end_column - 1] == expected[1]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("\tx = f('#')  # é", "x = f('#')"),
        ("    return 'é' + \"#\"", "return 'é' + \"#\""),
        ("\U0001f40d = 1 \t# one", None),
        ("x = '''a # b''' ;  ", "x = '''a # b''' ;"),
        ("  # only a comment", None),
    ],
)
def test_columns_are_those_of_the_code(line: str, text: str | None) -> None:
    today = found(frame(line=2, function="", source=line), "if True:\n" + line + "\n")
    columns = (today.column or 1) - 1, (today.end_column or 1) - 1
    if text is not None:
        assert line[slice(*columns)] == text


STATEMENTS = ["send()", "x = 1", "return x", "if x: pass", "y = [", "]", "# note", "", "raise ValueError(x)"]


@given(
    before=st.lists(
        st.sampled_from(["import a", "# note", "", "def other():\n    send()", "class A:\n    x = 1"]), max_size=6
    ),
    body=st.lists(st.sampled_from(STATEMENTS), min_size=1, max_size=8),
    after=st.lists(st.sampled_from(STATEMENTS), max_size=4),
    line_break=st.sampled_from(["\n", "\r\n", "\r"]),
    data=st.data(),
)
def test_what_is_shown_as_right_is_the_recorded_text_in_the_recorded_function(
    before: list[str], body: list[str], after: list[str], line_break: str, data: st.DataObject
) -> None:
    recorded_line = data.draw(st.integers(1, 30))
    source = data.draw(st.sampled_from(STATEMENTS[:5]))
    block = ["def charge():", *("    " + each for each in [*body, *after])]
    text = line_break.join("\n".join([*before, *block]).split("\n"))
    today = found(frame(line=recorded_line, source=source), text)
    lines = split_lines(text)
    if today.state in ("exact", "moved"):
        assert lines[today.line - 1].strip() == source
        assert [each.strip() for each in lines].index("def charge():") < today.line - 1
        assert (today.state == "exact") == (today.line == recorded_line)
        assert sum(each.strip() == source for each in block) == 1
    elif today.state == "edited":
        assert today.line >= [each.strip() for each in lines].index("def charge():") + 1


@given(
    st.lists(st.integers(0, 21), max_size=8),
    st.sampled_from([(7, "charge"), (13, "refund"), (20, "price"), (2, "<module>")]),
)
def test_lines_inserted_anywhere_carry_the_anchor_with_them(inserted: list[int], fault: tuple[int, str]) -> None:
    """The recorded line is marked with a text of its own, which travels; the anchor must be where it is."""
    line, function = fault
    marked = SHOP.split("\n")
    marked[line - 1] += "  # marked"
    source = marked[line - 1].strip()
    for at in inserted:
        marked.insert(at, "# inserted")
    today = found(frame(line=line, function=function, source=source), "\n".join(marked))
    expected = next(number for number, text in enumerate(marked, 1) if text.endswith("# marked"))
    assert (today.line, today.state) == (expected, "exact" if expected == line else "moved")
