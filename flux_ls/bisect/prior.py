"""The weights of a range's commits, read from git as far as the search has need of them."""

import contextlib
from collections.abc import Callable, Collection, Mapping, Sequence

from flux_ls.bisect.signs import likely, signs_of
from flux_ls.bisect.weights import Ran, by_files, followed
from flux_ls.git.asking import GitError
from flux_ls.git.repository import Change, Repository

_CLOSE_LOOK = 600
"""Of so many commits the changed lines are read; of more, the files until there are fewer."""
_A_SECOND = 2000
"""Where a run takes a second, so many: to read a thousand takes about one, and it saves less than a run."""


class Prior:
    """Knows what each commit changed of what ran."""

    def __init__(
        self,
        repository: Repository,
        changes: Mapping[str, tuple[Change, ...]],
        ran: Ran,
        run_s: float,
        *,
        first_parent: bool,
    ) -> None:
        """`changes` of the range, the latest first; `run_s` is how long a run takes."""
        self._most = max(_CLOSE_LOOK, _A_SECOND * run_s)
        self._repository = repository
        self._changes = changes
        self._first_parent = first_parent
        self.ran = followed(ran, changes.values())
        self._looked = False
        self.weights: Mapping[str, float] = {commit: by_files(each, self.ran) for commit, each in changes.items()}

    def look(self, bad: str, goods: Callable[[], Sequence[str]], candidates: Collection[str]) -> Mapping[str, float]:
        """The weights; from when there are few candidates, which lie between these, by their lines."""
        if self._looked or len(candidates) > self._most:
            return self.weights
        self._looked = True
        # It takes git too long, say: then the files have to do.
        with contextlib.suppress(GitError):
            self.weights = likely(self.signs(bad, goods(), candidates))
        return self.weights

    def signs(self, bad: str, goods: Sequence[str], candidates: Collection[str]) -> Mapping[str, Mapping[str, float]]:
        """Of the candidates, which lie between these, in the lines that they changed. Raises GitError."""
        paths = sorted(self.ran.files | self.ran.imported)
        patches = self._repository.patches(bad, goods, paths, first_parent=self._first_parent) if paths else {}
        near = [commit for commit in self._changes if commit in candidates or commit == bad]
        return signs_of(near, self._changes, patches, self.ran)
