"""The answers to the tools that look and run nothing: each asks `flux_ls.answers`, as the terminal does."""

import os
from datetime import datetime
from itertools import islice

from msgspec import Struct
from msgspec.structs import replace

from flux_ls.answers.blame import blame_row, blame_table
from flux_ls.answers.diff import Diff, NothingToCompare, diff_with_good
from flux_ls.answers.diff import diff as ask_diff
from flux_ls.answers.doctor import doctor as ask_doctor
from flux_ls.answers.errors import errors as ask_errors
from flux_ls.answers.explain import explain as ask_explain
from flux_ls.answers.history import history as ask_history
from flux_ls.answers.shapes import (
    Blame,
    Doctor,
    Errors,
    Explain,
    Group,
    History,
    RequestShape,
    Trace,
    Why,
    request_shape,
)
from flux_ls.answers.since import parse_since
from flux_ls.answers.tail import RequestFilter
from flux_ls.answers.trace import trace as ask_trace
from flux_ls.answers.why import why as ask_why
from flux_ls.mcp import parameters
from flux_ls.mcp.desk import Desk, Refused
from flux_ls.mcp.parameters import given
from flux_ls.replay.project_words import check_project


class Tail(Struct, frozen=True):
    """The newest first."""

    requests: tuple[RequestShape, ...]
    more: bool
    """Older ones are wanted, too: `offset` leads to them."""
    empty: bool = False
    """Nothing at all has been recorded yet."""


class SpansOf(Trace, frozen=True):
    """`spans` are those that were asked for, of `total`."""

    total: int = 0


class Compared(Diff, frozen=True):
    """`spans` are those that were asked for, of `total`."""

    total: int = 0


class Groups(Errors, frozen=True):
    """`groups` are those that were asked for, of `total`; `hidden` ones are resolved or dismissed."""

    total: int = 0
    hidden: int = 0
    empty: bool = False
    """Nothing at all has been recorded yet: that nothing fails says nothing."""


def tail(asked: parameters.Recent, desk: Desk) -> Tail:
    wanted = RequestFilter(
        function=given(asked.fn),
        errors_only=asked.errors_only,
        slow_ms=given(asked.slow_ms),
        service=given(asked.service),
    )
    since_ns = _since(given(asked.since))
    last = asked.offset + asked.limit
    with desk.reader() as reader:
        stored = reader.requests(since_ns=since_ns, bad_only=asked.errors_only, newest_first=True)
        found = []
        for request in stored:
            desk.job.check()
            if wanted.matches(request, reader):
                found.append(request)
            if len(found) > last:
                break
        empty = not found and reader.last_seq() == 0
    return Tail(tuple(map(request_shape, found[asked.offset : last])), more=len(found) > last, empty=empty)


def why(asked: parameters.OneRequest, desk: Desk) -> Why:
    with desk.reader() as reader:
        return ask_why(reader, desk.workspace, asked.id)


def trace(asked: parameters.SpansOfRequest, desk: Desk) -> SpansOf:
    with desk.reader() as reader:
        told = ask_trace(reader, desk.workspace, asked.id)
    spans = told.spans
    if (id := given(asked.span)) is not None:
        spans = tuple(span for span in spans if span.span_id == id)
        if not spans:
            raise Refused(f"this request has no span {id!r}: the tool trace without `span` lists them")
    chosen = spans[asked.offset : asked.offset + asked.limit]
    return SpansOf(request=told.request, spans=chosen, total=len(spans))


def diff(asked: parameters.TwoRequests, desk: Desk) -> Compared:
    other = given(asked.other)
    try:
        with desk.reader() as reader:
            if other is None:
                told = diff_with_good(reader, desk.workspace, asked.id)
            else:
                told = ask_diff(reader, desk.workspace, asked.id, other)
    except NothingToCompare as error:
        raise Refused(str(error)) from None
    spans, rows = told.spans, told.rows
    if not asked.all:
        spans = tuple(
            replace(span, fields=tuple(field for field in span.fields if not field.noise))
            for span in spans
            if span.change != "same" and not span.noise
        )
        rows = tuple(row for row in rows if row.change != "same")
    chosen = spans[asked.offset : asked.offset + asked.limit]
    fields = {name: getattr(told, name) for name in told.__struct_fields__}
    return Compared(**{**fields, "spans": chosen, "rows": rows}, total=len(spans))


def history(asked: parameters.OneRow, desk: Desk) -> History:
    with desk.reader() as reader:
        return ask_history(reader, desk.workspace, asked.table, asked.id, asked.limit)


def blame(asked: parameters.SomeRows, desk: Desk) -> Blame:
    key = given(asked.id)
    with desk.reader() as reader:
        if key is None:
            return blame_table(reader, desk.workspace, asked.table)
        return blame_row(reader, desk.workspace, asked.table, key)


def errors(asked: parameters.WhichGroups, desk: Desk) -> Groups:
    with desk.reader() as reader:
        told = ask_errors(reader, desk.workspace, _since(given(asked.since)))
        empty = reader.last_seq() == 0
    shown = [group for group in told.groups if asked.all or not _is_set_aside(group)]
    chosen = tuple(islice(shown, asked.offset, asked.offset + asked.limit))
    return Groups(groups=chosen, total=len(shown), hidden=len(told.groups) - len(shown), empty=empty)


def doctor(asked: parameters.MaybeRequest, desk: Desk) -> Doctor:
    return ask_doctor(
        desk.loaded,
        desk.workspace,
        os.environ,
        given(asked.id),
        below=desk.below,
        project=lambda spans: check_project(desk.projects, spans, desk.workspace),
    )


def explain(asked: parameters.WhatToExplain, desk: Desk) -> Explain:
    with desk.reader() as reader:
        return ask_explain(reader, desk.workspace, asked.id, asked.bytes)


def _is_set_aside(group: Group) -> bool:
    return group.state in ("resolved", "dismissed")


def _since(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return parse_since(text, datetime.now().astimezone())
    except ValueError as error:
        raise Refused(f"since: {error}") from None
