"""Where two texts differ, by git itself, so that a line is where git says it is."""

import re
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec import Struct

from flux_ls.git.asking import DIFF, GitError, answer, git_in
from flux_ls.room import no_room

_HUNK = re.compile(rb"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@", re.MULTILINE)


class Hunk(Struct, frozen=True):
    """Lines of one text that stand for lines of another: first line, 0-based, and how many; either may be none."""

    before: int
    before_lines: int
    after: int
    after_lines: int


def differences(before: Sequence[str], after: Sequence[str]) -> tuple[Hunk, ...]:
    """Where two texts differ, line by line as git sees it. Raises GitError."""
    names = ("before", "after")
    with ExitStack() as stack:
        try:
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="flux-diff-", ignore_cleanup_errors=True)))
            for name, lines in zip(names, (before, after), strict=True):
                # Each line with its end, the last one too: how a file ends is no difference between lines.
                data = "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogatepass")
                (folder / name).write_bytes(data)
        except OSError as error:
            raise GitError(no_room(error)) from error
        # No repository has a say in it, should the folder be inside of one.
        nowhere = f"--git-dir={folder / 'none'}"
        words = (nowhere, "-c", "core.autocrlf=false", "diff", "--no-index", "--text", "-U0", *DIFF, *names)
        told = answer(git_in(folder), words, fine=(0, 1))
    return tuple(_hunk(match) for match in _HUNK.finditer(told))


def _hunk(match: re.Match[bytes]) -> Hunk:
    before, before_lines, after, after_lines = (int(group) if group is not None else 1 for group in match.groups())
    # A side without lines names the line before it.
    return Hunk(before - (before_lines > 0), before_lines, after - (after_lines > 0), after_lines)
