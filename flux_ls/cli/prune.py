"""`flux prune`: removes old requests from the store."""

import time

import click

from flux_ls.answers.shapes import to_json
from flux_ls.answers.upkeep import PruneShape
from flux_ls.answers.words import counted
from flux_ls.cli.options import Session, command_options
from flux_ls.cli.phrases import size
from flux_ls.config import Rejected, read_size
from flux_ls.store.retention import prune

EPILOG = """\b
Without options it does what the collector does by itself now and then: removes what is older than retention_days, then
the oldest requests until the store is smaller than retention_bytes. The logs of bisects go with their age as well.

\b
Examples:
  flux prune
  flux prune --days 1
  flux prune --bytes 200MB
"""


class Size(click.ParamType[int]):
    name = "size"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return read_size(value)
        except Rejected:
            self.fail(f"{value!r}: it takes bytes, such as 500000000, 500MB or 2GiB, or 0 for no limit", param, ctx)


@click.command(epilog=EPILOG)
@click.option(
    "--days", type=click.FloatRange(min=0), metavar="DAYS", help="Remove requests older than this; 0 for no limit."
)
@click.option(
    "--bytes",
    "bytes_",
    type=Size(),
    metavar="SIZE",
    help="Remove the oldest until the store is smaller; 0 for no limit.",
)
@command_options()
def command(session: Session, days: float | None, bytes_: int | None) -> None:
    """Remove old requests from the store."""
    from flux_ls.bisect.asking import logs_of
    from flux_ls.bisect.journal import prune as prune_logs

    settings = session.settings
    # Opening for writing makes a store and moves a damaged one aside; a file that was named by mistake stays as it is.
    session.reader().close()
    pruned = prune(
        settings.store,
        days=settings.retention_days if days is None else days,
        bytes=settings.retention_bytes if bytes_ is None else bytes_,
        now_ns=time.time_ns(),
    )
    logs = prune_logs(logs_of(settings), settings.retention_days if days is None else days, time.time())
    if session.as_json:
        session.terminal.json(to_json(PruneShape(pruned.requests, pruned.spans, pruned.bytes_freed, logs)))
        return
    if pruned.requests:
        requests, spans = counted(pruned.requests, "request"), counted(pruned.spans, "span")
        session.terminal.say(f"Removed {requests} ({spans}), {size(pruned.bytes_freed)}.")
    if logs:
        session.terminal.say(f"Removed {counted(logs, 'log')} of bisects.")
    if not pruned.requests and not logs:
        session.terminal.say("Nothing to remove.")
