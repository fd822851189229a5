"""Which failures can be run again, as lenses and code actions offer it: asked of the store once for each request."""

from collections.abc import Iterable

from flux_ls.lsp.lookup import Lookup
from flux_ls.lsp.snapshot import Finding
from flux_ls.replay.recorded import recording
from flux_ls.replay.shapes import Recording
from flux_ls.store.errors import StoreError


class Offers:
    """What is known of each issue group. `look` reads the store, for one thread at a time; the rest only remembers."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, bool]] = {}
        """By fingerprint: the latest request when it was looked at, and whether it can be run again."""

    def can_replay(self, finding: Finding) -> bool:
        """What was so when it was looked at last: it does not come and go with each failure."""
        return self._known.get(finding.issue.failure.fingerprint, ("", False))[1]

    def look(self, lookup: Lookup, findings: Iterable[Finding]) -> None:
        for finding in findings:
            id, group = finding.issue.sample_request_id, finding.issue.failure.fingerprint
            if finding.state == "failing" and self._known.get(group, ("", False))[0] != id:
                try:
                    self._known[group] = (id, _replayable(lookup, finding, id))
                except StoreError:
                    continue  # It was pruned, or nobody can tell now.


def _replayable(lookup: Lookup, finding: Finding, id: str) -> bool:
    if finding.place.located.frame.language != "python":
        return False
    reader = lookup.reader()
    request = reader.request(id)
    if request.kind != "http" or request.method is None:
        return False
    return isinstance(recording(request, reader.spans(id), {}), Recording)
