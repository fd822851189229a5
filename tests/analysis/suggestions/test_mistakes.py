"""Each mistake is made for real, mended by the edit that is suggested, and made again."""

import re
import warnings
from pathlib import Path

import pytest

from flux_ls.analysis.suggestions import suggest
from tests.analysis.suggestions.broken import Snippet, offset, parses
from tests.analysis.suggestions.mistakes import MISTAKES, Mistake

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::DeprecationWarning")

LAYOUTS = {
    "plain": lambda code: code,
    "crlf": lambda code: code.replace("\n", "\r\n"),
    "tabs": lambda code: code.replace("    ", "\t"),
    "bom": lambda code: "\ufeff" + code,
    "below-a-long-text": lambda code: '"""é🙂\n\n    def main(): pass\n"""\n' + code.replace('"""Doc."""\n', ""),
}


def knows(mistake: Mistake, *, locals: bool, marks: bool) -> bool:
    return {"": True, "either": locals or marks, "locals": locals, "marks": marks}[mistake.needs]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_the_best_suggestion_mends_it(mistake: Mistake, layout: str, tmp_path: Path) -> None:
    snippet = Snippet(tmp_path, LAYOUTS[layout](mistake.code))
    text = snippet.text.removeprefix("\ufeff")
    failing = snippet.failing()
    found = suggest(failing)
    assert [each.title for each in found][:1] == [re.sub(r"at line (\d+)", _moved(layout), mistake.title)]
    best = found[0]
    assert failing.place in best.evidence or best.edit is not None
    assert best.sure == mistake.sure
    if not mistake.mends:
        assert best.edit is None
        return
    assert best.edit is not None
    assert best.edit.path == "app.py"
    snippet.text = text
    mended = snippet.mended(best)
    assert parses(mended.text)
    again = mended.run()
    assert again.error is None
    assert again.value == mistake.value
    # Nothing but the edit's range is another text, and lines end as they did.
    first = offset(text, best.edit.start.line, best.edit.start.column)
    last = offset(text, best.edit.end.line, best.edit.end.column)
    assert mended.text[:first] == text[:first]
    assert mended.text.endswith(text[last:])
    if layout == "crlf":
        assert not re.search(r"(?<!\r)\n", mended.text)


def _moved(layout: str) -> object:
    lines = 4 if layout == "below-a-long-text" else 0
    return lambda match: f"at line {int(match[1]) + lines}"


@pytest.mark.parametrize("locals", [True, False], ids=["locals", "no-locals"])
@pytest.mark.parametrize("marks", [True, False], ids=["marks", "no-marks"])
@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_without_marks_or_locals_it_is_the_same_suggestion_or_none(
    mistake: Mistake, locals: bool, marks: bool, tmp_path: Path
) -> None:
    found = Snippet(tmp_path, mistake.code).suggestions(locals=locals, marks=marks)
    titles = [each.title for each in found]
    if knows(mistake, locals=locals, marks=marks):
        assert titles[:1] == [mistake.title]
    else:
        assert mistake.title not in titles


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_another_error_on_the_same_line_gets_no_such_suggestion(mistake: Mistake, tmp_path: Path) -> None:
    """The line fits, the error does not."""
    snippet = Snippet(tmp_path, mistake.code)
    failing = snippet.failing()
    from msgspec.structs import replace

    other = replace(failing, failure=replace(failing.failure, type="shop.Declined", message="card declined"))
    assert suggest(other) == ()


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_the_same_error_on_another_line_gets_no_such_suggestion(mistake: Mistake, tmp_path: Path) -> None:
    """The error fits, the line does not: a `raise`, an assignment of a constant, a `def`."""
    from msgspec.structs import replace

    from flux_ls.analysis.suggestions import Syntax
    from flux_ls.source.grammar import parse

    failing = Snippet(tmp_path, mistake.code).failing()
    for line in ("    raise error", "    x = 1", "    pass", "    return None", "    x = y"):
        text = f"def {failing.function if failing.function.isidentifier() else 'main'}():\n{line}\n"
        source, tree = parse(text)
        other = replace(
            failing, line=2, marks=None, syntax=Syntax(text.split("\n"), source, tree.root_node), locals=None
        )
        assert suggest(other) == (), line


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_an_error_from_below_the_line_is_not_the_lines(mistake: Mistake, tmp_path: Path) -> None:
    """A library that the line calls failed in itself."""
    from msgspec.structs import replace

    failing = Snippet(tmp_path, mistake.code).failing()
    if "json" in mistake.name:
        return
    assert suggest(replace(failing, below=("call", "library"))) == ()


def test_the_mistakes_have_names_of_their_own() -> None:
    names = [mistake.name for mistake in MISTAKES]
    assert len(set(names)) == len(names)
    warnings.resetwarnings()
