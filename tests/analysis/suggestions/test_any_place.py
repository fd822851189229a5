"""What fails may stand anywhere: in any expression, in any statement. The edits fit, by CPython's own parser."""

import ast
import warnings

from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from flux_ls.analysis.suggestions import FailingLine, Suggestion, Syntax, suggest
from flux_ls.model import Failure, Link
from flux_ls.source.grammar import parse
from flux_ls.source.lines import split_lines
from tests.analysis.suggestions.broken import applied, parses

HEAD = "import json, requests, datetime\nfrom datetime import timezone\n\n\nasync def load(): ...\n\n\n"

FAILING = [
    ('d["k"]', "KeyError", "'k'"),
    ("d[k]", "KeyError", "'k'"),
    ('d.pop("k")', "KeyError", "'k'"),
    ("u.name", "AttributeError", "'NoneType' object has no attribute 'name'"),
    ("u.a[0].name", "AttributeError", "'NoneType' object has no attribute 'name'"),
    ("u[1]", "TypeError", "'NoneType' object is not subscriptable"),
    ("len(q)", "TypeError", "object of type 'NoneType' has no len()"),
    ("k in q", "TypeError", "argument of type 'NoneType' is not iterable"),
    ("[z for z in q]", "TypeError", "'NoneType' object is not iterable"),
    ("r[0]", "IndexError", "list index out of range"),
    ("r.pop()", "IndexError", "pop from empty list"),
    ("next(i)", "StopIteration", ""),
    ("next(z for z in i)", "StopIteration", ""),
    ("max(r)", "ValueError", "max() arg is an empty sequence"),
    ("min(z for z in r)", "ValueError", "min() arg is an empty sequence"),
    ("a / b", "ZeroDivisionError", "division by zero"),
    ("a % len(r)", "ZeroDivisionError", "integer modulo by zero"),
    ("int(s)", "ValueError", "invalid literal for int() with base 10: ''"),
    ("float(s)", "TypeError", "float() argument must be a string or a real number, not 'NoneType'"),
    ("'x' + n", "TypeError", 'can only concatenate str (not "int") to str'),
    ("n + 'x'", "TypeError", "unsupported operand type(s) for +: 'int' and 'str'"),
    ("load().name", "AttributeError", "'coroutine' object has no attribute 'name'"),
    ("load()[0]", "TypeError", "'coroutine' object is not subscriptable"),
    ("d.items", "AttributeError", "'Cart' object has no attribute 'items'"),
    ("usr", "NameError", "name 'usr' is not defined"),
    ("re.sub", "NameError", "name 're' is not defined"),
    ("load(nmae=1)", "TypeError", "load() got an unexpected keyword argument 'nmae'"),
    ("requests.get(s)", "requests.exceptions.ReadTimeout", "Read timed out."),
    ("requests.post(s, *r)", "requests.exceptions.ReadTimeout", "Read timed out."),
    ("json.loads(s)", "json.decoder.JSONDecodeError", "Expecting value: line 1 column 1 (char 0)"),
    ("a < datetime.datetime.now()", "TypeError", "can't compare offset-naive and offset-aware datetimes"),
]
EXPRESSIONS = [
    "{e}", "f({e})", "f(x={e})", "f(1, {e}, *y)", "[{e}, 1]", "({e})", "({e}, )", "{{1: {e}}}", "{{{e}}}", "{{**{e}}}",
    "{e}.upper()", "{e}[0]", "{e}[0:1]", "y[{e}]", "y[{e}:]", "{e} + 1", "1 - {e}", "-{e}", "not {e}", "{e} ** 2",
    "{e} if x else y", "x if {e} else y", "x if y else {e}", "lambda: {e}", "[z for z in {e}]", "[{e} for z in y]",
    "[z for z in y if {e}]", "f({e} for z in y)", "x == {e}", "{e} == x", "{e} < x < y", "x is {e}", "(w := {e})",
    "{e} or 1", "x and {e}", "f(*{e})", "f(**{e})", "(yield {e})", "await {e}", "f'''{{{e}}}'''", "f'''{{{e}!r:>9}}'''",
    "int({e})", "'é🙂' + str({e})", "f(\n        {e},\n    )", "(\n        {e}\n    )", "f(y)({e})", "{e}(1)",
]  # fmt: skip
STATEMENTS = [
    "return {e}", "x = {e}", "x: int = {e}", "g, h = {e}", "x += {e}", "{e}", "{e}  # é", "if {e}: pass",
    "while {e}: break",
    "for z in {e}: pass", "with {e} as z: pass", "assert {e}, 'no'", "del x[{e}]", "raise E({e})", "raise E from {e}",
    "print({e}, sep='')", "x = y = {e}", "x = {e}; y = 1", "if x: return {e}", "def g(p={e}): pass",
    "@g({e})\n    def h(): pass",
    "class C({e}): pass", "x.y = {e}", "x[{e}] = 1", "try: {e}\n"
    "    except E as err: pass", "return x, {e}",
    "x = \\\n        {e}",
    "{e}.z = 1", "{e} = 1", "del {e}", "{e} += 1", "async with {e}: pass", "match {e}:\n        case 1: pass",
    "if x:\n        if y:\n            return {e}", "global G; G = {e}", "return 'é🙂', {e}",
]  # fmt: skip


def _failure(type: str, message: str) -> Failure:
    return Failure(
        "f", type, message, "s", "span", False, None, None, (), (Link(type, message, None, "root_cause"),), 1
    )


def compiles(text: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(text, "app.py", "exec")
    except SyntaxError:
        return False
    return True


@settings(max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(
    failing=st.sampled_from(FAILING),
    around=st.lists(st.sampled_from(EXPRESSIONS), max_size=2),
    statement=st.sampled_from(STATEMENTS),
    layout=st.sampled_from(["plain", "tabs", "method"]),
    is_async=st.booleans(),
)
def test_an_edit_leaves_a_program_and_changes_one_statement(
    failing: tuple[str, str, str], around: list[str], statement: str, layout: str, is_async: bool
) -> None:
    expression, type, message = failing
    for each in around:
        expression = each.replace("{e}", expression) if "{{" not in each else each.format(e=expression)
    body = statement.replace("{e}", expression)
    text = f"{HEAD}{'async ' * is_async}def main(usage, resub):\n    {body}\n    return None\n\n\ndef after(): ...\n"
    if layout == "tabs":
        text = text.replace("    ", "\t")
    if layout == "method":
        head, _, rest = text.partition(f"{'async ' * is_async}def main")
        rest = f"{'async ' * is_async}def main{rest}".replace("(usage", "(self, usage")
        text = head + "class Shop:\n" + "\n".join(f"    {line}" if line else "" for line in rest.split("\n"))
    assume(compiles(text))
    lines = split_lines(text)
    element = failing[0]
    line = next(at for at, each in enumerate(lines, 1) if element in each)
    source, tree = parse(text)
    assert not tree.root_node.has_error
    found = suggest(FailingLine("app.py", line, "main", Syntax(lines, source, tree.root_node), _failure(type, message)))
    event(f"{len(found)} suggestions")
    for suggestion in found:
        if suggestion.edit is not None:
            event("an edit")
            check(text, suggestion)


def check(text: str, suggestion: Suggestion) -> None:
    assert suggestion.edit is not None
    mended = applied(text, suggestion.edit)
    assert compiles(mended), (suggestion.title, mended)
    assert parses(mended)
    assert mended != text
    before, after = statements(text), statements(mended)
    changed = [one for one in before if one not in after]
    assert len(changed) <= 1, (suggestion.title, changed)


def statements(text: str) -> list[str]:
    """Each simple statement and each header, as it is meant."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.stmt):
            inner = [child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.stmt)]
            found.append(f"{type(node).__name__} {[ast.dump(child) for child in inner]}")
    return found
