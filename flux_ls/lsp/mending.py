"""The edits that would mend a failure, worked out in a thread for the text that an editor has open."""

import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from msgspec import Struct

from flux_ls.analysis.assess import assess
from flux_ls.analysis.suggestions import Edit, Suggestion
from flux_ls.answers.suggestions import suggestions_at
from flux_ls.lsp.lookup import Lookup
from flux_ls.lsp.snapshot import Finding
from flux_ls.source.workspace import Workspace
from flux_ls.store.errors import StoreError

log = logging.getLogger(__name__)

_REMEMBERED = 64


class Mend(Struct, frozen=True):
    """A suggestion's edit, with the texts of the lines on which it begins and ends."""

    finding: Finding
    title: str
    edit: Edit
    sure: bool
    start_text: str
    end_text: str


class Mender:
    """Works mends out, and remembers those of the latest versions: editors ask again whenever the cursor moves."""

    def __init__(self, workspace: Callable[[], AbstractContextManager[Workspace]]) -> None:
        self._workspace = workspace
        self._known: OrderedDict[tuple[str, int | None, str, str, int], tuple[Mend, ...]] = OrderedDict()

    def mends(self, lookup: Lookup, findings: Sequence[Finding], version: int | None) -> list[Mend]:
        """For failing findings on lines that surely are the ones that failed. For one thread at a time."""
        found: list[Mend] = []
        for finding in findings:
            if finding.state != "failing" or finding.unverified:
                continue
            issue, place = finding.issue, finding.place
            key = (place.uri, version, issue.failure.fingerprint, issue.sample_request_id, place.located.line)
            if key not in self._known:
                self._known[key] = self._work_out(lookup, finding)
                if len(self._known) > _REMEMBERED:
                    self._known.popitem(last=False)
            self._known.move_to_end(key)
            found += self._known[key]
        return found

    def _work_out(self, lookup: Lookup, finding: Finding) -> tuple[Mend, ...]:
        try:
            spans = lookup.reader().spans_of_interest(finding.issue.sample_request_id)
        except StoreError as error:
            log.info("no suggestions for req:%s: %s", finding.issue.sample_request_id[:8], error)
            return ()
        failure = assess(spans).failure
        if failure is None or failure.fingerprint != finding.issue.failure.fingerprint:
            return ()
        with self._workspace() as workspace:
            located = finding.place.located
            suggested = suggestions_at(workspace, located, failure, spans)
            lines = workspace.lines(Path(located.path or ""))
            return tuple(_mend(finding, each, lines) for each in suggested if each.edit is not None)


def _mend(finding: Finding, suggestion: Suggestion, lines: Sequence[str]) -> Mend:
    edit = suggestion.edit
    assert edit is not None
    return Mend(finding, suggestion.title, edit, suggestion.sure, lines[edit.start.line - 1], lines[edit.end.line - 1])
