"""The answer to the command that looks for the commit that broke it."""

import math
from collections.abc import Iterator

from msgspec import to_builtins
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams

from flux_ls.analysis.assess import assess
from flux_ls.bisect.asking import Given, ask
from flux_ls.bisect.bisection import bisect as search
from flux_ls.bisect.oracles import Aborted, Cancelled
from flux_ls.bisect.shapes import NothingToFind, NotPossible, Progress, in_words
from flux_ls.git.asking import GitError, Missing
from flux_ls.lsp import commands, pages
from flux_ls.lsp.addresses import address
from flux_ls.lsp.desk import Answer, Desk, latest
from flux_ls.lsp.jobs import Job, Stopped
from flux_ls.lsp.suspects import Suspicion

MOST_JOBS = 64


def bisect(asked: commands.WhatToBisect, desk: Desk, job: Job) -> Answer:
    if asked.id is None and asked.run is None:
        raise JsonRpcInvalidParams("flux.server.bisect: give 'id', the failed request, or 'run', a command")
    if not 1 <= asked.jobs <= MOST_JOBS:
        raise JsonRpcInvalidParams(f"flux.server.bisect: 'jobs' must be from 1 to {MOST_JOBS}, not {asked.jobs}")
    if asked.timeout is not None and not 0 <= asked.timeout < math.inf:
        raise JsonRpcInvalidParams(f"flux.server.bisect: 'timeout' is in seconds, or 0, not {asked.timeout:g}")
    request = None if asked.id is None else desk.lookup.reader().resolve(asked.id)
    uri = _address(asked, None if request is None else request.id)
    if asked.latest:
        return latest(desk, uri, "it has not been bisected here: run flux.server.bisect")
    spans = () if request is None else desk.lookup.reader().spans(request.id)
    workspace = desk.ground.workspace()
    project = desk.ground.project_of(spans, workspace)
    given = Given(
        id=None if request is None else request.id,
        goods=() if asked.good is None else (asked.good,),
        bad=asked.bad,
        command=asked.run,
        at_once=asked.jobs,
        first_parent=asked.first_parent,
        timeout_s=asked.timeout,
        fresh=asked.fresh,
    )
    job.report("looking at the history")
    try:
        repository, oracle, question, logs = ask(desk.lookup.fresh, workspace, project, given)
        shape = search(
            repository, oracle, question, logs=logs, cancel=job.stop, report=lambda progress: _report(job, progress)
        )
    except Cancelled:
        raise Stopped(job.title) from None
    except NotPossible as error:
        raise JsonRpcException(str(error), commands.NOT_FOUND, {"kind": "not_possible"}) from None
    except (NothingToFind, Aborted) as error:
        raise JsonRpcException(str(error), commands.NOT_FOUND, {"kind": "nothing_to_find"}) from None
    except Missing as error:
        raise JsonRpcException(str(error), commands.NOT_FOUND, {"kind": "not_found"}) from None
    except GitError as error:
        raise JsonRpcException(str(error), commands.NOT_FOUND, {"kind": "git"}) from None
    failure = assess(spans).failure if spans else None
    if failure is not None and request is not None and shape.first_bad is not None:
        desk.suspected(
            Suspicion(
                fingerprint=failure.fingerprint,
                request_id=request.id,
                root=str(repository.root),
                first_bad=shape.first_bad,
                hunks=tuple(hunk for hunk in shape.hunks if hunk.failing),
                uri=uri,
            )
        )
    data, page = to_builtins(shape), pages.bisect(shape)
    desk.results.keep(uri, data, page)
    return data, page, uri


def _address(asked: commands.WhatToBisect, id: str | None) -> str:
    """The same question has the same one, whatever its answer."""
    parts = dict(_parameters(asked))
    return address("bisect", id, **parts) if id is not None else address("bisect", **parts)


def _parameters(asked: commands.WhatToBisect) -> Iterator[tuple[str, str]]:
    for name in ("run", "good", "bad"):
        if (value := getattr(asked, name)) is not None:
            yield name, value
    if asked.first_parent:
        yield "firstParent", "true"


def _report(job: Job, progress: Progress) -> None:
    percentage = 100 * progress.runs // max(1, progress.runs + progress.about)
    job.report(in_words(progress) or "searching", percentage)
