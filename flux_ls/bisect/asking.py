"""A user's question made whole: which checkout, which ends, what tells good from bad, what is known before any run."""

import os
import time
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from flux_ls.analysis.assess import assess
from flux_ls.bisect.beside import lies_beside
from flux_ls.bisect.bisection import Asked
from flux_ls.bisect.evidence import Recorded, recorded
from flux_ls.bisect.installed import installed_from
from flux_ls.bisect.journal import prune
from flux_ls.bisect.oracles import CommandOracle, Oracle, ReplayOracle, only_in_checkout
from flux_ls.bisect.shapes import NothingToFind, NotPossible
from flux_ls.bisect.weights import Ran, ran_at
from flux_ls.config import Settings
from flux_ls.git.asking import Missing
from flux_ls.git.repository import Repository
from flux_ls.model import Failure, Request
from flux_ls.replay.process import sweep
from flux_ls.replay.projects import Project
from flux_ls.source.workspace import Workspace
from flux_ls.store.reader import Reader

COMMAND_S, REPLAY_S = 600.0, 30.0
"""How long a run may take, if nobody says."""
_NO_LIMIT_S = 7 * 24 * 60 * 60.0
"""A replay has to have one."""


class Given(Struct, frozen=True):
    """What the user said."""

    id: str | None
    goods: tuple[str, ...]
    bad: str | None
    command: str | None
    at_once: int = 1
    first_parent: bool = False
    timeout_s: float | None = None
    fresh: bool = False


def ask(
    open_store: Callable[[], Reader], workspace: Workspace, project: Project, given: Given
) -> tuple[Repository, Oracle, Asked, Path]:
    """All that `bisect` takes: the checkout, what tells good from bad, the question, and the folder of the logs.

    `project` is the one whose application runs, in the checkout.

    Raises NotPossible, NothingToFind, GitError, and a StoreError where a request is asked about.
    """
    root, settings, python = project.root, project.settings, project.python
    repository = Repository.around(root)
    if repository is None:
        raise NotPossible(f"{root} is in no git checkout")
    request: Request | None = None
    failure: Failure | None = None
    known = Recorded((), ())
    oracle: Oracle | None = None
    if given.id is not None:
        with open_store() as reader:
            request = reader.resolve(given.id)
            failure = assess(reader.spans_of_interest(request.id)).failure
            if failure is None:
                raise NothingToFind(f"req:{request.short_id} did not fail")
            known = recorded(reader, repository, request.id, failure.fingerprint)
            if given.command is None:
                inside = repository.inside(root) or "."
                oracle = _replay(reader, workspace, project, repository, inside, request, given)
    bad = _bad(repository, request, given)
    if given.command is not None:
        if (word := only_in_checkout(given.command, repository.root, repository.tree(bad).paths)) is not None:
            raise NotPossible(
                f"{word} is in your checkout and in no revision: name it with its full path, {repository.root / word}"
            )
        timeout = COMMAND_S if given.timeout_s is None else given.timeout_s
        oracle = CommandOracle(
            given.command, timeout, repository.root, os.environ, installed_from(repository.root, python, os.environ)
        )
    assert oracle is not None
    goods = _goods(repository, bad, known, given)
    asked = Asked(
        bad=bad,
        goods=goods,
        first_parent=given.first_parent,
        at_once=given.at_once,
        request_id=request.id if request is not None else None,
        # What a command says is another question than what the request died of.
        evidence=known.evidence if given.command is None else (),
        ran=_ran(repository, failure) if failure is not None else None,
        fresh=given.fresh,
        words=(given.command or "", request.id if request is not None else ""),
    )
    # A bisect that was killed leaves a folder of the replay that ran in it, too.
    sweep()
    logs = logs_of(settings)
    prune(logs, settings.retention_days, time.time())
    return repository, oracle, asked, logs


def logs_of(settings: Settings) -> Path:
    """The folder with a log of each search, to go on from."""
    return settings.store.parent / "bisect"


def _replay(
    reader: Reader,
    workspace: Workspace,
    project: Project,
    repository: Repository,
    inside: str,
    request: Request,
    given: Given,
) -> ReplayOracle:
    from flux_ls.replay.replay import recording_of
    from flux_ls.replay.shapes import Skipped

    conditions = replace(
        project.conditions,
        root=repository.root,
        environ=os.environ,
        timeout_s=REPLAY_S if given.timeout_s is None else given.timeout_s or _NO_LIMIT_S,
    )
    recording = recording_of(reader, request, conditions)
    if isinstance(recording, Skipped):
        raise NotPossible(
            f"req:{request.short_id} cannot be replayed: {recording.reason}; {recording.mend}, or give --run CMD"
        )
    installed = installed_from(repository.root, project.python, os.environ)
    beside = lies_beside(repository.root, repository.tree(_bad(repository, request, given)).paths)
    return ReplayOracle(recording, conditions, workspace, inside, installed, beside)


def _bad(repository: Repository, request: Request | None, given: Given) -> str:
    if given.bad is not None:
        return repository.resolve(given.bad)
    if request is not None and request.revision is not None:
        try:
            return repository.commit(request.revision)
        except Missing as error:
            raise Missing(f"{error}; or name another with --bad") from error
    head = repository.head()
    if head is None:
        raise NotPossible("there is no commit yet")
    return head


def _goods(repository: Repository, bad: str, known: Recorded, given: Given) -> tuple[str, ...]:
    if given.goods:
        return tuple(dict.fromkeys(repository.resolve(name) for name in given.goods))
    sure = [each.revision for each in known.evidence if each.verdict == "good"]
    for commit in (*sure, *known.maybe_good):
        if commit != bad and repository.is_ancestor(commit, bad):
            return (commit,)
    raise NotPossible("name a revision that was good with --good: none is recorded")


def _ran(repository: Repository, failure: Failure) -> Ran | None:
    frames = [each for each in failure.frames if each.in_app]
    frames += [link.frame for link in failure.chain if link.frame is not None and link.frame.in_app]
    told = [(path, frame) for frame in frames if (path := repository.inside(Path(frame.path))) is not None]
    return ran_at(told, failure.message or "") if told else None
