"""What goes wrong, in one or two lines on standard error, and the exit code that tells a script."""

import sys

import click

from flux_ls.answers.shapes import timestamp
from flux_ls.cli.phrases import clock
from flux_ls.cli.terminal import plain, plain_lines
from flux_ls.store.errors import (
    AmbiguousRequest,
    AmbiguousTable,
    BadRequestId,
    RequestNotFound,
    RowNotFound,
    StoreError,
    TableNotFound,
)

OK, BAD_NEWS, WRONG_USE, NOT_FOUND, AMBIGUOUS, UNREACHABLE = range(6)
INTERRUPTED = 130
BROKEN_PIPE = 141
"""What a shell shows for a program that SIGPIPE ended."""

EXIT_CODES = {
    OK: "ok",
    BAD_NEWS: "the answer is bad news: `flux doctor` found a broken link, `flux serve` that one runs, not all that was "
    "replayed passes, or `flux bug bisect` found no first bad commit",
    WRONG_USE: "wrong use",
    NOT_FOUND: "not found",
    AMBIGUOUS: "an id that fits several requests, or a table's name several tables",
    UNREACHABLE: "the store or the collector cannot be reached",
    INTERRUPTED: "interrupted",
}


def of_request(error: StoreError) -> int:
    """The exit code for an id that names no request."""
    if isinstance(error, AmbiguousRequest):
        return AMBIGUOUS
    return WRONG_USE if isinstance(error, BadRequestId) else NOT_FOUND


def report(error: Exception) -> None:
    """Says it on standard error; an ambiguous id with its candidates."""
    complain(str(error))
    if isinstance(error, AmbiguousRequest):
        for request in error.candidates:
            status = str(request.status) if request.status is not None else "failed" if request.failed else "ok"
            when = clock(timestamp(request.started_ns))
            click.echo(f"  {request.id}  {when}  {plain(request.name)}  {status}", err=True)


def complain(text: str) -> None:
    click.echo("flux: " + "\n".join(plain_lines(text, limit=60)), err=True)


def exit_code(error: Exception) -> int | None:
    """The code for an error that users can meet; None for a fault of ours."""
    from flux_ls.collector.daemon import CollectorFailed, PortTaken

    if isinstance(error, RequestNotFound | AmbiguousRequest | BadRequestId):
        return of_request(error)
    if isinstance(error, TableNotFound | RowNotFound):
        return NOT_FOUND
    if isinstance(error, AmbiguousTable):
        return AMBIGUOUS
    if isinstance(error, StoreError | CollectorFailed | PortTaken):
        return UNREACHABLE
    # Only a process that ran the collector can have met this one; importing it takes the whole receiver.
    serve = sys.modules.get("flux_ls.collector.serve")
    return BAD_NEWS if serve is not None and isinstance(error, serve.AlreadyRunning) else None
