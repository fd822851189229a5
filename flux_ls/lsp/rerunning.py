"""The answers to the commands that run recorded requests again, or write them down as a test."""

import time
from datetime import datetime
from typing import Any

from msgspec import Struct, to_builtins
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams

from flux_ls.analysis.assess import assess
from flux_ls.answers.elsewhere import in_words, parted
from flux_ls.lsp import commands, pages
from flux_ls.lsp.addresses import address
from flux_ls.lsp.convert import path_to_uri
from flux_ls.lsp.desk import MOST_REQUESTS, Answer, Desk, latest
from flux_ls.lsp.jobs import Job, Stopped
from flux_ls.lsp.trials import Trial, bodies_of, trial_of
from flux_ls.model import Request
from flux_ls.replay.by_project import replay_by_project
from flux_ls.replay.new_test import new_test
from flux_ls.replay.projects import Project
from flux_ls.replay.regression.file import NotWritable
from flux_ls.replay.replay import recording_of, summed_up
from flux_ls.replay.rows_words import rows_words
from flux_ls.replay.shapes import Cancelled, Progress, Replay, Skipped
from flux_ls.replay.window import parse_window

_MOST_LED_TO = 32


class ReplayInEditor(Replay, frozen=True):
    unsaved: tuple[str, ...] = ()
    """Files whose text in the editor is another one than what ran."""
    rows: str | None = None
    """Which rows of the throw-away databases were put back, and which were not and why, in words."""


class WrittenTest(Struct, frozen=True):
    request_id: str
    name: str
    file: str
    """Its URI; nothing is written until the editor does."""
    source: str


def replay(asked: commands.WhichReplays, desk: Desk, job: Job) -> Answer:
    reader = desk.lookup.reader()
    if sum(given is not None for given in (asked.id, asked.ids, asked.window)) != 1:
        raise JsonRpcInvalidParams("flux.server.replay: give one of 'id', 'ids' and 'window'")
    if asked.id is not None:
        requests = [reader.resolve(asked.id)]
        uri = address("replay", requests[0].id)
    elif asked.ids is not None:
        found = dict.fromkeys(reader.resolve(id).id for id in asked.ids)
        requests = [reader.request(id) for id in found]
        uri = address("replay", ids=",".join(found))
    else:
        requests = [] if asked.latest else _within(asked.window or "", desk)
        uri = address("replay", window=asked.window or "")
    if asked.latest:
        return latest(desk, uri, "it has not been replayed here: run flux.server.replay")
    if not requests:
        raise JsonRpcException("no HTTP request was recorded in this window", commands.NOT_FOUND, {"kind": "not_found"})
    if desk.ground.folders:
        requests, others = parted(reader, desk.ground.workspace(), requests)
        if others and not (requests and asked.window is not None):
            raise JsonRpcException(in_words(others), commands.NOT_FOUND, {"kind": "not_found"})
    shape, trials = _run_again(requests, desk, job)
    desk.tried(trials)
    if len(requests) > 1:
        # The hint of each leads to what was said of it.
        told = {each.request_id: each for each in shape.requests}
        for trial in trials[:_MOST_LED_TO]:
            _keep(_with(summed_up([told[trial.request_id]]), shape.unsaved), address("replay", trial.request_id), desk)
    data, page = _keep(shape, uri, desk)
    return data, page, uri


def _keep(shape: ReplayInEditor, uri: str, desk: Desk) -> tuple[dict[str, Any], str]:
    data, page = to_builtins(shape), pages.replay(shape, shape.unsaved)
    desk.results.keep(uri, data, page)
    return data, page


def _with(shape: Replay, unsaved: tuple[str, ...]) -> ReplayInEditor:
    given = {name: getattr(shape, name) for name in Replay.__struct_fields__}
    return ReplayInEditor(**given, unsaved=unsaved, rows=rows_words(shape))


def _within(text: str, desk: Desk) -> list[Request]:
    try:
        window = parse_window(text, datetime.now().astimezone())
    except ValueError as error:
        raise JsonRpcInvalidParams(f"'window': {error}") from None
    found: list[Request] = []
    for request in desk.lookup.reader().requests(since_ns=window.from_ns):
        if request.started_ns >= window.to_ns:
            break
        if request.kind == "http":
            found.append(request)
        if len(found) > MOST_REQUESTS:
            raise JsonRpcInvalidParams(f"'window': it holds more than {MOST_REQUESTS:,} requests; give a shorter one")
    return found


def _run_again(requests: list[Request], desk: Desk, job: Job) -> tuple[ReplayInEditor, list[Trial]]:
    """Each in the project that it ran in, as that is on disk; and what it says of the failures."""
    reader, workspace = desk.lookup.reader(), desk.ground.workspace()
    job.report(f"0 of {len(requests)}", 0)
    projects: dict[str, Project] = {}
    failures = {}
    for request in requests:
        job.check()
        spans = reader.spans(request.id)
        projects[request.id] = desk.ground.project_of(spans, workspace)
        if (failure := assess(spans).failure) is not None and not failure.handled:
            failures[request.id] = (failure, bodies_of(workspace, failure, request.started_ns))
    began_ns = time.time_ns()
    unsaved = desk.ground.unsaved(list(dict.fromkeys(project.root for project in projects.values())))
    passing = 0

    def report(progress: Progress) -> None:
        nonlocal passing
        passing += progress.latest.outcome == "passing"
        done, total = progress.done, progress.total
        job.report(f"{done} of {total} · {passing} passing", 100 * done // total)

    try:
        shape = replay_by_project(
            reader, workspace, requests, projects, lambda each: each.conditions, cancel=job.stop, report=report
        )
    except Cancelled:
        raise Stopped(job.title) from None
    answers = {each.request_id: each for each in shape.requests}
    trials = [
        trial
        for id, (failure, bodies) in failures.items()
        if (trial := trial_of(answers[id], failure, bodies, began_ns)) is not None
    ]
    return _with(shape, unsaved), trials


def write_test(asked: commands.WhichRequest, desk: Desk, job: Job) -> Answer:
    reader = desk.lookup.reader()
    request = reader.resolve(asked.id)
    under = desk.ground.project_of(reader.spans(request.id), desk.ground.workspace()).conditions
    recording = recording_of(reader, request, under)
    if isinstance(recording, Skipped):
        told = f"req:{request.short_id} makes no test: {recording.reason}; {recording.mend}"
        raise JsonRpcException(told, commands.NOT_FOUND, {"kind": "not_replayable"})
    job.report("looking for the application")
    try:
        made = new_test(recording, under)
    except NotWritable as error:
        raise JsonRpcException(str(error), commands.NOT_FOUND, {"kind": "not_writable"}) from None
    file = path_to_uri(str(under.root / made.path))
    return to_builtins(WrittenTest(request.id, made.name, file, made.text)), pages.written_test(made), file
