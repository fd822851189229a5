"""How git is asked: by a process that writes nothing and runs nothing that a repository configures. Knows GitPython.

No index is refreshed, no hook, filter, monitor or external diff is run, and nothing is fetched.
"""

import contextlib
import os
import select
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

from flux_ls.room import no_room

try:
    import fcntl
except ImportError:  # Windows has none.
    fcntl = None  # type: ignore[assignment]

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


_NO_GIT = "git cannot be run here: install it, and start Flux where it is on PATH"
_ENDED = "git ended before it answered: 'git status' in that checkout may tell more"
_PIECE = 1 << 20
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
    with contextlib.ExitStack() as stack:
        try:
            questions = stack.enter_context(TemporaryFile())
            questions.write(asked.encode("utf-8", "surrogateescape") + b"\n")
            questions.seek(0)
        except OSError as error:
            raise GitError(no_room(error)) from error
        try:
            code, out, err = git.execute(
                _command(words, environment),
                istream=questions,
                with_extended_output=True,
                with_exceptions=False,
                stdout_as_string=False,
                strip_newline_in_stdout=False,
                kill_after_timeout=(SECONDS if seconds is None else seconds) if os.name == "posix" else None,
                env=environment,
            )
        except (library.GitCommandNotFound, OSError) as error:
            raise GitError(_NO_GIT) from error
    if code not in fine:
        lines = str(err).strip().splitlines()
        said = lines[0] if lines else f"exit status {code}"
        raise GitError(f"git could not answer ({said}): 'git status' in that checkout may tell more")
    return bytes(out)


class Talk:
    """A git that stays and is asked line by line; for systems that can wait for a pipe. Used by one thread at a time.

    It ends with this process, however that ends.
    """

    def __init__(self, git: "git.Git", words: Sequence[str], environment: Mapping[str, str]) -> None:
        """Raises GitError."""
        library = _gitpython()
        try:
            self._process = git.execute(
                _command(words, environment), istream=subprocess.PIPE, as_process=True, env=environment
            )
        except (library.GitCommandNotFound, OSError) as error:
            raise GitError(_NO_GIT) from error
        assert self._process.proc is not None
        # GitPython lets go of it when it has ended.
        self._program = self._process.proc
        self._in, self._out = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._in, False)
        if fcntl is not None and hasattr(fcntl, "F_SETPIPE_SZ"):
            # So that it need not wait for whoever reads.
            with contextlib.suppress(OSError):
                fcntl.fcntl(self._out, fcntl.F_SETPIPE_SZ, _PIECE)
        self._unsaid = b""
        self._heard, self._at = b"", 0
        """What was answered, and how much of it was taken."""

    def say(self, asked: bytes) -> None:
        """Asks something; what does not fit at once is sent while answers are read. Raises GitError."""
        self._unsaid += asked
        self._send()

    def until(self, end: bytes) -> bytes:
        """What is answered up to these bytes, them left out. Raises GitError."""
        while (found := self._heard.find(end, self._at)) < 0:
            self._hear()
        told = self._heard[self._at : found]
        self._at = found + len(end)
        return told

    def take(self, size: int) -> bytes:
        """So many bytes of what is answered. Raises GitError."""
        while len(self._heard) - self._at < size:
            self._hear()
        told = self._heard[self._at : self._at + size]
        self._at += size
        return told

    def close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            with contextlib.suppress(OSError):
                pipe.close()
        with contextlib.suppress(OSError):
            self._program.kill()
        self._program.wait()

    def _hear(self) -> None:
        told = b""
        deadline = time.monotonic() + SECONDS
        while not told:
            left = deadline - time.monotonic()
            told_ready, ready, _ = select.select([self._out], [self._in] if self._unsaid else [], [], max(0.0, left))
            if not told_ready and not ready:
                raise GitError("git does not answer: 'git status' in that checkout may tell more")
            if ready:
                self._send()
            if told_ready:
                told = os.read(self._out, _PIECE)
                if not told:
                    raise GitError(_ENDED)
        self._heard, self._at = self._heard[self._at :] + told, 0

    def _send(self) -> None:
        try:
            self._unsaid = self._unsaid[os.write(self._in, self._unsaid) :]
        except BlockingIOError:
            pass
        except OSError as error:
            raise GitError(_ENDED) from error


def _command(words: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    unset = [word for name in _ANOTHER_S if name in os.environ and name not in environment for word in ("-u", name)]
    program = (*(("env", *unset) if unset else ()), _gitpython().Git.GIT_PYTHON_GIT_EXECUTABLE or "git")
    return [*program, "--literal-pathspecs", "--no-pager", *_SAFE, *words]
