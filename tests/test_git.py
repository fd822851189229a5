"""What git is asked, on real repositories, and what it never does to them."""

import contextlib
import hashlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flux_ls.git.asking import GitError, Missing
from flux_ls.git.differences import Hunk, differences
from flux_ls.git.patches import Edit, Patched
from flux_ls.git.repository import Blob, Repository
from tests.checkout import ALONE, commit, git, new, write
from tests.examples import examples


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests may have settings of git that matter here."""
    for name, value in ALONE.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return new(tmp_path / "ws")


# How texts differ.


def patched(before: Sequence[str], after: Sequence[str], hunks: Sequence[Hunk]) -> list[str]:
    made, done = list[str](), 0
    for hunk in hunks:
        made += before[done : hunk.before]
        made += after[hunk.after : hunk.after + hunk.after_lines]
        done = hunk.before + hunk.before_lines
    return [*made, *before[done:]]


ANY_LINE = st.text(
    st.characters(exclude_characters="\n", codec=None) | st.sampled_from("\r\x0c\x1c\u2028\ud800\udcff\t\ufeff"),
    max_size=6,
)
LINE = st.sampled_from(["", "a", "b", " a", "}", "@@ -1 +1 @@", "-a", "+b", "\\ No newline at end of file"]) | ANY_LINE


@settings(max_examples=examples(60))
@given(st.lists(LINE, max_size=12), st.lists(LINE, max_size=12))
def test_differences_make_one_text_of_the_other(before: list[str], after: list[str]) -> None:
    hunks = differences(before, after)
    assert patched(before, after, hunks) == after
    # Between hunks is a line that both have: they are as small as they can be.
    ends = [(hunk.before + hunk.before_lines, hunk.after + hunk.after_lines) for hunk in hunks]
    assert all(end[0] < hunk.before for end, hunk in zip(ends, hunks[1:], strict=False))


@settings(max_examples=examples(40))
@given(st.lists(st.sampled_from(["a", "b", "c", "  a", ""]), max_size=14), st.data())
def test_differences_are_those_that_git_tells_of_two_commits(before: list[str], data: st.DataObject) -> None:
    after = list(before)
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(after)))
        after[at : at + data.draw(st.integers(0, 2))] = data.draw(
            st.lists(st.sampled_from(["a", "b", "c", "x"]), max_size=2)
        )
    blobs = [git(_scratch(), "hash-object", "-w", "--stdin", asked=_bytes(lines)) for lines in (before, after)]
    told = git(_scratch(), "diff", "-U0", "--diff-algorithm=myers", *blobs)
    assert [_header(hunk) for hunk in differences(before, after)] == re.findall(r"^@@ .* @@", told, re.MULTILINE)


def _header(hunk: Hunk) -> str:
    sides = ((hunk.before, hunk.before_lines), (hunk.after, hunk.after_lines))
    old, new = (f"{first + (count > 0)}" + (f",{count}" if count != 1 else "") for first, count in sides)
    return f"@@ -{old} +{new} @@"


_made: list[Path] = []


def _scratch() -> Path:
    return _made[0]


@pytest.fixture(scope="module", autouse=True)
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    _made[:] = [new(tmp_path_factory.mktemp("scratch"))]
    yield
    _made.clear()


def _bytes(lines: Sequence[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([], [], ()),
        ([""], [""], ()),
        ([], ["a"], (Hunk(0, 0, 0, 1),)),
        (["a"], [], (Hunk(0, 1, 0, 0),)),
        # A text without a last line break has no empty last line; that is a difference of the last line alone.
        (["a", "b"], ["a", "b", ""], (Hunk(2, 0, 2, 1),)),
        (["a", "b"], ["b"], (Hunk(0, 1, 0, 0),)),
        (["a"], ["b"], (Hunk(0, 1, 0, 1),)),
        (["a", "b", "c"], ["a", "x", "c"], (Hunk(1, 1, 1, 1),)),
        (["a", "b", "c"], ["x", "b", "y"], (Hunk(0, 1, 0, 1), Hunk(2, 1, 2, 1))),
        (["a\r", "b"], ["a", "b"], (Hunk(0, 1, 0, 1),)),
        (["\ud800"], ["\udcff"], (Hunk(0, 1, 0, 1),)),
        (["\0", "a"], ["\0", "b"], (Hunk(1, 1, 1, 1),)),
        (["é" * 1000], ["é" * 1001], (Hunk(0, 1, 0, 1),)),
        (["a\x0cb"], ["a\x0cb", "c"], (Hunk(1, 0, 1, 1),)),
    ],
)
def test_differences(before: list[str], after: list[str], expected: tuple[Hunk, ...]) -> None:
    assert differences(before, after) == expected


SETTINGS = {
    "diff.interHunkContext": "10",
    "diff.context": "5",
    "diff.noprefix": "true",
    "diff.algorithm": "patience",
    "diff.external": "false",
    "diff.colorMoved": "zebra",
    "color.ui": "always",
    "core.pager": "false",
    "core.autocrlf": "true",
    "core.whitespace": "cr-at-eol",
    "diff.wsErrorHighlight": "all",
    "diff.relative": "true",
}


def test_the_user_s_settings_of_git_diff_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, after = ["a", "b", "c", "d", "e"], ["x", "b", "c", "d", "y"]
    expected = (Hunk(0, 1, 0, 1), Hunk(4, 1, 4, 1))
    assert differences(before, after) == expected
    for name, value in SETTINGS.items():
        git(tmp_path, "config", "-f", "settings", name, value)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "settings"))
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", "false")
    monkeypatch.setenv("GIT_DIFF_OPTS", "--unified=7")
    assert differences(before, after) == expected
    assert differences(["a\r"], ["a"]) == (Hunk(0, 1, 0, 1),)


# Commits.


def test_a_commit_by_its_id_or_the_beginning_of_it(root: Path) -> None:
    first, second = commit(root, {"a.py": "a\n"}), commit(root, {"a.py": "b\n"})
    repository = Repository(root)
    assert repository.head() == second
    for revision in (first, first[:7], first[:12], first[:9].upper(), first.upper()):
        assert repository.commit(revision) == first


@pytest.mark.parametrize(
    "revision",
    [
        "", "HEAD~1", "main", "@", "--output=x", "-x", "a\nb", "deadbee\n", "HEAD:a.py", "abc", "1234567^", ":/change",
        "refs/heads/main", "main@{1}", "v1.0", "1" * 65, "é" * 8, "../" * 5, "unknown",
    ],
)  # fmt: skip
def test_what_is_no_commit_id(root: Path, revision: str) -> None:
    commit(root, {"a.py": "a\n"})
    commit(root, {"a.py": "b\n"})
    with pytest.raises(Missing, match="is no commit id"):
        Repository(root).commit(revision)
    assert sorted(path.name for path in root.iterdir()) == [".git", "a.py"]


def test_a_branch_or_tag_that_is_named_like_an_id_is_none(root: Path) -> None:
    first, second = commit(root, {"a.py": "a\n"}), commit(root, {"a.py": "b\n"})
    repository = Repository(root)
    git(root, "branch", "20231015")
    with pytest.raises(Missing, match="the revision 20231015 is not in this clone"):
        repository.commit("20231015")
    git(root, "tag", first[:7], second)
    assert repository.commit(first[:7]) == first


def test_what_is_no_commit_of_this_clone(root: Path) -> None:
    commit(root, {"a.py": "a\n"})
    repository = Repository(root)
    blob = git(root, "rev-parse", "HEAD:a.py")
    for revision, how in (
        ("0" * 40, f"git fetch origin {'0' * 40}"),
        ("abcdef0", "git fetch --all"),
        (blob, "git fetch"),
        (blob[:9], "git fetch --all"),
    ):
        with pytest.raises(Missing, match=f"the revision {revision[:12]} is not in this clone: {how}"):
            repository.commit(revision)


def test_the_beginning_of_several_commits(root: Path) -> None:
    commit(root, {"a.py": "a\n"})
    tree = git(root, "rev-parse", "HEAD^{tree}")
    seen: dict[str, bytes] = {}
    for number in range(10**6):
        data = b"tree %b\nauthor A <a> 1 +0000\ncommitter A <a> 1 +0000\n\n%d\n" % (tree.encode(), number)
        short = hashlib.sha1(b"commit %d\0" % len(data) + data).hexdigest()[:7]
        if short in seen:
            break
        seen[short] = data
    one, other = (git(root, "hash-object", "-t", "commit", "-w", "--stdin", asked=each) for each in (seen[short], data))
    repository = Repository(root)
    with pytest.raises(Missing, match=f"several commits of this clone begin with {short}"):
        repository.commit(short)
    assert [repository.commit(each) for each in (one, other)] == [one, other]


def test_a_commit_that_a_shallow_clone_left_out(root: Path, tmp_path: Path) -> None:
    first = commit(root, {"a.py": "a\n"})
    last = commit(root, {"a.py": "b\n"})
    git(tmp_path, "clone", "-q", "--depth=1", root.as_uri(), "shallow")
    repository = Repository(tmp_path / "shallow")
    assert repository.commit(last) == last
    for revision in (first, first[:8]):
        with pytest.raises(Missing, match=f"the revision {first[:8]}.* is not in this clone: git fetch --unshallow"):
            repository.commit(revision)


def test_nothing_is_committed_yet(root: Path) -> None:
    repository = Repository(root)
    assert repository.head() is None
    with pytest.raises(Missing):
        repository.commit("0" * 40)


def test_a_detached_head(root: Path) -> None:
    first = commit(root, {"a.py": "a\n"})
    commit(root, {"a.py": "b\n"})
    git(root, "checkout", "-q", "--detach", first)
    assert Repository(root).head() == first


# Files.


def test_the_files_of_a_commit(root: Path) -> None:
    odd = ["é ü.py", "-x.py", ":(top)y.py", "a*.py", 'q".py', os.fsdecode(b"\xff.py")]
    id = commit(root, {"a.py": "a\n", "sub/b.py": "b\n", **dict.fromkeys(odd, "odd\n")})
    repository = Repository(root)
    assert sorted(repository.files(id)) == sorted(["a.py", "sub/b.py", *odd])
    for path in odd:
        found = repository.blob(id, path)
        assert found is not None
        assert found.content == b"odd\n"
        assert repository.blob_by_id(found.id) == found


def test_a_file_at_a_commit(root: Path) -> None:
    content = b"\xff\0a\r\nb\n\nmissing\n"
    id = commit(root, {"a.bin": content, "empty": "", "sub/b.py": "b\n"})
    repository = Repository(root)
    assert repository.blob(id, "a.bin") == Blob(git(root, "rev-parse", "HEAD:a.bin"), content)
    found = repository.blob(id, "empty")
    assert found is not None
    assert found.content == b""
    for none in ("none.py", "sub", "", "a\nb", "a.bin/x"):
        assert repository.blob(id, none) is None
    assert repository.blob_by_id(id) is None
    assert repository.blob_by_id("--batch-all-objects") is None
    assert repository.blob_by_id("0" * 40) is None


LONG = "".join(f"line {number}\n" for number in range(30))


def test_renames(root: Path) -> None:
    first = commit(root, {"a.py": LONG, "b.py": LONG.upper(), "é.py": LONG[:50], "gone.py": "x\n"})
    git(root, "mv", "a.py", "c.py")
    (root / "new").mkdir()
    git(root, "mv", "b.py", "new/b.py")
    git(root, "rm", "-q", "gone.py")
    second = commit(root, {"new/b.py": LONG.upper().replace("LINE 7", "seven")})
    # A file of the old name is no rename, and a copy is none.
    third = commit(root, {"a.py": "another\n", "copy.py": LONG})
    repository = Repository(root)
    assert repository.renames(first, second) == {"a.py": "c.py", "b.py": "new/b.py"}
    assert repository.renames(first, third) == {"b.py": "new/b.py"}
    assert repository.renames(second, first) == {"c.py": "a.py", "new/b.py": "b.py"}
    assert repository.renames(first, first) == {}


def test_the_last_change_of_a_file_through_merges(root: Path) -> None:
    first = commit(root, {"a.py": LONG, "b.py": "b\n"})
    git(root, "checkout", "-q", "-b", "topic")
    on_topic = commit(root, {"a.py": LONG + "topic\n"})
    git(root, "checkout", "-q", "main")
    own = commit(root, {"b.py": "bb\n"})
    git(root, "merge", "-q", "--no-ff", "-m", "merge", "topic")
    merge = git(root, "rev-parse", "HEAD")
    last = commit(root, {"c.py": "c\n"})
    repository = Repository(root)
    for before, after, path, expected in (
        # On the way of the branch that is checked out, the merge brought the change.
        (first, last, "a.py", merge),
        (first, last, "b.py", own),
        (first, last, "c.py", last),
        (own, merge, "a.py", merge),
        (first, on_topic, "a.py", on_topic),
        (first, own, "a.py", None),
        (last, first, "a.py", None),
        (first, last, "none.py", None),
        (first, last, "--all", None),
    ):
        assert repository.last_change(before, after, path) == expected, (path, expected)


def test_changed_and_unknown_and_touched(root: Path) -> None:
    first = commit(root, {"a.py": "a\n", "b.py": "b\n", "sub/c.py": "c\n", ".gitignore": "ignored*\n"})
    second = commit(root, {"a.py": "aa\n", "b.py": None, "new.py": "n\n"})
    repository = Repository(root)
    assert sorted(repository.changed(first, second)) == ["a.py", "new.py"]
    assert repository.changed(second, second) == ()
    assert repository.unknown_to(second) == ()
    assert repository.touched(second) == ()
    write(root, {"added.py": "x\n", "é stray.py": "x\n", "ignored.py": "x\n", "sub/c.py": "changed\n", "new.py": None})
    git(root, "add", "added.py")
    assert sorted(repository.unknown_to(second)) == ["added.py", "é stray.py"]
    assert sorted(repository.unknown_to(first)) == ["added.py", "new.py", "é stray.py"]
    assert repository.touched(second) == ("sub/c.py",)
    git(root, "add", "sub/c.py")
    assert repository.touched(second) == ("sub/c.py",)
    # One that was written again as it was may differ: git does not look into it.
    os.utime(root / "a.py", ns=(10**18, 10**18))
    assert set(repository.touched(second)) == {"a.py", "sub/c.py"}


def test_a_file_that_a_sparse_checkout_leaves_out(root: Path) -> None:
    commit(root, {"in/a.py": "a\n", "out/b.py": "b\n", "top.py": "t\n"})
    git(root, "sparse-checkout", "set", "in")
    repository = Repository(root)
    assert not (root / "out/b.py").exists()
    assert [repository.left_out(path) for path in ("in/a.py", "out/b.py", "none.py", "*.py")] == [
        False, True, False, False,
    ]  # fmt: skip
    # What is left out is not touched.
    assert repository.touched(git(root, "rev-parse", "HEAD")) == ()


# Which checkout.


def test_the_innermost_checkout(root: Path, tmp_path: Path) -> None:
    commit(root, {"sub/a.py": "a\n"})
    other = new(tmp_path / "other")
    commit(other, {"b.py": "b\n"})
    git(root, "submodule", "-q", "add", other.as_uri(), "lib")
    id = commit(root)
    git(root, "worktree", "add", "-q", "--detach", str(tmp_path / "linked"))
    around = Repository.around

    def top(path: Path) -> Path | None:
        found = around(path)
        return found.root if found else None

    for path, expected in (
        (root, root),
        (root / "sub/a.py", root),
        (root / "sub/none/none.py", root),
        (root / "lib/b.py", root / "lib"),
        (tmp_path / "linked/sub/a.py", tmp_path / "linked"),
        (tmp_path / "other", other),
    ):
        assert top(path) == expected
    linked, lib = Repository(tmp_path / "linked"), Repository(root / "lib")
    assert linked.head() == id
    assert linked.touched(id) == ()
    assert lib.head() == git(other, "rev-parse", "HEAD")
    assert Repository(root).submodule(id, "lib") == lib.head()
    for none in ("sub", "sub/a.py", "none", "*"):
        assert Repository(root).submodule(id, none) is None
    assert lib.inside(root / "lib/b.py") == "b.py"
    assert lib.inside(root / "sub/a.py") is None


def test_what_the_commits_of_a_range_changed_line_by_line(root: Path) -> None:
    """Renames are followed, merges tell nothing, and no setting of the user's or the repository's has a say."""
    text = "class Cart:\n    def total(self):\n        # adds up\n        return 1\n\n\n\n\n\nLIMIT = 3\n"
    first = commit(root, {"cart.py": text, "other.py": "x = 1\n"})
    git(root, "config", "diff.noprefix", "true")
    git(root, "config", "diff.mnemonicPrefix", "true")
    git(root, "config", "diff.python.xfuncname", "^nothing$")
    git(root, "config", "diff.external", "false")
    changed = commit(root, {"cart.py": text.replace("return 1", "--- return 2"), "other.py": "x = 2\n"})
    git(root, "mv", "cart.py", "shop.py")
    moved = commit(root, {"shop.py": text.replace("LIMIT = 3", "@@ -1 +1 @@ LIMIT")})
    gone = commit(root, {"new.py": "\x01" + "0" * 40 + "\nno = line end"})
    git(root, "checkout", "-q", "-b", "side", changed)
    side = commit(root, {"shop.py": "side = 1\n", "cart.py": text})
    git(root, "checkout", "-q", "-f", gone)
    git(root, "merge", "-q", "--no-edit", "-s", "ours", side)
    merge = Repository(root).resolve("HEAD")
    told = Repository(root).patches(merge, [first], ["cart.py", "shop.py", "new.py"])
    assert told[changed] == (
        Patched("cart.py", "cart.py", (Edit("", ("        return 1",), ("        --- return 2",)),)),
    )
    assert told[moved][0].before == "cart.py"
    assert told[moved][0].path == "shop.py"
    assert told[gone] == (Patched(None, "new.py", (Edit("", (), ("\x01" + "0" * 40, "no = line end")),)),)
    assert not told.get(merge)
    git(root, "config", "--unset", "diff.python.xfuncname")
    again = Repository(root).patches(changed, [first], ["cart.py"])
    assert [edit.within for edit in again[changed][0].edits] == ["def total(self):"]


def test_no_checkout(tmp_path: Path) -> None:
    (tmp_path / "ws").mkdir()
    found = Repository.around(tmp_path / "ws")
    # Somebody may keep their temporary files inside a checkout.
    assert found is None or not found.root.is_relative_to(tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="needs symbolic links")
def test_a_checkout_through_a_link(root: Path, tmp_path: Path) -> None:
    id = commit(root, {"sub/a.py": "a\n"})
    (tmp_path / "link").symlink_to(root)
    found = Repository.around(tmp_path / "link/sub/a.py")
    assert found is not None
    assert (found.head(), found.inside(root / "sub/a.py")) == (id, "sub/a.py")


def test_a_git_file_that_leads_nowhere(tmp_path: Path) -> None:
    write(tmp_path, {"ws/.git": "gitdir: /nowhere/at/all\n", "ws/a.py": "a\n"})
    found = Repository.around(tmp_path / "ws/a.py")
    assert found is not None
    assert found.head() is None
    with pytest.raises(GitError, match="not a git repository"):
        found.commit("0" * 40)


def test_a_folder_that_only_looks_like_a_repository_belongs_to_the_one_around(root: Path) -> None:
    id = commit(root, {"a.py": "outer\n", "sub/a.py": "inner\n"})
    (root / "sub/.git").mkdir()
    found = Repository.around(root / "sub/a.py")
    assert found is not None
    path = found.inside(root / "sub/a.py")
    assert path is not None
    blob = found.blob(id, path)
    assert blob is not None
    assert blob.content == b"inner\n"


HOOKED = ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_PREFIX")


def test_inside_of_a_hook_of_another_repository(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    id = commit(root, {"a.py": "a\n"})
    other = new(tmp_path / "other")
    commit(other, {"b.py": "b\n"})
    git(other, "sparse-checkout", "set", "none")
    git(root, "worktree", "add", "-q", "--detach", str(tmp_path / "linked"))
    for name, value in zip(HOOKED, (".git", ".git/index", "", ".git/objects", ".git", "sub/"), strict=True):
        monkeypatch.setenv(name, str(other / value))
    for repository in (Repository(root), Repository(tmp_path / "linked")):
        assert repository.head() == id
        assert repository.files(id) == ("a.py",)
        assert repository.unknown_to(id) == ()
        assert repository.touched(id) == ()
    write(root, {"a.py": "changed\n", "stray.py": "x\n"})
    assert (Repository(root).unknown_to(id), Repository(root).touched(id)) == (("stray.py",), ("a.py",))
    assert differences(["a"], ["b"]) == (Hunk(0, 1, 0, 1),)


def test_git_is_not_installed(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(root, {"a.py": "a\n"})
    repository = Repository(root)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert repository.head() is None
    for ask in (
        lambda: repository.commit("0" * 40),
        lambda: repository.touched("0" * 40),
        lambda: differences(["a"], ["b"]),
    ):
        with pytest.raises(GitError, match="git cannot be run here: install it"):
            ask()


def test_git_is_not_installed_when_flux_starts(root: Path, tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from flux_ls.git.repository import Repository;"
        " print(Repository(pathlib.Path(sys.argv[1])).head())"
    )
    told = subprocess.run(
        [sys.executable, "-c", program, str(root)],
        env={**os.environ, "PATH": str(tmp_path)},
        capture_output=True,
        timeout=50,
        check=True,
    )
    assert told.stdout == b"None\n"


@pytest.mark.slow
def test_a_question_that_takes_too_long_is_given_up(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flux_ls.git import asking

    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/git").write_text("#!/bin/sh\nexec sleep 50\n")
    (tmp_path / "bin/git").chmod(0o755)
    repository = Repository(root)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setattr(asking, "SECONDS", 0.3)
    with pytest.raises(GitError):
        repository.commit("0" * 40)


def test_where_no_temporary_file_can_be_written_it_says_what_to_do(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = Repository(root)
    gone = tmp_path / "gone"
    monkeypatch.setattr(tempfile, "tempdir", str(gone))
    for ask in (repository.is_partial, lambda: differences(["a"], ["b"])):
        with pytest.raises(GitError) as told:
            ask()
        how = "make room there, or let TMPDIR name another folder"
        assert str(told.value) == f"nothing can be written in {gone} (No such file or directory): {how}"


# What never happens.


def everything(repository: Repository, id: str, earlier: str) -> None:
    """Every question that there is."""
    repository.head()
    repository.commit(earlier)
    repository.commit(earlier[:8])
    for path in ("a.py", "sub/b.py", "none.py"):
        repository.blob(id, path)
        repository.submodule(id, path)
        repository.last_change(earlier, id, path)
        repository.left_out(path)
    repository.blob_by_id(id)
    repository.files(id)
    repository.renames(earlier, id)
    repository.changed(earlier, id)
    repository.touched(id)
    repository.unknown_to(earlier)
    differences(["a"], ["b"])


def contents(root: Path) -> dict[str, tuple[int, bytes]]:
    """Every file below a folder, with its time: one that was written again as it was is found as well."""
    return {
        path.relative_to(root).as_posix(): (path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def trapped(root: Path, tmp_path: Path) -> Callable[[], list[str]]:
    """A checkout that runs programs wherever git lets it; which of them ran."""
    ran = tmp_path / "ran"
    ran.mkdir()
    (tmp_path / "bin").mkdir()

    def program(name: str) -> str:
        path = tmp_path / "bin" / name
        path.write_text(f"#!/bin/sh\ntouch {ran / name}\ncat\n")
        path.chmod(0o755)
        return str(path)

    for name, value in {
        "core.hooksPath": str(tmp_path / "hooks"),
        "core.fsmonitor": program("fsmonitor"),
        "core.pager": program("pager"),
        "pager.diff": "true",
        "pager.ls-files": "true",
        "core.editor": program("editor"),
        "core.askPass": program("askpass"),
        "core.sshCommand": program("ssh"),
        "core.alternateRefsCommand": program("alternates"),
        "credential.helper": program("credential"),
        "diff.external": program("external"),
        "diff.mine.command": program("command"),
        "diff.mine.textconv": program("textconv"),
        "filter.mine.clean": program("clean"),
        "filter.mine.smudge": program("smudge"),
        "filter.mine.required": "true",
        "filter.long.process": program("process"),
        "filter.o=d.d.clean": program("odd"),
        "gpg.program": program("gpg"),
        "log.showSignature": "true",
        "uploadpack.packObjectsHook": program("pack"),
        "alias.ls-files": f"!{program('alias')}",
        "alias.cat-file": f"!{program('alias')}",
        "trace2.eventTarget": str(ran / "trace"),
        "core.untrackedCache": "true",
        "submodule.recurse": "true",
        "status.submoduleSummary": "true",
    }.items():
        git(root, "config", name, value)
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("post-index-change", "reference-transaction", "post-checkout", "fsmonitor-watchman", "pre-auto-gc"):
        (hooks / name).symlink_to(program(f"hook-{name}"))
    return lambda: sorted(path.name for path in ran.iterdir())


@pytest.mark.skipif(os.name == "nt", reason="its programs are shell scripts")
def test_nothing_that_a_repository_configures_is_run(
    root: Path, tmp_path: Path, trapped: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = new(tmp_path / "own")
    commit(own, {"lib.py": "lib\n"})
    git(root, "submodule", "-q", "add", own.as_uri(), "lib")
    for name in ("core.fsmonitor", "filter.mine.clean", "filter.mine.smudge", "diff.external", "core.hooksPath"):
        git(root / "lib", "config", name, git(root, "config", name))
    files = {"a.py": "a\n", "sub/b.py": "b\n", "long/c.py": "c\n", "odd.py": "o\n"}
    attributes = "* diff=mine filter=mine\nlong/*.py filter=long\nodd.py filter=o=d.d\n"
    earlier = commit(root, files)
    id = commit(root, {"a.py": "aa\n"})
    write(root, {".gitattributes": attributes, "lib/.gitattributes": attributes})
    write(root, {"a.py": "changed\n", "lib/lib.py": "also\n"})
    # The index is as young as what it tells of: git has to look into the files to say whether they were changed.
    for path in ("sub/b.py", "long/c.py", "odd.py", "lib/lib.py"):
        os.utime(root / path, ns=(2 * 10**18, 2 * 10**18))
    for top in (root, root / "lib"):
        git(top, "-c", "core.fsmonitor=false", "add", "-A")
        index = git(top, "rev-parse", "--path-format=absolute", "--git-path", "index")
        os.utime(index, ns=(2 * 10**18, 2 * 10**18))
    (root / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(root / "tmp"))
    for path in Path(tmp_path / "ran").iterdir():
        path.unlink()
    everything(Repository(root), id, earlier)
    everything(Repository(root / "lib"), git(own, "rev-parse", "HEAD"), git(own, "rev-parse", "HEAD"))
    assert trapped() == []
    # The traps work.
    git(root, "diff", "HEAD", "--", "a.py")
    git(root, "status")
    assert {"fsmonitor", "command", "clean", "process"} <= set(trapped())


@pytest.mark.skipif(os.name == "nt", reason="its programs are shell scripts")
def test_nothing_is_written(root: Path, tmp_path: Path) -> None:
    git(root, "config", "core.untrackedCache", "true")
    earlier = commit(root, {"a.py": "a\n", "sub/b.py": "b\n"})
    id = commit(root, {"a.py": "aa\n"})
    # Only its time says that it was changed: `git status` would write that into the index.
    os.utime(root / "a.py", ns=(10**18, 10**18))
    write(root, {"stray.py": "x\n", "sub/b.py": "bb\n"})
    before = contents(tmp_path)
    everything(Repository(root), id, earlier)
    assert contents(tmp_path) == before
    assert list((root / ".git").rglob("*.lock")) == []
    git(root, "status")
    assert contents(tmp_path) != before


def test_a_held_lock_is_left_alone(root: Path) -> None:
    earlier, id = commit(root, {"a.py": "a\n"}), commit(root, {"a.py": "b\n"})
    write(root, {".git/index.lock": "held", ".git/HEAD.lock": "held"})
    everything(Repository(root), id, earlier)
    assert (root / ".git/index.lock").read_text() == "held"


@pytest.mark.parametrize("fence", ["GIT_NO_LAZY_FETCH", "GIT_ALLOW_PROTOCOL"])
def test_a_partial_clone_fetches_nothing(
    root: Path, tmp_path: Path, fence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older git knows only one of the two fences, so each has to hold alone."""
    from flux_ls.git import asking

    others = {"GIT_NO_LAZY_FETCH", "GIT_ALLOW_PROTOCOL"} - {fence}
    kept = {name: value for name, value in asking.ENVIRONMENT.items() if name not in others}
    monkeypatch.setattr(asking, "ENVIRONMENT", kept)
    earlier = commit(root, {"a.py": "a\n" * 50, "sub/b.py": "b\n"})
    id = commit(root, {"a.py": "a\n" * 49 + "b\n"})
    git(root, "config", "uploadpack.allowFilter", "true")
    git(root, "config", "uploadpack.allowAnySHA1InWant", "true")
    git(tmp_path, "clone", "-q", "--filter=blob:none", root.as_uri(), "partial")
    partial = tmp_path / "partial"
    # A repository may say what it likes about what may be fetched from where.
    git(partial, "config", "protocol.file.allow", "always")
    before = contents(partial)
    repository = Repository(partial)
    found = repository.blob(id, "a.py")
    assert found is not None
    for ask in (
        lambda: repository.blob(earlier, "a.py"),
        lambda: repository.renames(earlier, id),
        lambda: repository.changed(earlier, id),
        lambda: repository.files(earlier),
        lambda: repository.commit("0" * 40),
        lambda: repository.touched(id),
    ):
        # What it does not have it may say that it has not; all that counts is that it does not get it.
        with contextlib.suppress(GitError):
            ask()
    assert contents(partial) == before
    # It would have, had it been let.
    git(partial, "cat-file", "-p", f"{earlier}:a.py")
    assert contents(partial) != before
