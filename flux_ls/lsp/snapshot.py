"""What each file has to show: findings as immutable snapshots, which everything that answers the editor looks at."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct
from msgspec.structs import replace

from flux_ls.model import GroupState, Issue, LocatedFrame


class Place(Struct, frozen=True):
    """A recorded frame in a file of today."""

    located: LocatedFrame
    uri: str
    text: str
    """Of its line, without the end."""


class Finding(Struct, frozen=True):
    """An issue group at one place of today's text."""

    issue: Issue
    state: GroupState
    stale: bool
    """Not seen for a day."""
    place: Place
    trail: tuple[Place, ...]
    """The in-app path from the handler to the fault."""
    function_text: str | None
    """The line of the function's `def`."""

    @property
    def unverified(self) -> bool:
        return self.place.located.anchor == "edited"


class FileFindings(Struct, frozen=True):
    """What one file has to show, for one version of its text."""

    version: int | None
    """Of the open document; None when it is not open."""
    findings: tuple[Finding, ...] = ()


class Snapshot(Struct, frozen=True):
    files: Mapping[str, FileFindings] = {}
    """By URI, as the client spells it; only files with findings."""
    failing: int = 0
    """Issues that are failing now, shown or not."""
    unplaced: tuple[tuple[Issue, str], ...] = ()
    """Failing issues without a place in the workspace, with the reason."""


def merged(findings: Iterable[Finding]) -> Iterator[Finding]:
    """One finding for each group and place: the same line may have been recorded under several numbers.

    Where the group fails, that it was handled at other times is not news.
    """
    groups: dict[tuple[str, bool, str, int], list[Finding]] = defaultdict(list)
    for finding in findings:
        failure, located = finding.issue.failure, finding.place.located
        groups[failure.fingerprint, failure.handled, finding.place.uri, located.line].append(finding)
    for fingerprint, handled, uri, line in list(groups):
        if not handled:
            groups.pop((fingerprint, True, uri, line), None)
    newest_sure: dict[tuple[str, bool, str, str], int] = {}
    for (fingerprint, handled, uri, _), group in groups.items():
        for finding in group:
            if not finding.unverified:
                key = (fingerprint, handled, uri, finding.place.located.function)
                newest_sure[key] = max(newest_sure.get(key, 0), finding.issue.last_seen_ns)
    for (fingerprint, handled, uri, _), group in groups.items():
        # A line that still fails tells more than what an older failure of it in the same function has become.
        group = [
            finding
            for finding in group
            if not finding.unverified
            or newest_sure.get((fingerprint, handled, uri, finding.place.located.function), 0)
            < finding.issue.last_seen_ns
        ]
        if not group:
            continue
        latest = max(group, key=lambda finding: finding.issue.last_seen_ns)
        if len(group) == 1:
            yield latest
            continue
        first = min(group, key=lambda finding: finding.issue.first_seen_ns).issue
        issue = replace(
            latest.issue,
            count=sum(finding.issue.count for finding in group),
            first_seen_ns=first.first_seen_ns,
            first_revision=first.first_revision,
        )
        yield replace(latest, issue=issue)


def order(finding: Finding) -> tuple[int, int, int]:
    return (finding.place.located.line, -finding.issue.last_seen_ns, finding.issue.id)
