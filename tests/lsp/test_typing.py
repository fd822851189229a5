"""Findings while somebody types: each is where its line went, as the text as a whole tells it too."""

import ast
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lsprotocol import types

from flux_ls.lsp.convert import Encoding, path_to_uri
from flux_ls.lsp.documents import Document
from flux_ls.lsp.findings import LOOK_AT_FILES_EVERY_S, Findings, Surroundings
from flux_ls.lsp.open_files import Buffer
from flux_ls.lsp.placing import Placing
from flux_ls.lsp.snapshot import Snapshot
from flux_ls.lsp.watch import News
from flux_ls.model import Failure, Frame, Issue
from flux_ls.source.functions import FunctionIndex
from flux_ls.source.lines import split_lines
from tests.examples import examples

TEXT = '''\
import math

class Prices:
    """All of them."""

    def net(self, gross):
        return gross / self.rate  # é🙂 per cent

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
WHOLE = {
    "Prices.net": range(3, 12),
    "Prices.rate": range(3, 12),
    "total.<locals>.<lambda>": range(13, 18),
    "total": range(13, 18),
    "<module>": range(1, 21),
}
"""The lines that a function's name and range depend on."""
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
        return self.settled()

    def settled(self) -> Snapshot:
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


def test_a_question_puts_nothing_together_again_where_nothing_is_new(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mouse moves often, and a store may have thousands of issues."""
    made: list[float] = []
    put_together = Placing.snapshot

    def noted(self: Placing, handled: tuple[tuple[str, bool], ...]) -> Snapshot:
        made.append(time.monotonic())
        return put_together(self, handled)

    monkeypatch.setattr(Placing, "snapshot", noted)
    worker = Watched(root, tuple(issues()))
    try:
        assert len(places(worker.settled())) == len(RECORDED)
        before = len(made)
        began = time.monotonic()
        for _ in range(500):
            worker.settled()
        # What only time changes is looked at on the beat.
        assert len(made) - before <= (time.monotonic() - began) / LOOK_AT_FILES_EVERY_S + 1
        path = root / "shop" / "prices.py"
        moved = worker.after(Buffer(path.as_uri(), str(path), 1, "\n" + TEXT))
        assert places(moved)["fingerprint 1"][:2] == ("moved", 8)
    finally:
        worker.stop()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
@given(data=st.data())
@settings(deadline=None, max_examples=examples(30))
def test_edits_carry_findings_to_where_their_lines_went(
    root: Path, workers: tuple[Watched, Watched], encoding: Encoding, data: st.DataObject
) -> None:
    following, afresh = workers
    path = str(root / "shop" / "prices.py")
    document = Document(path_to_uri(path), TEXT, 1, encoding)
    for worker in workers:
        # What was typed before is gone: the file was closed.
        worker.after(Buffer(document.uri, path, None, None))
        worker.after(Buffer(document.uri, path, 1, TEXT))
    assert len(following.snapshot.files[document.uri].findings) == len(RECORDED)
    travelled: list[int | None] = list(range(1, TEXT.count("\n") + 2))
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
            travelled[edit.first : edit.last] = [None] * len(edit.lines)
        carried = places(following.after(Buffer(document.uri, path, version, document.text, tuple(edits))))
        compared = places(afresh.after(Buffer(document.uri, path, version, document.text)))
        # Edits tell more than a comparison of both ends can: where that is sure, they say the same.
        sure = {each: place for each, place in compared.items() if place[0] in ("exact", "moved")}
        assert {each: carried.get(each) for each in sure} == sure
        lines = split_lines(document.text)
        for number, (recorded, function) in enumerate(RECORDED.items(), 1):
            state, at, *_ = carried.get(f"fingerprint {number}", ("gone", 0))
            if state in ("exact", "moved"):
                assert lines[at - 1].strip() == TEXT.split("\n")[recorded - 1].strip()
                assert travelled[at - 1] in (None, recorded)
            if recorded in travelled and _parses(document.text) and _travelled_whole(function, travelled):
                assert (state, at) == (("exact", "moved")[at != recorded], travelled.index(recorded) + 1)


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError):
        return False
    return True


def _travelled_whole(function: str, travelled: list[int | None]) -> bool:
    """Whether all lines of a function's outermost scope are still there, one after the other."""
    lines = list(WHOLE[function])
    first = travelled.index(lines[0]) if lines[0] in travelled else -1
    return first >= 0 and travelled[first : first + len(lines)] == lines


def test_a_text_that_is_closed_far_below_gives_a_line_its_comment_back(root: Path) -> None:
    worker = Watched(root, tuple(issues()))
    path = str(root / "shop" / "prices.py")
    document = Document(path_to_uri(path), TEXT, 1, "utf-16")
    worker.after(Buffer(document.uri, path, 1, TEXT))

    def columns(version: int, line: int, start: int, end: int, typed: str) -> tuple[int | None, int | None]:
        where = types.Range(types.Position(line, start), types.Position(line, end))
        edit = document.apply(types.TextDocumentContentChangePartial(where, typed))
        assert edit is not None
        _, _, column, end_column, *_ = places(
            worker.after(Buffer(document.uri, path, version, document.text, (edit,)))
        )["fingerprint 1"]
        return column, end_column

    assert columns(2, 4, 0, 0, 'def f():"""') == (9, 48)
    assert columns(3, 10, 0, 36, "x") == (9, 33)
    worker.stop()


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
