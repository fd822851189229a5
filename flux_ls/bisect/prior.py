"""The weights of a range's commits, read from git as far as the search has need of them."""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from flux_ls.bisect.weights import Ran, by_files, by_functions, followed, to_read
from flux_ls.git.repository import Change, Repository
from flux_ls.source.lines import decode_source
from flux_ls.source.places import Text
from flux_ls.source.text_cache import MAX_BYTES, parsed

_CLOSE_LOOK = 250
"""Of so many commits the changed functions are read; of more, the files until there are fewer."""


class Prior:
    """Knows what each commit changed of what ran."""

    def __init__(self, repository: Repository, changes: Mapping[str, tuple[Change, ...]], ran: Ran) -> None:
        """`changes` of the range, the latest first."""
        self._repository = repository
        self._changes = changes
        self.ran = followed(ran, changes.values())
        self._read: set[str] = set()
        self.weights = {commit: by_files(each, self.ran) for commit, each in changes.items()}

    def look(self, candidates: Collection[str]) -> Mapping[str, float]:
        """The weights, those of the candidates with a look into their files if these are few. Raises GitError."""
        wanted = [
            commit
            for commit, changes in self._changes.items()
            if commit in candidates and commit not in self._read and to_read(changes, self.ran)
        ]
        if not wanted or len(wanted) > _CLOSE_LOOK:
            return self.weights
        self._read.update(wanted)
        texts = self._texts(each for commit in wanted for each in to_read(self._changes[commit], self.ran))
        # The latest first: so a function is known by the name that it had before it was renamed.
        for commit in wanted:
            self.weights[commit], self.ran = by_functions(self._changes[commit], self.ran, texts)
        return self.weights

    def _texts(self, changes: Iterable[Change]) -> Mapping[str, Text]:
        named = {
            id: path
            for change in changes
            for id, path in ((change.before_id, change.before), (change.after_id, change.path))
            if id is not None and Path(path).suffix == ".py"
        }
        contents = self._repository.blobs(list(named))
        return {
            id: parsed(Path(named[id]), decode_source(content))
            for id, content in contents.items()
            if len(content) <= MAX_BYTES
        }
