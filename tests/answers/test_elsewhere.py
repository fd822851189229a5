"""Requests of another project that are in the same store: told apart only where that is sure."""

from pathlib import Path

import pytest

from flux_ls.answers.elsewhere import in_words, parted
from tests.recorded import PAYMENTS, Recorded
from tests.telemetry import SpanNode, http


def handled(file: str | Path, path: str = "/signup") -> SpanNode:
    told = {"code.file.path": str(file), "code.line.number": 10, "code.function.name": "signup"}
    return http("POST", path, 500, attributes=told)


def test_whose_code_it_was(recorded: Recorded, tmp_path: Path) -> None:
    other = tmp_path / "other" / "billing.py"
    clone = tmp_path / "clone" / "shop" / "payments.py"
    for file, text in ((other, "def bill():\n    pass\n"), (clone, PAYMENTS)):
        file.parent.mkdir(parents=True)
        file.write_text(text)
    roots = {
        "ours": handled(recorded.payments),
        "a clone's, whose file is here as well": handled(clone),
        "from a container": handled("/srv/app/billing.py"),
        "relative": handled("billing.py"),
        "nobody says": http("GET", "/"),
        "another's": handled(other),
        "another's, too": handled(other, "/bill"),
    }
    ids = {recorded.add(root): name for name, root in roots.items()}
    with recorded.reader() as reader:
        requests = [reader.request(id) for id in ids]
        ours, others = parted(reader, recorded.workspace(), requests)
    assert [ids[request.id] for request in ours] == list(roots)[:5]
    assert {file: [ids[request.id] for request in found] for file, found in others.items()} == {
        other: ["another's", "another's, too"]
    }
    assert in_words(others) == f"2 requests ran the code of another project ({other}): ask there"


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ([1], "1 request ran the code of another project (/a/0.py): ask there"),
        ([1000, 234], "1,234 requests ran the code of another project (/a/0.py and elsewhere): ask there"),
    ],
)
def test_the_words(recorded: Recorded, counts: list[int], words: str) -> None:
    id = recorded.add(http("GET", "/"))
    with recorded.reader() as reader:
        request = reader.request(id)
    assert in_words({Path(f"/a/{at}.py"): [request] * count for at, count in enumerate(counts)}) == words
