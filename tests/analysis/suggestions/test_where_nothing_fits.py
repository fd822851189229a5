"""Errors on lines where the obvious suggestion would be wrong."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from flux_ls.analysis.suggestions import MOST, RULES, FailingLine, Syntax, suggest
from flux_ls.model import Failure, Link
from flux_ls.source.grammar import parse
from flux_ls.source.lines import split_lines
from tests.analysis.suggestions.broken import Snippet, applied, offset, parses
from tests.analysis.suggestions.mistakes import MISTAKES
from tests.examples import examples

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

# It really fails, and nothing that is known of it says what would be right.
NOTHING = {
    "a raise of the user's own": "def main():\n    raise KeyError('plan')\n",
    "a raise of a lookup's error": "def main():\n    user = {}\n    if 'plan' not in user: raise KeyError('plan')\n",
    "a key of somebody else": "def main():\n    text = '{city}'\n    return text.format(**{'a': 1})\n",
    "an index of a table that is no list": "class Table:\n    def __getitem__(self, key):\n"
    "        raise IndexError('list index out of range')\n"
    "\n\ndef main():\n    table = Table()\n    return len(table[0])\n",
    "an assertion": "def main():\n    rows = []\n    assert rows\n",
    "an attribute of a module": "import json\n\n\ndef main():\n    return json.lods('1')\n",
    "an attribute of an unknown object": "class X:\n    __slots__ = ()\n\n\ndef main():\n    return X().zebra\n",
    "a name like no other": "def main():\n    return qwertyuiop\n",
    "a keyword that nothing is like": "def f(a=1):\n    return a\n\n\ndef main():\n    return f(zebra=1)\n",
    "a value that is simply wrong": "def main():\n    return [1].index(2)\n",
    "too many arguments for a function": "def f(a):\n    return a\n\n\ndef main():\n    return f(1, 2)\n",
    "a static method": "class C:\n    @staticmethod\n    def f(a):\n        return a\n\n\n"
    "def main():\n    return C().f(1, 2)\n",
    "two lists": "def main():\n    return [1] + (2,)\n",
    "a recursion": "def main():\n    return main()\n",
    "a timeout of a lock": "import queue\n\n\ndef main():\n    queue.Queue().get(timeout=0.01)\n",
    "a file": "def main():\n    return open('/nonexistent/x').read()\n",
    "an exit": "def main():\n    raise SystemExit(3)\n",
    "decimals": "from decimal import Decimal, InvalidOperation\n\n\ndef main():\n    return Decimal('x')\n",
    "an int in another base": "def main():\n    return 1 if int.from_bytes('x') else 2\n",
    "a comparison of strangers": "def main():\n    return 'a' < 3\n",
}


@pytest.mark.parametrize("name", NOTHING)
def test_nothing_is_suggested(name: str, tmp_path: Path) -> None:
    assert Snippet(tmp_path, NOTHING[name]).suggestions() == ()


# Something is suggested, but an edit would change what it must not, or break what stands around it.
NO_EDIT = {
    "the result is used at once": "def main():\n    d = {}\n    return d['a'].upper()\n",
    "a number is needed": "def main():\n    d = {}\n    return 1 + d['a']\n",
    "a builtin takes no None": "def main():\n    d = {}\n    return int(d['a'])\n",
    "a format takes no None": "def main():\n    d = {}\n    return f\"{d['a']:.2f}\"\n",
    "it is unpacked": "def main():\n    d = {}\n    a, b = d['a']\n    return a\n",
    "it is iterated": "def main():\n    d = {}\n    return [x for x in d['a']]\n",
    "it is compared": "def main():\n    d = {}\n    return d['a'] < 3\n",
    "reading it twice would call twice": "def main():\n    f = lambda: None\n    return f().name\n",
    "the guard would hide a second statement": "def main():\n    u = None\n    x = 1; u.save()\n    return x\n",
    "the divisor is made by a call": "def main():\n    f = lambda: 0\n    return 1 / f()\n",
    "the call is in a plain function": "async def load():\n    return {}\n\n\ndef main():\n    return load()['a']\n",
    "the call is in a lambda": (
        "async def load():\n    return {}\n\n\nasync def main():\n    return (lambda: load()['a'])()\n"
    ),
    "text or number is not clear": "def main():\n    a, b = '3', 4\n    return a + b\n",
    "the first statement shares its line": "def main(): a = 1; n += a\n\n\nn = 0\n",
}


@pytest.mark.parametrize("name", NO_EDIT)
def test_nothing_is_edited(name: str, tmp_path: Path) -> None:
    found = Snippet(tmp_path, NO_EDIT[name]).suggestions()
    assert found
    assert [each.edit for each in found] == [None] * len(found)
    assert not any(each.sure for each in found)


@pytest.mark.parametrize(
    "code",
    [
        # Nobody changes it; it is made anew; it was empty.
        "def pick(name, tried=[]):\n    assert name in tried\n\n\ndef main():\n    pick('a')\n",
        "def pick(name, tried=[]):\n    tried = [name]\n    tried.append(1)\n    assert not tried\n\n\n"
        "def main():\n    pick('a')\n",
        "def pick(name, tried=[]):\n    assert tried\n    tried.append(name)\n\n\ndef main():\n    pick('a')\n",
        "def pick(name, tried=()):\n    assert name in tried\n\n\ndef main():\n    pick('a')\n",
    ],
)
def test_a_default_that_has_nothing_to_do_with_it(code: str, tmp_path: Path) -> None:
    assert Snippet(tmp_path, code).suggestions() == ()


def test_of_two_that_may_be_meant_neither_is(tmp_path: Path) -> None:
    for code in (
        "def main(a=None, b=None):\n    return a.name, b.name\n",
        "def main(a={}, b={}):\n    return a['x'] or b['x']\n",
        "def main(a=0, b=0):\n    return 1 / a + 1 / b\n",
        "def main(a=[], b=[]):\n    return a[0], b[0]\n",
    ):
        snippet = Snippet(tmp_path, code)
        assert snippet.suggestions(marks=False, locals=False) == ()
        assert len(snippet.suggestions(marks=True, locals=False)) == 1


def test_what_was_recorded_speaks_against_it(tmp_path: Path) -> None:
    """The line was marked by nobody, and the one candidate was not what failed."""
    failing = Snippet(tmp_path, "def main(user=None):\n    return user.name\n").failing(marks=False)
    assert suggest(failing)
    assert suggest(replace(failing, locals={"user": {"$type": "shop.User", "name": "a"}})) == ()
    failing = Snippet(tmp_path, "def main(d={}):\n    return d['a']\n").failing(marks=False)
    assert suggest(replace(failing, locals={"d": {"a": 1}})) == ()
    failing = Snippet(tmp_path, "def main(n=0):\n    return 1 / n\n").failing(marks=False)
    assert suggest(replace(failing, locals={"n": 2})) == ()
    failing = Snippet(tmp_path, "def main(rows=()):\n    return rows[0]\n").failing(marks=False)
    assert suggest(replace(failing, locals={"rows": [1, 2]})) == ()


def test_a_mark_elsewhere_speaks_against_it(tmp_path: Path) -> None:
    failing = Snippet(tmp_path, "def main(d={}):\n    return d['a']\n").failing()
    assert failing.marks == (12, 18)
    assert suggest(replace(failing, marks=(5, 18))) == ()


def test_at_most_three(tmp_path: Path) -> None:
    failing = Snippet(tmp_path, "def main(d={'emial': 1}):\n    return d['email']\n").failing()
    assert 1 <= len(suggest(failing)) <= MOST == 3


def test_a_line_that_is_not_there_or_no_line_at_all(tmp_path: Path) -> None:
    failing = Snippet(tmp_path, "def main(d={}):\n    return d['a']\n\n").failing()
    for line in (0, -1, 3, 99):
        assert suggest(replace(failing, line=line)) == ()


_ERRORS = [
    ("KeyError", "'a'"),
    ("IndexError", "list index out of range"),
    ("AttributeError", "'NoneType' object has no attribute 'name'"),
    ("AttributeError", "'User' object has no attribute 'nmae'"),
    ("AttributeError", "'coroutine' object has no attribute 'name'"),
    ("TypeError", "'NoneType' object is not subscriptable"),
    ("TypeError", "'NoneType' object is not iterable"),
    ("TypeError", "'coroutine' object is not subscriptable"),
    ("TypeError", "unsupported operand type(s) for +: 'int' and 'str'"),
    ("TypeError", 'can only concatenate str (not "int") to str'),
    ("TypeError", "f() got an unexpected keyword argument 'nmae'"),
    ("TypeError", "C.f() takes 1 positional argument but 2 were given"),
    ("TypeError", "can't compare offset-naive and offset-aware datetimes"),
    ("ZeroDivisionError", "division by zero"),
    ("ValueError", "invalid literal for int() with base 10: ''"),
    ("ValueError", "max() arg is an empty sequence"),
    ("NameError", "name 'json' is not defined"),
    ("NameError", "name 'self' is not defined"),
    ("UnboundLocalError", "cannot access local variable 'a' where it is not associated with a value"),
    ("RuntimeError", "dictionary changed size during iteration"),
    ("StopIteration", ""),
    ("ModuleNotFoundError", "No module named 'jsn'"),
    ("requests.exceptions.ReadTimeout", "Read timed out."),
    ("sqlite3.OperationalError", "database is locked"),
    ("sqlite3.IntegrityError", "UNIQUE constraint failed: users.email"),
    ("json.decoder.JSONDecodeError", "Expecting value: line 1 column 1 (char 0)"),
    ("shop.New", "anything"),
]
_PIECES = [
    "def f(a, b=[]):\n", "async def f(nmae):\n", "class C:\n", "    def f(a):\n"
    "", "    return a['a'].name\n", "    x = a[0]\n",
    "import json, requests\n", "from datetime import datetime, timezone\n"
    "", "    requests.get(a['a'], json={\n", "        'é🙂': a.nmae,\n",
    "    })\n", "    for a in b: del a[a]\n", "    a += 1\n", "    'x' + a + 1 / b\n", "\tint(a)\n"
    "", "    raise E\n", "except E as err:\n",
    "try:\n", "    f(nmae=1, *a, **b)\n", "x = max(a) or next(a)\n"
    "", "\ufeff", "(", ")", '"""', "\r\n", "\x00", "    json.loads(a)\n",
    "    return f'{a[0]!r:>{b}}'\n", "import jsn\n", "    lambda: a.name\n", "@f(a['a'])\n"
    "", "    self.x = datetime.now() < a\n", "\\\n",
]  # fmt: skip
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from([[], {}, {"$more": 3}, {"$cut": "a"}]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "name", "$type", "$repr", "$more", "0"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(max_examples=examples(600), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    pieces=st.lists(st.sampled_from(_PIECES) | st.text(max_size=8), min_size=1, max_size=12),
    line=st.integers(1, 14),
    error=st.sampled_from(_ERRORS),
    locals=st.none() | st.dictionaries(st.sampled_from("abx"), _VALUES),
    marks=st.none() | st.tuples(st.integers(1, 20), st.integers(1, 40)),
    function=st.sampled_from(["f", "C.f", "<module>", "<lambda>", "<listcomp>", ""]),
)
def test_any_text_gets_edits_that_fit_into_it(
    pieces: list[str],
    line: int,
    error: tuple[str, str],
    locals: dict[str, object] | None,
    marks: tuple[int, int] | None,
    function: str,
) -> None:
    text = "".join(pieces).encode("utf-8", "replace").decode()
    lines = split_lines(text)
    source, tree = parse("\n".join(lines))
    failing = FailingLine(
        path="app.py",
        line=line,
        function=function,
        syntax=Syntax(lines, source, tree.root_node),
        failure=_failure(*error),
        marks=marks,
        locals=locals,  # type: ignore[arg-type]
    )
    sound = not tree.root_node.has_error
    for suggestion in suggest(failing):
        assert suggestion.title
        assert suggestion.evidence
        assert suggestion.sure <= (suggestion.edit is not None)
        if suggestion.edit is None:
            continue
        joined = "\n".join(lines)
        assert offset(joined, suggestion.edit.start.line, suggestion.edit.start.column) <= offset(
            joined, suggestion.edit.end.line, suggestion.edit.end.column
        )
        if sound:
            assert parses(applied(joined, suggestion.edit)), applied(joined, suggestion.edit)


def _failure(type: str, message: str) -> Failure:
    chain = (Link(type, message, None, "root_cause"), Link("KeyError", "'x'", None, "context"))
    return Failure("f", type, message, "s", "span", False, None, None, (), chain, 1)


@pytest.mark.parametrize("mistake", MISTAKES[:20], ids=str)
def test_every_rule_is_silent_about_every_line_of_a_text_that_works(mistake: object, tmp_path: Path) -> None:
    """Whatever line it is asked about, an error that no rule knows gets nothing."""
    failing = Snippet(tmp_path, mistake.code).failing()  # type: ignore[attr-defined]
    for line in range(1, len(failing.syntax.lines) + 1):
        other = replace(failing, line=line, marks=None, failure=replace(failing.failure, type="shop.E", message="no"))
        for rule in RULES:
            assert list(rule(other)) == []
