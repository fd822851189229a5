"""What replays say of issue groups: by which text, and which of several counts."""

from pathlib import Path

import pytest

from flux_ls.lsp.trials import Body, Trial, by_group, digest_of, fixed_by, still_holds
from flux_ls.source.workspace import Workspace

CODE = "import os\n\n\ndef charge(amount):\n    return amount / 0\n\n\ndef other():\n    pass\n"


def trial(id: str, *, passing: bool, group: str = "g", status: int | None = 200) -> Trial:
    error = None if passing else "KeyError: 'x'"
    return Trial(group, id * 32, passing, status, error, same=False, began_ns=1, bodies=())


@pytest.mark.parametrize(
    ("trials", "expected"),
    [
        ([], {}),
        ([trial("a", passing=True)], {"g": "a"}),
        ([trial("a", passing=True), trial("b", passing=False)], {"g": "b"}),
        ([trial("b", passing=False), trial("a", passing=True)], {"g": "b"}),
        ([trial("a", passing=True), trial("b", passing=False, group="h")], {"g": "a", "h": "b"}),
    ],
)
def test_of_several_the_one_that_fails_counts(trials: list[Trial], expected: dict[str, str]) -> None:
    assert {group: found.request_id[0] for group, found in by_group(trials).items()} == expected


@pytest.mark.parametrize(
    ("change", "holds"),
    [
        (("", ""), True),
        (("pass", "return 2"), True),
        (("import os", "import sys\nimport os"), True),
        (("amount / 0", "amount / 1"), False),
        (("charge(amount)", "charge(amount, note=None)"), False),
        (("def charge", "@traced\ndef charge"), False),
        (("def charge", "def pay"), False),
    ],
)
def test_it_holds_until_its_function_is_another(tmp_path: Path, change: tuple[str, str], holds: bool) -> None:
    path = tmp_path / "pay.py"
    path.write_text(CODE)
    before = Workspace([tmp_path])
    body = Body(str(path), "charge", digest_of(before, str(path), "charge"))
    tried = Trial("g", "a" * 32, True, 200, None, same=False, began_ns=1, bodies=(body,))
    overlay = {path: CODE.replace(*change) if change[0] else CODE}
    assert still_holds(tried, Workspace([tmp_path], overlay=overlay)) is holds


def test_it_names_the_request() -> None:
    assert fixed_by(trial("a", passing=True)) == "fixed: replay of req:aaaaaaaa 200"
    assert fixed_by(trial("a", passing=True, status=None)) == "fixed: replay of req:aaaaaaaa"
