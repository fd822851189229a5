"""What is said of a place beside its line."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from flux_ls.answers.shapes import FrameShape
from flux_ls.cli.places import anchor_note

ROOT = Path("/home/ada/shop")
HERE = FrameShape(
    "shop/prices.py", "/home/ada/shop/shop/prices.py", 5, 5, None, "price_of", True, "exact", "return base"
)
ELSEWHERE = replace(HERE, recorded_path="/srv/app/shop/prices.py", line=7)


@pytest.mark.parametrize(
    ("frame", "note"),
    [
        (HERE, None),
        (replace(HERE, function_edited=True), "its function has been edited since"),
        (replace(ELSEWHERE, line=5), "recorded as /srv/app/shop/prices.py line 5"),
        (replace(ELSEWHERE, anchor="moved"), "moved since it was recorded as /srv/app/shop/prices.py line 5"),
        (
            replace(ELSEWHERE, anchor="moved", function_edited=True),
            "moved since it was recorded as /srv/app/shop/prices.py line 5; its function has been edited since",
        ),
        (
            replace(ELSEWHERE, anchor="edited"),
            "unverified: the code was edited since; recorded as /srv/app/shop/prices.py line 5",
        ),
        (
            replace(ELSEWHERE, anchor="gone", reason="it is not there"),
            "gone from today's code: it is not there; recorded as /srv/app/shop/prices.py line 5",
        ),
        (
            replace(ELSEWHERE, anchor="unmapped", reason="2 files fit", candidates=("a/x.py", "b/x.py")),
            "not found in this workspace: 2 files fit (a/x.py, b/x.py)",
        ),
    ],
)
def test_a_note_says_how_the_place_and_todays_code_fit_together(frame: FrameShape, note: str | None) -> None:
    assert anchor_note(frame, ROOT) == note
