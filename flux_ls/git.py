"""What git knows: revisions, the files in them, how texts differ, what moved. The only user of GitPython.

Nothing is written, no index is refreshed, and nothing that a repository configures is run: no hook, filter, monitor,
external diff or fetch. Texts are compared by git itself, so that a line is where git says it is.
"""

import os
import re
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    import git

_SECONDS = 10.0
"""How long one question to git may take."""
_COMMIT = re.compile(r"[0-9a-fA-F]{7,64}")
_WHOLE = (40, 64)
"""Digits of an id, in either kind of repository."""
_HUNK = re.compile(rb"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@", re.MULTILINE)
_SAFE = (
    "-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}", "-c", "core.quotePath=false",
    "-c", "diff.external=", "-c", f"core.attributesFile={os.devnull}",
)  # fmt: skip
_DIFF = (
    "--no-ext-diff", "--no-textconv", "--no-color", "--inter-hunk-context=0", "--diff-algorithm=myers",
    "--indent-heuristic",
)  # fmt: skip
"""How `git blame` compares, whatever the user's own settings of `git diff` are."""
_MOST_RENAMES = "-l5000"
_ENVIRONMENT = {
    "GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_ALLOW_PROTOCOL": "", "GIT_TERMINAL_PROMPT": "0",
    "GIT_ATTR_NOSYSTEM": "1", "GIT_DIFF_OPTS": "", "FLUX_NOTHING": "",
}  # fmt: skip
"""Nothing is written behind the user's back, and a partial clone fetches nothing, whatever its settings allow."""
_ANOTHER_S = (
    "GIT_DIR", "GIT_WORK_TREE", "GIT_IMPLICIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_PREFIX", "GIT_SHALLOW_FILE", "GIT_GRAFT_FILE", "GIT_NAMESPACE",
)  # fmt: skip
"""By these, a program that a hook of git runs, an editor say, is told the repository of the hook."""


class GitError(Exception):
    """Git is missing, or could not answer; the message says why, and after a colon what to do."""


class Missing(GitError):
    """A revision that this clone does not have; the message says so, and after a colon how to get it."""


class Hunk(Struct, frozen=True):
    """Lines of one text that stand for lines of another: first line, 0-based, and how many; either may be none."""

    before: int
    before_lines: int
    after: int
    after_lines: int


class Blob(Struct, frozen=True):
    """The content of a file, by the name that git gives it."""

    id: str
    content: bytes


class Repository:
    """One checkout, at its top folder. May be used by several threads."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._git = _git(root)

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
        return _paths(self._run("ls-tree", "-r", "-z", "--full-tree", "--name-only", revision))

    def renames(self, before: str, after: str) -> Mapping[str, str]:
        """The files that are elsewhere in another commit, by git's own measure: old path to new. Raises GitError."""
        told = self._compared(before, after, "--find-renames", _MOST_RENAMES, "--diff-filter=R", "--name-status")
        words = _paths(told)
        return dict(zip(words[1::3], words[2::3], strict=True))

    def last_change(self, before: str, after: str, path: str) -> str | None:
        """The last commit of the way from one to another that touched a path; None where none did. Raises GitError."""
        return self._run("rev-list", "-1", "--first-parent", f"{before}..{after}", "--", path).decode().strip() or None

    def changed(self, before: str, after: str) -> tuple[str, ...]:
        """The files that another commit has, and has differently. Raises GitError."""
        return _paths(self._compared(before, after, "--no-renames", "--diff-filter=AM", "--name-only"))

    def touched(self, head: str) -> tuple[str, ...]:
        """The files that the commit, the one checked out, has and that may differ by now, staged or not.

        What was not staged counts by its time alone. Raises GitError.
        """
        # Git looks into a file that is as young as the index, through the filters that the repository configures.
        told = self._run("config", "-z", "--name-only", "--get-regexp", r"^filter\.", fine=(0, 1))
        unfiltered = [f"--config-env={name}=FLUX_NOTHING" for name in _paths(told)]
        plain = (*_DIFF, "--no-renames", "--ignore-submodules=all", "--diff-filter=M")
        return _paths(self._run(*unfiltered, "diff-index", "-z", *plain, "--name-only", head, "--"))

    def unknown_to(self, revision: str) -> tuple[str, ...]:
        """Files of the checkout or its index that the commit does not have, ignored ones left out. Raises GitError."""
        here = _paths(self._run("ls-files", "-z", "--full-name", "--cached", "--others", "--exclude-standard"))
        known = set(self.files(revision))
        return tuple(dict.fromkeys(path for path in here if path not in known))

    def left_out(self, path: str) -> bool:
        """Whether the file is known, but not checked out, as in a sparse checkout. Raises GitError."""
        return self._run("ls-files", "-t", "-z", "--", path).startswith(b"S ")

    def _compared(self, before: str, after: str, *options: str) -> bytes:
        return self._run("diff-tree", "-r", "-z", *_DIFF, *options, before, after, "--")

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

    def _run(self, *words: str, asked: str = "", fine: tuple[int, ...] = (0,)) -> bytes:
        return _answer(self._git, words, asked, fine)


def differences(before: Sequence[str], after: Sequence[str]) -> tuple[Hunk, ...]:
    """Where two texts differ, line by line as git sees it. Raises GitError."""
    with TemporaryDirectory(prefix="flux-diff-", ignore_cleanup_errors=True) as folder:
        names = ("before", "after")
        for name, lines in zip(names, (before, after), strict=True):
            # Each line with its end, the last one too: how a file ends is no difference between lines.
            data = "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogatepass")
            (Path(folder) / name).write_bytes(data)
        # No repository has a say in it, should the folder be inside of one.
        nowhere = f"--git-dir={Path(folder) / 'none'}"
        words = (nowhere, "-c", "core.autocrlf=false", "diff", "--no-index", "--text", "-U0", *_DIFF, *names)
        told = _answer(_git(Path(folder)), words, fine=(0, 1))
    return tuple(_hunk(match) for match in _HUNK.finditer(told))


def _hunk(match: re.Match[bytes]) -> Hunk:
    before, before_lines, after, after_lines = (int(group) if group is not None else 1 for group in match.groups())
    # A side without lines names the line before it.
    return Hunk(before - (before_lines > 0), before_lines, after - (after_lines > 0), after_lines)


def _paths(told: bytes) -> tuple[str, ...]:
    return tuple(os.fsdecode(path) for path in told.split(b"\0") if path)


def _git(folder: Path) -> "git.Git":
    made: git.Git = _gitpython().Git(folder)
    return made


_loading = threading.Lock()


@cache
def _gitpython() -> Any:
    # Imported at the first question: it takes as long as everything else of a command together.
    with _loading:
        os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
        import git

    return git


def _answer(git: "git.Git", words: Sequence[str], asked: str = "", fine: tuple[int, ...] = (0,)) -> bytes:
    """What git prints; `asked` is a line on its standard input."""
    library = _gitpython()
    unset = [word for name in _ANOTHER_S if name in os.environ for word in ("-u", name)]
    program = (*(("env", *unset) if unset else ()), library.Git.GIT_PYTHON_GIT_EXECUTABLE or "git")
    with TemporaryFile() as questions:
        questions.write(asked.encode("utf-8", "surrogateescape") + b"\n")
        questions.seek(0)
        try:
            code, out, err = git.execute(
                [*program, "--literal-pathspecs", "--no-pager", *_SAFE, *words],
                istream=questions,
                with_extended_output=True,
                with_exceptions=False,
                stdout_as_string=False,
                strip_newline_in_stdout=False,
                kill_after_timeout=_SECONDS if os.name == "posix" else None,
                env=_ENVIRONMENT,
            )
        except (library.GitCommandNotFound, OSError) as error:
            raise GitError("git cannot be run here: install it, and start Flux where it is on PATH") from error
    if code not in fine:
        lines = str(err).strip().splitlines()
        said = lines[0] if lines else f"exit status {code}"
        raise GitError(f"git could not answer ({said}): 'git status' in that checkout may tell more")
    return bytes(out)
