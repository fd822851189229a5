"""The entry: evidence first, then runs, until the first bad commit is known and its verdict and its parents' last."""

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from msgspec import Struct

from flux_ls.bisect.course import Course
from flux_ls.bisect.ends import hold_apart, look_at
from flux_ls.bisect.hunks import hunks_of
from flux_ls.bisect.journal import Before, End, Evidence, Held, Journal, Unwritable
from flux_ls.bisect.oracles import Oracle, Said
from flux_ls.bisect.prior import Prior
from flux_ls.bisect.runs import Finished, Runs
from flux_ls.bisect.search import Among, Found, Try, Verdict, repeats
from flux_ls.bisect.shapes import (
    Bisect,
    EvidenceShape,
    FirstBad,
    HunkShape,
    NothingToFind,
    NotPossible,
    Progress,
    Purpose,
    Report,
)
from flux_ls.bisect.weights import Ran, together
from flux_ls.bisect.worktrees import NoRoom, Scratch, sweep, unsuited
from flux_ls.git.asking import GitError
from flux_ls.git.repository import Described, Repository

_AGAIN = 3
"""How often a commit is tried again whose verdicts differ."""


class Asked(Struct, frozen=True, kw_only=True):
    """The question. Revisions are full ids."""

    bad: str
    goods: tuple[str, ...]
    first_parent: bool = False
    at_once: int = 1
    request_id: str | None = None
    evidence: tuple[Evidence, ...] = ()
    """What is known without a run."""
    ran: Ran | None = None
    """What the recording tells of what ran."""
    fresh: bool = False
    """Whether to begin anew where the same question was stopped before."""
    words: tuple[str, ...] = ()
    """What else makes this question another one than the last: the command, say."""


def bisect(
    repository: Repository,
    oracle: Oracle,
    asked: Asked,
    *,
    logs: Path,
    cancel: threading.Event | None = None,
    report: Report = lambda _: None,
) -> Bisect:
    """Finds the first bad commit. Leaves the user's checkout as it is.

    Raises NotPossible, NothingToFind, GitError, and `Aborted` and `Cancelled` of the oracles; what was found out until
    then stands in the log, and the same question goes on from there.
    """
    question = (str(repository.root), asked.bad, *asked.goods, str(asked.first_parent), *asked.words)
    try:
        with Journal.of(logs, question) as journal:
            return _searched(repository, oracle, asked, journal, cancel or threading.Event(), report)
    except (Held, Unwritable) as error:
        raise NotPossible(str(error)) from error
    except NoRoom as error:
        raise NotPossible(f"{error}; asked again, it goes on from here") from error


def _searched(
    repository: Repository, oracle: Oracle, asked: Asked, journal: Journal, stop: threading.Event, report: Report
) -> Bisect:
    sweep()
    notes = unsuited(repository, asked.bad)
    room = repository.tree(asked.bad).bytes
    # One for each run, and for one run alone two that may be next.
    most = asked.at_once + (2 if asked.at_once == 1 else 0)
    with Scratch(repository, room, most) as scratch, Runs(scratch, oracle, asked.at_once, stop) as runs:
        return _Bisection(repository, asked, runs, journal, report, notes).answer()


class _Bisection:
    def __init__(
        self, repository: Repository, asked: Asked, runs: Runs, journal: Journal, report: Report, notes: list[str]
    ) -> None:
        self._repository = repository
        self._asked = asked
        self._runs = runs
        self._report = report
        self._notes = notes
        self._journal = journal
        self._evidence: list[EvidenceShape] = []
        self._verdicts: dict[str, Verdict] = {}
        self._tried: Counter[str] = Counter()
        self._count = 0
        self._run_s = 0.0
        self._symptom: str | None = None
        self._left, self._about = 0, 0
        self._ran = asked.ran
        self._ends: dict[str, End] = {}

    def answer(self) -> Bisect:
        asked = self._asked
        before = Before() if asked.fresh else self._journal.unfinished()
        known = (*asked.evidence, *before.verdicts, *(end.evidence for end in before.ends))
        self._journal.begin(asked.bad, asked.goods, before.ends, known, first_parent=asked.first_parent)
        for evidence in known:
            self._know(evidence, None)
        self._ends = {end.evidence.revision: end for end in before.ends}
        if count := len(before.ends) + len(before.verdicts):
            told = "1 verdict is" if count == 1 else f"{count} verdicts are"
            self._notes.append(f"goes on where it was stopped: {told} known")
        self._check_ends()
        for good in asked.goods:
            self._check_bases(good)
        course = Course(self._repository, asked.bad, asked.goods, first_parent=asked.first_parent)
        self._candidates = len(course.graph)
        if not course.graph:
            raise NothingToFind(f"{self._short(asked.bad)} is good or behind a good revision: there is nothing between")
        self._runs.line_up(course.graph)
        course.prior = self._prior(course)
        found = self._narrowed(course)
        if isinstance(found, Among):
            described = self._repository.described(found.commits)
            self._journal.end()
            return self._told(
                reason="only commits that could not be tried are left: the first bad commit is one of these",
                among=tuple(_first_bad(described[each]) for each in found.commits),
            )
        return self._confirmed(course, found.commit)

    # The ends.

    def _check_ends(self) -> None:
        """Tries what is said to be bad and good, traced: were it otherwise, all that follows would be in vain."""
        asked = self._asked
        recorded = {each.revision for each in asked.evidence if each.verdict == "good"}
        goods = [good for good in asked.goods if good not in recorded]
        trace = {asked.bad, asked.goods[0]}
        if asked.bad in self._ends:
            self._symptom = self._ends[asked.bad].early
        told = self._each([each for each in (asked.bad, *goods) if each not in self._ends], "end", trace=trace)
        said = {each.commit: each.said for each in told}
        # To be traced takes longer, and some programs mind: what is unlike what it is said to be runs without it.
        if asked.bad not in self._ends:
            said[asked.bad] = self._each([asked.bad], "end")[0].said
        if asked.bad not in self._ends:
            how = "is good" if said[asked.bad].verdict == "good" else "cannot be tried"
            raise self._nothing(f"{self._short(asked.bad)}, said to be bad, {how}", said[asked.bad])
        for good in goods:
            if good not in self._ends and good in trace:
                said[good] = self._each([good], "end")[0].said
            if good not in self._ends:
                how = "is bad as well" if self._judged(said[good]) == "bad" else "cannot be tried"
                mend = "; name another with --good"
                raise self._nothing(f"{self._short(good)}, said to be good, {how}", said[good], mend)
        bad, before = self._ends[asked.bad], self._ends.get(asked.goods[0])
        looked = look_at(bad.executed, before.executed if before is not None else None, recorded=asked.ran is not None)
        self._notes += looked.notes
        if looked.ran is not None:
            self._ran = together(self._ran, looked.ran) if self._ran is not None else looked.ran
        self._took(bad.evidence.duration_ms)

    def _nothing(self, what: str, said: Said, mend: str = "") -> NothingToFind:
        # The next start asks the other end anew, too: what was wrong may have been wrong with both.
        self._journal.end()
        return NothingToFind(f"{what}{f': {said.reason}' if said.reason else ''}{mend}")

    def _keep_end(self, finished: Finished, evidence: Evidence) -> None:
        """Goes into the log as soon as it is known, so that a stop loses no run."""
        said, executed = finished.said, finished.executed
        if executed is not None:
            hold_apart(executed, self._repository.root)
        if evidence.verdict == ("bad" if finished.commit == self._asked.bad else "good"):
            self._ends[finished.commit] = end = End(evidence, said.early, executed)
            self._journal.add_end(end)

    def _check_bases(self, good: str) -> None:
        """A good revision beside the bad one tells only of what they have in common, and not before that is good."""
        bases = self._repository.merge_bases(good, self._asked.bad)
        if not bases:
            raise NotPossible(f"{self._short(good)} and {self._short(self._asked.bad)} have no commit in common")
        for base in bases:
            if base == self._asked.bad:
                raise NotPossible(
                    f"{self._short(good)} has the bad revision behind it: are --good and --bad the right way round?"
                )
            if base == good:
                continue
            if base not in self._verdicts:
                self._each([base], "end")
            if self._verdicts[base] == "bad":
                mended = f"it was mended on the way to {self._short(good)}"
                raise NothingToFind(f"{self._short(base)}, which both have behind them, is bad: {mended}")
            if self._verdicts[base] == "skip":
                reasons = [each.reason for each in self._evidence if each.revision == base]
                self._notes.append(f"{self._short(base)}, which both have behind them, cannot be tried: {reasons[-1]}")

    # The search.

    def _prior(self, course: Course) -> Prior | None:
        if self._ran is None:
            return None
        self._say("reading what the commits changed")
        asked, first_parent = self._asked, self._asked.first_parent
        try:
            changes = self._repository.changes(asked.bad, course.goods_for(asked.bad), first_parent=first_parent)
        except GitError as error:
            # What only makes it quicker does not end it.
            self._notes.append(f"what the commits changed cannot be told, so that all count the same: {error}")
            return None
        return Prior(self._repository, changes, self._ran, self._run_s, first_parent=first_parent)

    def _narrowed(self, course: Course) -> Found | Among:
        runs = self._runs
        latest: Verdict | None = None
        while True:
            now = course.next(self._verdicts, self._asked.at_once, runs.commits, latest)
            if not isinstance(now, Try):
                return now
            self._left, self._about = now.left, now.about
            purpose: Purpose = "deciding" if now.deciding else "search"
            for commit in now.commits:
                if commit not in runs.commits:
                    runs.start(commit)
            self._say()
            if self._asked.at_once == 1 and len(runs.commits) == 1:
                runs.wait_for_its_folder()
                nexts = course.foresee(runs.commits[0], self._verdicts)
                # A run that takes longer than a checkout leaves the time for what may be next, half of it in vain.
                if self._run_s > runs.checkout_s:
                    runs.prepare(sorted(nexts, key=lambda each: -nexts[each]))
            finished = runs.next()
            if finished is not None:
                self._take(finished, purpose)
                latest = self._verdicts[finished.commit]
                if runs.commits:
                    runs.drop(set(runs.commits) - course.undecided(self._verdicts))

    # The runs.

    def _each(self, commits: Sequence[str], purpose: Purpose, trace: set[str] | None = None) -> list[Finished]:
        """A run of each, as many at a time as may be."""
        ahead, told = list(commits), list[Finished]()
        while ahead or self._runs.commits:
            while ahead and len(self._runs.commits) < self._asked.at_once:
                commit = ahead.pop(0)
                self._runs.start(commit, trace=trace is not None and commit in trace)
                self._say()
            self._runs.prepare(ahead[:1])
            finished = self._runs.next()
            if finished is not None:
                told.append(finished)
                self._take(finished, purpose)
        return told

    def _take(self, finished: Finished, purpose: Purpose) -> None:
        self._count += 1
        said = finished.said
        self._took(said.duration_ms)
        an_end = purpose == "end" and finished.commit in (self._asked.bad, *self._asked.goods)
        if an_end and finished.commit == self._asked.bad:
            # That it cannot be imported is what is looked for then.
            self._symptom = said.early
        verdict = self._judged(said)
        evidence = Evidence(finished.commit, verdict, "run", said.reason, said.duration_ms)
        if purpose == "repeat":
            # What was found out stands; whether it lasts is another question.
            self._tell(evidence, purpose)
        else:
            self._know(evidence, purpose)
        if an_end:
            self._keep_end(finished, evidence)

    def _took(self, duration_ms: float) -> None:
        self._run_s = duration_ms / 1000

    def _judged(self, said: Said) -> Verdict:
        return "bad" if said.early is not None and said.early == self._symptom else said.verdict

    def _know(self, evidence: Evidence, purpose: Purpose | None) -> None:
        if self._verdicts.get(evidence.revision) != evidence.verdict:
            # Runs that said otherwise confirm nothing.
            self._tried[evidence.revision] = 0
        self._verdicts[evidence.revision] = evidence.verdict
        # What is recorded was run as well, by the user.
        self._tried[evidence.revision] += 1
        # The log begins with the ends.
        if purpose is not None and evidence.revision not in (self._asked.bad, *self._asked.goods):
            self._journal.add(evidence)
        self._tell(evidence, purpose)

    def _tell(self, evidence: Evidence, purpose: Purpose | None) -> None:
        shape = EvidenceShape(
            evidence.revision, evidence.verdict, evidence.source, evidence.reason, evidence.duration_ms, purpose
        )
        self._evidence.append(shape)
        self._say(latest=shape)

    def _say(self, doing: str = "", latest: EvidenceShape | None = None) -> None:
        self._report(Progress(self._left, self._about, self._count, self._runs.commits, latest, doing))

    # The end.

    def _confirmed(self, course: Course, commit: str) -> Bisect:
        """Tries the deciding ones until each was tried twice: where they differ, nothing is sure."""
        self._left, self._about = 1, 0
        ahead = repeats(course.graph, commit, self._verdicts, self._tried)
        before = {each: self._verdicts.get(each, "good") for each in ahead}
        described = self._repository.described([commit])[commit]
        with ThreadPoolExecutor(1, thread_name_prefix="flux-bisect-hunks") as meanwhile:
            showing = meanwhile.submit(self._shown, course, commit)
            again = [finished.commit for finished in self._each(ahead, "repeat") if self._differs(finished, before)]
        unsteady = tuple(dict.fromkeys(again))
        if unsteady:
            self._each([each for each in unsteady for _ in range(_AGAIN)], "repeat")
            self._journal.end()
            told = "; ".join(self._how_often(each) for each in unsteady)
            return self._told(
                reason=f"the verdicts do not last: {told}. {self._short(commit)} is suspect, and no more than that",
                among=(_first_bad(described),),
                unsteady=unsteady,
            )
        self._journal.end(commit, described.subject)
        try:
            hunks = showing.result()
        except GitError as error:
            hunks = ()
            self._notes.append(f"what it changed cannot be shown: {error}")
        return self._told(first_bad=_first_bad(described), hunks=hunks)

    def _shown(self, course: Course, commit: str) -> tuple[HunkShape, ...]:
        """The part of its diff that touches what failed. Raises GitError."""
        parents = course.graph[commit]
        ran = course.prior.ran if course.prior is not None else self._ran
        changes = self._repository.changes(commit, parents, first_parent=self._asked.first_parent).get(commit, ())
        return hunks_of(self._repository, commit, parents[0] if parents else None, changes, ran)

    def _differs(self, finished: Finished, before: Mapping[str, Verdict]) -> bool:
        return self._judged(finished.said) != before[finished.commit]

    def _how_often(self, commit: str) -> str:
        runs = [each.verdict for each in self._evidence if each.revision == commit and each.source == "run"]
        others = [each for each in self._evidence if each.revision == commit and each.source == "recorded"]
        counts = ", ".join(f"{count} times {verdict}" for verdict, count in Counter(runs).most_common())
        return f"{self._short(commit)} was {counts}{f', and recorded as {others[-1].verdict}' if others else ''}"

    def _told(
        self,
        *,
        first_bad: FirstBad | None = None,
        hunks: tuple[HunkShape, ...] = (),
        reason: str | None = None,
        among: tuple[FirstBad, ...] = (),
        unsteady: tuple[str, ...] = (),
    ) -> Bisect:
        asked = self._asked
        return Bisect(
            request_id=asked.request_id,
            good=asked.goods,
            bad=asked.bad,
            first_bad=first_bad,
            runs=self._count,
            candidates=self._candidates,
            evidence=tuple(self._evidence),
            hunks=hunks,
            reason=reason,
            among=among,
            unsteady=unsteady,
            notes=tuple(dict.fromkeys(self._notes)),
            log=str(self._journal.path),
        )

    def _short(self, commit: str) -> str:
        return commit[:12]


def _first_bad(told: Described) -> FirstBad:
    return FirstBad(told.id, told.author, told.date, told.subject, told.email)
