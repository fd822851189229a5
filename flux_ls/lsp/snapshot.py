"""What each file has to show: findings as immutable snapshots, which everything that answers the editor looks at."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from flux_ls.lsp.suspects import Suspect
from flux_ls.lsp.trials import Trial
from flux_ls.model import GroupState, Issue, LocatedFrame, Proof

DAY_NS = 24 * 3600 * 10**9
STALE_AFTER_NS = DAY_NS
FIXED_FOR_NS = DAY_NS
"""How long a function says that it was mended, unless it fails again before."""


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
    proof: Proof | None = None
    """What shows it mended, of one that is `resolved`."""
    trial: Trial | None = None
    """What the latest replay said of it, as long as that holds."""

    @property
    def mended(self) -> bool:
        """A later run went well, or a replay of the code as it is now."""
        return self.proof is not None or (self.trial is not None and self.trial.passing)

    @property
    def unverified(self) -> bool:
        return self.place.located.anchor == "edited"

    @property
    def head(self) -> tuple[int, str]:
        """The line of its function, with its text, or its own where there is none: where a lens stands."""
        located = self.place.located
        if located.function_line is None or self.function_text is None:
            return located.line, self.place.text
        return located.function_line, self.function_text


class FileFindings(Struct, frozen=True):
    """What one file has to show, for one version of its text."""

    version: int | None
    """Of the open document; None when it is not open."""
    findings: tuple[Finding, ...] = ()
    fixed: tuple[Finding, ...] = ()
    """What was mended within a day, one for each function."""
    held: tuple[Finding, ...] = ()
    """What has no place while the user is typing, at the function that it had: its lens stays."""
    suspects: tuple[Suspect, ...] = ()
    """Lines of first bad commits, of what fails."""


class Snapshot(Struct, frozen=True):
    files: Mapping[str, FileFindings] = {}
    """By URI, as the client spells it; only files with something to show."""
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


def files(
    found: Iterable[Finding],
    fixed: Iterable[Finding],
    held: Iterable[Finding],
    versions: Mapping[str, int | None],
    now_ns: int,
    suspects: Mapping[str, Sequence[Suspect]] = {},
) -> Mapping[str, FileFindings]:
    """What each file shows, by URI; `versions` are those of the open documents."""
    shown, mended, kept = (defaultdict[str, list[Finding]](list) for _ in range(3))
    by_replay = []
    for finding in merged(found):
        if finding.mended:
            by_replay.append(finding)
            continue
        stale = now_ns - finding.issue.last_seen_ns > STALE_AFTER_NS
        shown[finding.place.uri].append(replace(finding, stale=True) if stale else finding)
    for finding in _latest_proofs([*by_replay, *fixed], now_ns):
        mended[finding.place.uri].append(finding)
    for finding in held:
        kept[finding.place.uri].append(finding)
    return {
        uri: FileFindings(
            versions.get(uri),
            tuple(sorted(shown[uri], key=order)),
            tuple(sorted(mended[uri], key=order)),
            tuple(sorted(kept[uri], key=order)),
            tuple(suspects.get(uri, ())),
        )
        for uri in sorted({*shown, *mended, *kept, *suspects})
    }


def _latest_proofs(fixed: Iterable[Finding], now_ns: int) -> Iterable[Finding]:
    latest: dict[tuple[str, int], Finding] = {}
    for finding in fixed:
        key = (finding.place.uri, finding.head[0])
        if now_ns - _proven_ns(finding) <= FIXED_FOR_NS and (
            key not in latest or _proven_ns(latest[key]) < _proven_ns(finding)
        ):
            latest[key] = finding
    return latest.values()


def _proven_ns(finding: Finding) -> int:
    if finding.proof is not None:
        return finding.proof.at_ns
    return 0 if finding.trial is None else finding.trial.began_ns


def still_fixed(fixed: Collection[Finding], issues: Iterable[Issue]) -> Iterator[Finding]:
    """What was mended and whose group has not failed since, on another line say."""
    failed_ns = {finding.issue.failure.fingerprint: 0 for finding in fixed}
    for issue in issues if failed_ns else ():
        group = issue.failure.fingerprint
        if group in failed_ns and issue.count > 0 and not issue.failure.handled:
            failed_ns[group] = max(failed_ns[group], issue.last_seen_ns)
    return (finding for finding in fixed if failed_ns[finding.issue.failure.fingerprint] < _proven_ns(finding))
