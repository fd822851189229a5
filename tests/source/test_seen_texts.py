"""What frames without a revision ran, remembered while the file is as it was."""

import os
from pathlib import Path

import pytest

from flux_ls.source import seen_texts
from flux_ls.source.seen_texts import SeenTexts
from flux_ls.source.text_cache import parsed
from flux_ls.source.workspace import Workspace
from tests.source.frames import frame

PATH = Path("/ws/pay.py")
PAY = """\
def charge(card):
    check(card)
    check(card)
    return card
"""


def test_the_text_counts_for_the_time_that_it_was_seen_for() -> None:
    seen, text, recorded = SeenTexts(), parsed(PATH, PAY), frame(line=2)
    assert seen.text(PATH, recorded, 5) is None
    seen.remember(PATH, recorded, 5, text)
    assert seen.text(PATH, recorded, 5) is text
    # The same line failed again, at a time at which the file may have been another.
    assert seen.text(PATH, recorded, 6) is None
    assert seen.text(Path("/ws/other.py"), recorded, 5) is None
    assert seen.text(PATH, frame(line=3), 5) is None


@pytest.mark.parametrize(("limit", "most"), [("_KEPT_FRAMES", 2), ("_KEPT_CHARACTERS", 2 * len(PAY) + 10)])
def test_the_oldest_are_given_up(monkeypatch: pytest.MonkeyPatch, limit: str, most: int) -> None:
    monkeypatch.setattr(seen_texts, limit, most)
    seen = SeenTexts()
    for number in range(3):
        seen.remember(PATH, frame(line=number), 5, parsed(PATH, f"{PAY}# {number}"))
    assert [seen.text(PATH, frame(line=number), 5) is not None for number in range(3)] == [False, True, True]


def test_one_text_of_any_size_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen_texts, "_KEPT_CHARACTERS", 5)
    seen = SeenTexts()
    text = parsed(PATH, PAY)
    for line in (1, 2):
        seen.remember(PATH, frame(line=line), 5, text)
    assert [seen.text(PATH, frame(line=line), 5) for line in (1, 2)] == [text, text]


@pytest.mark.parametrize(
    ("line", "text", "expected"),
    [
        (2, "import os\n\n" + PAY, ("moved", 4)),
        (3, "import os\n\n" + PAY, ("moved", 5)),
        (3, PAY.replace("def charge(card)", "def charge(self, card)"), ("exact", 3)),
        (3, PAY.replace("    check(card)\n", "", 1), ("edited", 2)),
        (4, PAY.replace("    check(card)\n", "", 1), ("moved", 3)),
        (3, PAY.replace("def charge", "def pay"), ("exact", 3)),
        (3, "x = 1\n", ("gone", 3)),
    ],
)
def test_a_line_is_followed_from_when_it_was_seen(
    tmp_path: Path, line: int, text: str, expected: tuple[str, int]
) -> None:
    """Of two equal lines the text alone tells nothing; that of the whole file, seen in time, does."""
    path = tmp_path / "ws/pay.py"
    path.parent.mkdir()
    path.write_text(PAY)
    os.utime(path, ns=(1000, 1000))
    recorded = frame(str(path), line, "charge", PAY.splitlines()[line - 1].strip())
    workspace = Workspace([path.parent])
    assert workspace.locate(recorded, 2000).anchor == "exact"
    path.write_text(text)
    located = workspace.locate(recorded, 2000)
    assert (located.anchor, located.line) == expected
    # Whoever comes later has not seen it.
    late = Workspace([path.parent]).locate(recorded, 2000)
    assert late.anchor != "exact" or (late.line == line and text.count("check(card)") == 1)
