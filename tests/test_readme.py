"""The README's reference is what the commands and settings say of themselves."""

from pathlib import Path

import pytest

from flux_ls.cli.main import COMMANDS
from flux_ls.cli.reference import SECTIONS, renewed
from flux_ls.config import OPTIONS

README = Path(__file__).parent.parent / "README.md"
RENEW = "renew it with 'python -m flux_ls.cli.reference README.md'"


@pytest.mark.parametrize("section", SECTIONS)
def test_the_reference_has_its_place(section: str) -> None:
    text = README.read_text(encoding="utf-8")
    assert f"<!-- reference:{section} -->\n" in text
    assert f"<!-- /reference:{section} -->" in text


def test_the_reference_is_up_to_date() -> None:
    text = README.read_text(encoding="utf-8")
    assert text == renewed(text), RENEW


def test_the_reference_names_every_command_and_every_setting() -> None:
    empty = "".join(f"<!-- reference:{name} -->\n<!-- /reference:{name} -->\n" for name in SECTIONS)
    text = renewed(empty)
    for name in COMMANDS:
        assert f"`flux {name}`" in text
    for option in OPTIONS:
        for spelled in (option.name, option.env, option.editor, option.flag):
            assert f"`{spelled}`" in text
    assert renewed(text) == text
