"""Anchors over whole histories, made up and merged: no line shown as right is one that git has elsewhere."""

import random
from collections import Counter
from pathlib import Path

import pytest

from tests.checkout import ALONE
from tests.source.made_history import Made, make
from tests.source.oracle import Outcome, outcomes, table


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ALONE.items():
        monkeypatch.setenv(name, value)


def another(made: Made, each: Outcome) -> bool:
    """Whether it was shown as the same line, and is another one: one that was there as well, or where its own still is.

    Git cannot tell two equal lines from each other, but who wrote them can. As good as the same is one that was
    written again after the line had gone, one that was written where the line was while that became another, and one
    that took its very place, between the lines that it was between.
    """
    sample, located, head = each.sample, each.located, made.commits[made.last]
    if located.anchor not in ("exact", "moved"):
        return False
    then, now = made.commits[sample.revision], head[located.display_path]
    ran, line = then[sample.path], sample.line - 1
    id, shown = ran.ids[line], now.ids[located.line - 1]
    was_there = any(shown in text.ids for text in then.values())
    own = [text.lines[text.ids.index(id)].strip() for text in head.values() if id in text.ids]
    written_anew = each.verdict == "right" and own != [sample.text.strip()]
    in_its_place = ran.ids[line - 1 : line + 2 : 2] == now.ids[located.line - 2 : located.line + 1 : 2]
    return id != shown and not in_its_place and (was_there or (bool(own) and not written_anew))


def check(made: Made, found: list[Outcome]) -> None:
    states = Counter(each.located.anchor for each in found)
    wrong = [each for each in found if each.verdict.startswith("wrong")]
    assert not [each for each in wrong if each.located.anchor in ("exact", "moved")], table(found)
    assert not [each for each in found if another(made, each)], table(found)
    # Whoever answers that everything is gone is never wrong. Of what git still has, nearly all has to be shown, most
    # of it for certain.
    alive = [each for each in found if each.alive is not None]
    shown = [each for each in alive if each.located.anchor in ("exact", "moved")]
    missed = [each for each in found if each.verdict.startswith("missed")]
    assert len(alive) > len(found) / 5
    assert len(shown) > 0.75 * len(alive), table(found)
    assert len(missed) + len(wrong) <= 0.02 * len(found), table(found)
    assert min(states[state] for state in ("exact", "moved", "edited", "gone")) > 0


def test_a_history(tmp_path: Path) -> None:
    made = make(tmp_path / "ws", seed=1, commits=60)
    check(made, list(outcomes(made.root, random.Random(1), points=10, files=4, lines=25)))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 8))
def test_more_and_longer_histories(tmp_path: Path, seed: int) -> None:
    made = make(tmp_path / "ws", seed, commits=150)
    check(made, list(outcomes(made.root, random.Random(seed), points=30, files=4, lines=25)))
