"""Hints and lenses of a file, as what was found of its failures decides them."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types
from msgspec.structs import replace

from flux_ls.lsp.client import Client
from flux_ls.lsp.code_lens import lenses
from flux_ls.lsp.diagnostics import NEWS_EVERY_S, RECOUNT_EVERY_S, Diagnostics, diagnostic, diagnostics, hints
from flux_ls.lsp.held import HELD_FOR_S, Held, held_at
from flux_ls.lsp.hover import fixed_at, hover
from flux_ls.lsp.snapshot import DAY_NS, FileFindings, Finding, Snapshot, files, still_fixed
from flux_ls.model import AnchorState, Proof
from tests.lsp.test_snapshot import URI, finding

NOW = 1_800_000_000 * 10**9
PROVEN = Proof("7b1d3f9a" + "0" * 24, 201, NOW)


def kind(id: int, *, count: int = 1, first: int = 0, line: int = 8, handled: bool = False) -> Finding:
    """A group of its own, first seen so many seconds ago."""
    made = finding(id, line, group=f"group {id}", handled=handled, count=count, seen=NOW)
    return replace(made, issue=replace(made.issue, first_seen_ns=NOW - first * 10**9))


def anchored(found: Finding, anchor: AnchorState = "exact", *, function_edited: bool = False) -> Finding:
    located = replace(found.place.located, anchor=anchor, function_edited=function_edited)
    return replace(found, place=replace(found.place, located=located))


def fixed(found: Finding, proof: Proof = PROVEN, def_line: str = "def charge(amount):") -> Finding:
    return replace(found, state="resolved", proof=proof, function_text=def_line)


def of_file(*found: Finding) -> FileFindings:
    return FileFindings(None, found)


@pytest.mark.parametrize(
    ("found", "named"),
    [
        ([kind(1), kind(2, first=-1)], 2),
        # What was handled, or is not sure, stands behind what fails on this line.
        ([kind(1, handled=True, count=500), kind(2)], 2),
        ([anchored(kind(1, count=500), "edited"), kind(2)], 2),
        ([anchored(kind(1), "edited"), kind(2, handled=True)], 2),
        ([replace(kind(1, count=500), stale=True), kind(2)], 2),
        # Ten times as many are more than one new one; twice as many are not.
        ([kind(1, count=12, first=50), kind(2)], 1),
        ([kind(1, count=8, first=50), kind(2)], 2),
    ],
)
def test_the_hint_of_a_line_names_what_matters_most(found: list[Finding], named: int) -> None:
    for order in (found, found[::-1]):
        (hint,) = hints(of_file(*order))
        assert hint.named.issue.id == named
        assert len(hint.others) == 1


def test_kinds_that_fail_in_turn_do_not_take_the_line_from_each_other() -> None:
    counts = (1, 1)
    changes, before = 0, 0
    for number in range(2_000):
        counts = (counts[0] + number % 2, counts[1] + (number + 1) % 2)
        one, two = (kind(id, count=count, first=id) for id, count in enumerate(counts, start=1))
        now = hints(of_file(one, two))[0].named.issue.id
        changes += now != before
        before = now
    assert changes <= 2 * 3 + 1, "there and back when one is the first with another digit"


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ([kind(1, count=12)], "KeyError: 'CHF' · 12 failures · last "),
        ([kind(1, count=12), kind(2)], "KeyError: 'CHF' · 12 failures · and 1 other kind here · last "),
        ([kind(1, count=1200), kind(2), kind(3)], "KeyError: 'CHF' · 1,200 failures · and 2 other kinds here · last "),
        ([kind(1, handled=True), kind(2, handled=True)], "handled: KeyError: 'CHF' · 1 time · and 1 other kind here"),
    ],
)
def test_the_words_of_a_hint(found: list[Finding], message: str) -> None:
    (made,) = diagnostics(of_file(*found), Client(), 50)
    assert made.message.startswith(message)


@pytest.mark.parametrize(
    ("anchor", "function_edited", "ends", "severity"),
    [
        ("exact", False, "", types.DiagnosticSeverity.Error),
        ("exact", True, " · its function has been edited since", types.DiagnosticSeverity.Error),
        ("moved", True, " · its function has been edited since", types.DiagnosticSeverity.Error),
        ("edited", False, " · unverified since your edit", types.DiagnosticSeverity.Hint),
    ],
)
def test_a_hint_says_how_sure_it_is(
    anchor: AnchorState, function_edited: bool, ends: str, severity: types.DiagnosticSeverity
) -> None:
    (made,) = hints(of_file(anchored(kind(1), anchor, function_edited=function_edited)))
    for shown in (diagnostic(made, Client()), diagnostic(made, Client(), "left out")):
        assert shown.message.endswith(ends)
        assert ("edit" in shown.message) == bool(ends)
        assert shown.severity == severity
        assert shown.data is not None
        assert shown.data["functionEdited"] is function_edited
    told = hover((made.named,), {}, Client(), NOW)
    assert told is not None
    assert isinstance(told.contents, types.MarkupContent)
    assert ("but its function has been edited since" in told.contents.value) == function_edited


@pytest.mark.parametrize(
    ("limit", "lines", "left_out"),
    [(1, [6], 5), (2, [5, 6], 4), (5, [2, 3, 4, 5, 6], 1), (6, [1, 2, 3, 4, 5, 6], 0), (50, [1, 2, 3, 4, 5, 6], 0)],
)
def test_what_is_left_out_of_a_file_is_said_in_its_last_hint(limit: int, lines: list[int], left_out: int) -> None:
    found = [kind(line, line=line, first=-line) for line in range(1, 7)]
    shown = diagnostics(of_file(*found), Client(), limit)
    assert [each.range.start.line + 1 for each in shown] == lines
    said = [each.message for each in shown if "left out" in each.message]
    more = "1 more hint" if left_out == 1 else f"{left_out} more hints"
    assert said == ([shown[-1].message] if left_out else [])
    assert f" · {more} left out, flux.hintsPerFile is {limit}" in shown[-1].message or not left_out


# What was mended


def titles(file: FileFindings | None) -> list[tuple[int, str]]:
    return [(lens.range.start.line + 1, lens.command.title) for lens in lenses(file, (), Client(), NOW) if lens.command]


@pytest.mark.parametrize(
    ("found", "mended", "held", "expected"),
    [
        ([], [fixed(kind(1))], [], [(7, "fixed: req:7b1d3f9a 201")]),
        ([], [fixed(kind(1), Proof(PROVEN.request_id, None, NOW))], [], [(7, "fixed: req:7b1d3f9a")]),
        # Where something fails in the function, that is what there is to say.
        (
            [replace(kind(2), function_text="def charge(amount):")],
            [fixed(kind(1))],
            [],
            [(7, "1 failure · last just now\u2007\u2007 · why")],
        ),
        # What lost its place is shown only where nothing has one.
        ([], [fixed(kind(1))], [fixed(kind(2))], [(7, "fixed: req:7b1d3f9a 201")]),
        ([], [], [fixed(kind(2)), kind(3, line=7)], [(7, "fixed: req:7b1d3f9a 201"), (7, "1 failure")]),
    ],
)
def test_the_lens_of_a_function(
    found: list[Finding], mended: list[Finding], held: list[Finding], expected: list[tuple[int, str]]
) -> None:
    made = titles(FileFindings(None, tuple(found), tuple(mended), tuple(held)))
    assert sorted((line, title.split(" · last")[0]) for line, title in made) == sorted(
        (line, title.split(" · last")[0]) for line, title in expected
    )


@pytest.mark.parametrize(
    ("age_ns", "expected"), [(0, 1), (DAY_NS, 1), (DAY_NS + 1, 0)], ids=["now", "a day", "longer than a day"]
)
def test_fixed_is_said_for_a_day(age_ns: int, expected: int) -> None:
    shown = files([], [fixed(kind(1))], [], {}, NOW + age_ns)
    assert sum(len(file.fixed) for file in shown.values()) == expected


def test_of_several_that_were_mended_in_a_function_the_latest_proof_is_shown() -> None:
    later = Proof("8" * 32, 200, NOW + 1)
    shown = files([], [fixed(kind(1)), fixed(kind(2, line=9), later), fixed(kind(3))], [], {}, NOW)
    assert [each.proof for each in shown[URI].fixed] == [later]


@pytest.mark.parametrize(
    ("group", "handled", "count", "seconds_after", "still"),
    [
        ("group 1", False, 1, 1, False),
        ("group 1", False, 1, -1, True),
        ("group 1", True, 1, 1, True),
        ("group 1", False, 0, 1, True),
        ("another", False, 1, 1, True),
    ],
)
def test_fixed_until_the_group_fails_again_on_any_line(
    group: str, handled: bool, count: int, seconds_after: int, still: bool
) -> None:
    other = finding(2, 30, group=group, handled=handled, count=count, seen=NOW + seconds_after * 10**9)
    mended = fixed(kind(1))
    before = replace(mended.issue, last_seen_ns=NOW - 5)
    assert bool(list(still_fixed([mended], [before, other.issue]))) == still


def test_hover_tells_what_was_mended_and_by_which_run() -> None:
    file = FileFindings(None, (), (fixed(kind(1, count=3)),))
    assert fixed_at(file, 3) == ()
    for line in (7, 8):
        told = hover((), {}, Client(), NOW + 120 * 10**9, mended=fixed_at(file, line))
        assert told is not None
        assert isinstance(told.contents, types.MarkupContent)
        assert told.contents.value == (
            "fixed: req:7b1d3f9a 201, 2 min ago\n"
            "it was KeyError: 'CHF'\n"
            f"3 failures, last 2 min ago, first {_at(NOW)}, request req:00000000"
        )


def _at(ns: int) -> str:
    from flux_ls.lsp import words

    return words.at(ns)


# While somebody types

TEXT = ["import stripe", "", "def refund(id):", "    pass", "", "", "def charge(amount):", "    return 1"]


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({}, 7),
        ({7: "def charge(amoun"}, 7),
        ({7: "def charge"}, 7),
        ({8: "    return (1"}, 7),
        ({1: "import stripe\nimport os"}, 8),
        ({2: "def charge(amount):"}, 7),
        ({7: ""}, 7),
        ({1: "import stripe\nimport os", 7: "de"}, 8),
        # It was taken out.
        ({7: "", 8: ""}, None),
        ({7: "x = [1, 2]", 8: ""}, None),
    ],
)
def test_a_lens_stays_where_its_function_is_as_far_as_one_can_tell(changed: dict[int, str], line: int | None) -> None:
    lines = "\n".join(changed.get(number, text) for number, text in enumerate(TEXT, start=1)).split("\n")
    found = fixed(kind(1))
    kept = held_at(replace(found, place=replace(found.place, text=TEXT[7])), lines)
    assert (None if kept is None else kept.head) == (None if line is None else (line, lines[line - 1]))


def test_a_lens_is_held_for_a_few_seconds_and_only_in_an_open_text() -> None:
    now = [0.0]
    held = Held(lambda: now[0])
    path = kind(1).place.located.path
    assert path is not None

    def still(*opened: str) -> list[int]:
        return [each.issue.id for each in held.still(opened, lambda path: TEXT)]

    held.hold(fixed(kind(1)))
    assert still(path) == [1]
    now[0] = HELD_FOR_S
    assert still(path) == [1]
    now[0] += 0.1
    assert still(path) == []
    held.hold(fixed(kind(1)))
    held.drop(1)
    assert still(path) == []
    held.hold(fixed(kind(1)))
    assert still() == []
    assert still(path) == []


# How often


class Published:
    """A client that was sent diagnostics."""

    def __init__(self) -> None:
        self.sent: list[types.PublishDiagnosticsParams] = []
        self.version: int | None = None
        self.diagnostics = Diagnostics(self.sent.append, lambda uri: self.version, lambda uri: 50)

    def show(self, *found: Finding) -> None:
        shown: dict[str, Any] = {URI: FileFindings(self.version, found)} if found else {}
        self.diagnostics.show(Snapshot(files=shown), Client())

    @property
    def lines(self) -> list[Sequence[int]]:
        return [[each.range.start.line + 1 for each in sent.diagnostics] for sent in self.sent]


@pytest.mark.asyncio
async def test_a_thousand_failures_a_second_are_a_few_publishes_and_the_last_count_arrives() -> None:
    client, began = Published(), asyncio.get_running_loop().time()
    for number in range(1, 1001):
        client.show(kind(1, count=number))
        await asyncio.sleep(0.001)
    await _until(lambda: " · 1,000 failures · " in client.sent[-1].diagnostics[0].message)
    took = asyncio.get_running_loop().time() - began
    assert len(client.sent) <= 2 + took / 0.5


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("flux_ls.lsp.diagnostics.time", made)
    return made


@pytest.mark.asyncio
async def test_what_looks_otherwise_waits_for_less_than_what_is_only_counted(clock: Clock) -> None:
    client = Published()
    client.show(kind(1))
    for count, pause in ((1, NEWS_EVERY_S), (2, RECOUNT_EVERY_S)):
        found = kind(1, count=count), kind(2, line=9)
        before = len(client.sent)
        clock.now += pause - 0.01
        client.show(*found)
        assert len(client.sent) == before
        clock.now += 0.01
        client.show(*found)
        assert len(client.sent) == before + 1
    # After a pause it waits for nothing.
    clock.now += 1
    client.show(kind(1, count=3), kind(2, line=9))
    assert len(client.sent) == 4
    client.diagnostics.stop()


@pytest.mark.asyncio
async def test_what_is_new_moved_or_gone_and_every_edit(clock: Clock) -> None:
    client = Published()
    client.show(kind(1))
    client.show(kind(1), kind(2, line=9))
    assert client.lines == [[8]], "a moment later"
    clock.now += NEWS_EVERY_S
    await _until(lambda: client.lines == [[8], [8, 9]])
    client.version = 1
    client.show(kind(1), kind(2, line=10))
    client.version = 2
    client.show(kind(1), kind(2, line=11))
    assert client.lines[2:] == [[8, 10], [8, 11]], "an edit waits for nothing"
    client.show()
    assert client.lines[4:] == [[]], "nor does what is gone"
    client.show(kind(1))
    assert len(client.sent) == 5
    clock.now += NEWS_EVERY_S
    await _until(lambda: client.lines[5:] == [[8]])


@pytest.mark.asyncio
async def test_what_was_found_in_the_text_of_a_document_is_not_published_once_it_is_closed() -> None:
    client = Published()
    client.version = 3
    client.show(kind(1))
    late = Snapshot(files={URI: FileFindings(3, (kind(1, line=20),))})
    client.version = None
    client.diagnostics.show(late, Client())
    await asyncio.sleep(0.3)
    assert client.lines == [[8]]
    client.show(kind(1, line=9))
    assert client.lines == [[8], [9]]
    assert client.sent[-1].version is None


@pytest.mark.asyncio
async def test_a_file_that_has_only_what_was_mended_is_not_published() -> None:
    client = Published()
    client.diagnostics.show(Snapshot(files={URI: FileFindings(None, (), (fixed(kind(1)),))}), Client())
    assert client.sent == []


async def _until(condition: Any) -> None:
    for _ in range(2_000):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it never came")


def test_the_path_of_the_fixture_is_the_one_of_the_uri() -> None:
    assert Path(kind(1).place.located.path or "").as_uri() == URI
