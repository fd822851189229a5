"""What commits hold and how they differ, asked of gits that stay: for many questions, one after the other."""

import secrets
from collections.abc import Callable, Sequence

from msgspec import Struct

from flux_ls.git.asking import GitError, Talk

MOST_BYTES = 64 << 20
"""A larger file is none for these: it would have to be held in memory."""


class Held(Struct, frozen=True, gc=False):
    """What a commit holds at a path: git's mode, and the content's id in hexadecimal digits."""

    mode: int
    id: bytes


class Contents:
    """Used by one thread at a time. What raises GitError is of no more use, but to be closed."""

    def __init__(self, start: Callable[[Sequence[str]], Talk]) -> None:
        """`start` has a git stay that is given these words. Raises GitError."""
        self._trees = start(("diff-tree", "--stdin", "--always", "--raw", "--no-abbrev", "--no-renames", "-r", "-z"))
        try:
            self._files = start(("cat-file", "--batch"))
        except GitError:
            self._trees.close()
            raise

    def differences(self, before: str, after: str) -> dict[bytes, Held | None]:
        """What another commit holds differently; None where it holds nothing. Raises GitError."""
        # What is no question, git repeats: all before it is the answer.
        end = f"-{secrets.token_hex(16)}\n".encode()
        self._trees.say(f"{after} {before}\n".encode() + end)
        head, *words = self._trees.until(end).split(b"\0")
        if head != after.encode() or len(words) % 2 == 0 or words[-1:] not in ([b""], []):
            raise GitError(f"git cannot compare {before[:12]} with {after[:12]}: 'git fsck' may tell more")
        return {
            path: Held(int(told[8:14], 8), told[14:].split()[1]) if told[-1:] != b"D" else None
            for told, path in zip(words[0:-1:2], words[1::2], strict=True)
        }

    def ask(self, ids: Sequence[bytes]) -> None:
        """Asks for the contents of files, each of which is then to be taken, in that order. Raises GitError."""
        self._files.say(b"".join(id + b"\n" for id in ids))

    def take(self, id: bytes) -> bytes:
        """The content of the next file that was asked for. Raises GitError."""
        head, size = self._files.until(b"\n").rsplit(b" ", 1)
        if head != id + b" blob" or int(size) > MOST_BYTES:
            raise GitError(f"git does not give {id.decode()}: 'git fsck' may tell more")
        return self._files.take(int(size) + 1)[:-1]

    def close(self) -> None:
        self._files.close()
        self._trees.close()
