"""What git knows of a checkout: its revisions, the files in them, how they differ, what moved."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from flux_ls.git import patches
from flux_ls.git.asking import DIFF, GitError, Missing, answer, git_in, paths_of
from flux_ls.git.patches import Patched

_COMMIT = re.compile(r"[0-9a-fA-F]{7,64}")
_WHOLE = (40, 64)
"""Digits of an id, in either kind of repository."""
_MOST_RENAMES = "-l5000"
_RANGE_SECONDS = 60.0
"""How long it may take to compare the files of a whole range of commits."""


class Blob(Struct, frozen=True):
    """The content of a file, by the name that git gives it."""

    id: str
    content: bytes


class Change(Struct, frozen=True):
    """A file that a commit changed, with its content's ids; what is not there before or after has no id."""

    before: str
    path: str
    before_id: str | None
    after_id: str | None


class Described(Struct, frozen=True):
    """Who made a commit, when and what for. The date is the author's, in RFC 3339."""

    id: str
    author: str
    email: str
    date: str
    subject: str


class Tree(Struct, frozen=True):
    """What a checkout of a commit comes to."""

    bytes: int
    submodules: tuple[str, ...]
    attributes: tuple[str, ...]
    """The `.gitattributes` files."""
    paths: tuple[str, ...]


class Repository:
    """One checkout, at its top folder. May be used by several threads."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._git = git_in(root)

    @classmethod
    def around(cls, path: Path) -> "Repository | None":
        """The innermost checkout that holds a file or folder; a linked worktree and a submodule are their own."""
        folder = path if path.is_dir() else path.parent
        for at in (folder, *folder.parents):
            # A folder without HEAD is none of git's, which would answer for the checkout around it.
            if (at / ".git").is_file() or os.path.lexists(at / ".git/HEAD"):
                return cls(at)
        return None

    def inside(self, path: Path) -> str | None:
        """The path as git spells it; None for one outside of the checkout."""
        for spelled, root in ((path, self.root), (Path(os.path.realpath(path)), Path(os.path.realpath(self.root)))):
            if spelled.is_relative_to(root):
                return spelled.relative_to(root).as_posix()
        return None

    def head(self) -> str | None:
        """The commit that is checked out; None before the first one."""
        try:
            return self.commit("HEAD")
        except GitError:
            return None

    def commit(self, revision: str) -> str:
        """The full id of a commit that this clone has, from its id or the beginning of it. Raises GitError."""
        if revision != "HEAD" and not _COMMIT.fullmatch(revision):
            how = "let vcs.ref.head.revision be what 'git rev-parse HEAD' prints"
            raise Missing(f"the recorded revision {revision[:40]!r} is no commit id: {how}")
        # A branch or tag may be named like the beginning of an id; only ids are asked for.
        ids = [revision]
        if revision != "HEAD" and len(revision) not in _WHOLE:
            ids = self._run("rev-parse", f"--disambiguate={revision}").decode().split()
        found = [answer[0].decode() for id in ids if len(answer := self._asked(f"{id}^{{commit}}").split()) == 3]
        if len(found) == 1:
            return found[0]
        short = revision[:12]
        if found:
            raise Missing(f"several commits of this clone begin with {short}: record the whole id")
        how = f"git fetch origin {revision}" if len(revision) in _WHOLE else "git fetch --all"
        if self._run("rev-parse", "--is-shallow-repository").strip() == b"true":
            how = "git fetch --unshallow"
        raise Missing(f"the revision {short} is not in this clone: {how}")

    def blob(self, revision: str, path: str) -> Blob | None:
        """The file at a commit, by its full id; None where it has no such file. Raises GitError."""
        return self._content(f"{revision}:{path}")

    def blob_by_id(self, id: str) -> Blob | None:
        """Raises GitError."""
        return self._content(id) if _COMMIT.fullmatch(id) else None

    def submodule(self, revision: str, path: str) -> str | None:
        """The commit of the submodule at `path` that a commit names; None where there is none. Raises GitError."""
        entry = self._run("ls-tree", "-z", "--full-tree", revision, "--", path).partition(b"\t")[0].split()
        return entry[2].decode() if len(entry) == 3 and entry[1] == b"commit" else None

    def files(self, revision: str) -> tuple[str, ...]:
        """The paths of all files of a commit. Raises GitError."""
        return paths_of(self._run("ls-tree", "-r", "-z", "--full-tree", "--name-only", revision))

    def renames(self, before: str, after: str) -> Mapping[str, str]:
        """The files that are elsewhere in another commit, by git's own measure: old path to new. Raises GitError."""
        told = self._compared(before, after, "--find-renames", _MOST_RENAMES, "--diff-filter=R", "--name-status")
        words = paths_of(told)
        return dict(zip(words[1::3], words[2::3], strict=True))

    def last_change(self, before: str, after: str, path: str) -> str | None:
        """The last commit of the way from one to another that touched a path; None where none did. Raises GitError."""
        return self._run("rev-list", "-1", "--first-parent", f"{before}..{after}", "--", path).decode().strip() or None

    def changed(self, before: str, after: str) -> tuple[str, ...]:
        """The files that another commit has, and has differently. Raises GitError."""
        return paths_of(self._compared(before, after, "--no-renames", "--diff-filter=AM", "--name-only"))

    def touched(self, head: str) -> tuple[str, ...]:
        """The files that the commit, the one checked out, has and that may differ by now, staged or not.

        What was not staged counts by its time alone. Raises GitError.
        """
        # Git looks into a file that is as young as the index, through the filters that the repository configures.
        told = self._run("config", "-z", "--name-only", "--get-regexp", r"^filter\.", fine=(0, 1))
        unfiltered = [f"--config-env={name}=FLUX_NOTHING" for name in paths_of(told)]
        plain = (*DIFF, "--no-renames", "--ignore-submodules=all", "--diff-filter=M")
        return paths_of(self._run(*unfiltered, "diff-index", "-z", *plain, "--name-only", head, "--"))

    def unknown_to(self, revision: str) -> tuple[str, ...]:
        """Files of the checkout or its index that the commit does not have, ignored ones left out. Raises GitError."""
        here = paths_of(self._run("ls-files", "-z", "--full-name", "--cached", "--others", "--exclude-standard"))
        known = set(self.files(revision))
        return tuple(dict.fromkeys(path for path in here if path not in known))

    def left_out(self, path: str) -> bool:
        """Whether the file is known, but not checked out, as in a sparse checkout. Raises GitError."""
        return self._run("ls-files", "-t", "-z", "--", path).startswith(b"S ")

    def resolve(self, name: str) -> str:
        """The full id of the commit that a user means: an id, a branch, a tag, `HEAD~3`. Raises GitError."""
        if name.startswith("-") or "\n" in name:
            raise Missing(f"{name!r} is no revision")
        answer = self._asked(f"{name}^{{commit}}").split()
        if len(answer) == 3 and answer[1] == b"commit":
            return answer[0].decode()
        if answer[-1:] == [b"ambiguous"]:
            raise Missing(f"several revisions of this clone begin with {name!r}")
        raise Missing(f"this clone has no revision {name!r}")

    def graph(self, bad: str, goods: Sequence[str], *, first_parent: bool = False) -> Mapping[str, tuple[str, ...]]:
        """The commits of one that none of the others has, with their parents, parents first. Raises GitError."""
        chain = ("--first-parent",) if first_parent else ()
        told = self._run("rev-list", "--topo-order", "--reverse", "--parents", *chain, bad, "--not", *goods, "--")
        rows = [line.split() for line in told.decode().splitlines()]
        return {row[0]: tuple(row[1:2] if first_parent else row[1:]) for row in rows}

    def is_ancestor(self, one: str, other: str) -> bool:
        """Whether a commit is another one or behind it. Raises GitError."""
        return one in self.merge_bases(one, other)

    def merge_bases(self, one: str, other: str) -> tuple[str, ...]:
        """The latest commits that both have; none for histories without a common one. Raises GitError."""
        told = self._run("merge-base", "--all", one, other, fine=(0, 1))
        return tuple(told.decode().split())

    def described(self, commits: Sequence[str]) -> Mapping[str, Described]:
        """Raises GitError."""
        form = "--format=%H%x00%an%x00%ae%x00%aI%x00%s"
        told = self._run("log", "--no-walk=unsorted", "--no-show-signature", form, *commits, "--")
        rows = [line.split("\0") for line in told.decode("utf-8", "replace").splitlines()]
        return {row[0]: Described(*row) for row in rows if len(row) == 5}

    def changes(
        self, bad: str, goods: Sequence[str], *, first_parent: bool = False
    ) -> Mapping[str, tuple[Change, ...]]:
        """What each commit of a range changed, renames followed; of a merge what no parent has. Raises GitError."""
        merges = ("--first-parent", "--diff-merges=first-parent") if first_parent else ("--diff-merges=combined",)
        told = self._run(
            "log", "-z", "--raw", "--root", "--no-abbrev", "--no-show-signature", "--format=%x01%H", *merges,
            *DIFF, "--find-renames", "-l1000", bad, "--not", *goods, "--", seconds=_RANGE_SECONDS,
        )  # fmt: skip
        return dict(_changes_of(told))

    def patches(
        self, bad: str, goods: Sequence[str], paths: Sequence[str], *, first_parent: bool = False
    ) -> Mapping[str, tuple[Patched, ...]]:
        """How the commits of a range changed some files, line by line; merges do not count. Raises GitError."""
        merges = ("--first-parent", "--diff-merges=first-parent") if first_parent else ("--diff-merges=off",)
        told = self._run(
            "-c", f"core.attributesFile={patches.ATTRIBUTES}", "log", *patches.OPTIONS, "--root", "--no-show-signature",
            *merges, *DIFF, "--find-renames", "-l1000", bad, "--not", *goods, "--", *paths, seconds=_RANGE_SECONDS,
        )  # fmt: skip
        return patches.read(told)

    def patch(self, before: str | None, after: str, paths: Sequence[str]) -> bytes:
        """How some files of a commit differ from its parent's, or from none. Raises GitError."""
        ends = (before, after) if before is not None else ("--root", "--no-commit-id", after)
        return self._run("diff-tree", "-r", "-p", *DIFF, "--find-renames", "--full-index", *ends, "--", *paths)

    def blobs(self, ids: Sequence[str]) -> Mapping[str, bytes]:
        """The contents of files by their ids; those that this clone does not have are left out. Raises GitError."""
        asked = list(dict.fromkeys(id for id in ids if _COMMIT.fullmatch(id)))
        told = self._run("cat-file", "--batch", asked="\n".join(asked)) if asked else b""
        found: dict[str, bytes] = {}
        at = 0
        for id in asked:
            head, _, _ = told[at : at + 200].partition(b"\n")
            at += len(head) + 1
            words = head.split()
            if len(words) == 3 and words[2].isdigit():
                size = int(words[2])
                if words[1] == b"blob":
                    found[id] = told[at : at + size]
                at += size + 1
        return found

    def tree(self, revision: str) -> Tree:
        """Raises GitError."""
        size, submodules, attributes, paths = 0, list[str](), list[str](), list[str]()
        for entry in self._run("ls-tree", "-r", "-l", "-z", "--full-tree", revision).split(b"\0"):
            facts, _, name = entry.partition(b"\t")
            words = facts.split()
            if len(words) != 4:
                continue
            path = os.fsdecode(name)
            paths.append(path)
            if words[1] == b"commit":
                submodules.append(path)
            elif words[3].isdigit():
                size += int(words[3])
            if path.rpartition("/")[2] == ".gitattributes":
                attributes.append(path)
        return Tree(size, tuple(submodules), tuple(attributes), tuple(paths))

    def objects(self) -> Path:
        """The folder with the objects, those of a linked worktree's main one. Raises GitError."""
        told = os.fsdecode(self._run("rev-parse", "--git-path", "objects")).rstrip("\n")
        return Path(os.path.realpath(self.root / told))

    def is_partial(self) -> bool:
        """Whether it was cloned without all files of its history. Raises GitError."""
        return bool(self._run("config", "--get-regexp", r"^remote\..*\.promisor$", fine=(0, 1)))

    def object_format(self) -> str:
        """Raises GitError."""
        return self._run("rev-parse", "--show-object-format").decode().strip()

    def _compared(self, before: str, after: str, *options: str) -> bytes:
        return self._run("diff-tree", "-r", "-z", *DIFF, *options, before, after, "--")

    def _asked(self, name: str) -> bytes:
        if "\n" in name:
            raise GitError("a path has a line break: git is not asked about those")
        return self._run("cat-file", "--batch-check", asked=name)

    def _content(self, name: str) -> Blob | None:
        if "\n" in name:
            return None
        head, _, rest = self._run("cat-file", "--batch", asked=name).partition(b"\n")
        words = head.split()
        if len(words) != 3 or words[1] != b"blob":
            return None
        return Blob(words[0].decode(), rest[: int(words[2])])

    def _run(self, *words: str, asked: str = "", fine: tuple[int, ...] = (0,), seconds: float | None = None) -> bytes:
        return answer(self._git, words, asked, fine, seconds=seconds)


def _changes_of(told: bytes) -> Iterator[tuple[str, tuple[Change, ...]]]:
    """Reads `git log -z --raw`: the commit's id, then an entry for each file, with the paths behind it."""
    for record in told.split(b"\x01")[1:]:
        words = [word.lstrip(b"\n") for word in record.split(b"\0")]
        commit, rest = words[0].decode(), [word for word in words[1:] if word]
        changes: list[Change] = []
        at = 0
        while at < len(rest):
            entry = rest[at].split()
            parents = len(rest[at]) - len(rest[at].lstrip(b":"))
            status = entry[-1]
            paths = 2 if parents == 1 and status[:1] in b"RC" else 1
            names = [os.fsdecode(path) for path in rest[at + 1 : at + 1 + paths]]
            before, after = entry[parents + 1].decode(), entry[-2].decode()
            if names:
                changes.append(Change(names[0], names[-1], _id(before), _id(after)))
            at += 1 + paths
        yield commit, tuple(changes)


def _id(told: str) -> str | None:
    return told if told.strip("0") else None
