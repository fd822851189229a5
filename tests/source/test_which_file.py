"""Which of several files ran, told by git and by what was recorded beside the frame; real repositories."""

import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest
from msgspec.structs import replace

from flux_ls.model import Frame, LocatedFrame
from flux_ls.source.learned import LearnedPair
from flux_ls.source.workspace import Workspace
from tests.source.frames import frame
from tests.source.test_paths import write

LATER = 2**62
PAY = "def pay(card):\n    return gateway.charge(card)\n"
REFUND = "def refund(card):\n    return gateway.refund(card)\n"
SETTINGS = "import os\n\nDEBUG = os.environ['DEBUG']\n"


def git(root: Path, *words: str) -> str:
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    return subprocess.run(
        ["git", *who, *words], cwd=root, check=True, capture_output=True, text=True, timeout=30
    ).stdout.strip()


def commit(root: Path, files: dict[str, str]) -> str:
    write(root, files)
    if not (root / ".git").exists():
        git(root, "init", "--quiet")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "files")
    return git(root, "rev-parse", "HEAD")


def pay(path: str, revision: str | None = None) -> Frame:
    return replace(frame(path, 2, "pay", "return gateway.charge(card)"), revision=revision)


def module(path: str, revision: str | None = None) -> Frame:
    return replace(frame(path, 3, "<module>", "DEBUG = os.environ['DEBUG']"), revision=revision)


def shown(located: LocatedFrame) -> tuple[str, str]:
    return located.anchor, located.display_path


def test_the_revision_that_ran_tells_files_apart_that_are_equal_today(tmp_path: Path) -> None:
    then = commit(tmp_path, {"a/app/main.py": PAY, "b/app/main.py": REFUND})
    commit(tmp_path, {"b/app/main.py": PAY})
    workspace = Workspace([tmp_path])
    assert workspace.locate(pay("/srv/app/main.py"), LATER).candidates == ("a/app/main.py", "b/app/main.py")
    assert shown(workspace.locate(pay("/srv/app/main.py", then), LATER)) == ("exact", "a/app/main.py")


def test_files_that_were_equal_when_they_ran_are_not_told_apart(tmp_path: Path) -> None:
    then = commit(tmp_path, {"a/app/main.py": PAY, "b/app/main.py": PAY})
    located = Workspace([tmp_path]).locate(pay("/srv/app/main.py", then), LATER)
    assert located.anchor == "unmapped"
    assert located.candidates == ("a/app/main.py", "b/app/main.py")


def test_a_revision_that_is_not_here_is_named_where_it_would_tell(tmp_path: Path) -> None:
    commit(tmp_path, {"a/app/main.py": PAY, "b/app/main.py": PAY})
    located = Workspace([tmp_path]).locate(pay("/srv/app/main.py", "a" * 40), LATER)
    assert located.anchor == "unmapped"
    assert "2 files fit equally well" in (located.reason or "")
    assert f"the revision {'a' * 12} is not in this clone: git fetch" in (located.reason or "")


def test_what_git_says_of_one_file_is_learned_for_others(tmp_path: Path) -> None:
    then = commit(tmp_path, {"a/app.py": PAY, "a/settings.py": SETTINGS, "b/settings.py": SETTINGS})
    # Today the text says nothing of the kind any more.
    commit(tmp_path, {"a/app.py": "import gateway\n", "a/settings.py": SETTINGS})
    workspace = Workspace([tmp_path])
    assert workspace.locate(module("/srv/settings.py", then), LATER).anchor == "unmapped"
    assert workspace.locate(pay("/srv/app.py", then), LATER).anchor == "gone"
    assert workspace.learned() == (LearnedPair("/srv", tmp_path / "a"),)
    assert shown(workspace.locate(module("/srv/settings.py", then), LATER)) == ("exact", "a/settings.py")
    assert shown(workspace.locate(module("/srv/settings.py"), LATER)) == ("exact", "a/settings.py")


@pytest.mark.parametrize("column", [None, 1])
def test_git_teaches_where_functions_are_not_read(tmp_path: Path, column: int | None) -> None:
    then = commit(tmp_path, {"web/src/pay.js": "charge()\n", "web/x.js": "go()\n", "admin/x.js": "go()\n"})
    workspace = Workspace([tmp_path])

    def script(path: str) -> Frame:
        return replace(frame(path, 1, "pay", language="javascript", column=column), revision=then)

    assert workspace.locate(script("/app/x.js"), LATER).anchor == "unmapped"
    assert shown(workspace.locate(script("/app/src/pay.js"), LATER)) == ("exact", "web/src/pay.js")
    assert shown(workspace.locate(script("/app/x.js"), LATER)) == ("exact", "web/x.js")


def test_a_renamed_file_teaches_nothing_of_where_it_was(tmp_path: Path) -> None:
    then = commit(tmp_path, {"a/orders/pay.py": PAY})
    git(tmp_path, "mv", "a", "b")
    git(tmp_path, "commit", "--quiet", "--message", "rename")
    workspace = Workspace([tmp_path])
    assert shown(workspace.locate(pay("/srv/orders/pay.py", then), LATER)) == ("moved", "b/orders/pay.py")
    assert [pair.folder for pair in workspace.learned()] == [tmp_path / "b"]


def test_two_clones_of_what_ran_are_not_told_apart(tmp_path: Path) -> None:
    then = commit(tmp_path / "one", {"shop/pay.py": PAY})
    git(tmp_path, "clone", "--quiet", "one", "two")
    roots = [tmp_path / "one", tmp_path / "two"]
    located = Workspace(roots).locate(pay("/srv/shop/pay.py", then), LATER)
    assert located.anchor == "unmapped"
    assert located.candidates == tuple(str(root / "shop/pay.py") for root in roots), "each by a name of its own"
    assert "2 checkouts have what ran" in (located.reason or "")
    exact = Workspace(roots).locate(pay(str(roots[1] / "shop/pay.py"), then), LATER)
    assert (exact.anchor, exact.path) == ("exact", str(roots[1] / "shop/pay.py"))


def test_roots_in_one_checkout_are_no_two_clones(tmp_path: Path) -> None:
    then = commit(tmp_path / "ws", {"a/orders/pay.py": PAY, "b/orders/pay.py": REFUND})
    commit(tmp_path / "ws", {"b/orders/pay.py": PAY})
    (tmp_path / "link").symlink_to(tmp_path / "ws")
    for more in ("ws/a", "link"):
        workspace = Workspace([tmp_path / "ws", tmp_path / more])
        assert workspace.locate(pay("/srv/orders/pay.py", then), LATER).anchor == "exact"


def test_a_file_in_a_linked_folder_has_the_history_of_what_the_link_leads_to(tmp_path: Path) -> None:
    write(tmp_path, {"libs/common/pay.py": PAY, "services/a/orders/ship.py": REFUND})
    (tmp_path / "services/a/shared").symlink_to("../../libs/common")
    then = commit(tmp_path, {})
    write(tmp_path, {"libs/common/pay.py": "import gateway\n\n" + PAY})
    located = Workspace([tmp_path], ["/app=services/a"]).locate(pay("/app/shared/pay.py", then), LATER)
    assert (located.anchor, located.line, located.reason) == ("moved", 4, None)


def test_a_text_that_git_does_not_have_is_known_by_its_id(tmp_path: Path) -> None:
    then = commit(tmp_path, {"a/app/main.py": "", "b/app/main.py": ""})
    write(tmp_path, {"a/app/main.py": PAY + "# a\n", "b/app/main.py": PAY + "# b\n"})
    blob = git(tmp_path, "hash-object", "b/app/main.py")
    dirty = replace(pay("/srv/app/main.py", then), blob=blob)
    assert shown(Workspace([tmp_path]).locate(dirty, LATER)) == ("exact", "b/app/main.py")
    other = replace(dirty, blob="a" * 40)
    assert Workspace([tmp_path]).locate(other, LATER).anchor == "unmapped"


def test_other_frames_are_asked_for_once_and_only_where_they_can_tell(tmp_path: Path) -> None:
    write(tmp_path, {"a/orders/pay.py": PAY, "a/settings.py": SETTINGS, "b/settings.py": SETTINGS})
    asked: list[int] = []

    def others() -> Iterable[Frame]:
        asked.append(1)
        return [pay("/app/orders/pay.py"), pay("/app/lib/orders/pay.py"), frame("<string>"), frame("")]

    workspace = Workspace([tmp_path], others=others)
    assert workspace.locate(frame("/app/nowhere.py"), LATER).anchor == "unmapped"
    assert not asked
    assert shown(workspace.locate(module("/app/settings.py"), LATER)) == ("exact", "a/settings.py")
    assert workspace.locate(module("/srv/settings.py"), LATER).anchor == "unmapped"
    assert len(asked) == 1
