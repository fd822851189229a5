"""What bisects found, and where that shows today: for as long as the group fails, and is not dismissed."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from flux_ls.lsp.snapshot import Finding
from flux_ls.lsp.suspects import Suspect, Suspicion, suspects
from flux_ls.source.workspace import Workspace


class Suspected:
    """By issue group; for the thread of the findings."""

    def __init__(self) -> None:
        self._suspicions: dict[str, Suspicion] = {}
        self._shown: dict[str, tuple[Suspect, ...]] = {}

    def take(self, suspicion: Suspicion) -> None:
        self._suspicions[suspicion.fingerprint] = suspicion

    def look(self, groups: Collection[str], found: Iterable[Finding], workspace: Workspace) -> None:
        """Finds the lines again of those groups that may be elsewhere; `found` is all that fails."""
        if not self._suspicions:
            return
        failing: dict[str, set[tuple[str, str]]] = defaultdict(set)
        for finding in found:
            group = finding.issue.failure.fingerprint
            if group in self._suspicions and not finding.mended:
                located = (place.located for place in (finding.place, *finding.trail))
                failing[group] |= {(each.path, each.function) for each in located if each.path is not None}
        for group, suspicion in self._suspicions.items():
            if not failing[group]:
                self._shown.pop(group, None)
            elif group in groups:
                self._shown[group] = tuple(suspects(suspicion, workspace, failing[group]))

    def by_file(self, uri_of: Callable[[str], str]) -> Mapping[str, Sequence[Suspect]]:
        by_uri: dict[str, list[Suspect]] = defaultdict(list)
        for shown in self._shown.values():
            for suspect in shown:
                by_uri[uri_of(suspect.path)].append(suspect)
        return by_uri
