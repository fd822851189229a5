"""The answers to the tools that run code of the project, which whoever started the server has allowed."""

import re
from collections.abc import Sequence
from datetime import datetime

from msgspec import UNSET
from msgspec.structs import replace

from flux_ls.answers.elsewhere import in_words, parted
from flux_ls.bisect.asking import Given, ask
from flux_ls.bisect.bisection import bisect as search
from flux_ls.bisect.oracles import Aborted
from flux_ls.bisect.oracles import Cancelled as BisectCancelled
from flux_ls.bisect.shapes import Bisect, NothingToFind, NotPossible
from flux_ls.bisect.shapes import Progress as BisectProgress
from flux_ls.bisect.shapes import in_words as bisect_in_words
from flux_ls.git.asking import GitError
from flux_ls.mcp import parameters
from flux_ls.mcp.desk import Desk, Refused, Stopped
from flux_ls.mcp.parameters import MOST_REPLAYED, given
from flux_ls.model import Request, Span
from flux_ls.replay.by_project import replay_by_project
from flux_ls.replay.projects import Project
from flux_ls.replay.shapes import Cancelled, Conditions, Progress, Replay
from flux_ls.replay.window import parse_window
from flux_ls.store.reader import Reader

_FLAGS = re.compile(r"--(good|bad|run|timeout)(?: CMD)?\b")
_PARAMETERS = {"timeout": "timeout_s"}
"""What the terminal's flags are called here, where it is something else."""


def replay(asked: parameters.WhatToReplay, desk: Desk) -> Replay:
    def conditions(project: Project) -> Conditions:
        return replace(project.conditions, timeout_s=asked.timeout_s, pin=asked.pin)

    passing = 0

    def report(progress: Progress) -> None:
        nonlocal passing
        passing += progress.latest.outcome == "passing"
        desk.job.said = (f"{progress.done} of {progress.total} · {passing} passing", progress.done / progress.total)

    try:
        with desk.reader() as reader:
            requests = _ours(reader, desk, _requests(reader, asked), is_window=asked.window is not UNSET)
            desk.job.report(f"0 of {len(requests)}", 0)
            projects = {request.id: desk.project_of(reader.spans(request.id)) for request in requests}
            told = replay_by_project(
                reader, desk.workspace, requests, projects, conditions, cancel=desk.job.stop, report=report
            )
    except Cancelled:
        raise Stopped from None
    if asked.diff:
        return told
    return replace(told, requests=tuple(replace(each, diff=None) for each in told.requests))


def _requests(reader: Reader, asked: parameters.WhatToReplay) -> list[Request]:
    window = given(asked.window)
    if bool(asked.ids) == (window is not None):
        raise Refused("give `ids`, or a `window` of time")
    if window is None:
        found = {request.id: request for request in map(reader.resolve, asked.ids)}
        return list(found.values())
    try:
        of = parse_window(window, datetime.now().astimezone())
    except ValueError as error:
        raise Refused(f"window: {error}") from None
    requests = []
    for request in reader.requests(since_ns=of.from_ns, bad_only=asked.errors_only):
        if request.started_ns >= of.to_ns:
            break
        if request.kind == "http":
            requests.append(request)
        if len(requests) > MOST_REPLAYED:
            raise Refused(f"the window holds more than {MOST_REPLAYED} requests: give a shorter one, or `errors_only`")
    if not requests:
        raise Refused("no HTTP request was recorded in this window")
    return requests


def _ours(reader: Reader, desk: Desk, requests: list[Request], *, is_window: bool) -> list[Request]:
    ours, others = parted(reader, desk.workspace, requests)
    if others and not (is_window and ours):
        raise Refused(f"the project is {desk.root}; {in_words(others)}")
    return ours


def bisect(asked: parameters.WhatToBisect, desk: Desk) -> Bisect:
    id, command = given(asked.id), given(asked.run)
    if id is None and command is None:
        raise Refused("give the `id` of a failed request, or a command to `run`")
    spans: Sequence[Span] = ()
    if id is not None:
        with desk.reader() as reader:
            id = reader.resolve(id).id
            spans = reader.spans(id)
    question = Given(
        id=id,
        goods=tuple(asked.good),
        bad=given(asked.bad),
        command=command,
        at_once=asked.jobs,
        first_parent=asked.first_parent,
        timeout_s=given(asked.timeout_s),
        fresh=asked.fresh,
    )
    desk.job.report("looking at the history", 0)
    try:
        repository, oracle, whole, logs = ask(desk.reader, desk.workspace, desk.project_of(spans), question)
        return search(
            repository, oracle, whole, logs=logs, cancel=desk.job.stop, report=lambda told: _report(desk, told)
        )
    except BisectCancelled:
        raise Stopped from None
    except (NotPossible, NothingToFind, Aborted, GitError) as error:
        raise Refused(_FLAGS.sub(lambda flag: f"`{_PARAMETERS.get(flag[1], flag[1])}`", str(error))) from None


def _report(desk: Desk, told: BisectProgress) -> None:
    desk.job.said = (bisect_in_words(told) or "searching", told.runs / max(1, told.runs + told.about))
