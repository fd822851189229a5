"""Functions of Python text, with `ast` as the oracle where the text parses."""

import ast
import contextlib
import random
import re
import sysconfig
from functools import cache
from pathlib import Path
from textwrap import dedent
from types import CodeType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flux_ls.source.functions import FunctionIndex
from flux_ls.source.lines import split_lines

Row = tuple[str, str, int, int, int, int]
"""Name, kind, first line, line, last line of the header, last line."""

FORMS = '''\
import functools

@functools.cache
@other(
    1,
)
def decorated(a, b=lambda: 1):
    """Docstring.

    def not_a_function(): ...
    """
    def inner():
        async def innermost():
            return [x for x in {y for y in b} if (z for z in a)]
        return innermost
    return inner

class Outer(Base, metaclass=Meta):
    attribute = 1 / 0

    @property
    def method(self): return lambda x: x

    class Inner:
        @typing.overload
        def over(self, x: int) -> int: ...
        @typing.overload
        def over(self, x: str) -> str: ...
        def over(self, x):
            match x:
                case int():
                    def in_match(): pass
                case _:
                    return in_match
            # the end

if condition:
    def either(): return 1
else:
    async def either(): return 2

def match(type, case): return type[case]

class Generic[T]:
    def new[S: int](self, s: S, *, t: T = default) -> list[S]:
        type Alias = S
        return s

table = {
    "key": lambda a, b=2: (
        a + b
    ),
}
'''
ROWS: list[Row] = [
    ("decorated", "def", 3, 7, 7, 16),
    ("<lambda>", "lambda", 7, 7, 7, 7),
    ("decorated.inner", "def", 12, 12, 12, 15),
    ("decorated.inner.innermost", "def", 13, 13, 13, 14),
    ("Outer", "class", 18, 18, 18, 34),
    ("Outer.method", "def", 21, 22, 22, 22),
    ("Outer.method.<lambda>", "lambda", 22, 22, 22, 22),
    ("Outer.Inner", "class", 24, 24, 24, 34),
    ("Outer.Inner.over", "def", 25, 26, 26, 26),
    ("Outer.Inner.over", "def", 27, 28, 28, 28),
    ("Outer.Inner.over", "def", 29, 29, 29, 34),
    ("Outer.Inner.over.in_match", "def", 32, 32, 32, 32),
    ("either", "def", 38, 38, 38, 38),
    ("either", "def", 40, 40, 40, 40),
    ("match", "def", 42, 42, 42, 42),
    ("Generic", "class", 44, 44, 44, 47),
    ("Generic.new", "def", 45, 45, 45, 47),
    ("<lambda>", "lambda", 50, 50, 50, 52),
]


def rows(text: str) -> list[Row]:
    return [
        (each.name, each.kind, each.first_line, each.line, each.header_line, each.last_line)
        for each in FunctionIndex.parse(text).scopes
    ]


@cache
def rows_by_ast(text: str) -> list[Row]:
    """The definitions, without lambdas, as CPython's parser has them."""
    found: list[Row] = []
    lines = split_lines(text)

    def walk(node: ast.AST, names: tuple[str, ...]) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                first = min([child.lineno, *(each.lineno for each in child.decorator_list)])
                statement = child.body[0]
                header = min([statement.lineno, *(each.lineno for each in getattr(statement, "decorator_list", ()))])
                if not lines[header - 1].encode()[: statement.col_offset].strip():
                    header -= 1
                while not re.match(r"\s*[^#\s]", lines[header - 1]):
                    header -= 1
                kind = "class" if isinstance(child, ast.ClassDef) else "def"
                name = ".".join((*names, child.name))
                found.append((name, kind, first, child.lineno, header, child.end_lineno or 0))
                walk(child, (*names, child.name))
            elif isinstance(child, ast.Lambda):
                walk(child, (*names, "<lambda>"))
            else:
                walk(child, names)

    walk(ast.parse(text), ())
    return sorted(found, key=lambda row: (row[2], row[3]))


@cache
def library_texts(count: int, seed: int) -> list[str]:
    library = Path(sysconfig.get_path("stdlib"))
    # Tests of the parser hold what nobody writes.
    skipped = {"site-packages", "test", "tests", "idle_test"}
    paths = [path for path in sorted(library.rglob("*.py")) if not skipped & set(path.parts)]
    random.Random(seed).shuffle(paths)
    texts: list[str] = []
    for path in paths:
        try:
            text = path.read_bytes().decode("utf-8-sig")
            ast.parse(text)
        except (SyntaxError, ValueError):
            continue
        texts.append(text)
        if len(texts) == count:
            break
    return texts


def test_every_form_has_its_name_and_lines() -> None:
    assert rows(FORMS) == ROWS


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff", "\x0c\n"])
def test_line_breaks_and_marks_change_nothing(line_break: str, mark: str) -> None:
    shift = mark.count("\n")
    expected = [(name, kind, *(line + shift for line in lines)) for name, kind, *lines in ROWS]
    assert rows((mark + FORMS).replace("\n", line_break)) == expected


@pytest.mark.parametrize("seed", range(4))
def test_the_standard_library_as_ast_has_it(seed: int) -> None:
    texts = library_texts(50, seed)
    assert len(texts) == 50
    total = 0
    for text in texts:
        expected = rows_by_ast(text)
        assert [row for row in rows(text) if row[1] != "lambda"] == expected
        total += len(expected)
    assert total > 500


def code_of(text: str) -> list[tuple[str, int]]:
    """Qualified name and first line of everything that CPython compiles on its own, without comprehensions."""
    found: list[tuple[str, int]] = []
    ahead = [compile(text, "text.py", "exec", dont_inherit=True)]
    while ahead:
        for constant in ahead.pop().co_consts:
            if isinstance(constant, CodeType):
                ahead.append(constant)
                if not constant.co_name.startswith("<") or constant.co_name == "<lambda>":
                    # Before Python 3.12 a comprehension is a function of its own.
                    name = re.sub(r"<(?!lambda)[^>]*>\.", "", constant.co_qualname)
                    found.append((name, constant.co_firstlineno))
    return sorted(found)


@pytest.mark.filterwarnings("ignore::SyntaxWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("count", "seed"), [(40, 6), pytest.param(400, 7, marks=[pytest.mark.slow, pytest.mark.timeout(240)])]
)
def test_the_standard_library_as_it_is_compiled(count: int, seed: int) -> None:
    """Lambdas too, and every name as a traceback has it."""
    total = 0
    for text in library_texts(count, seed):
        expected = code_of(text)
        assert sorted((each.name, each.first_line) for each in FunctionIndex.parse(text).scopes) == expected
        total += len(expected)
    assert total > 10 * count


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("@a\n@b(\n  1)\ndef f(): ...\n", [("f", 1, 4, 4)]),
        (
            "class A:\n  @a\n  class B:\n    def f(): ...\n",
            [("A", 1, 1, 4), ("A.B", 2, 3, 4), ("A.B.f", 4, 4, 4)],
        ),
        ("def f():\n  class A:\n    def g(): ...\n", [("f", 1, 1, 3), ("f.A", 2, 2, 3), ("f.A.g", 3, 3, 3)]),
        ("f = lambda: (\n  lambda: 1)\n", [("<lambda>", 1, 1, 2), ("<lambda>.<lambda>", 2, 2, 2)]),
        ("class A:\n  f = lambda: 1\n", [("A", 1, 1, 2), ("A.<lambda>", 2, 2, 2)]),
        ("def f(x=lambda: 1) -> (lambda: 2): ...\n", [("f", 1, 1, 1), ("<lambda>", 1, 1, 1), ("<lambda>", 1, 1, 1)]),
        (
            "class A:\n  @a(lambda: 1)\n  def f(\n    x=lambda: 2,\n  ): lambda: 3\n",
            [
                ("A", 1, 1, 5),
                ("A.f", 2, 3, 5),
                ("A.<lambda>", 2, 2, 2),
                ("A.<lambda>", 4, 4, 4),
                ("A.f.<lambda>", 5, 5, 5),
            ],
        ),
        ("class A(b=lambda: 1): c = lambda: 2\n", [("A", 1, 1, 1), ("<lambda>", 1, 1, 1), ("A.<lambda>", 1, 1, 1)]),
        ("lambda x=lambda: 1: lambda: 2\n", [("<lambda>", 1, 1, 1)] * 2 + [("<lambda>.<lambda>", 1, 1, 1)]),
        ("x = [lambda: y for y in z if (lambda: 1)]\n", [("<lambda>", 1, 1, 1)] * 2),
        ("async def f():\n  async with x: pass\n  return [y async for y in z]\n", [("f", 1, 1, 3)]),
        (
            "@o\ndef f(x: int): ...\n@o\ndef f(x: str): ...\ndef f(x): return x\n",
            [("f", 1, 2, 2), ("f", 3, 4, 4), ("f", 5, 5, 5)],
        ),
        (
            "try:\n  def f(): ...\nexcept E:\n  def f(): ...\nelse:\n  def g(): ...\n",
            [("f", 2, 2, 2), ("f", 4, 4, 4), ("g", 6, 6, 6)],
        ),
        (
            "class A:\n  if x:\n    def f(): ...\n  else:\n    def f(): ...\n  def g(): ...\n",
            [("A", 1, 1, 6), ("A.f", 3, 3, 3), ("A.f", 5, 5, 5), ("A.g", 6, 6, 6)],
        ),
        ("class A:\n  def f(): ...\n  x = 1\n  y = 2\nz = 3\n", [("A", 1, 1, 4), ("A.f", 2, 2, 2)]),
        (
            "class A:\n  def f(): ...\n  class B:\n    def g(): ...\n  def h(): ...\ndef i(): ...\n",
            [
                ("A", 1, 1, 5),
                ("A.f", 2, 2, 2),
                ("A.B", 3, 3, 4),
                ("A.B.g", 4, 4, 4),
                ("A.h", 5, 5, 5),
                ("i", 6, 6, 6),
            ],
        ),
        (
            "match x:\n  case A(y=1):\n    def f(): ...\n  case {'a': [*_]}:\n    def g(): ...\nmatch = case = 1\n",
            [("f", 3, 3, 3), ("g", 5, 5, 5)],
        ),
        (
            "def f[T: int, *Ts, **P](x: T) -> T:\n  return x\n"
            "class A[T = int](B[T]):\n  type X[S] = list[S]\n  def g[U](self): ...\ntype Y = int\n",
            [("f", 1, 1, 2), ("A", 3, 3, 5), ("A.g", 5, 5, 5)],
        ),
        ("if x: pass\n\\\ndef f(): ...\n", [("f", 3, 3, 3)]),
        ('def f():\n  x = """\ndef g(): ...\n"""\n  return x\n', [("f", 1, 1, 5)]),
        ('class A:\n  x = """\n  def g(): ...\nclass B:\n"""\n  def f(): ...\n', [("A", 1, 1, 6), ("A.f", 6, 6, 6)]),
    ],
)
def test_forms(text: str, expected: list[tuple[str, int, int, int]]) -> None:
    found = [(each.name, each.first_line, each.line, each.last_line) for each in FunctionIndex.parse(text).scopes]
    assert found == expected
    # Generics are newer than the oldest interpreter.
    with contextlib.suppress(SyntaxError):
        assert code_of(text) == sorted((name, first) for name, first, _, _ in expected)


@pytest.mark.parametrize(
    "typed",
    ["x = foo(", "if x", "  )", "y = [1, 2", "for x in", "d = {'a':", "x = 'abc", "def ", "@", "obj.", "return f'{x"],
)
def test_a_line_being_typed_hides_no_other_function(typed: str) -> None:
    missing = total = 0
    for number, text in enumerate(library_texts(20, seed=4)):
        lines = text.replace("\r\n", "\n").split("\n")
        at = random.Random(number).randrange(len(lines))
        indent = next((re.match(r"\s*", line)[0] for line in lines[at:] if line.strip()), "")  # type: ignore[index]
        typing = "\n".join([*lines[:at], indent + typed, *lines[at:]])
        expected = {(name, line + (line > at)) for name, kind, _, line, _, _ in rows_by_ast(text) if kind == "def"}
        found = {(each.name, each.line) for each in FunctionIndex.parse(typing).scopes if each.kind == "def"}
        missing += len(expected - found)
        total += len(expected)
    assert total > 300
    assert missing <= total * 0.02


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("def f(:\n    pass\n\ndef g():\n    return 1\n", [("f", 1, 2), ("g", 4, 5)]),
        (
            "class A:\n    def f(self):\n        x = (\n\n    def g(self):\n        pass\n",
            [("A.f", 2, 3), ("A.g", 5, 6)],
        ),
        ('def f():\n    """open\n\nasync def g():\n    pass\n', [("f", 1, 2), ("g", 4, 5)]),
        ("def f(\n    a,\n    b\n):\n    pass\nx = (\ndef g(): pass\n", [("f", 1, 5), ("g", 7, 7)]),
        ('def f():\n    t = """\ndef quoted(): ...\n"""\n    x = (\n\ndef g(): pass\n', [("f", 1, 5), ("g", 7, 7)]),
    ],
)
def test_functions_beside_a_syntax_error(text: str, expected: list[tuple[str, int, int]]) -> None:
    assert [(each.name, each.line, each.last_line) for each in FunctionIndex.parse(text).functions] == expected


def test_decorators_count_beside_a_syntax_error() -> None:
    index = FunctionIndex.parse("@a\n@b\ndef f():\n    pass\n\nx = (\n")
    assert [(each.first_line, each.line, each.header_line) for each in index.functions] == [(1, 3, 3)]


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (1, None),
        (3, "decorated"),
        (7, "decorated"),
        (11, "decorated"),
        (14, "decorated.inner.innermost"),
        (15, "decorated.inner"),
        (16, "decorated"),
        (17, None),
        (19, None),
        (21, "Outer.method"),
        (22, "Outer.method"),
        (33, "Outer.Inner.over"),
        (50, None),
        (51, "<lambda>"),
        (500, None),
    ],
)
def test_enclosing(line: int, name: str | None) -> None:
    function = FunctionIndex.parse(FORMS).enclosing(line)
    assert (function.name if function else None) == name


@pytest.mark.parametrize(
    ("line", "names"),
    [
        (1, [None]),
        (3, ["decorated", None]),
        (7, ["<lambda>", "decorated", None]),
        (12, ["decorated.inner", "decorated"]),
        (14, ["decorated.inner.innermost"]),
        (16, ["decorated"]),
        (18, ["Outer", None]),
        (19, ["Outer"]),
        (20, ["Outer"]),
        (22, ["Outer.method.<lambda>", "Outer.method", "Outer"]),
        (34, ["Outer.Inner.over"]),
        (51, ["<lambda>"]),
        (52, ["<lambda>", None]),
    ],
)
def test_executing(line: int, names: list[str | None]) -> None:
    scopes = FunctionIndex.parse(FORMS).executing(line)
    assert [scope.name if scope else None for scope in scopes] == names


def test_functions_that_share_a_line() -> None:
    text = "def f():\n    return g(lambda: (\n        1), lambda: (2,\n        3), 4)\n"
    index = FunctionIndex.parse(text)
    assert [[scope.name if scope else None for scope in index.executing(line)] for line in (2, 3, 4)] == [
        ["f.<lambda>", "f"],
        ["f.<lambda>", "f.<lambda>", "f"],
        ["f.<lambda>", "f"],
    ]


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("decorated", [7]),
        ("inner", [12]),
        ("Inner.over", [26, 28, 29]),
        ("Outer.Inner.over", [26, 28, 29]),
        ("either", [38, 40]),
        ("Other.over", []),
        ("ver", []),
        ("Outer", [18]),
        ("<lambda>", [7, 22, 50]),
        ("method.<lambda>", [22]),
    ],
)
def test_named(name: str, lines: list[int]) -> None:
    assert [scope.line for scope in FunctionIndex.parse(FORMS).named(name)] == lines


def test_name_columns_are_code_points() -> None:
    text = dedent("""\
        é, x = "\U0001f40d", lambda: 2
        class Ä:
        \tasync  def größe(self): pass
        def \\
          broken(): pass
        """)
    index = FunctionIndex.parse(text)
    lines = text.split("\n")
    tokens = [lines[each.line - 1][each.name_column - 1 : each.name_end_column - 1] for each in index.scopes]
    assert tokens == ["lambda", "Ä", "größe", "def"]


def test_comments_are_known_by_column() -> None:
    text = 'x = "#é"  # one\n# two\ny = f"{x}#"\n'
    assert [FunctionIndex.parse(text).comment(line) for line in (1, 2, 3)] == [11, 1, None]


PIECES = [
    "def f():",
    "class A:",
    "\n",
    "    ",
    "\t",
    "(",
    ")",
    '"""',
    "'",
    "lambda: 0",
    "@a",
    "é",
    "\r",
    "\x0c",
    "\ud800",
]
PIECES += ["\U0001f40d", "#", ":", "async ", "\\"]


@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_any_text_has_an_index_within_its_lines(text: str) -> None:
    index = FunctionIndex.parse(text)
    last = len(re.split(r"\r\n|\n|\r", text))
    for scope in index.scopes:
        assert 1 <= scope.first_line <= scope.line <= scope.header_line <= last
        assert scope.line <= scope.last_line <= last
    for line in range(1, last + 1):
        index.enclosing(line)
        assert index.executing(line)
