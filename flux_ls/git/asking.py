"""How git is asked: by a process that writes nothing and runs nothing that a repository configures. Knows GitPython.

No index is refreshed, no hook, filter, monitor or external diff is run, and nothing is fetched.
"""

import os
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import git

SECONDS = 10.0
"""How long one question to git may take."""
_SAFE = (
    "-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}", "-c", "core.quotePath=false",
    "-c", "diff.external=", "-c", f"core.attributesFile={os.devnull}",
)  # fmt: skip
DIFF = (
    "--no-ext-diff", "--no-textconv", "--no-color", "--inter-hunk-context=0", "--diff-algorithm=myers",
    "--indent-heuristic",
)  # fmt: skip
"""How `git blame` compares, whatever the user's own settings of `git diff` are."""
ENVIRONMENT = {
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


def paths_of(told: bytes) -> tuple[str, ...]:
    return tuple(os.fsdecode(path) for path in told.split(b"\0") if path)


def git_in(folder: Path) -> "git.Git":
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


def answer(
    git: "git.Git",
    words: Sequence[str],
    asked: str = "",
    fine: tuple[int, ...] = (0,),
    environment: Mapping[str, str] | None = None,
    seconds: float | None = None,
) -> bytes:
    """What git prints; `asked` is a line on its standard input."""
    library = _gitpython()
    environment = ENVIRONMENT if environment is None else environment
    unset = [word for name in _ANOTHER_S if name in os.environ and name not in environment for word in ("-u", name)]
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
                kill_after_timeout=(SECONDS if seconds is None else seconds) if os.name == "posix" else None,
                env=environment,
            )
        except (library.GitCommandNotFound, OSError) as error:
            raise GitError("git cannot be run here: install it, and start Flux where it is on PATH") from error
    if code not in fine:
        lines = str(err).strip().splitlines()
        said = lines[0] if lines else f"exit status {code}"
        raise GitError(f"git could not answer ({said}): 'git status' in that checkout may tell more")
    return bytes(out)
