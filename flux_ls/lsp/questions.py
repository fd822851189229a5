"""The answers to commands: each asks `flux_ls.answers`, in a thread, and adds the page that shows it."""

import os
import re
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from typing import Any

from msgspec import Struct, to_builtins
from msgspec.structs import replace
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams

from flux_ls.answers.blame import blame_row, blame_table
from flux_ls.answers.debug import debug as ask_debug
from flux_ls.answers.diff import NothingToCompare, diff_with_good
from flux_ls.answers.diff import diff as ask_diff
from flux_ls.answers.doctor import doctor as ask_doctor
from flux_ls.answers.errors import errors as ask_errors
from flux_ls.answers.explain import explain as ask_explain
from flux_ls.answers.history import history as ask_history
from flux_ls.answers.shapes import Blame, Dismissal, Doctor, RequestShape, request_shape
from flux_ls.answers.since import parse_since
from flux_ls.answers.tail import Page, RequestFilter, page
from flux_ls.answers.trace import trace as ask_trace
from flux_ls.answers.why import why as ask_why
from flux_ls.config import together
from flux_ls.lsp import bisecting, commands, pages, rerunning
from flux_ls.lsp.addresses import address
from flux_ls.lsp.desk import MOST_REQUESTS, Answer, Desk
from flux_ls.lsp.jobs import Job
from flux_ls.record import redaction
from flux_ls.replay.project_words import check_project
from flux_ls.store.errors import (
    AmbiguousRequest,
    AmbiguousTable,
    BadRequestId,
    RequestNotFound,
    RowNotFound,
    StoreError,
    StoreMissing,
    TableNotFound,
)
from flux_ls.store.reader import Position, Reader
from flux_ls.store.writer import Writer

KINDS: tuple[tuple[type[StoreError], str], ...] = (
    (RequestNotFound, "not_found"),
    (TableNotFound, "not_found"),
    (RowNotFound, "not_found"),
    (AmbiguousRequest, "ambiguous"),
    (AmbiguousTable, "ambiguous"),
    (BadRequestId, "bad_id"),
    (StoreError, "store"),
)
_WHOLE_ID = re.compile(r"[0-9a-f]{32}")
_CURSOR = re.compile(r"([0-9]{1,19})-([0-9]{1,18})")


class Tail(Struct, frozen=True):
    """The oldest first. `earlier` goes on to older ones, as `before`; it is null when there are none."""

    requests: tuple[RequestShape, ...]
    earlier: str | None


class Samples(Struct, frozen=True):
    """The newest first."""

    requests: tuple[RequestShape, ...]


def answer(command: commands.Command, asked: Any, desk: Desk, job: Job) -> dict[str, Any]:
    """The plain data of an answer. Raises JsonRpcException with what the user can do about it."""
    try:
        data, page, uri = _QUESTIONS[command.name](asked, desk, job)
    except StoreError as error:
        raise _refused(error) from None
    return {**data, "text": page, "uri": uri}


def _tail(asked: commands.WhichRequests, desk: Desk, job: Job) -> Answer:
    wanted = RequestFilter(
        function=asked.fn, errors_only=asked.errors_only, slow_ms=asked.slow_ms, service=asked.service
    )
    _check_limit("tail", asked.limit)
    try:
        reader = desk.lookup.reader()
        found = page(
            reader,
            wanted,
            limit=asked.limit,
            since_ns=_since(asked.since),
            before=_position(reader, asked.before),
            patience_s=None if asked.patience_ms is None else asked.patience_ms / 1000,
            check=job.check,
        )
    except StoreMissing:
        found = Page((), None)
    shape = Tail(tuple(map(request_shape, found.requests)), _cursor(found.earlier))
    return to_builtins(shape), pages.tail(shape.requests), address("tail")


def _samples(asked: commands.RequestsOf, desk: Desk, job: Job) -> Answer:
    _check_limit("samples", asked.limit)
    found = desk.lookup.reader().requests_of_group(asked.fingerprint, asked.limit, handled=asked.handled)
    shape = Samples(tuple(map(request_shape, found)))
    return to_builtins(shape), pages.tail(shape.requests), address("errors")


def _check_limit(name: str, limit: int) -> None:
    if not 1 <= limit <= MOST_REQUESTS:
        raise JsonRpcInvalidParams(f"flux.server.{name}: 'limit' must be from 1 to {MOST_REQUESTS}, not {limit}")


def _cursor(position: Position | None) -> str | None:
    return None if position is None else f"{position.started_ns}-{position.number}"


def _position(reader: Reader, before: str | None) -> Position | None:
    if before is None:
        return None
    if _WHOLE_ID.fullmatch(before):
        return reader.position_of(before)
    if (parts := _CURSOR.fullmatch(before)) is None:
        raise JsonRpcInvalidParams(
            "flux.server.tail: 'before' must be what an answer gave as 'earlier', or the whole id of a request"
        )
    return Position(int(parts[1]), int(parts[2]))


def _why(asked: commands.WhichRequest, desk: Desk, job: Job) -> Answer:
    reader = desk.lookup.reader()
    job.check()
    with desk.workspace() as workspace:
        shape = ask_why(reader, workspace, asked.id)
    return to_builtins(shape), pages.why(shape), address("why", shape.request.id)


def _trace(asked: commands.WhichRequest, desk: Desk, job: Job) -> Answer:
    reader = desk.lookup.reader()
    job.check()
    with desk.workspace() as workspace:
        shape = ask_trace(reader, workspace, asked.id)
    return to_builtins(shape), pages.trace(shape), address("trace", shape.request.id)


def _debug(asked: commands.WhichRequest, desk: Desk, job: Job) -> Answer:
    reader = desk.lookup.reader()
    job.check()
    with desk.workspace() as workspace:
        shape = ask_debug(reader, workspace, asked.id)
    return to_builtins(shape), pages.debug(shape), address("debug", shape.request.id)


def _diff(asked: commands.TwoRequests, desk: Desk, job: Job) -> Answer:
    reader = desk.lookup.reader()
    job.report("comparing")
    try:
        with desk.workspace() as workspace:
            if asked.other is None:
                shape = diff_with_good(reader, workspace, asked.id)
            else:
                shape = ask_diff(reader, workspace, asked.id, asked.other)
    except NothingToCompare as error:
        raise JsonRpcException(str(error), commands.NOT_FOUND, {"kind": "not_found"}) from None
    return to_builtins(shape), pages.diff(shape), address("diff", shape.before.id, other=shape.after.id)


def _explain(asked: commands.WhatToAsk, desk: Desk, job: Job) -> Answer:
    from flux_ls.explain import providers

    settings = desk.loaded.settings
    redaction.configure(together("redact_keys", settings, desk.below))
    reader = desk.lookup.reader()
    try:
        provider = None
        if asked.send:
            provider = providers.configured(
                settings.explain_provider, settings.explain_model, settings.explain_url, os.environ
            )
        with desk.workspace() as workspace:
            shape = ask_explain(reader, workspace, asked.id)
        if provider is not None:
            job.report(f"asking {settings.explain_model}")
            shape = replace(shape, sent=True, answer=providers.ask(provider, shape.prompt))
    except (providers.NotConfigured, providers.NoAnswer) as error:
        raise JsonRpcException(str(error), commands.NOT_FOUND, {"kind": "provider"}) from None
    return to_builtins(shape), pages.explain(shape), address("explain", reader.resolve(asked.id).id)


def _history(asked: commands.WhichRow, desk: Desk, job: Job) -> Answer:
    if asked.limit < 1:
        raise JsonRpcInvalidParams(f"flux.server.history: 'limit' must be 1 or more, not {asked.limit}")
    reader = desk.lookup.reader()
    with desk.workspace() as workspace:
        shape = ask_history(reader, workspace, asked.table, asked.id, asked.limit)
    return to_builtins(shape), pages.history(shape), address("history", table=shape.table, id=asked.id)


def _blame(asked: commands.WhichRows, desk: Desk, job: Job) -> Answer:
    reader = desk.lookup.reader()
    with desk.workspace() as workspace:
        if asked.id is None:
            return _blamed(blame_table(reader, workspace, asked.table), {})
        return _blamed(blame_row(reader, workspace, asked.table, asked.id), {"id": asked.id})


def _blamed(shape: Blame, row: dict[str, str]) -> Answer:
    return to_builtins(shape), pages.blame(shape), address("blame", table=shape.table, **row)


def _errors(asked: commands.Since, desk: Desk, job: Job) -> Answer:
    since_ns = _since(asked.since)
    reader = desk.lookup.reader()
    job.check()
    with desk.workspace() as workspace:
        shape = ask_errors(reader, workspace, since_ns)
    uri = address("errors", since=asked.since) if asked.since else address("errors")
    return to_builtins(shape), pages.errors(shape), uri


def _doctor(asked: commands.MaybeRequest, desk: Desk, job: Job) -> Answer:
    job.report("looking at the collector, the store and the workspace")
    with desk.workspace() as workspace:
        shape = ask_doctor(
            desk.loaded,
            workspace,
            os.environ,
            asked.id,
            below=desk.below,
            project=lambda spans: check_project(desk.ground.projects, spans, workspace),
        )
    # Whether an editor would find the language server is no question here.
    shape = Doctor(tuple(check for check in shape.checks if check.name != "editor"))
    return to_builtins(shape), pages.doctor(shape), address("doctor", asked.id)


def _dismiss(asked: commands.Group, desk: Desk, job: Job) -> Answer:
    return _set_aside(asked.fingerprint, desk, dismissed=True)


def _restore(asked: commands.Group, desk: Desk, job: Job) -> Answer:
    return _set_aside(asked.fingerprint, desk, dismissed=False)


def _set_aside(fingerprint: str, desk: Desk, *, dismissed: bool) -> Answer:
    desk.lookup.reader()  # A writer would make a store that is missing.
    with closing(Writer(desk.lookup.path, desk.lookup.rule)) as writer:
        done = writer.dismiss(fingerprint) if dismissed else writer.restore(fingerprint)
    if not done:
        which = "issue group" if dismissed else "dismissed issue group"
        raise JsonRpcException(f"there is no {which} {fingerprint!r}", commands.NOT_FOUND, {"kind": "not_found"})
    shape = Dismissal(fingerprint, "dismissed" if dismissed else "restored")
    return to_builtins(shape), pages.dismissal(shape), address("errors")


def _status(asked: commands.Nothing, desk: Desk, job: Job) -> Answer:
    status = desk.status()
    return dict(status), pages.status(status), address("status")


_QUESTIONS: dict[str, Callable[[Any, Desk, Job], Answer]] = {
    "tail": _tail,
    "samples": _samples,
    "why": _why,
    "trace": _trace,
    "debug": _debug,
    "diff": _diff,
    "replay": rerunning.replay,
    "bisect": bisecting.bisect,
    "writeTest": rerunning.write_test,
    "explain": _explain,
    "history": _history,
    "blame": _blame,
    "errors": _errors,
    "doctor": _doctor,
    "dismiss": _dismiss,
    "restore": _restore,
    "status": _status,
}


def _since(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return parse_since(text, datetime.now().astimezone())
    except ValueError as error:
        raise JsonRpcInvalidParams(f"'since': {error}") from None


def _refused(error: StoreError) -> JsonRpcException:
    data: dict[str, Any] = {"kind": next(kind for known, kind in KINDS if isinstance(error, known))}
    if isinstance(error, AmbiguousRequest):
        data["candidates"] = [to_builtins(request_shape(request)) for request in error.candidates]
    elif isinstance(error, AmbiguousTable | TableNotFound | RowNotFound):
        data["candidates"] = list(error.candidates)
    code = JsonRpcInvalidParams.CODE if isinstance(error, BadRequestId) else commands.NOT_FOUND
    return JsonRpcException(str(error), code, data)
