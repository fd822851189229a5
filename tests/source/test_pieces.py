"""Text read in pieces: after any edits the same as read from the start, and hardly anything is read again."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flux_ls.source import pieces as module
from flux_ls.source.edits import Edit, edited, span
from flux_ls.source.functions import Function, FunctionIndex
from flux_ls.source.lines import split_lines
from flux_ls.source.pieces import pieces
from tests.examples import examples
from tests.source.test_functions import FORMS, library_texts

SHOP = '''\
"""Prices."""
import math

class Price:
    """A price."""
    currency = "EUR"

    @property
    def net(self):
        return self.gross / 1.2

    class Rounded:
        def up(self): return math.ceil(self)

        @staticmethod
        def down(price):
            return math.floor(price)

    if math:
        def either(self): return 1

    def last(self):
        return lambda: 0

TEMPLATE = """
def not_code():
    pass
"""

def total(prices):
    def add(one, other):
        return one + other
    return add(*prices)
'''


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        pytest.param("", [1], id="nothing"),
        pytest.param("x = 1\ny = 2\n", [1], id="no definition"),
        pytest.param(SHOP, [1, 4, 8, 12, 13, 15, 22, 30], id="defs, heads of classes, and what stands around"),
        pytest.param("class A:\n    if x:\n        def f(self): ...\n    def g(self): ...\n", [1, 4], id="in an if"),
        pytest.param("class A: pass\nif x:\n    def f(): ...\n", [1], id="a class that is over"),
        pytest.param("class A:\n  def f(): ...\nif x:\n  def g(): ...\n", [1, 2], id="a class that ended before"),
        pytest.param("@a(\n)\n@b\ndef f(): ...\n@c\ndef g(): ...\n", [1, 5], id="decorators"),
        pytest.param("x = (\ndef f(): ...\n", [1, 2], id="an open bracket"),
        pytest.param('x = """\ndef f(): ...\n', [1, 2], id="an open block of text"),
        pytest.param('x = """\ndef f(): ...\n"""\ndef g(): ...\n', [1, 4], id="a definition in a block of text"),
        pytest.param('x = """\ndef f(): ...\n"""; (\ndef g(): ...\n', [1, 4], id="the same beside a mistake"),
        pytest.param("x = (a\n@ b)\ndef f(): ...\n", [1, 3], id="an @ that multiplies"),
        pytest.param("\x0cclass A:\n\tdef f(): ...\n\tdef g(): ...\n", [1, 2, 3], id="form feed and tabs"),
    ],
)
def test_where_text_is_cut(text: str, lines: list[int]) -> None:
    line, begins = 1, list[int]()
    for piece in pieces(split_lines(text)):
        begins.append(line)
        line += piece.count
    assert begins == lines


def contents(index: FunctionIndex, lines: int) -> tuple[object, ...]:
    around = [[scope.name if scope else None for scope in index.executing(scope.line)] for scope in index.scopes]
    named = [index.named(scope.name.rpartition(".")[2]) for scope in index.scopes]
    return index.scopes, [index.comment(line) for line in range(1, lines + 1)], around, named


TYPED = [
    *(
        "",
        '"',
        "'",
        '"""',
        "'''",
        "(",
        ")",
        "[",
        "}",
        "#",
        ":",
        "\\",
        "@",
        "x",
        "    ",
        "\t",
        "\x0c",
        "é",
        "\U0001f40d",
    ),
    *("\n", "\n\n", "\ndef f():\n", "\nclass A:\n", "\n    def g(self): pass\n", "\n@a\n", "lambda: 0", "async "),
]


@st.composite
def edits_of(draw: st.DrawFn, lines: list[str]) -> list[Edit]:
    """As editors make them: mostly something typed within a line."""
    made = list[Edit]()
    for _ in range(draw(st.sampled_from([1, 1, 1, 2, 3]))):
        first = draw(st.integers(0, len(lines) - 1))
        last = min(first + draw(st.sampled_from([1, 1, 1, 2, 9])), len(lines))
        start, end = lines[first], lines[last - 1]
        at, until = draw(st.integers(0, len(start))), draw(st.integers(0, len(end)))
        if first == last - 1:
            until = max(at, until) if draw(st.booleans()) else at
        new = start[:at] + draw(st.sampled_from(TYPED)) + end[until:]
        made.append(Edit(first, last, tuple(split_lines(new))))
        lines = edited(lines, made[-1:])
    return made


def check_any_edits(data: st.DataObject, text: str, rounds: int) -> None:
    lines = split_lines(text)
    index = FunctionIndex.parse(text)
    for _ in range(rounds):
        made = data.draw(edits_of(lines))
        where = span(made)
        assert where is not None
        lines = edited(lines, made)
        before, index = index, index.after(lines, where)
        afresh = FunctionIndex.parse("\n".join(lines))
        # What was kept at a glance is taken over, and is what the text has.
        for line in range(1, min(len(lines), before._rows[-1]) + 1):
            if index.keeps(line, before):
                assert before.comment(line) == afresh.comment(line)
                assert [each for each in before.executing(line) if each is None or each.kind != "class"] == [
                    each for each in afresh.executing(line) if each is None or each.kind != "class"
                ]
        assert contents(index, len(lines)) == contents(afresh, len(lines))
        assert all(index.named(name) == afresh.named(name) for name in _asked(index, afresh))
        scopes = index.scopes
        assert all(index.executing(line) == _executing(scopes, line) for line in range(1, len(lines) + 1, 7))


def _executing(scopes: tuple[Function, ...], line: int) -> tuple[Function | None, ...]:
    """By the lines of all scopes there are."""
    reached: list[Function | None] = []
    for scope in reversed(scopes):
        if scope.covers(line):
            reached.append(scope)
            if line > scope.header_line and not (scope.kind == "lambda" and line == scope.last_line):
                return tuple(reached)
    return (*reached, None)


def _asked(*indexes: FunctionIndex) -> set[str]:
    """Names, bare and as far as they are qualified."""
    names = {scope.name for index in indexes for scope in index.scopes}
    return {".".join(name.split(".")[at:]) for name in names for at in range(name.count(".") + 1)} | {"", "nobody", "."}


@given(data=st.data(), text=st.sampled_from([SHOP, FORMS]))
@settings(deadline=None, max_examples=examples(60))
def test_any_edits_give_what_the_text_has(data: st.DataObject, text: str) -> None:
    check_any_edits(data, text, rounds=6)


@pytest.mark.slow
@pytest.mark.timeout(240)
@given(data=st.data())
@settings(deadline=None, max_examples=examples(150))
def test_any_edits_of_the_library(data: st.DataObject) -> None:
    texts = [text for text in library_texts(60, seed=5) if text.count("\n") < 600]
    check_any_edits(data, data.draw(st.sampled_from(texts)), rounds=5)


@pytest.mark.parametrize(
    ("line", "new", "read"),
    [
        pytest.param(10, "        return 1", 1, id="in a method"),
        pytest.param(10, "        return (1", 1, id="an open bracket"),
        pytest.param(10, '        return """', 1, id="an open block of text"),
        pytest.param(10, "        y = 1\n        return y", 1, id="a line more"),
        pytest.param(11, "    def g(self): ...", 2, id="a method more"),
        pytest.param(4, "class Cost:", 2, id="the head of a class, and the piece that it ends"),
    ],
)
def test_what_is_read_again(monkeypatch: pytest.MonkeyPatch, line: int, new: str, read: int) -> None:
    before, _, after = SHOP.partition("TEMPLATE")
    lines = split_lines(before + after[after.index("def total") :])
    index = FunctionIndex.parse("\n".join(lines))
    rows = list[int]()
    piece = module._piece

    def noted(lines: list[str], row: int, context: tuple[str, ...]) -> module.Piece:
        rows.append(row)
        return piece(lines, row, context)

    monkeypatch.setattr(module, "_piece", noted)
    edit = Edit(line - 1, line, tuple(split_lines(new)))
    where = span([edit])
    assert where is not None
    index.after(edited(lines, [edit]), where)
    assert len(rows) == read
