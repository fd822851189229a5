"""What is known of the store's issues: the latest of each, the good requests of their routes, replays, and proofs."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from flux_ls.analysis.route import route_name
from flux_ls.answers.state import Standing, standing
from flux_ls.lsp.trials import Trial, by_group, still_holds
from flux_ls.lsp.watch import News
from flux_ls.model import Issue, Proof, Request
from flux_ls.source.workspace import Workspace


class KnownIssues:
    """By id. What takes something says which issues are to be looked at again."""

    def __init__(self) -> None:
        self._issues: dict[int, Issue] = {}
        self._of_route: dict[tuple[str, str], set[int]] = defaultdict(set)
        self._proofs: dict[int, tuple[int, Proof]] = {}
        """What was seen to show issues mended, with their last failure, until the store tells it."""
        self._mended: list[tuple[Issue, Proof]] = []
        self._trials: dict[str, Trial] = {}
        """The latest of each issue group."""

    @property
    def by_id(self) -> Mapping[int, Issue]:
        return self._issues

    def take_news(self, news: News) -> set[int]:
        changed: set[int] = set()
        if news.afresh:
            changed |= self._issues.keys()
            self._issues.clear()
            self._of_route.clear()
            self._proofs.clear()
        for issue in news.issues:
            self._issues[issue.id] = issue
            if issue.route is not None:
                self._of_route[issue.route.service, issue.route.name].add(issue.id)
            changed.add(issue.id)
            if issue.failure.fingerprint in self._trials:
                changed |= self.of_group(issue.failure.fingerprint)
        good = {
            (request.service, route_name(request)): request
            for request in news.requests
            if request.complete and not request.bad
        }
        for route, request in good.items():
            changed |= self._take_good(route, request)
        return changed

    def _take_good(self, route: tuple[str, str], request: Request) -> set[int]:
        """A good request may be the proof that its route's issues are mended."""
        changed = set()
        for issue_id in self._of_route.get(route, ()):
            issue = self._issues.get(issue_id)
            if issue is None or issue.route is None or (issue.route.last_good_ns or 0) >= request.started_ns:
                continue
            latest = replace(
                issue.route,
                last_good_id=request.id,
                last_good_ns=request.started_ns,
                last_good_revision=request.revision,
                last_good_status=request.status,
            )
            self._issues[issue_id] = replace(issue, route=latest)
            if issue.proof is None and issue_id not in self._proofs and not issue.failure.handled:
                changed.add(issue_id)
        return changed

    def take_trials(self, told: Iterable[Trial]) -> tuple[set[int], list[Trial]]:
        """The issues of replayed requests, and what counts of the replays."""
        trials = by_group(told)
        self._trials |= trials
        return {id for group in trials for id in self.of_group(group)}, list(trials.values())

    def of_group(self, fingerprint: str) -> set[int]:
        return {id for id, issue in self._issues.items() if issue.failure.fingerprint == fingerprint}

    def trial_of(self, issue: Issue, workspace: Workspace) -> Trial | None:
        """What the latest replay said of it, unless it has failed since or the code is another one now."""
        fingerprint = issue.failure.fingerprint
        trial = self._trials.get(fingerprint)
        if trial is None or issue.failure.handled:
            return None
        failed_ns = max(self._issues[id].last_seen_ns for id in self.of_group(fingerprint))
        return trial if failed_ns <= trial.began_ns and still_holds(trial, workspace) else None

    def standing(self, issue: Issue, workspace: Workspace) -> Standing:
        failed_ns, proof = self._proofs.get(issue.id, (0, None))
        if proof is not None and failed_ns >= issue.last_seen_ns:
            # The edit that came before it may be told by nothing any more.
            return Standing("resolved", proof)
        self._proofs.pop(issue.id, None)  # It has failed since.
        stands = standing(workspace, issue)
        if stands.proof is not None and issue.proof is None:
            self._proofs[issue.id] = (issue.last_seen_ns, stands.proof)
            self._mended.append((issue, stands.proof))
        return stands

    def is_proven(self, issue: Issue) -> bool:
        return issue.id in self._proofs or issue.proof is not None

    def forget_proof(self, issue_id: int) -> None:
        self._proofs.pop(issue_id, None)

    def just_mended(self) -> list[tuple[Issue, Proof]]:
        """What was seen mended since this was last asked, which the store does not know yet."""
        mended, self._mended = self._mended, []
        return mended
