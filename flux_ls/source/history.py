"""What the files of a workspace were when a frame was recorded, and where they are by now: by git's revisions.

Every answer of git is kept until `refresh`, so that what has been looked up once costs no process again.
"""

import os
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any, TypeVar

from msgspec import Struct

from flux_ls.git.asking import GitError, Missing
from flux_ls.git.repository import Repository
from flux_ls.model import Frame
from flux_ls.source.bodies import code_lines, likeness
from flux_ls.source.carried import Ran, ran
from flux_ls.source.lines import decode_source
from flux_ls.source.places import Text
from flux_ls.source.recorded_path import name_key, read_path
from flux_ls.source.text_cache import MAX_BYTES, parsed

_MOST_CANDIDATES = 20
"""Files of one name whose text is looked at."""
_MOST_STRAYS = 200
"""New files among which one that is gone from its place is looked for."""
_MOST_NAMES = 16
"""Names that one file is followed through."""
_SAME_FILE = 0.5
"""From this share of common lines on, a new file is what became of one that is gone: git's own measure."""
_AGAIN = "commit before you run it, or send the request again with today's code"
_KEPT = 4096
_KEPT_TEXTS = 32

T = TypeVar("T")


class Recorded(Struct, frozen=True):
    """A frame in the file that ran, as a commit has it."""

    ran: Ran
    repository: Repository
    commit: str
    path: str
    """In that commit, as git spells it."""


class Unknown(Struct, frozen=True):
    """What ran is not known, and why; without a reason where nothing was recorded that would tell."""

    reason: str | None = None
    """With what to do about it after its last colon."""


class History:
    """The checkouts around some folders. For one thread at a time."""

    def __init__(self, roots: Sequence[Path]) -> None:
        self._roots = roots
        self._known: OrderedDict[Hashable, object] = OrderedDict()
        self._passing: dict[Hashable, object] = {}
        """What may be otherwise after the next commit, checkout or fetch."""
        self._texts: OrderedDict[tuple[Path, str], Text] = OrderedDict()

    def refresh(self) -> None:
        """Asks git again for what can have changed: commits that were missing, what is checked out."""
        self._passing.clear()

    def recorded(self, frame: Frame, today: Path | None) -> Recorded | Unknown:
        """The frame in the file that ran; `today` is the file that its path leads to now, if there is one."""
        if frame.revision is None and frame.blob is None:
            return Unknown()
        key = ("recorded", frame, today)
        found = self._known.get(key) or self._passing.get(key)
        if isinstance(found, Recorded | Unknown):
            return found
        try:
            found = self._recorded(frame, today)
        except GitError as error:
            found = Unknown(str(error))
        self._keep(key, found) if isinstance(found, Recorded) else self._passing.__setitem__(key, found)
        return found

    def today(self, recorded: Recorded) -> Iterator[Path]:
        """The file under the name it had, or the one that it has by now; there need not be one."""
        repository = recorded.repository
        path = repository.root / recorded.path
        if path.is_file():
            yield path
            return
        head = self._head(repository)
        if head is None:
            return
        at_head = self._renamed(repository, recorded.commit, head, recorded.path)
        if at_head != recorded.path and (repository.root / at_head).is_file():
            yield repository.root / at_head
            return
        if (stray := self._stray(repository, head, recorded)) is not None:
            yield stray

    def left_out(self, recorded: Recorded) -> bool:
        """Whether the file is missing because this checkout is a sparse one."""
        key = ("left out", recorded.repository.root, recorded.path)
        return self._once(key, lambda: recorded.repository.left_out(recorded.path), otherwise=False)

    def changed(self, recorded: Recorded) -> tuple[Path, ...]:
        """The files that are new or different since: the code of one that is gone may be there."""
        repository = recorded.repository
        head = self._head(repository)
        if head is None:
            return ()
        commit, suffix = recorded.commit, Path(recorded.path).suffix
        committed: tuple[str, ...] = ()
        if head != commit:
            key = ("changed", repository.root, commit, head)
            committed = self._once(key, lambda: repository.changed(commit, head), otherwise=committed)
        touched: tuple[str, ...] = ()
        touched = self._once(("touched", repository.root), lambda: repository.touched(head), otherwise=touched)
        paths = dict.fromkeys((*committed, *touched, *self._strays(repository, head)))
        near = sorted(
            (path for path in paths if path.endswith(suffix) and path != recorded.path),
            key=lambda path: -_shared(path, recorded.path),
        )
        return tuple(file for path in near[:_MOST_STRAYS] if (file := repository.root / path).is_file())

    # What ran.

    def _recorded(self, frame: Frame, today: Path | None) -> Recorded | Unknown:
        repositories = [self._around(today)] if today is not None else [self._around(root) for root in self._roots]
        reason: str | None = None
        fitting: list[Recorded] = []
        # Roots may lie in one checkout, or lead to it by links.
        checkouts = {os.path.realpath(each.root): each for each in repositories if each is not None}
        for repository in checkouts.values():
            try:
                told = frame.revision
                commit = self._head(repository) if told is None else self._commit(repository, told)
            except GitError as error:
                reason = reason or str(error)
                continue
            found = self._at(frame, repository, commit, today) if commit else None
            if found is not None:
                fitting.append(found)
            elif commit and frame.blob is None:
                reason = f"{frame.path} ran with changes that {commit[:12]} does not have: {_AGAIN}"
            elif frame.blob is not None:
                reason = f"{frame.path} ran with uncommitted changes, which git does not have: {_AGAIN}"
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            reason = f"{len(fitting)} checkouts have what ran: open one of them, or name the pair in path_map"
        elif not checkouts and frame.revision:
            reason = "the commit that ran was recorded, but this is no git checkout: open the checkout"
        return Unknown(reason)

    def _at(self, frame: Frame, repository: Repository, commit: str, today: Path | None) -> Recorded | None:
        # Git knows a file by its own name, not by that of a link to it.
        named = [] if today is None else [repository.inside(today), repository.inside(Path(os.path.realpath(today)))]
        for path in dict.fromkeys(filter(None, named)):
            name = frame.blob if frame.blob is not None else f"{commit}:{path}"
            if found := self._ran(frame, path, repository, name):
                return Recorded(found, repository, commit, path)
        return self._by_ending(frame, repository, commit) if frame.blob is None else None

    def _by_ending(self, frame: Frame, repository: Repository, commit: str) -> Recorded | None:
        """The file of the commit that the path ends as: it may be elsewhere by now, or another file at its place."""
        recorded = read_path(frame.path)
        if recorded is None or not frame.in_app:
            return None
        top = f"{repository.root}{os.sep}"
        files = self._files(repository, commit).get(name_key(recorded.parts[-1]), ())
        kept, longest = recorded.longest_ending([top + file.replace("/", os.sep) for file in files])
        if not kept or len(kept) > _MOST_CANDIDATES or (longest == 1 and len(recorded.parts) > 1 and not frame.source):
            return None
        paths = [Path(path).relative_to(repository.root).as_posix() for path in kept]
        fitting = [
            Recorded(found, repository, commit, path)
            for path in paths
            if (found := self._ran(frame, path, repository, f"{commit}:{path}"))
        ]
        return fitting[0] if len(fitting) == 1 else None

    def _ran(self, frame: Frame, path: str, repository: Repository, name: str) -> Ran | None:
        text = self._text(repository, name, path)
        return None if text is None else ran(frame, text)

    def _text(self, repository: Repository, name: str, path: str) -> Text | None:
        """The text that git has by a name: that of a blob, or COMMIT:PATH."""
        key = (repository.root, name)
        if key in self._texts:
            self._texts.move_to_end(key)
            return self._texts[key]
        commit, colon, file = name.partition(":")
        blob = repository.blob(commit, file) if colon else repository.blob_by_id(name)
        if blob is None or len(blob.content) > MAX_BYTES or b"\0" in blob.content:
            return None
        text = self._texts[key] = parsed(Path(path), decode_source(blob.content))
        while len(self._texts) > _KEPT_TEXTS:
            self._texts.popitem(last=False)
        return text

    # Where it is.

    def _stray(self, repository: Repository, head: str, recorded: Recorded) -> Path | None:
        """Of the files that HEAD does not have the one that is most like a file that is gone."""
        before = code_lines(recorded.ran.text, 1, len(recorded.ran.text.lines))
        best, found = _SAME_FILE, None
        for path in self._strays(repository, head):
            file = repository.root / path
            if file.suffix != Path(recorded.path).suffix or not file.is_file():
                continue
            text = _read(file)
            ratio = 0.0 if text is None else likeness(before, code_lines(text, 1, len(text.lines)))
            if ratio > best or (ratio == best and found is None):
                best, found = ratio, file
        return found

    def _strays(self, repository: Repository, head: str) -> tuple[str, ...]:
        key = ("strays", repository.root, head)
        return self._once(key, lambda: repository.unknown_to(head)[:_MOST_STRAYS], otherwise=())

    def _renamed(self, repository: Repository, commit: str, head: str, path: str) -> str:
        """The name that a file of a commit has in HEAD, or its last one before it went."""
        if commit == head:
            return path
        direct = self._renames(repository, commit, head).get(path)
        if direct is not None:
            return direct
        # Rewritten over the years it is not like itself any more: follow it from one name to the next.
        for _ in range(_MOST_NAMES):
            key = ("last change", repository.root, commit, head, path)
            ask = partial(repository.last_change, commit, head, path)
            went = self._once(key, ask, otherwise=None)
            if went is None:
                return path
            renamed = self._renames(repository, f"{went}^1", went).get(path)
            if renamed is None:
                return path
            commit, path = went, renamed
            if path in self._files(repository, head).get(name_key(path.rpartition("/")[2]), ()):
                return path
        return path

    def _renames(self, repository: Repository, before: str, after: str) -> dict[str, str]:
        key = ("renames", repository.root, before, after)
        return self._once(key, lambda: dict(repository.renames(before, after)), otherwise={})

    # Git, asked once.

    def _around(self, path: Path) -> Repository | None:
        folder = path if path.is_dir() else path.parent
        return self._once(("around", folder), lambda: Repository.around(folder), otherwise=None)

    def _head(self, repository: Repository) -> str | None:
        return self._once(("head", repository.root), repository.head, otherwise=None)

    def _commit(self, repository: Repository, revision: str) -> str:
        """Raises GitError."""
        key = ("commit", repository.root, revision)
        if isinstance(known := self._known.get(key), str):
            return known
        if isinstance(failed := self._passing.get(key), GitError):
            raise failed
        try:
            commit = self._keep(key, repository.commit(revision))
        except Missing as missing:
            found = self._of_submodule(repository, revision)
            if found is None:
                self._passing[key] = missing
                raise
            return self._keep(key, found)
        return commit

    def _of_submodule(self, repository: Repository, revision: str) -> str | None:
        """The commit that the checkout around this one names for it at a revision of its own."""
        outer = Repository.around(repository.root.parent)
        path = outer.inside(repository.root) if outer is not None else None
        if outer is None or path is None:
            return None
        try:
            named = outer.submodule(outer.commit(revision), path)
            return repository.commit(named) if named else None
        except GitError:
            return None

    def _files(self, repository: Repository, commit: str) -> dict[str, list[str]]:
        def by_name() -> dict[str, list[str]]:
            files: dict[str, list[str]] = {}
            for path in repository.files(commit):
                files.setdefault(name_key(path.rpartition("/")[2]), []).append(path)
            return files

        return self._once(("files", repository.root, commit), by_name, otherwise={})

    def _once(self, key: Hashable, ask: Callable[[], T], otherwise: T) -> T:
        if key in self._passing:
            kept: Any = self._passing[key]
            return kept  # type: ignore[no-any-return]
        try:
            answer = ask()
        except GitError:
            answer = otherwise
        self._passing[key] = answer
        return answer

    def _keep(self, key: Hashable, value: T) -> T:
        self._known[key] = value
        if len(self._known) > _KEPT:
            self._known.popitem(last=False)
        return value


def _shared(one: str, other: str) -> int:
    """How many folders two paths have in common."""
    pairs = zip(one.split("/")[:-1], other.split("/")[:-1], strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _read(file: Path) -> Text | None:
    try:
        if file.stat().st_size > MAX_BYTES:
            return None
        return parsed(file, decode_source(file.read_bytes()))
    except OSError:
        return None
