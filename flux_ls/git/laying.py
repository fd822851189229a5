"""Writes over the files of one commit those of another, as git does where no attribute and no setting changes them.

It looks at each file, as git does, but writes only what differs, into the file that is there, and keeps its own account
of what lies in the folder: what a program did to git's does not matter. What is anything but plain is left to git.
"""
# ruff: noqa: PTH102, PTH106, PTH108, PTH115, PTH116, PTH118, PTH120, PTH211

import contextlib
import hashlib
import os
import re
import stat
import sys
from collections.abc import Container, Iterable, Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from flux_ls.git.contents import Contents, Held
from flux_ls.git.index import FILE, LINK, PROGRAM, SUBMODULE, Entry, Index, entries_of, entry_of, packed
from flux_ls.git.removing import remove

_TOUCHY = re.compile(rb"eol|crlf|ident|encoding", re.IGNORECASE)
"""Attributes by which git writes other bytes than it keeps. No filter is configured, and none runs."""
_ODD = re.compile(rb"[\\:~]|(^|/)(\.git[ .]*|\.\.?|)(/|\Z)", re.IGNORECASE)
"""Paths that git refuses, and more."""
_ANEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_OVER = os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0) | os.O_CLOEXEC

Seen = tuple[int, int, int, int, int, int]
"""What of a file's status tells that nothing was done to it: its mode, links, size, times and number."""


class Unfit(Exception):
    """This is for git to do."""


class _Lying(Struct, frozen=True, gc=False):
    """A file of the commit as it was when it was written."""

    entry: Entry
    seen: Seen


class Laid:
    """The files of a commit in a folder, and the index that tells git of them."""

    def __init__(self, folder: Path, kept: Path, format: str, commit: str, contents: Contents) -> None:
        """Takes over what git has just written; `kept` is its index. Raises Unread, GitError and OSError."""
        self.commit = commit
        self.index = Index.read(kept)
        self._top = os.path.join(os.fsencode(folder), b"")
        self._kept = kept
        self._format = format
        entries = dict(entries_of(self.index.data, format))
        self._lying = {path: _Lying(entry, _seen(os.lstat(self._top + path))) for path, entry in entries.items()}
        self._in_order = sorted(self._lying)
        self._folders = _folders_of({path: lying.entry.mode for path, lying in self._lying.items()})
        # Elsewhere names are the same that differ by case, or by how an accent is spelled.
        self._is_plain = sys.platform == "linux" and _are_plain(
            {path: Held(entry.mode, entry.id) for path, entry in entries.items()}, contents
        )

    def put(self, commit: str, contents: Contents) -> None:
        """Makes it another commit, whatever was done to its files. Raises Unfit, GitError and OSError.

        Only after Unfit is it still what it was.
        """
        if not self._is_plain:
            raise Unfit
        asked = contents.differences(self.commit, commit)
        if not _are_plain(asked, contents):
            raise Unfit
        ahead = {path: held for path, held in asked.items() if held is not None}
        _ask(ahead.values(), contents)
        # Git looks for them meanwhile.
        whole = self._whole(asked)
        entries = {path: self._lying[path].entry for path in self._lying.keys() - whole - asked.keys()}
        broken = {path: Held(entry.mode, entry.id) for path, entry in entries.items()}
        _ask(broken.values(), contents)
        ahead |= broken
        reshapes = self._reshapes(asked)
        real: set[bytes] = set()
        for path in asked.keys() - ahead.keys():
            if self._is_real(_folder_of(path), real):
                self._clear(self._top + path)
            del self._lying[path]
        if reshapes:
            self._reshape(ahead, real)
        for folder in {path if held.mode == SUBMODULE else _folder_of(path) for path, held in ahead.items()}:
            self._make_real(folder, real)
        for path, held in ahead.items():
            lying = self._lying.get(path)
            over = lying if lying is not None and path in whole and lying.entry.mode == held.mode else None
            content = contents.take(held.id) if held.mode != SUBMODULE else b""
            self._lying[path] = self._written(path, held, content, over)
        self._tell()
        self.commit = commit

    def leave_to_git(self) -> None:
        """Removes what is not as it was written, which git may take for good, and tells git of the rest again."""
        real: set[bytes] = set()
        for path in self._lying.keys() - self._whole(()):
            if self._is_real(_folder_of(path), real):
                self._clear(self._top + path)
        self.index.write(self._kept)

    def left(self, folders: Iterable[str]) -> Iterator[Path]:
        """What there is in some of its folders that the commit does not have."""
        gone: set[str] = set()
        for folder in sorted(folders):
            # Another folder may be meant by now.
            if os.path.dirname(folder) in gone or os.path.realpath(folder) != folder:
                gone.add(folder)
                continue
            with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(os.fsencode(folder)) as entries:
                for entry in entries:
                    path = entry.path[len(self._top) :]
                    known = path in self._folders if entry.is_dir(follow_symlinks=False) else path in self._lying
                    if not known and path != b".git":
                        yield Path(os.fsdecode(entry.path))

    def _whole(self, asked: Container[bytes]) -> set[bytes]:
        """The files that are as they were written. Into those whose times may not tell it looks, unless it is asked."""
        found: set[bytes] = set()
        top, written_ns, lstat = self._top, self.index.written_ns, os.lstat
        for path, lying in self._lying.items():
            try:
                now = lstat(top + path)
            except OSError:
                continue
            mode, links, size, modified, changed, number = lying.seen
            if lying.entry.mode == SUBMODULE:
                is_whole = stat.S_ISDIR(now.st_mode)
            else:
                # This is what takes longest where there are many files.
                is_whole = (
                    now.st_ctime_ns == changed
                    and now.st_mtime_ns == modified
                    and now.st_size == size
                    and now.st_ino == number
                    and now.st_mode == mode
                    and now.st_nlink == links
                    and (changed < written_ns or path in asked or self._id_of(path, lying) == lying.entry.id)
                )
            if is_whole:
                found.add(path)
        return found

    def _id_of(self, path: bytes, lying: _Lying) -> bytes:
        """Of what a file contains by now; none where it cannot be read."""
        try:
            if lying.entry.mode == LINK:
                content = os.readlink(self._top + path)
            else:
                content = Path(os.fsdecode(self._top + path)).read_bytes()
        except OSError:
            return b""
        whole = b"blob %d\0%b" % (len(content), content)
        return hashlib.new(self._format, whole, usedforsecurity=False).hexdigest().encode()

    def _reshapes(self, asked: Mapping[bytes, Held | None]) -> bool:
        """Whether there are other paths or other submodules then."""
        lying = self._lying
        return any(
            held is None or path not in lying or SUBMODULE in (held.mode, lying[path].entry.mode)
            for path, held in asked.items()
        )

    def _reshape(self, ahead: Mapping[bytes, Held], real: set[bytes]) -> None:
        """Has no folders but those that the files take. Submodules are folders that stay empty."""
        modes = {path: lying.entry.mode for path, lying in self._lying.items()}
        modes |= {path: held.mode for path, held in ahead.items()}
        before, self._folders = self._folders, _folders_of(modes)
        self._in_order = sorted(modes)
        for folder in sorted(before - self._folders, reverse=True):
            if self._is_real(folder, real):
                os.rmdir(self._top + folder)
                real.discard(folder)

    def _is_real(self, folder: bytes, real: set[bytes]) -> bool:
        """Whether it is a folder of this folder's, and no link to another one."""
        if folder in real or not folder:
            return True
        try:
            found = self._is_real(_folder_of(folder), real) and stat.S_ISDIR(os.lstat(self._top + folder).st_mode)
        except OSError:
            return False
        if found:
            real.add(folder)
        return found

    def _make_real(self, folder: bytes, real: set[bytes]) -> None:
        if not self._is_real(folder, real):
            self._make_real(_folder_of(folder), real)
            self._clear(self._top + folder)
            os.mkdir(self._top + folder)
            real.add(folder)

    def _clear(self, path: bytes) -> None:
        try:
            os.unlink(path)
        except FileNotFoundError:
            pass
        except OSError:
            remove(Path(os.fsdecode(path)))

    def _written(self, path: bytes, held: Held, content: bytes, over: _Lying | None) -> _Lying:
        """Writes a file, into the one that is there as it was written where there is one."""
        name = self._top + path
        if held.mode == LINK:
            self._clear(name)
            os.symlink(content, name)
        if held.mode in (LINK, SUBMODULE):
            status = os.lstat(name)
        else:
            if over is None:
                self._clear(name)
            file = os.open(name, _OVER if over else _ANEW, 0o777 if held.mode == PROGRAM else 0o666)
            try:
                at = os.write(file, content)
                while at < len(content):
                    at += os.write(file, content[at:])
                if over is not None and over.seen[2] > at:
                    os.ftruncate(file, at)
                status = os.fstat(file)
            finally:
                os.close(file)
        return _Lying(entry_of(path, held.mode, held.id, status), _seen(status))

    def _tell(self) -> None:
        """Writes the index, and after all files: what they have of its time or later may not tell of a change."""
        data = packed([self._lying[path].entry for path in self._in_order], self._format)
        remove(self._kept)
        self._kept.write_bytes(data)
        self.index = Index(data, os.stat(self._kept).st_mtime_ns)


def is_attributes(path: bytes) -> bool:
    """Whether it is a file that tells git attributes of others."""
    return path.rpartition(b"/")[2].lower() == b".gitattributes"


def _are_plain(holds: Mapping[bytes, Held | None], contents: Contents) -> bool:
    """Whether git writes the very bytes that it keeps, and all of the files. Raises GitError."""
    attributes: list[bytes] = []
    for path, held in holds.items():
        if held is None:
            continue
        if held.mode not in (FILE, PROGRAM, LINK, SUBMODULE) or _ODD.search(path):
            return False
        if held.mode == LINK and path.rpartition(b"/")[2].lower().startswith(b".git"):
            return False
        if is_attributes(path):
            attributes.append(held.id)
    contents.ask(attributes)
    found = [contents.take(id) for id in attributes]
    return not any(map(_TOUCHY.search, found))


def _ask(files: Iterable[Held], contents: Contents) -> None:
    contents.ask([held.id for held in files if held.mode != SUBMODULE])


def _seen(status: os.stat_result) -> Seen:
    return (
        status.st_mode, status.st_nlink, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino,
    )  # fmt: skip


def _folder_of(path: bytes) -> bytes:
    return path.rpartition(b"/")[0]


def _folders_of(modes: Mapping[bytes, int]) -> set[bytes]:
    """All of those around them, but for the top one, and submodules."""
    found = {path for path, mode in modes.items() if mode == SUBMODULE}
    for path in modes:
        folder = _folder_of(path)
        while folder and folder not in found:
            found.add(folder)
            folder = _folder_of(folder)
    return found
