"""Findings while somebody types: what follows the edits is what the text as a whole would give."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lsprotocol import types

from flux_ls.lsp.convert import path_to_uri
from flux_ls.lsp.documents import Document
from flux_ls.lsp.findings import Buffer, Findings, Surroundings
from flux_ls.lsp.snapshot import Snapshot
from flux_ls.lsp.watch import News
from flux_ls.model import Failure, Frame, Issue
from flux_ls.source.functions import FunctionIndex

TEXT = '''\
import math

class Prices:
    """All of them."""

    def net(self, gross):
        return gross / self.rate  # per cent

    @property
    def rate(self):
        return float("no rate")

def total(prices):
    add = lambda one, other: (
        one + other
    )
    return add(*prices)

total([1])
'''
RECORDED = {7: "Prices.net", 11: "Prices.rate", 15: "total.<locals>.<lambda>", 17: "total", 19: "<module>"}
TYPED = ["x", "\n", "(", ")", '"""', "#", "    ", "def f():\n", "    def g(self): ...\n", "\r", "🐍", "", "", ""]


class Watched:
    """A worker, and the latest that it handed out."""

    def __init__(self, root: Path, issues: tuple[Issue, ...]) -> None:
        self.snapshot = Snapshot()
        self._findings = Findings(self._show, lambda mended: None)
        self._findings.put(Surroundings((root,)))
        self._findings.put(News(issues=issues, afresh=True))
        self._findings.start()

    def after(self, buffer: Buffer) -> Snapshot:
        self._findings.put(buffer)
        self._findings.settled().result(20)
        return self.snapshot

    def stop(self) -> None:
        self._findings.stop()
        assert self._findings.join(20)

    def _show(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot


def issues() -> Iterator[Issue]:
    lines = TEXT.split("\n")
    frames = [
        Frame("/srv/shop/prices.py", line, function, True, source=lines[line - 1].strip())
        for line, function in RECORDED.items()
    ]
    for number, frame in enumerate(frames, 1):
        failure = Failure(
            fingerprint=f"fingerprint {number}",
            type="ValueError",
            message="no price",
            span_id="1" * 16,
            span_name="GET /",
            handled=False,
            location=frame,
            location_reason=None,
            frames=(frames[0], frame),
            chain=(),
            at_ns=1,
        )
        yield Issue(number, failure, None, 1, 2**62, 2**62, None, None, "2" * 32, False)


def places(snapshot: Snapshot) -> dict[str, tuple[str, int, int | None, int | None, str, int | None]]:
    """Where each group is shown."""
    shown = {}
    for file in snapshot.files.values():
        for finding in file.findings:
            at = finding.place.located
            shown[finding.issue.failure.fingerprint] = (
                at.anchor, at.line, at.column, at.end_column, at.function, at.function_line
            )  # fmt: skip
    return shown


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("typing")
    (root / "shop").mkdir()
    (root / "shop" / "prices.py").write_text(TEXT)
    return root


@pytest.fixture(scope="module")
def workers(root: Path) -> Iterator[tuple[Watched, Watched]]:
    pair = Watched(root, tuple(issues())), Watched(root, tuple(issues()))
    yield pair
    for worker in pair:
        worker.stop()


@given(data=st.data())
@settings(deadline=None, max_examples=60)
def test_edits_place_findings_as_the_whole_text_does(
    root: Path, workers: tuple[Watched, Watched], data: st.DataObject
) -> None:
    following, afresh = workers
    path = str(root / "shop" / "prices.py")
    document = Document(path_to_uri(path), TEXT, 1, "utf-32")
    for worker in workers:
        # What was typed before is gone: the file was closed.
        worker.after(Buffer(document.uri, path, None, None))
        worker.after(Buffer(document.uri, path, 1, TEXT))
    assert len(following.snapshot.files[document.uri].findings) == len(RECORDED)
    for version in range(2, 8):
        edits = []
        for _ in range(data.draw(st.integers(1, 2))):
            line = data.draw(st.integers(0, 19))
            start, end = sorted(data.draw(st.tuples(st.integers(0, 40), st.integers(0, 40))))
            where = types.Range(
                types.Position(line, start), types.Position(line, data.draw(st.sampled_from([start, end])))
            )
            change = types.TextDocumentContentChangePartial(where, data.draw(st.sampled_from(TYPED)))
            edit = document.apply(change)
            assert edit is not None
            edits.append(edit)
        carried = places(following.after(Buffer(document.uri, path, version, document.text, tuple(edits))))
        compared = places(afresh.after(Buffer(document.uri, path, version, document.text)))
        # Edits tell more than a comparison of both ends can: where that is sure, they say the same.
        sure = {each: place for each, place in compared.items() if place[0] in ("exact", "moved")}
        assert {each: carried.get(each) for each in sure} == sure


def test_an_edit_reads_no_text_from_the_start(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Watched(root, tuple(issues()))
    path = str(root / "shop" / "prices.py")
    document = Document(path_to_uri(path), TEXT, 1, "utf-16")
    worker.after(Buffer(document.uri, path, 1, TEXT))
    read = list[str]()
    parse = FunctionIndex.parse
    monkeypatch.setattr(FunctionIndex, "parse", lambda text: read.append(text) or parse(text))
    for version, typed in enumerate(("# one\n", "(", '"""', "\n"), 2):
        here = types.Position(0, 0)
        edit = document.apply(types.TextDocumentContentChangePartial(types.Range(here, here), typed))
        assert edit is not None
        shown = worker.after(Buffer(document.uri, path, version, document.text, (edit,)))
        assert shown.files[document.uri].version == version
    worker.stop()
    assert read == []
