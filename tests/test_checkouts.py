"""Folders that hold one commit after the other: as git checks each out afresh, whatever was done to them before."""

import contextlib
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flux_ls.bisect.worktrees import Worktree
from flux_ls.git import contents
from flux_ls.git.checkouts import Checkout, Checkouts
from flux_ls.git.repository import Repository
from tests.bisect.histories import git
from tests.e2e.processes import eventually

pytestmark = pytest.mark.timeout(300)

Tree = dict[str, tuple[str, str]]
"""By path, a mode and a content."""
MEMORY = Path("/dev/shm")
PATHS = (
    "a", "a/b", "a/b/c", "a.py", "dir/x", "dir/sub/y.py", "dir/sub/z", "lib.py", "ü.txt", "sp ace", "end\n", "-n.txt",
    ".gitignore", ".gitattributes", "dir/.gitattributes", "back~up", "a-b",
)  # fmt: skip
CONTENTS = ("", "one\n", "two\n", "a longer text\n", "x\r\ny\r\n", "$Id$\n", "lib.py", "dir", "/nowhere", "*\n")
ATTRIBUTES = (
    "* text=auto\n", "*.bin binary\n", "* filter=lfs -text\n", "*.py diff=python\n", "*.txt eol=crlf\n", "*.py ident\n",
    "lib.py working-tree-encoding=UTF-16\n", "[attr]w eol=crlf\n* w\n", "*.txt text eol=lf\n", "",
)  # fmt: skip
PLAIN = ATTRIBUTES[:4]
MODES = ("100644", "100644", "100644", "100755", "120000", "160000")


class History:
    """A line of commits with these trees, and a folder of ours for them."""

    def __init__(self, scratch: Path, trees: Sequence[Tree], format: str = "sha1") -> None:
        self.root = scratch / "project"
        self.root.mkdir()
        git(self.root, "init", "-q", "-b", "main", f"--object-format={format}")
        lines: list[bytes] = []
        for number, tree in enumerate(trees):
            lines += [b"commit refs/heads/main", b"committer A <a@b> %d +0000" % (1_700_000_000 + number), b"data 0"]
            lines += [b"deleteall"]
            for path, (mode, content) in tree.items():
                name = b'"' + path.replace("\n", "\\n").encode() + b'"'
                if mode == "160000":
                    lines += [b"M 160000 %b %b" % (b"1" * (40 if format == "sha1" else 64), name)]
                else:
                    data = content.encode()
                    lines += [b"M %b inline %b" % (mode.encode(), name), b"data %d" % len(data), data]
        subprocess.run(["git", "fast-import", "--quiet"], cwd=self.root, input=b"\n".join([*lines, b""]), check=True)
        self.ids = git(self.root, "rev-list", "--reverse", "main").split()
        (scratch / "git").mkdir()
        self.checkouts = Checkouts(scratch / "git", Repository(self.root))
        self.worktree = Worktree(self.checkouts.add("1", scratch / "1"))
        self.folder = self.worktree.folder
        self._scratch = scratch

    def put(self, number: int) -> None:
        self.worktree.put(self.ids[number])
        self.worktree.used = True

    def is_as_git_would_have_it(self, number: int) -> None:
        fresh = self._scratch / "fresh"
        git(self.root, "worktree", "add", "-q", "--detach", str(fresh), self.ids[number])
        assert state(self.folder) == state(fresh)
        if git(fresh, "status", "--porcelain", "--ignored") == "":
            assert git(self.folder, "status", "--porcelain", "--ignored") == ""
            # These do not look into the files before they say that one differs.
            git(self.folder, "diff-files", "--quiet")
        assert git(self.folder, "ls-files", "-s", "-v", "-z") == git(fresh, "ls-files", "-s", "-v", "-z")
        assert git(self.folder, "rev-parse", "HEAD").strip() == self.ids[number]
        git(self.root, "worktree", "remove", "--force", "--force", str(fresh))
        shutil.rmtree(fresh, ignore_errors=True)


def state(folder: Path) -> dict[str, tuple[int, object]]:
    found: dict[str, tuple[int, object]] = {}
    for around, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(around) / name
            inside = str(path.relative_to(folder))
            if inside == ".git":
                continue
            status = path.lstat()
            if stat.S_ISDIR(status.st_mode):
                found[inside] = (stat.S_IFDIR, "folder")
            else:
                found[inside] = (status.st_mode, path.readlink() if path.is_symlink() else path.read_bytes())
    return found


def tree_of(entries: Sequence[tuple[str, str, str, str]]) -> Tree:
    """No path is both a file and a folder."""
    tree: Tree = {}
    for path, mode, content, attributes in entries:
        if any(path.startswith(f"{other}/") or other.startswith(f"{path}/") for other in tree):
            continue
        if path.endswith(".gitattributes"):
            tree[path] = ("100644", attributes)
        else:
            tree[path] = (mode, content or "x" if mode == "120000" else content)
    return tree


def trees(attributes: Sequence[str], modes: Sequence[str]) -> st.SearchStrategy[list[Tree]]:
    entry = st.tuples(
        st.sampled_from(PATHS), st.sampled_from(modes), st.sampled_from(CONTENTS), st.sampled_from(attributes)
    )
    return st.lists(st.lists(entry, max_size=12).map(tree_of), min_size=2, max_size=5)


# What a run may do to a path that a commit has. Where it is not there, or otherwise, that may not work.


def edit(path: Path) -> None:
    path.write_text("edited\n")


def edit_unseen(path: Path) -> None:
    """The same size, and the times that it had."""
    status = path.stat()
    path.write_bytes(b"#" * status.st_size)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def delete(path: Path) -> None:
    path.unlink(missing_ok=True)


def delete_folder(path: Path) -> None:
    shutil.rmtree(path.parent, ignore_errors=True)


def forbid(path: Path) -> None:
    path.chmod(0o000)


def forbid_folder(path: Path) -> None:
    (path.parent / "left").touch()
    path.parent.chmod(0o500)


def permit(path: Path) -> None:
    path.chmod(0o755)


def replace_by_folder(path: Path) -> None:
    delete(path)
    (path / "deep").mkdir(parents=True)
    (path / "deep" / "left").touch()


def replace_by_link(path: Path) -> None:
    delete(path)
    path.symlink_to(elsewheres[-1])


def link_folder_elsewhere(path: Path) -> None:
    """To a folder that has the same files: what is written or removed through it would be there."""
    elsewhere = Path(tempfile.mkdtemp(dir=elsewheres[-1]))
    shutil.copytree(path.parent, elsewhere / "copy", symlinks=True)
    shutil.rmtree(path.parent)
    path.parent.symlink_to(elsewhere / "copy")


def link_hard(path: Path) -> None:
    os.link(path, Path(tempfile.mkdtemp(dir=elsewheres[-1])) / "linked", follow_symlinks=False)


def add(path: Path) -> None:
    (path.parent / "left").touch()
    (path.parent / "new").mkdir()
    (path.parent / "new" / "left").touch()


def move(path: Path) -> None:
    path.rename(path.parent / "moved")


def break_index(path: Path) -> None:
    (path.parent / git(path.parent, "rev-parse", "--git-path", "index").strip()).write_bytes(b"DIRC")


def unstage(path: Path) -> None:
    subprocess.run(["git", "rm", "-q", "--cached", "-r", "."], cwd=path.parent, check=True, capture_output=True)


elsewheres: list[Path] = []
DEEDS: tuple[Callable[[Path], None], ...] = (
    edit, edit_unseen, delete, delete_folder, forbid, forbid_folder, permit, replace_by_folder, replace_by_link,
    link_folder_elsewhere, link_hard, add, move, break_index, unstage,
)  # fmt: skip
WITH_FOLDER = (delete_folder, forbid_folder, link_folder_elsewhere)
deeds = st.lists(st.tuples(st.sampled_from(DEEDS), st.sampled_from(PATHS)), max_size=4)


def through(history: History, way: Sequence[tuple[int, Sequence[tuple[Callable[[Path], None], str]]]]) -> None:
    """Puts one commit after the other, and does something to the folder in between."""
    for at, done in way:
        history.put(at)
        history.is_as_git_would_have_it(at)
        before = state(elsewheres[-1])
        for deed, path in done:
            if deed not in WITH_FOLDER or "/" in path:
                with contextlib.suppress(OSError, subprocess.CalledProcessError, AssertionError):
                    deed(history.folder / path)
        after = state(elsewheres[-1])
        assert before.items() <= after.items()
    # What was linked to is what it was when it was linked to.
    history.put(0)
    assert state(elsewheres[-1]) == after


@given(data=st.data())
@settings(max_examples=40)
def test_each_commit_is_as_git_checks_it_out_afresh(data: st.DataObject) -> None:
    goes_a_way(data, data.draw(trees(ATTRIBUTES, MODES)), "sha1")


@given(data=st.data())
@settings(max_examples=40)
def test_each_plain_commit_is_as_git_checks_it_out_afresh(data: st.DataObject) -> None:
    goes_a_way(data, data.draw(trees(PLAIN, MODES)), data.draw(st.sampled_from(("sha1", "sha256"))))


def goes_a_way(data: st.DataObject, told: list[Tree], format: str) -> None:
    way = data.draw(st.lists(st.tuples(st.integers(0, len(told) - 1), deeds), min_size=2, max_size=6))
    with scratch() as base:
        elsewheres.append(base / "elsewhere")
        elsewheres[-1].mkdir()
        try:
            with history(base, told, format) as made:
                through(made, way)
        finally:
            elsewheres.pop()


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    base = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None, prefix="flux-test-"))
    try:
        yield base
    finally:
        subprocess.run(["chmod", "-R", "u+rwX", str(base)], check=False, capture_output=True)
        shutil.rmtree(base)


@contextlib.contextmanager
def history(base: Path, told: Sequence[Tree], format: str = "sha1") -> Iterator[History]:
    made = History(base, told, format)
    try:
        yield made
    finally:
        made.checkouts.close()


# Which of it git is asked to do.


@pytest.fixture
def by_git(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commits that git itself wrote into the folder."""
    written: list[str] = []
    whole = Checkout._put

    def put(checkout: Checkout, commit: str) -> None:
        written.append(commit)
        whole(checkout, commit)

    monkeypatch.setattr(Checkout, "_put", put)
    return written


OURS = sys.platform == "linux"
FIRST: Tree = {"a.py": ("100644", "one\n"), "dir/b.py": ("100755", "one\n"), "link": ("120000", "a.py")}


@pytest.mark.parametrize(
    ("change", "git_does"),
    [
        ({"a.py": ("100644", "two\n")}, False),
        ({"a.py": ("100755", "one\n"), "new/deep/c.py": ("100644", "")}, False),
        ({"link": ("120000", "dir/b.py")}, False),
        ({"link": ("100644", "a.py"), "a.py": ("120000", "dir")}, False),
        ({"a.py": None, "a.py/b": ("100644", "a folder now")}, False),
        ({"dir/b.py": None, "dir": ("100644", "a file now")}, False),
        ({"module": ("160000", "")}, False),
        ({".gitattributes": ("100644", "*.png binary\n*.py diff=python\n/docs export-ignore\n* filter=lfs\n")}, False),
        ({".gitattributes": ("100644", "*.py text eol=crlf\n")}, True),
        ({".gitattributes": ("100644", "*.py crlf\n")}, True),
        ({"dir/.gitattributes": ("100644", "*.py ident\n")}, True),
        ({".gitattributes": ("100644", "*.py working-tree-encoding=UTF-16\n")}, True),
        ({".gitattributes": ("120000", "a.py")}, True),
        ({"back~up": ("100644", "")}, True),
        ({"back\\slash": ("100644", "")}, True),
    ],
)
def test_what_git_might_write_otherwise_is_for_git(
    tmp_path: Path, by_git: list[str], change: Mapping[str, tuple[str, str] | None], git_does: bool
) -> None:
    second = {path: held for path, held in {**FIRST, **change}.items() if held is not None}
    with history(tmp_path, [FIRST, FIRST | {"a.py": ("100644", "$Id$\n")}, second]) as made:
        for number in (0, 1, 2, 1):
            made.put(number)
            made.is_as_git_would_have_it(number)
    zero, one, two = made.ids
    assert by_git == ([zero, two, one] if git_does else [zero] if OURS else [zero, one, two, one])


def test_settings_that_git_is_given_for_one_command_do_not_apply(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with history(tmp_path, [FIRST, FIRST | {"a.py": ("100644", "two\n")}]) as made:
        monkeypatch.setenv("GIT_CONFIG_PARAMETERS", "'core.autocrlf'='true'")
        for number in (0, 1):
            made.put(number)
            assert (made.folder / "a.py").read_bytes() == (b"one\n", b"two\n")[number]


@pytest.mark.skipif(not OURS, reason="where git does it all, none has to stay")
def test_gits_that_stay_may_die(tmp_path: Path, by_git: list[str]) -> None:
    with history(tmp_path, [FIRST, FIRST | {"a.py": ("100644", "two\n"), "new": ("100644", "")}]) as made:
        made.put(0)
        for number in (1, 0, 1):
            (made.folder / "left").touch()
            for each in made.checkouts._idle:
                each._files._program.kill()
                each._files._program.wait()
            made.put(number)
            made.is_as_git_would_have_it(number)
    assert len(by_git) == 4


def test_a_file_too_large_to_be_held_in_memory_is_for_git(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_git: list[str]
) -> None:
    monkeypatch.setattr(contents, "MOST_BYTES", 1000)
    big = {"big": ("100644", "x" * 2000), "a.py": ("100644", "two\n")}
    with history(tmp_path, [FIRST, FIRST | big, FIRST | {"b.py": ("100644", "x" * 1000)}]) as made:
        for number in (0, 1, 2, 0):
            made.put(number)
            made.is_as_git_would_have_it(number)
    assert by_git == made.ids[:2] if OURS else by_git


@pytest.mark.skipif(not OURS, reason="where git does it all, none has to stay")
def test_gits_that_stay_go_when_this_goes(tmp_path: Path) -> None:
    with history(tmp_path, [FIRST, FIRST | {"a.py": ("100644", "two\n")}]) as made:
        made.put(0)
        made.put(1)
        pids = [talk._program.pid for each in made.checkouts._idle for talk in (each._files, each._trees)]
        assert len(pids) == 2
        assert all(map(lives, pids))
    assert not any(map(lives, pids))


KILLED = """
import sys, time
from pathlib import Path
from flux_ls.git.checkouts import Checkouts
from flux_ls.git.repository import Repository

root, home, folder, *commits = sys.argv[1:]
checkouts = Checkouts(Path(home), Repository(Path(root)))
checkout = checkouts.add("1", Path(folder))
for commit in commits:
    checkout.put(commit)
print(*[talk._program.pid for each in checkouts._idle for talk in (each._files, each._trees)], flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(not OURS, reason="where git does it all, none has to stay")
def test_gits_that_stay_go_when_this_is_killed(tmp_path: Path) -> None:
    with history(tmp_path, [FIRST, FIRST | {"a.py": ("100644", "two\n")}]) as made:
        words = (str(made.root), str(tmp_path / "home"), str(tmp_path / "folder"), *made.ids)
        process = subprocess.Popen([sys.executable, "-c", KILLED, *words], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        pids = [int(pid) for pid in process.stdout.readline().split()]
        assert len(pids) == 2
        assert all(map(lives, pids))
        process.kill()
        process.communicate()
        eventually(lambda: not any(map(lives, pids)), within=20, what="what they see of it")


def lives(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
