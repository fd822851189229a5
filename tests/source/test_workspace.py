"""Frames located in real files and unsaved texts."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flux_ls.model import Frame, Language, LocatedFrame
from flux_ls.source.workspace import Workspace
from tests.source.frames import frame

TEXT = """\
class Gateway:
    def charge(self, card):
        raise ValueError("no card")  # fault
"""
SOURCE = 'raise ValueError("no card")  # fault'
LATER = 2**62


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "ws/shop").mkdir(parents=True)
    (tmp_path / "ws/shop/payments.py").write_text(TEXT)
    return tmp_path / "ws"


def recorded(path: str = "/srv/app/shop/payments.py", line: int = 3) -> Frame:
    return frame(path, line, "charge", SOURCE)


def state(located: LocatedFrame) -> tuple[str, int]:
    return located.anchor, located.line


def test_everything_about_a_located_frame(root: Path) -> None:
    located = Workspace([root]).locate(recorded(), LATER)
    assert located == LocatedFrame(
        frame=recorded(),
        anchor="exact",
        path=str(root / "shop/payments.py"),
        display_path="shop/payments.py",
        line=3,
        column=9,
        end_column=36,
        function="Gateway.charge",
        function_line=2,
    )


def test_everything_about_an_unmapped_frame(root: Path) -> None:
    located = Workspace([root]).locate(recorded("/srv/app/nowhere.py"), LATER)
    assert located == LocatedFrame(
        frame=recorded("/srv/app/nowhere.py"),
        anchor="unmapped",
        path=None,
        display_path="/srv/app/nowhere.py",
        line=3,
        column=None,
        end_column=None,
        function="charge",
        function_line=None,
        reason=located.reason,
    )
    assert "nowhere.py" in (located.reason or "")


def test_candidates_are_shown_below_their_roots(root: Path) -> None:
    (root / "old/shop").mkdir(parents=True)
    (root / "old/shop/payments.py").write_text(TEXT)
    located = Workspace([root]).locate(recorded(), LATER)
    assert (located.anchor, sorted(located.candidates)) == ("unmapped", ["old/shop/payments.py", "shop/payments.py"])


def test_unsaved_text_wins(root: Path) -> None:
    overlay: dict[Path, str] = {}
    workspace = Workspace([root], overlay=overlay)
    assert state(workspace.locate(recorded(), LATER)) == ("exact", 3)
    overlay[root / "shop/payments.py"] = "\n\n" + TEXT
    assert state(workspace.locate(recorded(), LATER)) == ("moved", 5)
    overlay[root / "shop/payments.py"] = TEXT.replace("charge", "pay")
    assert state(workspace.locate(recorded(), LATER)) == ("exact", 3)
    assert Workspace([root], overlay=overlay).locate(recorded(), LATER).anchor == "unmapped"
    assert state(workspace.locate(recorded(str(root / "shop/payments.py")), LATER)) == ("exact", 3)
    overlay.clear()
    assert state(workspace.locate(recorded(), LATER)) == ("exact", 3)


def test_what_is_not_saved_is_held_against_what_is_on_disk(root: Path) -> None:
    overlay = {root / "shop/payments.py": TEXT.replace("\n", "\r\n")}
    bare = frame("/srv/app/shop/payments.py", 3, "charge")
    workspace = Workspace([root], overlay=overlay)
    assert workspace.locate(bare, LATER).anchor == "exact"
    assert workspace.locate(bare, 0).anchor == "edited"
    overlay[root / "shop/payments.py"] += "# typed"
    assert workspace.locate(bare, LATER).anchor == "exact"
    overlay[root / "shop/payments.py"] = "# typed\n" + TEXT
    assert state(workspace.locate(bare, LATER)) == ("moved", 4)
    overlay[root / "shop/payments.py"] = TEXT.replace(TEXT.splitlines()[2], "        pass")
    assert state(workspace.locate(bare, LATER)) == ("edited", 3)
    assert workspace.locate(bare, 0).anchor == "edited"


def test_saved_changes_are_seen(root: Path) -> None:
    workspace = Workspace([root])
    path = root / "shop/payments.py"
    assert state(workspace.locate(recorded(), LATER)) == ("exact", 3)
    path.write_text("# one more\n" + TEXT)
    assert state(workspace.locate(recorded(), LATER)) == ("moved", 4)
    path.unlink()
    assert workspace.locate(recorded(), LATER).anchor == "unmapped"


def test_a_change_that_leaves_time_and_size_alone_is_seen_once_it_is_forgotten(root: Path) -> None:
    workspace = Workspace([root])
    path = root / "shop/payments.py"
    stamp = path.stat().st_mtime_ns
    assert list(workspace.lines(path)) == TEXT.split("\n")
    path.write_text(TEXT.upper())
    os.utime(path, ns=(stamp, stamp))
    workspace.forget(path)
    assert list(workspace.lines(path)) == TEXT.upper().split("\n")


@pytest.mark.skipif(os.name == "nt", reason="needs symbolic links")
def test_unsaved_text_of_a_file_opened_through_a_link(root: Path) -> None:
    (root.parent / "link").symlink_to(root)
    moved = "\n" + TEXT
    for opened, rooted in ((root.parent / "link", root), (root, root.parent / "link")):
        workspace = Workspace([rooted], overlay={opened / "shop/payments.py": moved})
        located = workspace.locate(recorded(), LATER)
        assert (located.anchor, located.path) == ("moved", str(rooted / "shop/payments.py"))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\0" + TEXT.encode(), "binary"),
        (b"#" * (5 * 1024 * 1024) + b"\n" + TEXT.encode(), "larger"),
    ],
)
def test_files_that_are_not_read(root: Path, data: bytes, reason: str) -> None:
    (root / "shop/payments.py").write_bytes(data)
    workspace = Workspace([root])
    located = workspace.locate(recorded(str(root / "shop/payments.py")), LATER)
    assert located.anchor == "unmapped"
    assert reason in (located.reason or "")
    assert workspace.lines(root / "shop/payments.py") == ()
    assert workspace.functions(root / "shop/payments.py") == ()


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs a file that may not be read")
def test_files_that_may_not_be_read(root: Path) -> None:
    (root / "shop/payments.py").chmod(0)
    located = Workspace([root]).locate(recorded(str(root / "shop/payments.py")), LATER)
    assert located.anchor == "unmapped"
    assert "cannot be read" in (located.reason or "")


@pytest.mark.parametrize(
    "data",
    [
        TEXT.replace("\n", "\r").encode(),
        TEXT.replace("\n", "\r\n").encode(),
        b"\xef\xbb\xbf" + TEXT.encode(),
        TEXT.rstrip("\n").encode(),
        TEXT.replace("    ", "\t").encode(),
        TEXT.replace("class", "\x0cclass").encode(),
        ('"""\x0c\x1c\u2028"""' + TEXT.removeprefix("class Gateway:") + "class A: pass")
        .replace("    def", "def")
        .encode(),
        ("# coding: latin-1\n" + TEXT).replace("# fault", "# \xe9\xe9").encode("latin-1"),
    ],
)
def test_texts_of_every_kind(root: Path, data: bytes) -> None:
    path = root / "shop/payments.py"
    path.write_bytes(data)
    workspace = Workspace([root])
    line = 4 if b"coding" in data else 3
    source = workspace.lines(path)[line - 1].strip()
    located = workspace.locate(frame(str(path), line, "charge", source), LATER)
    assert state(located) == ("exact", line)
    text = workspace.lines(path)[located.line - 1]
    assert text[(located.column or 0) - 1 : (located.end_column or 0) - 1] == 'raise ValueError("no card")'


def test_scripts_without_a_suffix(root: Path) -> None:
    (root / "run").write_text("#!/usr/bin/env python\n" + TEXT)
    (root / "www").write_text("#!/usr/bin/env node\ncharge()\n")
    workspace = Workspace([root])
    assert workspace.locate(frame("/srv/run", 4, "charge", SOURCE), LATER).function == "Gateway.charge"
    script = frame("/srv/www", 2, "Object.<anonymous>", language="javascript", column=1)
    assert state(workspace.locate(script, LATER)) == ("exact", 2)
    assert [each.name for each in workspace.functions(root / "run")] == ["Gateway.charge"]
    assert workspace.functions(root / "www") == ()


def test_a_template_is_anchored_by_its_text(root: Path) -> None:
    (root / "shop/cart.html").write_text("\n<p>{{ cart.total }}</p>\n")
    located = Workspace([root]).locate(
        frame("/srv/shop/cart.html", 1, "top-level template code", "<p>{{ cart.total }}</p>"), 1
    )
    assert (state(located), located.function, located.function_line) == (("moved", 2), "top-level template code", None)


def test_texts_are_parsed_once_and_given_up_when_there_are_many(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from flux_ls.source import text_cache

    parsed: list[int] = []
    parse = text_cache.FunctionIndex.parse
    monkeypatch.setattr(text_cache.FunctionIndex, "parse", lambda text: parsed.append(len(text)) or parse(text))
    monkeypatch.setattr(text_cache, "_MAX_HELD", 3 * len(TEXT))
    workspace = Workspace([root])
    paths = [root / f"f{number}.py" for number in range(4)]
    for path in paths:
        path.write_text(TEXT)
    for _ in range(5):
        for path in paths[:3]:
            assert len(workspace.functions(path)) == 1
    assert len(parsed) == 3
    workspace.functions(paths[3])
    workspace.functions(paths[0])
    assert len(parsed) == 5


PARTS = [
    "/",
    "srv",
    "shop",
    "payments.py",
    "\\",
    "..",
    "C:",
    "file://",
    "<",
    ">",
    "\0",
    "\ud800",
    "x" * 300,
    "é",
    "%ff",
]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    path=st.lists(st.sampled_from(PARTS), max_size=6).map("".join),
    line=st.integers(-5, 2**40),
    function=st.lists(st.sampled_from([".", "<", ">", "charge", "Gateway", "é"]), max_size=4).map("".join),
    source=st.none() | st.text(max_size=20) | st.just(SOURCE),
    language=st.sampled_from(["python", "javascript", "go", "java"]),
    column=st.none() | st.integers(-5, 2**40),
)
def test_no_frame_raises(
    root: Path, path: str, line: int, function: str, source: str | None, language: Language, column: int | None
) -> None:
    recorded = Frame(path, line, function, True, column=column, source=source, language=language)
    located = Workspace([root], ["/srv=."]).locate(recorded, LATER)
    assert (located.path is None) == (located.anchor == "unmapped")
    assert (located.reason is None) == (located.anchor in ("exact", "moved", "edited"))


def test_no_roots() -> None:
    assert Workspace([]).locate(recorded(), LATER).anchor == "unmapped"
    assert Workspace([], ["/srv=."]).locate(recorded(), LATER).anchor == "unmapped"


def test_how_the_lines_of_a_file_end(root: Path) -> None:
    (root / "crlf.py").write_bytes(b"x = 1\r\ny = 2\r\n")
    (root / "lf.py").write_bytes(b"x = 1\n")
    overlay: dict[Path, str] = {}
    workspace = Workspace([root], overlay=overlay)
    assert [workspace.newline(root / name) for name in ("crlf.py", "lf.py", "none.py")] == ["\r\n", "\n", "\n"]
    overlay[root / "lf.py"] = "x = 1\r\n"
    assert workspace.newline(root / "lf.py") == "\r\n"


def test_a_shown_path_leads_back_to_its_file(root: Path, tmp_path: Path) -> None:
    (root / "own.py").write_text("x = 1\n")
    other = tmp_path / "other"
    other.mkdir()
    (other / "own.py").write_text("x = 1\n")
    assert Workspace([root]).absolute("own.py") == root / "own.py"
    assert Workspace([root]).absolute("none.py") is None
    assert Workspace([root]).absolute("../other/own.py") is None
    assert Workspace([root]).absolute(str(other / "own.py")) is None
    # In which of the roots cannot be told.
    assert Workspace([root, other]).absolute("own.py") is None
